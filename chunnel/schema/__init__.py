"""The frozen description of what a project exposes, as both sides read it."""

from __future__ import annotations

from .types import (
    AppSchema,
    ExceptionSchema,
    FieldSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
)

__all__ = [
    "AppSchema",
    "ExceptionSchema",
    "FieldSchema",
    "FunctionSchema",
    "ModelSchema",
    "ParameterSchema",
    "Schema",
]
