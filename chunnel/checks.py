"""System checks for the three settings. Every id stands in ``docs/reference/checks``.

What a setting says is judged by ``conf``; here we also follow what it names: whether a serializer,
a pool, a transport or a middleware can be imported. Ids below 20 are about CHUNNEL_REMOTES, below
40 about CHUNNEL_SERVER, below 50 about CHUNNEL_CLIENT, below 60 for ``check --deploy``; then come
what is exposed and, from 70, the fields that lead to remote models, which check themselves.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .conf import (
    Problem,
    RemoteSettings,
    ServerSettings,
    is_loopback,
    read_client,
    read_remotes,
    read_server,
)
from .plans import QueryLimits
from .protocol.limits import Limits
from .transports import for_endpoint
from .values import WireType

SUMMARIES: Final[Mapping[str, str]] = {
    "chunnel.E001": "``CHUNNEL_REMOTES`` is not a dict.",
    "chunnel.E002": "An alias is not a Python name.",
    "chunnel.E003": "The entry of a remote is neither a dict nor a URL.",
    "chunnel.E004": "The URL of a remote cannot be read.",
    "chunnel.E005": "The entry of a remote has an unknown key.",
    "chunnel.E006": "``ENDPOINTS`` is empty, or an endpoint cannot be used.",
    "chunnel.E007": "``SERIALIZER`` names no serializer.",
    "chunnel.E008": "``BALANCER`` names no balancer.",
    "chunnel.E009": "``TIMEOUT`` is neither a number of seconds above 0 nor ``None``.",
    "chunnel.E010": "``BACKEND`` names no transport.",
    "chunnel.E011": "``TYPES`` of a remote holds something that is no ``WireType``.",
    "chunnel.E012": "``OPTIONS`` of a remote is not a dict.",
    "chunnel.E013": "An option of a remote is unknown, or its value cannot be used.",
    "chunnel.E014": "``FETCH_MODE`` is no fetch mode, nor a dict of them by models.",
    "chunnel.E020": "``CHUNNEL_SERVER`` is not a dict.",
    "chunnel.E021": "``CHUNNEL_SERVER`` has an unknown key.",
    "chunnel.E022": "``BIND`` has an address that cannot be used.",
    "chunnel.E023": "A number of workers, calls or streams is not a whole number, or too small.",
    "chunnel.E024": "``POOL`` names no pool.",
    "chunnel.E025": "``SERIALIZERS`` is empty, or names something that is no serializer.",
    "chunnel.E026": "``MIDDLEWARE`` of the server names something that cannot be imported.",
    "chunnel.E027": "``LIMITS`` has an unknown key, or a limit that cannot be used.",
    "chunnel.E028": "``TYPES`` of the server holds something that is no ``WireType``.",
    "chunnel.E029": "``EXPOSE_TRACEBACKS`` is neither true, false nor ``None``.",
    "chunnel.E030": "``NAME`` is not a name.",
    "chunnel.E031": "``OPTIONS`` of the server is not a dict.",
    "chunnel.E032": "Several workers are to share an address that only one process can serve.",
    "chunnel.E033": "An option of the server is unknown, or its value cannot be used.",
    "chunnel.E034": "An option of an address in ``BIND`` is unknown, or its value cannot be used.",
    "chunnel.E040": "``CHUNNEL_CLIENT`` is not a dict.",
    "chunnel.E041": "``CHUNNEL_CLIENT`` has an unknown key.",
    "chunnel.E042": "``MIDDLEWARE`` of the client names something that cannot be imported.",
    "chunnel.E050": "An address that other machines can reach is served without authentication.",
    "chunnel.W051": "Tracebacks are sent to callers.",
    "chunnel.W060": "A relation among ``fields`` leads to a model that is not exposed.",
    "chunnel.W061": "Rows may be created, but callers may not give a column that each row needs.",
    "chunnel.W062": "A column may be written that Django overwrites when the row is saved.",
    "chunnel.W063": "Annotations aggregate over several relations to many, which gives too much.",
    "chunnel.E070": "A ``RemoteForeignKey`` does not name a remote model by alias, app and name.",
    "chunnel.E071": "A ``RemoteForeignKey`` leads to an alias that is not in ``CHUNNEL_REMOTES``.",
    "chunnel.E072": "``to_field`` of a ``RemoteForeignKey`` is no name of a field.",
    "chunnel.E073": "A ``RemoteForeignKey`` has an option that makes sense within one database.",
    "chunnel.E074": "``key`` of a ``RemoteForeignKey`` is not just a field that says a type.",
    "chunnel.W075": "A ``RemoteForeignKey`` has a ``to_field`` and does not say its type.",
}
"""What each id means, as the reference page says it."""

Load = Callable[[str], Any]


def _message(problem: Problem) -> CheckMessage:
    text = f"{problem.setting} {problem.message}"
    return Error(text, hint=problem.hint, id=problem.code)


def _refused(load: Load, name: str) -> str | None:
    """Return why ``load`` finds nothing under ``name``, or None if it does."""
    try:
        load(name)
    except (ImproperlyConfigured, ImportError, ValueError) as error:
        return str(error)
    return None


def _unloadable(code: str, setting: str, load: Load, names: Iterable[str]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name in names:
        reason = _refused(load, name)
        if reason is not None:
            found.append(
                Error(f"{setting} names {name!r}, which cannot be used.", hint=reason, id=code)
            )
    return found


def _types(code: str, setting: str, types: Sequence[Any]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for place, each in enumerate(types):
        where = f"{setting}['TYPES'][{place}]"
        reason = _refused(import_string, each) if isinstance(each, str) else None
        if reason is not None:
            found.append(Error(f"{where} cannot be imported.", hint=reason, id=code))
        elif not isinstance(import_string(each) if isinstance(each, str) else each, WireType):
            found.append(
                Error(
                    f"{where} is no WireType.",
                    hint="Write it like chunnel.WireType('money', Money, encode, decode).",
                    id=code,
                )
            )
    return found


@register(Tags.compatibility)
def check_remotes(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - the settings are no app's
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check CHUNNEL_REMOTES."""
    problems: list[Problem] = []
    remotes = read_remotes(problems)
    found = [_message(problem) for problem in problems]
    for alias, remote in remotes.items():
        found += _check_remote(f"CHUNNEL_REMOTES[{alias!r}]", remote)
    return found


def _check_remote(setting: str, remote: RemoteSettings) -> list[CheckMessage]:
    from .client import balancers
    from .serializers import load as load_serializer

    found = _unloadable(
        "chunnel.E007", f"{setting}['SERIALIZER']", load_serializer, [remote.serializer]
    )
    found += _unloadable(
        "chunnel.E008", f"{setting}['BALANCER']", balancers.load, [remote.balancer]
    )
    code, key = ("chunnel.E010", "BACKEND") if remote.backend else ("chunnel.E006", "ENDPOINTS")
    for endpoint in remote.endpoints:
        reason = _refused(lambda address: for_endpoint(address, remote.backend), endpoint)
        if reason is not None:
            found.append(
                Error(
                    f"{setting}[{key!r}] leads to no transport for {endpoint}.",
                    hint=reason,
                    id=code,
                )
            )
            break
    return found + _types("chunnel.E011", setting, remote.types)


@register(Tags.compatibility)
def check_server(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check CHUNNEL_SERVER."""
    from .serializers import load as load_serializer
    from .server import pools

    problems: list[Problem] = []
    server = read_server(problems)
    found = [_message(problem) for problem in problems]
    found += _unloadable("chunnel.E024", "CHUNNEL_SERVER['POOL']", pools.load, [server.pool])
    found += _unloadable(
        "chunnel.E025", "CHUNNEL_SERVER['SERIALIZERS']", load_serializer, server.serializers
    )
    found += _unloadable(
        "chunnel.E026", "CHUNNEL_SERVER['MIDDLEWARE']", import_string, server.middleware
    )
    found += _types("chunnel.E028", "CHUNNEL_SERVER", server.types)
    return found + _check_binds(server) + _check_limits(server.limits)


def _check_binds(server: ServerSettings) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for bind in server.binds:
        setting = "CHUNNEL_SERVER['BIND']"
        try:
            for_endpoint(bind.address, bind.backend)
        except (ImportError, ValueError) as error:
            found.append(
                Error(
                    f"{setting} leads to no transport for {bind.address}.",
                    hint=str(error),
                    id="chunnel.E022",
                )
            )
        if server.workers > 1 and not bind.address.startswith("tcp://"):
            found.append(
                Error(
                    f"CHUNNEL_SERVER['WORKERS'] is {server.workers}, but only one process can "
                    f"serve {bind.address}.",
                    hint="Serve a tcp:// address, which workers share, or set WORKERS to 1.",
                    id="chunnel.E032",
                )
            )
    return found


def _check_limits(limits: Mapping[str, Any]) -> list[CheckMessage]:
    defaults = {
        each.name.upper(): each.default for kind in (QueryLimits, Limits) for each in fields(kind)
    }
    found: list[CheckMessage] = []
    for name, value in limits.items():
        setting = f"CHUNNEL_SERVER['LIMITS'][{name!r}]"
        if name.upper() not in defaults:
            near = difflib.get_close_matches(name.upper(), defaults, n=1)
            hint = (
                f"Did you mean {near[0]!r}?"
                if near
                else f"There are {', '.join(sorted(defaults))}."
            )
            found.append(Error(f"{setting} is no limit.", hint=hint, id="chunnel.E027"))
        elif problem := _limit_problem(name.lower(), value, defaults[name.upper()]):
            hint = "Leave it out, and the default holds."
            found.append(Error(f"{setting} {problem}", hint=hint, id="chunnel.E027"))
    return found


def _limit_problem(name: str, value: Any, default: Any) -> str | None:
    whole = isinstance(default, int)
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
        return f"must be a {'whole ' if whole else ''}number above 0, not {value!r}."
    if name in {each.name for each in fields(Limits)}:
        try:
            Limits(**{name: value})
        except ValueError as error:
            return f"cannot be used: {error}."
    return None


@register(Tags.compatibility)
def check_client(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check CHUNNEL_CLIENT."""
    problems: list[Problem] = []
    client = read_client(problems)
    found = [_message(problem) for problem in problems]
    return found + _unloadable(
        "chunnel.E042", "CHUNNEL_CLIENT['MIDDLEWARE']", import_string, client.middleware
    )


@register(Tags.models)
def check_declarations(
    app_configs: Sequence[AppConfig] | None = None,
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check what the ModelRPCs of these apps declare, or of all."""
    from .registry import registry
    from .registry.hints import hints

    labels = None if app_configs is None else {each.label for each in app_configs}
    return [
        checks.Warning(hint.problem, hint=hint.advice, obj=entry.target, id=f"chunnel.{hint.code}")
        for entry in registry
        if entry.kind == "model" and entry.owner is not None
        if labels is None or entry.target._meta.app_label in labels
        for hint in hints(entry.owner)
    ]


@register(Tags.security, deploy=True)
def check_deployment(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check what is fine on one's own machine and not in production."""
    server = read_server([])
    found: list[CheckMessage] = [
        Error(
            f"CHUNNEL_SERVER['BIND'] serves {bind.address} without authentication: whoever "
            f"reaches it may call everything that is exposed.",
            hint="Serve a loopback address, or reach it through a tunnel that authenticates.",
            id="chunnel.E050",
        )
        for bind in server.binds
        if not is_loopback(bind.address)
    ]
    if server.expose_tracebacks:
        found.append(
            checks.Warning(
                "CHUNNEL_SERVER['EXPOSE_TRACEBACKS'] sends tracebacks to callers, and with them "
                "paths, code and values.",
                hint="Leave it out, and they are sent only while DEBUG is true.",
                id="chunnel.W051",
            )
        )
    return found
