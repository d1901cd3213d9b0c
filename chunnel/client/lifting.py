"""What stands for model things on the wire, turned into what a caller sees, and back."""

from __future__ import annotations

from typing import Any

from ..values import InstanceRef, InstanceRow, RowSet
from .classes import RemoteClass, class_for_name
from .models import RemoteInstance, make_instance, reference
from .querysets import RemoteQuerySet
from .rows import instances


def lower(value: Any) -> Any:
    """Return the reference that stands for a remote instance.

    Raise TypeError for what cannot be an argument.
    """
    if isinstance(value, RemoteInstance):
        return reference(value)
    if isinstance(value, RemoteQuerySet):
        raise TypeError("a remote queryset cannot be an argument; list() fetches its instances")
    raise TypeError(f"a value of type {type(value).__name__} cannot travel")


def lift(alias: str, value: Any) -> Any:
    """Return the instance, queryset or list of tuples that ``value`` stands for."""
    if isinstance(value, InstanceRow):
        return make_instance(_model(alias, value), value.pk, value.names, value.values, value.text)
    if isinstance(value, InstanceRef):
        return make_instance(_model(alias, value), value.pk, (), ())
    if isinstance(value, RowSet):
        if value.model is None:
            return value.rows()
        model = _model(alias, value)
        return RemoteQuerySet.evaluated(model, list(instances(model, value)))
    return value


def _model(alias: str, value: InstanceRef | InstanceRow | RowSet) -> RemoteClass:
    found = class_for_name(alias, value.model or "")
    if not isinstance(found, RemoteClass):
        culprit = str(value.model)[:80]
        raise ValueError(f"{alias} sent a row of {culprit!r}, which names no model")  # noqa: TRY004
    return found
