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


class Relation(NamedTuple):
    """A relation that instances have without a column for it; so their receiver knows of it.

    ``back`` is the foreign key or one-to-one of the other model that makes the relation, "" where
    there is none or nobody may read it: what it leads to needs no fetching.
    """

    name: str
    model: str  # "app_label.Name" of the rows it leads to
    many: bool  # a manager of rows; else one row or none
    back: str = ""


class InstanceRow(NamedTuple):
    """An instance as a result: its key and its readable fields, and what ``str()`` of it is.

    ``methods`` names the methods that may be called, and ``relations`` what leads to other rows
    beside the columns, so that the receiver knows what it has; ``deferred`` names the readable
    columns that were left out.
    """

    model: str
    pk: Any
    names: tuple[str, ...]
    values: tuple[Any, ...]
    text: str | None = None
    methods: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    deferred: tuple[str, ...] = ()


class RowSet(NamedTuple):
    """Rows of one shape as columns, which pack several times faster than rows do.

    ``model`` is None for plain rows (``values_list``). All columns are of equal length. Rows of a
    model always have a column of keys named PK_COLUMN and, where the server shows what ``str()`` of
    an instance is, one of texts named TEXT_COLUMN; the other columns are the readable fields.
    ``methods``, ``relations`` and ``deferred`` say of each of them what an InstanceRow says.
    ``related`` holds the rows of other models that were fetched along.
    """

    model: str | None
    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]
    methods: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    related: tuple[Related, ...] = ()
    deferred: tuple[str, ...] = ()

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows as tuples in order."""
        return list(zip(*self.columns, strict=True))


class Related(NamedTuple):
    """What a relation of each row in a row set leads to.

    ``name`` is the attribute of the instances: the relation, or what ``to_attr`` says. ``rows`` has
    every related row once. ``places`` has, for each row of the owner, where its related row stands
    in ``rows`` or None (``many`` false), or the list of where they stand (``many`` true).
    ``listed``: the attribute is a plain list, as with ``to_attr``, and no relation.
    """

    name: str
    many: bool
    listed: bool
    rows: RowSet
    places: Sequence[int | None] | Sequence[Sequence[int]]


class QuerySetRef(NamedTuple):
    """A queryset of instances that a call returned and nobody has evaluated.

    Its receiver evaluates or refines it by making the same call again, with a plan's steps and an
    operation beside its arguments.
    """

    model: str
