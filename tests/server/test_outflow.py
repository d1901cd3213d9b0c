"""Large answers that leave under credit, without a thread."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from typing import Any

from chunnel.protocol.messages import Call, Chunk, Credit, End, Failure, FailureCode
from chunnel.server.outflow import IDLE, PART, Outflow, parts

ID = b"12345678"


class Sink:
    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.ended = 0

    def send(self, peer: bytes, message: Any) -> None:
        assert peer == b"peer"
        self.sent.append(message)

    def end(self) -> None:
        self.ended += 1


def outflow(chunks: Iterable[Chunk], credit: Credit, *, part: bool = False) -> tuple[Outflow, Sink]:
    call = Call(ID, "x.y", "msgpack", b"", (), credit)
    flow, sink = Outflow(b"peer", call, chunks, part=part), Sink()
    flow.start(sink.send, sink.end)
    return flow, sink


CHUNKS = [Chunk(ID, 2, b"abc"), Chunk(ID, 1, b"def")]


def test_all_at_once() -> None:
    _, sink = outflow(CHUNKS, Credit(10, 100))
    assert sink.sent == [Chunk(ID), *CHUNKS, End(ID)]
    assert sink.ended == 1


def test_as_credit_comes() -> None:
    flow, sink = outflow(CHUNKS, Credit(0, 0))
    assert sink.sent == [Chunk(ID)]
    flow.grant(Credit(2, 3))
    assert sink.sent[1:] == CHUNKS[:1]
    flow.grant(Credit(1, 0))
    assert len(sink.sent) == 2
    flow.grant(Credit(0, 1))
    assert sink.sent[2:] == [CHUNKS[1], End(ID)]
    flow.grant(Credit(5, 5))
    assert sink.ended == 1


def test_cancel() -> None:
    flow, sink = outflow(CHUNKS, Credit(2, 100))
    flow.cancel("enough")
    assert sink.sent[-1] == Failure(ID, FailureCode.CANCELLED, "enough")
    flow.cancel()
    flow.grant(Credit(10, 100))
    assert len(sink.sent) == 3
    assert sink.ended == 1


def test_who_takes_nothing_is_given_up() -> None:
    """After a while without any grant; each grant begins it anew, and the result is let go."""
    chunks = parts(ID, b"x" * 12, (), 4)
    kept = weakref.ref(chunks)  # the one thing that holds the result
    flow, sink = outflow(chunks, Credit(0, 1))
    del chunks
    flow.expire(time.monotonic() + IDLE / 2)
    flow.grant(Credit(0, 4))
    assert sink.sent == [
        Chunk(ID),
        Chunk(ID, 0, b"xxxx", part=True),
        Chunk(ID, 0, b"xxxx", part=True),
    ]
    flow.expire(time.monotonic())
    assert kept() is not None
    flow.expire(time.monotonic() + IDLE + 1)
    assert sink.sent[-1].code == FailureCode.DEADLINE
    assert sink.ended == 1
    assert kept() is None


def test_a_large_binary_is_cut() -> None:
    """Each part says whether its binary goes on; empty and even ones are no special case."""
    found = list(parts(ID, b"body", (b"abcdefghij", b"", b"kl", b"mn", b"op"), 4))
    assert [(each.body, each.blobs, each.more) for each in found] == [
        (b"", (b"abcd",), True),
        (b"", (b"efgh",), True),
        (b"", (b"ij", b"", b"kl"), False),
        (b"", (b"mn", b"op"), False),
        (b"body", (), False),
    ]
    found = list(parts(ID, b"body", (b"abcdef",), 4))
    assert [(each.body, each.blobs, each.more) for each in found] == [
        (b"", (b"abcd",), True),
        (b"bo", (b"ef",), False),
        (b"dy", (), False),
    ]
    assert all(each.part and not each.items for each in found)


def test_parts() -> None:
    body = bytes(PART) + b"rest"
    found = list(parts(ID, body, (b"blob", b"other")))
    assert found[0].blobs == (b"blob", b"other")
    assert b"".join(each.body for each in found) == body
    assert all(each.part and not each.items for each in found)
    _, sink = outflow(found, Credit(0, PART * 3), part=True)
    assert sink.sent[0] == Chunk(ID, part=True)
    assert isinstance(sink.sent[-1], End)
