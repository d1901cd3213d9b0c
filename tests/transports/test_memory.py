"""What only the memory transport does: it can serve in the thread of the caller."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chunnel.transports import PipeClosed
from chunnel.transports.memory import MemoryListener, MemoryPipe, MemoryTransport, lend

PATIENCE = 20.0
_numbers = itertools.count(1)


class Lent:
    """An echo server without a thread, which notes who ran it."""

    def __init__(self) -> None:
        self.address = f"memory://lent-{next(_numbers)}"
        self.listener: MemoryListener = lend([self.address], self.serve)
        self.threads: list[int] = []
        self.running = 0
        self.pipes: list[MemoryPipe] = []

    def serve(self) -> None:
        self.running += 1
        assert self.running == 1, "two callers serve at once"
        self.threads.append(threading.get_ident())
        while (received := self.listener.receive(0)) is not None:
            peer, frames = received
            if frames == [b"raise"]:
                self.running -= 1
                raise RuntimeError("the server's own mistake")
            if frames:
                self.listener.send(peer, frames)
        self.running -= 1

    def dial(self) -> MemoryPipe:
        pipe = MemoryTransport().dial(self.address, {}, timeout=PATIENCE)
        assert isinstance(pipe, MemoryPipe)
        self.pipes.append(pipe)
        return pipe


@pytest.fixture
def lent() -> Iterator[Lent]:
    lent = Lent()
    yield lent
    for pipe in lent.pipes:
        pipe.close()
    lent.listener.close()


def test_caller_serves_itself(lent: Lent) -> None:
    pipe = lent.dial()
    pipe.send([b"x"])
    assert pipe.receive(PATIENCE) == [b"x"]
    assert lent.threads == [threading.get_ident()]
    assert pipe.receive(0) is None


def test_one_caller_at_a_time_serves_for_all(lent: Lent) -> None:
    def client(number: int) -> None:
        pipe = lent.dial()
        for _ in range(100):
            pipe.send([b"%d" % number])
            assert pipe.receive(PATIENCE) == [b"%d" % number]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client, range(8)))


def test_wake_has_somebody_serve_what_was_posted(lent: Lent) -> None:
    """The server may answer later from another thread: it posts, and wakes."""
    pipe = lent.dial()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pipe.receive, None)
        lent.listener.wake()
        pipe.send([b"x"])
        assert waiting.result(PATIENCE) == [b"x"]


def test_mistake_of_the_server_does_not_stop_the_next_caller(lent: Lent) -> None:
    pipe = lent.dial()
    pipe.send([b"raise"])
    with pytest.raises(RuntimeError):
        pipe.receive(PATIENCE)
    pipe.send([b"x"])
    assert pipe.receive(PATIENCE) == [b"x"]


def test_address_of_nobody_is_refused() -> None:
    with pytest.raises(PipeClosed, match="memory://nobody: refused"):
        MemoryTransport().dial("memory://nobody", {}, timeout=PATIENCE)


def test_several_processes_cannot_share() -> None:
    with pytest.raises(ValueError, match="cannot share"):
        MemoryTransport().listen(["memory://x"], {}, reuse_port=True)


def test_who_dials_while_it_closes_is_refused() -> None:
    """It was found by its name a moment before."""
    listener = MemoryTransport().listen(["memory://closing"], {})
    assert isinstance(listener, MemoryListener)
    listener.close()
    with pytest.raises(PipeClosed, match="memory://closing: refused") as caught:
        listener.accept("memory://closing")
    assert caught.value.sent is False
