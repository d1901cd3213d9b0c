"""What ``fields`` of a ModelRPC names, sorted into kinds.

A name is, in this order: an annotation that the same class declares, a column of the model, a
relation by its name on instances, a property. Anything else is refused with the reason, since a
name that quietly means nothing would hide a mistake.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import Field, ForeignObjectRel, ManyToManyField, Model, QuerySet
from django.utils.functional import cached_property

from ..plans import DEFAULT_LIMITS
from .core import LOWER_CASE
from .declarations import TEXT, names, refuse

if TYPE_CHECKING:
    from .modelrpc import ModelRPC

Link: TypeAlias = "ForeignObjectRel | ManyToManyField[Any, Any]"
"""A relation without a column: the other end of a foreign key, or either end of a many-to-many."""

RESERVED = frozenset(
    {
        "objects",
        "pk",
        "save",
        "asave",
        "delete",
        "adelete",
        "relate",
        "refresh_from_db",
        "arefresh_from_db",
        "serializable_value",
        "get_deferred_fields",
    }
)
"""What instances of every remote model have, which a field or method of that name would hide."""

_PROPERTIES = (property, functools.cached_property, cached_property)


class Annotation(NamedTuple):
    """An annotation: its expression, and the field that says of what type its values are."""

    expression: Any
    output: Field[Any, Any]


class Readable(NamedTuple):
    """The readable fields by kind; ``order`` has the names of all as they were declared."""

    order: tuple[str, ...]
    columns: tuple[Field[Any, Any], ...]
    links: Mapping[str, Link]
    properties: Mapping[str, Any]
    annotations: Mapping[str, Annotation]


def readable(rpc: type[ModelRPC], model: type[Model]) -> Readable:
    """Return what ``rpc.fields`` names; raise ImproperlyConfigured that names what cannot be."""
    order = tuple(name for name in names(rpc, "fields", rpc.fields) if name != TEXT)
    annotations = _annotations(rpc, model, order)
    links = _links(model)
    columns: list[Field[Any, Any]] = []
    found_links: dict[str, Link] = {}
    properties: dict[str, Any] = {}
    for name in order:
        if name in annotations:
            continue
        if name in RESERVED:
            _refuse_reserved(rpc, "fields", name)
        column = _column(rpc, model, name)
        if column is not None:
            columns.append(column)
        elif name in links:
            _check_name(rpc, name)
            found_links[name] = links[name]
        elif isinstance(found := inspect.getattr_static(model, name, None), _PROPERTIES):
            _check_name(rpc, name)
            properties[name] = found
        else:
            _refuse_unknown(rpc, model, name, links)
    return Readable(order, tuple(columns), found_links, properties, annotations)


def is_many(link: Link) -> bool:
    """Say whether a relation leads to many rows and not to one or none."""
    return bool(link.many_to_many or link.one_to_many)


def _refuse_reserved(rpc: type[ModelRPC], attribute: str, name: str) -> None:
    refuse(rpc, attribute, f"{name!r} has a meaning of its own on remote models.")


def _check_name(rpc: type[ModelRPC], name: str) -> None:
    if not LOWER_CASE.fullmatch(name):
        refuse(rpc, "fields", f"{name!r} cannot be a remote name; those are lower_case.")


def _column(rpc: type[ModelRPC], model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or not field.concrete or field.many_to_many:
        return None
    if field.name != name:
        refuse(rpc, "fields", f"{name!r} is spelled {field.name!r} here.")
    _check_name(rpc, name)
    return field


def _links(model: type[Model]) -> dict[str, Link]:
    """Return the model's relations without a column by their names on instances."""
    found: dict[str, Link] = {}
    for field in model._meta.get_fields():
        if isinstance(field, ManyToManyField):
            found[field.name] = field
        elif isinstance(field, ForeignObjectRel):
            accessor = field.get_accessor_name()
            if accessor is not None:  # get_fields() leaves out those that have none
                found[accessor] = field
    return found


def _annotations(
    rpc: type[ModelRPC], model: type[Model], readable: tuple[str, ...]
) -> dict[str, Annotation]:
    declared: Any = rpc.annotations
    if not isinstance(declared, Mapping):
        refuse(rpc, "annotations", "this is a dict from names to Django's expressions.")
    queryset: QuerySet[Any] = QuerySet(model)
    found: dict[str, Annotation] = {}
    for name, expression in declared.items():
        _check_annotation(rpc, model, name, expression)
        if name not in readable:
            refuse(
                rpc, "annotations", "it is not among the readable fields; name it in fields.", name
            )
        try:
            queryset = queryset.annotate(**{name: expression})
            output = queryset.query.annotations[name].output_field
        except (FieldError, AttributeError, TypeError, ValueError) as error:
            refuse(rpc, "annotations", f"it cannot be computed: {error}", name)
        found[name] = Annotation(expression, output)
    return found


def _check_annotation(rpc: type[ModelRPC], model: type[Model], name: Any, expression: Any) -> None:
    if not isinstance(name, str) or not LOWER_CASE.fullmatch(name) or "__" in name:
        refuse(
            rpc, "annotations", f"{name!r} cannot be a name; those are lower_case and without '__'."
        )
    if len(name) > DEFAULT_LIMITS.query_path:
        refuse(rpc, "annotations", "the name is too long.", name)
    if name in RESERVED:
        _refuse_reserved(rpc, "annotations", name)
    if not hasattr(expression, "resolve_expression"):
        refuse(
            rpc,
            "annotations",
            f"this is an expression like Count('accounts') or F('price') * 2, not {expression!r}.",
            name,
        )
    if hasattr(model, name) or name in {field.name for field in model._meta.get_fields()}:
        refuse(rpc, "annotations", f"{model.__name__} has something of that name.", name)


def _refuse_unknown(
    rpc: type[ModelRPC], model: type[Model], name: str, links: Mapping[str, Link]
) -> None:
    fields = {field.name: field for field in model._meta.get_fields()}
    field = fields.get(name)
    if isinstance(field, ForeignObjectRel):
        accessor = field.get_accessor_name()
        refuse(
            rpc,
            "fields",
            f"{name!r} is how queries name the relation; on instances it is {accessor!r}.",
        )
    if field is not None:
        refuse(
            rpc,
            "fields",
            f"{name!r} is a generic relation, which no query can follow; name its columns.",
        )
    if callable(getattr(model, name, None)):
        refuse(rpc, "fields", f"{name!r} is a method; name it in methods.")
    shown = sorted({*(each for each in fields if not _is_rel(fields[each])), *links})
    properties = sorted(
        each
        for each in dir(model)
        if LOWER_CASE.fullmatch(each)
        and each not in RESERVED
        and isinstance(inspect.getattr_static(model, each), _PROPERTIES)
    )
    text = ", ".join([*shown, *properties, *rpc.annotations])
    refuse(rpc, "fields", f"{model.__name__} has no field {name!r}; it has {text}.")


def _is_rel(field: Any) -> bool:
    return isinstance(field, ForeignObjectRel)
