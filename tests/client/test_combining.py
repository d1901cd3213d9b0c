"""Querysets made of several: what becomes of their plans."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import OuterRef, QuerySet

from chunnel import remote
from chunnel.client.classes import remote_class
from chunnel.client.lifting import lift
from chunnel.client.options import DEFAULT_OPTIONS
from chunnel.client.planned import Source
from chunnel.plans import Combine, Filter, Leaf, Merge, OrderBy, Plan, Slice
from chunnel.test import assertNumRPCs
from chunnel.values import QuerySetRef
from tests.apps.bank.models import Account as LocalAccount

Account = remote.economy.bank.Account
Branch = remote.economy.bank.Branch
Abroad = remote_class("lab", "bank", "Account")  # of a remote that no settings have
RICH = Filter(Leaf("balance__gt", 1))
POOR = Filter(Leaf("balance__lt", 0))
rich = Account.objects.filter(balance__gt=1)
poor = Account.objects.filter(balance__lt=0)
branches = Branch.objects.values_list("city")


def test_combinations() -> None:
    """One step that holds the other plans, also those of other models; later steps follow it."""
    other = Plan("bank.Account", (POOR,))
    with assertNumRPCs(0):
        assert rich.union(poor)._plan.steps == (RICH, Combine("union", False, (other,)))
        assert rich.union(poor, all=True)._plan.steps[1] == Combine("union", True, (other,))
        assert rich.intersection(poor)._plan.steps[1] == Combine("intersection", False, (other,))
        assert rich.difference(poor, poor)._plan.steps[1] == Combine(
            "difference", False, (other, other)
        )
        both = rich.values_list("owner").union(branches)
        assert both._plan.steps[-1].plans == (branches._plan,)
        assert rich.union(poor).order_by("uid")[:3]._plan.steps[2:] == (
            OrderBy(("uid",)),
            Slice(0, 3),
        )
        assert Plan.from_wire(both._plan.to_wire()) == both._plan


def test_slices_of_parts() -> None:
    """Those of the parts do not make the whole a slice, which may be ordered."""
    found = rich[:2].union(poor[:2]).order_by("uid")
    assert not found._sliced
    assert found[:2]._sliced


def test_order() -> None:
    """A combination has none until it is given one, as in Django."""
    assert rich.order_by("uid").union(poor).ordered is False
    assert rich.union(poor).order_by("uid").ordered is True


def test_empty_parts() -> None:
    """They are left out, or decide, and no request is made for what is empty."""
    none = Account.objects.none()
    assert none.union(rich) is rich
    assert none.union(none, none) is none
    assert none.union(rich, poor)._plan == rich.union(poor)._plan
    assert rich.union() is rich
    assert none.intersection(rich) is none
    assert rich.intersection(none) is none
    assert none.difference(rich) is none
    assert (rich & none) is none
    assert (none & rich) is none
    assert (rich | none) is rich
    assert (none | rich) is rich
    assert (rich ^ none) is rich
    assert (none ^ rich) is rich


def test_operators() -> None:
    """A step that holds the other plan, to be joined over there as Django joins them."""
    other = Plan("bank.Account", (POOR,))
    for found, connector in ((rich & poor, "and"), (rich | poor, "or"), (rich ^ poor, "xor")):
        assert found._plan.steps == (RICH, Merge(connector, other))
        assert Plan.from_wire(found._plan.to_wire()) == found._plan
    outer = Account.objects.filter(uid=OuterRef("pk"))
    assert (rich & outer)._outer


@pytest.mark.parametrize(
    "other", [QuerySet(LocalAccount), Branch.objects.all(), 3], ids=["local", "model", "number"]
)
def test_operators_take_the_same_model(other: Any) -> None:
    """On either side of the operator."""
    for join in (operator.and_, operator.or_, operator.xor):
        with assertNumRPCs(0):
            with pytest.raises(TypeError, match="two different base models"):
                join(rich, other)
            with pytest.raises(TypeError):
                join(other, rich)


def test_what_cannot_be_combined() -> None:
    """What is not of this remote is refused by name."""
    with pytest.raises(TypeError, match="remote querysets, not with AccountQuerySet"):
        rich.union(LocalAccount.objects.all())
    with pytest.raises(ValueError, match="of economy cannot be combined with one of lab"):
        rich.union(Abroad.objects.all())


def test_what_calls_returned() -> None:
    """A queryset that a call returned is no part of another, whether it is lazy or not."""
    source = Source("bank.rich", (), {}, DEFAULT_OPTIONS)
    lazy = lift("economy", QuerySetRef("bank.Account"), source)
    assert lazy.filter(uid=1)._source == source
    with pytest.raises(NotSupportedError, match=r"that bank\.rich\(\) returned cannot be part"):
        rich.union(lazy)
    came = type(rich).evaluated(Account, [])
    refusals: list[Callable[[], Any]] = [
        lambda: rich | came,
        lambda: came | rich,
        lambda: came.union(rich),
    ]
    for refused in refusals:
        with pytest.raises(NotSupportedError, match=r'came evaluated.*effect="read"'):
            refused()
    with pytest.raises(ValueError, match="outside of a call"):
        lift("economy", QuerySetRef("bank.Account"))
