"""Rows that arrived, as what their plan asked for: instances, dicts, tuples or single values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

from ..plans import Plan, Row, Values, ValuesList
from ..values import PK_COLUMN, TEXT_COLUMN, InstanceRow, RowSet
from .models import RemoteInstance, make_instance, make_instances
from .remotes import get_remote
from .signature import find_model

if TYPE_CHECKING:
    from .classes import RemoteClass


def instances(model: RemoteClass, rows: RowSet) -> Iterator[RemoteInstance]:
    """Yield the instances that the columns of ``rows`` describe."""
    columns: dict[str, Iterable[Any]] = dict(zip(rows.names, rows.columns, strict=True))
    keys = columns.pop(PK_COLUMN)
    texts = columns.pop(TEXT_COLUMN, None) or repeat(None)
    yield from make_instances(model, tuple(columns), keys, texts, columns.values(), rows.methods)


def read_rows(
    model: RemoteClass,
    rows: RowSet,
    row: Row | None,
    mode: str | None = None,  # noqa: ARG001
) -> Iterator[Any]:
    """Yield the rows of one batch in the form that the plan's ``row`` step asks for."""
    if row is None:
        yield from instances(model, rows)
    elif isinstance(row, Values):
        for values in zip(*rows.columns, strict=True):
            yield dict(zip(rows.names, values, strict=True))
    elif not isinstance(row, ValuesList) or row.flat:
        yield from rows.columns[0] if rows.columns else ()
    elif row.named:
        make = named_row(rows.names)
        for values in zip(*rows.columns, strict=True):
            yield make(*values)
    else:
        yield from zip(*rows.columns, strict=True)


def read_row(
    model: RemoteClass,
    value: Any,
    plan: Plan | None,
    mode: str | None = None,  # noqa: ARG001
) -> Any:
    """Return the one row that an operation gave; None stays None."""
    if isinstance(value, InstanceRow):
        return make_instance(model, value.pk, value.names, value.values, value.text, value.methods)
    row = plan.row if plan is not None else None
    if value is not None and isinstance(row, ValuesList) and row.named:
        return named_row(row.names or _readable(model))(*value)
    return value


def _readable(model: RemoteClass) -> tuple[str, ...]:
    """Return the names of the fields that a row without a choice of fields has."""
    found = find_model(get_remote(model._chunnel_alias).schema(), *model._chunnel_path)
    return tuple(field.name for field in found.fields) if found is not None else ()


@lru_cache(maxsize=256)
def named_row(names: Sequence[str]) -> Any:
    """Return the class of named tuples with these fields, named as Django names it."""
    return namedtuple("Row", names)
