"""The table of types that can travel beside those every serializer knows by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class WireType(NamedTuple):
    """A type of a project's own: how its values become plain ones, and back.

    ``encode`` returns a value made of types that already travel; ``decode`` takes that value.
    Both peers list the same ``name``.
    """

    name: str
    python_type: type[Any]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


class TypeTable:
    """The project's own types, found by class when packing and by name when unpacking."""

    def __init__(self, types: Iterable[WireType] = ()):
        self._by_class: dict[type[Any], WireType] = {}
        self._by_name: dict[str, WireType] = {}
        for wire_type in types:
            if wire_type.name in self._by_name:
                raise ValueError(f"Two wire types are named {wire_type.name!r}.")
            self._by_name[wire_type.name] = wire_type
            self._by_class[wire_type.python_type] = wire_type

    def for_value(self, value: Any) -> WireType | None:
        """Return the type of ``value`` or of the nearest base class of its, or None."""
        for cls in type(value).__mro__:
            found = self._by_class.get(cls)
            if found is not None:
                return found
        return None

    def named(self, name: str) -> WireType | None:
        """Return the type that travels under ``name``, or None."""
        return self._by_name.get(name)
