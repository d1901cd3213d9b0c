"""Declared annotations leave the query around them what it was."""

from __future__ import annotations

import pytest
from django.db.models import Count, F, Q, Value
from django.db.models.functions import Coalesce, Upper

from chunnel import ModelRPC, register
from chunnel.plans import Distinct, Filter, Leaf, OrderBy, Plan, Values
from chunnel.registry import Registry
from chunnel.server.declared import apart
from tests.apps.library.models import Book, Publisher

from .caller import Caller, lent

pytestmark = pytest.mark.usefixtures("library")

PUBLISHERS = Plan("library.Publisher")
SIZES = {"Aldus": 4, "Blotter": 6, "Caxton": 4, "Dusk": 6, "Empty": 0}


def test_what_does_not_aggregate_stays(call: Caller) -> None:
    loud = Upper("name")
    assert apart(Publisher, {"loud": loud}) == {"loud": loud}


def test_an_aggregate_is_computed_apart(call: Caller) -> None:
    """The model keeps its order, and what else is asked does not change the number."""
    found = Publisher.objects.annotate(**apart(Publisher, {"size": Count("books")}))
    assert {each.name: each.size for each in found} == SIZES
    assert [each.name for each in found] == sorted(SIZES)
    twice = found.filter(books__price__gt=30).order_by("name", "books")
    assert len(twice) == Book.objects.filter(price__gt=30, publisher__isnull=False).count()
    assert {each.size for each in twice} <= {4, 6}


def test_those_that_use_others(call: Caller) -> None:
    """An aggregate may be a part of another annotation, or of another aggregate's condition."""
    declared = {
        "loud": Upper("name"),
        "size": Count("books", filter=Q(loud__gt="B")),
        "more": F("size") + 1,
        "all": Coalesce(Count("books"), Value(0)) + F("size"),
    }
    found = Publisher.objects.annotate(**apart(Publisher, declared))
    assert list(found.values_list("name", "size", "more", "all")) == [
        (
            name,
            size if name > "B" else 0,
            (size if name > "B" else 0) + 1,
            size * (1 + (name > "B")),
        )
        for name, size in SIZES.items()
    ]


def test_rows_that_a_filter_gives_twice(call: Caller) -> None:
    """They are as many as are counted."""
    plan = PUBLISHERS.then(Filter(Leaf("books__price__gt", 30))).then(OrderBy(("id",)))
    rows = call.query(plan)
    assert len(rows.columns[0]) == call.query(plan, "count") > len(SIZES)


def test_rows_that_differ_by_what_is_declared_alone(db: None) -> None:
    """They are as many as are counted."""
    registry = Registry()

    class SizeRPC(ModelRPC):
        fields = ("founded", "size")
        annotations = {"size": Count("books")}  # noqa: RUF012

    Publisher.objects.update(founded=None)
    register(Publisher, app_label="library", registry=registry)(SizeRPC)
    with lent(registry=registry) as call:
        plan = PUBLISHERS.then(Values(())).then(OrderBy(())).then(Distinct())
        assert len(call.query(plan).columns[0]) == call.query(plan, "count") == 3
