"""The settings, read and judged in one place.

Three settings: CHUNNEL_REMOTES (the projects this one calls), CHUNNEL_SERVER (what this one serves)
and CHUNNEL_CLIENT (what holds for all its calls). Rules of this room:

* Nothing is imported to judge a setting; whether a dotted path leads anywhere is for ``checks``.
  (TYPES may be dotted paths, because a type's module may need the apps; they are imported late.)
* A reader collects ``Problem``s instead of stopping at the first. Who needs a value raises the
  first of them as ImproperlyConfigured; the system checks show them all.
* A value that may hold a secret never enters a message.
* What was read is kept until a test changes the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from .addresses import is_loopback, parse_bind_address, parse_remote_url
from .reading import read_client, read_remote, read_remotes, read_server
from .types import (
    DEFAULT_PORT,
    DEFAULT_TIMEOUT,
    Bind,
    ClientSettings,
    Problem,
    RemoteSettings,
    ServerSettings,
)

__all__ = [
    "DEFAULT_PORT",
    "DEFAULT_TIMEOUT",
    "Bind",
    "ClientSettings",
    "Problem",
    "RemoteSettings",
    "ServerSettings",
    "client_settings",
    "is_loopback",
    "parse_bind_address",
    "parse_remote_url",
    "read_client",
    "read_remote",
    "read_remotes",
    "read_server",
    "remote_aliases",
    "remote_settings",
    "server_settings",
]

_cache: dict[str, Any] = {}


def _insist(problems: list[Problem]) -> None:
    if problems:
        raise ImproperlyConfigured(str(problems[0]))


def _imported(types: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    """Return the types with those that were given as dotted paths imported."""
    try:
        return tuple(import_string(each) if isinstance(each, str) else each for each in types)
    except ImportError as error:
        raise ImproperlyConfigured(f"TYPES of {where}: {error}") from error


def remote_aliases() -> tuple[str, ...]:
    """Return the aliases of CHUNNEL_REMOTES in the order they stand there."""
    found: tuple[str, ...] | None = _cache.get("aliases")
    if found is None:
        value = getattr(settings, "CHUNNEL_REMOTES", {})
        found = _cache["aliases"] = tuple(value) if isinstance(value, Mapping) else ()
    return found


def remote_settings(alias: str) -> RemoteSettings:
    """Return the settings of one remote.

    Raise KeyError if there is no such alias, ImproperlyConfigured if its entry cannot be used.
    """
    key = f"remote {alias}"
    found: RemoteSettings | None = _cache.get(key)
    if found is None:
        problems: list[Problem] = []
        value = getattr(settings, "CHUNNEL_REMOTES", {})
        if not isinstance(value, Mapping):
            read_remotes(problems)
            _insist(problems)
        found = read_remote(alias, value[alias], problems)
        _insist(problems)
        assert found is not None
        _cache[key] = found = replace(found, types=_imported(found.types, found.alias))
    return found


def server_settings() -> ServerSettings:
    """Return what this project's server is told; raise ImproperlyConfigured if it is faulty."""
    found: ServerSettings | None = _cache.get("server")
    if found is None:
        problems: list[Problem] = []
        found = read_server(problems)
        _insist(problems)
        _cache["server"] = found = replace(found, types=_imported(found.types, "CHUNNEL_SERVER"))
    return found


def client_settings() -> ClientSettings:
    """Return what holds for all calls; raise ImproperlyConfigured if it is faulty."""
    found: ClientSettings | None = _cache.get("client")
    if found is None:
        problems: list[Problem] = []
        found = read_client(problems)
        _insist(problems)
        _cache["client"] = found
    return found


@receiver(setting_changed, dispatch_uid="chunnel.conf")
def _forget(*, setting: str, **kwargs: Any) -> None:  # noqa: ARG001 - a receiver takes what comes
    if setting.startswith("CHUNNEL_") or setting == "DEBUG":
        _cache.clear()
