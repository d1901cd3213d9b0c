"""Expressions and their wire form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.plans import (
    Call,
    Case,
    Condition,
    Expression,
    FieldType,
    Filter,
    Holds,
    Items,
    Leaf,
    Literal,
    MalformedPlan,
    Node,
    Ordering,
    Outer,
    Plan,
    Ref,
    Subquery,
    is_expression,
)
from chunnel.plans.expressions import (
    EXPRESSIONS,
    expression_from_wire,
    expression_to_wire,
    field_type_from_wire,
    named_from_wire,
    named_to_wire,
    ordering_from_wire,
    ordering_to_wire,
    parts,
)

from .junk import UNHURRIED, junk

INNER = Plan("bank.Branch", (Filter(Leaf("city", Outer("owner"))),))
EACH: tuple[Expression, ...] = (
    Literal(Decimal("1.5")),
    Literal("x", FieldType("DecimalField", 5, 2)),
    Ref("branch__city"),
    Outer("pk"),
    Call("Now"),
    Call(
        "Sum",
        (Ref("balance"),),
        (
            ("distinct", True),
            ("filter", Leaf("uid", 1)),
            ("default", Literal(0)),
            ("output_field", FieldType("FloatField")),
            ("tzinfo", None),
            ("kind", "year"),
        ),
    ),
    Condition(Node("or", True, (Leaf("uid", Ref("x")), Holds(Ref("y"))))),
    Case(((Leaf("uid", 1), Literal(1)), (Leaf("uid", 2), Ref("x"))), Literal(3)),
    Case(((Leaf("uid", 1), Literal(1)),)),
    Subquery(INNER, "exists"),
    Items((Literal(1), Ref("x"))),
)


def test_each_kind_is_here() -> None:
    assert {type(each) for each in EACH} == set(EXPRESSIONS)


@pytest.mark.parametrize("expression", EACH)
def test_there_and_back(expression: Expression) -> None:
    wire = expression_to_wire(expression)
    assert expression_from_wire(wire) == expression
    assert is_expression(expression)


def test_orderings_and_names() -> None:
    for ordering in (Ordering(Ref("x")), Ordering(Call("Now"), True, "last")):
        assert ordering_from_wire(ordering_to_wire(ordering)) == ordering
    named = {f"n{number}": each for number, each in enumerate(EACH)}
    assert named_from_wire(named_to_wire(named)) == tuple(named.items())


@pytest.mark.parametrize(
    "wire",
    [
        *(None, 5, "f", [], {}, ["f"], ["f", 5], ["f", "x", "y"], ["nothing", 1], [["f"], "x"]),
        *(["value", 1], ["value", 1, "x"], ["value", 1, ["x"]], ["value", 1, ["x", 1.5, None]]),
        *(["value", 1, [5, None, None]], ["value", 1, ["x", True, None]], ["outer", None]),
        *(["call", "x"], ["call", 5, [], []], ["call", "x", 5, []], ["call", "x", [5], []]),
        *(["call", "x", [], [["a"]]], ["call", "x", [], [[5, 1]]], ["call", "x", [], 5]),
        *(["call", "x", [], [["a", {}]]], ["call", "x", [], [["a", 1], ["a", 1]]]),
        *(["call", "x", [], [["filter", 5]]], ["call", "x", [], [["default", 5]]]),
        *(["call", "x", [], [["output_field", "x"]]], ["call", "x", [], [["a", 1.5]]]),
        *(["test", 5], ["case", 5, None], ["case", [5], None], ["case", [[]], None]),
        *(["case", [[["=", "a", 1], 5]], None], ["case", [], 5], ["query", 5, "value"]),
        *(["query", ["a", []], "all"], ["query", ["a", []], ["value"]], ["list", 5]),
        *(["list", [5]], ["list", None]),
    ],
)
def test_malformed(wire: Any) -> None:
    with pytest.raises(MalformedPlan):
        expression_from_wire(wire)


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        [["f", "x"]],
        [["f", "x"], 1, None],
        [["f", "x"], True, "nowhere"],
        [["f", "x"], True, []],
    ],
)
def test_malformed_orderings(wire: Any) -> None:
    with pytest.raises(MalformedPlan):
        ordering_from_wire(wire)


@pytest.mark.parametrize(
    "wire", [None, 5, ["x"], [[5, ["f", "x"]]], [["x", 5]], [["x", ["f", "x"]]] * 2, {"x": 1}]
)
def test_malformed_names(wire: Any) -> None:
    with pytest.raises(MalformedPlan):
        named_from_wire(wire)


def test_malformed_types() -> None:
    for wire in (None, "CharField", ["CharField"], [5, None, None], ["x", "5", None]):
        with pytest.raises(MalformedPlan):
            field_type_from_wire(wire)


def test_nested_too_deep() -> None:
    """Before Python itself would give up."""
    calls: Any = ["f", "x"]
    cases: Any = ["f", "x"]
    queries: Any = ["a", []]
    for _ in range(1000):
        calls = ["call", "Lower", [calls], []]
        cases = ["case", [[["?", False, cases], ["f", "x"]]], None]
        queries = ["a", [["filter", ["?", False, ["query", queries, "exists"]]]]]
    for wire in (calls, cases, ["query", queries, "exists"], ["list", [calls]]):
        with pytest.raises(MalformedPlan, match="too deep"):
            expression_from_wire(wire)


def test_parts() -> None:
    found = {type(each): [*parts(each)] for each in EACH}
    assert found[Call] == [Ref("balance"), Leaf("uid", 1), Literal(0)]
    assert found[Items] == [Literal(1), Ref("x")]
    assert found[Case] == [Leaf("uid", 1), Literal(1)]
    assert found[Condition] == [EACH[6].tree]  # type: ignore[union-attr]
    assert found[Ref] == found[Outer] == found[Literal] == found[Subquery] == []


@UNHURRIED
@given(junk() | st.lists(junk(), min_size=1, max_size=4))
def test_anything_is_an_expression_or_malformed(wire: Any) -> None:
    """What is accepted says the same again."""
    try:
        found = expression_from_wire(wire)
    except MalformedPlan:
        return
    again = expression_from_wire(expression_to_wire(found))
    assert repr(again) == repr(found)  # nan is not equal to itself
