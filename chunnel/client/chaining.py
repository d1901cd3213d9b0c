"""The methods of a remote queryset that return another one. None makes a request."""

# ruff: noqa: SLF001 - a queryset's clones and those it is joined with are of its own kind

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

from django.db import NotSupportedError
from django.db.models import FilteredRelation, Prefetch, Q
from django.db.models.constants import LOOKUP_SEP
from django.utils import deprecation

from ..plans import (
    Alias,
    Annotate,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    Fetch,
    Filter,
    Only,
    OrderBy,
    PrefetchRelated,
    Reverse,
    SelectRelated,
    Values,
    ValuesList,
)
from .expressions import default_alias
from .fieldtypes import zone_name
from .planned import PlannedQuerySet

DATE_KINDS = ("year", "month", "week", "day")
DATETIME_KINDS = (*DATE_KINDS, "hour", "minute", "second")
_MODES = {"raise": "raise", "peers": "peers", "FetchRaise": "raise", "FetchPeers": "peers"}


class Chaining(PlannedQuerySet):
    """What refines a plan."""

    def all(self) -> Self:
        """Return a copy that will be evaluated again."""
        return self._clone()

    def none(self) -> Self:
        """Return an empty queryset; it makes no request."""
        made = self._clone()
        made._empty, made._result_cache = True, []
        return made

    # Which rows

    def filter(self, *args: Any, **kwargs: Any) -> Self:
        """Return the rows that meet the conditions."""
        self._check_not_combined("filter")
        return self._restricted(Filter, args, kwargs)

    def exclude(self, *args: Any, **kwargs: Any) -> Self:
        """Return the rows that do not meet the conditions together."""
        self._check_not_combined("exclude")
        return self._restricted(Exclude, args, kwargs)

    def complex_filter(self, filter_obj: Any) -> Self:
        """Return the rows that meet a Q object or a dict of lookups."""
        if isinstance(filter_obj, Q):
            lifter = self._lifter()
            return self._then(Filter(lifter.condition((filter_obj,), {})), lifter)
        return self._restricted(Filter, (), filter_obj)

    def _restricted(
        self, step: type[Filter | Exclude], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Self:
        if not args and not kwargs:
            return self._clone()
        self._check_not_sliced("filter")
        lifter = self._lifter()
        return self._then(step(lifter.condition(args, kwargs)), lifter)

    def distinct(self, *field_names: Any) -> Self:
        """Return each row once; with names, on PostgreSQL alone, one row for each value."""
        self._check_not_combined("distinct")
        if self._sliced:
            raise TypeError("Cannot create distinct fields once a slice has been taken.")
        return self._then(Distinct(_names("distinct", field_names)))

    # In which order

    def order_by(self, *field_names: Any) -> Self:
        """Return the rows in another order; without names, in none."""
        self._check_not_sliced("reorder")
        lifter = self._lifter()
        names = tuple(
            lifter.ordering(each)
            if isinstance(each, str) or hasattr(each, "resolve_expression")
            else _name("order_by", each)
            for each in field_names
        )
        return self._then(OrderBy(names), lifter)

    def reverse(self) -> Self:
        """Return the rows in the opposite order."""
        self._check_not_sliced("reverse")
        return self._then(Reverse())

    # With what beside the fields

    def annotate(self, *args: Any, **kwargs: Any) -> Self:
        """Return the rows with more values: expressions and aggregates, by name."""
        self._check_not_combined("annotate")
        return self._annotated(Annotate, args, kwargs)

    def alias(self, *args: Any, **kwargs: Any) -> Self:
        """Name expressions for later steps; the rows do not get them."""
        self._check_not_combined("alias")
        return self._annotated(Alias, args, kwargs)

    def _annotated(
        self, step: type[Annotate | Alias], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Self:
        check_expressions((*args, *kwargs.values()), "annotate")
        expressions: dict[str, Any] = {}
        for arg in args:
            name = default_alias(arg, "annotations")
            if name in kwargs:
                raise ValueError(
                    f"The named annotation '{name}' conflicts with the default name for another "
                    f"annotation."
                )
            expressions[name] = arg
        expressions.update(kwargs)
        taken = self._taken_names()
        for name, expression in expressions.items():
            if name in taken:
                raise ValueError(f"The annotation '{name}' conflicts with a field on the model.")
            if isinstance(expression, FilteredRelation):
                raise NotSupportedError("FilteredRelation is not supported by remote querysets.")
        if not expressions:
            return self._clone()
        lifter = self._lifter()
        made = self._then(step(lifter.named(expressions)), lifter)
        if step is Annotate and made._row_names:
            made._row_names += tuple(expressions)
        return made

    def _taken_names(self) -> frozenset[str]:
        """Return the names that no annotation can have, as far as they are known here."""
        chosen = self._fields
        if chosen is not None:
            return frozenset(chosen)
        model = self._held
        if model is None:
            return frozenset()
        return frozenset(
            name for field in model.fields for name in (field.name, field.attname) if name
        )

    # As what

    def values(self, *fields: Any, **expressions: Any) -> Self:
        """Return dicts, of these fields and expressions or of all readable ones."""
        check_expressions(tuple(expressions.values()), "values")
        lifter = self._lifter()
        step = Values(_names("values", fields), lifter.named(expressions))
        return self._then(step, lifter)

    def values_list(self, *fields: Any, flat: bool = False, named: bool = False) -> Self:
        """Return tuples, with ``flat`` single values, with ``named`` named tuples."""
        if flat and named:
            raise TypeError("'flat' and 'named' can't be used together.")
        if flat and len(fields) > 1:
            raise TypeError(
                "'flat' is not valid when values_list is called with more than one field."
            )
        if flat and not fields:
            _warn_of_flat()
        lifter = self._lifter()
        names = tuple(
            lifter.expression(each)
            if hasattr(each, "resolve_expression")
            else _name("values_list", each)
            for each in fields
        )
        made = self._then(ValuesList(names, (), flat, named), lifter)
        made._row_names = row_names(fields)
        return made

    def dates(self, field_name: str, kind: str, order: str = "ASC") -> Self:
        """Return the different dates of a field, cut to a year, month, week or day."""
        if kind not in DATE_KINDS:
            raise ValueError("'kind' must be one of 'year', 'month', 'week', or 'day'.")
        _check_direction(order)
        self._check_not_combined("annotate")
        self._check_not_sliced_for_dates()
        return self._then(Dates(_name("dates", field_name), kind, order))

    def datetimes(self, field_name: str, kind: str, order: str = "ASC", tzinfo: Any = None) -> Self:
        """Return the different times of a field, cut to anything from a year to a second.

        ``tzinfo`` is a time zone with a name; without one the server's current one counts.
        """
        if kind not in DATETIME_KINDS:
            raise ValueError(
                "'kind' must be one of 'year', 'month', 'week', 'day', 'hour', 'minute', or "
                "'second'."
            )
        _check_direction(order)
        self._check_not_combined("annotate")
        self._check_not_sliced_for_dates()
        zone = None if tzinfo is None else zone_name(tzinfo)
        return self._then(Datetimes(_name("datetimes", field_name), kind, order, zone))

    def _check_not_sliced_for_dates(self) -> None:
        if self._sliced:
            raise TypeError("Cannot create distinct fields once a slice has been taken.")

    # With which fields and relations

    def only(self, *fields: Any) -> Self:
        """Return instances with these fields alone."""
        self._check_not_combined("only")
        self._check_instances("only")
        if fields == (None,):
            raise TypeError("Cannot pass None as an argument to only().")
        return self._then(Only(_names("only", fields)))

    def defer(self, *fields: Any) -> Self:
        """Return instances without these fields; ``defer(None)`` takes that back."""
        self._check_not_combined("defer")
        self._check_instances("defer")
        if not fields:
            return self._clone()
        return self._then(Defer(() if fields == (None,) else _names("defer", fields)))

    def select_related(self, *fields: Any) -> Self:
        """Return instances with the rows that these relations lead to; None takes all back."""
        self._check_not_combined("select_related")
        self._check_instances("select_related")
        if not fields:
            raise NotSupportedError(
                "select_related() of a remote queryset takes the names of relations."
            )
        names = () if fields == (None,) else _names("select_related", fields)
        return self._then(SelectRelated(names))

    def prefetch_related(self, *lookups: Any) -> Self:
        """Return instances with what these relations lead to; None takes all back.

        A lookup is a path or a Prefetch, whose queryset is one of the same remote.
        """
        self._check_not_combined("prefetch_related")
        if not lookups:
            return self._clone()
        if lookups == (None,):
            return self._then(PrefetchRelated(()))
        lifter = self._lifter()
        found = tuple(_fetch(each, self.model._chunnel_alias) for each in lookups)
        return self._then(PrefetchRelated(found), lifter)

    @property
    def _prefetch_related_lookups(self) -> tuple[str, ...]:
        """The paths that are prefetched, for code that asks whether any are."""
        found: tuple[str, ...] = ()
        for step in self._plan.steps:
            if isinstance(step, PrefetchRelated):
                more = tuple(
                    LOOKUP_SEP.join([*each.path.split(LOOKUP_SEP)[:-1], each.to_attr])
                    if each.to_attr
                    else each.path
                    for each in step.lookups
                )
                found = found + more if more else ()
        return found

    def fetch_mode(self, mode: Any) -> Self:
        """Say what reading a field that was not fetched does: "raise", or "peers" to fetch it.

        Django's own RAISE and FETCH_PEERS mean the same.
        """
        found = _MODES.get(mode if isinstance(mode, str) else type(mode).__name__)
        if found is None:
            raise NotSupportedError(
                f'fetch_mode() of a remote queryset takes "raise" or "peers", not {mode!r}.'
            )
        made = self._clone()
        made._mode = found
        return made

    def using(self, *database: Any, **options: Any) -> Self:
        """Return a copy whose requests are made with these options: ``timeout=2``.

        There is no database to choose: what is not a keyword raises NotSupportedError.
        """
        if database:
            raise NotSupportedError("using() of a remote queryset takes options, not a database.")
        made = self._clone()
        made._options = self._options.replace(**options)
        return made


def check_expressions(values: tuple[Any, ...], method: str) -> None:
    """Raise TypeError, in Django's words, for what is no expression."""
    wrong = [str(each) for each in values if not hasattr(each, "resolve_expression")]
    if wrong:
        raise TypeError(f"QuerySet.{method}() received non-expression(s): {', '.join(wrong)}.")


def row_names(fields: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the names that the columns of a ``values_list`` have: those that Django gives them."""
    taken = {each: False for each in fields if isinstance(each, str)}
    names: list[str] = []
    counter = 1
    for field in fields:
        if isinstance(field, str):
            name, again = field, taken[field]
        else:
            name, again = getattr(field, "default_alias", type(field).__name__.lower()), True
        if again:
            prefix = name
            while (name := f"{prefix}{counter}") in taken:
                counter += 1
        taken[name] = True
        names.append(name)
    return tuple(names)


def _names(method: str, names: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(_name(method, name) for name in names)


def _name(method: str, name: Any) -> str:
    if not isinstance(name, str):
        raise NotSupportedError(
            f"{method}() of a remote queryset takes names of fields, not {type(name).__name__}."
        )
    return str.__str__(name)


def _check_direction(order: str) -> None:
    if order not in {"ASC", "DESC"}:
        raise ValueError("'order' must be either 'ASC' or 'DESC'.")


def _fetch(lookup: Any, alias: str) -> Fetch:
    if isinstance(lookup, str):
        return Fetch(str.__str__(lookup))
    if type(lookup) is not Prefetch:
        raise NotSupportedError(
            f"prefetch_related() of a remote queryset takes paths and Prefetch objects, not "
            f"{type(lookup).__name__}."
        )
    queryset = lookup.queryset
    if queryset is None:
        return Fetch(lookup.prefetch_through, None, lookup.to_attr)
    if not isinstance(queryset, PlannedQuerySet):
        raise NotSupportedError(
            f"The Prefetch of {lookup.prefetch_through!r} has a queryset of this project; it takes "
            f"one of {alias}."
        )
    if queryset.model._chunnel_alias != alias:
        raise ValueError(
            f"The Prefetch of {lookup.prefetch_through!r} has a queryset of "
            f"{queryset.model._chunnel_alias}; it takes one of {alias}."
        )
    return Fetch(lookup.prefetch_through, queryset._nested_plan(), lookup.to_attr)


def _warn_of_flat() -> None:
    """Warn as this Django does where ``values_list(flat=True)`` names no field."""
    kind = getattr(deprecation, "RemovedInDjango2028Warning", None)
    if kind is not None:
        warnings.warn(
            "Calling values_list() with no field name and flat=True is deprecated. Pass an "
            "explicit field name instead, like 'pk'.",
            kind,
            stacklevel=3,
        )
