"""Serializers: values to bytes and back. A serializer is imported when it is first named."""

from __future__ import annotations

from importlib import import_module

from django.core.exceptions import ImproperlyConfigured

from .base import Lift, Lower, Packed, Serializer
from .tree import TreeSerializer

__all__ = ["Lift", "Lower", "Packed", "Serializer", "TreeSerializer", "load"]

_SHIPPED = {
    "json": "chunnel.serializers.json.JSONSerializer",
    "msgpack": "chunnel.serializers.msgpack.MsgpackSerializer",
}


def load(name: str) -> type[Serializer]:
    """Return the serializer class called ``name``: a shipped one, or a dotted path to one's own.

    The name comes from this project's settings, never from a peer. Raise ImproperlyConfigured if
    there is none.
    """
    path = _SHIPPED.get(name, name)
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        known = ", ".join(map(repr, sorted(_SHIPPED)))
        raise ImproperlyConfigured(
            f"There is no serializer {name!r}. Known are {known}, or the dotted path of a class."
        )
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(
            f"The serializer {name!r} cannot be imported: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Serializer)):
        raise ImproperlyConfigured(
            f"The serializer {name!r} is not a subclass of chunnel.serializers.Serializer."
        )
    return found
