"""From model things to values that travel.

Only what is declared leaves: an instance becomes its key and its readable fields, a queryset
becomes columns of them. A field is named as its attribute (``branch_id`` for the foreign key
``branch``), because it holds the key. An instance of a model that is not exposed does not travel at
all; it is never reduced to something else. Rows of ``values()`` are plain values that the
function's author chose, of any model.

A queryset of instances that is the whole result of a call which may be repeated travels as itself,
unevaluated: its receiver goes on with it by repeating the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.query import ModelIterable
from django.db.models.sql import Query

from ..registry.modelrpc import DEFAULT_MAX_ROWS
from ..values import InstanceRow, QuerySetRef, RowSet
from .rows import check_count, check_rows, single
from .views import View

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

    def reference(self, queryset: QuerySet[Any]) -> QuerySetRef | QuerySet[Any]:
        """Return what stands for a queryset that its receiver may refine, else the queryset."""
        if not is_open(queryset):
            return queryset
        try:
            return QuerySetRef(self.exposed(queryset.model).name)
        except TypeError:  # packing it says where in the result it stands
            return queryset

    def _queryset(self, queryset: QuerySet[Any]) -> Any:
        if not _is_local(queryset):
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


def is_open(queryset: QuerySet[Any]) -> bool:
    """Say whether a queryset of instances was never evaluated."""
    return (
        _is_local(queryset)
        and issubclass(queryset._iterable_class, ModelIterable)  # noqa: SLF001
        and queryset._result_cache is None  # noqa: SLF001
    )


def _is_local(queryset: QuerySet[Any]) -> bool:
    """Tell a queryset of this project's database from a remote one, which has no query."""
    return isinstance(vars(queryset).get("_query"), Query)


def instance_row(exposed: ExposedModel, instance: Model) -> InstanceRow:
    """Return an instance as its key and its readable fields, without those that are deferred."""
    found = single(row_set(exposed, [instance]))
    assert isinstance(found, InstanceRow)
    return found


def rows(exposed: ExposedModel, queryset: QuerySet[Any]) -> RowSet:
    """Evaluate a queryset of instances with one query; raise the refusal for too many rows.

    Where columns are all that travels no instance is ever made: they come from ``values_list``.
    """
    bounded = queryset[: exposed.max_rows + 1]
    view = View.whole(exposed)
    view.annotations = tuple(
        name for name in exposed.annotations if name in queryset.query.annotation_select
    )
    if view.plain and not queryset.query.combinator:
        # Prefetching is for instances, of which there are none.
        tuples = list(bounded.prefetch_related(None).values_list(*view.names))
        check_rows(exposed, len(tuples))
        return view.of_tuples(tuples)
    found = list(bounded)
    check_rows(exposed, len(found))
    return row_set(exposed, found)


def row_set(exposed: ExposedModel, instances: Sequence[Model]) -> RowSet:
    """Return instances that are there already as columns, without what some have not loaded."""
    view = View.whole(exposed)
    missing: set[str] = set()
    for instance in instances:
        missing |= instance.get_deferred_fields()
    view.columns = tuple(name for name in view.columns if name not in missing)
    view.annotations = tuple(
        name
        for name in exposed.annotations
        if instances and all(name in vars(instance) for instance in instances)
    )
    return view.of_instances(instances)
