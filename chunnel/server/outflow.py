"""A large answer that is complete already, leaving as chunks under the caller's credit.

It needs no thread: the owner of the link starts it, and each grant, which that owner reads, sends
more. So nothing here has a lock. A slow caller costs the memory of its answer and one part, for as
long as it goes on granting credit; one that granted none for ``IDLE`` seconds is given up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..protocol.credit import Allowance, cost
from ..protocol.limits import MAX_BLOBS
from ..protocol.messages import Call, Chunk, Credit, End, Failure, FailureCode, Message

PART = 256 * 1024
"""Bytes of one part. Large enough that a chunk's own cost vanishes, small beside any credit."""

WHOLE = 1024 * 1024
"""Bytes of a result that is still sent in one message; what is longer comes in parts."""

BESIDE = 4096
"""Bytes that a message has room for beside its body and binaries: its control frame."""

IDLE = 300.0
"""Seconds an answer waits for credit before it is given up."""


def parts(call_id: bytes, body: bytes, blobs: Sequence[bytes], most: int = PART) -> Iterator[Chunk]:
    """Cut one large value into chunks of ``most`` bytes: first the blobs, then the body."""
    pieces: list[bytes] = []
    room = most
    for blob in blobs:
        start, more = 0, True
        while more:
            piece = blob[start : start + room]
            pieces.append(piece)
            start += len(piece)
            room -= len(piece)
            more = start < len(blob)
            if not room or len(pieces) == MAX_BLOBS:
                yield Chunk(call_id, blobs=tuple(pieces), part=True, more=more)
                pieces, room = [], most
    start = 0
    while pieces or start < len(body):
        yield Chunk(call_id, 0, body[start : start + room], tuple(pieces), part=True)
        start += room
        pieces, room = [], most


class Outflow:
    """Chunks on their way. The owner of the link alone calls its methods.

    ``chunks`` is read as they leave, so it may make them then.
    """

    __slots__ = (
        "__weakref__",
        "_allowance",
        "_chunks",
        "_ended",
        "_next",
        "_part",
        "_send",
        "_since",
        "call_id",
        "peer",
    )

    def __init__(self, peer: bytes, call: Call, chunks: Iterable[Chunk], *, part: bool):
        self.peer = peer
        self.call_id = call.call_id
        self._allowance = Allowance(call.credit)
        self._chunks: Iterator[Chunk] = iter(chunks)
        self._next: Chunk | None = None
        self._part = part
        self._since = 0.0  # when the caller last gave us something
        self._ended: Callable[[], None] | None = None
        self._send: Callable[[bytes, Message], None] | None = None

    def start(self, send: Callable[[bytes, Message], None], ended: Callable[[], None]) -> None:
        """Accept the call and send what credit there is for; ``ended`` is called after the last."""
        self._send, self._ended = send, ended
        self._since = time.monotonic()
        send(self.peer, Chunk(self.call_id, part=self._part))
        self._next = next(self._chunks, None)
        self._pump()

    def grant(self, credit: Credit) -> None:
        """Send what the caller has room for now."""
        self._allowance.grant(credit)
        self._since = time.monotonic()
        self._pump()

    def cancel(self, reason: str = "") -> None:
        """Drop what was not sent."""
        self._finish(Failure(self.call_id, FailureCode.CANCELLED, reason or "cancelled"))

    def expire(self, now: float) -> None:
        """Drop what was not sent if the caller has been granting nothing for too long."""
        if now - self._since >= IDLE:
            reason = f"The result got no credit for {IDLE:.0f} seconds."
            self._finish(Failure(self.call_id, FailureCode.DEADLINE, reason))

    def _pump(self) -> None:
        allowance = self._allowance
        if self._send is None:
            return
        while self._next is not None:
            items, size = cost(self._next)
            if not allowance.covers(items, size):
                return
            allowance.spend(items, size)
            self._send(self.peer, self._next)
            self._next = next(self._chunks, None)
        self._finish(End(self.call_id))

    def _finish(self, last: Message) -> None:
        send, ended = self._send, self._ended
        self._send = self._ended = self._next = None
        self._chunks = iter(())  # which held the result
        if send is not None and ended is not None:
            send(self.peer, last)
            ended()
