"""Columns of a row set as they travel: one tag for a column instead of one for each value.

A column whose values are all of one of the types in ``_KINDS``, or None, becomes that kind's
*parts*: lists of integers, binaries of one byte or of sixteen for each value, a text. Nearly all
the work is C code (``map`` over a method of the type), which is where the speed comes from; a hook
for each value would cost several times more.

Every other column is ``PLAIN``: a list of values, each with its own tag where it needs one. So a
mixed column loses speed and nothing else.

A column on the wire is ``[kind, parts]`` or ``[kind, parts, nulls]``, where ``nulls`` are the
positions of None, ascending, and the parts hold the values between them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal, DecimalException
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from .depth import any_container, check_depth
from .limits import MAX_DECIMAL_DIGITS
from .numbers import DECIMAL_CONTEXT, decimal_from_text, decimal_to_text
from .uuids import uuids_from
from .zones import zone_from, zone_of

PLAIN = ""

_NONE = type(None)


class _Kind(NamedTuple):
    name: str
    pack: Callable[[Sequence[Any]], list[Any] | None]  # None: this column is better left plain
    unpack: Callable[[list[Any]], list[Any]]


def pack_column(column: Sequence[Any]) -> list[Any]:
    """Return ``column`` as it travels; the values of a plain one are left as they are.

    Raise SerializationError if they nest too deep, ValueError if one cannot travel.
    """
    types = set(map(type, column))
    has_nulls = _NONE in types
    types.discard(_NONE)
    kind = _KINDS.get(next(iter(types))) if len(types) == 1 else None
    if kind is not None:
        values = [value for value in column if value is not None] if has_nulls else column
        parts = kind.pack(values)
        if parts is not None and has_nulls:
            nulls = [index for index, value in enumerate(column) if value is None]
            return [kind.name, parts, nulls]
        if parts is not None:
            return [kind.name, parts]
    if any_container(types):
        check_depth(list(column))
    return [PLAIN, column if type(column) is list else list(column)]


def unpack_column(wire: Any) -> list[Any]:
    """Return the column's values.

    Raise ValueError (SerializationError is one), TypeError or OverflowError if it is malformed.
    """
    if type(wire) is not list or not 2 <= len(wire) <= 3:
        raise ValueError("a column is not made of a kind, parts and nulls")
    name, parts = wire[0], wire[1]
    if type(parts) is not list:
        raise ValueError("the parts of a column are not a list")
    if name == PLAIN:
        check_depth(parts)
        values = parts
    else:
        kind = _KINDS_BY_NAME.get(name)
        if kind is None:
            raise ValueError(f"there is no kind of column {name!r}")
        values = kind.unpack(parts)
    return values if len(wire) == 2 else _with_nulls(values, wire[2])


def _with_nulls(values: list[Any], nulls: Any) -> list[Any]:
    """Put None at the positions ``nulls`` in one pass, however many there are."""
    if type(nulls) is not list or set(map(type, nulls)) != {int}:
        raise ValueError("the nulls of a column are not positions")
    column: list[Any] = []
    used = 0
    for position in nulls:
        upto = used + position - len(column)
        if not used <= upto <= len(values):
            raise ValueError("the nulls of a column are out of order or out of range")
        column += values[used:upto]
        column.append(None)
        used = upto
    column += values[used:]
    return column


def _series(parts: Sequence[Any]) -> Sequence[Any]:
    """Return parts that must be lists, or binaries (lists of small integers), of equal length.

    What is in the lists is the constructors' matter: they refuse all but integers, in C code.
    """
    if not {list, bytes}.issuperset(map(type, parts)):
        raise ValueError("a part of a column is neither a list nor a binary")
    if len(set(map(len, parts))) > 1:
        raise ValueError("the parts of a column differ in length")
    return parts


def _pack_decimals(values: Sequence[Decimal]) -> list[Any]:
    joined = " ".join(map(str, values))
    if len(joined) > MAX_DECIMAL_DIGITS or "E" in joined:
        for value in values:
            decimal_to_text(value)
    return [joined]


def _unpack_decimals(parts: list[Any]) -> list[Any]:
    (joined,) = parts
    if type(joined) is not str:
        raise ValueError("a column of decimals is not a text")
    texts = joined.split(" ")
    if len(joined) > MAX_DECIMAL_DIGITS or "E" in joined or "e" in joined:
        return list(map(decimal_from_text, texts))
    try:
        return list(map(Decimal, texts, repeat(DECIMAL_CONTEXT)))
    except DecimalException as error:
        raise ValueError("a column of decimals holds a text that is none") from error


_ZONE = attrgetter("tzinfo")
_FOLD = attrgetter("fold")
_YEAR = attrgetter("year")
_MONTH_TO_SECOND = tuple(map(attrgetter, ("month", "day", "hour", "minute", "second")))
_MICROSECOND = attrgetter("microsecond")


def _pack_datetimes(values: Sequence[dt.datetime]) -> list[Any] | None:
    # The clock's own reading travels, not an instant: it needs no arithmetic, and a time that the
    # zone skips or repeats comes back as it was. A repeated one (fold) is rare and goes plain.
    if len(set(map(_ZONE, values))) > 1 or any(map(_FOLD, values)):
        return None
    zone = zone_of(values[0])
    if type(zone) is int and type(values[0].tzinfo) is not dt.timezone:
        return None  # a zone of an unknown kind: its offset may change from value to value
    small = [bytes(map(part, values)) for part in _MONTH_TO_SECOND]
    return [zone, list(map(_YEAR, values)), *small, list(map(_MICROSECOND, values))]


def _unpack_datetimes(parts: list[Any]) -> list[Any]:
    zone, *clock = parts
    if len(clock) != 7:
        raise ValueError("a column of datetimes has not eight parts")
    return list(map(dt.datetime, *_series(clock), repeat(zone_from(zone))))


_DAY = attrgetter("year", "month", "day")


def _pack_dates(values: Sequence[dt.date]) -> list[Any]:
    years, months, days = zip(*map(_DAY, values), strict=True)
    return [list(years), bytes(months), bytes(days)]


def _unpack_dates(parts: list[Any]) -> list[Any]:
    years, months, days = _series(parts)
    return list(map(dt.date, years, months, days))


_SPAN = attrgetter("days", "seconds", "microseconds")


def _pack_timedeltas(values: Sequence[dt.timedelta]) -> list[Any]:
    return list(map(list, zip(*map(_SPAN, values), strict=True)))


def _unpack_timedeltas(parts: list[Any]) -> list[Any]:
    days, seconds, micros = _series(parts)
    if not {int}.issuperset(map(type, chain(days, seconds, micros))):
        raise ValueError("a timedelta has a part that is no integer")
    return list(map(dt.timedelta, days, seconds, micros))


def _pack_uuids(values: Sequence[UUID]) -> list[Any]:
    return [b"".join([value.int.to_bytes(16, "big") for value in values])]


def _unpack_uuids(parts: list[Any]) -> list[Any]:
    (data,) = parts
    if type(data) is not bytes:
        raise ValueError("a column of UUIDs is not a binary")
    return uuids_from(data)


_KINDS: dict[type[Any], _Kind] = {
    Decimal: _Kind("decimal", _pack_decimals, _unpack_decimals),
    dt.datetime: _Kind("datetime", _pack_datetimes, _unpack_datetimes),
    dt.date: _Kind("date", _pack_dates, _unpack_dates),
    dt.timedelta: _Kind("timedelta", _pack_timedeltas, _unpack_timedeltas),
    UUID: _Kind("uuid", _pack_uuids, _unpack_uuids),
}
_KINDS_BY_NAME = {kind.name: kind for kind in _KINDS.values()}
