"""What a serializer is: values to bytes and back, with the types both ways equal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

from ..values import TypeTable

Lower: TypeAlias = Callable[[Any], Any]
"""Turns a value that no table knows (a model instance, say) into one that travels.

Raises TypeError for what it does not know either.
"""

Lift: TypeAlias = Callable[[Any], Any]
"""Turns an InstanceRef, InstanceRow, RowSet or QuerySetRef that arrived into what the receiver
wants to see."""


class Packed(NamedTuple):
    """A value as bytes: the body, and large binaries that stand beside it."""

    body: bytes
    blobs: tuple[bytes, ...] = ()


class Serializer(ABC):
    """Packs and unpacks values. An instance is shared by threads and keeps no state of a call."""

    name: ClassVar[str]

    def __init__(self, types: TypeTable | None = None):
        self.types = types if types is not None else TypeTable()

    @abstractmethod
    def dumps(
        self, value: Any, *, lower: Lower | None = None, roots: Sequence[str] = ("value",)
    ) -> Packed:
        """Pack ``value``.

        ``lower`` is asked for values that neither this serializer nor the type table knows.
        ``roots`` name the value in errors: one name for the value itself, or one for each item of
        a list (``("args", "kwargs")``). Raise SerializationError that says where the culprit sits.
        """

    @abstractmethod
    def loads(self, body: bytes, blobs: Sequence[bytes] = (), *, lift: Lift | None = None) -> Any:
        """Unpack; raise SerializationError if the bytes are not what ``dumps`` makes."""
