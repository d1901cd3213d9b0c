"""One step from a value that no serializer knows towards one that each of them does.

Serializers know values by their exact type. For any other value they ask here, again and again
until the answer is one they know. The order is: the project's own types, members of enumerations
as their values, lazy strings, subclasses of built-in types as those types, and last the caller's
``lower``.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.utils.functional import Promise

from ..exceptions import SerializationError
from .types import TypeTable

MAX_STEPS = 20
"""Steps towards a known value; more means that ``lower`` or an ``encode`` goes in circles."""


class Own(NamedTuple):
    """A value of a project's own type on its way: the type's name, and the value it encodes to."""

    name: str
    content: Any


class HookFailed(Exception):
    """Carries what ``lower`` or ``lift`` raised through a serializer, to be raised as it was."""

    def __init__(self, error: Exception):
        super().__init__(error)
        self.error = error


def _exact_uuid(value: UUID) -> UUID:
    return UUID(int=value.int)


def _exact_datetime(value: dt.datetime) -> dt.datetime:
    clock = (value.hour, value.minute, value.second, value.microsecond)
    day = (value.year, value.month, value.day)
    return dt.datetime(*day, *clock, value.tzinfo, fold=value.fold)


def _exact_date(value: dt.date) -> dt.date:
    return dt.date(value.year, value.month, value.day)


def _exact_time(value: dt.time) -> dt.time:
    return dt.time(
        value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold
    )


def _exact_timedelta(value: dt.timedelta) -> dt.timedelta:
    return dt.timedelta(value.days, value.seconds, value.microseconds)


def _exact_str(value: str) -> str:
    # str() gives a SafeString back as it is; str.__str__ does not take a lazy object's proxy.
    return str.__str__(str(value))


# A class comes before its bases: a datetime is a date.
_EXACT: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (str, _exact_str),
    (int, int),
    (float, float),
    (bytes, bytes),
    (bytearray, bytes),
    (tuple, tuple),
    (list, list),
    (dict, dict),
    (set, set),
    (frozenset, frozenset),
    (Decimal, Decimal),
    (dt.datetime, _exact_datetime),
    (dt.date, _exact_date),
    (dt.time, _exact_time),
    (dt.timedelta, _exact_timedelta),
    (UUID, _exact_uuid),
)


def nearer(value: Any, types: TypeTable, lower: Callable[[Any], Any] | None) -> Any:
    """Return what ``value`` travels as, one step on.

    Raise SerializationError without a path if it cannot travel, HookFailed if ``lower`` raised
    anything but TypeError or SerializationError.
    """
    own = types.for_value(value)
    if own is not None:
        try:
            return Own(own.name, own.encode(value))
        except Exception as error:
            raise SerializationError(f"its wire type {own.name!r} failed: {error!r}") from error
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Promise):
        return _exact_str(str(value))
    for base, exact in _EXACT:
        if isinstance(value, base):
            return exact(value)
    if lower is None:
        raise SerializationError(f"a value of type {_name(value)} cannot travel")
    try:
        return lower(value)
    except TypeError as error:
        reason = f" ({error})" if str(error) else ""
        raise SerializationError(f"a value of type {_name(value)} cannot travel{reason}") from error
    except SerializationError:
        raise
    except Exception as error:
        raise HookFailed(error) from error


def _name(value: Any) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
