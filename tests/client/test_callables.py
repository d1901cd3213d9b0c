"""The five ways to call."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import transaction

from chunnel import ConnectionLost, WrongArguments, remote
from chunnel.test import assertNumRPCs, override_remote

from .bank import bank  # noqa: F401 - a fixture

economy = remote.economy


def test_call(bank: str) -> None:  # noqa: F811
    """A call waits for the value; options never share its keywords."""
    assert economy.bank.balance(1) == Decimal(10)
    assert economy.bank.balance(uid=2) == Decimal(20)
    assert economy.bank.balance.using(timeout=5)(3) == Decimal(30)
    found = economy.bank.echo(timeout=1, self=2, name=3)
    assert found == [(), {"timeout": 1, "self": 2, "name": 3}]


def test_wrong_arguments(bank: str) -> None:  # noqa: F811
    """They give the very text that Python gives."""
    with pytest.raises(WrongArguments) as caught:
        economy.bank.balance()
    assert str(caught.value) == "balance() missing 1 required positional argument: 'uid'"


def test_acall(bank: str) -> None:  # noqa: F811
    """Asynchronous code awaits the value."""

    async def both() -> list[Any]:
        balance = economy.bank.balance
        return list(await asyncio.gather(balance.acall(1), balance.acall(2)))

    assert asyncio.run(both()) == [Decimal(10), Decimal(20)]


def test_submit(bank: str) -> None:  # noqa: F811
    """A Pending gives the value later."""
    pending = [economy.bank.balance.submit(uid) for uid in range(3)]
    assert [each.result(10) for each in pending] == [Decimal(0), Decimal(10), Decimal(20)]


def test_a_submitted_method_is_a_pending_like_any_other(bank: str) -> None:  # noqa: F811
    """It can be awaited and watched, and the instance is updated once, however often one asks."""
    account = economy.bank.Account.objects.get(uid=1)
    pending = account.deposit.submit(5)
    seen: list[Any] = []
    pending.add_done_callback(seen.append)

    async def wait() -> Any:
        return await pending

    assert asyncio.run(wait()) == pending.result() == Decimal(15)
    assert account.balance == Decimal(15)
    assert seen == [pending]
    assert repr(pending) == "<Pending economy.bank.Account.deposit, done>"
    assert not pending.cancelled()


def test_generators_stream(bank: str) -> None:  # noqa: F811
    """Whether a call streams is decided by its answer; iterating works in each way."""
    assert list(economy.bank.statement(3)) == [0, 1, 2]
    assert list(economy.bank.statement.stream(3)) == [0, 1, 2]
    with economy.bank.statement(1_000) as numbers:
        assert next(numbers) == 0

    async def ticked() -> list[int]:
        return [each async for each in economy.bank.ticks.stream(3)]

    assert asyncio.run(ticked()) == [0, 1, 2]


def test_on_commit(bank: str) -> None:  # noqa: F811
    """The call is made when the transaction commits, with the arguments as they were."""
    made: list[Any] = []
    with override_remote("economy", {"bank.note": made.append}):
        with transaction.atomic():
            value = [1]
            assert economy.bank.note.on_commit(value) is None
            value.append(2)
            assert made == []
        assert made == [[1]]
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            economy.bank.note.on_commit(3)
            1 / 0
        assert made == [[1]]
        economy.bank.note.on_commit(4)
    assert made == [[1], 4]
    with assertNumRPCs(1):
        economy.bank.statement.on_commit(10)  # a stream that nobody reads is closed


def test_without_a_server() -> None:
    """Every way to call says that nobody is there, and names alias and endpoint."""
    balance = economy.money.balance.using(timeout=2)
    with pytest.raises(ConnectionLost, match=r"economy.*127\.0\.0\.1:1"):
        balance(1)
    with pytest.raises(ConnectionLost):
        asyncio.run(balance.acall(1))
    with pytest.raises(ConnectionLost):
        balance.submit(1).result(10)
    with pytest.raises(ConnectionLost):
        list(balance.stream(1))


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (economy.lab.acount, r"async for … in acount\.stream\(…\)"),
        (economy.lab.acount, r"await acount\.acall\(…\)"),
        (economy.money.Account.objects.count, r"asynchronous methods \(aget, acount"),
    ],
)
def test_waiting_in_an_event_loop_is_refused_with_advice(call: Any, instead: str) -> None:
    """Also where the call stands in ``async for``: what was written there is the plain call."""

    async def wait() -> None:
        async for _ in call():
            raise AssertionError

    with pytest.raises(SynchronousOnlyOperation, match=instead):
        asyncio.run(wait())
