"""Querysets of remote models.

The rules:

* A queryset is a plan and options. Chaining makes another one and no request.
* One evaluation is one request. It happens where Django's would: on iteration, ``len``, ``bool``,
  ``repr``, indexing, ``get``, ``count``, ``exists``, ``first`` and ``last``. Its rows are kept, and
  answer what they can answer.
* It is a subclass of Django's QuerySet, because views and libraries ask for one, but inherits
  nothing that works: what is not written here raises NotSupportedError (methods) or AttributeError
  (the rest), so nothing is silently ignored. It has no ``query``.
* Any other public lower_case attribute is a method of the manager over there, named without a
  request, unless libraries feel for it (``unsupported.DUCKS``); where the schema is held, only
  those it declares.
* A queryset that a call returned arrives evaluated and without a plan: it can be read, not refined.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import NotSupportedError
from django.db.models import QuerySet

from ..plans import Exclude, Filter, OrderBy, Plan, Reverse, Slice, Step, Values, ValuesList
from ..values import RowSet
from .callables import given
from .conditions import condition
from .options import DEFAULT_OPTIONS, CallOptions
from .remotes import Remote, get_remote
from .rows import read_row, read_rows
from .rules import rules_for
from .signature import find_model
from .unsupported import shut_off, supported

if TYPE_CHECKING:
    from .classes import RemoteClass
    from .managers import ManagerMethod

REPR_OUTPUT_SIZE = 20  # rows that repr() shows, as in Django

_READING = DEFAULT_OPTIONS.replace(effect="read")


class RemoteQuerySet(QuerySet[Any]):
    """Rows of a remote model, fetched when they are needed and then kept."""

    model: RemoteClass
    _plan: Plan | None
    _result_cache: list[Any] | None

    def __init__(
        self,
        model: RemoteClass,
        plan: Plan | None = None,
        *,
        options: CallOptions = DEFAULT_OPTIONS,
        empty: bool = False,
    ):
        self.model = model
        self._plan = Plan(".".join(model._chunnel_path)) if plan is None else plan
        self._options = options
        self._empty = empty
        self._result_cache = [] if empty else None

    @classmethod
    def evaluated(cls, model: RemoteClass, rows: list[Any]) -> RemoteQuerySet:
        """Return the queryset that a call returned."""
        made = cls(model)
        made._plan = None
        made._result_cache = rows
        return made

    # Chaining

    def _clone(self, plan: Plan | None = None) -> RemoteQuerySet:
        if self._plan is None:
            made = RemoteQuerySet.evaluated(self.model, self._kept())
        else:
            made = RemoteQuerySet(
                self.model, plan or self._plan, options=self._options, empty=self._empty
            )
        made._options = self._options
        return made

    def _then(self, step: Step) -> RemoteQuerySet:
        return self._clone(self._open_plan(type(step).__name__).then(step))

    def _open_plan(self, what: str) -> Plan:
        if self._plan is None:
            raise NotSupportedError(
                f"This queryset came evaluated from a call and cannot be refined ({what})."
            )
        return self._plan

    def _kept(self) -> list[Any]:
        rows = self._result_cache
        assert rows is not None  # an evaluated queryset has its rows
        return rows

    def _not_sliced(self, what: str) -> None:
        if self._plan is not None and self._plan.sliced:
            raise TypeError(f"Cannot {what} a query once a slice has been taken.")

    def all(self) -> RemoteQuerySet:
        """Return a copy that will be evaluated again."""
        return self._clone()

    def none(self) -> RemoteQuerySet:
        """Return an empty queryset; it makes no request."""
        made = self._clone()
        made._empty, made._result_cache = True, []
        return made

    def filter(self, *args: Any, **kwargs: Any) -> RemoteQuerySet:
        """Return the rows that meet the conditions."""
        return self._restricted(Filter, args, kwargs)

    def exclude(self, *args: Any, **kwargs: Any) -> RemoteQuerySet:
        """Return the rows that do not meet the conditions together."""
        return self._restricted(Exclude, args, kwargs)

    def _restricted(
        self, step: type[Filter | Exclude], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> RemoteQuerySet:
        if not args and not kwargs:
            return self._clone()
        self._not_sliced("filter")
        return self._then(step(condition(args, kwargs)))

    def order_by(self, *field_names: Any) -> RemoteQuerySet:
        """Return the rows in another order; without names, in none."""
        self._not_sliced("reorder")
        return self._then(OrderBy(_names("order_by", field_names)))

    def reverse(self) -> RemoteQuerySet:
        """Return the rows in the opposite order."""
        self._not_sliced("reverse")
        return self._then(Reverse())

    def values(self, *fields: Any, **expressions: Any) -> RemoteQuerySet:
        """Return dicts, of these fields or of all readable ones."""
        _no_expressions("values", expressions)
        return self._then(Values(_names("values", fields)))

    def values_list(
        self, *fields: Any, flat: bool = False, named: bool = False, **expressions: Any
    ) -> RemoteQuerySet:
        """Return tuples, with ``flat`` single values, with ``named`` named tuples."""
        _no_expressions("values_list", expressions)
        if flat and named:
            raise TypeError("'flat' and 'named' can't be used together.")
        if flat and len(fields) > 1:
            raise TypeError(
                "'flat' is not valid when values_list is called with more than one field."
            )
        return self._then(ValuesList(_names("values_list", fields), flat, named))

    def using(self, *database: Any, **options: Any) -> RemoteQuerySet:
        """Return a copy whose requests are made with these options: ``timeout=2``.

        There is no database to choose: what is not a keyword raises NotSupportedError.
        """
        if database:
            raise NotSupportedError("using() of a remote queryset takes options, not a database.")
        made = self._clone()
        made._options = self._options.replace(**options)
        return made

    # Evaluation

    def _remote(self) -> Remote:
        return get_remote(self.model._chunnel_alias)

    def _request(
        self, remote: Remote, op: str
    ) -> tuple[str, tuple[Any, ...], dict[str, Any], CallOptions]:
        """Return the call that evaluates this; raise QueryRefused where the schema forbids it."""
        plan = self._open_plan(op)
        rules = rules_for(remote, plan.model)
        if rules is not None:
            rules.check(plan, op)
        options = self._options
        options = _READING if options is DEFAULT_OPTIONS else options.replace(effect="read")
        return (f"{plan.model}.objects", (plan.to_wire(), op), {}, options)

    def _ask(self, op: str) -> Any:
        remote = self._remote()
        return remote.call(*self._request(remote, op), lift=_as_it_came)

    async def _aask(self, op: str) -> Any:
        remote = self._remote()
        return await remote.acall(*self._request(remote, op), lift=_as_it_came)

    def _fetched(self) -> Iterator[Any]:
        found = self._ask("rows")
        assert self._plan is not None  # or there was nothing to ask
        if isinstance(found, RowSet):
            yield from read_rows(self.model, found, self._plan.row)
            return
        with found:  # a stream, closed also if nobody reads to its end
            for batch in found:
                yield from read_rows(self.model, batch, self._plan.row)

    async def _afetched(self) -> AsyncIterator[Any]:
        found = await self._aask("rows")
        assert self._plan is not None  # or there was nothing to ask
        if isinstance(found, RowSet):
            for row in read_rows(self.model, found, self._plan.row):
                yield row
            return
        async with found:
            async for batch in found:
                for row in read_rows(self.model, batch, self._plan.row):
                    yield row

    def _rows(self) -> list[Any]:
        if self._result_cache is None:
            self._result_cache = list(self._fetched())
        return self._result_cache

    async def _arows(self) -> list[Any]:
        if self._result_cache is None:
            self._result_cache = [row async for row in self._afetched()]
        return self._result_cache

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows())

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in await self._arows():
            yield row

    def __len__(self) -> int:
        return len(self._rows())

    def __bool__(self) -> bool:
        return bool(self._rows())

    def __repr__(self) -> str:
        shown = list(self[: REPR_OUTPUT_SIZE + 1])
        if len(shown) > REPR_OUTPUT_SIZE:
            shown[-1] = "...(remaining elements truncated)..."
        return f"<{type(self).__name__} {shown!r}>"

    def __getitem__(self, k: Any) -> Any:
        if not isinstance(k, int | slice):
            raise TypeError(f"QuerySet indices must be integers or slices, not {type(k).__name__}.")
        bounds = (k,) if isinstance(k, int) else (k.start, k.stop)
        if any(bound is not None and bound < 0 for bound in bounds):
            raise ValueError("Negative indexing is not supported.")
        if self._result_cache is not None and not (self._empty and isinstance(k, slice)):
            return self._result_cache[k]
        if isinstance(k, int):
            return list(self._then(Slice(k, k + 1)))[0]  # noqa: RUF015 - IndexError, as in Django
        start = k.start or 0
        stop = None if k.stop is None else max(start, k.stop)
        found = self._then(Slice(start, stop))
        return list(found)[:: k.step] if k.step else found

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        """Yield the rows as they arrive, and keep none."""
        if chunk_size is not None and chunk_size <= 0:
            raise ValueError("Chunk size must be strictly positive.")
        return self._fetched() if self._result_cache is None else iter(self._result_cache)

    async def aiterator(self, chunk_size: int = 2000) -> AsyncIterator[Any]:
        """Yield the rows as they arrive, and keep none."""
        if chunk_size <= 0:
            raise ValueError("Chunk size must be strictly positive.")
        if self._result_cache is not None:
            for row in self._result_cache:
                yield row
            return
        async for row in self._afetched():
            yield row

    def _one(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RemoteQuerySet:
        found = self.filter(*args, **kwargs)
        if found._empty:
            raise self.model.DoesNotExist(f"{self.model.__name__} matching query does not exist.")
        return found

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one row that meets the conditions; raise DoesNotExist or another."""
        found = self._one(args, kwargs)
        return read_row(self.model, found._ask("get"), found._plan)

    async def aget(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one row that meets the conditions; raise DoesNotExist or another."""
        found = self._one(args, kwargs)
        return read_row(self.model, await found._aask("get"), found._plan)

    def count(self) -> int:
        """Return the number of rows, counted over there unless they were fetched."""
        found: int = (
            len(self._result_cache) if self._result_cache is not None else self._ask("count")
        )
        return found

    async def acount(self) -> int:
        """Return the number of rows, counted over there unless they were fetched."""
        if self._result_cache is not None:
            return len(self._result_cache)
        found: int = await self._aask("count")
        return found

    def exists(self) -> bool:
        """Say whether there is any row."""
        if self._result_cache is not None:
            return bool(self._result_cache)
        return bool(self._ask("exists"))

    async def aexists(self) -> bool:
        """Say whether there is any row."""
        if self._result_cache is not None:
            return bool(self._result_cache)
        return bool(await self._aask("exists"))

    def first(self) -> Any:
        """Return the first row, by key where there is no order, or None."""
        if self._fixed:
            return self._kept()[0] if self._kept() else None
        return read_row(self.model, self._ask("first"), self._plan)

    async def afirst(self) -> Any:
        """Return the first row, by key where there is no order, or None."""
        if self._fixed:
            return self._kept()[0] if self._kept() else None
        return read_row(self.model, await self._aask("first"), self._plan)

    def last(self) -> Any:
        """Return the last row, by key where there is no order, or None."""
        self._not_sliced("reverse")
        if self._fixed:
            return self._kept()[-1] if self._kept() else None
        return read_row(self.model, self._ask("last"), self._plan)

    async def alast(self) -> Any:
        """Return the last row, by key where there is no order, or None."""
        self._not_sliced("reverse")
        if self._fixed:
            return self._kept()[-1] if self._kept() else None
        return read_row(self.model, await self._aask("last"), self._plan)

    @property
    def is_evaluated(self) -> bool:
        """Whether its rows are here, so that reading them makes no request."""
        return self._result_cache is not None

    @property
    def _of_instances(self) -> bool:
        """Whether its rows are instances, and not what ``values()`` or ``values_list()`` give."""
        return self._plan is None or self._plan.row is None

    @property
    def _fixed(self) -> bool:
        """Whether the rows at hand are all there is: nothing can be asked, or need be."""
        return self._plan is None or self._empty

    @property
    def ordered(self) -> bool | None:  # type: ignore[override]
        """Whether the rows have an order; None where only the schema, not held, could say."""
        if self._fixed:
            return True
        assert self._plan is not None  # or it would be fixed
        for step in reversed(self._plan.steps):
            if isinstance(step, OrderBy):
                return bool(step.names)
        schema = self._remote().held_schema
        model = find_model(schema, *self.model._chunnel_path) if schema is not None else None
        return bool(model.ordering) if model is not None else None

    def __getattr__(self, name: str) -> ManagerMethod:
        from .managers import manager_method

        return manager_method(self, name)

    def __dir__(self) -> list[str]:
        from .managers import manager_methods

        return sorted({*supported(type(self)), *manager_methods(self.model), "model", "ordered"})

    # Values: pickled and copied without a request

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self._plan, given(self._options), self._empty, self._result_cache)
        return (_rebuilt, (self.model, *state))

    def __copy__(self) -> RemoteQuerySet:
        made = self._clone()
        made._result_cache = self._result_cache
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> RemoteQuerySet:
        return self._clone()

    def _refuse_to_combine(self, other: Any) -> NoReturn:  # noqa: ARG002
        raise NotSupportedError("Remote querysets cannot be combined; combine Q objects instead.")

    __and__ = __or__ = __xor__ = _refuse_to_combine


def _rebuilt(
    model: RemoteClass,
    plan: Plan | None,
    options: dict[str, Any],
    empty: bool,
    rows: list[Any] | None,
) -> RemoteQuerySet:
    made = RemoteQuerySet(model, plan, options=DEFAULT_OPTIONS.replace(**options), empty=empty)
    made._plan, made._result_cache = plan, rows
    return made


def _as_it_came(value: Any) -> Any:
    return value


def _names(method: str, names: tuple[Any, ...]) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str):
            raise NotSupportedError(
                f"{method}() of a remote queryset takes names of fields, not {type(name).__name__}."
            )
    return names


def _no_expressions(method: str, expressions: dict[str, Any]) -> None:
    if expressions:
        raise NotSupportedError(f"{method}() of a remote queryset takes names of fields only.")


shut_off(RemoteQuerySet)
