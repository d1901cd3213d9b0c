"""A schema as plain lists, and the fingerprint that names it.

The wire form of a part is the list of its values in the order of its class's fields. A later
version may append fields with defaults: a shorter list is an older peer's, and of a longer one the
tail is ignored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from .types import (
    AppSchema,
    ExceptionSchema,
    FieldSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
)

FINGERPRINT_DIGITS = 16  # 64 bits: collisions between a project's few hundred schemas do not happen

_Part = TypeVar("_Part")


def schema_to_wire(schema: Schema) -> list[Any]:
    """Return ``schema`` as lists, strings, numbers and None, which every serializer carries."""
    wire: list[Any] = _plain(schema)
    return wire


def schema_from_wire(wire: Sequence[Any]) -> Schema:
    """Return the schema that ``schema_to_wire`` described; raise ValueError for anything else."""
    try:
        project, apps, name = wire[:3]
        return Schema(str(project), tuple(_app(app) for app in apps), str(name))
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"This is not the wire form of a schema: {error}") from error


def fingerprint(project: str, apps: Iterable[AppSchema]) -> str:
    """Return the digest that two equal schemas share, in every process and on every machine."""
    text = json.dumps([project, _plain(tuple(apps))], separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _make(part: type[_Part], values: Sequence[Any], **converted: Any) -> _Part:
    names: tuple[str, ...] = part._fields  # type: ignore[attr-defined]
    given = dict(zip(names, values, strict=False))
    given.update(converted)
    return part(**given)


def _function(wire: Sequence[Any]) -> FunctionSchema:
    return _make(
        FunctionSchema, wire, parameters=tuple(_make(ParameterSchema, each) for each in wire[2])
    )


def _field(wire: Sequence[Any]) -> FieldSchema:
    choices = tuple((value, str(label)) for value, label in wire[5])
    return _make(FieldSchema, wire, choices=choices)


def _model(wire: Sequence[Any]) -> ModelSchema:
    return _make(
        ModelSchema,
        wire,
        fields=tuple(_field(each) for each in wire[5]),
        filter_fields=tuple((name, tuple(lookups)) for name, lookups in wire[6]),
        ordering_fields=tuple(wire[7]),
        ordering=tuple(wire[8]),
        methods=tuple(_function(each) for each in wire[9]),
        manager_methods=tuple(_function(each) for each in wire[10]),
        get_latest_by=tuple(wire[12]) if len(wire) > 12 else (),
    )


def _app(wire: Sequence[Any]) -> AppSchema:
    return AppSchema(
        wire[0],
        tuple(_function(each) for each in wire[1]),
        tuple(_model(each) for each in wire[2]),
        tuple(_make(ExceptionSchema, each) for each in wire[3]),
    )
