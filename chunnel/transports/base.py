"""What a transport is: a way to carry whole messages, as lists of frames, between two peers.

A transport knows nothing of the protocol. A client dials a ``Pipe``, one connection to one
endpoint, once: when it breaks it stays broken, and a new connection is a new pipe. A server opens
a ``Listener``, which many peers share; a peer is named by opaque bytes that mean something to this
listener alone.

Pipes and listeners have one owner at a time, who alone may use them; only ``wake`` is for
everybody. A pipe or listener that was open at a fork is closed in the child, and stays open in the
parent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class PipeClosed(Exception):
    """The connection is gone. ``sent`` is False where the message surely did not leave."""

    def __init__(self, reason: str, *, sent: bool):
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class PeerGone(Exception):
    """The listener no longer knows this peer, or its queue is full; the message was not sent."""


class AddressInUse(OSError):
    """The address is taken; ``str()`` is ``<address> is in use``."""

    def __str__(self) -> str:
        return str(self.strerror or super().__str__())


class Pipe(ABC):
    """One connection of a client."""

    endpoint: str

    @abstractmethod
    def send(self, frames: Sequence[bytes]) -> None:
        """Send one message without waiting; raise PipeClosed if the connection is gone."""

    @abstractmethod
    def receive(self, timeout: float | None) -> list[bytes] | None:
        """Return the next message, or None after ``timeout`` seconds (0: at once) or a wake.

        Raise PipeClosed when the connection broke and nothing received is left to deliver.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make a receive that waits in another thread return None. Safe from any thread."""

    def descriptors(self) -> tuple[int, ...]:
        """Return what to poll for reading, to wait for many pipes at once; () if nothing can be.

        One of them becomes readable when ``receive(0)`` has something new to say, for who has
        called it until it returned None and has not used the pipe since.
        """
        return ()

    @abstractmethod
    def close(self) -> None:
        """Close, without waiting and without error if closed already."""


class Listener(ABC):
    """The server's end."""

    endpoints: tuple[str, ...]  # as bound: with the real port where 0 was asked for

    @property
    def endpoint(self) -> str:
        """The first of ``endpoints``."""
        return self.endpoints[0]

    @abstractmethod
    def send(self, peer: bytes, frames: Sequence[bytes]) -> None:
        """Send one message without waiting; raise PeerGone if it cannot be delivered."""

    @abstractmethod
    def receive(self, timeout: float | None) -> tuple[bytes, list[bytes]] | None:
        """Return (peer, frames), or None after ``timeout`` seconds (0: at once) or a wake.

        No frames at all say that the peer is gone, where the transport can tell.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make a receive that waits in another thread return None. Safe from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Stop listening and drop all peers, without error if closed already."""


class Transport(ABC):
    """A kind of transport, found by the scheme of an address."""

    schemes: ClassVar[tuple[str, ...]]
    max_message: ClassVar[int | None] = None  # bytes; None: no limit of its own
    ordered: ClassVar[bool] = True  # messages arrive in the order they were sent
    connected: ClassVar[bool] = True  # it notices by itself that the peer is gone

    @abstractmethod
    def dial(self, endpoint: str, options: Mapping[str, Any], *, timeout: float) -> Pipe:
        """Connect to ``endpoint`` within ``timeout`` seconds, or raise PipeClosed."""

    @abstractmethod
    def listen(
        self, endpoints: Sequence[str], options: Mapping[str, Any], *, reuse_port: bool = False
    ) -> Listener:
        """Listen on all of ``endpoints``; raise AddressInUse naming the one that is taken.

        An OSError names what cannot be had for another reason as its ``filename``.

        With ``reuse_port`` other processes may listen on the same addresses in the same way, and
        connections are spread over them; an address that cannot be shared is a ValueError.
        """
