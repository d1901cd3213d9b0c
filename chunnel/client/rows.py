"""Rows that arrived, as what their plan asked for: instances, dicts, tuples or single values.

Rows of other models that came along are instances of their own, one for each row however many lead
to it, and are what the relation of their owners then gives without a request.
"""

# ruff: noqa: SLF001 - instances of ours

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from types import MappingProxyType
from typing import Any

from ..plans import Plan, Row, Values, ValuesList
from ..values import PK_COLUMN, TEXT_COLUMN, InstanceRow, Related, RowSet
from .classes import RemoteClass, class_for_name
from .declared import attname, columns
from .fetching import fetches_peers, join
from .models import RemoteInstance, make_instance, make_instances
from .prefetched import Prefetched, Rows, Tree, prefetched
from .relations import remember
from .remotes import get_remote
from .signature import find_model

NOTHING: Tree = MappingProxyType({})


def instances(
    model: RemoteClass, rows: RowSet, mode: str | None = None, tree: Tree = NOTHING
) -> Iterator[RemoteInstance]:
    """Yield the instances that the columns of ``rows`` describe, with what they lead to.

    ``mode`` is the fetch mode that their queryset was given and ``tree`` what it prefetched.
    """
    found: dict[str, Iterable[Any]] = dict(zip(rows.names, rows.columns, strict=True))
    keys = found.pop(PK_COLUMN)
    texts = found.pop(TEXT_COLUMN, None) or repeat(None)
    made: Iterable[RemoteInstance] = make_instances(
        model,
        tuple(found),
        keys,
        texts,
        found.values(),
        rows.methods,
        rows.relations,
        rows.deferred,
    )
    peers = fetches_peers(model, mode)
    if peers or rows.related:
        made = list(made)
        for each in rows.related:
            _attach(model._chunnel_alias, made, each, mode, tree.get(each.name))
        if peers:
            join(made)
    yield from made


def _attach(
    alias: str,
    owners: list[RemoteInstance],
    related: Related,
    mode: str | None,
    how: Prefetched | None,
) -> None:
    """Give each owner what a relation of it leads to."""
    model = class_for_name(alias, related.rows.model or "")
    if not isinstance(model, RemoteClass):
        culprit = str(related.rows.model)[:80]
        raise ValueError(f"{alias} sent rows of {culprit!r}, which names no model")  # noqa: TRY004
    others = list(instances(model, related.rows, mode, how.below if how else NOTHING))
    name = related.name
    steps = how.plan.steps if how is not None and how.plan is not None else ()
    back = _back(owners, related, how)
    for owner, place in zip(owners, related.places, strict=True):
        value: Any
        if related.many:
            value = [others[each] for each in place]  # type: ignore[union-attr]
        else:
            value = None if place is None else others[place]  # type: ignore[index]
        for other in value if related.many else (value,):
            if back and other is not None:
                remember(other, back, owner)
        if related.many and not related.listed:
            value = Rows(value, steps)
        state = owner.__dict__
        if related.listed:
            state[name] = value
        elif owner._related is None:
            state["_related"] = {name: value}
        else:
            owner._related[name] = value


def _back(owners: list[RemoteInstance], related: Related, how: Prefetched | None) -> str:
    """Return the relation by which those that a relation leads to lead back to their one owner."""
    if not owners or (related.listed and how is None):
        return ""
    name = how.relation if how is not None else related.name
    for each in owners[0]._relations:
        if each.name == name:
            return each.back
    label = ".".join(owners[0]._chunnel_class._chunnel_path)
    for each in related.rows.relations:  # of a one-to-one, the other end
        if (each.back, each.model, each.many) == (name, label, False):
            return each.name
    return ""


def read_instance(model: RemoteClass, row: InstanceRow, mode: str | None = None) -> RemoteInstance:
    """Return the instance that arrived alone."""
    made = make_instance(model, *row[1:])
    if fetches_peers(model, mode):
        join([made])
    return made


def read_rows(
    model: RemoteClass,
    rows: RowSet,
    row: Row | None,
    mode: str | None = None,
    tree: Tree = NOTHING,
) -> Iterator[Any]:
    """Yield the rows of one batch in the form that the plan's ``row`` step asks for."""
    if row is None:
        yield from instances(model, rows, mode, tree)
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


def read_row(model: RemoteClass, value: Any, plan: Plan | None, mode: str | None = None) -> Any:
    """Return the one row that an operation gave; None stays None."""
    if isinstance(value, InstanceRow):
        return read_instance(model, value, mode)
    if isinstance(value, RowSet) and (plan is None or plan.row is None):
        tree = NOTHING if plan is None else prefetched(plan)
        return next(instances(model, value, mode, tree), None)
    row = plan.row if plan is not None else None
    if value is not None and isinstance(row, ValuesList) and row.named:
        return named_row(row.names or _readable(model))(*value)
    return value


def _readable(model: RemoteClass) -> tuple[str, ...]:
    """Return the names of the fields that a row without a choice of fields has."""
    found = find_model(get_remote(model._chunnel_alias).schema(), *model._chunnel_path)
    return tuple(map(attname, columns(found))) if found is not None else ()


@lru_cache(maxsize=256)
def named_row(names: Sequence[str]) -> Any:
    """Return the class of named tuples with these fields, named as Django names it."""
    return namedtuple("Row", names)
