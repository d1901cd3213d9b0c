"""Frames to messages. Whatever arrives, ``decode`` returns a message or raises RemoteProtocolError.

* Fields that this version does not know are ignored; a field that it knows must have its type.
* A CALL whose control frame names its call but that is otherwise unreadable spoils that call only:
  the error is not fatal, and answers with a FAILURE. All else is fatal.
* Nothing is believed before it is checked: sizes before parsing, lengths before slicing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgpack import unpackb

from . import parts
from .credit import NO_CREDIT
from .errors import RemoteProtocolError
from .limits import (
    CALL_ID_SIZE,
    DEFAULT_LIMITS,
    FROZEN,
    MAX_BLOBS,
    MAX_CONTROL,
    MAX_ENTRIES,
    MAX_FRAMES,
    MAX_SERIALIZERS,
    MAX_TEXT,
    MAX_VERSIONS,
    MIN_MESSAGE,
    VERSIONS,
    Limits,
)
from .messages import (
    NO_METADATA,
    Busy,
    Call,
    CallId,
    Cancel,
    Chunk,
    End,
    Failure,
    FailureCode,
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
from .parts import (
    ABOUT_ALL,
    FROZEN_KINDS,
    HEADS,
    INLINE_HEADS,
    MAGIC,
    NO_FIELDS,
    WITH_BODY,
    Fields,
    Malformed,
)

_CALL: Final = Kind.CALL
_make: Final = tuple.__new__


def _unpack(packed: bytes) -> Any:
    """Unpack a control frame's array. Extension types do not fit, being longer than zero."""
    return unpackb(
        packed,
        max_array_len=MAX_ENTRIES,
        max_map_len=MAX_ENTRIES,
        max_ext_len=0,
        ext_hook=_no_extension,
    )


def _no_extension(code: int, _: bytes) -> Any:
    raise Malformed(f"extension type {code} in a control frame")


_ID_STARTS: Final = len(HEADS[Kind.CALL])
_ID_ENDS: Final = _ID_STARTS + CALL_ID_SIZE

_PLAIN_HEADS: Final = {head: kind for kind, head in HEADS.items() if kind not in ABOUT_ALL}
_INLINE_HEADS: Final = {head: kind for kind, head in INLINE_HEADS.items()}
"""The heads of messages about a call in msgpack's shortest form, which needs no further check."""

_PAIR: Final = b"\x92"
"""What makes a list of the two values behind it."""


def decode(frames: Sequence[bytes], limits: Limits = DEFAULT_LIMITS) -> Message:
    """Read a message; raise RemoteProtocolError if it is none, or exceeds ``limits``."""
    if not frames:
        raise RemoteProtocolError("a message without frames")
    control = frames[0]
    size = len(control)
    if size > MAX_CONTROL:
        raise RemoteProtocolError(f"a control frame of {size} bytes")
    spoiled: CallId | None = None
    inline: bytes | None = None
    try:
        head = control[:_ID_STARTS]
        if head in _INLINE_HEADS:
            kind = _INLINE_HEADS[head]
            call_id = control[_ID_STARTS:_ID_ENDS]
            fields, inline = _unpack(_PAIR + control[_ID_ENDS:])
            if type(inline) is not bytes:
                raise Malformed("the body must be a binary")
        elif head in _PLAIN_HEADS:
            kind = _PLAIN_HEADS[head]
            call_id = control[_ID_STARTS:_ID_ENDS]
            rest = control[_ID_ENDS:]
            fields = {} if rest == NO_FIELDS else _unpack(rest)
        else:
            kind, call_id, fields, inline = _parts(control)
        if kind is _CALL:
            spoiled = call_id
        if type(fields) is not dict:
            raise Malformed("the fields must be a map")
        count = len(frames)
        if inline is None:
            body = b""
        elif count > 1 or "blobs" in fields:
            raise Malformed("a body in the control frame and frames behind it")
        else:
            body = inline
        if count > 1:
            if count > MAX_FRAMES or kind not in WITH_BODY:
                raise Malformed(f"too many frames ({count})")
            body = frames[1]
            size += len(body) if count == 2 else len(body) + len(frames[2])
        if size > limits.max_message:
            raise Malformed(f"a message of {size} bytes, where {limits.max_message} are accepted")
        blobs = _blobs(fields, frames) if count > 2 or "blobs" in fields else ()
        return _DECODERS[kind](call_id, fields, body, blobs)
    except (ValueError, TypeError, OverflowError) as error:
        reason = str(error) if isinstance(error, Malformed) else "a control frame not in msgpack"
        if spoiled is None:
            raise RemoteProtocolError(reason) from error
        failure = Failure(spoiled, FailureCode.MALFORMED, reason)
        raise RemoteProtocolError(
            reason, call_id=spoiled, fatal=False, answers=(failure,)
        ) from error


def _parts(control: bytes) -> tuple[Kind, Any, Any, bytes | None]:
    """Check the array of a control frame; return kind, call id, fields (unchecked) and body."""
    if control[:1] != MAGIC:
        raise Malformed("not a message of Chunnel")
    parts = _unpack(control[1:])
    if type(parts) is not list or not 4 <= len(parts) <= 5:
        raise Malformed("a control frame must be a list of four or five")
    version, kind, call_id, fields = parts[:4]
    if type(kind) is not int or kind not in _DECODERS:
        raise Malformed(f"unknown kind {kind!r:.40}")
    if type(version) is not int or (
        version != FROZEN if kind in FROZEN_KINDS else version not in VERSIONS
    ):
        raise Malformed(f"unknown version {version!r:.40}")
    if kind in ABOUT_ALL:
        if call_id is not None:
            raise Malformed("a call id where none belongs")
    elif type(call_id) is not bytes or len(call_id) != CALL_ID_SIZE:
        raise Malformed(f"a call id must be {CALL_ID_SIZE} bytes")
    if len(parts) == 4:
        return Kind(kind), call_id, fields, None
    if kind not in WITH_BODY:
        raise Malformed("a body where none belongs")
    if type(parts[4]) is not bytes:
        raise Malformed("the body must be a binary")
    return Kind(kind), call_id, fields, parts[4]


def _blobs(fields: Fields, frames: Sequence[bytes]) -> tuple[bytes, ...]:
    lengths = fields.get("blobs")
    if lengths is None:
        raise Malformed("a third frame without lengths of blobs")
    if type(lengths) is not list or not 1 <= len(lengths) <= MAX_BLOBS:
        raise Malformed(f"blobs must be a list of 1 to {MAX_BLOBS} lengths")
    if len(frames) < 3:
        raise Malformed("lengths of blobs without a third frame")
    joined = frames[2]
    if sum(parts.number(length, "length of a blob") for length in lengths) != len(joined):
        raise Malformed("the lengths of blobs do not add up to the third frame")
    if len(lengths) == 1:
        return (joined,)
    blobs = []
    start = 0
    for length in lengths:
        blobs.append(joined[start : start + length])
        start += length
    return tuple(blobs)


def _meta(fields: Fields) -> Metadata:
    meta = fields.get("meta")
    return NO_METADATA if meta is None else parts.metadata(meta)


def _hello(_: Any, fields: Fields, __: bytes, ___: Any) -> Message:
    versions = fields.get("versions")
    if type(versions) is not list or not 1 <= len(versions) <= MAX_VERSIONS:
        raise Malformed(f"versions must be a list of 1 to {MAX_VERSIONS} integers")
    return Hello(
        tuple(parts.number(version, "version", 1) for version in versions),
        parts.number(fields.get("max_message"), "max_message", MIN_MESSAGE),
        parts.text(fields.get("agent"), "agent"),
        parts.text(fields.get("project"), "project"),
        _meta(fields),
    )


def _welcome(_: Any, fields: Fields, __: bytes, ___: Any) -> Message:
    return Welcome(
        parts.number(fields.get("version"), "version", 1),
        parts.number(fields.get("max_message"), "max_message", MIN_MESSAGE),
        parts.text(fields.get("agent"), "agent"),
        parts.text(fields.get("project"), "project"),
        parts.text(fields.get("instance"), "instance"),
        parts.number(fields.get("workers"), "workers", 1),
        parts.text(fields.get("fingerprint"), "fingerprint"),
        parts.number(fields.get("idle_timeout"), "idle_timeout") / 1000,
        parts.strings(fields.get("serializers"), "serializers", MAX_SERIALIZERS),
        _meta(fields),
    )


def _call(call_id: Any, fields: Fields, body: bytes, blobs: tuple[bytes, ...]) -> Message:
    get = fields.get
    credit = get("credit")
    meta = get("meta")
    call = (
        call_id,
        parts.text(get("name"), "name"),
        parts.text(get("ser"), "ser"),
        body,
        blobs,
        NO_CREDIT if credit is None else parts.pair(credit),
        parts.flag(get("input", False), "input"),
        NO_METADATA if meta is None else parts.metadata(meta),
    )
    return _make(Call, call)  # three times as fast as naming the fields, on the way of every call


def _result(call_id: Any, fields: Fields, body: bytes, blobs: tuple[bytes, ...]) -> Message:
    return _make(Result, (call_id, body, blobs, _meta(fields)))


def _failure(call_id: Any, fields: Fields, body: bytes, blobs: tuple[bytes, ...]) -> Message:
    if blobs:
        raise Malformed("a FAILURE has no blobs")
    return Failure(
        call_id,
        parts.number(fields.get("code"), "code", 1),
        parts.text(fields.get("text", ""), "text", MAX_TEXT),
        body,
        _meta(fields),
    )


def _chunk(call_id: Any, fields: Fields, body: bytes, blobs: tuple[bytes, ...]) -> Message:
    return Chunk(
        call_id,
        parts.number(fields.get("items", 0), "items"),
        body,
        blobs,
        parts.flag(fields.get("part", False), "part"),
        _meta(fields),
        parts.flag(fields.get("more", False), "more"),
    )


def _end(call_id: Any, fields: Fields, _: bytes, __: Any) -> Message:
    return End(call_id, _meta(fields))


def _credit(call_id: Any, fields: Fields, _: bytes, __: Any) -> Message:
    return GrantCredit(call_id, parts.pair(fields.get("credit")))


def _cancel(call_id: Any, fields: Fields, _: bytes, __: Any) -> Message:
    return Cancel(call_id, parts.text(fields.get("text", ""), "text", MAX_TEXT))


def _ping(_: Any, fields: Fields, __: bytes, ___: Any) -> Message:
    return Ping(parts.token(fields.get("token")))


def _pong(_: Any, fields: Fields, __: bytes, ___: Any) -> Message:
    return Pong(parts.token(fields.get("token")), _meta(fields))


def _busy(call_id: Any, fields: Fields, _: bytes, __: Any) -> Message:
    return Busy(call_id, parts.text(fields.get("text", ""), "text", MAX_TEXT))


def _goaway(_: Any, fields: Fields, __: bytes, ___: Any) -> Message:
    return GoAway(
        parts.text(fields.get("text", ""), "text", MAX_TEXT),
        parts.flag(fields.get("over", False), "over"),
    )


_Decoder: TypeAlias = Callable[[Any, Fields, bytes, tuple[bytes, ...]], Message]

_DECODERS: Final[Mapping[int, _Decoder]] = {
    Kind.HELLO: _hello,
    Kind.WELCOME: _welcome,
    Kind.CALL: _call,
    Kind.RESULT: _result,
    Kind.FAILURE: _failure,
    Kind.CHUNK: _chunk,
    Kind.END: _end,
    Kind.CREDIT: _credit,
    Kind.CANCEL: _cancel,
    Kind.PING: _ping,
    Kind.PONG: _pong,
    Kind.BUSY: _busy,
    Kind.GOAWAY: _goaway,
}
