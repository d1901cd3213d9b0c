"""From model things to values that travel.

Only what is declared leaves: an instance becomes its key and its readable fields, a queryset
becomes columns of them. A field is named as its attribute (``branch_id`` for the foreign key
``branch``), because it holds the key. An instance of a model that is not exposed does not travel at
all; it is never reduced to something else. Rows of ``values()`` are plain values that the
function's author chose, of any model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.query import ModelIterable

from ..protocol.messages import FailureCode
from ..registry.modelrpc import DEFAULT_MAX_ROWS
from ..values import PK_COLUMN, TEXT_COLUMN, InstanceRow, RowSet
from .failures import Refusal

if TYPE_CHECKING:
    from ..registry import ExposedModel, Registry


class Lowering:
    """The ``lower`` that serializers ask for what they don't know."""

    def __init__(self, registry: Registry):
        self._registry = registry

    def __call__(self, value: Any) -> Any:
        """Return an InstanceRow, a RowSet or a list for ``value``, or raise TypeError."""
        if isinstance(value, Model):
            return instance_row(self.exposed(type(value)), value)
        if isinstance(value, QuerySet):
            return self._queryset(value)
        if isinstance(value, FieldFile):
            return value.name
        raise TypeError

    def exposed(self, model: type[Model]) -> ExposedModel:
        """Return how ``model``, or the nearest of its bases that is, is exposed."""
        for cls in model.__mro__:
            found = self._registry.model(cls)
            if found is not None:
                return found
        raise TypeError(
            f"the model {model._meta.label} is not exposed; register it, or return plain values"
        )

    def _queryset(self, queryset: QuerySet[Any]) -> Any:
        if not hasattr(queryset, "_iterable_class"):
            raise TypeError("it is not a queryset of this project; return its values")
        evaluated = queryset._result_cache is not None  # noqa: SLF001
        if not issubclass(queryset._iterable_class, ModelIterable):  # noqa: SLF001
            most = DEFAULT_MAX_ROWS
            found = list(queryset if evaluated else queryset[: most + 1])
            check_count(queryset.model._meta.label, len(found), most)
            return found
        exposed = self.exposed(queryset.model)
        if not evaluated:
            return rows(exposed, queryset)
        check_rows(exposed, len(queryset))
        return row_set(exposed, list(queryset))


def instance_row(exposed: ExposedModel, instance: Model) -> InstanceRow:
    """Return an instance as its key and its readable fields, without those that are deferred."""
    names: tuple[str, ...] = exposed.attributes
    missing = instance.get_deferred_fields()
    if missing:
        names = tuple(name for name in names if name not in missing)
    values = tuple(getattr(instance, name) for name in names)
    text = str(instance) if exposed.shows_text else None
    return InstanceRow(exposed.name, instance.pk, names, values, text, exposed.methods)


def rows(exposed: ExposedModel, queryset: QuerySet[Any]) -> RowSet:
    """Evaluate a queryset of instances with one query; raise the refusal for too many rows.

    Without texts no instance is ever made: the columns come from ``values_list``.
    """
    bounded = queryset[: exposed.max_rows + 1]
    if exposed.shows_text:
        found = list(bounded)
        check_rows(exposed, len(found))
        return row_set(exposed, found)
    # Prefetching is for instances, of which there are none.
    tuples = list(bounded.prefetch_related(None).values_list("pk", *exposed.attributes))
    check_rows(exposed, len(tuples))
    return columns(exposed.name, (PK_COLUMN, *exposed.attributes), tuples, exposed.methods)


def row_set(exposed: ExposedModel, instances: Sequence[Model]) -> RowSet:
    """Return instances that are there already as columns."""
    names = (PK_COLUMN, *exposed.attributes)
    found: list[Any] = [list(map(attrgetter(name), instances)) for name in names]
    if exposed.shows_text:
        names = (*names, TEXT_COLUMN)
        found.append([str(instance) for instance in instances])
    return RowSet(exposed.name, names, tuple(found), exposed.methods)


def columns(
    model: str | None,
    names: tuple[str, ...],
    tuples: Sequence[Iterable[Any]],
    methods: tuple[str, ...] = (),
) -> RowSet:
    """Return rows as columns."""
    found: tuple[Sequence[Any], ...] = tuple(zip(*tuples, strict=True))
    return RowSet(model, names, found or tuple([] for _ in names), methods)


def slices(whole: RowSet, size: int) -> Iterable[RowSet]:
    """Cut a row set into several of at most ``size`` rows."""
    length = len(whole.columns[0]) if whole.columns else 0
    for start in range(0, length, size):
        cut = tuple(column[start : start + size] for column in whole.columns)
        yield RowSet(whole.model, whole.names, cut, whole.methods)


def check_rows(exposed: ExposedModel, count: int) -> None:
    """Raise the refusal if there are more rows than one evaluation may return."""
    check_count(exposed.name, count, exposed.max_rows)


def check_count(name: str, count: int, most: int) -> None:
    """Raise the refusal if ``count`` rows of ``name`` are more than ``most``."""
    if count > most:
        raise Refusal(
            FailureCode.TOO_MANY_ROWS,
            f"{name}: the query has more than {most} rows; slice or filter it.",
        )
