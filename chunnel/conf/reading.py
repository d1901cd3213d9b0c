"""The readers of the three settings. Each collects Problems and gives what can be used.

Nothing is imported to judge a setting; whether a dotted path leads anywhere is for ``checks``.
"""

from __future__ import annotations

import difflib
import keyword
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .addresses import (
    AddressError,
    article,
    endpoints_of,
    is_positive,
    parse_bind_address,
    remote_from_url,
    shown,
    split,
)
from .types import (
    DEFAULT_PORT,
    DEFAULT_TIMEOUT,
    Bind,
    ClientSettings,
    Problem,
    RemoteSettings,
    ServerSettings,
)

_BIND_HINT = "Write it like 'tcp://127.0.0.1:7070'."
_NOTHING: Mapping[str, Any] = MappingProxyType({})

_REMOTE_KEYS = ("ENDPOINTS", "SERIALIZER", "BALANCER", "TIMEOUT", "BACKEND", "TYPES", "OPTIONS")
_SERVER_KEYS = (
    "NAME",
    "BIND",
    "WORKERS",
    "POOL",
    "CONCURRENCY",
    "STREAMS",
    "QUEUE",
    "SERIALIZERS",
    "MIDDLEWARE",
    "LIMITS",
    "TYPES",
    "EXPOSE_TRACEBACKS",
    "OPTIONS",
)
_BIND_KEYS = ("BACKEND", "ADDRESS", "OPTIONS")
_CLIENT_KEYS = ("MIDDLEWARE",)


class _Reader:
    """Takes typed values out of one mapping of a setting and collects what is wrong with it."""

    def __init__(
        self,
        setting: str,
        value: Mapping[Any, Any],
        keys: Sequence[str],
        code: str,
        problems: list[Problem],
    ):
        self.setting, self.value, self.problems = setting, value, problems
        for key in value:
            if key not in keys:
                near = difflib.get_close_matches(str(key).upper(), keys, n=1, cutoff=0.5)
                hint = f"Did you mean {near[0]!r}?" if near else f"Legal keys: {', '.join(keys)}."
                self.refuse(code, f"has the unknown key {str(key)!r}.", hint)

    def refuse(self, code: str, message: str, hint: str, key: str | None = None) -> None:
        setting = self.setting if key is None else f"{self.setting}[{key!r}]"
        self.problems.append(Problem(code, setting, message, hint))

    def get(
        self,
        key: str,
        default: Any,
        code: str,
        fits: Callable[[Any], bool],
        must_be: str,
        convert: Callable[[Any], Any] = lambda value: value,
    ) -> Any:
        if key not in self.value:
            return default
        value = self.value[key]
        if not fits(value):
            # A number is no secret; of anything else the type says enough.
            number = isinstance(value, int | float)
            got = repr(value) if number else article(type(value).__name__)
            without = f"is {default!r}" if default else "need not be set"
            hint = f"Leave it out, and it {without}."
            self.refuse(code, f"must be {must_be}, not {got}.", hint, key=key)
            return default
        return convert(value)

    def name(self, key: str, default: Any, code: str, what: str) -> Any:
        return self.get(
            key, default, code, lambda value: isinstance(value, str) and value != "", what
        )

    def whole(self, key: str, default: int, code: str, *, least: int = 1) -> int:
        found: int = self.get(
            key,
            default,
            code,
            lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
            f"a whole number of at least {least}",
        )
        return found

    def names(self, key: str, default: tuple[str, ...], code: str, what: str) -> tuple[str, ...]:
        found: tuple[str, ...] = self.get(
            key,
            default,
            code,
            lambda value: (
                isinstance(value, list | tuple)
                and all(isinstance(item, str) and item for item in value)
            ),
            f"a list of {what}",
            tuple,
        )
        return found

    def mapping(self, key: str, code: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.get(
            key,
            _NOTHING,
            code,
            lambda value: (
                isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
            ),
            "a dict with strings for keys",
            lambda value: MappingProxyType(dict(value)),
        )
        return found

    def types(self, code: str) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.get(
            "TYPES",
            (),
            code,
            lambda value: isinstance(value, list | tuple),
            "a list of WireTypes or of dotted paths to them",
            tuple,
        )
        return found


# The three settings


def read_remote(alias: str, value: Any, problems: list[Problem]) -> RemoteSettings | None:
    """Read one entry of CHUNNEL_REMOTES; None where not even its endpoints can be known."""
    setting = f"CHUNNEL_REMOTES[{alias!r}]"
    if not _is_alias(alias):
        problems.append(
            Problem(
                "chunnel.E002",
                setting,
                "has an alias that is not a Python name.",
                "Use a name like 'economy': letters, digits and underscores, no underscore first.",
            )
        )
        return None
    if isinstance(value, str):
        try:
            value = remote_from_url(value)
        except AddressError as error:
            culprit = f"is {shown(value)}, which" if "://" in value else "is a URL that"
            problems.append(
                Problem(
                    "chunnel.E004",
                    setting,
                    f"{culprit} {error}.",
                    "Write it like 'zmq://10.0.0.5:7070,10.0.0.6:7070/?timeout=5'.",
                )
            )
            return None
    if not isinstance(value, Mapping):
        problems.append(
            Problem(
                "chunnel.E003",
                setting,
                f"must be a dict or a URL, not {article(type(value).__name__)}.",
                "Write it like {'ENDPOINTS': ['tcp://10.0.0.5:7070']}.",
            )
        )
        return None
    reader = _Reader(setting, value, _REMOTE_KEYS, "chunnel.E005", problems)
    endpoints = _read_endpoints(reader)
    return RemoteSettings(
        alias=alias,
        endpoints=endpoints,
        serializer=reader.name(
            "SERIALIZER", "msgpack", "chunnel.E007", "the name of a serializer or a dotted path"
        ),
        balancer=reader.name(
            "BALANCER", "round_robin", "chunnel.E008", "the name of a balancer or a dotted path"
        ),
        timeout=reader.get(
            "TIMEOUT",
            DEFAULT_TIMEOUT,
            "chunnel.E009",
            lambda value: value is None or is_positive(value),
            "a number of seconds above 0, or None to wait for ever",
            lambda value: None if value is None else float(value),
        ),
        backend=reader.name(
            "BACKEND", None, "chunnel.E010", "the dotted path of a transport's class"
        ),
        types=reader.types("chunnel.E011"),
        options=reader.mapping("OPTIONS", "chunnel.E012"),
    )


def _is_alias(alias: object) -> bool:
    return (
        isinstance(alias, str)
        and alias.isidentifier()
        and not alias.startswith("_")
        and not keyword.iskeyword(alias)
    )


def _read_endpoints(reader: _Reader) -> tuple[str, ...]:
    given = reader.value.get("ENDPOINTS", ())
    if isinstance(given, str) or not isinstance(given, Iterable) or not given:
        reader.refuse(
            "chunnel.E006",
            "must be a list of at least one endpoint.",
            "Write it like ['tcp://10.0.0.5:7070'].",
            key="ENDPOINTS",
        )
        return ()
    found: list[str] = []
    for place, text in enumerate(given):
        where = f"{reader.setting}['ENDPOINTS'][{place}]"
        try:
            if not isinstance(text, str):
                raise AddressError("is not a string")
            parts = split(text)
            if parts.query:
                raise AddressError("has a query; options stand in OPTIONS")
            found.extend(endpoints_of(parts))
        except AddressError as error:
            reader.problems.append(
                Problem("chunnel.E006", where, f"{error}.", "Write it like 'tcp://10.0.0.5:7070'.")
            )
    double = sorted({endpoint for endpoint in found if found.count(endpoint) > 1})
    if double:
        hint = "Name each endpoint once; the balancer gives all of them the same share."
        reader.refuse("chunnel.E006", f"names {double[0]} twice.", hint, key="ENDPOINTS")
    return tuple(found)


def read_remotes(problems: list[Problem]) -> dict[str, RemoteSettings]:
    """Read CHUNNEL_REMOTES whole; entries that cannot be used are left out."""
    value = getattr(settings, "CHUNNEL_REMOTES", {})
    if not isinstance(value, Mapping):
        problems.append(
            Problem(
                "chunnel.E001",
                "CHUNNEL_REMOTES",
                f"must be a dict, not {article(type(value).__name__)}.",
                "Write it like {'economy': 'zmq://127.0.0.1:7070'}.",
            )
        )
        return {}
    found = {alias: read_remote(alias, entry, problems) for alias, entry in value.items()}
    return {alias: entry for alias, entry in found.items() if entry is not None}


def read_server(problems: list[Problem]) -> ServerSettings:
    """Read CHUNNEL_SERVER; what cannot be used has its default."""
    value = getattr(settings, "CHUNNEL_SERVER", {})
    if not isinstance(value, Mapping):
        problems.append(
            Problem(
                "chunnel.E020",
                "CHUNNEL_SERVER",
                f"must be a dict, not {article(type(value).__name__)}.",
                "Write it like {'BIND': 'tcp://127.0.0.1:7070'}.",
            )
        )
        value = {}
    reader = _Reader("CHUNNEL_SERVER", value, _SERVER_KEYS, "chunnel.E021", problems)
    serializers = reader.names(
        "SERIALIZERS",
        ("msgpack", "json"),
        "chunnel.E025",
        "names of serializers or dotted paths",
    )
    if not serializers:
        hint = "Leave it out, and it is ['msgpack', 'json']."
        reader.refuse("chunnel.E025", "must name at least one serializer.", hint, key="SERIALIZERS")
    return ServerSettings(
        name=reader.name("NAME", _default_name(), "chunnel.E030", "a name for this project"),
        binds=_read_binds(reader),
        workers=reader.whole("WORKERS", 1, "chunnel.E023"),
        pool=reader.name("POOL", "threads", "chunnel.E024", "the name of a pool or a dotted path"),
        concurrency=reader.whole("CONCURRENCY", 32, "chunnel.E023"),
        streams=reader.whole("STREAMS", 64, "chunnel.E023"),
        queue=reader.whole("QUEUE", 1024, "chunnel.E023", least=0),
        serializers=serializers,
        middleware=reader.names("MIDDLEWARE", (), "chunnel.E026", "dotted paths"),
        limits=reader.mapping("LIMITS", "chunnel.E027"),
        types=reader.types("chunnel.E028"),
        expose_tracebacks=reader.get(
            "EXPOSE_TRACEBACKS",
            None,
            "chunnel.E029",
            lambda value: value is None or isinstance(value, bool),
            "True, False or None (as DEBUG says)",
        ),
        options=reader.mapping("OPTIONS", "chunnel.E031"),
    )


def _read_binds(reader: _Reader) -> tuple[Bind, ...]:
    given = reader.value.get("BIND", f"tcp://127.0.0.1:{DEFAULT_PORT}")
    several = isinstance(given, list | tuple)
    entries = given if several else [given]
    if not entries:
        reader.refuse("chunnel.E022", "must name at least one address.", _BIND_HINT, key="BIND")
    found: list[Bind] = []
    for place, entry in enumerate(entries):
        where = f"{reader.setting}['BIND']" + (f"[{place}]" if several else "")
        if isinstance(entry, Mapping):
            inner = _Reader(where, entry, _BIND_KEYS, "chunnel.E022", reader.problems)
            address = inner.name("ADDRESS", None, "chunnel.E022", "a URL")
            if "ADDRESS" not in entry:
                inner.refuse("chunnel.E022", "has no 'ADDRESS'.", _BIND_HINT)
            backend = inner.name("BACKEND", None, "chunnel.E022", "the dotted path of a transport")
            options = inner.mapping("OPTIONS", "chunnel.E022")
        elif isinstance(entry, str):
            address, backend, options = entry, None, _NOTHING
        else:
            reader.problems.append(
                Problem(
                    "chunnel.E022", where, "must be a URL or a dict with 'ADDRESS'.", _BIND_HINT
                )
            )
            continue
        if address is None:
            continue
        try:
            found.append(Bind(parse_bind_address(address), backend, options))
        except ImproperlyConfigured as error:
            reader.problems.append(
                Problem(
                    "chunnel.E022",
                    where,
                    f"cannot be used: {error}",
                    _BIND_HINT,
                )
            )
    return tuple(found)


def _default_name() -> str:
    """Return the package of the settings module: the project as people call it."""
    module = settings.SETTINGS_MODULE or os.environ.get("DJANGO_SETTINGS_MODULE") or "project"
    return str(module).partition(".")[0]


def read_client(problems: list[Problem]) -> ClientSettings:
    """Read CHUNNEL_CLIENT; what cannot be used has its default."""
    value = getattr(settings, "CHUNNEL_CLIENT", {})
    if not isinstance(value, Mapping):
        problems.append(
            Problem(
                "chunnel.E040",
                "CHUNNEL_CLIENT",
                f"must be a dict, not {article(type(value).__name__)}.",
                "Write it like {'MIDDLEWARE': []}.",
            )
        )
        value = {}
    reader = _Reader("CHUNNEL_CLIENT", value, _CLIENT_KEYS, "chunnel.E041", problems)
    return ClientSettings(reader.names("MIDDLEWARE", (), "chunnel.E042", "dotted paths"))
