"""Rows of a fake model: plans evaluated on a list of dicts.

Enough of the ORM for tests of views and services: the lookups that compare plain values and other
fields, ordering, slices, values, distinct rows, ``only`` and ``defer``, ``|``, ``&`` and ``^``,
``iterator()``, and the common aggregates of fields. What it cannot do raises NotSupportedError that
names it; what needs more needs a real server.

Writes are refused as well, each unless it has a fake of its own
(``"money.Account.objects.create"``): without that they would reach the real thing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from django.db import NotSupportedError

from ..client.classes import class_for_name
from ..plans import (
    Defer,
    Distinct,
    Exclude,
    Filter,
    Holds,
    Leaf,
    Literal,
    Merge,
    Nothing,
    Only,
    OrderBy,
    Ordering,
    Plan,
    Ref,
    Reverse,
    Slice,
    Step,
    Tree,
    Values,
    ValuesList,
    is_expression,
)
from ..plans.expressions import named_from_wire
from ..values import PK_COLUMN, TEXT_COLUMN, InstanceRef, InstanceRow, RowSet
from .aggregates import aggregate
from .streams import FakeStream

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


WRITES_OF_OBJECTS = (
    "create",
    "bulk_create",
    "update",
    "bulk_update",
    "delete",
    "get_or_create",
    "update_or_create",
)
WRITES_OF_INSTANCES = ("save", "delete", "relate")


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

    def fakes(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Yield every name on the wire that is the model's own, with what answers it."""
        yield f"{self.model}.objects", self
        yield f"{self.model}.objects.iterator", self.iterate
        for operation in WRITES_OF_OBJECTS:
            name = f"{self.model}.objects.{operation}"
            yield name, _refusing(name)
        for operation in WRITES_OF_INSTANCES:
            name = f"{self.model}.{operation}"
            yield name, _refusing(name)

    def iterate(self, wire: Any, size: int) -> FakeStream:
        """Answer ``iterator()``: a stream of the rows, ``size`` at a time."""
        plan = Plan.from_wire(wire)
        rows = self._played(plan)
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        return FakeStream(self._whole(batch, plan) for batch in batches)

    def __call__(self, wire: Any, op: str, *more: Any) -> Any:
        plan = Plan.from_wire(wire)
        rows = self._played(plan)
        match op:
            case "aggregate":
                return {
                    name: aggregate(rows, expression, self._field, self._holds)
                    for name, expression in named_from_wire(*more)
                }
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
        if plan.model != self.model:
            raise NotSupportedError(
                f"The fake rows of {self.model} cannot be combined with rows of {plan.model}."
            )
        rows = list(self.rows)
        distinct = next((each for each in plan.steps if isinstance(each, Distinct)), None)
        for step in plan.steps:
            if isinstance(step, Slice) and distinct is not None:
                rows, distinct = self._distinct(rows, distinct, plan), None
            rows = self._step(rows, step)
        return rows if distinct is None else self._distinct(rows, distinct, plan)

    def _distinct(self, rows: list[Row], step: Distinct, plan: Plan) -> list[Row]:
        names = step.names or (self._names(plan) if plan.row is not None else (PK_COLUMN,))
        seen: list[Any] = []
        found = []
        for row in rows:
            values = [self._field(row, name) for name in names]
            if values not in seen:  # they may be of types that cannot be hashed
                seen.append(values)
                found.append(row)
        return found

    def _step(self, rows: list[Row], step: Step) -> list[Row]:
        match step:
            case Filter(tree):
                return [row for row in rows if self._holds(row, tree)]
            case Exclude(tree):
                return [row for row in rows if not self._holds(row, tree)]
            case OrderBy(names):
                for name in reversed(names):
                    self._sort(rows, name)
                return rows
            case Reverse():
                return rows[::-1]
            case Slice(start, stop):
                return rows[start:stop]
            case Values() | ValuesList() | Only() | Defer():
                return rows
            case Distinct():
                return rows  # until the rows are sliced, or all steps are done
            case Nothing():
                return []
            case Merge(connector, plan):
                return self._merged(rows, connector, self._played(plan))
        raise NotSupportedError(f"Fake rows cannot do {type(step).__name__}.")

    def _merged(self, rows: list[Row], connector: str, others: list[Row]) -> list[Row]:
        ours, theirs = ({id(row) for row in each} for each in (rows, others))
        combine = {"and": operator.and_, "or": operator.or_, "xor": operator.xor}[connector]
        kept = combine(ours, theirs)
        return [row for row in self.rows if id(row) in kept]

    def _sort(self, rows: list[Row], name: str | Ordering) -> None:
        if isinstance(name, str):
            field, descending, nulls = name.removeprefix("-"), name.startswith("-"), None
        elif isinstance(name.expression, Ref):
            field, descending, nulls = name.expression.path, name.descending, name.nulls
        else:
            raise NotSupportedError(f"Fake rows cannot be ordered by {_shown(name.expression)}.")
        # NULL is the least, as on SQLite, and never compared with a value.
        last = (nulls == "last") is not descending if nulls is not None else False

        def key(row: Row) -> Any:
            value = self._field(row, field)
            return ((value is None) is last, value)

        rows.sort(key=key, reverse=descending)

    def _holds(self, row: Row, tree: Tree) -> bool:
        if isinstance(tree, Holds):
            raise NotSupportedError(
                f"Fake rows cannot be filtered by {_shown(tree.expression)}; compare fields."
            )
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
        return LOOKUPS[lookup](self._field(row, name), self._compared(row, leaf.value))

    def _compared(self, row: Row, value: Any) -> Any:
        """Return what a condition compares with."""
        if isinstance(value, InstanceRef):
            return value.pk
        if isinstance(value, Literal):
            return value.value
        if isinstance(value, Ref):
            return self._field(row, value.path)
        if is_expression(value):
            raise NotSupportedError(f"Fake rows cannot compute {_shown(value)}.")
        return value

    def _field(self, row: Row, name: str) -> Any:
        if name not in row:
            raise NotSupportedError(f"The fake rows of {self.model} have no field {name!r}.")
        return row[name]

    def _names(self, plan: Plan) -> tuple[str, ...]:
        step = plan.row
        if isinstance(step, Values | ValuesList):
            if step.expressions or not all(isinstance(name, str) for name in step.names):
                raise NotSupportedError("Fake rows have values of fields, not of expressions.")
            if step.names:
                return tuple(map(str, step.names))
        hidden = {PK_COLUMN, TEXT_COLUMN}
        names = tuple(name for name in (self.rows[0] if self.rows else ()) if name not in hidden)
        return names if step is not None else self._fetched(plan, names)

    def _fetched(self, plan: Plan, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the fields that ``only`` and ``defer`` leave; the last ``only`` counts."""
        only: set[str] | None = None
        deferred: set[str] = set()
        for step in plan.steps:
            match step:
                case Only(wanted):
                    only, deferred = set(wanted), set()
                case Defer(()):
                    only, deferred = None, set()
                case Defer(unwanted):
                    deferred |= set(unwanted)
        return tuple(
            name for name in names if (only is None or name in only) and name not in deferred
        )

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


def _shown(expression: Any) -> str:
    """Return an expression for people: the function's name, or its kind."""
    return str(getattr(expression, "name", type(expression).__name__))


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001 - whatever is written
        raise NotSupportedError(f"Fake rows cannot be written; give override_remote a {name!r}.")

    return refuse
