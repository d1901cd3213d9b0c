"""The frozen description of what a project exposes, as both sides read it."""

from __future__ import annotations

from .types import (
    FIELD_KINDS,
    AppSchema,
    ExceptionSchema,
    FieldSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
)
from .wire import fingerprint, schema_from_wire, schema_to_wire

__all__ = [
    "FIELD_KINDS",
    "AppSchema",
    "ExceptionSchema",
    "FieldSchema",
    "FunctionSchema",
    "ModelSchema",
    "ParameterSchema",
    "Schema",
    "fingerprint",
    "schema_from_wire",
    "schema_to_wire",
]
