"""What all parts of a remote queryset share: its plan, where it is asked, and how.

A queryset is a plan, the options of its requests, and the source of its rows: the model's
``objects``, or the call that returned it, which a request then makes again with the plan beside its
arguments. One that came with its rows has no source to ask.
"""

# ruff: noqa: SLF001 - a queryset's clones and those it is joined with are of its own kind

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from django.db import NotSupportedError
from django.db.models import QuerySet
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesIterable,
    ValuesListIterable,
)

from ..plans import (
    Alias,
    Annotate,
    Combine,
    Dates,
    Datetimes,
    Distinct,
    Expression,
    Nothing,
    Of,
    OrderBy,
    Plan,
    Row,
    Rules,
    Slice,
    Step,
    Values,
    ValuesList,
)
from .expressions import Lifter, aggregates
from .nested import Description
from .options import DEFAULT_OPTIONS, CallOptions
from .remotes import Remote, get_remote
from .rules import refusing, rules_for
from .zones import in_zone

if TYPE_CHECKING:
    from ..schema import ModelSchema
    from .classes import RemoteClass


class Source(NamedTuple):
    """The call that returned a queryset: what evaluates it is the same call once more."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    options: CallOptions


class Request(NamedTuple):
    """A call to make, and what its caller sees of what arrives."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    options: CallOptions
    finish: Callable[[Any], Any]


class Known(NamedTuple):
    """What needs no request."""

    value: Any


Question: TypeAlias = Request | Known


def as_it_came(value: Any) -> Any:
    return value


class PlannedQuerySet(QuerySet[Any]):
    """A plan and where to ask. The methods stand in the classes derived from this one."""

    model: RemoteClass
    _plan: Plan
    _source: Source | None
    _result_cache: list[Any] | None

    def __init__(
        self,
        model: RemoteClass,
        plan: Plan | None = None,
        *,
        options: CallOptions = DEFAULT_OPTIONS,
        empty: bool = False,
        source: Source | None = None,
    ):
        self.model = model
        self._plan = Plan(".".join(model._chunnel_path)) if plan is None else plan
        self._options = options
        self._empty = empty
        self._source = source
        self._came_evaluated = False
        self._outer = False  # whether the plan names fields of a query around it
        self._mode: str | None = None
        self._known: tuple[str, Any] | None = None  # a foreign key and what it leads to
        self._row_names: tuple[str, ...] = ()  # of the columns that values_list() chose
        self._result_cache = [] if empty else None

    @classmethod
    def evaluated(cls, model: RemoteClass, rows: list[Any]) -> Self:
        """Return the queryset that came with its rows from a call."""
        made = cls(model)
        made._came_evaluated = True
        made._result_cache = rows
        return made

    # Copies

    def _clone(self, plan: Plan | None = None) -> Self:
        made = type(self)(
            self.model,
            self._plan if plan is None else plan,
            options=self._options,
            empty=self._empty,
            source=self._source,
        )
        made._outer, made._mode, made._row_names = self._outer, self._mode, self._row_names
        made._known = self._known
        if self._came_evaluated:
            made._came_evaluated = True
            made._result_cache = self._result_cache
        return made

    _chain = _clone

    def _then(self, step: Step, lifter: Lifter | None = None) -> Self:
        """Return the queryset with one more step.

        Raise QueryRefused where the schema is held and forbids it, NotSupportedError for a queryset
        that came with its rows.
        """
        made = self._clone(self._open_plan(type(step).__name__).then(step))
        if lifter is not None and lifter.outer:
            made._outer = True
        if not made._outer and not made._empty:
            rules = made._rules()
            if rules is not None:
                with refusing(self._remote):
                    rules.check_steps(made._plan)
        return made

    def _open_plan(self, what: str) -> Plan:
        if self._came_evaluated:
            raise NotSupportedError(
                f"This queryset came evaluated from a call and cannot be refined ({what}). What "
                f'returns it has to be exposed with effect="read" for that.'
            )
        return self._plan

    def _lifter(self) -> Lifter:
        return Lifter(self.model._chunnel_alias)

    @property
    def query(self) -> Description:  # type: ignore[override]
        """How this queryset was made, for code that looks; it is no query of this database."""
        return Description(self)

    def _nested_plan(self) -> Plan:
        """Return the plan as a part of another one."""
        self._open_plan("as a subquery")
        if self._source is not None:
            raise NotSupportedError(
                f"The queryset that {self._source.name}() returned cannot be part of another; "
                f"list() fetches its values."
            )
        return self._whole_plan

    @property
    def _whole_plan(self) -> Plan:
        """The plan, which for ``none()`` says so."""
        if self._empty and Nothing() not in self._plan.steps:
            return self._plan.then(Nothing())
        return self._plan

    # What the plan says

    def _last(self, *kinds: type[Any]) -> Any:
        """Return the last step of these kinds, or None."""
        for step in reversed(self._plan.steps):
            if isinstance(step, kinds):
                return step
        return None

    @property
    def _combinator(self) -> str | None:
        found = self._last(Combine)
        return found.kind if found is not None else None

    @property
    def _sliced(self) -> bool:
        """Whether it is a part of its rows; what was combined begins anew."""
        for step in reversed(self._plan.steps):
            if isinstance(step, Slice):
                return True
            if isinstance(step, Combine):
                return False
        return False

    def _last_distinct(self) -> tuple[str, ...]:
        found = self._last(Distinct)
        return found.names if found is not None else ()

    @property
    def _row(self) -> Row | None:
        return self._plan.row

    @property
    def _fields(self) -> tuple[str, ...] | None:
        """The names that ``values()`` and its like chose; None where rows are instances."""
        row = self._row
        if row is None:
            return None
        return tuple(getattr(row, "names", ()))

    @property
    def _iterable_class(self) -> type[Any]:  # type: ignore[override]
        """What Django's own querysets say of their rows, for code that looks at it."""
        match self._row:
            case None:
                return ModelIterable
            case Values():
                return ValuesIterable
            case ValuesList(named=True):
                return NamedValuesListIterable
            case ValuesList(flat=False):
                return ValuesListIterable
        return FlatValuesListIterable

    @property
    def _of_instances(self) -> bool:
        """Whether its rows are instances, and not what ``values()`` or ``values_list()`` give."""
        return self._row is None

    @property
    def _fixed(self) -> bool:
        """Whether the rows at hand are all there is: nothing can be asked, or need be."""
        return self._came_evaluated or self._empty

    def _kept(self) -> list[Any]:
        rows = self._result_cache
        assert rows is not None  # an evaluated queryset has its rows
        return rows

    # What may not follow what, in Django's words

    def _check_not_combined(self, method: str) -> None:
        combinator = self._combinator
        if combinator is not None:
            raise NotSupportedError(
                f"Calling QuerySet.{method}() after {combinator}() is not supported."
            )

    def _check_not_sliced(self, what: str) -> None:
        if self._sliced:
            raise TypeError(f"Cannot {what} a query once a slice has been taken.")

    def _check_instances(self, method: str) -> None:
        if self._row is not None:
            raise TypeError(f"Cannot call {method}() after .values() or .values_list()")

    # What is known

    @property
    def _remote(self) -> Remote:
        return get_remote(self.model._chunnel_alias)

    @property
    def _label(self) -> str:
        return self._plan.model

    def _rules(self) -> Rules | None:
        """Return what the held schema allows; None where it says nothing of these rows."""
        return rules_for(self._remote, self._label)

    @property
    def _held(self) -> ModelSchema | None:
        """The model's schema where it is held; never a request."""
        from .signature import find_model

        schema = self._remote.current_schema
        return find_model(schema, *self.model._chunnel_path) if schema is not None else None

    # Asking

    def _evaluation(
        self,
        op: str,
        *more: Any,
        finish: Callable[[Any], Any],
        expressions: tuple[tuple[str, Expression], ...] = (),
    ) -> Request:
        """Return the request for an operation; raise QueryRefused where the schema forbids it.

        ``more`` travels beside the operation and ``expressions`` are what of it is to be judged.
        """
        plan = self._open_plan(op)
        if self._outer:
            raise ValueError(
                "This queryset contains a reference to an outer query and may only be used in a "
                "subquery."
            )
        if self._empty:
            plan = self._whole_plan
        rules = self._rules()
        source = self._source
        if rules is not None:
            with refusing(self._remote):
                rules.check(plan, op, expressions)
        if source is None:
            options = self._reading(self._options)
            return Request(
                f"{plan.model}.objects", (plan.to_wire(), op, *more), {}, options, finish
            )
        options = self._reading(source.options).replace(refine=[plan.to_wire(), op, *more])
        name, args, kwargs, _ = source
        return Request(name, args, kwargs, options, lambda found: finish(_result(found)))

    @staticmethod
    def _reading(options: CallOptions) -> CallOptions:
        return _READING if options is DEFAULT_OPTIONS else options.replace(effect="read")

    def _perform(self, question: Question) -> Any:
        if isinstance(question, Known):
            return question.value
        name, args, kwargs, options, finish = question
        remote = self._remote
        return finish(remote.call(name, args, kwargs, in_zone(options), lift=as_it_came))

    async def _aperform(self, question: Question) -> Any:
        if isinstance(question, Known):
            return question.value
        name, args, kwargs, options, finish = question
        remote = self._remote
        return finish(await remote.acall(name, args, kwargs, in_zone(options), lift=as_it_came))

    @property
    def _root(self) -> Plan:
        """The plan without what only reading knows: what rows are created under."""
        of = self._last(Of)
        return Plan(self._label, () if of is None else (of,))

    @property
    def ordered(self) -> bool | None:  # type: ignore[override]
        """Whether the rows have an order; None where only the schema, not held, could say."""
        if self._fixed:
            return True
        for step in reversed(self._plan.steps):
            if isinstance(step, OrderBy):
                return bool(step.names)
            if isinstance(step, Dates | Datetimes):
                return True
            if isinstance(step, Combine):
                return False
        if self._source is not None:
            return None
        if self._grouped:
            return False  # the model's own order is for rows, not for groups
        model = self._held
        return bool(model.ordering) if model is not None else None

    @property
    def _grouped(self) -> bool:
        """Whether aggregates are among its annotations."""
        found: set[str] = set()
        for step in self._plan.steps:
            if isinstance(step, Annotate | Alias):
                found.update(name for name, each in step.expressions if aggregates(each, found))
        return bool(found)

    @property
    def is_evaluated(self) -> bool:
        """Whether its rows are here, so that reading them makes no request."""
        return self._result_cache is not None


def _result(found: Any) -> Any:
    """Return a value without the changed fields that a method of an instance answers beside it."""
    beside = isinstance(found, list) and len(found) == 2 and isinstance(found[1], dict | None)
    return found[0] if beside else found


_READING = DEFAULT_OPTIONS.replace(effect="read")
