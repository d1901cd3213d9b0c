from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import models

from .exceptions import InsufficientFunds


class Branch(models.Model):
    """A branch of the bank in some city."""

    city = models.CharField(max_length=100)
    code = models.CharField(max_length=10, unique=True)

    class Meta:
        verbose_name_plural = "branches"

    def __str__(self) -> str:
        return self.city


class AccountQuerySet(models.QuerySet["Account"]):
    def overdrawn(self) -> AccountQuerySet:
        """Return the accounts with a balance below zero."""
        return self.filter(balance__lt=0)

    def total(self, *, above: Decimal = Decimal(0)) -> Decimal:
        """Return the sum of the balances over ``above``."""
        found = self.filter(balance__gt=above).aggregate(total=models.Sum("balance"))["total"]
        return found if found is not None else Decimal(0)


class AccountManager(models.Manager.from_queryset(AccountQuerySet)):  # type: ignore[misc]
    def richest(self) -> Any:
        """Return the account with the highest balance. Known to the manager alone."""
        return self.order_by("-balance").first()


class Account(models.Model):
    """An account of a citizen."""

    class Kind(models.TextChoices):
        CURRENT = "current", "Current account"
        SAVINGS = "savings", "Savings account"

    uid = models.PositiveIntegerField(unique=True, help_text="The citizen's number.")
    owner = models.CharField(max_length=100)
    balance = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal(0))
    opened = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CURRENT)
    branch = models.ForeignKey(Branch, models.PROTECT, null=True, related_name="accounts")
    secret = models.CharField(max_length=50, default="", verbose_name="pass phrase")

    objects = AccountManager()

    class Meta:
        ordering = ("uid",)

    def __str__(self) -> str:
        return f"{self.owner} ({self.uid})"

    def deposit(self, amount: Decimal, *, note: str = "") -> Decimal:
        """Add ``amount`` and return the new balance."""
        self.balance += amount
        if note:
            self.secret = note
        self.save()
        return self.balance

    def withdraw(self, amount: Decimal) -> Decimal:
        """Take ``amount`` off and return the new balance."""
        if amount > self.balance:
            raise InsufficientFunds("The balance does not cover it.", amount)
        self.balance -= amount
        self.save()
        return self.balance

    def history(self, length: int = 3) -> Iterator[Decimal]:
        """Yield what the balance was, the latest first."""
        for age in range(length):
            yield self.balance - age

    def describe(self) -> str:
        """Return the account in words; changes nothing."""
        return f"{self.owner} has {self.balance}"

    def wipe(self) -> None:
        """Delete everything. Never exposed."""
        self.delete()
