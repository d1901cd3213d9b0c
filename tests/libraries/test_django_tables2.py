"""django-tables2 over remote querysets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_tables2
import pytest
from django.test import RequestFactory
from django_tables2.config import RequestConfig

from chunnel import QueryRefused, remote
from chunnel.test import assertNumRPCs

library = remote.economy.library


class BookTable(django_tables2.Table):
    title = django_tables2.Column()
    price = django_tables2.Column()
    publisher = django_tables2.Column(accessor="publisher__name", orderable=False)
    genre = django_tables2.Column()
    added = django_tables2.DateTimeColumn(format="Y-m-d")


def books() -> Any:
    return library.Book.objects.filter(publisher__isnull=False).select_related("publisher")


def cells(table: Any) -> list[list[Any]]:
    return [[cell for _, cell in row.items()] for row in table.page.object_list]


def configured(query: str, **given: Any) -> Any:
    table = BookTable(books())
    request = RequestFactory().get(f"/{query}")
    RequestConfig(request, paginate={"per_page": 3, **given}).configure(table)
    return table


def test_a_page_in_order() -> None:
    """One request counts, the other fetches the page with its relations."""
    with assertNumRPCs(2):
        found = cells(configured("?sort=-price&page=2"))
    assert [row[:2] for row in found] == [
        ["My book 00", Decimal("70.99")],
        ["A book 19", Decimal("67.49")],
        ["My book 17", Decimal("60.49")],
    ]


def test_the_page_as_html() -> None:
    table = configured("?sort=title")
    with assertNumRPCs(1):  # the count was asked when the page was made
        html = table.as_html(RequestFactory().get("/?sort=title"))
    assert html.count("<tr") == 4
    assert "A book 01" in html


def test_a_table_without_pages() -> None:
    with assertNumRPCs(1):
        table = BookTable(books().order_by("isbn"))
        assert len(table.rows) == len(list(table.rows)) == 20
        assert table.rows[0].get_cell("title") == "A book 01"


def test_an_order_that_is_not_declared_is_refused() -> None:
    """At once, where the schema is held, with what is legal."""

    class Wide(BookTable):
        publisher = django_tables2.Column(accessor="publisher__country")

    with assertNumRPCs(0), pytest.raises(QueryRefused, match="publisher__country"):
        Wide(books(), order_by="publisher")


def test_the_label_of_a_choice() -> None:
    """Only of Django's own instances it is found without being named."""

    class Labels(django_tables2.Table):
        genre = django_tables2.Column(accessor="get_genre_display", orderable=False)

    with assertNumRPCs(1):
        table = Labels(books().order_by("isbn")[:2])
        assert [row.get_cell("genre") for row in table.rows] == ["Poetry", "Science"]


def test_values_of_all_rows() -> None:
    with assertNumRPCs(1):
        rows = list(BookTable(books().order_by("isbn")[:2]).as_values())
    assert rows[0] == ["Title", "Price", "Name", "Genre", "Added"]
    assert rows[1][:1] == ["A book 01"]
