"""Two tenants in the same tables, for attacks that go from one's rows to the other's.

``pin`` and ``token`` hold what nobody may ever see, and so does the text of every instance.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models


class Secretive(models.Model):
    """Says in words what its columns keep to themselves."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"pin {getattr(self, 'pin', '')}{getattr(self, 'token', '')}"


class Tenant(Secretive):
    name = models.CharField(max_length=50, unique=True)
    token = models.CharField(max_length=50)


class Room(models.Model):
    """Has as many columns as a tenant, and shows them all."""

    name = models.CharField(max_length=50)
    label = models.CharField(max_length=50)


class Label(Secretive):
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="labels")
    word = models.CharField(max_length=50)
    pin = models.CharField(max_length=50, default="", blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("word", "pin"), name="one_word_for_each_pin"),
            models.CheckConstraint(
                condition=~models.Q(word=models.F("pin")), name="the_word_is_not_the_pin"
            ),
        )

    def clean(self) -> None:
        if self.word == "odd":
            raise ValidationError({"word": "This is odd.", "pin": "This does not go with odd."})


class Note(Secretive):
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="notes")
    room = models.ForeignKey(Room, models.SET_NULL, null=True, blank=True, related_name="notes")
    title = models.CharField(max_length=50)
    slug = models.CharField(max_length=50, unique=True)
    rank = models.IntegerField(default=1)
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children"
    )
    labels: models.ManyToManyField[Label, Label] = models.ManyToManyField(
        Label, blank=True, related_name="notes"
    )
    pin = models.CharField(max_length=50, default="", blank=True)

    def stamp(self, text: str) -> str:
        """Write something; the rows it touches are none of the caller's business."""
        self.rank += 1
        self.save(update_fields=["rank"])
        return text

    def peek(self) -> int:
        """Read something."""
        return self.rank


class Ledger(Secretive):
    """Declared in full, and every hook says no."""

    note = models.ForeignKey(Note, models.CASCADE, related_name="ledgers")
    amount = models.IntegerField()
    pin = models.CharField(max_length=50, default="", blank=True)

    def audit(self) -> int:
        """Read something."""
        return self.amount


class Mire(models.Model):
    """A query of its rows never ends."""

    name = models.CharField(max_length=50)
