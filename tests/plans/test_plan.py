"""Plans and their wire form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.plans import (
    Distinct,
    Exclude,
    Filter,
    Leaf,
    MalformedPlan,
    Node,
    OrderBy,
    Plan,
    Reverse,
    Slice,
    Values,
    ValuesList,
)

from .junk import UNHURRIED

STEPS = (
    Filter(Leaf("a__gt", Decimal(5))),
    Exclude(Node("or", True, (Leaf("a", [1, 2]), Node("and", False, ())))),
    OrderBy(("a", "-b")),
    Reverse(),
    Distinct(),
    Slice(5, None),
    Slice(0, 10),
    Values(("a",)),
    ValuesList(("a",), flat=True),
    ValuesList((), named=True),
)


def test_there_and_back() -> None:
    plan = Plan("bank.Account", STEPS)
    assert Plan.from_wire(plan.to_wire()) == plan
    assert Plan.from_wire(tuple(plan.to_wire())) == plan


def test_then() -> None:
    plan = Plan("bank.Account")
    assert plan.then(Reverse()).steps == (Reverse(),)
    assert plan.steps == ()


def test_what_a_row_is() -> None:
    plan = Plan("bank.Account").then(Values(("a",)))
    assert Plan("bank.Account").row is None
    assert plan.row == Values(("a",))
    assert plan.then(Reverse()).then(ValuesList(("b",))).row == ValuesList(("b",))
    assert plan.then(Slice(0, 1)).sliced
    assert not plan.sliced


@pytest.mark.parametrize(
    "wire",
    [
        None,
        5,
        "bank.Account",
        [],
        ["bank.Account"],
        [5, []],
        ["bank.Account", 5],
        ["bank.Account", ["filter"]],
        ["bank.Account", [[]]],
        ["bank.Account", [[5]]],
        ["bank.Account", [["raw", "DROP TABLE"]]],
        ["bank.Account", [["filter"]]],
        ["bank.Account", [["filter", ["=", 5, 5]]]],
        ["bank.Account", [["filter", ["=", "a"]]]],
        ["bank.Account", [["filter", ["nor", False, []]]]],
        ["bank.Account", [["filter", ["and", 1, []]]]],
        ["bank.Account", [["filter", ["and", False, 5]]]],
        ["bank.Account", [["filter", [["and"], False, []]]]],
        ["bank.Account", [["filter", ["=", "a", 1], 5]]],
        ["bank.Account", [["order_by", "uid"]]],
        ["bank.Account", [["order_by", [5]]]],
        ["bank.Account", [["values_list", ["a"], 1]]],
        ["bank.Account", [["values_list", ["a"], True, True, True]]],
        ["bank.Account", [["slice", -1, 5]]],
        ["bank.Account", [["slice", 5, 1]]],
        ["bank.Account", [["slice", 0, True]]],
        ["bank.Account", [["slice", 0]]],
        ["bank.Account", [["reverse"]] * 1001],
    ],
)
def test_malformed(wire: Any) -> None:
    with pytest.raises(MalformedPlan):
        Plan.from_wire(wire)


def test_nested_too_deep() -> None:
    tree: list[Any] = ["=", "a", 1]
    for _ in range(1000):
        tree = ["and", False, [tree]]
    with pytest.raises(MalformedPlan, match="too deep"):
        Plan.from_wire(["bank.Account", [["filter", tree]]])


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["filter", "and", "=", "slice", "values", "order_by"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@UNHURRIED
@given(_ANY | st.tuples(st.just("bank.Account"), st.lists(_ANY)))
def test_anything_is_a_plan_or_malformed(wire: Any) -> None:
    """What is accepted says the same again."""
    try:
        plan = Plan.from_wire(wire)
    except MalformedPlan:
        return
    assert Plan.from_wire(plan.to_wire()) == plan
