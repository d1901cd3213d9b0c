"""What the economy lets other projects call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from chunnel import ModelRPC, expose, register

from .models import Account, Currency, InsufficientFunds, Transaction

expose(InsufficientFunds)
expose(os.getpid, name="process_id", effect="read")  # any callable can be exposed as it is


@expose(effect="read")
def balance(uid: int) -> Decimal:
    """Return the balance of a citizen's account."""
    return Account.objects.get(uid=uid).balance


@expose(atomic=True)
def transfer(payer: int, payee: int, amount: Decimal, memo: str = "") -> Decimal:
    """Move ``amount`` from one citizen to another and return the payer's new balance."""
    Account.objects.get(uid=payee).deposit(amount, memo)
    return Account.objects.get(uid=payer).withdraw(amount, memo)


@expose(effect="read")
def statement(uid: int) -> Iterator[Mapping[str, Any]]:
    """Stream the bookings on a citizen's account, the oldest first."""
    bookings = Transaction.objects.filter(account__uid=uid)
    yield from bookings.values("booked", "amount", "memo").iterator()


@expose(effect="read")
async def money_supply() -> dict[str, Decimal]:
    """Return the sum of all balances by currency."""
    sums = Account.objects.order_by().values_list("currency").annotate(Sum("balance"))
    # SQLite adds floats; a cent is what the column keeps.
    return {code: total.quantize(Decimal("0.01")) async for code, total in sums}


@expose(effect="read")
async def count_overdrawn() -> int:
    """Return how many accounts are below zero."""
    return await Account.objects.overdrawn().acount()


@register(Account)
class AccountRPC(ModelRPC):
    fields = ["uid", "owner", "currency", "balance", "opened"]
    filter_fields = {
        "uid": ["exact", "in"],
        "owner": ["exact", "icontains"],
        "currency": ["exact", "in"],
        "balance": ["exact", "gt", "gte", "lt", "lte"],
    }
    ordering_fields = ["uid", "owner", "balance", "opened"]
    methods = ["deposit", "withdraw"]
    manager_methods = ["overdrawn"]

    def get_queryset(self, context: object) -> QuerySet[Account]:
        return Account.objects.all()


@register(Currency)
class CurrencyRPC(ModelRPC):
    fields = ["code", "number", "name", "minor_units"]
