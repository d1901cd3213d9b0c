"""Chunnel as a Django app."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .server.worker import Lent


class ChunnelConfig(AppConfig):
    """Discovers what the project's apps expose when Django starts."""

    name = "chunnel"
    verbose_name = _("Remote procedure calls")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - importing it registers them
        from .registry import autodiscover

        autodiscover()
        # After a fork the transport forgets what the parent lent, and then we lend again: what is
        # imported first is called first.
        from .transports import memory  # noqa: F401

        lend_memory()
        setting_changed.connect(_settings_changed, dispatch_uid="chunnel.apps")
        os.register_at_fork(after_in_child=_after_fork)


_lent: dict[str, Lent] = {}


def lend_memory() -> None:
    """Serve the ``memory://`` endpoints of CHUNNEL_REMOTES in this process.

    So a project can call itself by way of everything but a socket, in its tests above all. An
    endpoint that somebody listens on already is left to them. Faulty settings are for the checks to
    tell.
    """
    from . import conf

    try:
        remotes = [conf.remote_settings(alias) for alias in conf.remote_aliases()]
        wanted = [
            endpoint
            for remote in remotes
            for endpoint in remote.endpoints
            if endpoint.startswith("memory://") and endpoint not in _lent
        ]
        if not wanted:
            return
        settings = conf.server_settings()
    except ImproperlyConfigured:
        return

    from .server.worker import Lent
    from .transports import AddressInUse

    for endpoint in dict.fromkeys(wanted):
        try:
            _lent[endpoint] = Lent(settings, (endpoint,))
        except AddressInUse:
            continue


def _settings_changed(*, setting: str, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver
    if setting in {"CHUNNEL_REMOTES", "CHUNNEL_SERVER"}:
        while _lent:
            _lent.popitem()[1].close()
        lend_memory()


def _after_fork() -> None:
    # What was lent closed itself in the child; its locks may be held by threads that are not here.
    _lent.clear()
    lend_memory()
