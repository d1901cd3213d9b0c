"""The doors of writes: which there are, whole or not at all, in time, and what errors say."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connections, models, transaction

from chunnel.plans import Filter, Leaf, Literal
from chunnel.protocol.messages import FailureCode
from tests.apps.library.models import Author, Book, Loan, Publisher, Secret
from tests.apps.library.rpc import BookRPC, LoanRPC

from .caller import Failed
from .test_writer import FIRST, NOW, SECOND, book
from .writes import Writes, changes, ref

# Where more than one transaction writes at a time.
lock_rows = pytest.mark.parametrize("shelf", ["postgresql"], indirect=True)


class TestDoors:
    @pytest.mark.parametrize(
        "name",
        [
            "library.Item.save",
            "library.Item.objects.create",
            "library.Item.objects.update",
            "library.Item.objects.bulk_update",
            "library.Item.objects.get_or_create",
            "library.Item.objects.update_or_create",
            "library.Item.objects.bulk_create",
            "library.Item.objects.delete",
            "library.Item.delete",
            "library.Tag.relate",
            "library.Secret.save",
            "library.Book.objects.save",
            "library.Book.create",
            "library.Book.asave",
            "library.Book.objects.raw",
            "library.Book.objects._update",
        ],
    )
    def test_what_is_not_declared_has_none(self, writes: Writes, name: str) -> None:
        writes.refused(name, ref("Book", FIRST), {}, {}, code=FailureCode.NOT_EXPOSED)

    def test_keywords(self, writes: Writes) -> None:
        with pytest.raises(Failed) as raised:
            writes.caller("library.Book.delete", instance=ref("Book", FIRST))
        assert raised.value.code == FailureCode.MALFORMED

    @pytest.mark.parametrize("args", [(), (None,) * 5])
    @pytest.mark.parametrize(
        "name", ["library.Book.save", "library.Book.objects.update", "library.Book.relate"]
    )
    def test_other_arguments(self, writes: Writes, name: str, args: Any) -> None:
        writes.refused(name, *args, code=FailureCode.MALFORMED)

    def test_a_plan_of_another_model(self, writes: Writes) -> None:
        _, plan = writes.on("Loan", "delete")
        for operation, *args in (
            ("delete",),
            ("update", changes(title=Literal("x"))),
            ("create", book()),
            ("bulk_create", [book()], {}),
            ("bulk_update", ["title"], [[FIRST, "x"]]),
            ("get_or_create", [["isbn", "1"]], book()),
            ("update_or_create", [["isbn", "1"]], book()),
        ):
            writes.refused(f"library.Book.objects.{operation}", plan, *args)
        assert not Book.objects.filter(title__in=("x", "One")).exists()

    def test_a_plan_with_what_may_not_be_asked(self, writes: Writes) -> None:
        steps = (Filter(Leaf("secrets__word", "plugh")),)
        before = Book.objects.count()
        for operation, *args in (
            ("delete",),
            ("update", changes(title=Literal("x"))),
            ("create", book()),
            ("bulk_create", [book()], {}),
            ("bulk_update", ["title"], [[FIRST, "x"]]),
            ("get_or_create", [["isbn", "1"]], book()),
            ("update_or_create", [["isbn", "1"]], book()),
        ):
            writes.refused(*writes.on("Book", operation, *args, steps=steps))
        assert Book.objects.count() == before
        assert Secret.objects.exists()

    def test_a_plan_for_the_answer(self, writes: Writes) -> None:
        """A third part of the body belongs to calls that return querysets."""
        plan = ["library.Book", []]
        body = writes.caller.serializer.dumps([[plan], {}, [plan, "rows"]]).body
        with pytest.raises(Failed) as raised:
            writes.caller("library.Book.objects.delete", _body=body)
        assert raised.value.code == FailureCode.REFUSED
        assert Book.objects.count() == 24


class TestWhole:
    """Or not at all: these transactions end."""

    def test_done(self, for_good: Writes) -> None:
        row = for_good(*for_good.on("Book", "create", book()))
        assert Book.objects.get(pk="1").title == row.text

    def test_undone_after_the_first_row(self, for_good: Writes) -> None:
        rows = [{"name": "New"}, {"name": "Caxton"}]
        for_good.raised(
            "django.db.utils.IntegrityError", *for_good.on("Publisher", "bulk_create", rows, {})
        )
        assert not Publisher.objects.filter(name="New").exists()

    def test_undone_after_a_refusal(
        self, for_good: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            BookRPC, "get_queryset", lambda self, context: Book.objects.filter(genre="novel")
        )
        new = changes(genre=Literal("poetry"))
        for call in (
            for_good.on("Book", "update", new),
            for_good.on("Book", "create", book(genre="poetry")),
            ("library.Book.save", ref("Book", FIRST), {"genre": "poetry"}, {}),
        ):
            for_good.refused(*call, code=FailureCode.DENIED)
        assert Book.objects.filter(genre="novel").count() == 8
        assert Book.objects.count() == 24

    def test_undone_after_what_came_before_in_a_relation(
        self, for_good: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Author.objects.update(mentor=None)

        def may(self: Any, context: Any, obj: Any = None) -> bool:
            return bool(obj.pk != 5)

        from tests.apps.library.rpc import AuthorRPC

        Author.objects.filter(pk__in=(4, 5)).update(mentor=1)
        monkeypatch.setattr(AuthorRPC, "has_change_permission", may)
        call = ("library.Author.relate", ref("Author", 1), "pupils", "set", [6])
        for_good.refused(*call, code=FailureCode.DENIED)
        found = Author.objects.filter(mentor=1).values_list("pk", flat=True)
        assert set(found) == {4, 5}

    @lock_rows
    def test_found_after_another_has_created_it(
        self, for_good: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between looking for it and creating it."""
        alias = for_good.shelf.alias

        def full_clean(self: Any, *args: Any, **options: Any) -> None:
            if not Publisher.objects.using(alias).filter(name="New").exists():
                other = Thread(target=create_elsewhere)
                other.start()
                other.join()
            models.Model.full_clean(self, *args, **options)

        def create_elsewhere() -> None:
            try:
                Publisher.objects.using(alias).create(name="New", country="XX")
            finally:
                connections[alias].close()

        monkeypatch.setattr(Publisher, "full_clean", full_clean)
        row, created = for_good(
            *for_good.on("Publisher", "get_or_create", [["name", "New"]], {"country": "FR"})
        )
        assert not created
        assert row.values[row.names.index("country")] == "XX"

    @lock_rows
    def test_a_row_is_kept_from_others_while_it_is_saved(
        self, for_good: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What they would write in between is not set back."""
        alias = for_good.shelf.alias
        refused: list[bool] = []

        def full_clean(self: Any, *args: Any, **options: Any) -> None:
            other = Thread(target=lock_elsewhere)
            other.start()
            other.join()
            models.Model.full_clean(self, *args, **options)

        def lock_elsewhere() -> None:
            try:
                with transaction.atomic(alias):
                    rows = Book.objects.using(alias).select_for_update(skip_locked=True)
                    refused.append(not rows.filter(pk=FIRST))
            finally:
                connections[alias].close()

        monkeypatch.setattr(Book, "full_clean", full_clean)
        for_good("library.Book.save", ref("Book", FIRST), {"title": "x"}, {})
        assert refused == [True]

    def test_in_time(self, for_good: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        def save(self: Any, **options: Any) -> None:
            models.Model.save(self, **options)
            numbers = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
            with connections[for_good.shelf.alias].cursor() as cursor:
                cursor.execute(f"{numbers} WHERE n < 2000000000) SELECT max(n) FROM c")

        monkeypatch.setattr(Book, "save", save)
        with pytest.raises(Failed) as raised:
            for_good.caller(
                "library.Book.save", ref("Book", FIRST), {"title": "x"}, {},
                _meta={"remaining": 500},
            )  # fmt: skip
        assert raised.value.code == FailureCode.DEADLINE
        assert Book.objects.get(pk=FIRST).title != "x"


class TestErrors:
    def test_kinds_of_constraints(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        def text(*call: Any) -> str:
            found = writes.raised("django.db.utils.IntegrityError", *call)
            assert found.details["type"] == "django.db.utils.IntegrityError"
            assert "args" not in found.details or found.details["args"] == [found.message]
            return found.message.partition("refused this; ")[2]

        taken = book(isbn=FIRST)
        assert "must be unique" in text(*writes.on("Book", "create", taken))
        monkeypatch.setattr(Book, "full_clean", lambda *_, **__: None)
        assert "a value is missing" in text(*writes.on("Book", "create", book(title=None)))
        assert "condition" in text(*writes.on("Book", "create", book(pages=-1)))

    def test_no_row_is_told(self, writes: Writes) -> None:
        Publisher.objects.filter(pk=1).update(name="Hidden Press")
        new = changes(name=Literal("Hidden Press"))
        found = writes.raised(
            "django.db.utils.IntegrityError", *writes.on("Publisher", "update", new)
        )
        assert "Hidden" not in found.message
        assert "Hidden" not in str(found.details)

    def test_who_protects_is_told_if_exposed(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        books = Secret._meta.get_field("book")
        monkeypatch.setattr(books.remote_field, "on_delete", models.PROTECT)
        call = ("library.Book.delete", ref("Book", FIRST))
        found = writes.raised("django.db.models.deletion.ProtectedError", *call)
        assert found.message.endswith("through protected foreign keys: others.")
        assert "ecret" not in str(found.details) + found.message
        monkeypatch.setattr(books.remote_field, "on_delete", models.RESTRICT)
        found = writes.raised("django.db.models.deletion.RestrictedError", *call)
        assert found.message.endswith("through restricted foreign keys: others.")
        assert Book.objects.filter(pk=FIRST).exists()

    def test_validation_errors_are_no_incidents(
        self, writes: Writes, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("INFO", "chunnel.server.calls"):
            writes.invalid(*writes.on("Book", "create", book(pages=0)))
            writes.raised(
                "django.db.utils.IntegrityError", *writes.on("Book", "create", book(isbn=FIRST))
            )
        assert {each.levelname for each in caplog.records} == {"WARNING"}

    def test_an_incident_is_one(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        def save(self: Any, **options: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Book, "save", save)
        writes.raised("ZeroDivisionError", *writes.on("Book", "create", book()))


class TestMethods:
    """Methods of instances whose effect is to write ask what changes ask."""

    def test_writing_ones(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        writes("library.Book.reprice", ref("Book", FIRST), 3)
        monkeypatch.setattr(BookRPC, "has_change_permission", lambda *_: False)
        call = ("library.Book.reprice", ref("Book", FIRST), 4)
        writes.refused(*call, code=FailureCode.DENIED)
        assert Book.objects.get(pk=FIRST).price == 3

    def test_viewing(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            BookRPC, "has_view_permission", lambda self, context, obj=None: obj is None
        )
        for call in (
            ("library.Book.reprice", ref("Book", FIRST), 4),
            ("library.Book.save", ref("Book", FIRST), {"title": "x"}, {}),
            ("library.Book.delete", ref("Book", FIRST)),
            ("library.Book.relate", ref("Book", FIRST), "tags", "clear"),
            writes.on("Book", "get_or_create", [["isbn", FIRST]], {}),
            writes.on("Book", "update_or_create", [["isbn", FIRST]], {}),
        ):
            writes.refused(*call, code=FailureCode.DENIED)


def test_a_hook_may_raise_what_it_likes(writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.exceptions import PermissionDenied

    def deny(*_: Any) -> bool:
        raise PermissionDenied("Ask the librarian.")

    monkeypatch.setattr(LoanRPC, "has_add_permission", deny)
    values = {"book": SECOND, "reader": "x", "desk": "x", "number": 1, "due": NOW}
    call = writes.on("Loan", "create", values)
    found = writes.raised("django.core.exceptions.PermissionDenied", *call)
    assert found.message == "Ask the librarian."
    assert not Loan.objects.filter(desk="x").exists()
