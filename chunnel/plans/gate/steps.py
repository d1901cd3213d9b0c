"""Judging the steps of a plan, in their order, as the server will replay them.

What may follow what, and of which shape rows then are, is Django's to say when the plan is
replayed. Judged is what a step names, which models it brings along, and what it costs. Each kind of
step has a function of its own, found by its exact type: what has none is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...exceptions import QueryRefused
from ..functions import DATE_PARTS, TRUNC_PARTS
from ..plan import (
    Alias,
    Annotate,
    Combine,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    Filter,
    Merge,
    Nothing,
    Of,
    Only,
    OrderBy,
    Plan,
    PrefetchRelated,
    Reverse,
    SelectRelated,
    Slice,
    Values,
    ValuesList,
)
from .expressions import (
    check_part,
    check_plain_name,
    check_zone,
    judge,
    judge_named,
    judge_ordering,
    judge_tree,
)
from .scope import EVERY, SINGLE, Scope, kind_of
from .tables import legal
from .values import check_value


def judge_steps(scope: Scope, plan: Plan, depth: int) -> None:
    """Judge every step of a plan for the scope's model. ``depth`` counts the levels around it."""
    scope.bill.add_steps(len(plan.steps))
    before: set[type[Any]] = set()
    for step in plan.steps:
        kind = type(step)
        found = _JUDGES.get(kind)
        if found is None:
            raise QueryRefused(f"{scope.bill.model}: {kind.__name__} is no step of a plan.")
        if kind is Of and not before.isdisjoint(_UNFILTERED):
            raise QueryRefused(
                f"{scope.bill.model}: a step that leads from an instance stands before slices, "
                f"combinations and values."
            )
        before.add(kind)
        found(scope, step, depth + 1)


def judge_nested(scope: Scope, plan: Any, depth: int, around: Scope | None) -> None:
    """Judge a plan within another; its rows are those of its own model's queryset."""
    scope.bill.check_depth(depth)
    if not isinstance(plan, Plan):
        raise QueryRefused(f"{scope.bill.model}: {type(plan).__name__} is no plan.")
    table = scope.tables(plan.model)
    if table is None:
        raise QueryRefused(
            f"{scope.bill.model}: no model is exposed as {scope.bill.quoted(plan.model)}."
        )
    scope.bill.queried.add(plan.model)
    judge_steps(Scope(table, scope.tables, scope.bill, around), plan, depth)


# Rows and their order


def _filter(scope: Scope, step: Filter | Exclude, depth: int) -> None:
    judge_tree(scope, step.tree, depth, set())


def _order_by(scope: Scope, step: OrderBy, depth: int) -> None:
    scope.bill.check_names(len(step.names))
    judge_ordering(scope, step.names, depth)


def _nothing_named(scope: Scope, step: Any, depth: int) -> None:
    """Judge a step that names nothing."""


def _distinct(scope: Scope, step: Distinct, _depth: int) -> None:
    scope.bill.check_names(len(step.names))
    for name in step.names:
        if "__" in name and name in scope.named:  # Django reads a path there
            raise QueryRefused(
                f"{scope.bill.model}: distinct() takes no aggregate; give "
                f"{scope.bill.quoted(name)} a name without a double underscore."
            )
        scope.select(name)


def _slice(scope: Scope, step: Slice, _depth: int) -> None:
    most = scope.bill.limits.query_offset
    if max(step.start, step.stop or 0) > most:
        scope.bill.over("a slice reaches further", most, "QUERY_OFFSET")


def _of(scope: Scope, step: Of, _depth: int) -> None:
    table = scope.tables(step.model)
    if table is None:
        raise QueryRefused(
            f"{scope.bill.model}: no model is exposed as {scope.bill.quoted(step.model)}."
        )
    relation = table.relations.get(step.relation)
    if relation is None or kind_of(relation) != "many" or relation.relation != scope.table.model:
        names = sorted(
            name
            for name, field in table.relations.items()
            if field.kind == "many" and field.relation == scope.table.model
        )
        raise QueryRefused(
            f"{table.model}: {scope.bill.quoted(step.relation)} does not lead to the rows of "
            f"{scope.table.model}; {legal(names)}."
        )
    check_value(scope.bill, "a key", step.key, inside=True)
    scope.bill.queried.add(table.model)
    scope.bill.add_join()


# What a row has


def _annotate(scope: Scope, step: Annotate | Alias, depth: int) -> None:
    judge_named(scope, step.expressions, depth)


def _values(scope: Scope, step: Values | ValuesList, depth: int) -> None:
    names = step.names
    scope.bill.check_names(len(names))
    if isinstance(step, ValuesList) and step.flat and (step.named or _width(step) > 1):
        raise QueryRefused(
            f"{scope.bill.model}: values_list with flat=True takes one field and no named=True."
        )
    scope.rows = True
    judge_named(scope, step.expressions, depth)
    for name in names:
        if isinstance(name, str):
            scope.select(name)
        else:
            judge(scope, name, depth)
            scope.unnamed = True


def _width(step: ValuesList) -> int:
    return len(step.names) + len(step.expressions)


def _dates(scope: Scope, step: Dates | Datetimes, _depth: int) -> None:
    scope.unnamed = True
    scope.bill.add_nodes(2)  # the truncated value, and that it is not null
    scope.read(step.field)
    parts = (*DATE_PARTS[:1], *DATE_PARTS[2:]) if isinstance(step, Dates) else TRUNC_PARTS
    check_part(scope, "the kind of a date", step.kind, parts)
    check_part(scope, "the order of dates", step.order, ("ASC", "DESC"))
    if isinstance(step, Datetimes) and step.zone is not None:
        check_zone(scope, "tzinfo", step.zone)


def _load(scope: Scope, step: Only | Defer, _depth: int) -> None:
    scope.bill.check_names(len(step.names))
    for name in step.names:
        scope.load(name)


# Other rows


def _select_related(scope: Scope, step: SelectRelated, _depth: int) -> None:
    scope.bill.check_names(len(step.names))
    for name in step.names:
        scope.follow(name, SINGLE, "select_related")


def _prefetch_related(scope: Scope, step: PrefetchRelated, depth: int) -> None:
    scope.bill.check_names(len(step.lookups))
    for path, plan, to_attr in step.lookups:
        scope.bill.enter(depth)
        before = scope.bill.joins
        table = scope.follow(path, EVERY, "prefetch_related")
        if to_attr is not None and scope.bill.joins == before:
            scope.bill.add_join()  # the same rows once more, by a query of their own
        if plan is not None:
            if plan.model != table.model:
                raise QueryRefused(
                    f"{scope.bill.model}: {scope.bill.quoted(path)} leads to rows of "
                    f"{table.model}, not of {scope.bill.quoted(plan.model)}."
                )
            judge_nested(scope, plan, depth + 1, None)
        if to_attr is not None:
            _attach(scope, path, to_attr)


def _attach(scope: Scope, path: str, to_attr: str) -> None:
    """Note the attribute that prefetched rows come under, for paths that go on from there."""
    table = scope.follow(path, EVERY, "prefetch_related")
    before = path.rpartition("__")[0]
    owner = scope.follow(before, EVERY, "prefetch_related") if before else scope.table
    check_plain_name(scope, to_attr, None)
    if to_attr in owner.taken:
        raise QueryRefused(
            f"{owner.model} has something of the name {scope.bill.quoted(to_attr)} already; choose "
            f"another for to_attr."
        )
    scope.attached[f"{before}__{to_attr}" if before else to_attr] = table


def _combine(scope: Scope, step: Combine, depth: int) -> None:
    scope.bill.check_names(len(step.plans))
    if scope.unnamed:  # Django would look in the other queries for the names it made up
        raise QueryRefused(
            f"{scope.bill.model}: {step.kind}() takes no query whose expressions or dates have no "
            f"names of their own; name them with annotate()."
        )
    for plan in step.plans:
        if isinstance(plan, Plan) and plan.model != scope.table.model and not _fixed(scope, plan):
            raise QueryRefused(
                f"{scope.bill.model}: {step.kind}() with {scope.bill.quoted(plan.model)} needs "
                f"columns of both, named by values() or values_list()."
            )
        judge_nested(scope, plan, depth, scope.around)


def _fixed(scope: Scope, plan: Plan) -> bool:
    """Say whether the columns of another model's rows are its own.

    Where it names none of its columns Django would look in it for those of the first query.
    """
    table, row = scope.tables(plan.model), plan.row
    if table is None or not scope.rows or not isinstance(row, Values | ValuesList):
        return False
    named = [name for name in row.names if isinstance(name, str)]
    return not (row.names or row.expressions) or any(name in table.columns for name in named)


def _merge(scope: Scope, step: Merge, depth: int) -> None:
    if isinstance(step.plan, Plan) and step.plan.model != scope.table.model:
        raise QueryRefused(
            f"{scope.bill.model}: queries of {scope.table.model} and of "
            f"{scope.bill.quoted(step.plan.model)} cannot be merged."
        )
    judge_nested(scope, step.plan, depth, scope.around)
    for each in _orders(step.plan):  # which Django resolves anew, among the names of this query
        judge_ordering(scope, each.names, depth)


def _orders(plan: Plan) -> Iterator[OrderBy]:
    for step in plan.steps:
        if isinstance(step, OrderBy):
            yield step
        elif isinstance(step, Merge):
            yield from _orders(step.plan)


_UNFILTERED = (Slice, Combine, Values, ValuesList, Dates, Datetimes)  # and no Of follows them

_JUDGES: dict[type, Callable[[Scope, Any, int], None]] = {
    Filter: _filter,
    Exclude: _filter,
    OrderBy: _order_by,
    Reverse: _nothing_named,
    Distinct: _distinct,
    Slice: _slice,
    Annotate: _annotate,
    Alias: _annotate,
    Values: _values,
    ValuesList: _values,
    Dates: _dates,
    Datetimes: _dates,
    Only: _load,
    Defer: _load,
    SelectRelated: _select_related,
    PrefetchRelated: _prefetch_related,
    Combine: _combine,
    Merge: _merge,
    Nothing: _nothing_named,
    Of: _of,
}
