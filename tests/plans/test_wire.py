"""Steps as lists, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.exceptions import QueryRefused
from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Combine,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    Filter,
    Leaf,
    MalformedPlan,
    Merge,
    Nothing,
    Of,
    Only,
    OrderBy,
    Ordering,
    Plan,
    PrefetchRelated,
    Ref,
    Reverse,
    SelectRelated,
    Slice,
    Step,
    Values,
    ValuesList,
)
from chunnel.plans.plan import Fetch

from .gate.declared import RULES
from .junk import UNHURRIED, junk

INNER = Plan("bank.Branch", (Filter(Leaf("city", "Bern")),))
NAMED = (("n", Call("Count")), ("m", Ref("n")))
EACH: tuple[Step, ...] = (
    Filter(Leaf("a__gt", 5)),
    Exclude(Leaf("a", Ref("b"))),
    OrderBy(("a", "-b", Ordering(Ref("c"), True, "first"))),
    Reverse(),
    Distinct(("a",)),
    Slice(5, None),
    Annotate(NAMED),
    Alias(NAMED),
    Values(("a", Ref("b")), NAMED),
    ValuesList(("a", Ref("b")), NAMED, False, True),
    Dates("a", "year", "DESC"),
    Datetimes("a", "hour", "ASC", "UTC"),
    Only(("a",)),
    Defer(()),
    SelectRelated(("a__b",)),
    PrefetchRelated((Fetch("a"), Fetch("b", INNER, "c"))),
    Combine("union", True, (INNER, INNER)),
    Merge("xor", INNER),
    Nothing(),
    Of("bank.Branch", 5, "accounts"),
)


def test_each_kind_is_here() -> None:
    assert {type(each) for each in EACH} == set(Step.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("step", EACH)
def test_there_and_back(step: Step) -> None:
    plan = Plan("bank.Account", (step, step))
    assert Plan.from_wire(plan.to_wire()) == plan


@pytest.mark.parametrize(
    "step",
    [
        *(["order_by", [["f", "x"]]], ["order_by", [[["f", "x"], 1, None]]], ["order_by", 5]),
        *(["annotate", {}], ["annotate", [["n"]]], ["alias", [["n", 5]]], ["alias"]),
        *(["values", [5], []], ["values", ["a"]], ["values", ["a"], {}], ["values", 5, []]),
        *(["values_list", [], [], 1, False], ["values_list", [], [], False, None]),
        *(["dates", "a", "b"], ["dates", "a", 5, "ASC"], ["datetimes", "a", "b", "c", 5]),
        *(["only", "a"], ["defer", [5]], ["select_related", None], ["distinct", [["a"]]]),
        *(["prefetch_related", "a"], ["prefetch_related", ["a"]], ["prefetch_related", [["a"]]]),
        *(["prefetch_related", [[5, None, None]]], ["prefetch_related", [["a", 5, None]]]),
        *(["prefetch_related", [["a", None, 5]]], ["combine", "join", True, []]),
        *(["combine", "union", 1, []], ["combine", "union", True, [5]], ["merge", "nor", []]),
        *(["combine", ["union"], True, []], ["merge", ["and"], ["a", []]], ["merge", "and", 5]),
        *(["none", 1], ["of", "a", 1], ["of", 5, 1, "x"], ["of", "a", 1, None], ["of"]),
    ],
)
def test_malformed(step: Any) -> None:
    with pytest.raises(MalformedPlan):
        Plan.from_wire(["bank.Account", [step]])


def test_nested_too_deep() -> None:
    merged: Any = ["a", []]
    fetched: Any = ["a", []]
    for _ in range(1000):
        merged = ["a", [["merge", "and", merged]]]
        fetched = ["a", [["prefetch_related", [["b", fetched, None]]]]]
    for wire in (merged, fetched, ["a", [["combine", "union", True, [merged]]]]):
        with pytest.raises(MalformedPlan, match="too deep"):
            Plan.from_wire(wire)


@UNHURRIED
@given(junk() | st.tuples(st.just("bank.Account"), st.lists(junk(), max_size=4)))
def test_anything_is_a_plan_or_malformed(wire: Any) -> None:
    """What is accepted says the same again, and the gate can judge it."""
    try:
        plan = Plan.from_wire(wire)
    except MalformedPlan:
        return
    assert repr(Plan.from_wire(plan.to_wire())) == repr(plan)  # nan is not equal to itself
    try:
        RULES.check(plan, "rows")
    except QueryRefused:
        return
