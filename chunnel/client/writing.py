"""The methods of a remote queryset that change rows over there, each with its asynchronous twin.

They exist only where the model declares them (``can_create``, ``can_delete``, ``writable_fields``),
and are refused here where the schema that is held does not. One method is one request, which is
atomic over there and is never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import NotSupportedError

from ..exceptions import NotExposed, QueryRefused
from ..plans import Literal
from ..plans.expressions import named_to_wire
from ..values import RowSet
from .conditions import plain
from .evaluation import Evaluation
from .planned import Known, Question, Request
from .rows import read_row
from .rules import refusing


class Writing(Evaluation):
    """What changes rows."""

    def create(self, **kwargs: Any) -> Any:
        """Create a row with these values and return its instance."""
        return self._perform(self._creation(kwargs))

    async def acreate(self, **kwargs: Any) -> Any:
        """Create a row with these values and return its instance."""
        return await self._aperform(self._creation(kwargs))

    def _creation(self, values: dict[str, Any]) -> Question:
        self._check_can("create")
        given = self._given(values)
        return self._writing("create", self._root.to_wire(), given, finish=self._read_written)

    def _read_written(self, found: Any) -> Any:
        return self._led_back(read_row(self.model, found, None, self._mode))

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Any = None,
        unique_fields: Any = None,
    ) -> list[Any]:
        """Create a row for each instance and return the instances, which have their keys then."""
        made = list(objs)
        options = (batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields)
        found: list[Any] = self._perform(self._bulk_creation(made, *options))
        return found

    async def abulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Any = None,
        unique_fields: Any = None,
    ) -> list[Any]:
        """Create a row for each instance and return the instances, which have their keys then."""
        made = list(objs)
        options = (batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields)
        found: list[Any] = await self._aperform(self._bulk_creation(made, *options))
        return found

    def _bulk_creation(
        self,
        objs: list[Any],
        batch_size: int | None,
        ignore_conflicts: bool,
        update_conflicts: bool,
        update_fields: Any,
        unique_fields: Any,
    ) -> Question:
        _check_batch_size(batch_size)
        if not objs:
            return Known(objs)
        if update_conflicts or update_fields or unique_fields:
            if ignore_conflicts and update_conflicts:
                raise ValueError("ignore_conflicts and update_conflicts are mutually exclusive.")
            raise NotSupportedError(
                "bulk_create() of a remote queryset does not support update_conflicts."
            )
        self._check_can("create")
        rows = [self._given(self._unsaved(each)) for each in objs]

        def finish(found: RowSet) -> list[Any]:
            if not ignore_conflicts:
                for ours, theirs in zip(objs, self._read(found), strict=True):
                    ours._take(theirs)  # noqa: SLF001
            return objs

        return self._writing(
            "bulk_create",
            self._root.to_wire(),
            rows,
            {"ignore_conflicts": bool(ignore_conflicts)},
            finish=finish,
        )

    def _unsaved(self, instance: Any) -> dict[str, Any]:
        if getattr(type(instance), "_chunnel_class", None) is not self.model:
            raise TypeError(
                f"bulk_create() of {self._label} takes its instances, not "
                f"{type(instance).__name__}."
            )
        found: dict[str, Any] = instance._changes()  # noqa: SLF001
        return found

    def update(self, **kwargs: Any) -> int:
        """Set columns of all rows to values or expressions; return how many rows matched."""
        found: int = self._perform(self._updating(kwargs))
        return found

    async def aupdate(self, **kwargs: Any) -> int:
        """Set columns of all rows to values or expressions; return how many rows matched."""
        found: int = await self._aperform(self._updating(kwargs))
        return found

    def _updating(self, values: dict[str, Any]) -> Question:
        self._check_not_combined("update")
        self._check_not_sliced("update")
        plan = self._written_plan("update")
        lifter = self._lifter()
        changes = lifter.changes(self._by_field(values))
        rules = self._rules()
        if rules is not None:
            plain_or_not = {
                name: one.value if isinstance(one, Literal) else one
                for name, one in changes.items()
            }
            with refusing(self._remote):
                rules.check_changes(plan, plain_or_not)
        if self._empty or not changes:
            return Known(0)
        return self._writing("update", plan.to_wire(), named_to_wire(changes), finish=self._forget)

    def _forget(self, found: Any) -> Any:
        self._result_cache = None
        return found

    def bulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Set these fields of each instance's row to what the instance has; return how many."""
        found: int = self._perform(self._bulk_updating(objs, fields, batch_size))
        return found

    async def abulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Set these fields of each instance's row to what the instance has; return how many."""
        found: int = await self._aperform(self._bulk_updating(objs, fields, batch_size))
        return found

    def _bulk_updating(
        self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None
    ) -> Question:
        _check_batch_size(batch_size)
        names, made = list(fields), tuple(objs)
        if not names:
            raise ValueError("Field names must be given to bulk_update().")
        if any(each.pk is None for each in made):
            raise ValueError("All bulk_update() objects must have a primary key set.")
        model = self._held
        if "pk" in names:
            raise FieldDoesNotExist(f"{self.model.__name__} has no field named 'pk'")
        if model is not None and model.pk in names:
            raise ValueError("bulk_update() cannot be used with primary key fields.")
        written = list(self._by_field(dict.fromkeys(names)))
        if not made:
            return Known(0)
        lifter = self._lifter()
        rows = []
        for each in made:
            values = [each.serializable_value(name) for name in names]
            if any(hasattr(value, "resolve_expression") for value in values):
                raise NotSupportedError("bulk_update() of a remote queryset takes values only.")
            rows.append([each.pk, *(plain(value, lifter) for value in values)])
        plan = self._written_plan("bulk_update")
        return self._writing("bulk_update", plan.to_wire(), written, rows, finish=_itself)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows; return how many rows went, in all and by model."""
        found: tuple[int, dict[str, int]] = self._perform(self._deletion())
        return found

    async def adelete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows; return how many rows went, in all and by model."""
        found: tuple[int, dict[str, int]] = await self._aperform(self._deletion())
        return found

    def _deletion(self) -> Question:
        self._check_not_combined("delete")
        if self._sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with delete().")
        if self._last_distinct():
            raise TypeError("Cannot call delete() after .distinct(*fields).")
        self._check_instances("delete")
        plan = self._written_plan("delete")
        self._check_can("delete")
        if self._empty:
            return Known((0, {}))

        def finish(found: Any) -> tuple[int, dict[str, int]]:
            self._result_cache = None
            total, by_model = found
            return total, dict(by_model)

        return self._writing("delete", plan.to_wire(), finish=finish)

    def get_or_create(
        self, defaults: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Any, bool]:
        """Return the row that these lookups find, else one created; and whether it was created."""
        found: tuple[Any, bool] = self._perform(self._either("get_or_create", kwargs, defaults))
        return found

    async def aget_or_create(
        self, defaults: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Any, bool]:
        """Return the row that these lookups find, else one created; and whether it was created."""
        question = self._either("get_or_create", kwargs, defaults)
        found: tuple[Any, bool] = await self._aperform(question)
        return found

    def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, bool]:
        """Set ``defaults`` on the row that these lookups find, else create one."""
        question = self._either("update_or_create", kwargs, defaults, create_defaults)
        found: tuple[Any, bool] = self._perform(question)
        return found

    async def aupdate_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, bool]:
        """Set ``defaults`` on the row that these lookups find, else create one."""
        question = self._either("update_or_create", kwargs, defaults, create_defaults)
        found: tuple[Any, bool] = await self._aperform(question)
        return found

    def _either(
        self,
        method: str,
        lookups: dict[str, Any],
        defaults: Mapping[str, Any] | None,
        create_defaults: Mapping[str, Any] | None = None,
    ) -> Question:
        plan = self._written_plan(method)
        self._check_can("create")
        lifter = self._lifter()
        wanted = [[key, plain(value, lifter)] for key, value in lookups.items()]
        given = self._given(_called(defaults or {}))
        created = None if create_defaults is None else self._given(_called(create_defaults))

        def finish(found: Any) -> tuple[Any, bool]:
            row, is_new = found
            return self._read_written(row), bool(is_new)

        return self._writing(method, plan.to_wire(), wanted, given, created, finish=finish)

    # What they share

    def _written_plan(self, method: str) -> Any:
        """Return the plan of the rows to change; raise what forbids to change them."""
        plan = self._open_plan(method)
        if self._source is not None:
            raise NotSupportedError(
                f"{method}() of the queryset that {self._source.name}() returned is not supported; "
                f"filter {self._label}.objects for it."
            )
        plan = self._whole_plan
        rules = self._rules()
        if rules is not None:
            with refusing(self._remote):
                rules.check_steps(plan)
        return plan

    def _given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of fields as they travel; raise for fields that cannot be written."""
        values = self._by_field(values)
        lifter = self._lifter()
        for name, value in values.items():
            if hasattr(value, "resolve_expression"):
                raise NotSupportedError(
                    f"{name!r} of a new row is a value, not the expression {type(value).__name__}."
                )
        return {name: plain(value, lifter) for name, value in values.items()}

    def _by_field(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the names of their fields; raise for fields that cannot be written.

        A key is also the name of the field that it is, and a foreign key may end in ``_id``.
        """
        model = self._held
        if model is None:
            return dict(values)
        writable = {field.name: field for field in model.fields if field.writable}
        names = {field.attname: name for name, field in writable.items() if field.attname}
        if model.pk in writable:
            names["pk"] = model.pk
        found = {}
        for given, value in values.items():
            name = given if given in writable else names.get(given)
            if name is None:
                legal = ", ".join(sorted(writable))
                with refusing(self._remote):
                    raise QueryRefused(
                        f"{self._label} does not let {given!r} be written; "
                        + (f"legal are: {legal}." if legal else "nothing is declared.")
                    )
            found[name or given] = value
        return found

    def _check_can(self, what: str) -> None:
        model = self._held
        if model is not None and not getattr(model, f"can_{what}"):
            with refusing(self._remote):
                raise NotExposed(f"{self._label} does not allow {what}() (can_{what}).")

    def _writing(self, method: str, *args: Any, finish: Callable[[Any], Any]) -> Request:
        options = self._options.replace(effect="write")
        return Request(f"{self._label}.objects.{method}", args, {}, options, finish)


for _name in ("create", "bulk_create", "update", "bulk_update", "delete", "get_or_create"):
    for _one in (_name, f"a{_name}"):
        getattr(Writing, _one).alters_data = True  # so that no template calls it
Writing.update_or_create.alters_data = True  # type: ignore[attr-defined]
Writing.aupdate_or_create.alters_data = True  # type: ignore[attr-defined]


def _itself(value: Any) -> Any:
    return value


def _called(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, calling those that are callables, as Django does."""
    return {name: value() if callable(value) else value for name, value in values.items()}


def _check_batch_size(batch_size: int | None) -> None:
    if batch_size is not None and batch_size <= 0:
        raise ValueError("Batch size must be a positive integer.")
