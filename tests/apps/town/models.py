from __future__ import annotations

from django.db import models

import chunnel


class CitizenQuerySet(chunnel.PrefetchRemoteMixin, models.QuerySet["Citizen"]):
    def rich(self) -> CitizenQuerySet:
        """Return the citizens that have an account."""
        return self.exclude(account=None)


class Street(models.Model):
    """Where citizens live; a model without any remote key."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Citizen(models.Model):
    """Somebody with an account at the bank of another project."""

    name = models.CharField(max_length=50)
    street = models.ForeignKey(Street, models.CASCADE, null=True, related_name="citizens")
    account = chunnel.RemoteForeignKey(
        "economy.bank.Account",
        to_field="uid",
        key=models.PositiveIntegerField(),
        null=True,
        blank=True,
    )
    reads = chunnel.RemoteForeignKey(
        "economy.library.Book",
        key=models.CharField(max_length=20),
        null=True,
        blank=True,
        db_index=False,
    )

    objects = CitizenQuerySet.as_manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class Deed(models.Model):
    """What must be signed at a branch. It has Django's plain manager."""

    branch = chunnel.RemoteForeignKey("economy.bank.Branch")
    branch_id: int

    def __str__(self) -> str:
        return f"deed at {self.branch_id}"
