"""Creating rows, also under relations, and finding them instead."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from chunnel.plans import Filter, Leaf, Of, Values
from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRow
from tests.apps.library.models import Author, Book, Film, Item, Loan, Profile, Publisher
from tests.apps.library.rpc import BookRPC, PublisherRPC

from .test_writer import FIRST, NOW, SECOND, book
from .writes import Writes, ref


def value(row: InstanceRow, name: str) -> Any:
    return row.values[row.names.index(name)]


class TestCreate:
    def test_all_that_is_readable_is_answered(self, writes: Writes) -> None:
        row = writes(*writes.on("Book", "create", book(genre="poetry", meta={"a": [1]})))
        assert row.pk == "1"
        assert row.text == "One"
        assert value(row, "genre") == "poetry"
        assert value(row, "withdrawn") is False
        assert value(row, "meta") == {"a": [1]}
        assert "shelf_price" not in row.names
        assert Book.objects.get(pk="1").shelf_price == 0

    def test_properties_too(self, writes: Writes) -> None:
        row = writes(*writes.on("Author", "create", {"name": "Nora", "joined": NOW}))
        assert value(row, "shouted") == "NORA"
        assert row.pk == Author.objects.get(name="Nora").pk

    def test_values_are_as_the_fields_take_them(self, writes: Writes) -> None:
        row = writes(
            *writes.on("Book", "create", book(published="2026-02-03", price="4.50", pages="7"))
        )
        assert str(value(row, "published")) == "2026-02-03"
        assert value(row, "price") == Decimal("4.50")
        assert value(row, "pages") == 7

    def test_a_key_that_is_taken(self, writes: Writes) -> None:
        found = writes.raised(
            "django.db.utils.IntegrityError", *writes.on("Book", "create", book(isbn=FIRST))
        )
        assert "must be unique" in found.message
        assert FIRST not in found.message
        assert Book.objects.get(pk=FIRST).title == "The book 00"

    def test_a_key_made_here(self, writes: Writes) -> None:
        values = {"book": FIRST, "reader": "x", "desk": "x", "number": 1, "due": NOW}
        row = writes(*writes.on("Loan", "create", values))
        assert isinstance(row.pk, uuid.UUID)
        assert Loan.objects.get(pk=row.pk).reader == "x"

    def test_a_key_that_is_a_relation(self, writes: Writes) -> None:
        Profile.objects.all().delete()
        row = writes(*writes.on("Profile", "create", {"author": ref("Author", 2), "bio": "b"}))
        assert row.pk == 2
        writes.raised(
            "django.db.utils.IntegrityError", *writes.on("Profile", "create", {"author": 2})
        )

    def test_of_two_tables(self, writes: Writes) -> None:
        values = {"label": "reel", "acquired": "2026-01-01", "minutes": 9, "director": ""}
        row = writes(*writes.on("Film", "create", values))
        assert Film.objects.get(pk=row.pk).label == "reel"
        assert Item.objects.get(pk=row.pk).label == "reel"

    def test_as_many_statements_as_locally(self, writes: Writes) -> None:
        local = writes.statements(lambda: Book.objects.create(**book(isbn="2")))
        assert len(writes.statements(lambda: writes(*writes.on("Book", "create", book())))) == len(
            local
        )

    def test_no_values(self, writes: Writes) -> None:
        assert writes.invalid(*writes.on("Publisher", "create", {})) == {"name": ["blank"]}
        writes.refused(*writes.on("Publisher", "create", None), code=FailureCode.MALFORMED)

    def test_where_it_is_not_declared(self, writes: Writes) -> None:
        values = {"label": "x", "acquired": "2026-01-01"}
        writes.refused(*writes.on("Item", "create", values), code=FailureCode.NOT_EXPOSED)
        writes.refused(
            "library.Item.save", ref("Item", None), values, {}, code=FailureCode.NOT_EXPOSED
        )


class TestUnderARelation:
    STEP = Of("library.Publisher", 2, "books")

    def test_a_foreign_key(self, writes: Writes) -> None:
        for values in (book(), book(isbn="2", publisher=1)):
            row = writes(*writes.on("Book", "create", values, steps=(self.STEP,)))
            assert value(row, "publisher_id") == 2

    def test_a_many_to_many(self, writes: Writes) -> None:
        step = Of("library.Book", FIRST, "tags")
        writes(*writes.on("Tag", "create", {"slug": "odd", "label": "Odd"}, steps=(step,)))
        assert "odd" in Book.objects.get(pk=FIRST).tags.values_list("pk", flat=True)

    def test_one_that_is_not_writable(self, writes: Writes) -> None:
        for step in (Of("library.Tag", "rare", "books"), Of("library.Author", 1, "books")):
            for operation, *more in (
                ("create", book()),
                ("get_or_create", [["isbn", "1"]], book()),
            ):
                writes.refused(*writes.on("Book", operation, *more, steps=(step,)))
        assert not Book.objects.filter(pk="1").exists()

    def test_an_owner_out_of_scope(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            PublisherRPC, "get_queryset", lambda self, context: Publisher.objects.exclude(pk=2)
        )
        call = writes.on("Book", "create", book(), steps=(self.STEP,))
        writes.raised("library.Publisher.DoesNotExist", *call)

    def test_whoever_may_not_change_the_owner(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a many-to-many it is changed; of a foreign key it is not."""
        monkeypatch.setattr(BookRPC, "has_change_permission", lambda *_: False)
        step = Of("library.Book", FIRST, "tags")
        call = writes.on("Tag", "create", {"slug": "odd", "label": "Odd"}, steps=(step,))
        writes.refused(*call, code=FailureCode.DENIED)
        monkeypatch.setattr(PublisherRPC, "has_change_permission", lambda *_: False)
        writes(*writes.on("Book", "create", book(), steps=(self.STEP,)))

    def test_found_there_or_created_there(self, writes: Writes) -> None:
        row, created = writes(
            *writes.on("Book", "get_or_create", [["isbn", "1"]], book(), steps=(self.STEP,))
        )
        assert created
        assert value(row, "publisher_id") == 2
        row, created = writes(
            *writes.on("Book", "update_or_create", [["isbn", "1"]], {"pages": 9}, None,
                       steps=(self.STEP,))
        )  # fmt: skip
        assert not created
        assert value(row, "pages") == 9
        other = Of("library.Publisher", 1, "books")
        writes.raised(
            "django.db.utils.IntegrityError",
            *writes.on("Book", "get_or_create", [["isbn", "1"]], book(), steps=(other,)),
        )


class TestBulkCreate:
    def test_in_order(self, writes: Writes) -> None:
        rows = writes(*writes.on("Publisher", "bulk_create", [{"name": n} for n in "zxy"], {}))
        assert rows.columns[rows.names.index("name")] == ["z", "x", "y"]
        keys = rows.columns[rows.names.index("pk")]
        assert [Publisher.objects.get(pk=key).name for key in keys] == ["z", "x", "y"]

    def test_conflicts(self, writes: Writes) -> None:
        names = [{"name": "Caxton"}, {"name": "New"}]
        writes.raised(
            "django.db.utils.IntegrityError", *writes.on("Publisher", "bulk_create", names, {})
        )
        assert not Publisher.objects.filter(name="New").exists()
        writes(*writes.on("Publisher", "bulk_create", names, {"ignore_conflicts": True}))
        assert Publisher.objects.filter(name="New").exists()

    def test_of_two_tables(self, writes: Writes) -> None:
        values = {"label": "reel", "acquired": "2026-01-01", "minutes": 9}
        found = writes.raised("ValueError", *writes.on("Film", "bulk_create", [values], {}))
        assert found.message == "Can't bulk create a multi-table inherited model"

    @pytest.mark.parametrize(
        "args",
        [(None, {}), ([None], {}), ([{}], {"update_conflicts": True}), ([{}], None), ({}, {})],
    )
    def test_malformed(self, writes: Writes, args: Any) -> None:
        writes.refused(*writes.on("Publisher", "bulk_create", *args), code=FailureCode.MALFORMED)

    def test_too_many(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        exposed = writes.caller.dispatcher.registry.model(Publisher)
        monkeypatch.setattr(exposed, "max_rows", 2)
        rows = [{"name": name} for name in "zxy"]
        call = writes.on("Publisher", "bulk_create", rows, {})
        writes.refused(*call, code=FailureCode.TOO_MANY_ROWS)

    def test_none(self, writes: Writes) -> None:
        assert writes(*writes.on("Publisher", "bulk_create", [], {})).columns[0] == []


class TestGetOrCreate:
    def test_what_is_there(self, writes: Writes) -> None:
        row, created = writes(*writes.on("Book", "get_or_create", [["isbn", FIRST]], {"pages": 1}))
        assert (row.pk, created) == (FIRST, False)
        assert value(row, "pages") == 40

    def test_lookups_are_values_of_a_new_row_unless_they_compare(self, writes: Writes) -> None:
        lookups = [["name", "New"], ["country", "FR"], ["founded__isnull", True]]
        row, created = writes(*writes.on("Publisher", "get_or_create", lookups, {}))
        assert created
        assert (value(row, "name"), value(row, "country")) == ("New", "FR")

    @pytest.mark.parametrize("operation", ["get_or_create", "update_or_create"])
    @pytest.mark.parametrize(
        "lookups",
        [
            [["shelf_price", 1]],
            [["secrets__word", "plugh"]],
            [["publisher__books__price", 1]],
            [["isbn__regex", "."]],
        ],
    )
    def test_lookups_are_judged_as_filters(
        self, writes: Writes, operation: str, lookups: Any
    ) -> None:
        writes.refused(*writes.on("Book", operation, lookups, {}))

    def test_lookups_that_cannot_be_written(self, writes: Writes) -> None:
        row, created = writes(*writes.on("Publisher", "get_or_create", [["id", 1]], {}))
        assert (row.pk, created) == (1, False)
        writes.refused(*writes.on("Publisher", "get_or_create", [["id", 99]], {"name": "x"}))

    def test_more_than_one(self, writes: Writes) -> None:
        call = writes.on("Book", "get_or_create", [["genre", "novel"]], {})
        writes.raised("library.Book.MultipleObjectsReturned", *call)

    def test_a_relation_to_look_for(self, writes: Writes) -> None:
        lookups = [["publisher", ref("Publisher", 5)], ["title", "Found"]]
        _, created = writes(*writes.on("Book", "get_or_create", lookups, book(title="Found")))
        assert created
        _, created = writes(*writes.on("Book", "get_or_create", lookups, {}))
        assert not created

    @pytest.mark.parametrize(
        "args",
        [
            (None, {}),
            ([["isbn"]], {}),
            ([[1, 2]], {}),
            ([["isbn", "1"]], None),
            ([["isbn", "1"]], {}, {}),
        ],
    )
    def test_malformed(self, writes: Writes, args: Any) -> None:
        writes.refused(*writes.on("Book", "get_or_create", *args), code=FailureCode.MALFORMED)

    def test_of_values(self, writes: Writes) -> None:
        steps = (Values(("title",)),)
        writes.refused(*writes.on("Book", "get_or_create", [["isbn", FIRST]], {}, steps=steps))

    def test_within_a_filter(self, writes: Writes) -> None:
        steps = (Filter(Leaf("genre", "poetry")),)
        writes.raised(
            "django.db.utils.IntegrityError",
            *writes.on("Book", "get_or_create", [["isbn", FIRST]], book(isbn=FIRST), steps=steps),
        )


class TestUpdateOrCreate:
    def test_changed(self, writes: Writes) -> None:
        row, created = writes(
            *writes.on(
                "Book", "update_or_create", [["isbn", FIRST]], {"title": "New"}, {"pages": 1}
            )
        )
        assert not created
        assert row.text == "New"
        assert Book.objects.get(pk=FIRST).pages == 40

    def test_created(self, writes: Writes) -> None:
        new = book(pages=9)
        row, created = writes(
            *writes.on("Book", "update_or_create", [["isbn", "1"]], {"pages": 5}, new)
        )
        assert created
        assert value(row, "pages") == 9

    def test_as_many_statements_as_locally(self, writes: Writes) -> None:
        connections[writes.shelf.alias].ensure_connection()
        local = writes.statements(
            lambda: Book.objects.update_or_create({"title": "A"}, isbn=SECOND)
        )
        call = writes.on("Book", "update_or_create", [["isbn", SECOND]], {"title": "B"}, None)
        assert len(writes.statements(lambda: writes(*call))) == len(local)
