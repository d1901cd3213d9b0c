"""Conditions: what filter() takes, as data."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Exists, F, OuterRef, Q, TextChoices, Value
from django.db.models.functions import Lower
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from chunnel import remote
from chunnel.client.classes import remote_class
from chunnel.client.conditions import plain
from chunnel.client.expressions import Lifter
from chunnel.client.models import make_instance
from chunnel.plans import (
    Call,
    Condition,
    Filter,
    Holds,
    Items,
    Leaf,
    Literal,
    Node,
    Nothing,
    Outer,
    Plan,
    Ref,
    Subquery,
    Values,
    ValuesList,
)
from chunnel.values import InstanceRef


class Kind(TextChoices):
    SAVINGS = "savings"


class Number(Enum):
    TWO = 2


class OwnQ(Q):
    pass


Account = remote.economy.money.Account
Abroad = remote_class("lab", "money", "Account")  # of a remote that no settings have
INSTANCE = make_instance(Account, 3, (), ())
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def condition(args: Any, kwargs: Any) -> Any:
    return Lifter("economy").condition(args, kwargs)


def test_keywords() -> None:
    """One is a leaf; several hold together, in the order they were written."""
    assert condition((), {"uid": 1}) == Leaf("uid", 1)
    assert condition((), {"b": 1, "a__gt": 2}) == Node(
        "and", False, (Leaf("b", 1), Leaf("a__gt", 2))
    )


def test_q_objects() -> None:
    """Connectors and signs are kept."""
    a, b = Leaf("a", 1), Leaf("b", 2)
    assert condition((Q(a=1) | Q(b=2),), {}) == Node("or", False, (a, b))
    assert condition((Q(a=1) ^ Q(b=2),), {}) == Node("xor", False, (a, b))
    assert condition((Q(a=1) & ~Q(b=2),), {}) == Node("and", False, (a, Node("and", True, (b,))))
    assert condition((("a", 1),), {}) == a
    assert condition((Q(),), {}) == Node("and", False, ())


@pytest.mark.parametrize("kwargs", [{"_connector": "OR"}, {"_negated": True}])
def test_keywords_have_no_second_meaning(kwargs: Any) -> None:
    """Words that Q's constructor understands are no conditions, as in Django."""
    with pytest.raises(
        TypeError, match=f"The following kwargs are invalid: '{next(iter(kwargs))}'"
    ):
        condition((), kwargs)


@pytest.mark.parametrize(
    ("value", "as_data"),
    [
        (None, None),
        (1, 1),
        (Decimal("1.5"), Decimal("1.5")),
        (NOW, NOW),
        (b"x", b"x"),
        (Kind.SAVINGS, "savings"),
        (Number.TWO, 2),
        (mark_safe("x"), "x"),
        (gettext_lazy("x"), "x"),
        (INSTANCE, InstanceRef("money.Account", 3)),
        ([INSTANCE, Kind.SAVINGS], [InstanceRef("money.Account", 3), "savings"]),
        ((1, 2), (1, 2)),
        ({1, 2}, {1, 2}),
        (frozenset({1}), frozenset({1})),
        (range(3), [0, 1, 2]),
        (iter([1, 2]), [1, 2]),
        ({1: 2}.keys(), [1]),
        ({1: 2}, {1: 2}),
    ],
    ids=repr,
)
def test_values(value: Any, as_data: Any) -> None:
    """They become what travels, of exactly its type."""
    found = plain(value, Lifter("economy"))
    assert found == as_data
    assert type(found) is type(as_data)


@pytest.mark.parametrize(
    ("value", "as_data"),
    [
        (F("a"), Ref("a")),
        (F("a") + 1, Call("+", (Ref("a"), Literal(1)))),
        (Value(1), Literal(1)),
        (Q(a=1), Condition(Node("and", False, (Leaf("a", 1),)))),
        ([1, F("a")], Items((Literal(1), Ref("a")))),
        (
            (Lower("a"), INSTANCE),
            Items((Call("Lower", (Ref("a"),)), Literal(InstanceRef("money.Account", 3)))),
        ),
        (OuterRef("pk"), Outer("pk")),
    ],
    ids=repr,
)  # fmt: skip
def test_expressions_to_compare_with(value: Any, as_data: Any) -> None:
    """They travel as expressions, also within lists."""
    assert condition((), {"x": value}) == Leaf("x", as_data)


def test_expressions_that_hold() -> None:
    """An expression can be a condition by itself; a condition within one stays one."""
    nested = Subquery(Plan("money.Account"), "exists")
    assert condition((Exists(Account.objects.all()),), {}) == Holds(nested)
    assert condition((~Exists(Account.objects.all()),), {}) == Node("and", True, (Holds(nested),))
    assert condition((~~Exists(Account.objects.all()),), {}) == Holds(nested)
    assert condition((F("flag"),), {}) == Holds(Ref("flag"))
    assert condition((Q(a=1) & Exists(Account.objects.all()),), {}) == Node(
        "and", False, (Leaf("a", 1), Holds(nested))
    )


def test_querysets() -> None:
    """One of the same remote becomes a subquery, whether it was evaluated or not."""
    rich = Account.objects.filter(balance__gt=1)
    plan = Plan("money.Account", (Filter(Leaf("balance__gt", 1)),))
    assert condition((), {"account__in": rich}) == Leaf("account__in", Subquery(plan, "rows"))
    rich._result_cache = [INSTANCE]
    assert condition((), {"account__in": rich}) == Leaf("account__in", Subquery(plan, "rows"))
    keys = Account.objects.values("pk")
    assert condition((), {"x": keys}) == Leaf(
        "x", Subquery(Plan("money.Account", (Values(("pk",)),)), "rows")
    )
    none = Account.objects.values_list("pk").none()
    assert condition((), {"x__in": none}) == Leaf(
        "x__in", Subquery(Plan("money.Account", (ValuesList(("pk",)), Nothing())), "rows")
    )


def test_querysets_that_came_with_their_rows() -> None:
    """They are values."""
    came = type(Account.objects.all()).evaluated(Account, [INSTANCE])
    assert condition((), {"account__in": came}) == Leaf(
        "account__in", [InstanceRef("money.Account", 3)]
    )


def test_things_of_other_projects() -> None:
    """Both projects are named; nothing is evaluated in passing."""
    with pytest.raises(ValueError, match=r"inner query is of lab, the outer one of economy"):
        condition((), {"account__in": Abroad.objects.all()})
    with pytest.raises(ValueError, match=r"money\.Account is a model of lab, which economy"):
        condition((), {"account": make_instance(Abroad, 1, (), ())})
    with pytest.raises(ValueError, match=r"is a model of lab, which economy"):
        condition((), {"account__in": [make_instance(Abroad, 1, (), ())]})


def test_instances_that_were_not_saved() -> None:
    """They have no key to compare with."""
    with pytest.raises(ValueError, match="passed to related filters must be saved"):
        condition((), {"account": make_instance(Account, None, (), ())})


@pytest.mark.parametrize("value", [3, OwnQ(a=1), object(), ("a", 1, 2)], ids=str)
def test_no_conditions(value: Any) -> None:
    """They are refused by name, not sent as something else."""
    with pytest.raises(NotSupportedError, match=type(value).__name__):
        condition((value,), {})
