"""The scalars that msgpack lacks, as its extensions: a number of a type, and bytes.

The numbers and layouts are the wire's and never change. Integers in them are big-endian.
docs/reference/values describes them for other implementations.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from struct import Struct
from typing import Any
from uuid import UUID

from msgpack import ExtType

from ..values.limits import MAX_INT_BYTES
from ..values.numbers import (
    MAX_WIRE_INT,
    MIN_WIRE_INT,
    check_int,
    decimal_from_text,
    decimal_to_text,
)
from ..values.uuids import uuid_from
from ..values.zones import Zone, zone_from, zone_of

BLOB, INT, DECIMAL, DATETIME, DATE, TIME, TIMEDELTA, UUID_VALUE = range(8)

_DATETIME = Struct(">BHBBBBBI")
_DATE = Struct(">HBB")
_TIME = Struct(">BBBBI")
_TIMEDELTA = Struct(">iII")
_OFFSET = Struct(">q")
_INDEX = Struct(">I")

# The first byte of a datetime or time: how its zone follows, and whether it is the second of two
# equal readings of the clock (fold).
_NAIVE, _FIXED, _NAMED, _FOLD = 0, 1, 2, 4


def extension(code: int, data: bytes) -> ExtType:
    """Return the extension, without the checks of its constructor, which cost more than packing."""
    return tuple.__new__(ExtType, (code, data))


def blob_reference(index: int) -> ExtType:
    """Return what stands in the body for the binary number ``index`` beside it."""
    return extension(BLOB, _INDEX.pack(index))


def blob_index(data: bytes) -> int:
    """Return the number of the binary that the payload ``data`` refers to."""
    return int(_INDEX.unpack(data)[0])


def _pack_int(value: int) -> Any:
    if MIN_WIRE_INT <= value <= MAX_WIRE_INT:
        return value
    check_int(value)
    return extension(INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _unpack_int(data: bytes) -> int:
    if len(data) > MAX_INT_BYTES + 1:
        raise ValueError(f"an integer of more than {MAX_INT_BYTES} bytes")
    return int.from_bytes(data, "big", signed=True)


def _pack_decimal(value: Decimal) -> Any:
    return extension(DECIMAL, decimal_to_text(value).encode())


def _unpack_decimal(data: bytes) -> Decimal:
    return decimal_from_text(data.decode("ascii"))


def _zone_bytes(zone: Zone) -> tuple[int, bytes]:
    if zone is None:
        return _NAIVE, b""
    if isinstance(zone, int):
        return _FIXED, _OFFSET.pack(zone)
    return _NAMED, zone.encode("ascii")


def _zone_from_bytes(flags: int, data: bytes) -> dt.tzinfo | None:
    kind = flags & ~_FOLD
    if kind == _NAIVE and not data:
        return None
    if kind == _FIXED:
        return zone_from(_OFFSET.unpack(data)[0])
    if kind == _NAMED:
        return zone_from(data.decode("ascii"))
    raise ValueError("a time of an unknown form")


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
    return extension(DATETIME, clock + zone)


def _unpack_datetime(data: bytes) -> dt.datetime:
    flags, year, month, day, hour, minute, second, micro = _DATETIME.unpack_from(data)
    zone = _zone_from_bytes(flags, data[_DATETIME.size :])
    fold = 1 if flags & _FOLD else 0
    return dt.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _pack_date(value: dt.date) -> Any:
    return extension(DATE, _DATE.pack(value.year, value.month, value.day))


def _unpack_date(data: bytes) -> dt.date:
    return dt.date(*_DATE.unpack(data))


def _pack_time(value: dt.time) -> Any:
    flags, zone = _zone_bytes(zone_of(value))
    clock = _TIME.pack(
        flags | (_FOLD if value.fold else 0),
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
    )
    return extension(TIME, clock + zone)


def _unpack_time(data: bytes) -> dt.time:
    flags, hour, minute, second, micro = _TIME.unpack_from(data)
    zone = _zone_from_bytes(flags, data[_TIME.size :])
    return dt.time(hour, minute, second, micro, zone, fold=1 if flags & _FOLD else 0)


def _pack_timedelta(value: dt.timedelta) -> Any:
    return extension(TIMEDELTA, _TIMEDELTA.pack(value.days, value.seconds, value.microseconds))


def _unpack_timedelta(data: bytes) -> dt.timedelta:
    return dt.timedelta(*_TIMEDELTA.unpack(data))


def _pack_uuid(value: UUID) -> Any:
    return extension(UUID_VALUE, value.int.to_bytes(16, "big"))


def _unpack_uuid(data: bytes) -> UUID:
    return uuid_from(data)


PACK_SCALAR: dict[type[Any], Callable[[Any], Any]] = {
    int: _pack_int,
    Decimal: _pack_decimal,
    dt.datetime: _pack_datetime,
    dt.date: _pack_date,
    dt.time: _pack_time,
    dt.timedelta: _pack_timedelta,
    UUID: _pack_uuid,
}
"""By exact type, what msgpack packs natively instead; raises ValueError over a limit."""

UNPACK_SCALAR: dict[int, Callable[[bytes], Any]] = {
    INT: _unpack_int,
    DECIMAL: _unpack_decimal,
    DATETIME: _unpack_datetime,
    DATE: _unpack_date,
    TIME: _unpack_time,
    TIMEDELTA: _unpack_timedelta,
    UUID_VALUE: _unpack_uuid,
}
"""By number, the value of a payload; raises ValueError, ArithmeticError or struct.error."""
