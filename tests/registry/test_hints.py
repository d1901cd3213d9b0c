"""What may be declared and is surely not meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from django.db.models import Count, F, OuterRef, Subquery, Sum
from django.test.utils import isolate_apps

from chunnel.registry import Registry
from chunnel.registry.hints import hints

from .variety import Variety, exposed


@pytest.fixture(scope="module")
def shop() -> Variety:
    return Variety()


def codes(found: Any) -> list[str]:
    return [each.code for each in hints(found)]


def test_a_relation_to_nobody(shop: Variety) -> None:
    """A foreign key reads as its key, so it needs nobody; the other end does."""
    own = Registry()
    found = exposed(shop.thing, own, fields=["labels", "maker"])
    (hint,) = hints(found)
    assert hint.code == "W060"
    assert hint.problem.startswith("ThingRPC.fields names 'labels', which leads to Label")
    assert "Register Label" in hint.advice
    exposed(shop.label, own)
    assert codes(found) == []


def test_a_row_that_nobody_can_create(shop: Variety) -> None:
    found = exposed(shop.maker, fields=["code", "name"], can_create=True, writable_fields=["code"])
    (hint,) = hints(found)
    assert hint.code == "W061"
    assert hint.problem.startswith("MakerRPC.can_create is true, but callers may not give 'name'")
    whole = ["code", "name"]
    assert codes(exposed(shop.maker, fields=whole, can_create=True, writable_fields=whole)) == []
    assert codes(exposed(shop.maker, fields=whole, writable_fields=["code"])) == []


def test_columns_that_need_nobody(shop: Variety) -> None:
    """Those with a default, that may be empty, or that are set or computed."""
    found = exposed(shop.thing, fields=["price"], can_create=True, writable_fields=["price"])
    assert codes(found) == []


@isolate_apps("tests.apps.bank")
def test_a_model_that_may_give_them_itself() -> None:
    class Filled(models.Model):
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "bank"

        def save(self, *args: Any, **kwargs: Any) -> None:
            self.name = "x"
            super().save(*args, **kwargs)

    assert codes(exposed(Filled, can_create=True)) == []


@isolate_apps("tests.apps.bank")
def test_a_child_needs_no_key_of_its_parent() -> None:
    class Parent(models.Model):
        class Meta:
            app_label = "bank"

    class Child(Parent):
        class Meta:
            app_label = "bank"

    assert codes(exposed(Child, can_create=True)) == []


def test_a_column_that_django_sets(shop: Variety) -> None:
    found = exposed(shop.thing, fields=["made"], writable_fields=["made"])
    (hint,) = hints(found)
    assert hint.code == "W062"
    assert "'made', which Django sets itself" in hint.problem
    assert codes(exposed(shop.thing, fields=["made", "title"], writable_fields=["title"])) == []


def counted(model: Any, **annotations: Any) -> list[str]:
    return codes(exposed(model, fields=list(annotations), annotations=annotations))


def test_aggregates_that_multiply_each_other(shop: Variety) -> None:
    """One relation is fine, so are counts of different rows and subqueries."""
    thing = shop.thing
    assert counted(thing, labels_=Count("labels"), boxes=Count("labels__word")) == []
    assert counted(shop.maker, number=Count("thing"), worth=Sum("thing__price")) == []
    assert counted(shop.label, a=Count("things"), b=Sum(F("things__price") * 2)) == []
    both = {"a": Count("things"), "b": Count("things__labels")}
    assert counted(shop.label, **both) == []  # the one lies behind the other
    once = Count("things", distinct=True)
    assert counted(shop.label, a=once, b=once) == []
    inner = thing._default_manager.filter(maker=OuterRef("code")).values("pk")[:1]
    assert counted(shop.maker, a=Count("thing"), b=Subquery(inner)) == []


@isolate_apps("tests.apps.bank")
def test_aggregates_over_two_relations() -> None:
    class Owner(models.Model):
        class Meta:
            app_label = "bank"

    class Cat(models.Model):
        owner = models.ForeignKey(Owner, models.CASCADE, related_name="cats")

        class Meta:
            app_label = "bank"

    class Dog(models.Model):
        owner = models.ForeignKey(Owner, models.CASCADE, related_name="dogs")

        class Meta:
            app_label = "bank"

    assert counted(Owner, a=Count("cats"), b=Count("dogs")) == ["W063"]
    assert counted(Owner, a=Count("cats") + Count("dogs")) == ["W063"]
    assert counted(Owner, a=Count("cats", distinct=True), b=Count("dogs")) == ["W063"]
    assert counted(Owner, a=Count("cats", distinct=True), b=Count("dogs", distinct=True)) == []
    found = exposed(
        Owner, fields=["a", "b"], annotations={"a": Count("cats"), "b": Sum(F("dogs__id") * 2)}
    )
    (hint,) = hints(found)
    assert hint.problem == (
        "OwnerRPC.annotations aggregate over 'cats' and 'dogs' in one query, which multiplies the "
        "rows of each by those of the other; 'a', 'b' will be too large."
    )
