"""The settings as frozen values, complete with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DEFAULT_PORT = 7070
FETCH_MODES = ("raise", "peers")
DEFAULT_TIMEOUT = 10.0  # seconds; a person who waits for a page has given up by then


class Problem(NamedTuple):
    """One fault of a setting. ``code`` is the id of the system check that shows it."""

    code: str
    setting: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.setting} {self.message} {self.hint}"


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """One entry of CHUNNEL_REMOTES. ``timeout`` is in seconds; None waits for ever.

    ``fetch_mode`` is one of FETCH_MODES, or one for each model by its remote name.
    """

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
    fetch_mode: str | Mapping[str, str] = field(default="raise", hash=False)


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to serve on. ``backend`` is a dotted path; with None the scheme decides."""

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
