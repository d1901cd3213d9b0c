"""Aggregates of plain rows, compared with what the ORM would say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import NotSupportedError

from chunnel.plans import Call, Expression, Leaf, Literal, Ref
from chunnel.test.aggregates import aggregate

ROWS: list[dict[str, Any]] = [
    {"n": 1, "price": Decimal("1.50"), "tags": ["a"]},
    {"n": None, "price": Decimal("2.50"), "tags": ["a"]},
    {"n": 4, "price": None, "tags": ["b"]},
]


def found(expression: Expression, rows: list[dict[str, Any]] = ROWS) -> Any:
    return aggregate(
        rows,
        expression,
        lambda row, name: row[name],
        lambda row, tree: bool(row[tree.key] == tree.value),  # type: ignore[union-attr]
    )


def of(name: str, path: str, *options: tuple[str, Any]) -> Call:
    return Call(name, (Ref(path),), options)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (Call("Count"), 3),
        (of("Count", "n"), 2),
        (of("Count", "tags", ("distinct", True)), 2),
        (of("Sum", "price"), Decimal("4.00")),
        (of("Avg", "price"), Decimal("2.00")),
        (of("Avg", "n"), 2.5),
        (of("Min", "n"), 1),
        (of("Max", "price"), Decimal("2.50")),
        (of("Sum", "n", ("filter", Leaf("price", None))), 4),
        (of("Sum", "n", ("filter", Leaf("n", 9))), None),
        (of("Sum", "n", ("filter", Leaf("n", 9)), ("default", Literal(0))), 0),
        (of("Count", "n", ("filter", Leaf("n", 9))), 0),
    ],
)
def test_values(expression: Expression, value: Any) -> None:
    assert found(expression) == value
    assert type(found(expression)) is type(value)


def test_no_rows() -> None:
    assert found(Call("Count"), []) == 0
    assert found(of("Sum", "n"), []) is None


@pytest.mark.parametrize(
    ("expression", "culprit"),
    [
        (Ref("n"), "Ref"),
        (of("StdDev", "n"), "StdDev"),
        (of("Sum", "n", ("output_field", None)), "output_field"),
        (Call("Sum", (Literal(1),)), "Literal"),
        (of("Sum", "n", ("filter", Leaf("n", 9)), ("default", Ref("n"))), "Ref"),
    ],
)
def test_what_it_refuses_by_name(expression: Expression, culprit: str) -> None:
    with pytest.raises(NotSupportedError, match=culprit):
        found(expression)
