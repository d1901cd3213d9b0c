"""What may stand beside what: a database goes by positions, and nobody may read all columns."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F, QuerySet, Value

from chunnel.exceptions import QueryRefused
from chunnel.server.combining import check_alike
from tests.apps.library.models import Author, Book, Film, Item, Loan

loans: QuerySet[Any] = Loan.objects.order_by()


def check(first: QuerySet[Any], other: QuerySet[Any], *, same_paths: bool = True) -> None:
    check_alike("library.Loan", first, other, same_paths=same_paths)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (loans, loans.filter(number=1)),
        (loans, loans.none()),
        (loans.none(), loans),
        (loans.only("desk"), loans.only("desk")),
        (loans.defer("desk", "at"), loans.defer("at").defer("desk")),
        (loans.annotate(x=Value(1)), loans.annotate(y=F("number"))),
        (loans.alias(x=Value(1)), loans),
        (loans.select_related("book"), loans.select_related("book")),
        (loans.union(loans), loans),
        (loans.values("desk"), loans.values("reader")),
        (loans.values("desk"), loans),
        (loans.values("desk"), Author.objects.values("name")),
        (loans.values(x=F("desk")), loans.values("desk")),
    ],
)
def test_alike(first: QuerySet[Any], other: QuerySet[Any]) -> None:
    check(first, other)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (loans, loans.defer("desk")),
        (loans.only("desk"), loans),
        (loans.only("desk"), loans.only("reader")),
        (loans.defer("desk"), loans.defer("desk", "at").annotate(x=Value(1))),
        (loans, loans.annotate(x=Value(1))),
        (loans, loans.select_related("book")),
        (
            Book.objects.order_by().select_related("publisher"),
            Book.objects.order_by().select_related("sequel"),
        ),
        (loans.defer("desk").union(loans.defer("desk")), loans),
        (Item.objects.order_by(), Film.objects.order_by()),
        (loans, loans.values("desk")),
        (loans.none(), loans.values("desk")),
        (loans.values("desk").none(), loans),
    ],
)
def test_not_alike(first: QuerySet[Any], other: QuerySet[Any]) -> None:
    with pytest.raises(QueryRefused):
        check(first, other)


def test_related_rows_in_another_order() -> None:
    """Which of them may be seen stands in columns of their order."""
    both = Book.objects.order_by().select_related("publisher", "sequel")
    with pytest.raises(QueryRefused):
        check(both, both.all(), same_paths=False)
