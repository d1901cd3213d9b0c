"""Messages to frames. What ``decode`` would refuse of us, ``encode`` refuses first.

The exception is prose for people, which is cut to its limit: an error must not fail to travel for
being long. Only the peer knows how large a message it accepts, so that is the engine's to check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from msgpack import packb

from . import parts
from .errors import LocalProtocolError
from .limits import (
    CALL_ID_SIZE,
    INLINE_BODY,
    MAX_BLOBS,
    MAX_CONTROL,
    MAX_SERIALIZERS,
    MAX_TEXT,
    MAX_VERSIONS,
    MIN_MESSAGE,
)
from .messages import (
    Busy,
    Call,
    CallId,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    Frames,
    GoAway,
    GrantCredit,
    Hello,
    Kind,
    Message,
    Metadata,
    Ping,
    Pong,
    Result,
    Welcome,
)
from .parts import HEADS, INLINE_HEADS, NO_FIELDS, Fields, Malformed

_INLINE_RESULT: Final = INLINE_HEADS[Kind.RESULT]


def encode(message: Message) -> Frames:
    """Make the frames of ``message``; raise LocalProtocolError for what no peer would accept."""
    try:
        frames = _ENCODERS[type(message)](message)
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError) as error:
        name = type(message).__name__
        raise LocalProtocolError(f"cannot encode {name}: {error}") from error
    if len(frames[0]) > MAX_CONTROL:
        name = type(message).__name__
        raise LocalProtocolError(f"{name} makes a control frame of {len(frames[0])} bytes")
    return frames


def _about_call(
    kind: Kind, call_id: CallId, fields: Fields, body: bytes = b"", blobs: tuple[bytes, ...] = ()
) -> Frames:
    if type(call_id) is not bytes or len(call_id) != CALL_ID_SIZE:
        raise Malformed(f"a call id must be {CALL_ID_SIZE} bytes")
    if blobs:
        if len(blobs) > MAX_BLOBS:
            raise Malformed(f"at most {MAX_BLOBS} blobs fit in a message")
        fields["blobs"] = [len(blob) for blob in blobs]
        joined = blobs[0] if len(blobs) == 1 else b"".join(blobs)
        return [HEADS[kind] + call_id + packb(fields), body, joined]
    packed = packb(fields) if fields else NO_FIELDS
    if not body:
        return [HEADS[kind] + call_id + packed]
    size = len(body)
    if size <= INLINE_BODY and len(packed) < _ROOM_BESIDE_BODY:
        return [INLINE_HEADS[kind] + call_id + packed + _binary(size) + body]
    return [HEADS[kind] + call_id + packed, body]


_ROOM_BESIDE_BODY: Final = MAX_CONTROL - INLINE_BODY - 64


def _binary(size: int) -> bytes:
    """Return what msgpack puts before so many bytes, at most 65,535 of them."""
    return bytes((0xC4, size)) if size < 256 else b"\xc5" + size.to_bytes(2, "big")


def _about_all(kind: Kind, fields: Fields) -> Frames:
    return [HEADS[kind] + packb(fields)]


def _with_meta(fields: Fields, meta: Metadata) -> Fields:
    if meta:
        fields["meta"] = parts.metadata(meta if type(meta) is dict else dict(meta))
    return fields


def _prose(text: str) -> Fields:
    """Return the field of a prose text: cut, and without what UTF-8 cannot hold."""
    if type(text) is not str:
        raise Malformed("text must be a string")
    if not text:
        return {}
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return {"text": text.encode("utf-8", "replace").decode("utf-8")}


def _amounts(credit: Credit) -> list[int]:
    items, size = credit
    return [parts.number(items, "credit items"), parts.number(size, "credit bytes")]


def _hello(hello: Hello) -> Frames:
    if not 1 <= len(hello.versions) <= MAX_VERSIONS:
        raise Malformed(f"versions must be 1 to {MAX_VERSIONS} integers")
    fields = {
        "versions": [parts.number(version, "version", 1) for version in hello.versions],
        "max_message": parts.number(hello.max_message, "max_message", MIN_MESSAGE),
        "agent": parts.text(hello.agent, "agent"),
        "project": parts.text(hello.project, "project"),
    }
    return _about_all(Kind.HELLO, _with_meta(fields, hello.meta))


def _welcome(welcome: Welcome) -> Frames:
    idle_timeout = round(welcome.idle_timeout * 1000)
    fields = {
        "version": parts.number(welcome.version, "version", 1),
        "max_message": parts.number(welcome.max_message, "max_message", MIN_MESSAGE),
        "agent": parts.text(welcome.agent, "agent"),
        "project": parts.text(welcome.project, "project"),
        "instance": parts.text(welcome.instance, "instance"),
        "workers": parts.number(welcome.workers, "workers", 1),
        "fingerprint": parts.text(welcome.fingerprint, "fingerprint"),
        "idle_timeout": parts.number(idle_timeout, "idle_timeout"),
        "serializers": list(
            parts.strings(list(welcome.serializers), "serializers", MAX_SERIALIZERS)
        ),
    }
    return _about_all(Kind.WELCOME, _with_meta(fields, welcome.meta))


def _call(call: Call) -> Frames:
    call_id, name, serializer, body, blobs, credit, with_input, meta = call
    fields: Fields = {
        "name": parts.text(name, "name"),
        "ser": parts.text(serializer, "ser"),
    }
    if credit != (0, 0):
        fields["credit"] = _amounts(credit)
    if with_input:
        fields["input"] = True
    if meta:
        fields["meta"] = parts.metadata(meta if type(meta) is dict else dict(meta))
    return _about_call(Kind.CALL, call_id, fields, body, blobs)


def _result(result: Result) -> Frames:
    call_id, body, blobs, meta = result
    if not meta and not blobs and type(call_id) is bytes and len(call_id) == CALL_ID_SIZE:
        size = len(body)
        if 0 < size <= INLINE_BODY:  # most answers are as plain as this
            return [_INLINE_RESULT + call_id + NO_FIELDS + _binary(size) + body]
    return _about_call(Kind.RESULT, call_id, _with_meta({}, meta), body, blobs)


def _failure(failure: Failure) -> Frames:
    fields = _prose(failure.message)
    fields["code"] = parts.number(int(failure.code), "code", 1)
    return _about_call(
        Kind.FAILURE, failure.call_id, _with_meta(fields, failure.meta), failure.body
    )


def _chunk(chunk: Chunk) -> Frames:
    call_id, items, body, blobs, part, meta, more = chunk
    fields: Fields = {}
    if items:
        fields["items"] = parts.number(items, "items")
    if part:
        fields["part"] = True
    if more:
        fields["more"] = True
    return _about_call(Kind.CHUNK, call_id, _with_meta(fields, meta), body, blobs)


def _end(end: End) -> Frames:
    return _about_call(Kind.END, end.call_id, _with_meta({}, end.meta))


def _credit(grant: GrantCredit) -> Frames:
    return _about_call(Kind.CREDIT, grant.call_id, {"credit": _amounts(grant.credit)})


def _cancel(cancel: Cancel) -> Frames:
    return _about_call(Kind.CANCEL, cancel.call_id, _prose(cancel.reason))


def _busy(busy: Busy) -> Frames:
    return _about_call(Kind.BUSY, busy.call_id, _prose(busy.message))


def _ping(ping: Ping) -> Frames:
    return _about_all(Kind.PING, {"token": parts.token(ping.token)})


def _pong(pong: Pong) -> Frames:
    return _about_all(Kind.PONG, _with_meta({"token": parts.token(pong.token)}, pong.meta))


def _goaway(goaway: GoAway) -> Frames:
    fields = _prose(goaway.reason)
    if goaway.over:
        fields["over"] = True
    return _about_all(Kind.GOAWAY, fields)


_Encoder: TypeAlias = Callable[[Any], Frames]

_ENCODERS: Final[Mapping[type, _Encoder]] = {
    Hello: _hello,
    Welcome: _welcome,
    Call: _call,
    Result: _result,
    Failure: _failure,
    Chunk: _chunk,
    End: _end,
    GrantCredit: _credit,
    Cancel: _cancel,
    Ping: _ping,
    Pong: _pong,
    Busy: _busy,
    GoAway: _goaway,
}
