from __future__ import annotations

from django.contrib import admin

from chunnel import RemoteChoiceField, RemoteForeignKey
from chunnel.admin import RemoteKeysAdminMixin

from .models import Citizen, Deed, Street


@admin.register(Citizen)
class CitizenAdmin(RemoteKeysAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "account", "reads")
    list_display_links = ("name", "account")
    list_filter = ("account",)


@admin.register(Deed)
class DeedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Django's own, with a choice among the branches; the list shows no remote row."""

    list_display = ("id", "branch_id")
    formfield_overrides = {RemoteForeignKey: {"form_class": RemoteChoiceField}}  # noqa: RUF012


admin.site.register(Street)
