"""Querysets made of several: ``union`` and its like, and the operators ``&``, ``|`` and ``^``."""

# ruff: noqa: SLF001 - a queryset's clones and those it is joined with are of its own kind

from __future__ import annotations

from typing import Any, NoReturn, Self

from ..plans import Combine, Distinct, Merge
from .chaining import Chaining
from .planned import PlannedQuerySet

_OPERATORS = {"and": "&", "or": "|", "xor": "^"}


class Combining(Chaining):
    """What joins plans."""

    def union(self, *other_qs: Any, all: bool = False) -> Self:  # noqa: A002 - Django's name
        """Return the rows of all querysets, each once unless ``all``."""
        if not self._empty:
            return self._combined("union", other_qs, every=all) if other_qs else self
        others = [each for each in other_qs if not _of_ours(each)._empty]
        if len(others) > 1:
            return others[0]._combined("union", others[1:], every=all)  # type: ignore[no-any-return]
        return others[0] if others else self

    def intersection(self, *other_qs: Any) -> Self:
        """Return the rows that all querysets have."""
        for each in (self, *other_qs):
            if _of_ours(each)._empty:
                return each  # type: ignore[no-any-return]
        return self._combined("intersection", other_qs)

    def difference(self, *other_qs: Any) -> Self:
        """Return the rows that none of the other querysets has."""
        return self if self._empty else self._combined("difference", other_qs)

    def _combined(self, kind: str, others: Any, *, every: bool = False) -> Self:
        plans = tuple(self._other_plan(each) for each in others)
        return self._then(Combine(kind, every, plans))

    def _other_plan(self, other: Any) -> Any:
        ours = _of_ours(other)
        if ours.model._chunnel_alias != self.model._chunnel_alias:
            raise ValueError(
                f"A queryset of {self.model._chunnel_alias} cannot be combined with one of "
                f"{ours.model._chunnel_alias}."
            )
        return ours._nested_plan()

    def __and__(self, other: Any) -> Self:
        self._check_merged(other, "and")
        if self._empty or other._empty:
            return self if self._empty else other
        self._check_whole(other)
        return self._merged(other, "and")

    def __or__(self, other: Any) -> Self:
        self._check_merged(other, "or")
        if self._empty or other._empty:
            return other if self._empty else self
        return self._merged(other, "or")

    def __xor__(self, other: Any) -> Self:
        self._check_merged(other, "xor")
        if self._empty or other._empty:
            return other if self._empty else self
        return self._merged(other, "xor")

    def _check_merged(self, other: Any, connector: str) -> None:
        if not isinstance(other, PlannedQuerySet) or other.model is not self.model:
            raise TypeError("Cannot combine queries on two different base models.")
        if self._combinator or other._combinator:
            raise TypeError(f"Cannot use {_OPERATORS[connector]} operator with combined queryset.")
        if self._fields is not None and self._fields != other._fields:
            raise TypeError(
                f"Merging '{type(self).__name__}' classes must involve the same values in each "
                f"case."
            )

    def _check_whole(self, other: PlannedQuerySet) -> None:
        if self._sliced:
            raise TypeError("Cannot combine queries once a slice has been taken.")
        ours, theirs = self._last(Distinct), other._last(Distinct)
        if (ours is None) != (theirs is None):
            raise TypeError("Cannot combine a unique query with a non-unique query.")
        if ours != theirs:
            raise TypeError("Cannot combine queries with different distinct fields.")

    def _merged(self, other: PlannedQuerySet, connector: str) -> Self:
        made = self._then(Merge(connector, other._nested_plan()))
        made._outer = self._outer or other._outer
        return made

    def _refuse_to_combine(self, other: Any) -> NoReturn:  # noqa: ARG002
        raise TypeError("Cannot combine queries on two different base models.")

    # A local queryset on the left of an operator; ours is asked first, being a subclass.
    __rand__ = __ror__ = __rxor__ = _refuse_to_combine


def _of_ours(other: Any) -> PlannedQuerySet:
    if not isinstance(other, PlannedQuerySet):
        raise TypeError(
            f"A remote queryset is combined with remote querysets, not with {type(other).__name__}."
        )
    return other
