"""Questions about a remote itself: are its endpoints up, and what does it expose."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from ..protocol.errors import ProtocolError
from ..protocol.messages import Ping, Pong
from ..schema import Schema, schema_from_wire
from ..transports.base import PipeClosed
from .connections import Unreachable
from .signature import find_function, find_manager_method, find_method, find_model

if TYPE_CHECKING:
    from ..links import ClientLink

MAX_SCHEMAS = 8  # a rolling deployment alternates between two; the oldest is forgotten past these
MAX_PINGS = 32  # endpoints asked at once


class EndpointStatus(NamedTuple):
    """What a ping learned of one endpoint. ``round_trip`` is in seconds."""

    endpoint: str
    up: bool
    round_trip: float | None = None
    project: str | None = None
    agent: str | None = None  # library and version
    version: int | None = None  # of the protocol
    instance: str | None = None
    workers: int | None = None
    fingerprint: str | None = None
    error: str | None = None


def ping_endpoints(
    endpoints: Sequence[str], dial: Callable[[str, float], ClientLink], timeout: float
) -> list[EndpointStatus]:
    """Ask each endpoint over a connection of its own, within ``timeout`` seconds each."""
    with ThreadPoolExecutor(max_workers=min(MAX_PINGS, len(endpoints))) as executor:
        return list(executor.map(lambda one: _ping(one, dial, timeout), endpoints))


def _ping(
    endpoint: str, dial: Callable[[str, float], ClientLink], timeout: float
) -> EndpointStatus:
    deadline = time.monotonic() + timeout
    try:
        link = dial(endpoint, timeout)
    except Unreachable as error:
        return EndpointStatus(endpoint, up=False, error=str(error))
    welcome = link.welcome
    try:
        began = time.monotonic()
        token = secrets.token_bytes(8)
        link.send(Ping(token))
        while True:
            left = deadline - time.monotonic()
            event = link.receive(left) if left > 0 else None
            now = time.monotonic()
            if isinstance(event, Pong) and event.token == token:
                break
            if now >= deadline:
                return EndpointStatus(endpoint, up=False, error="no answer to a PING")
    except (PipeClosed, ProtocolError) as error:
        return EndpointStatus(endpoint, up=False, error=str(error))
    finally:
        link.close()
    return EndpointStatus(
        endpoint,
        up=True,
        round_trip=now - began,
        project=welcome.project,
        agent=welcome.agent,
        version=welcome.version,
        instance=welcome.instance,
        workers=welcome.workers,
        fingerprint=welcome.fingerprint,
    )


def effect_of(schema: Schema, name: str) -> str | None:
    """Return the declared effect of what has this wire name, or None if the schema has it not."""
    match name.split("."):
        case [label, function]:
            found = find_function(schema, label, function)
        case [label, cls, method]:
            model = find_model(schema, label, cls)
            found = find_method(model, method) if model is not None else None
        case [label, cls, "objects", method]:
            model = find_model(schema, label, cls)
            found = find_manager_method(model, method) if model is not None else None
        case _:
            found = None
    return None if found is None else found.effect


class Schemas:
    """The schemas fetched, by fingerprint, and which one the servers met last have."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_fingerprint: dict[str, Schema] = {}
        self._seen: str | None = None
        self._newest: Schema | None = None
        self._when = 0.0

    def saw(self, fingerprint: str) -> None:
        """Note what a server said of itself now, in its WELCOME or when it was asked."""
        self._seen = fingerprint
        self._when = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since a server last said which schema it has."""
        return time.monotonic() - self._when

    @property
    def current(self) -> Schema | None:
        """The schema with the fingerprint seen last, if it is held."""
        return self._by_fingerprint.get(self._seen or "")

    @property
    def kept(self) -> tuple[Schema, ...]:
        """All schemas that are held, the one fetched first before the others."""
        with self._lock:
            return tuple(self._by_fingerprint.values())

    @property
    def held(self) -> Schema | None:
        """The current schema, or else the one fetched last."""
        return self.current or self._newest

    def keep(self, wire: Sequence[Any]) -> Schema:
        """Keep a schema that was fetched; raise ValueError if it is none."""
        schema = schema_from_wire(wire)
        with self._lock:
            self._by_fingerprint.pop(schema.fingerprint, None)
            self._by_fingerprint[schema.fingerprint] = self._newest = schema
            while len(self._by_fingerprint) > MAX_SCHEMAS:
                del self._by_fingerprint[next(iter(self._by_fingerprint))]
        return schema
