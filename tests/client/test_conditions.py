"""Conditions: what filter() takes, as data."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import F, Q, TextChoices, Value
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from chunnel import remote
from chunnel.client.conditions import condition, plain
from chunnel.client.models import make_instance
from chunnel.plans import Leaf, Node
from chunnel.values import InstanceRef


class Kind(TextChoices):
    SAVINGS = "savings"


class Number(Enum):
    TWO = 2


INSTANCE = make_instance(remote.economy.money.Account, 3, (), ())
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_keywords() -> None:
    """One is a leaf; several hold together, in the order they were written."""
    assert condition((), {"uid": 1}) == Leaf("uid", 1)
    assert condition((), {"b": 1, "a__gt": 2}) == Node(
        "and", False, (Leaf("b", 1), Leaf("a__gt", 2))
    )


def test_q_objects() -> None:
    """Connectors and signs are kept."""
    assert condition((Q(a=1) | Q(b=2),), {}) == Node("or", False, (Leaf("a", 1), Leaf("b", 2)))
    assert condition((Q(a=1) ^ Q(b=2),), {}) == Node("xor", False, (Leaf("a", 1), Leaf("b", 2)))
    assert condition((~Q(a=1),), {}) == Node(
        "and", True, (Node("and", False, (Leaf("a", 1),)),)
    ) or (condition((~Q(a=1),), {}) == Node("and", True, (Leaf("a", 1),)))
    assert condition((("a", 1),), {}) == Leaf("a", 1)


def test_keywords_have_no_second_meaning() -> None:
    """Words that Q's constructor understands are only keys here; the gate refuses them."""
    assert condition((), {"_connector": "OR", "_negated": True}) == Node(
        "and", False, (Leaf("_connector", "OR"), Leaf("_negated", True))
    )


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
    found = plain(value)
    assert found == as_data
    assert type(found) is type(as_data)


@pytest.mark.parametrize("value", [F("a"), Value(1), Q(a=1)], ids=repr)
def test_expressions(value: Any) -> None:
    """They are refused, not sent as something else."""
    with pytest.raises(NotSupportedError, match=type(value).__name__):
        plain(value)
    with pytest.raises(NotSupportedError):
        condition((F("a"),), {})
