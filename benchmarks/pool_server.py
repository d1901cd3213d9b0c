"""One server of the pool benchmark, with no protocol and no Django: ROUTER, msgpack, a design.

    python benchmarks/pool_server.py DESIGN

prints its port and serves until its standard input closes. A message is [name, argument]; the
answer is what the handler returns.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import msgpack
import zmq

CONCURRENCY = 32


def burn(seconds: float) -> None:
    """Compute for so long, holding the GIL."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


HANDLERS: dict[str, Callable[[Any], Any]] = {
    "echo": lambda value: value,
    "sleep": time.sleep,
    "burn": burn,
}


class BareJob:
    """A call, decoded."""

    __slots__ = ("argument", "name", "peer")

    style = "call"
    blocking = None
    deadline = None

    def __init__(self, peer: bytes, body: bytes):
        self.peer = peer
        self.name, self.argument = msgpack.unpackb(body)

    def run(self) -> list[bytes]:
        return [self.peer, msgpack.packb(HANDLERS[self.name](self.argument))]

    def refuse(self, message: str) -> list[bytes]:
        return [self.peer, msgpack.packb(message)]


class RouterSource:
    """A ROUTER, a deque for what other threads post, and an eventfd to wake the reader."""

    def __init__(self) -> None:
        self.router = zmq.Context.instance().socket(zmq.ROUTER)
        self.router.linger = 0
        self.port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.outbox: deque[list[bytes]] = deque()
        self.bell = os.eventfd(0, os.EFD_NONBLOCK)
        self.waiting = False
        self.poller = zmq.Poller()
        self.poller.register(self.router, zmq.POLLIN)
        self.poller.register(self.bell, zmq.POLLIN)

    def receive(self, timeout: float | None) -> BareJob | None:
        router, outbox = self.router, self.outbox
        while True:
            while outbox:
                router.send_multipart(outbox.popleft(), copy=True)
            try:
                return BareJob(*router.recv_multipart(zmq.DONTWAIT))
            except zmq.Again:
                pass
            self.waiting = True  # first this, then a look at the outbox; post does the reverse
            events = [] if outbox else self.poller.poll(None if timeout is None else timeout * 1000)
            self.waiting = False
            if not events and not outbox:
                return None
            if (self.bell, zmq.POLLIN) in events:
                os.eventfd_read(self.bell)
                if not outbox:
                    return None

    def send(self, reply: list[bytes]) -> None:
        self.router.send_multipart(reply, copy=True)

    def post(self, reply: list[bytes]) -> None:
        self.outbox.append(reply)
        if self.waiting:
            self.waiting = False
            os.eventfd_write(self.bell, 1)

    def wake(self) -> None:
        os.eventfd_write(self.bell, 1)

    def retire(self, reason: str) -> None:
        pass


def raw(source: RouterSource) -> None:
    """The handler in the thread that reads."""
    while True:
        job = source.receive(None)
        if job is not None:
            source.send(job.run())


def plain(source: RouterSource) -> None:
    """A thread that reads, and threads behind a queue."""
    queue: SimpleQueue[BareJob] = SimpleQueue()

    def work() -> None:
        while True:
            source.post(queue.get().run())

    for _ in range(CONCURRENCY):
        threading.Thread(target=work, daemon=True).start()
    sys.setswitchinterval(0.0005)
    while True:
        job = source.receive(None)
        if job is not None:
            queue.put(job)


def handover(source: RouterSource) -> None:
    """The pool "threads"."""
    from chunnel.server.pools.handover import HandoverPool

    HandoverPool(source, concurrency=CONCURRENCY).run()  # type: ignore[arg-type]


def unlearned(source: RouterSource) -> None:
    """The same with every name pinned to run in-line: hand-over alone."""
    BareJob.blocking = False  # type: ignore[assignment]
    handover(source)


def pinned(source: RouterSource) -> None:
    """The same with every name pinned to run aside."""
    BareJob.blocking = True  # type: ignore[assignment]
    handover(source)


DESIGNS = {
    "pinned": pinned,
    "raw": raw,
    "plain": plain,
    "threads": handover,
    "unlearned": unlearned,
}


def main() -> None:
    source = RouterSource()
    print(source.port, flush=True)
    threading.Thread(target=DESIGNS[sys.argv[1]], args=(source,), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
