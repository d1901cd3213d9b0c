"""What encode makes, byte by byte, and what it refuses."""

from __future__ import annotations

import msgpack
import pytest

from chunnel.protocol.codec import decode, encode
from chunnel.protocol.errors import LocalProtocolError
from chunnel.protocol.limits import INLINE_BODY, MAX_BLOBS, MAX_CONTROL, MAX_TEXT
from chunnel.protocol.messages import (
    Busy,
    Call,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    GoAway,
    GrantCredit,
    Hello,
    Ping,
    Pong,
    Result,
    Welcome,
)

ID = b"12345678"

HELLO = Hello((1, 2), 1_000_000, "chunnel/1", "government", {"a": 1})
WELCOME = Welcome(
    1, 1_000_000, "chunnel/1", "economy", "i", 2, "f", 60.5, ("msgpack", "json"), {"a": 1}
)

LAYOUTS = [
    (HELLO, [0, 1, None, {"versions": [1, 2], "max_message": 1_000_000, "agent": "chunnel/1",
                          "project": "government", "meta": {"a": 1}}]),
    (WELCOME, [1, 2, None, {"version": 1, "max_message": 1_000_000, "agent": "chunnel/1",
                            "project": "economy", "instance": "i", "workers": 2,
                            "fingerprint": "f", "idle_timeout": 60_500,
                            "serializers": ["msgpack", "json"], "meta": {"a": 1}}]),
    (Call(ID, "n", "json", b""), [1, 3, ID, {"name": "n", "ser": "json"}]),
    (Call(ID, "n", "json", b"", (), Credit(1, 2), True, {"a": 1}),
     [1, 3, ID, {"name": "n", "ser": "json", "credit": [1, 2], "input": True, "meta": {"a": 1}}]),
    (Result(ID, b""), [1, 4, ID, {}]),
    (Failure(ID, 100, "why"), [1, 5, ID, {"text": "why", "code": 100}]),
    (Chunk(ID), [1, 6, ID, {}]),
    (Chunk(ID, 3, b"", (), False), [1, 6, ID, {"items": 3}]),
    (Chunk(ID, part=True), [1, 6, ID, {"part": True}]),
    (Chunk(ID, part=True, more=True), [1, 6, ID, {"part": True, "more": True}]),
    (End(ID), [1, 7, ID, {}]),
    (GrantCredit(ID, Credit(1, 2)), [1, 8, ID, {"credit": [1, 2]}]),
    (Cancel(ID, "why"), [1, 9, ID, {"text": "why"}]),
    (Ping(b"t"), [1, 10, None, {"token": b"t"}]),
    (Pong(b"t"), [1, 11, None, {"token": b"t"}]),
    (Busy(ID), [1, 12, ID, {}]),
    (GoAway("why"), [0, 13, None, {"text": "why"}]),
    (GoAway(over=True), [0, 13, None, {"over": True}]),
]  # fmt: skip


@pytest.mark.parametrize(("message", "array"), LAYOUTS, ids=lambda value: type(value).__name__)
def test_the_control_frame_is_the_published_one(message, array):
    """The layouts of docs/reference/protocol, which other implementations rely on."""
    (control,) = encode(message)
    assert control[:1] == b"\xc1"
    assert msgpack.unpackb(control[1:]) == array
    assert msgpack.packb(array) == control[1:]
    assert decode([control]) == message


def test_hello_is_the_same_bytes_for_ever():
    """Every version must understand it, so not a byte of it may move."""
    assert encode(Hello((1,), 65_536, "a", "b")) == [
        bytes.fromhex(
            "c1 94 00 01 c0 84 a8 76657273696f6e73 91 01 ab 6d61785f6d657373616765 ce 00010000"
            "a5 6167656e74 a1 61 a7 70726f6a656374 a1 62"
        )
    ]


def test_bodies_and_blobs_are_frames_of_their_own():
    """They are sent as they are; one blob is not even copied."""
    body, blob = b"body", b"blob" * 100
    control, second, third = encode(Result(ID, body, (blob,)))
    assert second is body
    assert third is blob
    assert msgpack.unpackb(control[1:]) == [1, 4, ID, {"blobs": [400]}]
    control, second, third = encode(Chunk(ID, 1, b"", (b"ab", b"", b"c")))
    assert (second, third) == (b"", b"abc")
    assert msgpack.unpackb(control[1:])[3] == {"items": 1, "blobs": [2, 0, 1]}
    assert len(encode(Result(ID, b""))) == 1


@pytest.mark.parametrize("size", [1, 255, 256, INLINE_BODY])
@pytest.mark.parametrize("make", [Result, lambda call_id, body: Chunk(call_id, 1, body)])
def test_a_short_body_stands_in_the_control_frame(size, make):
    """One frame is cheaper than two; a longer body is not copied."""
    message = make(ID, b"x" * size)
    (control,) = encode(message)
    assert msgpack.unpackb(control[1:])[4] == message.body
    long = make(ID, b"x" * (INLINE_BODY + 1))
    assert encode(long)[1] is long.body


def test_a_short_body_gives_way_to_large_fields():
    """The control frame has its limit, whatever stands in it."""
    meta = {"pad": "x" * (MAX_CONTROL - INLINE_BODY)}
    control, body = encode(Result(ID, b"x" * INLINE_BODY, (), meta))
    assert len(control) <= MAX_CONTROL
    assert len(body) == INLINE_BODY


@pytest.mark.parametrize(
    "message",
    [
        Result(b"short", b""),
        Result("notbytes", b""),
        Result(ID, b"", (b"x",) * (MAX_BLOBS + 1)),
        Call(ID, "n" * 256, "json", b""),
        Call(ID, None, "json", b""),
        Call(ID, "n", 1, b""),
        Call(ID, "\ud800", "json", b""),
        Call(ID, "n", "json", b"", credit=Credit(-1, 0)),
        Call(ID, "n", "json", b"", credit=Credit(0, 2**53 + 1)),
        Call(ID, "n", "json", b"", credit=(1,)),
        Call(ID, "n", "json", b"", meta={1: 2}),
        Call(ID, "n", "json", b"", meta={"a": {1: 2}}),
        Call(ID, "n", "json", b"", meta={"a": object()}),
        Call(ID, "n", "json", b"", meta={"a": 2**64}),
        Call(ID, "n", "json", b"", meta={"a": [[[[[[[[1]]]]]]]]}),
        Call(ID, "n", "json", b"", meta={"a": "x" * 70_000}),
        Call(ID, "n", "json", b"", meta={"a": list(range(1_025))}),
        Call(ID, "n", "json", b"", meta={str(i): i for i in range(1_025)}),
        Chunk(ID, -1),
        Chunk(ID, True),
        Failure(ID, 0, ""),
        Failure(ID, "code", ""),
        Failure(ID, 1, None),
        Ping("text"),
        Ping(b"x" * 65),
        Pong(b"x" * 65),
        HELLO._replace(versions=()),
        HELLO._replace(versions=(0,)),
        HELLO._replace(max_message=65_535),
        HELLO._replace(versions=tuple(range(1, 66))),
        WELCOME._replace(workers=0),
        WELCOME._replace(idle_timeout=-1.0),
        WELCOME._replace(idle_timeout=float("nan")),
        WELCOME._replace(serializers=("x",) * 65),
        "no message",
    ],
    ids=lambda message: repr(message)[:60],
)
def test_what_no_peer_would_accept_is_our_error(message):
    """It is raised where the mistake is made, not at the peer."""
    with pytest.raises(LocalProtocolError):
        encode(message)


def test_prose_is_cut_rather_than_refused():
    """An error that is too long, or holds what UTF-8 cannot, still travels."""
    cut = decode(encode(Failure(ID, 100, "x" * (MAX_TEXT + 1))))
    assert len(cut.message) == MAX_TEXT
    assert cut.message.endswith("x…")
    assert decode(encode(Failure(ID, 100, "\N{SNOWMAN}" * 10**6)))
    assert decode(encode(Cancel(ID, "a\ud800b"))).reason == "a?b"
    assert decode(encode(Failure(ID, 100, "x" * MAX_TEXT))).message == "x" * MAX_TEXT
