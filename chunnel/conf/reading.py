"""The readers of the three settings. Each collects Problems and gives what can be used.

Nothing is imported to judge a setting; whether a dotted path leads anywhere is for ``checks``.
"""

from __future__ import annotations

import keyword
import os
from collections.abc import Iterable, Mapping
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
from .options import POOL, REMOTE, SERVER, ZMQ
from .reader import NOTHING, Reader
from .types import (
    DEFAULT_PORT,
    DEFAULT_TIMEOUT,
    FETCH_MODES,
    Bind,
    ClientSettings,
    Problem,
    RemoteSettings,
    ServerSettings,
)

_MODES = " or ".join(map(repr, FETCH_MODES))
_BIND_HINT = "Write it like 'tcp://127.0.0.1:7070'."

_REMOTE_KEYS = (
    "ENDPOINTS",
    "SERIALIZER",
    "BALANCER",
    "TIMEOUT",
    "BACKEND",
    "TYPES",
    "FETCH_MODE",
    "OPTIONS",
)
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
_SCHEMES = {"tcp", "zmq", "ipc", "memory"}  # of the transports that come with Chunnel


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
            culprit = f"is {shown(value)}, which" if shown(value) else "is a URL that"
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
    reader = Reader(setting, value, _REMOTE_KEYS, "chunnel.E005", problems)
    endpoints = _read_endpoints(reader)
    balancer = reader.name(
        "BALANCER", "round_robin", "chunnel.E008", "the name of a balancer or a dotted path"
    )
    backend = reader.name("BACKEND", None, "chunnel.E010", "the dotted path of a transport's class")
    return RemoteSettings(
        alias=alias,
        endpoints=endpoints,
        serializer=reader.name(
            "SERIALIZER", "msgpack", "chunnel.E007", "the name of a serializer or a dotted path"
        ),
        balancer=balancer,
        timeout=reader.get(
            "TIMEOUT",
            DEFAULT_TIMEOUT,
            "chunnel.E009",
            lambda value: value is None or is_positive(value),
            "a number of seconds above 0, or None to wait for ever",
            lambda value: None if value is None else float(value),
        ),
        backend=backend,
        types=reader.types("chunnel.E011"),
        options=reader.options(
            ("chunnel.E012", "chunnel.E013"),
            REMOTE,
            *(() if backend else (ZMQ,)),
            foreign="." in balancer or _is_foreign(backend, *endpoints),
        ),
        fetch_mode=reader.get(
            "FETCH_MODE",
            "raise",
            "chunnel.E014",
            _is_fetch_mode,
            f"{_MODES}, or a dict of these by the names of models",
            lambda value: value if isinstance(value, str) else MappingProxyType(dict(value)),
        ),
    )


def _is_fetch_mode(value: object) -> bool:
    if isinstance(value, str):
        return value in FETCH_MODES
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and name.count(".") == 1 and mode in FETCH_MODES
        for name, mode in value.items()
    )


def _is_foreign(backend: str | None, *addresses: str) -> bool:
    """Say whether a transport of the project's own serves one of the addresses."""
    schemes = {address.partition("://")[0] for address in addresses if "://" in address}
    return backend is not None or not schemes <= _SCHEMES


def _is_alias(alias: object) -> bool:
    return (
        isinstance(alias, str)
        and alias.isidentifier()
        and not alias.startswith("_")
        and not keyword.iskeyword(alias)
    )


def _read_endpoints(reader: Reader) -> tuple[str, ...]:
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
    reader = Reader("CHUNNEL_SERVER", value, _SERVER_KEYS, "chunnel.E021", problems)
    serializers = reader.names(
        "SERIALIZERS",
        ("msgpack", "json"),
        "chunnel.E025",
        "names of serializers or dotted paths",
    )
    if not serializers:
        hint = "Leave it out, and it is ['msgpack', 'json']."
        reader.refuse("chunnel.E025", "must name at least one serializer.", hint, key="SERIALIZERS")
    pool = reader.name("POOL", "threads", "chunnel.E024", "the name of a pool or a dotted path")
    return ServerSettings(
        name=reader.name("NAME", _default_name(), "chunnel.E030", "a name for this project"),
        binds=_read_binds(reader),
        workers=reader.whole("WORKERS", 1, "chunnel.E023"),
        pool=pool,
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
        options=reader.options(
            ("chunnel.E031", "chunnel.E033"),
            SERVER,
            *(() if "." in pool else (POOL,)),
            foreign="." in pool,
        ),
    )


def _read_binds(reader: Reader) -> tuple[Bind, ...]:
    given = reader.value.get("BIND", f"tcp://127.0.0.1:{DEFAULT_PORT}")
    several = isinstance(given, list | tuple)
    entries = given if several else [given]
    if not entries:
        reader.refuse("chunnel.E022", "must name at least one address.", _BIND_HINT, key="BIND")
    found: list[Bind] = []
    for place, entry in enumerate(entries):
        where = f"{reader.setting}['BIND']" + (f"[{place}]" if several else "")
        if isinstance(entry, Mapping):
            inner = Reader(where, entry, _BIND_KEYS, "chunnel.E022", reader.problems)
            address = inner.name("ADDRESS", None, "chunnel.E022", "a URL")
            if "ADDRESS" not in entry:
                inner.refuse("chunnel.E022", "has no 'ADDRESS'.", _BIND_HINT)
            backend = inner.name("BACKEND", None, "chunnel.E022", "the dotted path of a transport")
            foreign = _is_foreign(backend, address or "")
            tables = () if backend else (ZMQ,)
            options = inner.options(("chunnel.E022", "chunnel.E034"), *tables, foreign=foreign)
        elif isinstance(entry, str):
            address, backend, options = entry, None, NOTHING
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
    addresses = [bind.address for bind in found]
    for address in dict.fromkeys(addresses):
        # A port that is 0 is a free one, another each time.
        if addresses.count(address) > 1 and not address.endswith(":0"):
            hint = "Name each address once."
            reader.refuse("chunnel.E022", f"names {address} twice.", hint, key="BIND")
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
    reader = Reader("CHUNNEL_CLIENT", value, _CLIENT_KEYS, "chunnel.E041", problems)
    return ClientSettings(reader.names("MIDDLEWARE", (), "chunnel.E042", "dotted paths"))
