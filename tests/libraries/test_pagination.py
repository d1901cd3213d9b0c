"""Django's paginators over remote querysets."""

from __future__ import annotations

import asyncio

import pytest
from django.core import paginator as django_paginator
from django.core.paginator import EmptyPage, Paginator

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library


def test_a_page_is_two_requests() -> None:
    """One counts, the other fetches the rows of this page and no others."""
    pages = Paginator(library.Book.objects.order_by("isbn"), 10)
    with assertNumRPCs(2) as calls:
        page = pages.page(2)
        assert len(page) == 10
        assert [book.isbn for book in page] == [f"97800000{place:05d}" for place in range(10, 20)]
        assert page.object_list[0] in page
    assert [str(call).partition("(")[0] for call in calls] == ["economy.library.Book.objects"] * 2
    with assertNumRPCs(0):
        assert (pages.num_pages, pages.count, list(pages.page_range)) == (3, 24, [1, 2, 3])
        assert (page.start_index(), page.end_index()) == (11, 20)
        assert page.has_next()
        assert page.has_previous()


def test_making_one_is_no_request_where_the_order_is_known() -> None:
    with assertNumRPCs(0):
        Paginator(library.Book.objects.order_by("isbn"), 10)


def test_orphans_stay_on_the_last_page() -> None:
    pages = Paginator(library.Book.objects.order_by("isbn"), 10, orphans=4)
    with assertNumRPCs(2):
        assert len(list(pages.get_page(99))) == 14


def test_a_page_that_is_not_there() -> None:
    """Its rows are not asked for."""
    pages = Paginator(library.Book.objects.filter(title="?").order_by("isbn"), 10)
    with assertNumRPCs(1):
        with pytest.raises(EmptyPage):
            pages.page(2)
        assert list(Paginator([], 10).page(1)) == []


def test_an_unordered_queryset_is_warned_of() -> None:
    """As for a local one: authors have no order of their own."""
    with pytest.warns(django_paginator.UnorderedObjectListWarning):
        Paginator(library.Author.objects.all(), 5).page(1)


def test_a_model_with_an_order_is_ordered() -> None:
    with assertNumRPCs(2):
        assert len(list(Paginator(library.Book.objects.all(), 5).page(1))) == 5


@pytest.mark.parametrize("name", ["values", "values_list"])
def test_rows_that_are_values(name: str) -> None:
    rows = getattr(library.Tag.objects.order_by("slug"), name)("slug")
    with assertNumRPCs(2):
        [row] = Paginator(rows, 3).page(2)
    assert row == ({"slug": "rare"} if name == "values" else ("rare",))


if hasattr(django_paginator, "AsyncPaginator"):  # which Django 6.0 brought

    def test_asynchronous_pages() -> None:
        async def shown() -> list[str]:
            pages = django_paginator.AsyncPaginator(library.Book.objects.order_by("isbn"), 10)
            page = await pages.apage(3)
            return [book.isbn async for book in page]

        with assertNumRPCs(2):
            found = asyncio.run(shown())
        assert found == [f"97800000{place:05d}" for place in range(20, 24)]
