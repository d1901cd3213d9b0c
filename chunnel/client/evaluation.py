"""The methods of a remote queryset that ask, each with its twin for asynchronous code.

One evaluation is one request. It happens where Django's would, and its rows are kept and answer
what they can answer.
"""

# ruff: noqa: SLF001 - a queryset's clones and those it is joined with are of its own kind

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from django.db import NotSupportedError

from ..plans import Call, Dates, Datetimes, Literal, OrderBy, Reverse, Slice
from ..plans.expressions import named_to_wire
from ..plans.functions import FUNCTIONS
from ..values import RowSet
from .chaining import check_expressions
from .combining import Combining
from .expressions import default_alias
from .keyed import OF_VALUES, Keyed, keyed
from .models import RemoteInstance
from .planned import Known, Question, Request
from .prefetched import prefetched
from .relations import lead_back
from .rows import named_row, read_row, read_rows
from .signature import find_model

REPR_OUTPUT_SIZE = 20  # rows that repr() shows, as in Django
CHUNK_SIZE = 2_000  # rows that iterator() takes at a time unless told, as in Django


class Evaluation(Combining):
    """What makes requests and reads rows."""

    # Rows

    def _read(self, batch: RowSet) -> Iterator[Any]:
        tree = prefetched(self._plan)
        rows = read_rows(self.model, batch, self._row, self._mode, tree)
        return rows if self._known is None else map(self._led_back, rows)

    def _fetched(self, request: Request | None = None) -> Iterator[Any]:
        found = self._perform(request or self._evaluation("rows", finish=_itself))
        if isinstance(found, RowSet):
            yield from self._read(found)
            return
        with found:  # a stream, closed also if nobody reads to its end
            for batch in found:
                yield from self._read(batch)

    async def _afetched(self, request: Request | None = None) -> AsyncIterator[Any]:
        found = await self._aperform(request or self._evaluation("rows", finish=_itself))
        if isinstance(found, RowSet):
            for row in self._read(found):
                yield row
            return
        async with found:
            async for batch in found:
                for row in self._read(batch):
                    yield row

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            self._result_cache = list(self._fetched())

    def _rows(self) -> list[Any]:
        self._fetch_all()
        return self._kept()

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
        start = int(k.start or 0)
        stop = None if k.stop is None else max(start, int(k.stop))
        found = self._then(Slice(start, stop))
        return list(found)[:: k.step] if k.step else found

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        """Yield the rows as they arrive, and keep none. ``chunk_size`` rows travel at a time."""
        if chunk_size is None:
            if self._prefetch_related_lookups:
                raise ValueError(
                    "chunk_size must be provided when using QuerySet.iterator() after "
                    "prefetch_related()."
                )
        elif chunk_size <= 0:
            raise ValueError("Chunk size must be strictly positive.")
        return self._streamed(chunk_size or CHUNK_SIZE)

    def _streamed(self, chunk_size: int) -> Iterator[Any]:
        if self._result_cache is not None:
            yield from self._result_cache
        else:
            yield from self._fetched(self._iteration(chunk_size))

    async def aiterator(self, chunk_size: int = CHUNK_SIZE) -> AsyncIterator[Any]:
        """Yield the rows as they arrive, and keep none. ``chunk_size`` rows travel at a time."""
        if chunk_size <= 0:
            raise ValueError("Chunk size must be strictly positive.")
        if self._result_cache is not None:
            for row in self._result_cache:
                yield row
        else:
            async for row in self._afetched(self._iteration(chunk_size)):
                yield row

    def _iteration(self, chunk_size: int) -> Request:
        asked = self._evaluation("rows", finish=_itself)
        if self._source is not None:
            options = asked.options
            assert options.refine is not None
            return asked._replace(
                options=options.replace(
                    meta={**options.meta, "stream": True},
                    refine=[options.refine[0], "iterator", chunk_size],
                )
            )
        return asked._replace(name=f"{asked.name}.iterator", args=(asked.args[0], chunk_size))

    # One row

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one row that meets the conditions; raise DoesNotExist or another."""
        return self._perform(self._getting(args, kwargs))

    async def aget(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one row that meets the conditions; raise DoesNotExist or another."""
        return await self._aperform(self._getting(args, kwargs))

    def _getting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Question:
        combinator = self._combinator
        if combinator is not None and (args or kwargs):
            raise NotSupportedError(
                f"Calling QuerySet.get(...) with filters after {combinator}() is not supported."
            )
        found = self._clone() if combinator is not None else self.filter(*args, **kwargs)
        if not found._came_evaluated:
            return found._one("get")
        rows = found._kept()
        if len(rows) == 1:
            return Known(rows[0])
        name = self.model.__name__
        if rows:
            raise self.model.MultipleObjectsReturned(
                f"get() returned more than one {name} -- it returned {len(rows)}!"
            )
        raise self.model.DoesNotExist(f"{name} matching query does not exist.")

    def _one(self, op: str) -> Question:
        """Return what asks for one row; None of it stays None."""
        if self._empty:
            if op == "get":
                raise self.model.DoesNotExist(
                    f"{self.model.__name__} matching query does not exist."
                )
            return Known(None)
        return self._evaluation(op, finish=self._read_one)

    def _read_one(self, found: Any) -> Any:
        if isinstance(found, RowSet):
            return next(self._read(found), None)
        if found is not None and self._named:
            return named_row(self._row_names or self._readable())(*found)
        return self._led_back(read_row(self.model, found, self._plan, self._mode))

    def _led_back(self, row: Any) -> Any:
        """Return a row, which knows the instance whose relation led to it."""
        if self._known is not None and isinstance(row, RemoteInstance):
            lead_back(row, *self._known)
        return row

    @property
    def _named(self) -> bool:
        return bool(getattr(self._row, "named", False))

    def _readable(self) -> tuple[str, ...]:
        """Return the names of the columns that rows without a choice of fields have."""
        found = find_model(self._remote.schema(), *self.model._chunnel_path)
        return tuple(
            field.attname or field.name
            for field in (found.fields if found is not None else ())
            if field.kind in {"column", "forward"}
        )

    def first(self) -> Any:
        """Return the first row, by key where there is no order, or None."""
        return self._perform(self._end("first", 0))

    async def afirst(self) -> Any:
        """Return the first row, by key where there is no order, or None."""
        return await self._aperform(self._end("first", 0))

    def last(self) -> Any:
        """Return the last row, by key where there is no order, or None."""
        self._check_not_sliced("reverse")
        return self._perform(self._end("last", -1))

    async def alast(self) -> Any:
        """Return the last row, by key where there is no order, or None."""
        self._check_not_sliced("reverse")
        return await self._aperform(self._end("last", -1))

    def _end(self, op: str, place: int) -> Question:
        if self._fixed:
            rows = self._kept()
            return Known(rows[place] if rows else None)
        return self._one(op)

    def earliest(self, *fields: Any) -> Any:
        """Return the first row by ``fields``, or by what the model's Meta says."""
        self._check_not_sliced("change")
        if not fields:
            fields = self._latest_by(self._remote.schema)
        return self._perform(self._extreme(fields))

    async def aearliest(self, *fields: Any) -> Any:
        """Return the first row by ``fields``, or by what the model's Meta says."""
        self._check_not_sliced("change")
        if not fields:
            await self._learn()
            fields = self._latest_by(self._remote.schema)
        return await self._aperform(self._extreme(fields))

    def latest(self, *fields: Any) -> Any:
        """Return the last row by ``fields``, or by what the model's Meta says."""
        self._check_not_sliced("change")
        if not fields:
            fields = self._latest_by(self._remote.schema)
        return self._perform(self._then(Reverse())._extreme(fields))

    async def alatest(self, *fields: Any) -> Any:
        """Return the last row by ``fields``, or by what the model's Meta says."""
        self._check_not_sliced("change")
        if not fields:
            await self._learn()
            fields = self._latest_by(self._remote.schema)
        return await self._aperform(self._then(Reverse())._extreme(fields))

    def _latest_by(self, fetch: Callable[[], Any]) -> tuple[str, ...]:
        model = find_model(fetch(), *self.model._chunnel_path)
        if model is None or not model.get_latest_by:
            raise ValueError(
                "earliest() and latest() require either fields as positional arguments or "
                "'get_latest_by' in the model's Meta."
            )
        return model.get_latest_by

    async def _learn(self) -> None:
        """Fetch the schema where it is not held."""
        remote = self._remote
        if remote.current_schema is None:
            options = self._reading(self._options)
            remote.caller.keep_schema(await remote.caller.acall("chunnel.schema", options=options))

    def _extreme(self, fields: tuple[Any, ...]) -> Question:
        lifter = self._lifter()
        step = OrderBy(tuple(map(lifter.ordering, fields)))
        return self._then(step, lifter)._then(Slice(0, 1))._one("get")

    # Of all rows

    def count(self) -> int:
        """Return the number of rows, counted over there unless they were fetched."""
        found: int = self._perform(self._counting())
        return found

    async def acount(self) -> int:
        """Return the number of rows, counted over there unless they were fetched."""
        found: int = await self._aperform(self._counting())
        return found

    def _counting(self) -> Question:
        if self._result_cache is not None:
            return Known(len(self._result_cache))
        return self._evaluation("count", finish=_itself)

    def exists(self) -> bool:
        """Say whether there is any row."""
        found: bool = self._perform(self._existing())
        return found

    async def aexists(self) -> bool:
        """Say whether there is any row."""
        found: bool = await self._aperform(self._existing())
        return found

    def _existing(self) -> Question:
        if self._result_cache is not None:
            return Known(bool(self._result_cache))
        return self._evaluation("exists", finish=bool)

    def contains(self, obj: Any) -> bool:
        """Say whether an instance is among the rows."""
        found: bool = self._perform(self._containing(obj))
        return found

    async def acontains(self, obj: Any) -> bool:
        """Say whether an instance is among the rows."""
        found: bool = await self._aperform(self._containing(obj))
        return found

    def _containing(self, obj: Any) -> Question:
        self._check_not_combined("contains")
        if self._row is not None:
            raise TypeError("Cannot call QuerySet.contains() after .values() or .values_list().")
        if not hasattr(obj, "_meta"):
            raise TypeError("'obj' must be a model instance.")
        if getattr(type(obj), "_chunnel_class", None) is not self.model:
            return Known(False)
        if obj.pk is None:
            raise ValueError("QuerySet.contains() cannot be used on unsaved objects.")
        if self._result_cache is not None:
            return Known(obj in self._result_cache)
        return self.filter(pk=obj.pk)._existing()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return values of all rows together, by name."""
        found: dict[str, Any] = self._perform(self._aggregation(args, kwargs))
        return found

    async def aaggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return values of all rows together, by name."""
        found: dict[str, Any] = await self._aperform(self._aggregation(args, kwargs))
        return found

    def _aggregation(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Question:
        distinct = self._last_distinct()
        if distinct:
            raise NotImplementedError("aggregate() + distinct(fields) not implemented.")
        check_expressions((*args, *kwargs.values()), "aggregate")
        wanted = dict(kwargs)
        for arg in args:
            wanted[default_alias(arg, "aggregates")] = arg
        if not wanted:
            return Known({})
        lifter = self._lifter()
        named = lifter.named(wanted)
        if self._empty and all(map(_of_nothing, (each for _, each in named))):
            return Known({name: _value_of_nothing(each) for name, each in named})
        return self._evaluation(
            "aggregate", named_to_wire(dict(named)), finish=dict, expressions=named
        )

    # By key

    def in_bulk(self, id_list: Iterable[Any] | None = None, *, field_name: str = "pk") -> Any:
        """Return a dict of the instances by key, or by another field that is unique."""
        if id_list is not None:
            id_list = list(id_list)
        found = self._bulk(id_list, field_name)
        return {} if found is None else found.read(found.queryset)

    async def ain_bulk(
        self, id_list: Iterable[Any] | None = None, *, field_name: str = "pk"
    ) -> Any:
        """Return a dict of the instances by key, or by another field that is unique."""
        if id_list is not None:
            id_list = list(id_list)
        found = self._bulk(id_list, field_name)
        return {} if found is None else found.read([row async for row in found.queryset])

    def _bulk(self, id_list: list[Any] | None, field_name: str) -> Keyed | None:
        if self._sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with in_bulk().")
        row = self._row
        if row is not None and not OF_VALUES:
            raise TypeError("in_bulk() cannot be used with values() or values_list().")
        if isinstance(row, Dates | Datetimes):
            raise TypeError(f"in_bulk() cannot be used with {self._iterable_class.__name__}.")
        model = self._held
        field = (
            next((one for one in model.fields if one.name == field_name), None) if model else None
        )
        unique = field is None or field.unique or self._last_distinct() == (field_name,)
        if field_name != "pk" and not unique:
            raise ValueError(
                f"in_bulk()'s field_name must be a unique field but {field_name!r} isn't."
            )
        if id_list is None:
            return keyed(self._clone(), field_name)
        if not id_list:
            return None
        return keyed(self.filter((f"{field_name}__in", id_list)), field_name)


def _itself(value: Any) -> Any:
    return value


def _of_nothing(expression: Any) -> bool:
    """Say whether it is known here what an aggregate of no rows is."""
    if not isinstance(expression, Call) or not FUNCTIONS[expression.name].aggregate:
        return False
    default = dict(expression.options).get("default")
    return default is None or isinstance(default, Literal)


def _value_of_nothing(expression: Any) -> Any:
    if expression.name == "Count":
        return 0
    default = dict(expression.options).get("default")
    return default.value if default is not None else None
