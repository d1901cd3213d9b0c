"""A signature as text, for people: the commands and the admin page show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .types import FunctionSchema, ParameterSchema


def signature_text(function: FunctionSchema) -> str:
    """Return the function's signature as one would write it in a stub."""
    text = f"{function.name}({', '.join(_parameters(function.parameters))})"
    return f"{text} -> {function.returns}" if function.returns else text


def _parameters(parameters: Sequence[ParameterSchema]) -> Iterator[str]:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    previous = ""
    for parameter in parameters:
        if previous == "POSITIONAL_ONLY" != parameter.kind:
            yield "/"
        if parameter.kind == "KEYWORD_ONLY" and previous not in ("KEYWORD_ONLY", "VAR_POSITIONAL"):
            yield "*"
        previous = parameter.kind
        text = stars.get(parameter.kind, "") + parameter.name
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None:
            equals = " = " if parameter.annotation is not None else "="
            text += f"{equals}{parameter.default}"
        yield text
    if previous == "POSITIONAL_ONLY":
        yield "/"
