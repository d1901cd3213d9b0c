from __future__ import annotations

import inspect
from typing import Any

import pytest

from chunnel.schema import FunctionSchema, ParameterSchema
from chunnel.schema.signatures import signature_text


def described(function: Any) -> FunctionSchema:
    """Describe a function whose defaults are literals and whose annotations are text."""
    signature = inspect.signature(function)
    empty = inspect.Parameter.empty
    parameters = tuple(
        ParameterSchema(
            parameter.name,
            parameter.kind.name,
            None if parameter.default is empty else repr(parameter.default),
            None if parameter.annotation is empty else parameter.annotation,
        )
        for parameter in signature.parameters.values()
    )
    returns = signature.return_annotation
    return FunctionSchema("f", "", parameters, None if returns is empty else returns)


def nothing(): ...  # type: ignore[no-untyped-def]
def plain(a, b=1): ...  # type: ignore[no-untyped-def]
def annotated(a: int, b: str = "x") -> bool: ...  # type: ignore[empty-body]
def positional(a, /): ...  # type: ignore[no-untyped-def]
def both(a, /, b, *, c, d=None): ...  # type: ignore[no-untyped-def]
def starred(*args: int, c, **kwargs): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (nothing, "f()"),
        (plain, "f(a, b=1)"),
        (annotated, "f(a: int, b: str = 'x') -> bool"),
        (positional, "f(a, /)"),
        (both, "f(a, /, b, *, c, d=None)"),
        (starred, "f(*args: int, c, **kwargs)"),
    ],
)
def test_a_signature_reads_as_it_was_written(function: Any, text: str) -> None:
    """With the marks for what is positional or named only where Python puts them."""
    assert signature_text(described(function)) == text
