"""Chunnel as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChunnelConfig(AppConfig):
    """Discovers what the project's apps expose when Django starts."""

    name = "chunnel"
    verbose_name = _("Remote procedure calls")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - importing it registers them
        from .registry import autodiscover

        autodiscover()
