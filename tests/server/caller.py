"""A caller that speaks the protocol by hand, over the memory transport."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

from chunnel.conf import Bind, ServerSettings
from chunnel.links import ClientLink
from chunnel.plans import Plan
from chunnel.protocol.limits import DEFAULT_LIMITS
from chunnel.protocol.messages import (
    Busy,
    Call,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    FailureCode,
    GrantCredit,
    Hello,
    Message,
    Result,
)
from chunnel.registry import Registry, registry
from chunnel.serializers import load
from chunnel.server.dispatcher import Dispatcher
from chunnel.server.worker import Lent, Worker
from chunnel.transports import for_endpoint
from chunnel.values import InstanceRef

PATIENCE = 20.0  # seconds
PLENTY = Credit(10_000, 2**24)


def until(condition: Any) -> None:
    """Wait until ``condition()`` holds; fail if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.001)


class Failed(Exception):
    """The server answered with a Failure; ``details`` is its body."""

    def __init__(self, failure: Failure, details: dict[str, Any], items: list[Any]):
        super().__init__(failure.message)
        self.code = FailureCode(failure.code)
        self.message = failure.message
        self.details = details
        self.items = items


class Caller:
    """One conversation. A call returns the value, or the list of all items of a stream."""

    def __init__(self, endpoint: str, dispatcher: Dispatcher, serializer: str = "msgpack"):
        pipe = for_endpoint(endpoint).dial(endpoint, {}, timeout=PATIENCE)
        hello = Hello((1,), DEFAULT_LIMITS.max_message, "tests", "government")
        self.link = ClientLink(pipe, hello=hello)
        self.link.open(PATIENCE)
        self.dispatcher = dispatcher
        self.serializer = load(serializer)()

    def __call__(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return self.finish(self.send(name, *args, **kwargs))

    def send(
        self,
        name: str,
        /,
        *args: Any,
        _credit: Credit = PLENTY,
        _meta: dict[str, Any] | None = None,
        _body: bytes | None = None,
        _serializer: str | None = None,
        **kwargs: Any,
    ) -> bytes:
        """Send a CALL and return its id."""
        call_id = os.urandom(8)
        body, blobs = self.serializer.dumps([list(args), kwargs], roots=("args", "kwargs"))
        self.link.send(
            Call(
                call_id,
                name,
                _serializer or self.serializer.name,
                body if _body is None else _body,
                blobs,
                _credit,
                False,
                {"hops": ["government"], **(_meta or {})},
            )
        )
        return call_id

    def receive(self) -> Message:
        """Return the next message about a call."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            event = self.link.receive(0.05)
            if event is not None:
                return event  # type: ignore[return-value]
        raise AssertionError("no answer came")

    def nothing_comes(self) -> bool:
        return self.link.receive(0.05) is None

    def finish(self, call_id: bytes, *, grant: bool = True) -> Any:
        """Return what the call ends with; raise Failed for a Failure."""
        items: list[Any] = []
        body = b""
        blobs: list[bytes] = []
        more = parts = False
        while True:
            message = self.receive()
            match message:
                case Result():
                    return self.serializer.loads(message.body, message.blobs)
                case Failure():
                    details = self.serializer.loads(message.body) if message.body else {}
                    raise Failed(message, details, items)
                case Chunk(part=True):
                    parts = True
                    body += message.body
                    for blob in message.blobs:
                        if more:
                            blobs[-1] += blob
                        else:
                            blobs.append(blob)
                        more = False
                    more = more or message.more
                case Chunk() if message.items:
                    found = self.serializer.loads(message.body, message.blobs)
                    items.extend(found if isinstance(found, list) else [found])
                case End():
                    return self.serializer.loads(body, blobs) if parts else items
                case Busy():
                    raise AssertionError(message)
            if grant and isinstance(message, Chunk):
                size = len(message.body) + sum(map(len, message.blobs))
                if size or message.items:
                    self.grant(call_id, message.items, size)

    def grant(self, call_id: bytes, items: int, size: int) -> None:
        self.link.send(GrantCredit(call_id, Credit(items, size)))

    def cancel(self, call_id: bytes) -> None:
        self.link.send(Cancel(call_id, "enough"))

    # Models

    def query(self, plan: Plan, op: str = "rows") -> Any:
        return self(f"{plan.model}.objects", plan.to_wire(), op)

    def refine(self, name: str, plan: Plan, op: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function and evaluate the queryset that it returns."""
        body = self.serializer.dumps([list(args), kwargs, [plan.to_wire(), op]]).body
        return self(name, _body=body)

    def iterate_refined(
        self, name: str, plan: Plan, size: int, /, *args: Any, stream: Any = True
    ) -> Any:
        """Call a function and read the queryset that it returns as a stream."""
        body = self.serializer.dumps([list(args), {}, [plan.to_wire(), "iterator", size]]).body
        return self(name, _body=body, _meta={"stream": stream})

    def iterate(self, plan: Plan, size: int = 100, **more: Any) -> list[Any]:
        """Return the chunks of a plan's rows."""
        found: list[Any] = self(f"{plan.model}.objects.iterator", plan.to_wire(), size, **more)
        return found

    def method(self, model: str, pk: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return self(f"{model}.{name}", InstanceRef(model, pk), *args, **kwargs)

    def close(self) -> None:
        self.link.close()


def server_settings(**changes: Any) -> ServerSettings:
    """Return settings that no file of settings has a say in."""
    return replace(ServerSettings("economy", (Bind("memory://unused"),), concurrency=4), **changes)


@contextmanager
def lent(
    endpoint: str = "memory://lent", registry: Registry = registry, **changes: Any
) -> Iterator[Caller]:
    """Yield a caller of a server that runs calls in this very thread."""
    server = Lent(server_settings(**changes), (endpoint,), registry=registry)
    try:
        caller = Caller(endpoint, server.dispatcher)
        try:
            yield caller
        finally:
            caller.close()
    finally:
        server.close()


def dispatchers(worker: Worker) -> list[Dispatcher]:
    """Return the dispatcher of each of a worker's listeners."""
    return [service.dispatcher for service in worker._services]


@contextmanager
def served(
    endpoint: str = "memory://served", registry: Registry = registry, **changes: Any
) -> Iterator[Caller]:
    """Yield a caller of a worker with the default pool."""
    settings = server_settings(binds=(Bind(endpoint),), **changes)
    worker = Worker.open(settings, registry=registry)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        caller = Caller(endpoint, dispatchers(worker)[0])
        try:
            yield caller
        finally:
            caller.close()
    finally:
        worker.stop(1)
        thread.join(PATIENCE)
        assert not thread.is_alive()
