"""Waiting for what a server says next, and noticing that it says nothing at all.

The rule of liveness: who waits longer than a third of UNRESPONSIVE_AFTER sends a PING, and a
server that has said nothing whatsoever for UNRESPONSIVE_AFTER, with a PING unanswered, is wedged.
Its process may well live (that is the transport's to know), but nobody in it reads. A server that
answers PINGs is waited for as long as the caller likes.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, TypeAlias

from ..protocol.messages import Busy, Chunk, End, Failure, Ping, Result

if TYPE_CHECKING:
    from ..links import ClientLink

Answer: TypeAlias = Result | Failure | Chunk | End | Busy
"""What a server says about a call that this client waits for."""

UNRESPONSIVE_AFTER = 15.0  # seconds: longer than any pause of a garbage collector or a full disk


class Late(Exception):
    """The deadline passed."""


class Wedged(Exception):
    """The server has said nothing for ``seconds``, not even to a PING."""

    def __init__(self, seconds: float):
        super().__init__(seconds)
        self.seconds = seconds


class Patience:
    """One wait for one server."""

    __slots__ = ("asked", "heard", "unresponsive_after")

    def __init__(self, unresponsive_after: float, now: float):
        self.unresponsive_after = unresponsive_after
        self.heard = now
        self.asked = False

    def next_look(self) -> float:
        """Return when to send a PING, or after it when to give up."""
        after = self.unresponsive_after
        return self.heard + (after if self.asked else after / 3)

    def heard_something(self, now: float) -> None:
        """Note that the server said something, whatever it was."""
        self.heard = now
        self.asked = False

    def look(self, now: float) -> Ping | None:
        """Return a PING to send if one is due; raise Wedged if there is no hope left."""
        if now < self.next_look():
            return None
        if self.asked:
            raise Wedged(now - self.heard)
        self.asked = True
        return Ping(secrets.token_bytes(8))


def receive(
    link: ClientLink,
    call_id: bytes,
    deadline: float | None,
    unresponsive_after: float,
    now: float,
) -> Answer:
    """Return the next message about a call. ``now`` may be some moments ago.

    Raise Late at ``deadline``, Wedged, PipeClosed or RemoteProtocolError.
    """
    wait = unresponsive_after / 3
    if deadline is not None and deadline - now < wait:
        wait = max(0.0, deadline - now)
    event = link.receive(wait)
    if type(event) is Result and event.call_id == call_id:
        return event
    patience = Patience(unresponsive_after, now)
    while True:
        if isinstance(event, Answer) and event.call_id == call_id:
            return event
        now = time.monotonic()
        if link.heard is not None and link.heard > patience.heard:
            patience.heard_something(link.heard)
        if event is None:
            if deadline is not None and now >= deadline:
                raise Late
            ping = patience.look(now)
            if ping is not None:
                link.send(ping)
        until = patience.next_look()
        if deadline is not None and deadline < until:
            until = deadline
        event = link.receive(until - now if until > now else 0.0)
