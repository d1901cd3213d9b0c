"""The settings, read and judged in one place.

Three settings: CHUNNEL_REMOTES (the projects this one calls), CHUNNEL_SERVER (what this one serves)
and CHUNNEL_CLIENT (what holds for all its calls). Rules of this file:

* Nothing is imported to judge a setting; whether a dotted path leads anywhere is for ``checks``.
* A reader collects ``Problem``s instead of stopping at the first. Who needs a value raises the first
  of them as ImproperlyConfigured; the system checks show them all.
* A value that may hold a secret never enters a message. Of a URL we show scheme, host and port, and
  only where nothing in it can be a password or a key.
"""

from __future__ import annotations

import difflib
import keyword
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

DEFAULT_PORT = 7070
DEFAULT_TIMEOUT = 10.0  # seconds; a person who waits for a page has given up by then

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\*)")
_HOST_AND_PORT = re.compile(rf"(?P<host>{_HOST.pattern})?(?::(?P<port>[0-9]{{1,5}}))?")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
_URL = re.compile(r"[a-z][a-z0-9+]*://", re.IGNORECASE)

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


class Problem(NamedTuple):
    """One fault of a setting. ``code`` is the id of the system check that shows it."""

    code: str
    setting: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.setting} {self.message}"
        return f"{text} {self.hint}" if self.hint else text


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """One entry of CHUNNEL_REMOTES. ``timeout`` is in seconds; None waits for ever."""

    alias: str
    endpoints: tuple[str, ...]
    serializer: str = "msgpack"
    balancer: str = "round_robin"
    timeout: float | None = DEFAULT_TIMEOUT
    backend: str | None = None
    types: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(
        default_factory=dict, repr=False, hash=False
    )  # may hold keys


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to serve on. ``backend`` is a dotted path; None: the scheme finds the transport."""

    address: str
    backend: str | None = None
    options: Mapping[str, Any] = field(
        default_factory=dict, repr=False, hash=False
    )  # may hold keys


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """CHUNNEL_SERVER, complete.

    ``concurrency`` calls run at once in each of ``workers`` processes, ``queue`` more may wait;
    ``streams`` generators have threads of their own.
    """

    name: str
    binds: tuple[Bind, ...]
    workers: int = 1
    pool: str = "threads"
    concurrency: int = 32
    streams: int = 64
    queue: int = 1024
    serializers: tuple[str, ...] = ("msgpack", "json")
    middleware: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict, hash=False)
    types: tuple[Any, ...] = ()
    expose_tracebacks: bool | None = None  # None: as DEBUG says
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """CHUNNEL_CLIENT, complete."""

    middleware: tuple[str, ...] = ()


# URLs and addresses


class _AddressError(ValueError):
    """An address that cannot be used; the message holds no part of it that may be secret."""


def _shown(url: str) -> str:
    """Return as much of ``url`` as certainly holds no secret."""
    scheme, separator, rest = url.partition("://")
    if not separator or not _URL.fullmatch(f"{scheme}://"):
        return "the URL"
    if scheme.lower() not in {"zmq", "tcp"} or "@" in rest:
        return f"'{scheme}://…'"
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if all(_HOST_AND_PORT.fullmatch(part) for part in netloc.split(",")):
        return f"'{scheme}://{netloc}'"
    return f"'{scheme}://…'"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the URL
        raise _AddressError("is not a URL (are IPv6 addresses in brackets?)") from None
    if "://" not in url or not parts.scheme:
        raise _AddressError("has no scheme; write it like 'zmq://127.0.0.1:7070'")
    if "@" in parts.netloc:
        raise _AddressError("holds a user name or a password, which no transport takes")
    if parts.fragment or "#" in url:
        raise _AddressError("holds a '#'")
    return parts


def _authority(text: str, *, bind: bool) -> str:
    """Return ``host:port`` for the part of a URL that names one endpoint."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise _AddressError(
            "names a host or port that cannot be read; write 'host:port', IPv6 in brackets"
        )
    host, port = match["host"], int(match["port"] or DEFAULT_PORT)
    if not host:
        raise _AddressError("names no host")
    if host == "*" and not bind:
        raise _AddressError("has '*' for a host, which only a server can bind")
    if not (0 if bind else 1) <= port <= 65535:
        raise _AddressError("names a port that is not between 1 and 65535")
    return f"{host}:{port}"


def _endpoints(parts: SplitResult, *, bind: bool = False) -> tuple[str, ...]:
    """Return the addresses that a split URL names, in the form transports take."""
    scheme = parts.scheme
    if scheme in {"zmq", "tcp"}:
        if parts.path not in {"", "/"}:
            raise _AddressError("has a path, which a TCP endpoint has not")
        return tuple(f"tcp://{_authority(text, bind=bind)}" for text in parts.netloc.split(","))
    if scheme == "ipc":
        path = parts.netloc + parts.path
        if not path:
            raise _AddressError("names no path; write it like 'ipc:///run/economy.sock'")
        return (f"ipc://{path}",)
    if scheme == "memory":
        return (f"memory://{parts.netloc}{parts.path.rstrip('/')}",)
    return (f"{scheme}://{parts.netloc}{parts.path}",)  # a transport of the project's own


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _remote_from_url(url: str) -> dict[str, Any]:
    parts = _split(url)
    found: dict[str, Any] = {"ENDPOINTS": list(_endpoints(parts))}
    try:
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _AddressError("has a query that cannot be read; write '?timeout=5&…'") from None
    options: dict[str, Any] = {}
    seen = set()
    for key, text in query:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", key):
            raise _AddressError("has a query option whose name is not of the form 'lower_case'")
        if key in seen:
            raise _AddressError(f"gives the option {key!r} twice")
        seen.add(key)
        if not text:
            raise _AddressError(f"gives the option {key!r} no value")
        if key in {"timeout", "serializer", "balancer"}:
            found[key.upper()] = _number(text) if key == "timeout" else text
        else:
            options[key] = _number(text)
    if "TIMEOUT" in found and not _is_positive(found["TIMEOUT"]):
        raise _AddressError("gives a timeout that is not a number of seconds above 0")
    if options:
        found["OPTIONS"] = options
    return found


def parse_remote_url(url: str) -> dict[str, Any]:
    """Return the entry of CHUNNEL_REMOTES that ``url`` stands for.

    ``zmq://10.0.0.5:7070,[fd00::6]:7070/?timeout=5&serializer=json`` names two endpoints; the port is
    7070 unless given. The query options ``timeout`` (seconds), ``serializer`` and ``balancer`` become
    keys of their own, all others go to OPTIONS, numbers as numbers. ``ipc:///path`` and ``memory://``
    name one endpoint. Usable as a cast of django-environ: ``env("ECONOMY_RPC", cast=parse_remote_url)``.

    Raise ImproperlyConfigured if the URL cannot be read; the message repeats no part of it that could
    be a password or a key.
    """
    if not isinstance(url, str):
        raise ImproperlyConfigured(f"A remote URL is a string, not {_article(type(url).__name__)}.")
    try:
        return _remote_from_url(url)
    except _AddressError as error:
        raise ImproperlyConfigured(f"The remote URL {_shown(url)} {error}.") from None


def parse_bind_address(text: str) -> str:
    """Return the address that a person meant: ``7070``, ``0:7070``, ``[::]:7070`` or a whole URL.

    A port alone is served on 127.0.0.1, as ``runserver`` does, and ``0`` stands for 0.0.0.0. Raise
    ImproperlyConfigured if it cannot be read.
    """
    try:
        if "://" in text:
            parts = _split(text)
            if parts.query:
                raise _AddressError("has a query; options stand in CHUNNEL_SERVER")
            found = _endpoints(parts, bind=True)
            if len(found) != 1:
                raise _AddressError("names several addresses; give BIND a list of them")
            return found[0]
        if text.isascii() and text.isdigit():
            text = f"127.0.0.1:{text}"
        elif text.startswith("0:"):
            text = f"0.0.0.0:{text[2:]}"
        return f"tcp://{_authority(text, bind=True)}"
    except _AddressError as error:
        shown = _shown(text) if "://" in text else "given"
        raise ImproperlyConfigured(f"The address {shown} {error}.") from None


def is_loopback(address: str) -> bool:
    """Say whether only processes of this machine can reach ``address``."""
    scheme, _, rest = address.partition("://")
    if scheme in {"ipc", "memory", "inproc"}:
        return True
    host = rest.rpartition(":")[0].strip("[]").lower()
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


# Reading a mapping


def _article(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def _is_positive(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )


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

    def refuse(self, code: str, message: str, hint: str = "", key: str | None = None) -> None:
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
            self.refuse(
                code, f"must be {must_be}, not {_article(type(value).__name__)}.", key=key
            ) if not isinstance(value, int | float) else self.refuse(
                code, f"must be {must_be}, not {value!r}.", key=key
            )
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
            value = _remote_from_url(value)
        except _AddressError as error:
            problems.append(
                Problem(
                    "chunnel.E004",
                    setting,
                    f"is {_shown(value)}, which {error}."
                    if _shown(value) != "the URL"
                    else f"is a URL that {error}.",
                    "Write it like 'zmq://10.0.0.5:7070,10.0.0.6:7070/?timeout=5'.",
                )
            )
            return None
    if not isinstance(value, Mapping):
        problems.append(
            Problem(
                "chunnel.E003",
                setting,
                f"must be a dict or a URL, not {_article(type(value).__name__)}.",
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
            lambda value: value is None or _is_positive(value),
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
                raise _AddressError("is not a string")
            parts = _split(text)
            if parts.query:
                raise _AddressError("has a query; options stand in OPTIONS")
            found.extend(_endpoints(parts))
        except _AddressError as error:
            reader.problems.append(
                Problem("chunnel.E006", where, f"{error}.", "Write it like 'tcp://10.0.0.5:7070'.")
            )
    double = sorted({endpoint for endpoint in found if found.count(endpoint) > 1})
    if double:
        reader.refuse("chunnel.E006", f"names {double[0]} twice.", key="ENDPOINTS")
    return tuple(found)


def read_remotes(problems: list[Problem]) -> dict[str, RemoteSettings]:
    """Read CHUNNEL_REMOTES whole; entries that cannot be used are left out."""
    value = getattr(settings, "CHUNNEL_REMOTES", {})
    if not isinstance(value, Mapping):
        problems.append(
            Problem(
                "chunnel.E001",
                "CHUNNEL_REMOTES",
                f"must be a dict, not {_article(type(value).__name__)}.",
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
                f"must be a dict, not {_article(type(value).__name__)}.",
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
        reader.refuse("chunnel.E025", "must name at least one serializer.", key="SERIALIZERS")
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
        reader.refuse("chunnel.E022", "must name at least one address.", key="BIND")
    found: list[Bind] = []
    for place, entry in enumerate(entries):
        where = f"{reader.setting}['BIND']" + (f"[{place}]" if several else "")
        if isinstance(entry, Mapping):
            inner = _Reader(where, entry, _BIND_KEYS, "chunnel.E022", reader.problems)
            address = inner.name("ADDRESS", None, "chunnel.E022", "a URL")
            if "ADDRESS" not in entry:
                inner.refuse("chunnel.E022", "has no 'ADDRESS'.")
            backend = inner.name("BACKEND", None, "chunnel.E022", "the dotted path of a transport")
            options = inner.mapping("OPTIONS", "chunnel.E022")
        elif isinstance(entry, str):
            address, backend, options = entry, None, _NOTHING
        else:
            reader.problems.append(
                Problem("chunnel.E022", where, "must be a URL or a dict with 'ADDRESS'.")
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
                    "Write it like 'tcp://127.0.0.1:7070'.",
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
                f"must be a dict, not {_article(type(value).__name__)}.",
                "Write it like {'MIDDLEWARE': []}.",
            )
        )
        value = {}
    reader = _Reader("CHUNNEL_CLIENT", value, _CLIENT_KEYS, "chunnel.E041", problems)
    return ClientSettings(reader.names("MIDDLEWARE", (), "chunnel.E042", "dotted paths"))


# What the other rooms ask for

_cache: dict[str, Any] = {}


def _insist(problems: list[Problem]) -> None:
    if problems:
        raise ImproperlyConfigured(str(problems[0]))


def remote_aliases() -> tuple[str, ...]:
    """Return the aliases of CHUNNEL_REMOTES in the order they stand there."""
    value = getattr(settings, "CHUNNEL_REMOTES", {})
    return tuple(value) if isinstance(value, Mapping) else ()


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
        _cache[key] = found
    return found


def server_settings() -> ServerSettings:
    """Return the settings of this project's server; raise ImproperlyConfigured if they are faulty."""
    found: ServerSettings | None = _cache.get("server")
    if found is None:
        problems: list[Problem] = []
        found = read_server(problems)
        _insist(problems)
        _cache["server"] = found
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
