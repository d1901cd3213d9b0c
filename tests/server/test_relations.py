"""Rows that travel along: each once, all of them visible, in as many queries as Django's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Prefetch
from django.test.utils import CaptureQueriesContext

from chunnel.plans import (
    Annotate,
    Call,
    Fetch,
    Filter,
    Leaf,
    Of,
    Only,
    OrderBy,
    Plan,
    PrefetchRelated,
    Ref,
    SelectRelated,
    Slice,
    Values,
)
from chunnel.protocol.messages import FailureCode
from chunnel.registry import registry
from chunnel.values import PK_COLUMN, TEXT_COLUMN, Related, RowSet
from tests.apps.library.models import Author, Book, Loan, Publisher
from tests.apps.library.rpc import AuthorRPC, BookRPC, PublisherRPC

from .caller import Caller, Failed

pytestmark = pytest.mark.usefixtures("library")

BOOKS = Plan("library.Book")
AUTHORS = Plan("library.Author")
PUBLISHERS = Plan("library.Publisher")
LOANS = Plan("library.Loan")
TAGS = Plan("library.Tag")
SOME = (OrderBy(("isbn",)), Slice(0, 8))


def plan(model: Plan, *steps: Any) -> Plan:
    return Plan(model.model, steps)


def sql_of(run: Callable[[], Any]) -> tuple[Any, list[str]]:
    with CaptureQueriesContext(connection) as queries:
        found = run()
    return found, [each["sql"] for each in queries]


def column(rows: RowSet, name: str) -> list[Any]:
    return list(rows.columns[rows.names.index(name)])


def related(rows: RowSet, name: str) -> Related:
    (found,) = (each for each in rows.related if each.name == name)
    return found


def reached(rows: RowSet, name: str) -> list[Any]:
    """Return the key, or the list of keys, that each row leads to."""
    found = related(rows, name)
    keys = column(found.rows, PK_COLUMN)
    if found.many:
        return [[keys[place] for place in places] for places in found.places]  # type: ignore[union-attr]
    return [None if place is None else keys[place] for place in found.places]  # type: ignore[index]


class TestSelectRelated:
    def test_forward(self, call: Caller) -> None:
        rows, sql = sql_of(lambda: call.query(plan(BOOKS, SelectRelated(("publisher",)), *SOME)))
        assert len(sql) == 1
        books = Book.objects.order_by("isbn")[:8]
        assert reached(rows, "publisher") == [each.publisher_id for each in books]
        found = related(rows, "publisher")
        assert not found.many
        assert not found.listed
        assert found.rows.model == "library.Publisher"
        assert found.rows.names == (PK_COLUMN, "id", "name", "founded", "country", TEXT_COLUMN)
        keys = column(found.rows, PK_COLUMN)
        assert len(set(keys)) == len(keys)

    def test_along_a_path(self, call: Caller) -> None:
        asked = plan(LOANS, SelectRelated(("book__publisher", "book__sequel")))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 1
        loans = list(Loan.objects.select_related("book__publisher", "book__sequel"))
        assert reached(rows, "book") == [each.book_id for each in loans]
        books = related(rows, "book").rows
        expected = {each.book_id: each.book.publisher_id for each in loans}
        assert dict(zip(column(books, PK_COLUMN), reached(books, "publisher"), strict=True)) == (
            expected
        )
        expected = {each.book_id: each.book.sequel_id for each in loans}
        assert dict(zip(column(books, PK_COLUMN), reached(books, "sequel"), strict=True)) == (
            expected
        )

    def test_reverse_one_to_one(self, call: Caller) -> None:
        asked = plan(AUTHORS, SelectRelated(("profile",)), OrderBy(("id",)))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 1
        assert reached(rows, "profile") == [1, 2, 3, 4, 5, 6, None, None, None, None]

    def test_taken_back(self, call: Caller) -> None:
        asked = plan(BOOKS, SelectRelated(("publisher",)), SelectRelated(()))
        rows, (sql,) = sql_of(lambda: call.query(asked))
        assert rows.related == ()
        assert "JOIN" not in sql

    def test_counting_joins_nothing(self, call: Caller) -> None:
        _, (sql,) = sql_of(lambda: call.query(plan(BOOKS, SelectRelated(("publisher",))), "count"))
        assert "JOIN" not in sql

    @pytest.mark.parametrize("op", ["get", "first", "last"])
    def test_one_row_is_a_row_set_then(self, call: Caller, op: str) -> None:
        one = plan(BOOKS, SelectRelated(("publisher",)), Filter(Leaf("pk", "9780000000001")))
        rows, sql = sql_of(lambda: call.query(one, op))
        assert len(sql) == 1
        assert isinstance(rows, RowSet)
        assert reached(rows, "publisher") == [2]
        none = plan(BOOKS, SelectRelated(("publisher",)), Filter(Leaf("pk", "x")))
        if op != "get":
            assert call.query(none, op) is None

    def test_columns_of_a_related_row(self, call: Caller) -> None:
        asked = plan(
            LOANS, SelectRelated(("book__publisher",)), Only(("desk", "book__publisher__name"))
        )
        rows = call.query(asked)
        publisher = related(related(rows, "book").rows, "publisher").rows
        assert publisher.names == (PK_COLUMN, "id", "name", TEXT_COLUMN)


class TestHiddenRows:
    """What the other model's get_queryset hides is as if absent."""

    @pytest.fixture(autouse=True)
    def british(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            PublisherRPC,
            "get_queryset",
            lambda self, context: Publisher.objects.filter(country="GB"),
        )

    def test_selected(self, call: Caller) -> None:
        rows, sql = sql_of(lambda: call.query(plan(BOOKS, SelectRelated(("publisher",)), *SOME)))
        assert len(sql) == 1
        assert reached(rows, "publisher") == [None, 2, 3, None, None, 2, None, None]
        assert {*column(related(rows, "publisher").rows, "country")} == {"GB"}
        assert not any(name.startswith("_") for name in rows.names if name != TEXT_COLUMN)

    def test_selected_along_a_path(self, call: Caller) -> None:
        asked = plan(LOANS, SelectRelated(("book__publisher",)))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 1
        books = related(rows, "book").rows
        assert set(reached(books, "publisher")) == {2, 3, None}

    def test_nothing_behind_it_is_told(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            BookRPC, "get_queryset", lambda self, context: Book.objects.exclude(pk="9780000000001")
        )
        asked = plan(LOANS, SelectRelated(("book__publisher",)), Filter(Leaf("number", 1)))
        rows = call.query(asked)
        assert reached(rows, "book") == [None]
        assert related(rows, "book").rows.rows() == []
        assert related(related(rows, "book").rows, "publisher").rows.rows() == []

    def test_selected_by_who_counts_as_well(self, call: Caller) -> None:
        """The mark joins the grouping without changing the groups."""
        asked = plan(
            BOOKS,
            SelectRelated(("publisher",)),
            Annotate((("n", Call("Count", (Ref("authors"),))),)),
            OrderBy(("isbn",)),
        )
        rows = call.query(asked)
        assert len(column(rows, "n")) == 24
        assert reached(rows, "publisher")[:4] == [None, 2, 3, None]

    def test_prefetched(self, call: Caller) -> None:
        asked = plan(BOOKS, PrefetchRelated((Fetch("publisher"),)), *SOME)
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 2
        assert reached(rows, "publisher") == [None, 2, 3, None, None, 2, None, None]

    def test_passed_through(self, call: Caller) -> None:
        """Rows that only a hidden one leads to stay away too."""
        asked = plan(
            LOANS, PrefetchRelated((Fetch("book__publisher__books"),)), Filter(Leaf("number", 3))
        )
        rows = call.query(asked)  # of a book whose publisher is American
        books = related(rows, "book").rows
        assert len(books.rows()) == 1
        assert reached(books, "publisher") == [None]
        assert related(related(books, "publisher").rows, "books").rows.rows() == []

    def test_selected_before_a_union(self, call: Caller) -> None:
        from chunnel.plans import Combine

        part = plan(BOOKS, OrderBy(()), SelectRelated(("publisher",)), Filter(Leaf("pages", 40)))
        other = plan(BOOKS, OrderBy(()), SelectRelated(("publisher",)), Filter(Leaf("pages", 41)))
        asked = part.then(Combine("union", False, (other,))).then(OrderBy(("isbn",)))
        rows = call.query(asked)
        assert reached(rows, "publisher") == [None, 2]


class TestPrefetchRelated:
    def test_many_to_many(self, call: Caller) -> None:
        asked = plan(BOOKS, PrefetchRelated((Fetch("tags"), Fetch("authors"))), *SOME)
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 3
        books = list(Book.objects.order_by("isbn").prefetch_related("tags", "authors")[:8])
        assert reached(rows, "tags") == [[tag.pk for tag in each.tags.all()] for each in books]
        assert reached(rows, "authors") == [
            [author.pk for author in each.authors.all()] for each in books
        ]
        keys = column(related(rows, "authors").rows, PK_COLUMN)
        assert len(set(keys)) == len(keys) < 16

    def test_reverse(self, call: Caller) -> None:
        asked = plan(PUBLISHERS, PrefetchRelated((Fetch("books"),)))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 2
        expected = [
            [book.pk for book in each.books.all()]
            for each in Publisher.objects.prefetch_related("books")
        ]
        assert reached(rows, "books") == expected
        found = related(rows, "books")
        assert found.many
        assert "shelf_price" not in found.rows.names

    def test_beyond_what_is_selected(self, call: Caller) -> None:
        """Rows of select_related are not fetched again, so nothing beside their columns travels."""
        steps = (
            SelectRelated(("publisher",)),
            PrefetchRelated((Fetch("publisher__books"), Fetch("publisher"))),
            OrderBy(("isbn",)),
        )
        rows, sql = sql_of(lambda: call.query(Plan("library.Book", steps)))
        assert len(sql) == 2
        (publishers,) = rows.related
        assert "size" not in publishers.rows.names
        assert [each.name for each in publishers.rows.related] == ["books"]

    def test_a_path(self, call: Caller) -> None:
        asked = plan(PUBLISHERS, PrefetchRelated((Fetch("books__authors__profile"),)))
        rows, sql = sql_of(lambda: call.query(asked))
        local = Publisher.objects.prefetch_related("books__authors__profile")
        _, here = sql_of(lambda: list(local))
        assert len(sql) == len(here) == 4
        authors = related(related(rows, "books").rows, "authors").rows
        assert set(reached(authors, "profile")) == {1, 2, 3, 4, 5, 6, None}

    def test_a_plan_of_its_own(self, call: Caller) -> None:
        inner = plan(
            BOOKS,
            Filter(Leaf("price__lt", 40)),
            OrderBy(("-price",)),
            SelectRelated(("sequel",)),
            Annotate((("n", Call("Count", (Ref("loans"),))),)),
            Only(("title", "sequel")),
            PrefetchRelated((Fetch("tags"),)),
        )
        asked = plan(
            PUBLISHERS, PrefetchRelated((Fetch("books", inner, "bargains"), Fetch("books")))
        )
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 4
        found = related(rows, "bargains")
        assert found.listed
        assert found.rows.names == (PK_COLUMN, "isbn", "title", "sequel_id", "n", TEXT_COLUMN)
        expected = [
            [book.pk for book in each.bargains]  # type: ignore[attr-defined]
            for each in Publisher.objects.prefetch_related(
                Prefetch("books", Book.objects.filter(price__lt=40).order_by("-price"), "bargains")
            )
        ]
        assert reached(rows, "bargains") == expected
        assert {each.name for each in found.rows.related} == {"sequel", "tags"}
        assert len(reached(rows, "books")[0]) > len(reached(rows, "bargains")[0])

    def test_what_an_attribute_leads_to(self, call: Caller) -> None:
        asked = plan(
            PUBLISHERS,
            PrefetchRelated((Fetch("books", BOOKS, "all_of_them"), Fetch("all_of_them__tags"))),
        )
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 3
        books = related(rows, "all_of_them").rows
        assert any(reached(books, "tags"))

    def test_slices_are_of_each(self, call: Caller) -> None:
        inner = plan(BOOKS, OrderBy(("-price",)), Slice(0, 2))
        rows = call.query(plan(PUBLISHERS, PrefetchRelated((Fetch("books", inner, "dearest"),))))
        assert [len(each) for each in reached(rows, "dearest")] == [2, 2, 2, 2, 0]

    def test_what_is_selected_is_not_fetched_again(self, call: Caller) -> None:
        asked = plan(
            LOANS, SelectRelated(("book",)), PrefetchRelated((Fetch("book__tags"), Fetch("book")))
        )
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 2
        assert any(reached(related(rows, "book").rows, "tags"))

    def test_twice_is_once(self, call: Caller) -> None:
        asked = plan(BOOKS, PrefetchRelated((Fetch("tags"),)), PrefetchRelated((Fetch("tags"),)))
        _, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 2

    def test_twice_with_different_rows_is_djangos_error(self, call: Caller) -> None:
        inner = plan(TAGS, Filter(Leaf("slug", "rare")))
        asked = plan(BOOKS, PrefetchRelated((Fetch("tags"), Fetch("tags", inner))))
        with pytest.raises(Failed, match="lookup was already seen with a different queryset"):
            call.query(asked)

    def test_values_are_djangos_error(self, call: Caller) -> None:
        asked = plan(BOOKS, PrefetchRelated((Fetch("tags", plan(TAGS, Values(("slug",)))),)))
        with pytest.raises(Failed):
            call.query(asked)

    def test_taken_back(self, call: Caller) -> None:
        asked = plan(BOOKS, PrefetchRelated((Fetch("tags"),)), PrefetchRelated(()))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 1
        assert rows.related == ()

    def test_counting_fetches_nothing(self, call: Caller) -> None:
        for op in ("count", "exists"):
            _, sql = sql_of(
                lambda op=op: call.query(plan(BOOKS, PrefetchRelated((Fetch("tags"),))), op)
            )
            assert len(sql) == 1

    def test_one_row(self, call: Caller) -> None:
        asked = plan(
            BOOKS, PrefetchRelated((Fetch("authors"),)), Filter(Leaf("pk", "9780000000001"))
        )
        rows, sql = sql_of(lambda: call.query(asked, "get"))
        assert len(sql) == 2
        assert len(reached(rows, "authors")[0]) == 2

    def test_of_an_instance(self, call: Caller) -> None:
        asked = plan(BOOKS, Of("library.Publisher", 2, "books"), PrefetchRelated((Fetch("tags"),)))
        _, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 2

    def test_too_many(self, call: Caller) -> None:
        exposed = registry.model(Book)
        assert exposed is not None
        before, exposed.max_rows = exposed.max_rows, 5
        try:
            with pytest.raises(Failed) as raised:
                call.query(plan(PUBLISHERS, PrefetchRelated((Fetch("books"),))))
        finally:
            exposed.max_rows = before
        assert raised.value.code == FailureCode.TOO_MANY_ROWS

    def test_permission_is_asked_of_every_model(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(AuthorRPC, "has_view_permission", lambda self, context, obj=None: False)
        for path in ("books__authors", "books__authors__profile"):
            with pytest.raises(Failed) as raised:
                call.query(plan(PUBLISHERS, PrefetchRelated((Fetch(path),))))
            assert raised.value.code == FailureCode.DENIED
        with pytest.raises(Failed) as raised:
            call.query(plan(BOOKS, Of("library.Author", 1, "books")))
        assert raised.value.code == FailureCode.DENIED


class TestNames:
    """Nothing that a caller names may hide what code of a model relies on."""

    @pytest.mark.parametrize("name", ["save", "clean", "objects", "_state", "pk"])
    def test_of_attributes(self, call: Caller, name: str) -> None:
        with pytest.raises(Failed) as raised:
            call.query(plan(PUBLISHERS, PrefetchRelated((Fetch("books", BOOKS, name),))))
        assert raised.value.code == FailureCode.QUERY_REFUSED

    @pytest.mark.parametrize("name", ["save", "clean", "reprice", "_seen_0"])
    def test_of_annotations(self, call: Caller, name: str) -> None:
        with pytest.raises(Failed) as raised:
            call.query(plan(BOOKS, Annotate(((name, Ref("pages")),))))
        assert raised.value.code == FailureCode.QUERY_REFUSED


def test_the_author_of_a_queryset_may_fetch_along(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What get_queryset selects or annotates for its own use does not travel."""
    from django.db.models import F

    monkeypatch.setattr(
        BookRPC,
        "get_queryset",
        lambda self, context: Book.objects.select_related("publisher").annotate(
            secret=F("shelf_price")
        ),
    )
    rows, sql = sql_of(lambda: call.query(BOOKS))
    assert len(sql) == 1
    assert rows.related == ()
    assert "secret" not in rows.names
    with pytest.raises(Failed):
        call.query(plan(BOOKS, Values(("secret",))))
    assert Author.objects.exists()
