"""The table of types that can travel beside those every serializer knows by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from .models import InstanceRef, InstanceRow, RowSet


class WireType(NamedTuple):
    """A type of a project's own: how its values become plain ones, and back.

    ``encode`` returns a value made of types that already travel; ``decode`` takes that value, which
    may come from anybody, and raises any exception for one that it does not take. Values of
    subclasses travel too, and arrive as whatever ``decode`` makes. Both peers list the same
    ``name``.
    """

    name: str
    python_type: type[Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


class TypeTable:
    """The project's own types, found by class when packing and by name when unpacking.

    Raise ValueError if two have the same name or class, or one is for a class that travels anyway.
    """

    def __init__(self, types: Iterable[WireType] = ()):
        self._by_class: dict[type[Any], WireType] = {}
        self._by_name: dict[str, WireType] = {}
        for wire_type in types:
            name, cls = wire_type.name, wire_type.python_type
            if not name:
                raise ValueError(f"The wire type for {cls.__qualname__} has no name.")
            if name in self._by_name:
                raise ValueError(f"Two wire types are named {name!r}.")
            if cls in self._by_class:
                raise ValueError(f"Two wire types are for the class {cls.__qualname__}.")
            if cls in _TRAVELS_ANYWAY:
                raise ValueError(f"{cls.__qualname__} needs no wire type, and {name!r} is for it.")
            self._by_name[name] = wire_type
            self._by_class[cls] = wire_type

    def for_value(self, value: Any) -> WireType | None:
        """Return the type of ``value`` or of the nearest base class of its, or None."""
        if self._by_class:
            for cls in type(value).__mro__:
                found = self._by_class.get(cls)
                if found is not None:
                    return found
        return None

    def named(self, name: str) -> WireType | None:
        """Return the type that travels under ``name``, or None."""
        return self._by_name.get(name)


_TRAVELS_ANYWAY: frozenset[type[Any]] = frozenset(
    {
        object,  # the base of everything would take every other type away
        *(type(None), bool, int, float, str, bytes, bytearray, memoryview),
        *(list, tuple, set, frozenset, dict),
        *(Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, UUID),
        *(InstanceRef, InstanceRow, RowSet),
    }
)
