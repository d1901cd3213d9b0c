"""Writing along relations: many-to-many, and the other ends of foreign keys."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef
from tests.apps.library.models import Author, Book, Loan, Publisher, Tag
from tests.apps.library.rpc import AuthorRPC, BookRPC, TagRPC

from .test_creating import value
from .test_writer import FIRST, SECOND, book
from .writes import Writes, ref

BOOK = ref("Book", FIRST)


def tags() -> set[str]:
    return set(Book.objects.get(pk=FIRST).tags.values_list("pk", flat=True))


def pupils() -> set[int]:
    return set(Author.objects.filter(mentor=1).values_list("pk", flat=True))


def hide_tags(monkeypatch: pytest.MonkeyPatch, *slugs: str) -> None:
    monkeypatch.setattr(
        TagRPC, "get_queryset", lambda self, context: Tag.objects.exclude(pk__in=slugs)
    )


class TestManyToMany:
    @pytest.fixture(autouse=True)
    def tagged(self, writes: Writes) -> None:
        Book.objects.get(pk=FIRST).tags.set(["classic", "rare"])

    @pytest.mark.parametrize(
        ("operation", "given", "left"),
        [
            ("add", ["loud"], {"classic", "rare", "loud"}),
            ("add", ["loud", "loud", "classic"], {"classic", "rare", "loud"}),
            ("add", [ref("Tag", "loud"), "new"], {"classic", "rare", "loud", "new"}),
            ("add", [], {"classic", "rare"}),
            ("remove", ["classic"], {"rare"}),
            ("remove", [ref("Tag", "loud"), ref("Tag", "rare")], {"classic"}),
            ("remove", ["nobody", 7], {"classic", "rare"}),
            ("set", ["loud", ref("Tag", "rare")], {"loud", "rare"}),
            ("set", [], set()),
            ("clear", [], set()),
        ],
    )
    def test_operations(
        self, writes: Writes, operation: str, given: list[Any], left: set[str]
    ) -> None:
        assert writes("library.Book.relate", BOOK, "tags", operation, given) is None
        assert tags() == left

    def test_clear_needs_nothing_else(self, writes: Writes) -> None:
        writes("library.Book.relate", BOOK, "tags", "clear")
        assert tags() == set()

    def test_created_and_added(self, writes: Writes) -> None:
        given = {"slug": "odd", "label": "Odd"}
        row = writes("library.Book.relate", BOOK, "tags", "create", given)
        assert (row.pk, row.text) == ("odd", "Odd")
        assert "odd" in tags()

    def test_missing_ones_are_not_added(self, writes: Writes) -> None:
        for each in ("nobody", ref("Tag", "nobody"), None, [1]):
            for operation in ("add", "set"):
                call = ("library.Book.relate", BOOK, "tags", operation, ["loud", each])
                writes.raised("library.Tag.DoesNotExist", *call)
        assert tags() == {"classic", "rare"}

    def test_hidden_rows_stay_as_they_are(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hide_tags(monkeypatch, "rare", "loud")
        for operation in ("add", "set"):
            call = ("library.Book.relate", BOOK, "tags", operation, ["loud"])
            writes.raised("library.Tag.DoesNotExist", *call)
        for operation, given in (("remove", ["rare"]), ("set", ["new"]), ("clear", [])):
            writes("library.Book.relate", BOOK, "tags", operation, given)
            assert "rare" in tags()
        assert tags() == {"rare"}

    def test_the_owner_is_what_is_changed(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(TagRPC, "has_change_permission", lambda *_: False)
        writes("library.Book.relate", BOOK, "tags", "add", ["loud"])
        monkeypatch.setattr(BookRPC, "has_change_permission", lambda *_: False)
        for operation in ("add", "remove", "set", "clear", "create"):
            call = ("library.Book.relate", BOOK, "tags", operation, [])
            writes.refused(*call, code=FailureCode.DENIED)
        assert tags() == {"classic", "rare", "loud"}

    def test_may_they_be_viewed(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(TagRPC, "has_view_permission", lambda *_: False)
        for operation in ("add", "remove", "set", "create"):
            call = ("library.Book.relate", BOOK, "tags", operation, [])
            writes.refused(*call, code=FailureCode.DENIED)

    def test_the_owner_must_stay_in_scope(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            BookRPC, "get_queryset", lambda self, context: Book.objects.exclude(tags="loud")
        )
        call = ("library.Book.relate", BOOK, "tags", "add", ["loud"])
        writes.refused(*call, code=FailureCode.DENIED)
        assert tags() == {"classic", "rare"}

    def test_created_only_where_that_is_allowed(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = {"slug": "odd", "label": "Odd"}
        monkeypatch.setattr(TagRPC, "has_add_permission", lambda *_: False)
        call = ("library.Book.relate", BOOK, "tags", "create", given)
        writes.refused(*call, code=FailureCode.DENIED)
        monkeypatch.undo()
        call = ("library.Book.relate", BOOK, "tags", "create", {**given, "books": [FIRST]})
        writes.refused(*call)
        assert not Tag.objects.filter(pk="odd").exists()

    def test_the_side_that_is_not_declared(self, writes: Writes) -> None:
        code = FailureCode.NOT_EXPOSED
        writes.refused("library.Tag.relate", ref("Tag", "rare"), "books", "clear", code=code)

    @pytest.mark.parametrize(
        "name", ["authors", "publisher", "title", "prequel", "secrets", "nonsense", "__class__"]
    )
    def test_other_relations(self, writes: Writes, name: str) -> None:
        for operation, given in (("add", []), ("clear", []), ("create", {})):
            writes.refused("library.Book.relate", BOOK, name, operation, given)

    @pytest.mark.parametrize(
        "args",
        [
            (BOOK, "tags", "through", []),
            (BOOK, "tags", None, []),
            (BOOK, 5, "add", []),
            (BOOK, "tags", "add", "rare"),
            (BOOK, "tags", "add", {"rare": 1}),
            (BOOK, "tags", "add", [ref("Author", 1)]),
            (BOOK, "tags", "create", None),
            (BOOK, "tags"),
            (FIRST, "tags", "add", []),
        ],
    )
    def test_malformed(self, writes: Writes, args: Any) -> None:
        writes.refused("library.Book.relate", *args, code=FailureCode.MALFORMED)


class TestForeignKeys:
    @pytest.fixture(autouse=True)
    def mentored(self, writes: Writes) -> None:
        Author.objects.update(mentor=None)
        Author.objects.filter(pk__in=(2, 3)).update(mentor=1)

    OWNER = InstanceRef("library.Author", 1)

    @pytest.mark.parametrize(
        ("operation", "given", "left"),
        [
            ("add", [ref("Author", 4), 5], {2, 3, 4, 5}),
            ("remove", [ref("Author", 2)], {3}),
            ("set", [3, 4], {3, 4}),
            ("set", [], set()),
            ("clear", [], set()),
        ],
    )
    def test_operations(
        self, writes: Writes, operation: str, given: list[Any], left: set[int]
    ) -> None:
        writes("library.Author.relate", self.OWNER, "pupils", operation, given)
        assert pupils() == left

    def test_created(self, writes: Writes) -> None:
        given = {"name": "Nora", "joined": "2026-01-01T00:00:00Z", "mentor": 4}
        row = writes("library.Author.relate", self.OWNER, "pupils", "create", given)
        assert value(row, "mentor_id") == 1
        assert row.pk in pupils()

    def test_what_is_not_related_cannot_be_removed(self, writes: Writes) -> None:
        call = ("library.Author.relate", self.OWNER, "pupils", "remove", [2, 4])
        found = writes.raised("library.Author.DoesNotExist", *call)
        assert found.message == (
            "library.Author with the key 4 is not related to library.Author with the key 1."
        )
        assert pupils() == {2, 3}

    def test_what_must_be_somewhere_cannot_be_removed(self, writes: Writes) -> None:
        loan = Loan.objects.filter(book=SECOND)[0]
        for operation, given in (("remove", [loan.pk]), ("clear", [])):
            call = ("library.Book.relate", ref("Book", SECOND), "loans", operation, given)
            writes.raised("AttributeError", *call)
        before = Loan.objects.filter(book=SECOND).count()
        writes("library.Book.relate", BOOK, "loans", "set", [loan.pk])
        loan.refresh_from_db()
        assert loan.book_id == FIRST
        assert Loan.objects.filter(book=SECOND).count() == before - 1

    def test_the_rows_there_are_what_is_changed(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            AuthorRPC, "has_change_permission", lambda self, context, obj: obj.pk == 4
        )
        writes("library.Author.relate", self.OWNER, "pupils", "add", [4])
        for operation, given in (("add", [5]), ("remove", [2]), ("set", [4]), ("clear", [])):
            call = ("library.Author.relate", self.OWNER, "pupils", operation, given)
            writes.refused(*call, code=FailureCode.DENIED)
        assert pupils() == {2, 3, 4}

    def test_rows_must_stay_in_scope(self, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            AuthorRPC,
            "get_queryset",
            lambda self, context: Author.objects.filter(mentor__isnull=True),
        )
        call = ("library.Author.relate", self.OWNER, "pupils", "add", [4])
        writes.refused(*call, code=FailureCode.DENIED)
        call = ("library.Author.relate", self.OWNER, "pupils", "create", {"name": "N"})
        assert pupils() == {2, 3}

    def test_hidden_rows_stay_as_they_are(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            AuthorRPC, "get_queryset", lambda self, context: Author.objects.exclude(pk=2)
        )
        writes("library.Author.relate", self.OWNER, "pupils", "set", [4])
        assert pupils() == {2, 4}
        writes("library.Author.relate", self.OWNER, "pupils", "clear")
        assert pupils() == {2}

    def test_only_if_the_foreign_key_may_be_written(
        self, writes: Writes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exposed = writes.caller.dispatcher.registry.model(Book)
        assert exposed is not None
        kept = tuple(name for name in exposed.writable.columns if name != "publisher")
        monkeypatch.setattr(exposed, "writable", exposed.writable._replace(columns=kept))
        owner = ref("Publisher", 2)
        for operation, given in (("add", [FIRST]), ("set", []), ("clear", []), ("create", book())):
            writes.refused("library.Publisher.relate", owner, "books", operation, given)
        assert not Publisher.objects.get(pk=2).books.filter(pk=FIRST).exists()

    def test_statements(self, writes: Writes) -> None:
        call = ("library.Author.relate", self.OWNER, "pupils", "add", [4, 5, 6])
        # The owner and the rows are loaded, as a caller has them locally, and updated as there.
        assert len(writes.statements(lambda: writes(*call))) == 3
