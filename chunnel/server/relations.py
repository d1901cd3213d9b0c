"""Rows of other models: those of an instance's relation, and those that travel along.

The rules:

* Whatever rows a relation leads to, they are those of the other model's ``get_queryset``. A row
  that it hides is as if absent.
* ``prefetch_related`` is Django's own, with such a queryset for each step of a path, so it makes
  as many queries.
* ``select_related`` is Django's own join. Where the other model's ``get_queryset`` narrows the rows
  an annotation of the same query says which of them the call may see.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import FieldError
from django.db.models import Exists, Field, ForeignObjectRel, OuterRef, Prefetch, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.db.models.query import ModelIterable

from ..exceptions import QueryRefused
from ..plans import Defer, Fetch, Of, Only, Plan, SelectRelated
from .references import NO_KEY, key_of
from .rows import check_rows
from .views import Along, Mask, View, mask_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..registry import ExposedModel
    from .scope import Scope

_MARKER = "_seen_{}"  # a name that no caller can give an annotation


class Choice(NamedTuple):
    """What ``only`` and ``defer`` say of names that are no columns; paths from the query's model.

    ``only`` is None where all are shown.
    """

    only: frozenset[str] | None = None
    deferred: frozenset[str] = frozenset()

    @classmethod
    def of(cls, plan: Plan) -> Choice:
        found = cls()
        for step in plan.steps:
            if isinstance(step, Only):
                found = cls(frozenset(step.names), found.deferred)
            elif isinstance(step, Defer):
                deferred = found.deferred | set(step.names)
                found = cls(found.only, deferred) if step.names else cls()
        return found

    def shows(self, path: str) -> bool:
        return (self.only is None or path in self.only) and path not in self.deferred


def loaded(exposed: ExposedModel, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of ``only`` for Django: for what is no column, the key that comes with it."""
    return tuple(_column(exposed, name)[0] for name in names)


def deferrable(exposed: ExposedModel, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those names of ``defer`` that are columns."""
    return tuple(name for name in names if _column(exposed, name)[1])


def _column(exposed: ExposedModel, name: str) -> tuple[str, bool]:
    current: ExposedModel | None = exposed
    parts = name.split(LOOKUP_SEP)
    for index, part in enumerate(parts):
        if current is None:
            break
        if part in current.properties or part in current.annotations:
            return LOOKUP_SEP.join([*parts[:index], current.model._meta.pk.name]), False
        current = current.related(part)
    return name, True


# The rows of one instance's relation


def rows_of(
    scope: Scope, exposed: ExposedModel, queryset: QuerySet[Any], step: Of
) -> QuerySet[Any]:
    """Return the rows of ``queryset`` that the relation leads to."""
    owner = scope.exposed(step.model)
    link = owner.links.get(step.relation)
    if link is None or owner.related(step.relation) is not exposed:
        raise QueryRefused(
            f"{owner.name} has no relation {step.relation[:100]!r} to {exposed.name}."
        )
    scope.ask_view([owner])
    try:
        key = key_of(owner, step.key)
    except NO_KEY:
        return queryset.none()
    path = link.field.name if isinstance(link, ForeignObjectRel) else link.related_query_name()
    if scope.narrows(owner):
        condition = Q((f"{path}__in", scope.root(owner).filter(Q(("pk", key)))))
    else:
        condition = Q((f"{path}__pk", key))
    # As Django's own managers do: a filter on the same relation means the same related row.
    found: QuerySet[Any] = queryset._next_is_sticky().filter(condition)  # type: ignore[attr-defined]  # noqa: SLF001
    return found


# select_related


def selected(plan: Plan) -> tuple[str, ...]:
    """Return the paths of ``select_related``, those before others that they lead to."""
    found: dict[str, None] = {}
    for step in plan.steps:
        if isinstance(step, SelectRelated):
            if not step.names:
                found.clear()
            found.update(dict.fromkeys(step.names))
    return tuple(found)


def joined(plan: Plan) -> frozenset[str]:
    """Return every relation that ``select_related`` crosses, by its path."""
    return frozenset(
        LOOKUP_SEP.join(parts[: end + 1])
        for parts in (path.split(LOOKUP_SEP) for path in selected(plan))
        for end in range(len(parts))
    )


def select(
    scope: Scope, view: View, queryset: QuerySet[Any], paths: tuple[str, ...], choice: Choice
) -> QuerySet[Any]:
    """Add the relations at the end of ``paths`` to the view; return a queryset that marks them."""
    mask: Mask = queryset.query.get_select_mask()
    markers: dict[str, Exists] = {}
    for path in paths:
        current, below = view, mask
        prefix = ""
        for name in path.split(LOOKUP_SEP):
            prefix = f"{prefix}{LOOKUP_SEP}{name}" if prefix else name
            target, link = _follow(current.exposed, name)
            _check_loaded(below, link)
            below = mask_of(below, link)
            along = current.along.get(name)
            if along is None:
                along = current.along[name] = Along(View.whole(target), many=False)
                along.view.properties = tuple(
                    each
                    for each in target.properties
                    if choice.shows(f"{prefix}{LOOKUP_SEP}{each}")
                )
            if not along.selected:
                along.selected = True
                along.view.limit(below)
                if scope.narrows(target):
                    along.marker = _MARKER.format(len(markers))
                    seen = scope.root(target).filter(Q(("pk", OuterRef(f"{prefix}__pk"))))
                    markers[along.marker] = Exists(seen)
            current = along.view
    return queryset.annotate(**markers) if markers else queryset


def _check_loaded(mask: Mask, link: Any) -> None:
    """Raise what Django would, which sees a mask of its own where instances must be complete."""
    if mask and isinstance(link, Field) and link not in mask:
        raise FieldError(
            f"Field {link.model._meta.object_name}.{link.name} cannot be both deferred and "
            f"traversed using select_related at the same time."
        )


def _follow(exposed: ExposedModel, name: str) -> tuple[ExposedModel, Any]:
    target = exposed.related(name)
    if target is None:
        raise QueryRefused(f"{exposed.name} has no relation {name[:100]!r}.")
    link: Any = exposed.links.get(name)
    if link is None:
        link = exposed.model._meta.get_field(name)
    return target, link


# prefetch_related


def prefetches(
    view: View,
    fetch: Fetch,
    query: Callable[[Plan], tuple[QuerySet[Any], View]],
    seen: set[str],
    joined: Container[str] = (),
) -> Iterator[Prefetch[Any]]:
    """Add what ``fetch`` brings to the view; yield what Django needs to fetch it.

    ``query`` makes the queryset of a plan and its view. ``seen`` has the paths that were fetched
    and ``joined`` those of ``select_related``, whose rows Django does not fetch again.
    """
    current, prefix = view, ""
    *steps, last = fetch.path.split(LOOKUP_SEP)
    for name in steps:
        prefix = f"{prefix}{LOOKUP_SEP}{name}" if prefix else name
        along = current.along.get(name)
        if along is None and prefix in joined:
            target, _ = _follow(current.exposed, name)
            along = current.along[name] = Along(View.whole(target), many=False)
            seen.add(prefix)
        elif along is None or (prefix not in seen and not along.listed):
            target, link = _follow(current.exposed, name)
            queryset, found = query(Plan(target.name))
            yield Prefetch(prefix, bounded(target, queryset))
            if along is None:
                along = current.along[name] = Along(found, _is_many(link))
            seen.add(prefix)
        current = along.view
    path = f"{prefix}{LOOKUP_SEP}{last}" if prefix else last
    if fetch.to_attr is None and (path in joined or (fetch.plan is None and path in seen)):
        return
    target, link = _follow(current.exposed, last)
    plan = Plan(target.name) if fetch.plan is None else fetch.plan
    if plan.model != target.name:
        raise QueryRefused(f"{fetch.path[:100]!r} leads to {target.name}, not to the plan's model.")
    queryset, found = query(plan)
    name = fetch.to_attr or last
    if fetch.to_attr is not None and hasattr(current.exposed.model, name):
        raise QueryRefused(
            f"to_attr={name[:100]!r}: {current.exposed.name} has something of that name."
        )
    if name not in current.along:
        current.along[name] = Along(found, _is_many(link), listed=fetch.to_attr is not None)
    seen.add(f"{prefix}{LOOKUP_SEP}{name}" if prefix else name)
    yield Prefetch(path, bounded(target, queryset), to_attr=fetch.to_attr)


def _is_many(link: Any) -> bool:
    return bool(link.many_to_many or link.one_to_many)


def bounded(exposed: ExposedModel, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return a queryset of instances that raises the refusal beyond ``max_rows``."""

    class Bounded(ModelIterable):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            for count, instance in enumerate(super().__iter__(), 1):
                check_rows(exposed, count)
                yield instance

    if queryset._iterable_class is ModelIterable:  # noqa: SLF001
        queryset = queryset.all()
        queryset._iterable_class = Bounded  # noqa: SLF001
    return queryset
