"""What stands in the place of ``queryset.query``.

Libraries read a queryset's ``query`` to see how it is ordered or what it is annotated with, and
Django's ``Subquery`` and ``Exists`` take it along. A remote queryset has a description there that
answers exactly this: it is no ``Query``, compiles to nothing and resolves to nothing, so that a
query of this database cannot take a remote queryset in; where it tries, it is told so.
"""

# ruff: noqa: SLF001 - it describes a queryset of ours

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from django.db import NotSupportedError

from ..plans import Alias, Annotate, Distinct, Expression, OrderBy, Ref, Reverse, SelectRelated

if TYPE_CHECKING:
    from .classes import RemoteClass
    from .planned import PlannedQuerySet


class Nested:
    """What ``Subquery(queryset)`` and ``Exists(queryset)`` hold of a remote queryset."""

    subquery = False
    contains_aggregate = contains_over_clause = contains_column_references = False

    def __init__(self, queryset: PlannedQuerySet):
        self.queryset = queryset

    def __repr__(self) -> str:
        return f"<nested queryset of {'.'.join(self.queryset.model._chunnel_path)}>"

    def clone(self) -> Nested:
        """Return another one; ``Subquery`` and its copies hold one each."""
        return Nested(self.queryset)

    def exists(self) -> Nested:
        """Return itself: that ``Exists`` holds it says what is asked."""
        return self

    def resolve_expression(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Raise NotSupportedError: this is where a query of this database would take it in."""
        raise NotSupportedError(
            f"{self!r} is of the remote {self.queryset.model._chunnel_alias!r} and cannot be part "
            f"of a query of this database; list() fetches its values."
        )

    get_compiler = clear_ordering = resolve_expression


class Description:
    """How a remote queryset was made, by the names that Django's ``Query`` has for it."""

    __slots__ = ("_queryset",)

    def __init__(self, queryset: PlannedQuerySet):
        self._queryset = queryset

    def __repr__(self) -> str:
        return f"<description of a queryset of {'.'.join(self.model._chunnel_path)}>"

    def clone(self) -> Nested:
        """Return what ``Subquery`` and ``Exists`` hold of the queryset."""
        return Nested(self._queryset)

    def get_compiler(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Raise NotSupportedError: it is part of a combination in this database."""
        self.clone().get_compiler()

    @property
    def model(self) -> RemoteClass:
        return self._queryset.model

    @property
    def order_by(self) -> tuple[str, ...]:
        """The names that it was ordered by; expressions have none."""
        step = self._queryset._last(OrderBy)
        found = []
        for each in step.names if step is not None else ():
            if isinstance(each, str):
                found.append(each)
            elif isinstance(each.expression, Ref):
                found.append(
                    f"-{each.expression.path}" if each.descending else each.expression.path
                )
        return tuple(found)

    @property
    def standard_ordering(self) -> bool:
        """Whether the order was not reversed."""
        steps = self._queryset._plan.steps
        return sum(isinstance(step, Reverse) for step in steps) % 2 == 0

    @property
    def annotations(self) -> dict[str, Expression]:
        """What was annotated or aliased, by name."""
        return self._named(Annotate, Alias)

    @property
    def annotation_select(self) -> dict[str, Expression]:
        """What was annotated, by name."""
        return self._named(Annotate)

    def _named(self, *kinds: type[Any]) -> dict[str, Expression]:
        steps = self._queryset._plan.steps
        return {
            name: each
            for step in steps
            if isinstance(step, kinds)
            for name, each in step.expressions
        }

    @property
    def values_select(self) -> tuple[Any, ...]:
        """The fields that ``values()`` and its like chose."""
        return self._queryset._fields or ()

    @property
    def select_related(self) -> Any:
        """The relations that come along in the same query, or False."""
        steps = [s for s in self._queryset._plan.steps if isinstance(s, SelectRelated)]
        found: tuple[str, ...] = ()
        for step in steps:
            found = (*found, *step.names) if step.names else ()
        return {name: {} for name in found} or False

    @property
    def distinct(self) -> bool:
        return self._queryset._last(Distinct) is not None

    @property
    def distinct_fields(self) -> tuple[str, ...]:
        return self._queryset._last_distinct()

    @property
    def combinator(self) -> str | None:
        return self._queryset._combinator

    @property
    def is_sliced(self) -> bool:
        return self._queryset._sliced

    def can_filter(self) -> bool:
        return not self.is_sliced

    def is_empty(self) -> bool:
        """Say whether it is ``none()``."""
        return self._queryset._empty
