"""django-filter over remote querysets."""

from __future__ import annotations

from typing import Any

import django_filters
from django.test import RequestFactory
from django_filters.views import FilterView

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library


class BookFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(lookup_expr="icontains")
    price = django_filters.RangeFilter()
    publisher = django_filters.ModelChoiceFilter(queryset=library.Publisher.objects.all())
    tags = django_filters.ModelMultipleChoiceFilter(queryset=library.Tag.objects.all())
    unlent = django_filters.BooleanFilter("loans", lookup_expr="isnull")
    genre = django_filters.MultipleChoiceFilter(choices=[("novel", "Novel"), ("poetry", "Poetry")])
    sort = django_filters.OrderingFilter(fields=["price", "title"])


def found(**data: Any) -> Any:
    return BookFilter(data, library.Book.objects.order_by("isbn"))


def test_unbound() -> None:
    """Nothing is filtered, and nothing is asked before the rows are read."""
    with assertNumRPCs(0):
        queryset = BookFilter(queryset=library.Book.objects.all()).qs
    with assertNumRPCs(1):
        assert len(queryset) == 24


def test_values() -> None:
    with assertNumRPCs(0):
        queryset = found(title="THE BOOK", price_min="5", price_max="25", sort="-price").qs
    with assertNumRPCs(1):
        assert [book.isbn[-2:] for book in queryset] == ["06", "03"]


def test_a_choice_among_rows() -> None:
    """The choice is looked up, once, when it is validated."""
    with assertNumRPCs(2):
        assert {book.publisher_id for book in found(publisher="2").qs} == {2}


def test_a_choice_that_is_none() -> None:
    bound = found(publisher="77")
    with assertNumRPCs(1):
        assert not bound.is_valid()
    assert set(bound.errors) == {"publisher"}


def test_choices_among_rows() -> None:
    """One request validates them all, one fetches the books."""
    with assertNumRPCs(2):
        books = set(found(tags=["rare", "new"]).qs)
    expected = library.Book.objects.filter(tags__in=["rare", "new"]).distinct()
    assert books
    assert books == set(expected)


def test_flags_and_choices() -> None:
    with assertNumRPCs(1):
        books = list(found(unlent="true", genre=["novel", "poetry"]).qs)
    assert [book.isbn[-2:] for book in books] == [
        f"{place:02d}" for place in range(9, 24) if place % 3 != 2
    ]


def test_the_form_of_a_page() -> None:
    """Each list of choices among rows is one request."""
    with assertNumRPCs(2):
        html = str(found(title="x").form)
    assert '<option value="2">Blotter</option>' in html


def test_filters_of_a_model() -> None:
    """``Meta.model`` makes filters of what ``_meta`` says; that asks for the schema."""

    class LoanFilter(django_filters.FilterSet):
        class Meta:
            model = library.Loan
            fields = {  # noqa: RUF012
                "reader": ["exact", "icontains"],
                "number": ["lt", "gt"],
                "due": ["gte"],
                "book": ["exact"],
            }

    filters = LoanFilter.base_filters
    assert isinstance(filters["number__lt"], django_filters.NumberFilter)
    assert isinstance(filters["due__gte"], django_filters.DateTimeFilter)
    assert isinstance(filters["book"], django_filters.ModelChoiceFilter)
    loans = LoanFilter({"reader__icontains": "AD", "number__lt": "11"})
    with assertNumRPCs(1):
        assert [loan.number for loan in loans.qs] == [0, 10]


def test_filters_of_all_fields() -> None:
    class TagFilter(django_filters.FilterSet):
        class Meta:
            model = library.Tag
            fields = "__all__"

    assert list(TagFilter.base_filters) == ["slug", "label"]
    with assertNumRPCs(1):
        assert [tag.slug for tag in TagFilter({"label": "Rare"}).qs] == ["rare"]


def test_a_view() -> None:
    view = FilterView.as_view(
        filterset_class=BookFilter,
        queryset=library.Book.objects.order_by("isbn"),
        template_name="unused.html",
        paginate_by=2,
    )
    with assertNumRPCs(2):  # the count and the page
        response = view(RequestFactory().get("/", {"title": "book 0", "page": "2"}))
        books = list(response.context_data["book_list"])
    assert [book.title for book in books] == ["My book 02", "The book 03"]
