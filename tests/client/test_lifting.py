"""What stands for model things on the wire, and what a caller sees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chunnel import SerializationError, remote
from chunnel.client.lifting import lift, lower
from chunnel.client.querysets import RemoteQuerySet
from chunnel.test import assertNumRPCs
from chunnel.values import InstanceRef, InstanceRow, RowSet

from .bank import bank  # noqa: F401 - a fixture

Account = remote.economy.money.Account


def test_instances() -> None:
    """There as a row or a reference, here as an instance, back as a reference."""
    found = lift("economy", InstanceRow("money.Account", 1, ("uid",), (5,), "Ann"))
    assert isinstance(found, Account)
    assert (found.pk, found.uid, str(found)) == (1, 5, "Ann")
    assert lower(found) == InstanceRef("money.Account", 1)
    assert lift("economy", InstanceRef("money.Account", 1)) == found


def test_rows() -> None:
    """Rows of a model are a queryset that is evaluated; others are tuples."""
    found = lift("economy", RowSet("money.Account", ("pk", "uid"), ([1, 2], [5, 6])))
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


@pytest.mark.parametrize("value", [object(), Account.objects.all(), lower], ids=["0", "1", "2"])
def test_what_cannot_be_an_argument(value: Any) -> None:
    """It is refused here, before anything is sent."""
    with pytest.raises(TypeError):
        lower(value)


def test_the_culprit_is_found(bank: str) -> None:  # noqa: F811
    """An error says where in the arguments the value sits that cannot travel."""
    with pytest.raises(SerializationError, match=r"args\[0\]\['x'\]\[1\].*list\(\)"):
        remote.economy.bank.echo({"x": [1, remote.economy.bank.Account.objects.all()]})
    with pytest.raises(SerializationError, match=r"kwargs\['x'\]"):
        remote.economy.bank.echo(x=object())
    accounts = list(remote.economy.bank.Account.objects.filter(uid__lte=1))
    assert remote.economy.bank.echo(accounts) == accounts
    assert remote.economy.bank.echo({"a": (accounts[0], Decimal(1))})["a"][0] == accounts[0]
