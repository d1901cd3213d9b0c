"""A server without an engine: it says what a test has it say, allowed or not."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from chunnel.protocol.codec import decode, encode
from chunnel.protocol.limits import DEFAULT_LIMITS
from chunnel.protocol.messages import Call, Hello, Message, Welcome
from chunnel.transports import PeerGone, for_endpoint
from chunnel.transports.memory import MemoryListener

WELCOME = Welcome(1, 2**24, "rogue", "rogue", "one", 1, "f1", 0.0, ("msgpack",))

Say: TypeAlias = Callable[[Message], Iterable[Message | None]]
"""Gives what is said to a message. None stands for hanging up."""

_numbers = itertools.count(1)


class Rogue:
    """Serves ``memory://``, where what is said and hanging up behind it are one step for a client.

    ``say`` answers whatever comes; it may leave HELLO to this class by saying nothing to it.
    """

    def __init__(self, say: Say, address: str = ""):
        self.address = address or f"memory://rogue-{next(_numbers)}"
        self.heard: list[Message] = []
        self.peers: list[bytes] = []  # by the order of what was heard
        self._say = say
        self._stop = False
        listener = for_endpoint(self.address).listen([self.address], {})
        assert isinstance(listener, MemoryListener)
        self.listener = listener

    def run(self) -> None:
        while not self._stop:
            try:
                received = self.listener.receive(None)
            except OSError:  # it hung up
                return
            if received is not None and received[1]:
                self._answer(received[0], decode(received[1], DEFAULT_LIMITS))

    def _answer(self, peer: bytes, message: Message) -> None:
        self.heard.append(message)
        self.peers.append(peer)
        answers = list(self._say(message))
        if isinstance(message, Hello):
            answers = [WELCOME, *answers]
        with self.listener.changed:
            for answer in answers:
                if answer is None:
                    self.listener.close()
                    return
                try:
                    self.listener.send(peer, encode(answer))
                except PeerGone:  # its client had enough
                    return

    def say(self, *messages: Message) -> None:
        """Say something to who spoke last. For any thread."""
        for message in messages:
            self.listener.send(self.peers[-1], encode(message))

    def stop(self) -> None:
        self._stop = True
        self.listener.wake()


def to_calls(answer: Callable[[Call], Iterable[Message | None]]) -> Say:
    """Return what says nothing but to calls."""
    return lambda message: answer(message) if isinstance(message, Call) else ()


@contextmanager
def rogue(say: Say, address: str = "") -> Iterator[Rogue]:
    """Have one serve from a thread."""
    server = Rogue(say, address)
    thread = threading.Thread(target=server.run, name="rogue-server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        server.listener.close()
        assert not thread.is_alive()
