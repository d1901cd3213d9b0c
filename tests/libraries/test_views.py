"""Django's generic views over remote models."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.http import Http404
from django.test import RequestFactory, override_settings
from django.views.generic import DetailView, ListView
from django.views.generic.dates import (
    ArchiveIndexView,
    DateDetailView,
    DayArchiveView,
    MonthArchiveView,
    YearArchiveView,
)

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library

PAGES = {
    "library/book_list.html": (
        "{% for book in book_list %}{{ book }};{% endfor %}"
        "{% if page_obj %}{{ page_obj.number }}/{{ paginator.num_pages }}{% endif %}"
    ),
    "library/tag_list.html": "{% for tag in tag_list %}{{ tag.slug }} {% endfor %}",
    "library/book_detail.html": "{{ object.title }} {{ object.pages }}",
    "library/book_archive.html": (
        "{% for day in date_list %}{{ day.year }} {% endfor %}{{ latest|length }}"
    ),
    "library/book_archive_year.html": (
        "{% for day in date_list %}{{ day.month }} {% endfor %}"
        "{% for book in book_list %}{{ book }}{% endfor %} {{ previous_year.year }}"
    ),
    "library/book_archive_month.html": "{{ book_list.0 }} {{ next_month|date:'Y-m' }}",
    "library/book_archive_day.html": "{{ book_list.0 }} {{ previous_day|date:'Y-m-d' }}",
}


@pytest.fixture(autouse=True)
def pages() -> Any:
    loaders = [("django.template.loaders.locmem.Loader", PAGES)]
    backend = "django.template.backends.django.DjangoTemplates"
    with override_settings(TEMPLATES=[{"BACKEND": backend, "OPTIONS": {"loaders": loaders}}]):
        yield


def shown(view: Any, query: str = "", **kwargs: Any) -> str:
    response = view(RequestFactory().get(f"/{query}"), **kwargs)
    assert response.status_code == 200
    text: str = response.render().content.decode()
    return text


def test_a_list() -> None:
    """By the model alone; the names of templates and of the context come from it."""
    view = ListView.as_view(model=library.Tag, ordering="slug")
    with assertNumRPCs(1):
        assert shown(view) == "classic loud new rare "
    view = ListView.as_view(queryset=library.Book.objects.filter(genre="novel").order_by("isbn"))
    with assertNumRPCs(1):
        assert shown(view).split(";")[:2] == ["The book 00", "The book 03"]


def test_a_view_can_be_asked_again() -> None:
    """The queryset of the class is cloned, so that its rows are not those of the first request."""
    view = ListView.as_view(queryset=library.Book.objects.order_by("isbn")[:1])
    with assertNumRPCs(2):
        assert shown(view) == shown(view) == "The book 00;"


def test_a_list_in_pages() -> None:
    view = ListView.as_view(model=library.Book, ordering="isbn", paginate_by=20)
    with assertNumRPCs(2):
        assert shown(view, "?page=2") == "My book 00;The book 01;A book 02;My book 03;2/2"
    with assertNumRPCs(1), pytest.raises(Http404):
        shown(view, "?page=3")


def test_an_empty_list_that_is_not_allowed() -> None:
    view = ListView.as_view(queryset=library.Book.objects.filter(title="?"), allow_empty=False)
    with assertNumRPCs(1), pytest.raises(Http404, match="Empty list"):
        shown(view)


DETAIL = "library/book_detail.html"  # by default it is named after a subclass of Django's Model


def test_one_object() -> None:
    view = DetailView.as_view(model=library.Book, template_name=DETAIL)
    with assertNumRPCs(1):
        assert shown(view, pk="9780000000001") == "A book 01 41"
    with assertNumRPCs(1), pytest.raises(Http404, match="No book found matching the query"):
        shown(view, pk="?")


def test_one_object_by_another_field() -> None:
    view = DetailView.as_view(model=library.Book, slug_field="isbn", template_name=DETAIL)
    with assertNumRPCs(1):
        assert shown(view, slug="9780000000001") == "A book 01 41"


DATED: dict[str, Any] = {
    "model": library.Book,
    "date_field": "published",
}


def test_an_archive() -> None:
    view = ArchiveIndexView.as_view(**DATED)
    with assertNumRPCs(2):
        text = shown(view)
    years = [year for year in range(2003, 1979, -1) if (year - 1980) % 7]
    assert text == f"{' '.join(map(str, years))} 20"


def test_the_archive_of_a_year() -> None:
    view = YearArchiveView.as_view(**DATED, make_object_list=True)
    with assertNumRPCs(4):
        assert shown(view, year=1982) == "3 My book 02 1981"


def test_the_archive_of_a_month() -> None:
    view = MonthArchiveView.as_view(**DATED, month_format="%m")
    with assertNumRPCs(4):
        assert shown(view, year=1982, month=3) == "My book 02 1983-04"


def test_the_archive_of_a_day() -> None:
    view = DayArchiveView.as_view(**DATED, month_format="%m")
    with assertNumRPCs(5):  # as many as the queries of a local one
        assert shown(view, year=1982, month=3, day=3) == "My book 02 1981-02-02"


def test_one_object_of_a_day() -> None:
    view = DateDetailView.as_view(**DATED, month_format="%m", template_name=DETAIL)
    with assertNumRPCs(1):
        found = shown(view, year=1982, month=3, day=3, pk="9780000000002")
    assert found == "My book 02 44"


def test_moments_are_of_their_day() -> None:
    """A field of moments is asked from midnight to midnight of the current time zone."""
    view = DayArchiveView.as_view(model=library.Book, date_field="added", month_format="%m")
    with assertNumRPCs(5):
        found = view(RequestFactory().get("/"), year=2024, month=3, day=1)
        assert found.context_data["day"] == dt.date(2024, 3, 1)
        assert len(found.context_data["book_list"]) == 2
