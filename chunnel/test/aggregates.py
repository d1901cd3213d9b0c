"""Aggregates of the rows of a fake model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import NotSupportedError

from ..plans import Call, Expression, Literal, Ref, Tree


def _sum(values: list[Any]) -> Any:
    return sum(values[1:], values[0])


def _average(values: list[Any]) -> Any:
    return _sum(values) / len(values)


_AGGREGATES: Mapping[str, Callable[[list[Any]], Any]] = {
    "Sum": _sum,
    "Avg": _average,
    "Min": min,
    "Max": max,
}


def aggregate(
    rows: list[dict[str, Any]],
    expression: Expression,
    field: Callable[[dict[str, Any], str], Any],
    holds: Callable[[dict[str, Any], Tree], bool],
) -> Any:
    """Return one value of all rows: of Count, Sum, Avg, Min or Max of a field.

    ``field`` gives the value of a row's field, ``holds`` says whether a condition does. Raise
    NotSupportedError for any other expression.
    """
    if not isinstance(expression, Call) or not {"Count", *_AGGREGATES} & {expression.name}:
        raise NotSupportedError(f"Fake rows cannot aggregate {_shown(expression)}.")
    options = dict(expression.options)
    if unknown := options.keys() - {"distinct", "filter", "default"}:
        raise NotSupportedError(
            f"Fake rows cannot aggregate with {', '.join(sorted(unknown))} ({expression.name})."
        )
    if options.get("filter") is not None:
        rows = [row for row in rows if holds(row, options["filter"])]
    if not expression.args:  # Count("*")
        return len(rows)
    (of,) = expression.args
    if not isinstance(of, Ref):
        raise NotSupportedError(f"Fake rows cannot aggregate {_shown(of)}, only fields.")
    values = [value for row in rows if (value := field(row, of.path)) is not None]
    if options.get("distinct"):
        values = [value for place, value in enumerate(values) if value not in values[:place]]
    if expression.name == "Count":
        return len(values)
    if values:
        return _AGGREGATES[expression.name](values)
    default = options.get("default")
    if default is not None and not isinstance(default, Literal):
        raise NotSupportedError(f"Fake rows cannot compute {_shown(default)}.")
    return None if default is None else default.value


def _shown(expression: Any) -> str:
    return str(getattr(expression, "name", type(expression).__name__))
