"""From the registry to the schema: the description that others read."""

from __future__ import annotations

import datetime
import inspect
import uuid
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import ManyToManyField
from django.utils.encoding import force_str
from django.utils.functional import Promise

from ..schema import (
    AppSchema,
    ExceptionSchema,
    FieldSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
    fingerprint,
)
from ..values.exceptions import nearest_base
from .entries import Entry
from .readable import is_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Field

    from .core import Registry
    from .exposed import ExposedModel

BUILTIN_LABEL = "chunnel"


def build_schema(registry: Registry, project: str) -> Schema:
    """Return the description of all that ``registry`` holds."""
    apps: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for entry in sorted(registry, key=lambda entry: entry.name):
        if entry.kind == "function":
            apps[entry.label]["functions"].append(function_schema(entry))
        elif entry.kind == "exception":
            apps[entry.label]["exceptions"].append(exception_schema(entry, registry))
        elif entry.kind == "model" and entry.owner is not None:
            apps[entry.label]["models"].append(entry.owner.schema)
    found = tuple(
        AppSchema(
            label,
            tuple(parts["functions"]),
            tuple(parts["models"]),
            tuple(parts["exceptions"]),
        )
        for label, parts in sorted(apps.items())
    )
    return Schema(project, found, fingerprint(project, found))


def function_schema(entry: Entry) -> FunctionSchema:
    """Describe a function or method."""
    signature = entry.shape.signature
    if signature is None:  # nobody knows what it takes
        parameters: tuple[ParameterSchema, ...] = (
            ParameterSchema("args", "VAR_POSITIONAL"),
            ParameterSchema("kwargs", "VAR_KEYWORD"),
        )
        returns = None
    else:
        parameters = tuple(_parameter(each) for each in signature.parameters.values())
        returns = _annotation(signature.return_annotation, inspect.Signature.empty)
    return FunctionSchema(
        name=entry.attribute,
        doc=entry.doc,
        parameters=parameters,
        returns=returns,
        effect=entry.effect,
        stream=entry.style in {"stream", "async_stream"},
        atomic=bool(entry.atomic),
    )


def exception_schema(entry: Entry, registry: Registry) -> ExceptionSchema:
    """Describe an exception; its base is the nearest that callers can name."""
    exposed = [name for name in registry.exception_names(entry.target) if name != entry.name]
    base = exposed[0] if exposed else nearest_base(entry.target) or "Exception"
    return ExceptionSchema(entry.public_name, entry.doc, base)


def model_schema(exposed: ExposedModel) -> ModelSchema:
    """Describe an exposed model."""
    meta = exposed.model._meta
    methods = sorted(
        (function_schema(each) for each in exposed.entries if each.kind == "method"),
        key=lambda each: each.name,
    )
    manager_methods = sorted(
        (function_schema(each) for each in exposed.entries if each.kind == "manager"),
        key=lambda each: each.name,
    )
    return ModelSchema(
        name=exposed.model.__name__,
        doc=exposed.entries[0].doc,
        verbose_name=force_str(meta.verbose_name),
        verbose_name_plural=force_str(meta.verbose_name_plural),
        pk=meta.pk.name,
        fields=tuple(_fields(exposed)),
        filter_fields=exposed.filter_fields,
        ordering_fields=exposed.ordering_fields,
        ordering=tuple(each for each in meta.ordering or () if isinstance(each, str)),
        methods=tuple(methods),
        manager_methods=tuple(manager_methods),
        max_rows=exposed.max_rows,
        get_latest_by=_latest(meta.get_latest_by),
        can_create=exposed.can_create,
        can_delete=exposed.can_delete,
    )


def _latest(declared: Any) -> tuple[str, ...]:
    return (declared,) if isinstance(declared, str) else tuple(declared or ())


def _fields(exposed: ExposedModel) -> Iterator[FieldSchema]:
    """Describe what is readable, in the order in which it was declared."""
    columns = {field.name: field for field in exposed.fields}
    for name in exposed.order:
        if name in columns:
            yield _column(columns[name], exposed)
        elif name in exposed.links:
            if exposed.related(name) is not None:
                yield _link(name, exposed)
        elif name in exposed.outputs:
            yield _annotation_field(name, exposed.outputs[name])
        else:
            yield _property(name, exposed)


def _column(field: Field[Any, Any], exposed: ExposedModel) -> FieldSchema:
    other = exposed.related(field.name)
    return FieldSchema(
        name=field.name,
        type=type(field).__name__,
        verbose_name=force_str(field.verbose_name),
        null=field.null,
        help_text=force_str(field.help_text),
        choices=tuple((_plain(value), force_str(text)) for value, text in field.flatchoices),
        relation=other.name if other is not None else None,
        writable=field.name in exposed.writable_fields,
        kind="forward" if field.is_relation else "column",
        attname=field.attname if field.attname != field.name else "",
        unique=field.unique,
        blank=field.blank,
        has_default=field.has_default() or field.has_db_default(),
        max_length=getattr(field, "max_length", None),
        target=_target(field, other),
        max_digits=getattr(field, "max_digits", None),
        decimal_places=getattr(field, "decimal_places", None),
    )


def _target(field: Any, other: ExposedModel | None) -> str:
    """Return the field of the other model that a foreign key holds; "" if it is not readable."""
    target = field.target_field if field.is_relation else None
    if target is None or target.primary_key:
        return "pk"
    return target.name if other is not None and target.name in other.names else ""


def _link(name: str, exposed: ExposedModel) -> FieldSchema:
    link = exposed.links[name]
    many = is_many(link)
    related: Any = link.related_model
    other = exposed.related(name)
    meta = related._meta
    if isinstance(link, ManyToManyField):
        verbose_name, help_text, query = link.verbose_name, link.help_text, link.name
    else:
        verbose_name = meta.verbose_name_plural if many else meta.verbose_name
        help_text, query = "", link.name
    return FieldSchema(
        name=name,
        type=type(link).__name__,
        verbose_name=force_str(verbose_name),
        null=not many,
        help_text=force_str(help_text),
        relation=other.name if other is not None else None,
        writable=name in exposed.writable_fields or exposed.written_there(name),
        kind="many" if many else "reverse",
        blank=True,
        query_name=query if query != name else "",
    )


def _annotation_field(name: str, output: Field[Any, Any]) -> FieldSchema:
    return FieldSchema(
        name=name,
        type=type(output).__name__,
        verbose_name=name.replace("_", " "),
        null=True,
        kind="annotation",
        blank=True,
    )


def _property(name: str, exposed: ExposedModel) -> FieldSchema:
    found = inspect.getattr_static(exposed.model, name)
    function = getattr(found, "fget", None) or getattr(found, "func", None)
    returns = getattr(function, "__annotations__", {}).get("return", inspect.Signature.empty)
    doc = inspect.getdoc(function) or ""
    return FieldSchema(
        name=name,
        type=_annotation(returns, inspect.Signature.empty) or "",
        verbose_name=name.replace("_", " "),
        null=True,
        help_text=doc.partition("\n\n")[0].replace("\n", " "),
        kind="property",
        blank=True,
    )


def _parameter(parameter: inspect.Parameter) -> ParameterSchema:
    empty = inspect.Parameter.empty
    return ParameterSchema(
        parameter.name,
        parameter.kind.name,
        None if parameter.default is empty else _default(parameter.default),
        _annotation(parameter.annotation, empty),
    )


def _default(value: Any) -> str:
    """Return source-like text, never what a ``repr`` of somebody's own would reveal."""
    if value is None or type(value) in {bool, int, float, complex, str, bytes, Decimal, uuid.UUID}:
        return repr(value)
    if type(value) in {list, tuple, set, frozenset, dict} and not value:
        return repr(value)
    if isinstance(value, Promise):
        return repr(str(value))
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return repr(value)
    return "..."


def _annotation(value: Any, empty: Any) -> str | None:
    if value is empty:
        return None
    return value if isinstance(value, str) else inspect.formatannotation(value)


def _plain(value: Any) -> Any:
    """Return a choice's value as one that a schema can hold."""
    if value is None or type(value) in {bool, int, float, str}:
        return value
    return str(getattr(value, "value", value))
