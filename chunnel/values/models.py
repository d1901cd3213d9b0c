"""The values that stand for model instances and row sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

PK_COLUMN = "pk"
TEXT_COLUMN = "__str__"


class InstanceRef(NamedTuple):
    """An instance as an argument: the receiver loads it again by its key."""

    model: str  # "app_label.Name"
    pk: Any


class InstanceRow(NamedTuple):
    """An instance as a result: its key and its readable fields, and what ``str()`` of it is.

    ``methods`` names the methods that may be called, so that the receiver knows what it has.
    """

    model: str
    pk: Any
    names: tuple[str, ...]
    values: tuple[Any, ...]
    text: str | None = None
    methods: tuple[str, ...] = ()


class RowSet(NamedTuple):
    """Rows of one shape as columns, which pack several times faster than rows do.

    ``model`` is None for plain rows (``values_list``). All columns are of equal length. Rows of a
    model always have a column of keys named PK_COLUMN and, where the server shows what ``str()`` of
    an instance is, one of texts named TEXT_COLUMN; the other columns are the readable fields.
    ``methods`` names the methods that may be called on each of them.
    """

    model: str | None
    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]
    methods: tuple[str, ...] = ()

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows as tuples in order."""
        return list(zip(*self.columns, strict=True))
