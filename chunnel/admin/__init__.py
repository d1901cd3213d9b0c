"""The page "RPC API" in Django's admin: what this project exposes, for people.

``RemoteKeysAdminMixin`` shows remote foreign keys in a project's own admin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from .. import conf
from ..models import RpcApi
from ..registry import build_schema, registry
from .page import build_page
from .remote_keys import RemoteKeysAdminMixin as RemoteKeysAdminMixin

if TYPE_CHECKING:
    RpcApiModelAdmin = admin.ModelAdmin[RpcApi]
else:
    RpcApiModelAdmin = admin.ModelAdmin


@admin.register(RpcApi)
class RpcApiAdmin(RpcApiModelAdmin):
    """Shows the registry in place of a change list; there is nothing to add, change or delete."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: RpcApi | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: RpcApi | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show all that is exposed, or with ``?q=`` what has these words in name or docstring."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        schema = build_schema(registry, conf.server_settings().name)
        query = request.GET.get("q", "").strip()
        context = {
            **self.admin_site.each_context(request),
            "title": self.opts.verbose_name,
            "opts": self.opts,
            "media": self.media,
            "query": query,
            "page": build_page(schema, query),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/chunnel/rpcapi/change_list.html", context)
