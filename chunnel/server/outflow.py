"""A large answer that is complete already, leaving as chunks under the caller's credit.

It needs no thread: the owner of the link starts it, and each grant, which that owner reads, sends
more. So nothing here has a lock, and a slow caller costs the memory of its answer and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ..protocol.credit import Allowance, cost
from ..protocol.messages import Call, Chunk, Credit, End, Failure, FailureCode, Message

PART = 256 * 1024
"""Bytes of one part. Large enough that a chunk's own cost vanishes, small beside any credit."""

WHOLE = 1024 * 1024
"""Bytes of a result that is still sent in one message; what is longer comes in parts."""


def parts(call_id: bytes, body: bytes, blobs: Sequence[bytes]) -> Iterable[Chunk]:
    """Cut one large value into chunks: first the blobs, one each, then the body."""
    for blob in blobs:
        yield Chunk(call_id, blobs=(blob,), part=True)
    for start in range(0, len(body), PART):
        yield Chunk(call_id, body=body[start : start + PART], part=True)


class Outflow:
    """Chunks on their way. The owner of the link alone calls its methods."""

    __slots__ = ("_allowance", "_chunks", "_ended", "_part", "_send", "call_id", "peer")

    def __init__(self, peer: bytes, call: Call, chunks: Iterable[Chunk], *, part: bool):
        self.peer = peer
        self.call_id = call.call_id
        self._allowance = Allowance(call.credit)
        self._chunks = deque(chunks)
        self._part = part
        self._ended: Callable[[], None] | None = None
        self._send: Callable[[bytes, Message], None] | None = None

    def start(self, send: Callable[[bytes, Message], None], ended: Callable[[], None]) -> None:
        """Accept the call and send what credit there is for; ``ended`` is called after the last."""
        self._send, self._ended = send, ended
        send(self.peer, Chunk(self.call_id, part=self._part))
        self._pump()

    def grant(self, credit: Credit) -> None:
        """Send what the caller has room for now."""
        self._allowance.grant(credit)
        self._pump()

    def cancel(self, reason: str = "") -> None:
        """Drop what was not sent."""
        self._chunks.clear()
        self._finish(Failure(self.call_id, FailureCode.CANCELLED, reason or "cancelled"))

    def _pump(self) -> None:
        if self._send is None or self._ended is None:
            return
        chunks, allowance = self._chunks, self._allowance
        while chunks:
            items, size = cost(chunks[0])
            if not allowance.covers(items, size):
                return
            allowance.spend(items, size)
            self._send(self.peer, chunks.popleft())
        self._finish(End(self.call_id))

    def _finish(self, last: Message) -> None:
        send, ended = self._send, self._ended
        self._send = self._ended = None
        if send is not None and ended is not None:
            send(self.peer, last)
            ended()
