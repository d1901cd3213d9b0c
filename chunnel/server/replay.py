"""From plans to querysets: where what a peer asked for meets the ORM.

The rules:

* The gate has judged a plan before anything here sees it. Steps are replayed one by one, so
  slicing, reversing, ordering, and what may not follow what, are Django's own semantics and errors.
* Each plan, those within others included, is rooted at what the call may see of its model.
* Where no names are given the readable fields are meant, never all there are.
* A declared annotation is computed where it is shown or named, and not otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP

from ..exceptions import QueryRefused
from ..plans import (
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
    Step,
    Values,
    ValuesList,
)
from ..registry import ExposedModel
from . import relations
from .combining import check_alike
from .declared import apart
from .expressions import Lift, zone
from .relations import Choice
from .scope import Scope
from .views import View


class Query(NamedTuple):
    """A queryset and, if its rows are instances, what of them travels."""

    queryset: QuerySet[Any]
    view: View


class Replay:
    """Replays plans for one call. ``shown``: the rows themselves are what is wanted."""

    def __init__(self, scope: Scope):
        self._scope = scope
        self.lift = Lift(self._within)

    def query(self, plan: Plan, *, shown: bool = True) -> Query:
        """Return the queryset of a plan that begins with what the call may see."""
        exposed = self._scope.exposed(plan.model)
        return self.refine(exposed, self._scope.root(exposed), plan, shown=shown)

    def refine(
        self, exposed: ExposedModel, queryset: QuerySet[Any], plan: Plan, *, shown: bool = True
    ) -> Query:
        """Return the queryset of a plan that begins with ``queryset``."""
        return _Steps(self, self._scope, exposed, plan, shown=shown).replay(queryset)

    def _within(self, plan: Plan) -> QuerySet[Any]:
        return self.query(plan, shown=False).queryset


class _Steps:
    """One plan under way."""

    def __init__(
        self, replay: Replay, scope: Scope, exposed: ExposedModel, plan: Plan, *, shown: bool
    ):
        self._replay = replay
        self._lift = replay.lift
        self._scope = scope
        self._exposed = exposed
        self._plan = plan
        self._shown = shown
        self._choice = Choice.of(plan)
        self._view = View.whole(exposed)
        self._names: list[str] = []  # of annotations that are shown
        self._fetched: set[str] = set()
        self._selected = False

    def replay(self, queryset: QuerySet[Any]) -> Query:
        loading = queryset.query.deferred_loading
        queryset = self._annotated(queryset.all())
        for step in self._plan.steps:
            queryset = self._apply(queryset, step)
        if self._plan.row is not None:
            return Query(queryset, self._view)
        return Query(self._completed(queryset, loading), self._view)

    def _completed(self, queryset: QuerySet[Any], loading: Any) -> QuerySet[Any]:
        """Decide what of the instances travels, now that all was said."""
        view = self._view
        restricted = any(isinstance(step, Only | Defer) for step in self._plan.steps)
        if restricted:
            view.limit(queryset.query.get_select_mask())
        chosen = queryset.query.annotation_select
        view.annotations = tuple(name for name in self._names if name in chosen)
        view.properties = tuple(filter(self._choice.shows, view.properties))
        queryset = self._select(queryset)
        if not restricted:
            queryset.query.clear_deferred_loading()
        elif any(each.computes for each in view.selected()):
            # The model's own code reads what it likes: one query for all, not one for each field.
            queryset.query.deferred_loading = loading
        return queryset

    def _select(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        paths = relations.selected(self._plan)
        if self._selected or not self._shown or not paths:
            return queryset
        self._selected = True
        return relations.select(self._scope, self._view, queryset, paths, self._choice)

    # Declared annotations

    def _annotated(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Add the declared annotations that are shown or named."""
        declared = self._exposed.annotations
        if not declared or queryset.query.combinator:
            return queryset
        row = self._plan.row
        if _shows_all(row) if row is not None else self._shown:
            self._names = [name for name in declared if self._choice.shows(name)]
        wanted = {*self._names, *(declared.keys() & set(_first_parts(self._plan.steps)))}
        if not wanted:
            return queryset
        computed = apart(self._exposed.model, declared)
        return _annotated(queryset, {name: computed[name] for name in declared if name in wanted})

    # Steps

    def _apply(self, queryset: QuerySet[Any], step: Step) -> QuerySet[Any]:
        match step:
            case Filter(tree):
                return queryset.filter(self._lift.condition(tree))
            case Exclude(tree):
                return queryset.exclude(self._lift.condition(tree))
            case OrderBy(names):
                return queryset.order_by(
                    *(
                        each if isinstance(each, str) else self._lift.ordering(each)
                        for each in names
                    )
                )
            case Reverse():
                return queryset.reverse()
            case Distinct(names):
                return queryset.distinct(*names)
            case Slice(start, stop):
                return queryset[start:stop]
            case Annotate(expressions):
                self._names.extend(name for name, _ in expressions)
                return _annotated(queryset, self._lift.named(expressions))
            case Alias(expressions):
                aliased: QuerySet[Any] = queryset.alias(**self._lift.named(expressions))
                return aliased
            case Nothing():
                return queryset.none()
        return self._apply_to_rows(queryset, step)

    def _apply_to_rows(self, queryset: QuerySet[Any], step: Step) -> QuerySet[Any]:
        match step:
            case Values(names, expressions):
                fields = self._fields(queryset, names, expressions)
                return queryset.values(*fields, **self._lift.named(expressions))
            case ValuesList(names, expressions, flat, named):
                fields = self._fields(queryset, names, expressions)
                if flat and not names and not expressions:
                    fields = fields[:1]  # as Django takes of each row what is first
                added = self._lift.named(expressions)
                queryset = _annotated(queryset, added)
                return queryset.values_list(*fields, *added, flat=flat, named=named)
            case Dates(field, kind, order):
                return queryset.dates(field, kind, order)  # type: ignore[arg-type]
            case Datetimes(field, kind, order, name):
                moments: QuerySet[Any] = queryset.datetimes(field, kind, order, zone(name))  # type: ignore[arg-type]
                return moments
            case Only(names):
                return queryset.only(*relations.loaded(self._exposed, names))
            case Defer(names):
                if not names:
                    return queryset.defer(None)
                return queryset.defer(*relations.deferrable(self._exposed, names))
        return self._apply_to_others(queryset, step)

    def _apply_to_others(self, queryset: QuerySet[Any], step: Step) -> QuerySet[Any]:
        match step:
            case SelectRelated(names):
                return queryset.select_related(*(names or (None,)))
            case PrefetchRelated(lookups):
                return self._prefetch(queryset, lookups)
            case Combine(kind, every, plans):
                return self._combine(queryset, kind, every, plans)
            case Merge(connector, plan):
                other = self._replay.query(plan, shown=self._shown).queryset
                if connector == "and":
                    return queryset & other
                return queryset | other if connector == "or" else queryset ^ other
            case Of():
                return relations.rows_of(self._scope, self._exposed, queryset, step)
        raise QueryRefused(f"{type(step).__name__} is no step of a plan.")

    def _fields(
        self, queryset: QuerySet[Any], names: Iterable[Any], expressions: Any
    ) -> tuple[Any, ...]:
        given = tuple(
            each if isinstance(each, str) else self._lift.expression(each) for each in names
        )
        if given or expressions:
            return given
        chosen = queryset.query.annotation_select
        return (*self._exposed.attributes, *(name for name in self._names if name in chosen))

    def _prefetch(self, queryset: QuerySet[Any], lookups: Iterable[Any]) -> QuerySet[Any]:
        if not lookups:
            self._fetched.clear()
            self._view.along.clear()
            return queryset.prefetch_related(None)
        if not self._shown:
            return queryset
        joined = relations.joined(self._plan)
        found = [
            each
            for fetch in lookups
            for each in relations.prefetches(
                self._view, fetch, self._replay.query, self._fetched, joined
            )
        ]
        return queryset.prefetch_related(*found)

    def _combine(
        self, queryset: QuerySet[Any], kind: str, every: bool, plans: tuple[Plan, ...]
    ) -> QuerySet[Any]:
        for plan in plans:
            self._check_part(plan)
        queryset = self._select(queryset)
        others = [self._replay.query(plan, shown=self._shown).queryset for plan in plans]
        paths = relations.selected(self._plan)
        for plan, other in zip(plans, others, strict=True):
            check_alike(
                self._plan.model,
                queryset,
                other,
                same_paths=relations.selected(plan) == paths,
            )
        if kind == "union":
            return queryset.union(*others, all=every)
        combine = queryset.intersection if kind == "intersection" else queryset.difference
        return combine(*others)

    def _check_part(self, plan: Plan) -> None:
        """Django gives a part without columns those of the whole, whatever they are over there."""
        own = Plan(self._plan.model, self._plan.steps[: _index(self._plan, plan)]).row
        if (own is None or plan.row is None) and plan.model != self._plan.model:
            raise QueryRefused(
                f"{self._plan.model}: name the columns, with values() or values_list(), of both "
                f"sides of a combination with {plan.model}."
            )


def _annotated(queryset: QuerySet[Any], expressions: Mapping[str, Any]) -> QuerySet[Any]:
    if not expressions:
        return queryset
    found: QuerySet[Any] = queryset.annotate(**expressions)
    return found


def _index(plan: Plan, part: Plan) -> int:
    return next(
        index
        for index, step in enumerate(plan.steps)
        if isinstance(step, Combine) and any(each is part for each in step.plans)
    )


def _shows_all(row: Step) -> bool:
    return isinstance(row, Values | ValuesList) and not row.names and not row.expressions


def _first_parts(value: Any) -> Iterable[str]:
    """Yield the first part of every text in a plan, wherever a path may stand."""
    if isinstance(value, str):
        yield value.removeprefix("-").partition(LOOKUP_SEP)[0]
    elif isinstance(value, Plan):
        yield from _first_parts(value.steps)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _first_parts(each)
