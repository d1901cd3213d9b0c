"""What stands for model things on the wire, turned into what a caller sees, and back.

An instance as an argument travels as model and key, and is loaded again over there. A queryset does
so as the list of its instances, one of ``values()`` as its plain rows; it is evaluated for that if
it was not. Nothing is reduced to something else in silence: a model thing that the remote project
does not know, of this project or of a third one, cannot travel.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import SynchronousOnlyOperation
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

from ..values import InstanceRef, InstanceRow, QuerySetRef, RowSet
from .classes import RemoteClass, class_for_name
from .models import RemoteInstance, make_instance, reference
from .planned import Source
from .querysets import RemoteQuerySet
from .rows import instances, read_instance


def lower(alias: str, value: Any) -> Any:
    """Return what a remote instance or a queryset travels as in an argument for ``alias``.

    Raise TypeError for what cannot be an argument.
    """
    if isinstance(value, RemoteInstance):
        _check_alias(alias, value._chunnel_class)
        if value.pk is None:
            raise TypeError(f"{value!r} was not saved, so {alias} cannot load it")
        return reference(value)
    if isinstance(value, RemoteQuerySet):
        if value._of_instances:  # noqa: SLF001 - a queryset of ours
            _check_alias(alias, value.model)
        return _evaluated(value)
    if isinstance(value, QuerySet) and not _of_instances(value):
        return list(value)
    if isinstance(value, QuerySet | Model):
        model = value.model if isinstance(value, QuerySet) else type(value)
        raise TypeError(
            f"{model._meta.label} is a model of this project, which {alias} cannot load; give its "
            f"values"
        )
    raise TypeError


def _of_instances(queryset: QuerySet[Any]) -> bool:
    return issubclass(queryset._iterable_class, ModelIterable)  # noqa: SLF001 - Django tells so


def _check_alias(alias: str, model: RemoteClass) -> None:
    if model._chunnel_alias != alias:
        raise TypeError(
            f"{'.'.join(model._chunnel_path)} is a model of {model._chunnel_alias}, which {alias} "
            f"cannot load; give its values"
        )


def _evaluated(queryset: RemoteQuerySet) -> list[Any]:
    try:
        return list(queryset)
    except SynchronousOnlyOperation as error:
        raise SynchronousOnlyOperation(
            "A remote queryset that is an argument is evaluated first, and waiting for that would "
            "stop this thread's event loop; give [row async for row in queryset]."
        ) from error


def lift(alias: str, value: Any, source: Source | None = None) -> Any:
    """Return the instance, queryset or list of tuples that ``value`` stands for.

    ``source`` is the call whose answer it came in, which evaluates a queryset that arrived lazy.
    """
    if isinstance(value, InstanceRow):
        return read_instance(_model(alias, value), value)
    if isinstance(value, InstanceRef):
        return make_instance(_model(alias, value), value.pk, (), ())
    if isinstance(value, RowSet):
        if value.model is None:
            return value.rows()
        model = _model(alias, value)
        return RemoteQuerySet.evaluated(model, list(instances(model, value)))
    if isinstance(value, QuerySetRef):
        if source is None:
            raise ValueError(f"{alias} sent a queryset of {value.model[:80]!r} outside of a call")
        return RemoteQuerySet(_model(alias, value), source=source)
    return value


def _model(alias: str, value: InstanceRef | InstanceRow | RowSet | QuerySetRef) -> RemoteClass:
    found = class_for_name(alias, value.model or "")
    if not isinstance(found, RemoteClass):
        culprit = str(value.model)[:80]
        raise ValueError(f"{alias} sent a row of {culprit!r}, which names no model")  # noqa: TRY004
    return found
