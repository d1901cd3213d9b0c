"""Remote querysets and instances in Django's templates."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context, Engine

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library
ENGINE = Engine(string_if_invalid="nothing", libraries={"l10n": "django.templatetags.l10n"})


def rendered(template: str, **context: Any) -> str:
    return ENGINE.from_string(template).render(Context(context))


def test_a_loop_is_one_request() -> None:
    """Whatever of the rows and of their number is shown."""
    books = library.Book.objects.order_by("isbn")[:3]
    template = (
        "{% if books %}{{ books|length }}: {% for book in books %}{{ forloop.counter }} "
        "{{ book.title }} {{ book.price }}{% if not forloop.last %}, {% endif %}{% endfor %}"
        "{% endif %} {{ books|first }} {{ books.0.isbn }}"
    )
    with assertNumRPCs(1):
        found = rendered(template, books=books)
    assert found == (
        "3: 1 The book 00 0.99, 2 A book 01 4.49, 3 My book 02 7.99 The book 00 9780000000000"
    )


def test_no_rows() -> None:
    template = "{% for book in books %}{{ book }}{% empty %}none{% endfor %}"
    with assertNumRPCs(1):
        assert rendered(template, books=library.Book.objects.filter(title="?")) == "none"


def test_an_empty_if_is_one_request() -> None:
    with assertNumRPCs(1):
        found = rendered(
            "{% if books %}some{% else %}none{% endif %}{{ books|length }}",
            books=library.Book.objects.filter(title="?"),
        )
    assert found == "none0"


def test_methods_of_querysets_without_arguments() -> None:
    """``count`` and ``exists`` are called as on a local queryset, each one request."""
    with assertNumRPCs(2):
        found = rendered("{{ tags.count }} {{ tags.exists }}", tags=library.Tag.objects.all())
    assert found == "4 True"


def test_managers_in_templates() -> None:
    objects = library.Publisher.objects
    with assertNumRPCs(1):
        found = rendered("{% for each in them.all %}{{ each }} {% endfor %}", them=objects)
    assert found == "Aldus Blotter Caxton Dusk Empty "


def test_choices_and_text() -> None:
    with assertNumRPCs(1):
        found = rendered(
            "{{ book }} is {{ book.get_genre_display|lower }}, {{ book.meta.lang }}, {{ book.pk }}",
            book=library.Book.objects.get(pk="9780000000001"),
        )
    assert found == "A book 01 is poetry, fr, 9780000000001"


def test_relations_that_were_fetched_along() -> None:
    """Forward, backward and to many, in one request."""
    books = (
        library.Book.objects.filter(isbn__in=["9780000000001", "9780000000002"])
        .order_by("isbn")
        .select_related("publisher")
        .prefetch_related("authors", "tags")
    )
    template = (
        "{% for book in books %}{{ book.publisher.name }}: {{ book.authors.all|join:' & ' }}"
        " ({% for tag in book.tags.all %}{{ tag.slug }} {% endfor %}{{ book.tags.all|length }})"
        "{% if not forloop.last %}; {% endif %}{% endfor %}"
    )
    with assertNumRPCs(1):
        found = rendered(template, books=books)
    assert found == "Blotter: Émile & Hana (rare 1); Caxton: Fay & Ivo (loud 1)"


def test_a_relation_that_was_not_fetched_is_shown_as_nothing() -> None:
    """As any attribute that is not there, and without a request."""
    with assertNumRPCs(1):
        found = rendered(
            "{{ book.title }} {{ book.publisher }}",
            book=library.Book.objects.get(pk="9780000000001"),
        )
    assert found == "A book 01 nothing"


def test_a_relation_that_may_be_fetched_is_one_request_for_all_rows() -> None:
    books = library.Book.objects.filter(isbn__lt="9780000000006").order_by("isbn")
    with assertNumRPCs(2):
        found = rendered(
            "{% for book in books %}{{ book.publisher|default_if_none:'-' }} {% endfor %}",
            books=books.fetch_mode("peers"),
        )
    assert found == "- Blotter Caxton Dusk Aldus Blotter "


@pytest.mark.parametrize("name", ["delete", "save", "reprice", "objects.create"])
def test_what_changes_rows_is_not_called(name: str) -> None:
    """Naming it shows nothing and does nothing."""
    book = library.Book.objects.get(pk="9780000000001")
    with assertNumRPCs(0):
        assert rendered(f"{{{{ book.{name} }}}}", book=book) in {"", "nothing"}


@pytest.mark.parametrize("name", ["delete", "update", "create", "cheap", "select_for_update"])
def test_what_changes_a_queryset_is_not_called(name: str) -> None:
    with assertNumRPCs(0):
        shown = rendered(f"{{{{ books.{name} }}}}", books=library.Book.objects.all())
    assert shown in {"", "nothing"}


def test_filters_that_sort_and_group() -> None:
    template = (
        "{% load l10n %}{% regroup books by genre as genres %}{% for genre in genres %}"
        "{{ genre.grouper }} {{ genre.list|length }} {% endfor %}"
        "{% for book in books|dictsort:'pages'|slice:':2' %}"
        "{{ book.pages|unlocalize }} {% endfor %}"
    )
    with assertNumRPCs(1):
        found = rendered(template, books=library.Book.objects.order_by("genre", "isbn"))
    assert found == "novel 8 poetry 8 science 8 40 41 "
