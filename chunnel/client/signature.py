"""What a schema knows about a name: its description, its signature, its docstring.

Texts of parameters (defaults, annotations) are shown as the remote source has them and never
evaluated: a ``Source`` stands for an object whose ``repr`` is that text.
"""

from __future__ import annotations

import inspect
from typing import TypeAlias

from ..schema import AppSchema, ExceptionSchema, FunctionSchema, ModelSchema, Schema

Described: TypeAlias = FunctionSchema | ModelSchema | ExceptionSchema

ANYTHING = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)
"""The signature of what is not known."""


class Source:
    """An object that shows itself as a piece of source code."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def find_app(schema: Schema, label: str) -> AppSchema | None:
    """Return what the app of this label exposes, or None."""
    return next((app for app in schema.apps if app.label == label), None)


def find_function(schema: Schema, label: str, name: str) -> FunctionSchema | None:
    """Return the description of a function, or None."""
    app = find_app(schema, label)
    return next((one for one in app.functions if one.name == name), None) if app else None


def find_model(schema: Schema, label: str, name: str) -> ModelSchema | None:
    """Return the description of a model, or None."""
    app = find_app(schema, label)
    return next((one for one in app.models if one.name == name), None) if app else None


def find(schema: Schema, label: str, name: str) -> Described | None:
    """Return the description of whatever has this name, or None."""
    app = find_app(schema, label)
    if app is None:
        return None
    found: tuple[Described, ...] = (*app.functions, *app.models, *app.exceptions)
    return next((one for one in found if one.name == name), None)


def find_method(model: ModelSchema, name: str) -> FunctionSchema | None:
    """Return the description of a model's method, or None."""
    return next((one for one in model.methods if one.name == name), None)


def find_manager_method(model: ModelSchema, name: str) -> FunctionSchema | None:
    """Return the description of a manager's method, or None."""
    return next((one for one in model.manager_methods if one.name == name), None)


def signature_of(function: FunctionSchema) -> inspect.Signature:
    """Return the signature as ``inspect.signature`` gives it.

    What a schema of another version says may not be a legal order of parameters; then everything is
    accepted here, and the server decides.
    """
    try:
        parameters = [
            inspect.Parameter(
                one.name,
                getattr(inspect.Parameter, one.kind),
                default=inspect.Parameter.empty if one.default is None else Source(one.default),
                annotation=(
                    inspect.Parameter.empty if one.annotation is None else Source(one.annotation)
                ),
            )
            for one in function.parameters
        ]
        return inspect.Signature(
            parameters,
            return_annotation=(
                inspect.Signature.empty if function.returns is None else Source(function.returns)
            ),
        )
    except (AttributeError, ValueError):
        return ANYTHING
