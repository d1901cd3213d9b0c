"""The rows of ``in_bulk``: what is the key of each, and what is found under it.

Since Django 6.1 that works with ``values()`` and ``values_list()`` as well. A key that was not
chosen is fetched before the rest and left out of what is found.
"""

# ruff: noqa: SLF001 - querysets of ours

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django import VERSION

from ..plans import Plan, Values, ValuesList

if TYPE_CHECKING:
    from .evaluation import Evaluation

OF_VALUES = VERSION >= (6, 1)
"""Whether this Django takes rows that are no instances."""


class Keyed(NamedTuple):
    """A queryset whose rows have their key, and how to read both."""

    queryset: Any
    key: Callable[[Any], Any]
    value: Callable[[Any], Any]

    def read(self, rows: Iterable[Any]) -> dict[Any, Any]:
        return {self.key(row): self.value(row) for row in rows}


def keyed(queryset: Evaluation, name: str) -> Keyed:
    """Return how the rows of ``queryset`` are found by the field ``name``."""
    match queryset._row:
        case Values(names, _):
            if not names or name in names:
                return Keyed(queryset, itemgetter(name), _itself)
            return Keyed(_with(queryset, name), itemgetter(name), _without(name))
        case ValuesList(names, _, flat, named):
            if name in names:
                place = names.index(name)
                return Keyed(queryset, _itself if flat else itemgetter(place), _itself)
            made = _with(queryset, name)
            if flat:
                return Keyed(made, itemgetter(0), itemgetter(1))
            return Keyed(made, itemgetter(0), _itself if named else itemgetter(slice(1, None)))
    return Keyed(queryset, attrgetter(name), _itself)


def _with(queryset: Evaluation, name: str) -> Any:
    """Return the queryset with one more column, the first."""
    row = queryset._row
    assert isinstance(row, Values | ValuesList)
    names = row.names
    if not names and not row.expressions:
        names = queryset._readable()
        names = names[:1] if isinstance(row, ValuesList) and row.flat else names
    more: Any = row._replace(names=(name, *names))
    if isinstance(row, ValuesList):
        more = more._replace(flat=False)
    steps = queryset._plan.steps
    return queryset._clone(
        Plan(queryset._plan.model, tuple(more if each is row else each for each in steps))
    )


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def without(row: dict[str, Any]) -> dict[str, Any]:
        del row[name]
        return row

    return without


def _itself(value: Any) -> Any:
    return value
