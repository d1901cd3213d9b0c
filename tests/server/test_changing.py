"""Changing and deleting rows: of querysets, by keys, and one by one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

from chunnel.plans import (
    Annotate,
    Call,
    Combine,
    Distinct,
    Filter,
    Leaf,
    Literal,
    Of,
    Only,
    OrderBy,
    Plan,
    Ref,
    Slice,
    Subquery,
    Values,
)
from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef
from tests.apps.library.models import (
    Book,
    Category,
    Film,
    Item,
    Loan,
    Publisher,
    Secret,
)
from tests.apps.library.rpc import BookRPC, LoanRPC, PublisherRPC

from .test_creating import value
from .test_writer import FIRST, SECOND, book, snapshot
from .writes import Writes, changes, ref

BOOKS = Plan("library.Book")
NOVELS = (Filter(Leaf("genre", "novel")),)


class TestSave:
    def test_only_what_came_is_set(self, writes: Writes) -> None:
        before = Book.objects.get(pk=FIRST)
        Book.objects.filter(pk=FIRST).update(pages=77, shelf_price=5)
        row = writes("library.Book.save", ref("Book", FIRST), {"title": "New"}, {})
        after = Book.objects.get(pk=FIRST)
        assert (after.title, after.pages, after.shelf_price) == ("New", 77, 5)
        assert (row.text, value(row, "pages")) == ("New", 77)
        assert after.price == before.price

    def test_the_models_own_save_runs(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def save(self: Any, **options: Any) -> None:
            self.title = self.title.upper()
            models.Model.save(self, **options)

        monkeypatch.setattr(Book, "save", save)
        row = writes("library.Book.save", ref("Book", FIRST), {"title": "new"}, {})
        assert row.text == "NEW"
        row = writes(*writes.on("Book", "create", book(title="new")))
        assert Book.objects.get(pk=row.pk).title == "NEW"

    def test_what_the_database_computes_is_read(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def save(self: Any, **options: Any) -> None:
            self.pages = models.F("pages") + 1
            models.Model.save(self, **options)

        monkeypatch.setattr(Book, "save", save)
        row = writes("library.Book.save", ref("Book", FIRST), {"title": "new"}, {})
        assert value(row, "pages") == 41

    def test_nothing_to_set(self, writes: Writes) -> None:
        before = snapshot()
        assert writes("library.Book.save", ref("Book", FIRST), {}, {}).pk == FIRST
        assert snapshot() == before

    def test_update_fields(self, writes: Writes) -> None:
        given = {"title": "New", "pages": 5}
        some = {"update_fields": ["title"]}
        row = writes("library.Book.save", ref("Book", FIRST), given, some)
        assert (row.text, value(row, "pages")) == ("New", 40)
        assert Book.objects.get(pk=FIRST).pages == 40
        none: dict[str, Any] = {"update_fields": []}
        row = writes("library.Book.save", ref("Book", FIRST), {"title": "Newer"}, none)
        assert row.text == Book.objects.get(pk=FIRST).title == "New"
        key = {"update_fields": ["publisher_id"]}
        writes("library.Book.save", ref("Book", FIRST), {"publisher": 3}, key)
        assert Book.objects.get(pk=FIRST).publisher_id == 3

    @pytest.mark.parametrize("name", ["shelf_price", "isbn", "tags", "nonsense"])
    def test_update_fields_that_are_none(self, writes: Writes, name: str) -> None:
        some = {"update_fields": ["title", name]}
        found = writes.raised(
            "ValueError", "library.Book.save", ref("Book", FIRST), {"title": "x"}, some
        )
        with pytest.raises(ValueError, match="do not exist") as expected:
            Book.objects.get(pk=FIRST).save(update_fields=["title", "nonsense"])
        assert found.message == str(expected.value).replace("nonsense", name)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"force_update": True}, "Forced update did not affect any rows."),
            (
                {"update_fields": ["title"]},
                "Save with update_fields did not affect any rows.",
            ),
        ],
    )
    def test_forced_where_there_is_no_row(
        self, writes: Writes, options: dict[str, Any], text: str
    ) -> None:
        call = ("library.Book.save", ref("Book", "7"), {"title": "x"}, options)
        assert writes.raised("django.db.utils.DatabaseError", *call).message == text
        new = ("library.Book.save", ref("Book", None), book(isbn="7"), options)
        assert writes.raised("django.db.utils.DatabaseError", *new).message == text
        assert not Book.objects.filter(pk="7").exists()

    def test_forced_without_a_key(self, writes: Writes) -> None:
        for options in ({"force_update": True}, {"update_fields": ["name"]}):
            call = ("library.Publisher.save", ref("Publisher", None), {"name": "x"}, options)
            found = writes.raised("ValueError", *call)
            assert found.message == "Cannot force an update in save() with no primary key."

    def test_forced_both_ways(self, writes: Writes) -> None:
        for more in ({"force_update": True}, {"update_fields": ["title"]}):
            options = {"force_insert": True, **more}
            found = writes.raised(
                "ValueError", "library.Book.save", ref("Book", FIRST), {"title": "x"}, options
            )
            assert found.message == "Cannot force both insert and updating in model saving."

    def test_a_forced_update(self, writes: Writes) -> None:
        forced = {"force_update": True}
        writes("library.Book.save", ref("Book", FIRST), {"title": "A"}, forced)
        writes("library.Book.save", ref("Book", None), {"isbn": SECOND, "title": "A"}, forced)
        assert Book.objects.filter(title="A").count() == 2

    def test_a_forced_insert(self, writes: Writes) -> None:
        forced = {"force_insert": True}
        for key in (None, FIRST):
            values = book(isbn=FIRST)
            writes.raised(
                "django.db.utils.IntegrityError",
                "library.Book.save", ref("Book", key), values, forced,
            )  # fmt: skip
        assert Book.objects.get(pk=FIRST).title == "The book 00"
        assert writes("library.Book.save", ref("Book", "1"), book(), forced).pk == "1"
        writes.refused("library.Publisher.save", ref("Publisher", 9), {"name": "x"}, forced)

    def test_a_new_one_overwrites_nothing(self, writes: Writes) -> None:
        codes = writes.invalid("library.Book.save", ref("Book", None), book(isbn=FIRST), {})
        assert codes == {"isbn": ["unique"]}
        assert Book.objects.get(pk=FIRST).title == "The book 00"

    def test_a_missing_row_is_not_made_again(self, writes: Writes) -> None:
        missing = "library.Book.DoesNotExist"
        for key in ("7", [1], {}, 10**40):
            writes.raised(missing, "library.Book.save", ref("Book", key), {"title": "x"}, {})

    def test_of_two_tables(self, writes: Writes) -> None:
        writes("library.Film.save", ref("Film", 1), {"label": "x", "minutes": 1}, {})
        film = Film.objects.get(pk=1)
        assert (film.label, film.minutes) == ("x", 1)

    @pytest.mark.parametrize(
        "args",
        [
            (None, {}, {}),
            (InstanceRef("library.Author", 1), {}, {}),
            (FIRST, {}, {}),
            (ref("Book", FIRST), [], {}),
            (ref("Book", FIRST), {}, None),
            (ref("Book", FIRST), {}, {"using": "other"}),
            (ref("Book", FIRST), {}, {"update_fields": "title"}),
            (ref("Book", FIRST), {}),
            (ref("Book", FIRST), {1: 2}, {}),
        ],
    )
    def test_malformed(self, writes: Writes, args: Any) -> None:
        code = FailureCode.QUERY_REFUSED if args[1] == {1: 2} else FailureCode.MALFORMED
        writes.refused("library.Book.save", *args, code=code)


class TestUpdate:
    def test_values_and_what_is_computed(self, writes: Writes) -> None:
        new = changes(
            title=Literal("New"), price=Call("+", (Ref("price"), Literal(1))), publisher=Literal(2)
        )
        before = Book.objects.get(pk=FIRST).price
        assert writes(*writes.on("Book", "update", new, steps=NOVELS)) == 8
        found = Book.objects.get(pk=FIRST)
        assert (found.title, found.price, found.publisher_id) == ("New", before + 1, 2)
        assert Book.objects.filter(title="New").count() == 8

    def test_one_statement(self, writes: Writes) -> None:
        new = writes.on("Book", "update", changes(title=Literal("x")), steps=NOVELS)
        assert len(writes.statements(lambda: writes(*new))) == 1

    @pytest.mark.parametrize(
        "expression",
        [
            Ref("shelf_price"),
            Ref("publisher__books__shelf_price"),
            Ref("secrets__word"),
            Subquery(Plan("library.Secret").then(Values(("word",))), "value"),
            Call("Coalesce", (Ref("shelf_price"), Literal(1))),
            Call("RawSQL", (Literal("1"),)),
        ],
        ids=repr,
    )
    def test_what_may_not_be_read_is_not_copied(self, writes: Writes, expression: Any) -> None:
        before = snapshot()
        writes.refused(*writes.on("Book", "update", changes(price=expression)))
        assert snapshot() == before

    def test_subqueries_see_what_the_call_sees(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            PublisherRPC, "get_queryset", lambda self, context: Publisher.objects.exclude(pk=3)
        )
        names = Plan("library.Publisher").then(Filter(Leaf("id", 3))).then(Values(("name",)))
        title = Call("Coalesce", (Subquery(names, "value"), Literal("hidden")))
        writes(*writes.on("Book", "update", changes(title=title)))
        assert set(Book.objects.values_list("title", flat=True)) == {"hidden"}

    @pytest.mark.parametrize(
        "expression",
        [
            Call("Coalesce", (Literal(3), Literal(3))),
            Call("+", (Ref("pages"), Literal(1))),
            Ref("pages"),
        ],
        ids=repr,
    )
    def test_relations_are_not_computed_past_their_scope(
        self, writes: Writes, expression: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call = writes.on("Book", "update", changes(publisher=expression))
        monkeypatch.setattr(
            PublisherRPC, "get_queryset", lambda self, context: Publisher.objects.exclude(pk=3)
        )
        writes.refused(*call)
        monkeypatch.undo()
        monkeypatch.setattr(PublisherRPC, "has_view_permission", lambda *_: False)
        writes.refused(*call, code=FailureCode.DENIED)

    def test_relations_are_computed_where_nothing_is_hidden(self, writes: Writes) -> None:
        three = Call("Coalesce", (Literal(None), Literal(3)))
        writes(*writes.on("Book", "update", changes(publisher=three)))
        assert set(Book.objects.values_list("publisher", flat=True)) == {3}

    @pytest.mark.parametrize(
        ("steps", "kind"),
        [
            ((Slice(0, 2),), "TypeError"),
            ((Combine("union", False, (BOOKS,)),), "django.db.utils.NotSupportedError"),
            (
                (Annotate((("n", Call("Count", (Ref("loans"),))),)), OrderBy(("n",))),
                "django.core.exceptions.FieldError",
            ),
        ],
    )
    def test_in_djangos_words(self, writes: Writes, steps: Any, kind: str) -> None:
        def local() -> Any:
            books = Book.objects.all()
            match steps[0]:
                case Slice():
                    books = books[:2]
                case Combine():
                    books = books.union(Book.objects.all())
                case _:
                    books = books.annotate(n=models.Count("loans")).order_by("n")
            books.update(title="x")

        with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever Django raises
            local()
        found = writes.raised(
            kind, *writes.on("Book", "update", changes(title=Literal("x")), steps=steps)
        )
        assert found.message == str(expected.value)

    @pytest.mark.parametrize(
        "steps",
        [
            (Distinct(), Filter(Leaf("tags", "rare"))),
            (Values(("title",)), *NOVELS),
            (Only(("title",)), *NOVELS),
            (Annotate((("n", Call("Count", (Ref("loans"),))),)), Filter(Leaf("n__gt", 3))),
            (Of("library.Publisher", 2, "books"),),
        ],
        ids=lambda steps: type(steps[0]).__name__,
    )
    @pytest.mark.parametrize("asks", [False, True])
    def test_of_every_kind(
        self, writes: Writes, steps: Any, asks: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if asks:  # then the rows are looked at one by one
            monkeypatch.setattr(BookRPC, "has_change_permission", lambda *_: True)
            monkeypatch.setattr(
                BookRPC, "get_queryset", lambda self, context: Book.objects.exclude(pk="7")
            )
        count = writes.caller.query(Plan("library.Book", steps), "count")
        new = changes(title=Literal("x"))
        assert writes(*writes.on("Book", "update", new, steps=steps)) == count
        assert Book.objects.filter(title="x").count() == count > 0

    def test_of_two_tables(self, writes: Writes) -> None:
        new = changes(label=Literal("x"), minutes=Call("+", (Ref("minutes"), Literal(1))))
        assert writes(*writes.on("Film", "update", new)) == 3
        assert Item.objects.filter(label="x").count() == 3

    @pytest.mark.parametrize("wire", [None, [["title"]], [["title", ["value", 1]]], {"title": 1}])
    def test_malformed(self, writes: Writes, wire: Any) -> None:
        writes.refused(*writes.on("Book", "update", wire), code=FailureCode.MALFORMED)
        writes.refused("library.Book.objects.update", wire, [], code=FailureCode.MALFORMED)


class TestBulkUpdate:
    def test_each_row_its_own(self, writes: Writes) -> None:
        rows = [[FIRST, "A", ref("Publisher", 2)], [SECOND, "B", None], ["7", "C", None]]
        assert writes(*writes.on("Book", "bulk_update", ["title", "publisher"], rows)) == 2
        found = Book.objects.filter(title__in="AB").order_by("title")
        assert [(each.pk, each.publisher_id) for each in found] == [(FIRST, 2), (SECOND, None)]

    def test_rows_of_a_plan_only(self, writes: Writes) -> None:
        rows = [[FIRST, "A"], [SECOND, "B"]]
        assert writes(*writes.on("Book", "bulk_update", ["title"], rows, steps=NOVELS)) == 1
        assert not Book.objects.filter(title="B").exists()

    def test_of_values(self, writes: Writes) -> None:
        steps = (Values(("title",)),)
        writes.refused(*writes.on("Book", "bulk_update", ["title"], [[FIRST, "A"]], steps=steps))

    def test_in_djangos_words(self, writes: Writes) -> None:
        call = writes.on("Book", "bulk_update", ["title"], [[FIRST, "A"]], steps=(Slice(0, 2),))
        found = writes.raised("TypeError", *call)
        assert found.message == "Cannot filter a query once a slice has been taken."

    def test_statements(self, writes: Writes) -> None:
        rows = [[pk, "x"] for pk in Book.objects.values_list("pk", flat=True)]
        call = writes.on("Book", "bulk_update", ["title"], rows)
        assert len(writes.statements(lambda: writes(*call))) == 2  # to load and to update them

    @pytest.mark.parametrize(
        ("names", "kind"), [([], "Field names must be given"), (["pk"], "key"), (["isbn"], "key")]
    )
    def test_names(self, writes: Writes, names: list[str], kind: str) -> None:
        code = FailureCode.QUERY_REFUSED if names else FailureCode.RAISED
        call = writes.on("Book", "bulk_update", names, [[FIRST, "1"]])
        assert kind in writes.refused(*call, code=code).message

    @pytest.mark.parametrize(
        "args", [(None, []), (["title"], None), (["title"], [[FIRST]]), (["title"], [FIRST, "x"])]
    )
    def test_malformed(self, writes: Writes, args: Any) -> None:
        writes.refused(*writes.on("Book", "bulk_update", *args), code=FailureCode.MALFORMED)

    def test_twice_the_same(self, writes: Writes) -> None:
        rows = [[FIRST, "A"], [FIRST, "B"]]
        assert writes(*writes.on("Book", "bulk_update", ["title"], rows)) == 1
        assert Book.objects.get(pk=FIRST).title == "A"  # as in Django


class TestDelete:
    def test_an_instance(self, writes: Writes) -> None:
        assert writes("library.Loan.delete", ref("Loan", Loan.objects.all()[0].pk)) == [
            1,
            {"library.Loan": 1},
        ]
        assert Loan.objects.count() == 29

    def test_labels_of_exposed_models_only(self, writes: Writes) -> None:
        """How many rows of others went along is not the caller's to know either."""
        assert Secret.objects.filter(book=FIRST).exists()
        assert Book.objects.get(pk=FIRST).tags.exists()
        loans = Loan.objects.filter(book=FIRST).count()
        total, labels = writes("library.Book.delete", ref("Book", FIRST))
        assert labels == {"library.Book": 1, "library.Loan": loans, "library.Authorship": 2}
        assert total == sum(labels.values())

    def test_what_goes_along_is_named_to_who_may_view_it(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(LoanRPC, "has_view_permission", lambda *_: False)
        _, labels = writes("library.Book.delete", ref("Book", FIRST))
        assert labels == {"library.Book": 1, "library.Authorship": 2}

    def test_a_queryset(self, writes: Writes) -> None:
        expected = Loan.objects.filter(desk="east").count()
        call = writes.on("Loan", "delete", steps=(Filter(Leaf("desk", "east")),))
        assert writes(*call) == [expected, {"library.Loan": expected}]
        assert not Loan.objects.filter(desk="east").exists()

    def test_nobody_may(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LoanRPC, "has_delete_permission", lambda *_: False)
        loan = Loan.objects.all()[0]
        for call in (writes.on("Loan", "delete"), ("library.Loan.delete", ref("Loan", loan.pk))):
            found = writes.refused(*call, code=FailureCode.DENIED)
            assert found.message == "You may not delete this library.Loan."
        assert Loan.objects.count() == 30

    def test_of_some_rows(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            LoanRPC, "has_delete_permission", lambda self, context, obj: obj.desk == "west"
        )
        writes.refused(*writes.on("Loan", "delete"), code=FailureCode.DENIED)
        assert Loan.objects.count() == 30
        west = writes.on("Loan", "delete", steps=(Filter(Leaf("desk", "west")), Distinct()))
        assert writes(*west) == [15, {"library.Loan": 15}]

    def test_protected(self, writes: Writes) -> None:
        with pytest.raises(models.ProtectedError) as expected:
            Publisher.objects.get(pk=2).delete()
        two = (Filter(Leaf("id", 2)),)
        for call in (
            ("library.Publisher.delete", ref("Publisher", 2)),
            writes.on("Publisher", "delete", steps=two),
        ):
            found = writes.raised("django.db.models.deletion.ProtectedError", *call)
            assert found.message == expected.value.args[0]
            assert found.details["args"] == [found.message, []]
        assert Publisher.objects.filter(pk=2).exists()

    @pytest.mark.parametrize(
        "steps",
        [(Slice(0, 2),), (Values(("title",)),), (Combine("union", False, (BOOKS,)),)],
        ids=repr,
    )
    def test_in_djangos_words(self, writes: Writes, steps: Any) -> None:
        def local() -> None:
            books: Any = Book.objects.all()
            match steps[0]:
                case Slice():
                    books = books[:2]
                case Values():
                    books = books.values("title")
                case Combine():
                    books = books.union(Book.objects.all())
            books.delete()

        with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever Django raises
            local()
        found = writes.refused(*writes.on("Book", "delete", steps=steps), code=FailureCode.RAISED)
        assert found.message == str(expected.value)

    def test_a_deletion_of_ones_own(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        for result, told in ((None, [0, {}]), (3, [3, {}]), ((1, {"library.Loan": 1}),) * 2):
            monkeypatch.setattr(Loan, "delete", lambda self, result=result: result)
            pk = Loan.objects.all()[0].pk
            assert writes("library.Loan.delete", ref("Loan", pk)) == list(told)
        assert Loan.objects.count() == 30

    def test_where_it_is_not_declared(self, writes: Writes) -> None:
        code = FailureCode.NOT_EXPOSED
        writes.refused("library.Item.delete", ref("Item", 100), code=code)
        writes.refused(*writes.on("Item", "delete"), code=code)

    def test_cascades_to_itself(self, writes: Writes) -> None:
        total, labels = writes("library.Category.delete", ref("Category", 1))
        assert [total, labels] == [4, {"library.Category": 4}]
        assert not Category.objects.exists()
