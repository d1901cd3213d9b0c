"""What values are compared as: plain nested lists in which types, order and values all count.

* A value is its type's name and its ``repr``; so ``1`` is not ``True`` and ``Decimal("1.0")`` is
  not ``Decimal("1.00")``.
* An instance is its model, key, and the columns, annotations and ``to_attr`` lists that it has. Of
  the local one only what the library exposes counts; what a remote one has beyond that (declared
  annotations and properties) has cases of its own.
* Of what a database says when it fails only the kind travels, its words being the server's own.
* The rows of a queryset without an order may come in any, so they are sorted.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import DatabaseError
from django.db.models import Model, QuerySet

from chunnel.client.models import RemoteInstance

from ..apps.library.models import Author, Book, Film, Publisher

# Columns that are not exposed, and the annotations and properties that remote instances have.
APART = {
    Author: {"shouted"},
    Book: {"shelf_price"},
    Film: {"item_ptr_id"},
    Publisher: {"size"},
}


Rows: TypeAlias = Mapping[type[Model], list[tuple[Any, ...]]]
"""What tables hold."""


class Outcome(NamedTuple):
    """What came of a body: a value or an error, how many statements, which requests."""

    value: Any
    error: Exception | None
    statements: int
    requests: tuple[str, ...] = ()
    in_order: bool = True

    def shown(self, *, in_order: bool) -> Any:
        """Return what is compared; rows that come in any order are sorted."""
        if self.error is None:
            if in_order or not isinstance(self.value, list):
                return self.value
            return [self.value[0], *sorted(self.value[1:], key=repr)]
        # Later Djangos have a class of their own for it, which earlier ones could not be told of.
        kind = type(self.error).__name__.replace("NotUpdated", "DatabaseError")
        if isinstance(self.error, DatabaseError) and kind != "NotSupportedError":
            return ("raised", kind)
        return ("raised", kind, message(self.error))


def message(error: Exception) -> Any:
    """Return the text of an error, or the dict or list that a ValidationError has."""
    for name in ("message_dict", "messages"):
        try:
            return getattr(error, name)
        except AttributeError:
            continue
    return str(error)


def ordered(value: Any) -> bool:
    """Say whether the order of rows means anything."""
    return not isinstance(value, QuerySet) or bool(value.ordered)


def realised(value: Any) -> Any:
    """Evaluate what is lazy, at the top and within tuples, lists and dicts."""
    if inspect.isawaitable(value):
        return realised(async_to_sync(_awaited)(value))
    if isinstance(value, QuerySet | Iterator):
        return list(value)
    if type(value) in {tuple, list}:
        return type(value)(map(realised, value))
    if type(value) is dict:
        return {key: realised(each) for key, each in value.items()}
    return value


async def _awaited(value: Any) -> Any:
    return await value


def normal(value: Any) -> Any:
    """Return what ``value`` is compared as."""
    if isinstance(value, Model | RemoteInstance):
        return _instance(value)
    kind = type(value).__name__
    if isinstance(value, Mapping):
        return [kind, *([normal(key), normal(each)] for key, each in value.items())]
    if hasattr(value, "_fields"):
        return [kind, *zip(value._fields, map(normal, value), strict=True)]
    if isinstance(value, list | tuple):
        return [kind, *map(normal, value)]
    if isinstance(value, set | frozenset):
        return [kind, *sorted(map(normal, value), key=repr)]
    if isinstance(value, type):
        return ["class", value.__name__]
    return (kind, repr(value))


def _instance(value: Any) -> Any:
    model = apps.get_model(value._meta.label)
    apart: set[str] = APART.get(model, set())
    attributes = {
        name: normal(each)
        for name, each in sorted(vars(value).items())
        if not name.startswith("_") and name not in apart
    }
    return [value._meta.label, normal(value.pk), attributes]


def told(rows: Rows) -> dict[str, Any]:
    """Return what of tables is compared: no keys of rows that relate others."""
    return {
        model._meta.label: [row[1:] for row in each] if model._meta.auto_created else each
        for model, each in rows.items()
    }


def dump(alias: str) -> Rows:
    """Return all rows of the library as their tables hold them."""
    found = {}
    for model in apps.get_app_config("library").get_models(include_auto_created=True):
        names = [field.attname for field in model._meta.local_concrete_fields]
        # Of rows that relate others it is nobody's business which came first.
        order = names[1:] if model._meta.auto_created else names[:1]
        found[model] = list(model._base_manager.using(alias).order_by(*order).values_list(*names))
    return found
