"""Whatever arrives: a message, or RemoteProtocolError with a plain reason."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunnel.protocol.codec import decode, encode
from chunnel.protocol.errors import RemoteProtocolError
from chunnel.protocol.limits import INLINE_BODY, MAX_CONTROL, MIN_MESSAGE, Limits
from chunnel.protocol.messages import (
    Call,
    Chunk,
    Failure,
    FailureCode,
    GoAway,
    Hello,
    Message,
    Ping,
    Result,
)

from .strategies import messages

ID = b"12345678"
SMALL = Limits(max_message=MIN_MESSAGE)


def control(*array) -> bytes:
    return b"\xc1" + msgpack.packb(list(array))


def failing(*frames, limits=SMALL) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(list(frames), limits)
    return caught.value


def decoded_or_error(frames) -> Message | RemoteProtocolError:
    try:
        return decode(frames, SMALL)
    except RemoteProtocolError as error:
        return error


@given(messages)
def test_every_message_survives_the_wire(message):
    """What was encoded is decoded to an equal message of the same kind."""
    decoded = decode(encode(message))
    assert decoded == message
    assert type(decoded) is type(message)


@given(messages)
def test_the_plain_head_is_only_a_shorter_way(message):
    """Another encoder's longer forms of the same array mean the same."""
    first, *rest = encode(message)
    version, kind, call_id, fields, *body = msgpack.unpackb(first[1:])
    long_id = b"\xc0" if call_id is None else b"\xc5\x00\x08" + call_id
    longer = bytes([0xCC, version, 0xCC, kind]) + long_id + msgpack.packb(fields)
    for part in body:
        longer += b"\xc6" + len(part).to_bytes(4, "big") + part
    longer = b"\xc1\xdc\x00" + bytes([4 + len(body)]) + longer
    assert decode([longer, *rest]) == message


@given(messages)
def test_a_body_in_the_control_frame_or_behind_it_means_the_same(message):
    """Where a short body stands is the sender's choice."""
    frames = encode(message)
    if len(frames) == 1:
        version, kind, call_id, fields, *body = msgpack.unpackb(frames[0][1:])
        frames = [control(version, kind, call_id, fields), *body]
    assert decode(frames) == message


@given(st.lists(st.binary(max_size=80), max_size=5))
@example([b"\xc1"])
@example([b"\xc1\x94\x01\x03\xc4\x08"])
def test_arbitrary_frames_raise_nothing_else(frames):
    """Nor do they return anything that is not a message."""
    outcome = decoded_or_error(frames)
    assert outcome.reason if isinstance(outcome, RemoteProtocolError) else encode(outcome)


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=9) | st.binary(max_size=9)
    | st.sampled_from([ID, msgpack.ExtType(5, b""), msgpack.Timestamp(1)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["name", "ser", "credit", "input", "blobs", "meta", "code", "text", "token",
                         "items", "part", "more", "over", "versions", "version", "max_message",
                         "!x"])
        | st.text(max_size=3) | st.binary(max_size=2), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@given(
    st.integers(0, 2) | _JUNK,
    st.integers(0, 15) | _JUNK,
    st.none() | st.just(ID) | _JUNK,
    _JUNK,
    st.lists(st.binary(max_size=9), max_size=3),
)
def test_almost_messages_raise_nothing_else(version, kind, call_id, fields, rest):
    """Frames that are well-formed msgpack and right in part."""
    outcome = decoded_or_error([control(version, kind, call_id, fields), *rest])
    if isinstance(outcome, RemoteProtocolError):
        assert outcome.fatal or (outcome.call_id == ID and kind == 3)
    else:
        assert decode(encode(outcome)) == outcome


@given(messages, st.data())
def test_a_truncated_or_altered_message_raises_nothing_else(message, data):
    """Any prefix of the control frame, and any byte of it changed."""
    first, *rest = encode(message)
    cut = data.draw(st.integers(0, len(first) - 1))
    assert failing(first[:cut], *rest).fatal
    altered = bytearray(first)
    altered[cut] = data.draw(st.integers(0, 255))
    outcome = decoded_or_error([bytes(altered), *rest])
    assert outcome.reason if isinstance(outcome, RemoteProtocolError) else encode(outcome)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "without frames"),
        ([b""], "not a message"),
        ([b"GET / HTTP/1.1"], "not a message"),
        ([b"\xc1"], "not in msgpack"),
        ([b"\xc1" + b"\x94\x01"], "not in msgpack"),
        ([control(1, 10, None, {"token": b""}) + b"\x00"], "not in msgpack"),
        ([b"\xc1" + b"\x91" * 70_000], "control frame of 70001 bytes"),
        ([b"\xc1" + b"\x91" * 2_000 + b"\x00"], "not in msgpack"),
        ([b"\xc1" + b"\xdd\x00\x00\x04\x01"], "not in msgpack"),
        ([control(1, 10, None)], "list of four or five"),
        ([control(1, 4, ID, {}, b"", b"")], "list of four or five"),
        ([b"\xc1" + msgpack.packb({})], "list of four or five"),
        ([control(1, 10, None, {"token": b""}, b"x")], "a body where none belongs"),
        ([control(1, 4, ID, {}, None)], "the body must be a binary"),
        ([control(1, 4, ID, {}, "x")], "the body must be a binary"),
        ([b"\xc1\xdc\x00\x05" + control(1, 4, ID, {}, 3)[2:]], "the body must be a binary"),
        ([control(1, 4, ID, {}, b"x"), b"y"], "frames behind it"),
        ([control(1, 4, ID, {}, b"x"), b""], "frames behind it"),
        ([control(1, 4, ID, {"blobs": [1]}, b"x")], "frames behind it"),
        ([control(1, 4, ID, {})[:1] + b"\x95" + control(1, 4, ID, {})[2:]], "not in msgpack"),
        ([control(2, 10, None, {"token": b""})], "unknown version 2"),
        ([control(True, 10, None, {"token": b""})], "unknown version True"),
        ([control(0, 10, None, {"token": b""})], "unknown version 0"),
        ([control(1, 1, None, {})], "unknown version 1"),
        ([control(2, 3, ID, {"name": "n", "ser": "s"})], "unknown version 2"),
        ([control(1, 0, None, {})], "unknown kind 0"),
        ([control(1, 14, ID, {})], "unknown kind 14"),
        ([control(1, 3.0, ID, {})], "unknown kind 3.0"),
        ([control(1, [], ID, {})], r"unknown kind \[\]"),
        ([control(1, 10, ID, {"token": b""})], "call id where none"),
        ([control(1, 4, None, {})], "call id must be 8 bytes"),
        ([control(1, 4, ID[1:], {})], "call id must be 8 bytes"),
        ([control(1, 4, "12345678", {})], "call id must be 8 bytes"),
        ([control(1, 4, ID, [])], "fields must be a map"),
        ([control(1, 4, ID, None)], "fields must be a map"),
        ([control(1, 10, None, [])], "fields must be a map"),
        ([control(1, 10, None, {})], "token must be"),
        ([control(1, 10, None, {"token": "text"})], "token must be"),
        ([control(1, 10, None, {"token": b"x" * 65})], "token must be"),
        ([control(1, 10, None, {"token": b""}), b""], r"too many frames \(2\)"),
        ([control(1, 4, ID, {}), b"", b"", b""], r"too many frames \(4\)"),
        ([control(1, 4, ID, {}), b"", b"x"], "without lengths"),
        ([control(1, 4, ID, {"blobs": [1]}), b""], "without a third frame"),
        ([control(1, 4, ID, {"blobs": [1]})], "without a third frame"),
        ([control(1, 4, ID, {"blobs": [2]}), b"", b"x"], "do not add up"),
        ([control(1, 4, ID, {"blobs": [2, -1]}), b"", b"x"], "length of a blob"),
        ([control(1, 4, ID, {"blobs": []}), b"", b""], "list of 1 to"),
        ([control(1, 4, ID, {"blobs": {}}), b"", b""], "list of 1 to"),
        ([control(1, 4, ID, {"blobs": [1] * 1_024 + []}), b"", b""], "do not add up"),
        ([control(1, 4, ID, {}), b"x" * MIN_MESSAGE], "65536 are accepted"),
        ([control(1, 4, ID, {"meta": []})], "meta must be a map"),
        ([control(1, 4, ID, {"meta": {b"a": 1}})], "strings as keys"),
        ([control(1, 4, ID, {"meta": {"a": [{b"a": 1}]}})], "strings as keys"),
        ([control(1, 4, ID, {"meta": {"a": [[[[[[[[]]]]]]]]}})], "nested too deep"),
        ([control(1, 4, ID, {"meta": {"a": msgpack.ExtType(5, b"")}})], "extension type 5"),
        ([control(1, 4, ID, {"meta": {"a": msgpack.Timestamp(1)}})], "not in msgpack"),
        ([control(1, 4, ID, {1: 2})], "not in msgpack"),
        ([control(1, 5, ID, {})], "code must be"),
        ([control(1, 5, ID, {"code": 0})], "code must be"),
        ([control(1, 5, ID, {"code": True})], "code must be"),
        ([control(1, 5, ID, {"code": 1, "text": b"x"})], "text must be"),
        ([control(1, 5, ID, {"code": 1, "text": "x" * 8_193})], "text must be"),
        ([control(1, 5, ID, {"code": 1, "blobs": [1]}), b"", b"x"], "no blobs"),
        ([control(1, 6, ID, {"items": -1})], "items must be"),
        ([control(1, 6, ID, {"items": 2**53 + 1})], "items must be"),
        ([control(1, 6, ID, {"part": 1})], "part must be true or false"),
        ([control(1, 6, ID, {"more": 1})], "more must be true or false"),
        ([control(1, 8, ID, {})], "credit must be a list"),
        ([control(1, 8, ID, {"credit": [1]})], "credit must be a list"),
        ([control(1, 8, ID, {"credit": [1, "x"]})], "credit must be two integers"),
        ([control(1, 8, ID, {"credit": [1, -1]})], "credit must be from 0"),
        ([control(1, 7, ID, {}), b""], "too many frames"),
        ([control(1, 9, ID, {"text": 1})], "text must be"),
        ([control(1, 12, ID, {"text": 1})], "text must be"),
        ([control(0, 13, None, {"over": "yes"})], "over must be true or false"),
        ([control(0, 1, None, {"versions": []})], "versions must be"),
        ([control(0, 1, None, {"versions": [1], "max_message": 1})], "max_message must be"),
        ([control(1, 2, None, {"version": 0})], "version must be"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_each_fault_has_a_reason_and_ends_the_conversation(frames, reason):
    """The reason names the part that is wrong."""
    error = failing(*frames)
    assert error.fatal
    assert not error.answers
    with pytest.raises(RemoteProtocolError, match=reason):
        raise error


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([control(1, 3, ID, [])], "fields must be a map"),
        ([control(1, 3, ID, None)], "fields must be a map"),
        ([control(1, 3, ID, {})], "name must be a string of at most 255 characters"),
        ([control(1, 3, ID, {"name": "n"})], "ser must be"),
        ([control(1, 3, ID, {"name": b"n", "ser": "s"})], "name must be"),
        ([control(1, 3, ID, {"name": "n" * 256, "ser": "s"})], "name must be"),
        ([control(1, 3, ID, {"name": "n", "ser": "s", "credit": 5})], "credit must be a list"),
        ([control(1, 3, ID, {"name": "n", "ser": "s", "input": None})], "input must be"),
        ([control(1, 3, ID, {"name": "n", "ser": "s", "meta": 1})], "meta must be a map"),
        ([control(1, 3, ID, {"name": "n", "ser": "s"}), b"x" * MIN_MESSAGE], "are accepted"),
        ([control(1, 3, ID, {"name": "n", "ser": "s"}), b"", b"", b""], "too many frames"),
    ],
)
def test_a_call_that_names_itself_spoils_only_itself(frames, reason):
    """It is answered by a FAILURE that says what is wrong; the conversation goes on."""
    error = failing(*frames)
    assert not error.fatal
    assert error.call_id == ID
    assert error.answers == (Failure(ID, FailureCode.MALFORMED, error.reason),)
    assert reason in error.reason


def test_fields_that_are_not_known_are_ignored():
    """So that a later library of the same version can say more."""
    assert decode([control(1, 10, None, {"token": b"t", "new": [1]})]) == Ping(b"t")
    frames = [control(0, 13, None, {"text": "x", "until": 5})]
    assert decode(frames) == GoAway("x")


def test_a_hello_from_the_future_is_read():
    """Its layout is frozen; what later versions add is ignored."""
    fields = {"versions": [7, 8], "max_message": 65_536, "agent": "a", "project": "p", "new": 1}
    assert decode([control(0, 1, None, fields)]) == Hello((7, 8), 65_536, "a", "p")


def test_limits_are_inclusive():
    """A message of exactly the limit is accepted, one byte more is not."""
    first = control(1, 4, ID, {})
    assert decode([first, b"x" * (MIN_MESSAGE - len(first))], SMALL)
    assert "are accepted" in failing(first, b"x" * (MIN_MESSAGE - len(first) + 1)).reason
    padding = MAX_CONTROL - len(control(1, 10, None, {"token": b"", "pad": b"x" * 300})) + 300
    assert decode([control(1, 10, None, {"token": b"", "pad": b"x" * padding})]) == Ping(b"")
    longer = control(1, 10, None, {"token": b"", "pad": b"x" * (padding + 1)})
    assert "control frame of 65537" in failing(longer).reason


def test_bytes_are_not_copied():
    """The body, and a blob that is alone, are the frames themselves."""
    body, blob = b"b" * 500, b"x" * 500
    large = b"b" * (INLINE_BODY + 1)
    assert decode(encode(Result(ID, large))).body is large
    frames = encode(Call(ID, "n", "s", body, (blob,)))
    call = decode(frames)
    assert call.body is body
    assert call.blobs[0] is blob


def test_an_empty_frame_and_a_missing_one_mean_the_same():
    """A body may be sent empty or left out."""
    assert decode([control(1, 6, ID, {}), b""]) == Chunk(ID) == decode([control(1, 6, ID, {})])
