"""One name that is not declared, planted anywhere in a plan that is else legal.

Every text in a plan is a name except values and the key of an instance. Whichever of them is
replaced, the plan is malformed or refused: there is no place that nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.exceptions import QueryRefused
from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Case,
    Combine,
    Condition,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    FieldType,
    Filter,
    Holds,
    Items,
    Leaf,
    Literal,
    MalformedPlan,
    Merge,
    Node,
    Of,
    Only,
    OrderBy,
    Ordering,
    Outer,
    Plan,
    PrefetchRelated,
    QueryLimits,
    Ref,
    SelectRelated,
    Subquery,
    Values,
    ValuesList,
    is_expression,
)  # fmt: skip
from chunnel.plans.plan import Fetch

from ..junk import UNHURRIED
from .declared import rules
from .strategies import plans

AMPLE = rules(
    QueryLimits(query_nodes=100_000, query_depth=60, query_joins=1_000, query_steps=1_000)
)
POISONS = [
    *("secret", "secret__startswith", "-secret", "branch__code", "branch__secret", "save"),
    *("owner__regex", "vault__pin", "__class__", "_connector", "_negated", "?", ""),
    *('x" FROM bank_account; --', "x'); DROP TABLE x --", "x" * 1_000, "RawSQL", "bank.Vault"),
]

Put = Callable[[Any], Any]


def places(node: Any, put: Put) -> Iterator[tuple[str, Put]]:
    """Yield every name in a part of a plan, with what makes the plan with another in its place."""
    if isinstance(node, str):
        yield node, put
    elif isinstance(node, Plan):
        yield from places(node.model, lambda new: put(Plan(new, node.steps)))
        yield from places(node.steps, lambda new: put(Plan(node.model, new)))
    elif isinstance(node, tuple):
        for position, item in enumerate(node):
            if not _is_value(node, position):
                yield from places(item, _putting(node, position, put))


def _putting(node: Any, position: int, put: Put) -> Put:
    def replaced(new: Any) -> Any:
        items = (*node[:position], new, *node[position + 1 :])
        return put(type(node)(*items) if hasattr(node, "_fields") else items)

    return replaced


def _is_value(node: Any, position: int) -> bool:
    """Say whether a text there is no name: what is compared, and zones, which are all words."""
    field = node._fields[position] if hasattr(node, "_fields") else ""
    if isinstance(node, Leaf):
        return field == "value" and not is_expression(node.value)
    if not field and len(node) == 2 and node[0] == "tzinfo":
        return position == 1
    return (type(node), field) in {(Literal, "value"), (Of, "key"), (Datetimes, "zone")}


def let_through(plan: Plan) -> bool:
    """Say whether a plan passes as it would arrive."""
    try:
        AMPLE.check(Plan.from_wire(plan.to_wire()), "rows")
    except (MalformedPlan, QueryRefused):
        return False
    return True


@UNHURRIED
@given(plans())
def test_these_plans_are_legal(plan: Plan) -> None:
    """Else nothing would follow from a refusal."""
    AMPLE.check(plan, "rows")
    assert Plan.from_wire(plan.to_wire()) == plan


@UNHURRIED
@given(plans(), st.sampled_from(POISONS), st.data())
def test_no_place_takes_another_name(plan: Plan, poison: str, data: st.DataObject) -> None:
    _, put = data.draw(st.sampled_from(list(places(plan, lambda new: new))))
    assert not let_through(put(poison))


UID = Ref("uid")
DECIMAL = FieldType("DecimalField", 10, 2)
WITHIN = Plan(
    "bank.Branch",
    (Filter(Leaf("city", Outer("owner"))), Values(("city", Outer("opened__year")))),
)
LARGE = Plan(
    "bank.Account",
    (
        Of("bank.Branch", 5, "accounts"),
        Filter(Node("or", True, (Leaf("uid", 1), Holds(Subquery(WITHIN, "exists"))))),
        Exclude(Leaf("uid__in", Items((UID, Literal("x", FieldType("CharField")))))),
        Alias((("early", Call("Trunc", (Ref("opened"),), (("kind", "year"),))),)),
        Annotate((("late", Case(((Leaf("early__year", 1), UID),), Condition(Leaf("pk", 1)))),)),
        Annotate((("n", Call("Count", (Ref("tags"),), (("filter", Leaf("late__gt", 1)),))),)),
        Annotate((("m", Call("Max", (Ref("total"),), (("default", Ref("n")),))),)),
        OrderBy(("-branch__city", "late", Ordering(Ref("branch__founded"), True, "last"))),
        Distinct(("branch__parent__city",)),
        Only(("uid", "branch__city")),
        Defer(("owner",)),
        SelectRelated(("branch__parent", "card")),
        PrefetchRelated(
            (Fetch("transfer_set", Plan("bank.Transfer"), "moves"), Fetch("moves__account"))
        ),
        Merge("and", Plan("bank.Account", (Filter(Leaf("uid", 1)), OrderBy(("uid",))))),
        Combine("union", False, (Plan("bank.Account", (Values(("uid", "data__a")),)),)),
        Values(("uid", "late"), (("own", Call("Cast", (UID,), (("output_field", DECIMAL),))),)),
        ValuesList(("day",), (("zoned", Call("TruncDate", (Ref("opened"),))),), False, True),
        Dates("day", "year", "DESC"),
        Datetimes("opened", "hour", "ASC"),
    ),
)


@pytest.mark.parametrize("poison", POISONS)
def test_every_place_of_a_large_plan(poison: str) -> None:
    """The same without chance: all places of one plan that has every step and expression."""
    assert let_through(LARGE)
    for name, put in places(LARGE, lambda new: new):
        assert not let_through(put(poison)), (name, put(poison))
