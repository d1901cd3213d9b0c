"""Transports and balancers that go wrong when a test says so, and are real ones otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chunnel.client.balancers import RoundRobin
from chunnel.transports.base import Pipe
from chunnel.transports.zmq import ZmqTransport

_faults: dict[str, BaseException] = {}
_gates: dict[str, tuple[threading.Event, threading.Event]] = {}


@contextmanager
def fault(where: str, error: BaseException) -> Iterator[None]:
    """Have what is called ``where`` raise ``error``: dial, send, receive, descriptors, balancer."""
    _faults[where] = error
    try:
        yield
    finally:
        del _faults[where]


@contextmanager
def held_dial() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold who dials; give (somebody is held, go on), two events."""
    _gates["dial"] = gate = (threading.Event(), threading.Event())
    try:
        yield gate
    finally:
        gate[1].set()
        del _gates["dial"]


def _may_fail(where: str) -> None:
    if where in _faults:
        raise _faults[where]


class FaultyPipe(Pipe):
    """Passes everything on to a real pipe."""

    def __init__(self, pipe: Pipe):
        self.endpoint = pipe.endpoint
        self._pipe = pipe

    def send(self, frames: Sequence[bytes]) -> None:
        self._pipe.send(frames)
        _may_fail("send")  # it has left all the same

    def receive(self, timeout: float | None) -> list[bytes] | None:
        _may_fail("receive")
        return self._pipe.receive(timeout)

    def descriptors(self) -> tuple[int, ...]:
        _may_fail("descriptors")
        return self._pipe.descriptors()

    def wake(self) -> None:
        self._pipe.wake()

    def close(self) -> None:
        self._pipe.close()


class FaultyTransport(ZmqTransport):
    """ZeroMQ, with faults."""

    def dial(self, endpoint: str, options: Mapping[str, Any], *, timeout: float) -> Pipe:
        gate = _gates.get("dial")
        if gate is not None:
            gate[0].set()
            gate[1].wait(20)
        _may_fail("dial")
        return FaultyPipe(super().dial(endpoint, options, timeout=timeout))


class FaultyBalancer(RoundRobin):
    """One that cannot be made."""

    def __init__(self, options: Mapping[str, Any]):
        _may_fail("balancer")
        super().__init__(options)


FAULTY = "tests.client.faulty.FaultyTransport"
