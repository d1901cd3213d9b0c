"""Rows of a fake model: plans evaluated on a list of dicts.

Enough of the ORM for tests of views and services: the lookups that compare plain values, ordering,
slices, values. What it cannot do raises NotSupportedError; what needs more needs a real server.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import NotSupportedError

from ..client.classes import class_for_name
from ..plans import (
    Exclude,
    Filter,
    Leaf,
    OrderBy,
    Plan,
    Reverse,
    Slice,
    Step,
    Tree,
    Values,
    ValuesList,
)
from ..values import PK_COLUMN, TEXT_COLUMN, InstanceRef, InstanceRow, RowSet

Row = dict[str, Any]


def _folded(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, given: (
        value is not None and compare(str(value).casefold(), str(given).casefold())
    )


def _known(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    """Comparisons with NULL are never true."""
    return lambda value, given: value is not None and bool(compare(value, given))


LOOKUPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, given: bool(value == given),
    "iexact": _folded(operator.eq),
    "in": _known(lambda value, given: value in given),
    "gt": _known(operator.gt),
    "gte": _known(operator.ge),
    "lt": _known(operator.lt),
    "lte": _known(operator.le),
    "contains": _known(lambda value, given: given in value),
    "icontains": _folded(lambda value, given: given in value),
    "startswith": _known(lambda value, given: value.startswith(given)),
    "istartswith": _folded(str.startswith),
    "endswith": _known(lambda value, given: value.endswith(given)),
    "iendswith": _folded(str.endswith),
    "range": _known(lambda value, given: given[0] <= value <= given[1]),
    "isnull": lambda value, given: (value is None) is given,
}


class FakeRows:
    """Answers the operations of ``money.Account.objects`` from a list."""

    def __init__(self, alias: str, model: str, rows: Iterable[Mapping[str, Any]]):
        self.model = model
        self.cls = class_for_name(alias, model)
        self.rows = [self._row(place, row) for place, row in enumerate(rows, 1)]

    def _row(self, place: int, given: Mapping[str, Any]) -> Row:
        row = dict(given)
        row.setdefault(PK_COLUMN, row.get("id", place))
        return row

    def __call__(self, wire: Any, op: str) -> Any:
        plan = Plan.from_wire(wire)
        rows = self._played(plan)
        match op:
            case "count":
                return len(rows)
            case "exists":
                return bool(rows)
            case "first" | "last":
                return self._single(rows[0 if op == "first" else -1], plan) if rows else None
            case "get":
                return self._single(self._only(rows), plan)
        return self._whole(rows, plan)

    def _only(self, rows: list[Row]) -> Row:
        name = self.cls.__name__
        if not rows:
            raise self.cls.DoesNotExist(f"{name} matching query does not exist.")
        if len(rows) > 1:
            raise self.cls.MultipleObjectsReturned(
                f"get() returned more than one {name} -- it returned {len(rows)}!"
            )
        return rows[0]

    def _played(self, plan: Plan) -> list[Row]:
        rows = list(self.rows)
        for step in plan.steps:
            rows = self._step(rows, step)
        return rows

    def _step(self, rows: list[Row], step: Step) -> list[Row]:
        match step:
            case Filter(tree):
                return [row for row in rows if self._holds(row, tree)]
            case Exclude(tree):
                return [row for row in rows if not self._holds(row, tree)]
            case OrderBy(names):
                for name in reversed(names):
                    rows.sort(key=self._key(name), reverse=name.startswith("-"))
                return rows
            case Reverse():
                return rows[::-1]
            case Slice(start, stop):
                return rows[start:stop]
            case Values() | ValuesList():
                return rows
        raise NotSupportedError(f"Fake rows cannot do {type(step).__name__}.")

    def _key(self, name: str) -> Callable[[Row], Any]:
        field = name.removeprefix("-")

        def key(row: Row) -> Any:
            value = self._field(row, field)
            return (value is not None, value)  # NULL first, and never compared with a value

        return key

    def _holds(self, row: Row, tree: Tree) -> bool:
        if isinstance(tree, Leaf):
            return self._compares(row, tree)
        held = [self._holds(row, child) for child in tree.children]
        if tree.connector == "or":
            found = any(held)
        elif tree.connector == "xor":
            found = sum(held) % 2 == 1
        else:
            found = all(held)
        return found is not tree.negated

    def _compares(self, row: Row, leaf: Leaf) -> bool:
        name, lookup = leaf.key, "exact"
        if name not in row:
            name, _, lookup = leaf.key.rpartition("__")
        if lookup not in LOOKUPS:
            raise NotSupportedError(f"Fake rows cannot compare with {lookup!r} ({leaf.key}).")
        value = leaf.value.pk if isinstance(leaf.value, InstanceRef) else leaf.value
        return LOOKUPS[lookup](self._field(row, name), value)

    def _field(self, row: Row, name: str) -> Any:
        if name not in row:
            raise NotSupportedError(f"The fake rows of {self.model} have no field {name!r}.")
        return row[name]

    def _names(self, plan: Plan) -> tuple[str, ...]:
        step = plan.row
        if step is not None and step.names:
            return step.names
        hidden = {PK_COLUMN, TEXT_COLUMN}
        return tuple(name for name in (self.rows[0] if self.rows else ()) if name not in hidden)

    def _single(self, row: Row, plan: Plan) -> Any:
        names = self._names(plan)
        values = tuple(self._field(row, name) for name in names)
        match plan.row:
            case None:
                return InstanceRow(self.model, row[PK_COLUMN], names, values, row.get(TEXT_COLUMN))
            case Values():
                return dict(zip(names, values, strict=True))
            case ValuesList(flat=True):
                return values[0]
        return values

    def _whole(self, rows: list[Row], plan: Plan) -> RowSet:
        names = self._names(plan)
        if plan.row is not None:
            columns = tuple([self._field(row, name) for row in rows] for name in names)
            return RowSet(None, names, columns)
        names = (
            PK_COLUMN,
            *names,
            *((TEXT_COLUMN,) if any(TEXT_COLUMN in row for row in rows) else ()),
        )
        return RowSet(self.model, names, tuple([row.get(name) for row in rows] for name in names))
