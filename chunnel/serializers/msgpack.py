"""The msgpack serializer, the default.

Rules of this file:

* What msgpack has natively is packed by its C code without a Python call in between: None, bool,
  64-bit int, float, str, bytes, list and dict. ``strict_types`` makes it ask for everything else.
* A scalar of another type is an extension whose payload is its bytes (``_PACK_SCALAR``).
* A container of another type, say a tuple, is a map with one entry: the key is an empty extension,
  the *mark*, the value an ordinary array. Nothing is packed inside packed bytes: depth and length
  stay visible to the C code, and nothing is copied once more for each level of nesting. A user's own
  dict cannot be taken for one, since no user's key becomes an empty extension.
* Bodies that claim more than they hold are found before anything is allocated (``_check_lengths``).

The numbers of extensions are the wire's and never change; docs/reference/values describes them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from struct import Struct
from struct import error as StructError
from typing import Any, ClassVar
from uuid import UUID

from msgpack import ExtType, Packer, Unpacker, UnpackException, unpackb

from ..exceptions import SerializationError
from ..values import InstanceRef, InstanceRow, RowSet
from ..values.columns import pack_column
from ..values.depth import is_too_deep
from ..values.limits import BLOB_SIZE, MAX_DEPTH, MAX_INT_BYTES
from ..values.nearest import MAX_STEPS, HookFailed, Own, nearer
from ..values.numbers import (
    MAX_WIRE_INT,
    MIN_WIRE_INT,
    check_int,
    decimal_from_text,
    decimal_to_text,
)
from ..values.zones import Zone, zone_from, zone_of
from .base import Lift, Lower, Packed, Serializer
from .parts import build_own, build_ref, build_row, build_row_set
from .places import explain

BLOB, INT, DECIMAL, DATETIME, DATE, TIME, TIMEDELTA, UUID_ = range(8)
TUPLE, SET, FROZENSET, OWN, REF, ROW, ROW_SET = range(16, 23)

_FAILURES = (TypeError, ValueError, ArithmeticError, RecursionError, BufferError)
"""What packing raises for a value that cannot travel; SerializationError is a ValueError."""

_MALFORMED = (*_FAILURES, LookupError, StructError, UnpackException)
"""What unpacking raises for bytes that no serializer made."""

_UNCHECKED_SIZE = 4096
"""Bytes of a body that need no look at its lengths in advance. An array that claims one item for
each byte reserves eight times that, once for each of msgpack's 1,024 levels: 32 MB at this size,
but gigabytes at a megabyte."""

_SMALL_LIST = 32
"""Items of a list in which a large binary is looked for before packing; see ``_is_large_nearby``."""

_LARGE_BINARY = re.compile(rb"\xc6[\x00-\xff](?:[\x01-\xff]|\x00[\x01-\xff])", re.DOTALL)
"""What a binary of at least 64 KiB begins with in a body; other bytes may look like it by chance."""

_NOT_A_CONTAINER = bytes(range(0x80)) + bytes(range(0xA0, 0xDC)) + bytes(range(0xE0, 0x100))
"""Bytes that begin neither an array nor a map."""


class MsgpackSerializer(Serializer):
    """msgpack with extensions."""

    name: ClassVar[str] = "msgpack"

    def dumps(
        self, value: Any, *, lower: Lower | None = None, roots: Sequence[str] = ("value",)
    ) -> Packed:
        """Pack ``value``; see Serializer."""
        try:
            if _is_large_nearby(value):
                return self._dump_detached(value, lower)
            body: bytes = Packer(
                default=partial(_reduce, self.types, lower, None), strict_types=True
            ).pack(value)
            if len(body) > MAX_DEPTH:
                if _may_be_deep(body) and is_too_deep(value, keys=_MARK_BYTES in body):
                    raise SerializationError(f"nested more than {MAX_DEPTH} deep")
                if len(body) >= BLOB_SIZE and _LARGE_BINARY.search(body) is not None:
                    return self._dump_detached(value, lower)
        except HookFailed as failure:
            raise failure.error from failure.error.__cause__
        except _FAILURES as error:
            raise self._explained(error, value, lower, roots) from error
        return Packed(body)

    def _dump_detached(self, value: Any, lower: Lower | None) -> Packed:
        """Pack with large binaries beside the body, which needs a Python look at every container."""
        blobs: list[bytes] = []
        default = partial(_reduce, self.types, lower, blobs)
        value = _detach(value, blobs)
        body: bytes = Packer(default=default, strict_types=True).pack(value)
        if is_too_deep(value):
            raise SerializationError(f"nested more than {MAX_DEPTH} deep")
        return Packed(body, tuple(blobs))

    def _explained(
        self, error: Exception, value: Any, lower: Lower | None, roots: Sequence[str]
    ) -> SerializationError:
        try:
            return explain(error, value, self.types, lower, roots)
        except HookFailed as failure:
            raise failure.error from failure.error.__cause__

    def loads(self, body: bytes, blobs: Sequence[bytes] = (), *, lift: Lift | None = None) -> Any:
        """Unpack; see Serializer."""
        reader = _Reader(self, blobs, lift)
        try:
            if len(body) > _UNCHECKED_SIZE:
                _check_lengths(body)
            value = unpackb(
                body,
                strict_map_key=False,
                ext_hook=reader.on_extension,
                object_hook=reader.on_map,
                timestamp=3,
            )
            if (
                len(body) > MAX_DEPTH
                and _may_be_deep(body)
                and is_too_deep(value, keys=_MARK_BYTES in body)
            ):
                raise SerializationError(f"nested more than {MAX_DEPTH} deep")
        except HookFailed as failure:
            raise failure.error from failure.error.__cause__
        except SerializationError:
            raise
        except _MALFORMED as error:
            raise SerializationError(f"malformed msgpack: {error}") from error
        if reader.marks:
            raise SerializationError("malformed msgpack: a mark outside a map of its own")
        return value


# Packing -----------------------------------------------------------------------------------------


def _reduce(types: Any, lower: Lower | None, blobs: list[bytes] | None, value: Any) -> Any:
    """Return what msgpack packs natively in place of ``value``, at least in its outermost layer."""
    for _ in range(MAX_STEPS):
        pack = _PACK.get(type(value))
        if pack is not None:
            reduced = pack(value)
            return reduced if blobs is None else _detach(reduced, blobs)
        value = nearer(value, types, lower)
    raise SerializationError(f"it does not become a value that travels in {MAX_STEPS} steps")


def _detach(value: Any, blobs: list[bytes]) -> Any:
    """Return ``value`` with references in place of large binaries, which are added to ``blobs``."""
    kind = type(value)
    if kind is list:
        return [_detach(item, blobs) if type(item) in _DETACHABLE else item for item in value]
    if kind is dict:
        return {
            key: _detach(item, blobs) if type(item) in _DETACHABLE else item
            for key, item in value.items()
        }
    if kind in _BINARIES:
        size = value.nbytes if kind is memoryview else len(value)
        if size >= BLOB_SIZE:
            blobs.append(bytes(value))
            return ExtType(BLOB, _BLOB.pack(len(blobs) - 1))
    return value


_BINARIES = frozenset({bytes, bytearray, memoryview})
_DETACHABLE = _BINARIES | {list, dict}


def _is_large_nearby(value: Any) -> bool:
    """Say whether a large binary is the value, an item of it, or an item of its items.

    That is where arguments, results and chunks of files have it. Any other is found in the packed
    body, which costs a copy.
    """
    kind = type(value)
    if kind in _BINARIES:
        return len(value) >= BLOB_SIZE
    if kind is list and len(value) <= _SMALL_LIST:
        for part in value:
            kind = type(part)
            if kind is dict:
                part = part.values()
            elif kind is not list:
                part = (part,)
            if len(part) <= _SMALL_LIST:
                for item in part:
                    if type(item) in _BINARIES and len(item) >= BLOB_SIZE:
                        return True
    return False


def _itself(value: Any) -> Any:
    return value


def _pack_int(value: int) -> Any:
    if MIN_WIRE_INT <= value <= MAX_WIRE_INT:
        return value
    check_int(value)
    return ExtType(INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _pack_decimal(value: Decimal) -> Any:
    return ExtType(DECIMAL, decimal_to_text(value).encode())


_DATETIME = Struct(">BHBBBBBI")
_DATE = Struct(">HBB")
_TIME = Struct(">BBBBI")
_TIMEDELTA = Struct(">iII")
_OFFSET = Struct(">q")
_BLOB = Struct(">I")

# The first byte of a datetime or time: how its zone follows, and whether it is the second of two
# equal times (fold).
_NAIVE, _FIXED, _NAMED, _FOLD = 0, 1, 2, 4


def _zone_bytes(zone: Zone) -> tuple[int, bytes]:
    if zone is None:
        return _NAIVE, b""
    if isinstance(zone, int):
        return _FIXED, _OFFSET.pack(zone)
    return _NAMED, zone.encode()


def _pack_datetime(value: dt.datetime) -> Any:
    flags, zone = _zone_bytes(zone_of(value))
    clock = _DATETIME.pack(
        flags | (_FOLD if value.fold else 0),
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
    )
    return ExtType(DATETIME, clock + zone)


def _pack_date(value: dt.date) -> Any:
    return ExtType(DATE, _DATE.pack(value.year, value.month, value.day))


def _pack_time(value: dt.time) -> Any:
    flags, zone = _zone_bytes(zone_of(value))
    clock = _TIME.pack(
        flags | (_FOLD if value.fold else 0),
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
    )
    return ExtType(TIME, clock + zone)


def _pack_timedelta(value: dt.timedelta) -> Any:
    return ExtType(TIMEDELTA, _TIMEDELTA.pack(value.days, value.seconds, value.microseconds))


def _pack_uuid(value: UUID) -> Any:
    return ExtType(UUID_, value.bytes)


_MARK_BYTES = b"\xc7\x00"  # what every mark begins with
_M_TUPLE, _M_SET, _M_FROZENSET, _M_OWN, _M_REF, _M_ROW, _M_ROW_SET = (
    ExtType(code, b"") for code in (TUPLE, SET, FROZENSET, OWN, REF, ROW, ROW_SET)
)


def _pack_own(value: Own) -> Any:
    if is_too_deep(value.content):
        raise SerializationError(f"nested more than {MAX_DEPTH} deep")
    return {_M_OWN: [value.name, value.content]}


def _pack_row(value: InstanceRow) -> Any:
    return {
        _M_ROW: [value.model, value.pk, list(value.names), list(value.values), value.text],
    }


def _pack_row_set(value: RowSet) -> Any:
    columns = [pack_column(column) for column in value.columns]
    return {_M_ROW_SET: [value.model, list(value.names), columns]}


_PACK: dict[type[Any], Callable[[Any], Any]] = {
    type(None): _itself,
    bool: _itself,
    float: _itself,
    str: _itself,
    bytes: _itself,
    bytearray: _itself,
    memoryview: _itself,
    list: _itself,
    dict: _itself,
    int: _pack_int,
    Decimal: _pack_decimal,
    dt.datetime: _pack_datetime,
    dt.date: _pack_date,
    dt.time: _pack_time,
    dt.timedelta: _pack_timedelta,
    UUID: _pack_uuid,
    tuple: lambda value: {_M_TUPLE: list(value)},
    set: lambda value: {_M_SET: list(value)},
    frozenset: lambda value: {_M_FROZENSET: list(value)},
    Own: _pack_own,
    InstanceRef: lambda value: {_M_REF: [value.model, value.pk]},
    InstanceRow: _pack_row,
    RowSet: _pack_row_set,
}


# Unpacking ---------------------------------------------------------------------------------------


class _Mark:
    """The key of a map that stands for a container; ``build`` makes that from the map's value."""

    __slots__ = ("build",)

    def __init__(self, build: Callable[[_Reader, Any], Any]):
        self.build = build


class _Reader:
    """What unpacking one body needs to know; ``marks`` counts those read and not yet used."""

    __slots__ = ("blobs", "lift", "marks", "types")

    def __init__(self, serializer: Serializer, blobs: Sequence[bytes], lift: Lift | None):
        self.types = serializer.types
        self.blobs = blobs
        self.lift = lift
        self.marks = 0

    def on_extension(self, code: int, data: bytes) -> Any:
        if not data:
            mark = _MARKS.get(code)
            if mark is not None:
                self.marks += 1
                return mark
        elif code == BLOB:
            return bytes(self.blobs[_BLOB.unpack(data)[0]])
        unpack = _UNPACK.get(code)
        if unpack is None:
            raise SerializationError(f"malformed msgpack: there is no extension {code}")
        return unpack(data)

    def on_map(self, value: dict[Any, Any]) -> Any:
        if self.marks and len(value) == 1:
            ((key, content),) = value.items()
            if type(key) is _Mark:
                self.marks -= 1
                return key.build(self, content)
        return value


def _list(content: Any) -> list[Any]:
    if type(content) is not list:
        raise SerializationError("malformed msgpack: the content of a mark is not an array")
    return content


_MARKS: dict[int, _Mark] = {
    TUPLE: _Mark(lambda _reader, content: tuple(_list(content))),
    SET: _Mark(lambda _reader, content: set(_list(content))),
    FROZENSET: _Mark(lambda _reader, content: frozenset(_list(content))),
    OWN: _Mark(lambda reader, content: build_own(content, reader.types)),
    REF: _Mark(lambda reader, content: build_ref(content, reader.lift)),
    ROW: _Mark(lambda reader, content: build_row(content, reader.lift)),
    ROW_SET: _Mark(lambda reader, content: build_row_set(content, reader.lift)),
}


def _unpack_int(data: bytes) -> int:
    if len(data) > MAX_INT_BYTES + 1:
        raise ValueError(f"an integer of more than {MAX_INT_BYTES} bytes")
    return int.from_bytes(data, "big", signed=True)


def _unpack_zone(flags: int, data: bytes) -> dt.tzinfo | None:
    kind = flags & ~_FOLD
    if kind == _NAIVE and not data:
        return None
    if kind == _FIXED:
        return zone_from(_OFFSET.unpack(data)[0])
    if kind == _NAMED:
        return zone_from(data.decode("ascii"))
    raise ValueError("a time of an unknown form")


def _unpack_datetime(data: bytes) -> dt.datetime:
    flags, *clock = _DATETIME.unpack_from(data)
    zone = _unpack_zone(flags, data[_DATETIME.size :])
    return dt.datetime(*clock, tzinfo=zone, fold=flags >> 2)


def _unpack_time(data: bytes) -> dt.time:
    flags, *clock = _TIME.unpack_from(data)
    zone = _unpack_zone(flags, data[_TIME.size :])
    return dt.time(*clock, tzinfo=zone, fold=flags >> 2)


_UNPACK: dict[int, Callable[[bytes], Any]] = {
    INT: _unpack_int,
    DECIMAL: lambda data: decimal_from_text(data.decode("ascii")),
    DATETIME: _unpack_datetime,
    DATE: lambda data: dt.date(*_DATE.unpack(data)),
    TIME: _unpack_time,
    TIMEDELTA: lambda data: dt.timedelta(*_TIMEDELTA.unpack(data)),
    UUID_: lambda data: UUID(bytes=data),
}


def _check_lengths(body: bytes) -> None:
    """Raise what unpacking would raise for a body that ends too early, without making its values."""
    unpacker = Unpacker(max_buffer_size=len(body))
    unpacker.feed(body)
    unpacker.skip()


def _may_be_deep(body: bytes) -> bool:
    """Say whether the body has more containers than MAX_DEPTH; bytes of other values count along."""
    return len(body) > _UNCHECKED_SIZE or len(body.translate(None, _NOT_A_CONTAINER)) > MAX_DEPTH
