"""Accounts, what is booked on them, and the currencies they are held in."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.db import models, transaction
from django.utils import timezone


class InsufficientFunds(Exception):
    """The account holds less than is to be taken from it."""


class Currency(models.Model):
    """A currency by ISO 4217."""

    code = models.CharField(max_length=3, primary_key=True, help_text="Three letters, as in EUR.")
    number = models.CharField(max_length=3, unique=True, help_text="Three digits, as in 978.")
    name = models.CharField(max_length=50)
    minor_units = models.PositiveSmallIntegerField(default=2, help_text="Digits after the point.")

    class Meta:
        ordering = ["code"]
        verbose_name_plural = "currencies"

    def __str__(self) -> str:
        return self.code


class AccountQuerySet(models.QuerySet["Account"]):
    def overdrawn(self) -> AccountQuerySet:
        """Only accounts whose balance is below zero."""
        return self.filter(balance__lt=0)


class Account(models.Model):
    """The account of a citizen, who is known by ``uid``."""

    uid = models.PositiveBigIntegerField("citizen's number", unique=True)
    owner = models.CharField(max_length=100)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, default="EUR")
    balance = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    overdraft = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    opened = models.DateTimeField(default=timezone.now)

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ["uid"]

    def __str__(self) -> str:
        return f"{self.uid} {self.owner}"

    def deposit(self, amount: Decimal, memo: str = "") -> Decimal:
        """Add ``amount`` and return the new balance."""
        if amount <= 0:
            raise ValueError("An amount must be above zero.")
        return self._book(amount, memo)

    def withdraw(self, amount: Decimal, memo: str = "") -> Decimal:
        """Take ``amount`` and return the new balance, or raise InsufficientFunds."""
        if amount <= 0:
            raise ValueError("An amount must be above zero.")
        return self._book(-amount, memo)

    @transaction.atomic
    def _book(self, amount: Decimal, memo: str) -> Decimal:
        account = Account.objects.select_for_update().get(pk=self.pk)
        if amount < 0 and account.balance + amount < -account.overdraft:
            raise InsufficientFunds(
                f"Account {account.uid} holds {account.balance} {account.currency_id}, "
                f"{-amount} was asked for."
            )
        account.balance += amount
        account.save(update_fields=["balance"])
        account.transactions.create(amount=amount, memo=memo)
        self.balance = account.balance
        return self.balance


class Transaction(models.Model):
    """One booking on an account: above zero comes in, below zero goes out."""

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="transactions")
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    memo = models.CharField(max_length=200, blank=True)
    booked = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["booked", "pk"]

    def __str__(self) -> str:
        return f"{self.amount} on {self.booked:%Y-%m-%d}"
