"""What the bank exposes."""

from __future__ import annotations

import asyncio
import math
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

from chunnel import ModelRPC, current_call, expose, register

from .exceptions import InsufficientFunds, VaultClosed
from .models import Account, Branch

expose(InsufficientFunds)
expose(urllib.parse, only=["quote_plus"], effect="read")
expose(math.hypot, effect="read")


class Calculator:
    """An instance whose public methods are exposed."""

    def __init__(self, base: int):
        self.base = base

    def add(self, number: int) -> int:
        """Return the base plus ``number``."""
        return self.base + number

    def _reset(self) -> None:
        self.base = 0


expose(Calculator(100), effect="read")


@expose
def echo(*args: Any, **kwargs: Any) -> Any:
    """Return the one argument, or all of them."""
    return args[0] if len(args) == 1 and not kwargs else [args, kwargs]


@expose(effect="read")
def balance(uid: int) -> Decimal:
    """Return the balance of a citizen's account."""
    return Account.objects.get(uid=uid).balance


@expose(effect="read")
def account(uid: int) -> Account:
    """Return the account itself."""
    return Account.objects.get(uid=uid)


@expose(effect="read")
def rich(above: Decimal = Decimal(100)) -> Any:
    """Return the accounts with a higher balance, as a queryset."""
    return Account.objects.filter(balance__gt=above)


@expose(effect="read")
def balances(accounts: list[Account]) -> list[Decimal]:
    """Return the balances of accounts that are given as instances."""
    return [account.balance for account in accounts]


@expose(atomic=True)
def transfer(source: Account, target: Account, amount: Decimal) -> Decimal:
    """Move ``amount`` between two accounts that are given as instances."""
    source.withdraw(amount)
    target.deposit(amount)
    return source.balance


@expose(atomic=True)
def deposit_unsendable(uid: int, amount: Decimal) -> Any:
    """Deposit, then return what cannot travel."""
    Account.objects.get(uid=uid).deposit(amount)
    return object()


@expose
def fail(kind: str, message: str = "no") -> None:
    """Raise an exception of the kind that is asked for."""
    kinds: dict[str, Any] = {
        "value": ValueError,
        "type": TypeError,
        "funds": InsufficientFunds,
        "vault": VaultClosed,
        "exit": SystemExit,
        "stop": StopIteration,
        "generator": GeneratorExit,
        "cancelled": asyncio.CancelledError,
        "hidden": _Hidden,
    }
    raise kinds[kind](message)


class _Hidden(Exception):
    """Not named in CapWords, so nobody can name it from afar."""


@expose(effect="read")
def statement(length: int, fail_at: int = -1) -> Iterator[int]:
    """Yield numbers, and perhaps fail on the way."""
    for number in range(length):
        if number == fail_at:
            raise InsufficientFunds("in the middle")
        yield number


@expose(effect="read")
async def later(value: Any) -> Any:
    """Return the value from a coroutine."""
    await asyncio.sleep(0)
    return value


@expose(effect="read")
async def ticks(length: int) -> AsyncIterator[int]:
    """Yield numbers from an async generator."""
    for number in range(length):
        await asyncio.sleep(0)
        yield number


@expose(effect="read")
def whoami() -> dict[str, Any]:
    """Return what the call knows of itself."""
    call = current_call()
    assert call is not None
    return {"id": call.id, "name": call.name, "project": call.project, "hops": list(call.hops)}


@expose(effect="read")
def length(data: bytes) -> int:
    """Return how many bytes came."""
    return len(data)


@expose(effect="read")
def blob(size: int) -> bytes:
    """Return so many bytes."""
    return b"x" * size


@expose(effect="read", blocking=True)
def nap(seconds: float) -> float:
    """Sleep, and return how long."""
    time.sleep(seconds)
    return seconds


@register(Branch)
class BranchRPC(ModelRPC):
    fields = ("id", "city", "code")


@register(Account)
class AccountRPC(ModelRPC):
    fields = ("uid", "owner", "balance", "opened", "kind", "branch", "__str__")
    filter_fields = {  # noqa: RUF012
        "uid": ["exact", "in", "gt", "lte"],
        "owner": ["exact", "icontains"],
        "balance": ["gt", "gte", "lt", "lte"],
        "branch": ["exact", "in", "isnull"],
        "branch__city": ["exact"],
        "opened": ["year", "date__gte"],
    }
    ordering_fields = ("uid", "balance", "opened", "branch__city")
    methods = {  # noqa: RUF012
        "deposit": {},
        "withdraw": {"atomic": True},
        "history": {"effect": "read"},
        "describe": {"effect": "read"},
    }
    manager_methods = ("overdrawn", "total", "richest")

    def get_queryset(self, context: Any) -> Any:
        """Hide the accounts whose owner is nobody."""
        return Account.objects.exclude(owner="nobody")
