"""Methods of instances that are called over there."""

from __future__ import annotations

import asyncio
import pickle
from decimal import Decimal
from typing import Any

import pytest

from chunnel import ConnectionLost, UnsavedChanges, remote
from chunnel.client.models import make_instance
from chunnel.test import assertNumRPCs, override_remote

from .bank import OPENED, bank  # noqa: F401 - a fixture

economy = remote.economy


def _account(key: Any = 1) -> Any:
    account = economy.money.Account
    return make_instance(account, key, ("uid", "owner"), (5, "Ann"), "Ann (5)", ("deposit",))


def test_unsaved_changes() -> None:
    """A method would not see the edits, so it is not called."""
    account = _account()
    account.owner = "Bob"
    account.note = "not a field"
    with assertNumRPCs(0), pytest.raises(UnsavedChanges, match=r"\(owner\).*deposit"):
        account.deposit(5)
    with pytest.raises(AttributeError, match="key"):
        account.pk = 3


def test_methods_of_fakes() -> None:
    """In a test a fake of a method makes it one, whatever rows it is called on."""
    with override_remote(
        "economy", {"money.Account": [{"uid": 1}], "money.Account.grow": lambda account: 3}
    ):
        account = economy.money.Account.objects.get(uid=1)
        assert account.grow() == 3
        assert not hasattr(account, "shrink")
    assert not hasattr(account, "grow")


def test_method_without_a_schema() -> None:
    """It is named without a request; to call it is the request."""
    with assertNumRPCs(0):
        method = _account().deposit
    assert repr(method) == "<remote method Account.deposit of <Account: Ann (5)>>"
    assert method == _account().deposit
    assert method != _account(2).deposit
    assert pickle.loads(pickle.dumps(method.using(timeout=1))) == method.using(timeout=1)
    with pytest.raises(ConnectionLost):
        method(3)


def test_method(bank: str) -> None:  # noqa: F811
    """It is called over there; the fields that changed there change here."""
    account = economy.bank.Account.objects.get(uid=1)
    assert account.opened == OPENED
    with assertNumRPCs(1):
        assert account.deposit(Decimal("2.50"), note="x") == Decimal("12.50")
    assert account.balance == Decimal("12.50")
    assert account.describe() == "o1 has 12.50"
    assert list(account.history(2)) == [Decimal("12.50"), Decimal("11.50")]
    account.deposit(Decimal(1))  # what the server changed is no edit of ours
    with pytest.raises(economy.bank.InsufficientFunds):
        account.withdraw(1_000)


def test_method_in_other_ways(bank: str) -> None:  # noqa: F811
    """Awaited or submitted, the instance is updated all the same."""
    account = economy.bank.Account.objects.get(uid=1)
    assert asyncio.run(account.deposit.acall(Decimal(1))) == Decimal(11)
    assert account.balance == Decimal(11)
    pending = account.deposit.submit(Decimal(1))
    assert pending.result(10) == pending.result() == Decimal(12)
    assert account.balance == Decimal(12)
    assert pending.done()
    assert pending.exception() is None

    async def submitted() -> Any:
        return await account.deposit.submit(Decimal(1))

    assert asyncio.run(submitted()) == Decimal(13)
    assert account.balance == Decimal(13)
