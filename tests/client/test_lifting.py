"""What stands for model things on the wire, and what a caller sees."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from chunnel import SerializationError, remote
from chunnel.client.classes import remote_class
from chunnel.client.lifting import lift, lower
from chunnel.client.models import make_instance
from chunnel.client.querysets import RemoteQuerySet
from chunnel.test import assertNumRPCs
from chunnel.values import InstanceRef, InstanceRow, Relation, RowSet
from tests.apps.bank.models import Account as Hidden
from tests.apps.bank.models import Branch

from .bank import bank  # noqa: F401 - a fixture

Account = remote.economy.money.Account


def test_instances() -> None:
    """There as a row or a reference, here as an instance, back as a reference."""
    row = InstanceRow("money.Account", 1, ("uid",), (5,), "Ann", ("deposit",))
    found = lift("economy", row)
    assert callable(found.deposit)
    assert isinstance(found, Account)
    assert (found.pk, found.uid, str(found)) == (1, 5, "Ann")
    assert lower("economy", found) == InstanceRef("money.Account", 1)
    assert lift("economy", InstanceRef("money.Account", 1)) == found
    with pytest.raises(TypeError, match="was not saved, so economy cannot load it"):
        lower("economy", make_instance(Account, None, (), ()))


def test_relations() -> None:
    """They are known without a schema, of a single instance and of rows."""
    relations = (Relation("cards", "money.Card", True),)
    row = InstanceRow("money.Account", 1, (), (), None, (), relations)
    rows = RowSet("money.Account", ("pk",), ([1],), (), relations)
    for found in (lift("economy", row), lift("economy", rows)[0]):
        with assertNumRPCs(0):
            assert found.cards.model is remote.economy.money.Card


def test_rows() -> None:
    """Rows of a model are a queryset that is evaluated; others are tuples."""
    rows = RowSet("money.Account", ("pk", "uid"), ([1, 2], [5, 6]), ("deposit",))
    found = lift("economy", rows)
    assert all(callable(each.deposit) for each in found)
    assert isinstance(found, RemoteQuerySet)
    with assertNumRPCs(0):
        assert [each.uid for each in found] == [5, 6]
    assert lift("economy", RowSet(None, ("a", "b"), ([1, 2], [3, 4]))) == [(1, 3), (2, 4)]
    assert lift("economy", 3) == 3


@pytest.mark.parametrize("name", ["", "money.balance", "money", "x" * 1_000, "money._A"])
def test_models_that_are_none(name: str) -> None:
    """A row of something that can be no model's name is refused, in few words."""
    with pytest.raises(ValueError, match="names no model") as caught:
        lift("economy", InstanceRef(name, 1))
    assert len(str(caught.value)) < 200


ABROAD = remote_class("lab", "money", "Account")  # of a remote that no settings have


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "^$"),
        (lower, "^$"),
        (make_instance(ABROAD, 1, (), ()), r"money\.Account is a model of lab, which economy"),
        (ABROAD.objects.all(), r"money\.Account is a model of lab, which economy"),
        (Branch(pk=1), r"bank\.Branch is a model of this project, which economy"),
        (Branch.objects.all(), r"bank\.Branch is a model of this project, which economy"),
    ],
    ids=["object", "function", "instance", "queryset", "local instance", "local queryset"],
)
def test_what_cannot_be_an_argument(value: Any, reason: str) -> None:
    """It is refused here, before anything is sent or any query made."""
    with assertNumRPCs(0), pytest.raises(TypeError, match=reason):
        lower("economy", value)


def test_the_culprit_is_found(bank: str) -> None:  # noqa: F811
    """An error says where in the arguments the value sits that cannot travel."""
    abroad = ABROAD.objects.all()
    with pytest.raises(SerializationError, match=r"args\[0\]\['x'\]\[1\].*model of lab"):
        remote.economy.bank.echo({"x": [1, abroad]})
    with pytest.raises(SerializationError) as caught:
        remote.economy.bank.echo(range(3))
    assert str(caught.value) == "args[0]: a value of type range cannot travel"
    with pytest.raises(SerializationError, match=r"kwargs\['x'\]"):
        remote.economy.bank.echo(x=object())
    accounts = list(remote.economy.bank.Account.objects.filter(uid__lte=1))
    assert remote.economy.bank.echo(accounts) == accounts
    assert remote.economy.bank.echo({"a": (accounts[0], Decimal(1))})["a"][0] == accounts[0]


def test_querysets_as_arguments(bank: str) -> None:  # noqa: F811
    """They travel as their instances, and their rows are fetched for it if they were not."""
    accounts = remote.economy.bank.Account.objects
    rich = accounts.filter(balance__gte=30)
    with assertNumRPCs(2):  # the rows, and the call
        assert remote.economy.bank.balances(rich) == [Decimal(30), Decimal(40)]
    with assertNumRPCs(1):
        assert remote.economy.bank.balances(rich) == [Decimal(30), Decimal(40)]
    assert rich.is_evaluated
    came = accounts.overdrawn()
    with assertNumRPCs(1):
        assert remote.economy.bank.balances(came) == [Decimal(-5)]
    with assertNumRPCs(1):
        assert remote.economy.bank.balances(accounts.none()) == []
    assert remote.economy.bank.balances.submit(rich[:1]).result(10) == [Decimal(30)]


def test_querysets_are_loaded_through_get_queryset(bank: str) -> None:  # noqa: F811
    """With one query; an instance that the caller may not see does not exist for it."""
    rich = remote.economy.bank.Account.objects.filter(balance__gte=30)
    assert len(rich) == 2
    Hidden.objects.filter(uid=4).update(owner="nobody")  # whom the server's get_queryset hides
    with pytest.raises(remote.economy.bank.Account.DoesNotExist):
        remote.economy.bank.balances(rich)


def test_values_as_arguments(bank: str) -> None:  # noqa: F811
    """Rows of values() and values_list() are plain values, wherever they come from."""
    echo = remote.economy.bank.echo
    accounts = remote.economy.bank.Account.objects.filter(uid__lte=1)
    assert echo(accounts.values("uid")) == [{"uid": 0}, {"uid": 1}]
    assert echo(accounts.values_list("uid", flat=True)) == [0, 1]
    assert echo(Branch.objects.order_by("city").values_list("city")) == [("Bonn",), ("Ulm",)]


def test_querysets_as_arguments_in_an_event_loop(bank: str) -> None:  # noqa: F811
    """There nothing is evaluated in passing; what was is sent."""
    accounts = remote.economy.bank.Account.objects.filter(balance__gte=30)

    async def evaluated() -> Any:
        return await remote.economy.bank.balances.acall([row async for row in accounts])

    with pytest.raises(SynchronousOnlyOperation, match=r"\[row async for row in queryset\]"):
        asyncio.run(remote.economy.bank.balances.acall(accounts))
    assert asyncio.run(evaluated()) == [Decimal(30), Decimal(40)]
    assert asyncio.run(remote.economy.bank.balances.acall(accounts)) == [Decimal(30), Decimal(40)]
