"""Make one call of each kind to the economy and say what came of it."""

from __future__ import annotations

import warnings
from collections import Counter
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError

from chunnel import CallError, RemoteError, RepeatedRequestWarning, remotes

from ....remotes import economy

Account = economy.money.Account


class Command(BaseCommand):
    help = "Make one call of each kind to the economy."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.functions()
            self.models()
            self.streams()
            self.errors()
            self.endpoints()
        except CallError as error:
            raise CommandError(f"The economy could not be asked: {error}") from None

    def tell(self, what: str, result: object) -> None:
        self.stdout.write(f"  {what:<58} {result}")

    def functions(self) -> None:
        self.stdout.write("Functions")
        self.tell("economy.money.balance(42)", economy.money.balance(42))
        pending = economy.money.transfer.submit(42, 43, Decimal("0.01"), memo="Demo")
        self.tell("economy.money.transfer.submit(…).result()", pending.result())
        supply = async_to_sync(economy.money.money_supply.acall)()
        self.tell("await economy.money.money_supply.acall()", f"EUR {supply['EUR']:,}, …")

    def models(self) -> None:
        self.stdout.write("Models")
        rich = Account.objects.filter(balance__gt=10_000).order_by("-balance")
        self.tell("Account.objects.filter(balance__gt=10_000).count()", rich.count())
        owners = ", ".join(account.owner for account in rich[:3])
        self.tell('….order_by("-balance")[:3]', owners)
        account = Account.objects.get(uid=42)
        account.deposit(5, memo="Demo")
        self.tell("account.deposit(5); account.balance", account.balance)

    def streams(self) -> None:
        self.stdout.write("A stream")
        bookings = list(economy.money.statement(42))
        self.tell("for booking in economy.money.statement(42)", f"{len(bookings)} items")

    def errors(self) -> None:
        self.stdout.write("Errors")
        account = Account.objects.get(uid=42)
        try:
            account.withdraw(10**9)
        except economy.money.InsufficientFunds as error:
            self.tell("except economy.money.InsufficientFunds", error)
        try:
            Account.objects.get(uid=0)
        except Account.DoesNotExist as error:
            self.tell("except Account.DoesNotExist", error)
        try:
            economy.money.balance()
        except TypeError as error:
            self.tell("except TypeError", error)
        try:
            Account.objects.filter(overdraft__gt=0).count()
        except RemoteError as error:
            self.tell("a filter that is not exposed", error)

    def endpoints(self) -> None:
        self.stdout.write("Endpoints")
        for status in remotes["economy"].ping():
            self.tell(status.endpoint, "up" if status.up else "down")
        with warnings.catch_warnings():  # the warning is right, and this tour is about the loop
            warnings.simplefilter("ignore", RepeatedRequestWarning)
            served = Counter(economy.money.process_id() for _ in range(100))
        for process, calls in sorted(served.items()):
            self.tell(f"of 100 calls served by process {process}", calls)
