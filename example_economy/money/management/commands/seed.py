"""Fill the economy with accounts and bookings, the same ones each time."""

from __future__ import annotations

import random
import uuid
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from ...currencies import CURRENCIES
from ...models import Account, Currency, Transaction

FIRST_NAMES = "Ada Boris Chloe Dario Esra Femi Greta Hugo Ines Jonas Kaede Lena Milan Nora Omar Pia"
LAST_NAMES = (
    "Abel Bauer Costa Dahl Eriksen Fabre Greco Haas Ito Jansen Kaya Lopez Moreau Novak Okafor"
)
INCOME = ["Wages", "Refund", "Interest", "Sale"]
EXPENSES = ["Rent", "Groceries", "Travel", "Insurance", "Power", "Books"]
DAY_ZERO = datetime(2020, 1, 1, 8, tzinfo=UTC)


class Command(BaseCommand):
    help = "Replace all accounts and bookings by generated ones, the same each time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--accounts", type=int, default=10_000)
        parser.add_argument("--transactions", type=int, default=100_000)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        Transaction.objects.all().delete()
        Account.objects.all().delete()
        Currency.objects.bulk_create(
            [Currency(code=c, number=n, minor_units=m, name=name) for c, n, m, name in CURRENCIES],
            ignore_conflicts=True,
        )
        # Not for secrets: the point is that the same numbers come out each time.
        dice = random.Random(4217)  # noqa: S311
        accounts = make_accounts(options["accounts"], dice)
        bookings = make_transactions(accounts, options["transactions"], dice)
        Account.objects.bulk_create(accounts, batch_size=1000)
        Transaction.objects.bulk_create(bookings, batch_size=1000)
        self.stdout.write(f"{len(accounts):,} accounts, {len(bookings):,} transactions.")


def make_accounts(number: int, dice: random.Random) -> list[Account]:
    """Return accounts with uids from 1; one in ten is not held in euros."""
    first, last = FIRST_NAMES.split(), LAST_NAMES.split()
    codes = [code for code, *_ in CURRENCIES]
    return [
        Account(
            uid=uid,
            owner=f"{dice.choice(first)} {dice.choice(last)}",
            currency_id=dice.choice(codes) if uid % 10 == 0 else "EUR",
            overdraft=Decimal(500) if uid % 20 == 0 else Decimal(0),
            opened=DAY_ZERO + timedelta(minutes=dice.randrange(365 * 24 * 60)),
        )
        for uid in range(1, number + 1)
    ]


def make_transactions(
    accounts: list[Account], number: int, dice: random.Random
) -> list[Transaction]:
    """Return bookings spread evenly over ``accounts``, whose balances become their sums."""
    bookings = []
    for index, account in enumerate(accounts):
        share = number * (index + 1) // len(accounts) - number * index // len(accounts)
        times = accumulate((dice.randrange(60, 20_000) for _ in range(share)), initial=0)
        for minutes, _ in zip(times, range(share), strict=False):
            amount = Decimal(dice.randrange(1_000, 200_000)).scaleb(-2)
            memo = dice.choice(INCOME)
            if amount / 2 <= account.balance + account.overdraft and dice.random() < 0.6:
                amount, memo = -amount / 2, dice.choice(EXPENSES)
                amount = amount.quantize(Decimal("0.01"))
            account.balance += amount
            bookings.append(
                Transaction(
                    reference=uuid.UUID(int=dice.getrandbits(128), version=4),
                    account=account,
                    amount=amount,
                    memo=memo,
                    booked=account.opened + timedelta(minutes=minutes),
                )
            )
    return bookings
