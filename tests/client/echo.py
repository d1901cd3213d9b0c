"""A small server for the client's tests: a real ServerLink, and handlers that know no Django.

It serves from a thread (``serving``) or, run as a program, from a process of its own: it prints its
address, and counts what it executed in a file.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chunnel.links import PeerLost, ServerLink
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
    Message,
    Result,
    Welcome,
)
from chunnel.schema import AppSchema, FunctionSchema, Schema, schema_to_wire
from chunnel.serializers.msgpack import MsgpackSerializer
from chunnel.transports import AddressInUse, Listener, for_endpoint

serializer = MsgpackSerializer()


class EchoServer:
    """Answers from one thread, in the order calls come. ``count`` tells what was executed."""

    def __init__(
        self,
        address: str = "tcp://127.0.0.1:0",
        *,
        instance: str = "one",
        workers: int = 1,
        fingerprint: str = "f1",
        reuse_port: bool = False,
        executed: Callable[[str], None] = lambda name: None,
        effects: Mapping[str, str] | None = None,
    ):
        self.instance = instance
        self.effects = effects  # of its functions, as its schema tells; None: it has no schema
        self.count: Counter[str] = Counter()
        self.cancelled: list[bytes] = []
        self.metas: list[dict[str, Any]] = []
        self.peers_lost = 0
        self.held: list[tuple[bytes, Call]] = []
        self.streams: dict[bytes, Streaming] = {}
        self.busy = False
        self.paused = threading.Event()
        self.paused.set()
        self._executed = executed
        self._stop = False
        self._do: list[Callable[[], None]] = []
        listener = _listen(address, reuse_port=reuse_port)
        self.link = ServerLink(
            listener,
            welcome=lambda: Welcome(
                1, 2**24, "echo", "echo", instance, workers, fingerprint, 0.0, ("msgpack",)
            ),
        )
        self.address = listener.endpoint

    def run(self) -> None:
        while not self._stop:
            self.paused.wait()
            while self._do:
                self._do.pop(0)()
            delivery = self.link.receive(0.5)
            if delivery is not None:
                self._take(*delivery)
        self.link.close()

    def do(self, task: Callable[[], None]) -> None:
        """Have the server's thread do something, and wait for it."""
        done = threading.Event()

        def run() -> None:
            task()
            done.set()

        self._do.append(run)
        self.link.wake()
        assert done.wait(10)

    def stop(self) -> None:
        self._stop = True
        self.paused.set()
        self.link.wake()

    def release(self) -> None:
        """Answer the calls of "hold"."""

        def answer() -> None:
            for peer, call in self.held:
                self._send(peer, result(call, "released"))
            self.held.clear()

        self.do(answer)

    def _take(self, peer: bytes, message: Message | PeerLost) -> None:
        if isinstance(message, PeerLost):
            self.peers_lost += 1
        elif isinstance(message, Call):
            self.metas.append(dict(message.meta))
            if self.busy:
                self._send(peer, Busy(message.call_id, "no room"))
                return
            self.count[message.name] += 1
            if message.name != "chunnel.schema":  # which is asked for where a call was lost
                self._executed(message.name)
            self._execute(peer, message)
        elif isinstance(message, Cancel):
            self.cancelled.append(message.call_id)
            self.streams.pop(message.call_id, None)
            self.held = [one for one in self.held if one[1].call_id != message.call_id]
            if self.link.is_open(peer, message.call_id):
                code = int(FailureCode.CANCELLED)
                self._send(peer, Failure(message.call_id, code, "cancelled"))
        elif isinstance(message, GrantCredit):
            stream = self.streams.get(message.call_id)
            if stream is not None:
                stream.add(message.credit)

    def _send(self, peer: bytes, message: Message) -> None:
        self.link.send(peer, message)

    def _execute(self, peer: bytes, call: Call) -> None:
        args, kwargs = serializer.loads(call.body, call.blobs)
        match call.name:
            case "t.echo":
                self._send(peer, result(call, args[0]))
            case "t.where":
                self._send(peer, result(call, self.instance))
            case "t.pid":
                self._send(peer, result(call, os.getpid()))
            case "t.sleep":
                time.sleep(args[0])
                self._send(peer, result(call, args[0]))
            case "t.hold":
                self.held.append((peer, call))
            case "t.fail":
                body = serializer.dumps(kwargs).body
                self._send(peer, Failure(call.call_id, args[0], args[1], body))
            case "t.numbers":
                self.streams[call.call_id] = Streaming(self, peer, call, *args, **kwargs)
                self._send(peer, Chunk(call.call_id))
                self.streams[call.call_id].go_on()
            case "t.large":
                body = serializer.dumps(args[0]).body
                self.streams[call.call_id] = Parts(self, peer, call, body)
                self.streams[call.call_id].go_on()
            case "t.exit":
                if args[0] == os.getpid():
                    os._exit(3)
                self._send(peer, result(call, "alive"))
            case "chunnel.schema" if self.effects is not None:
                self._send(peer, result(call, schema_to_wire(described(self.effects))))
            case _:
                code = int(FailureCode.NOT_EXPOSED)
                self._send(peer, Failure(call.call_id, code, f"no {call.name}"))


def described(effects: Mapping[str, str]) -> Schema:
    """Return a schema of functions of the app "t"."""
    functions = tuple(
        FunctionSchema(name.removeprefix("t."), "", (), effect=effect)
        for name, effect in sorted(effects.items())
    )
    return Schema("echo", (AppSchema("t", functions),), "f1")


def _listen(address: str, *, reuse_port: bool) -> Listener:
    """Listen, also where a server that was closed a moment ago is not quite gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return for_endpoint(address).listen([address], {}, reuse_port=reuse_port)
        except AddressInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Streaming:
    """Numbers below ``count`` in chunks of ``size``, as far as the credit goes."""

    def __init__(
        self,
        server: EchoServer,
        peer: bytes,
        call: Call,
        count: int,
        size: int = 10,
        fail: bool = False,
        stall: bool = False,
    ):
        self.server, self.peer, self.call = server, peer, call
        self.count, self.size, self.fail, self.stall = count, size, fail, stall
        self.next = 0
        self.items, self.bytes = call.credit

    def add(self, credit: Credit) -> None:
        self.items += credit.items
        self.bytes += credit.bytes
        self.go_on()

    def go_on(self) -> None:
        while self.next < self.count:
            items = list(range(self.next, min(self.next + self.size, self.count)))
            if len(items) > self.items or self.bytes <= 0:
                return
            body = serializer.dumps(items).body
            self.items -= len(items)
            self.bytes -= len(body)
            self.next += len(items)
            self.server._send(self.peer, Chunk(self.call.call_id, len(items), body))
        if self.stall:
            return
        self.server.streams.pop(self.call.call_id, None)
        if self.fail:
            body = serializer.dumps({"type": "ValueError", "base": "ValueError"}).body
            code = int(FailureCode.RAISED)
            self.server._send(self.peer, Failure(self.call.call_id, code, "no more", body))
        else:
            self.server._send(self.peer, End(self.call.call_id))


class Parts(Streaming):
    """One large body in slices."""

    def __init__(self, server: EchoServer, peer: bytes, call: Call, body: bytes):
        super().__init__(server, peer, call, len(body), 100_000)
        self.body = body

    def go_on(self) -> None:
        while self.next < self.count:
            if self.bytes <= 0:
                return
            piece = self.body[self.next : self.next + self.size]
            self.bytes -= len(piece)
            self.next += len(piece)
            self.server._send(self.peer, Chunk(self.call.call_id, 0, piece, part=True))
        self.server.streams.pop(self.call.call_id, None)
        self.server._send(self.peer, End(self.call.call_id))


def result(call: Call, value: Any) -> Result:
    packed = serializer.dumps(value)
    return Result(call.call_id, packed.body, packed.blobs)


@contextmanager
def serving(address: str = "tcp://127.0.0.1:0", **options: Any) -> Iterator[EchoServer]:
    """Serve from a thread."""
    server = EchoServer(address, **options)
    thread = threading.Thread(target=server.run, name="echo-server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--instance", default=str(os.getpid()))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--log")
    parser.add_argument("--reuse-port", action="store_true")
    options = parser.parse_args()
    executed: Callable[[str], None] = lambda name: None  # noqa: E731
    if options.log:
        log = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        executed = lambda name: os.write(log, b"x") and None  # noqa: E731
    server = EchoServer(
        options.address,
        instance=options.instance,
        workers=options.workers,
        reuse_port=options.reuse_port,
        executed=executed,
    )
    sys.stdout.write(server.address + "\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    main()
