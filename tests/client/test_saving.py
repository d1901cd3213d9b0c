"""Saving, deleting and refreshing instances."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, NotSupportedError
from django.db.models import F

from chunnel import FieldNotFetched, NotExposed, QueryRefused, RemoteError, remote, remotes
from chunnel.test import assertNumRPCs, override_remote
from chunnel.values import InstanceRef
from tests.apps.library import models as local

from .books import library  # noqa: F401 - a fixture

shelf = remote.economy.library
SECOND = "9780000000001"


def _sent(calls: Any) -> Any:
    (call,) = calls
    return call.args


@pytest.mark.usefixtures("library")
class TestSave:
    """``save()`` sends what was edited and takes over what is then over there."""

    def test_new(self) -> None:
        """A row is made; its key and defaults arrive."""
        remotes["economy"].schema()
        publisher = shelf.Publisher(name="Rialto", founded=dt.date(1999, 1, 2))
        with assertNumRPCs(1) as calls:
            publisher.save()
        assert _sent(calls)[:2] == (
            InstanceRef("library.Publisher", None),
            {"name": "Rialto", "founded": dt.date(1999, 1, 2)},
        )
        row = local.Publisher.objects.get(name="Rialto")
        assert (publisher.pk, publisher.id, publisher.country) == (row.pk, row.pk, "GB")
        assert (str(publisher), publisher._state.adding) == ("Rialto", False)
        assert publisher == shelf.Publisher.objects.get(name="Rialto")
        publisher.country = "IT"
        publisher.save()
        row.refresh_from_db()
        assert row.country == "IT"

    def test_changed_fields_alone(self) -> None:
        """What others have changed meanwhile is not set back, and arrives."""
        remotes["economy"].schema()
        book = shelf.Book.objects.get(isbn=SECOND)
        local.Book.objects.filter(isbn=SECOND).update(pages=999)
        book.title = "Changed"
        with assertNumRPCs(1) as calls:
            book.save()
        assert _sent(calls) == (
            InstanceRef("library.Book", SECOND),
            {"title": "Changed"},
            {"force_insert": False, "force_update": False, "update_fields": None},
        )
        assert (book.pages, book.title, str(book)) == (999, "Changed", "Changed")
        assert book.reprice(Decimal(3)) == Decimal("4.49")  # it has no unsaved changes

    def test_update_fields(self) -> None:
        """These travel, edited or not; other edits stay edits."""
        book = shelf.Book.objects.get(isbn=SECOND)
        book.title, book.pages = "Changed", 7
        book.save(update_fields=["pages", "genre"])
        row = local.Book.objects.get(isbn=SECOND)
        assert (row.title, row.pages) == ("A book 01", 7)
        assert (book.title, book._edited) == ("Changed", {"title"})
        book.save()
        row.refresh_from_db()
        assert row.title == "Changed"
        with assertNumRPCs(0):
            book.save(update_fields=[])
        with pytest.raises(ValueError, match=r"do not exist in this model.*: nothing"):
            book.save(update_fields=["nothing"])
        with pytest.raises(TypeError, match="listed"):
            book.save(update_fields="pages")

    def test_update_fields_that_were_not_fetched(self) -> None:
        """There is nothing to send."""
        book = shelf.Book.objects.only("title").get(isbn=SECOND)
        with pytest.raises(FieldNotFetched, match=r"'pages'.*save\(\) cannot send it"):
            book.save(update_fields=["pages"])

    def test_a_field_that_was_not_fetched(self) -> None:
        """To set it is to edit it, before anybody knows that it is one."""
        book = shelf.Book.objects.only("title").get(isbn=SECOND)
        assert remotes["economy"].held_schema is None
        book.pages, book.note = 77, "no field"
        book.save()
        assert local.Book.objects.get(isbn=SECOND).pages == 77
        assert book.note == "no field"

    def test_relations(self) -> None:
        """What was assigned travels as a reference; keys as what the column holds."""
        remotes["economy"].schema()
        book = shelf.Book.objects.get(isbn=SECOND)
        book.publisher = shelf.Publisher.objects.get(name="Aldus")
        with assertNumRPCs(1) as calls:
            book.save()
        assert _sent(calls)[1] == {"publisher": InstanceRef("library.Publisher", 1)}
        assert local.Book.objects.get(isbn=SECOND).publisher_id == 1
        with assertNumRPCs(0):
            assert book.publisher.name == "Aldus"
        book.publisher_id = 2
        book.save()
        assert local.Book.objects.get(isbn=SECOND).publisher_id == 2
        book.publisher = None
        book.save()
        assert local.Book.objects.get(isbn=SECOND).publisher_id is None
        arts = shelf.Category.objects.get(code="arts")
        arts.parent = shelf.Category.objects.get(code="maths")
        arts.save()
        assert (arts.parent_id, local.Category.objects.get(code="arts").parent_id) == (
            "maths",
            "maths",
        )

    def test_unsaved_relation(self) -> None:
        """It has no key to send; once it was saved it has."""
        book = shelf.Book.objects.get(isbn=SECOND)
        book.publisher = made = shelf.Publisher(name="Late")
        with pytest.raises(ValueError, match="unsaved related object 'publisher'"):
            book.save()
        made.save()
        book.save()
        assert (book.publisher, book.publisher_id) == (made, made.pk)

    def test_copies(self) -> None:
        """Django's way to copy a row: all of it is new."""
        author = shelf.Author.objects.get(name="Ada")
        key = author.pk
        author.pk = None
        author._state.adding = True
        author.name = "Ada II"
        author.save()
        assert author.pk not in (None, key)
        row = local.Author.objects.get(name="Ada II")
        assert (row.pk, row.joined) == (author.pk, author.joined)
        other = shelf.Author.objects.get(name="Bela")
        other._state.adding = True
        assert other.pk is not None
        other.pk = None
        other.save()
        assert local.Author.objects.filter(name="Bela").count() == 2
        again = shelf.Author.objects.get(name="Ada")
        again.pk = None
        again.save()
        assert local.Author.objects.filter(name="Ada").count() == 2

    def test_forced(self) -> None:
        """As in Django, in its words."""
        tag = shelf.Tag(slug="loud", label="Loud again")
        with pytest.raises(IntegrityError):
            tag.save(force_insert=True)
        with pytest.raises(DatabaseError, match="Forced update did not affect any rows"):
            shelf.Tag(slug="none", label="x").save(force_update=True)
        with pytest.raises(ValueError, match="Cannot force both insert and updating"):
            tag.save(True, True)
        with pytest.raises(ValueError, match="Cannot force both insert and updating"):
            tag.save(force_insert=True, update_fields=["label"])
        existing = shelf.Tag.objects.get(slug="loud")
        with pytest.raises(IntegrityError):
            existing.save(force_insert=True)
        existing.save(force_update=True)

    def test_errors(self) -> None:
        """They arrive as themselves, with all that they say."""
        book = shelf.Book.objects.get(isbn=SECOND)
        book.pages, book.genre = 0, "opera"
        with pytest.raises(ValidationError) as caught:
            book.save()
        assert isinstance(caught.value, RemoteError)
        assert caught.value.message_dict.keys() >= {"genre"}
        assert book._edited == {"pages", "genre"}
        loan = shelf.Loan.objects.all()[0]
        again = shelf.Loan(
            book=loan_book(loan), reader="x", desk=loan.desk, number=loan.number, due=loan.due
        )
        with pytest.raises(ValidationError):
            again.save()
        gone = shelf.Tag.objects.get(slug="loud")
        local.Tag.objects.filter(slug="loud").delete()
        gone.label = "x"
        with pytest.raises(shelf.Tag.DoesNotExist):
            gone.save()

    def test_refusals(self) -> None:
        """What is not declared writable, and what is no value."""
        publisher = shelf.Publisher.objects.get(name="Aldus")
        item = shelf.Item.objects.first()
        item.label = "x"
        with pytest.raises((NotExposed, QueryRefused)):
            item.save()
        book = shelf.Book.objects.get(isbn=SECOND)
        book.pages = F("pages") + 1
        with pytest.raises(NotSupportedError, match=r"'pages'.*update\(\)"):
            book.save()
        for call in (
            lambda: publisher.save(using="default"),
            lambda: publisher.delete(using="default"),
            lambda: publisher.delete(keep_parents=True),
            lambda: publisher.refresh_from_db(using="default"),
            lambda: publisher.save(force_insert=(local.Item,)),
        ):
            with pytest.raises(NotSupportedError):
                call()

    def test_choices_and_texts(self) -> None:
        """Members of enumerations and lazy texts travel as what they are."""
        book = shelf.Book.objects.get(isbn=SECOND)
        book.genre = local.Book.Genre.SCIENCE
        book.save()
        assert (book.genre, type(book.genre)) == ("science", str)

    def test_asynchronously(self) -> None:
        """``asave``, ``arefresh_from_db`` and ``adelete``."""

        async def run() -> Any:
            tag = await shelf.Tag.objects.aget(slug="loud")
            tag.label = "LOUD"
            await tag.asave()
            assert (await shelf.Tag.objects.aget(slug="loud")).label == "LOUD"
            tag.label = "edited"
            await tag.arefresh_from_db(fields=["label"])
            assert tag.label == "LOUD"
            return await tag.adelete()

        total, _ = asyncio.run(run())
        assert total >= 1
        assert not local.Tag.objects.filter(slug="loud").exists()


def loan_book(loan: Any) -> Any:
    return shelf.Book.objects.get(isbn=loan.book_id)


@pytest.mark.usefixtures("library")
class TestDelete:
    """``delete()`` and what remains of the instance."""

    def test_delete(self) -> None:
        """It says what Django says; the instance has no key any longer and can be saved again."""
        loan = shelf.Loan.objects.all()[0]
        remotes["economy"].schema()
        key = loan.pk
        with assertNumRPCs(1) as calls:
            assert loan.delete() == (1, {"library.Loan": 1})
        assert _sent(calls) == (InstanceRef("library.Loan", key),)
        assert (loan.pk, loan.id) == (None, None)
        with pytest.raises(ValueError, match="Loan object can't be deleted because its id"):
            loan.delete()
        with pytest.raises(shelf.Loan.DoesNotExist):
            shelf.Loan.objects.get(pk=key)

    def test_refused(self) -> None:
        """Where it is not declared there is no such door."""
        item = shelf.Item.objects.first()
        with pytest.raises(NotExposed):
            item.delete()


@pytest.mark.usefixtures("library")
class TestRefresh:
    """``refresh_from_db()``: the fields as they are now, in one request."""

    def test_all(self) -> None:
        """Edits and what relations led to are lost."""
        book = shelf.Book.objects.select_related("publisher").get(isbn=SECOND)
        local.Book.objects.filter(isbn=SECOND).update(title="New", publisher=1)
        book.pages = 3
        with assertNumRPCs(1):
            book.refresh_from_db()
        assert (book.title, str(book), book.pages, book.publisher_id) == ("New", "New", 41, 1)
        assert book._edited == set()
        with pytest.raises(FieldNotFetched):
            book.publisher

    def test_some(self) -> None:
        """The rest stays, edits too."""
        book = shelf.Book.objects.prefetch_related("tags", "publisher").get(isbn=SECOND)
        local.Book.objects.filter(isbn=SECOND).update(title="New", pages=3)
        book.genre = "poetry"
        with assertNumRPCs(1):
            book.refresh_from_db(fields=["title"])
        assert (book.title, book.pages, book.genre, book._edited) == (
            "New",
            41,
            "poetry",
            {"genre"},
        )
        with assertNumRPCs(0):
            assert book.publisher.name == "Blotter"
            book.refresh_from_db(fields=["tags"])
        with assertNumRPCs(1):
            assert len(book.tags.all()) == 1
        book.refresh_from_db(fields=["publisher"])
        with pytest.raises(FieldNotFetched):
            book.publisher

    def test_from_a_queryset(self) -> None:
        """It says which rows there are and what comes along."""
        book = shelf.Book.objects.get(isbn=SECOND)
        with assertNumRPCs(1):
            book.refresh_from_db(from_queryset=shelf.Book.objects.select_related("publisher"))
            assert book.publisher.name == "Blotter"
        with pytest.raises(shelf.Book.DoesNotExist):
            book.refresh_from_db(from_queryset=shelf.Book.objects.filter(price__gt=999))
        with pytest.raises(TypeError, match="queryset of Book"):
            book.refresh_from_db(from_queryset=shelf.Tag.objects.all())

    def test_deferred_fields(self) -> None:
        """Which columns are not here."""
        tag = shelf.Tag.objects.only("label").get(slug="loud")
        assert tag.get_deferred_fields() <= {"slug"}
        tag.refresh_from_db()
        assert tag.get_deferred_fields() == set()
        book = shelf.Book.objects.only("title").get(isbn=SECOND)
        assert {"pages", "publisher_id"} <= book.get_deferred_fields()

    def test_serializable_value(self) -> None:
        """A foreign key's is its key, by either name, with a schema and without."""
        book = shelf.Book.objects.get(isbn=SECOND)
        for _ in range(2):
            assert book.serializable_value("title") == "A book 01"
            assert book.serializable_value("publisher") == 2
            assert book.serializable_value("publisher_id") == 2
            assert book.serializable_value("pk") == SECOND
            remotes["economy"].schema()


def test_fakes() -> None:
    """A test may answer for the door; what it says is taken over, or nothing."""
    saved = []

    def save(ref: Any, values: Any, options: Any) -> None:
        saved.append((ref.pk, values, options["force_insert"]))

    fakes = {
        "money.Account": [{"id": 1, "uid": 1, "owner": "x"}],
        "money.Account.save": save,
        "money.Account.delete": lambda ref: (1, {"money.Account": 1}),
    }
    with override_remote("economy", fakes):
        account = remote.economy.money.Account.objects.get(uid=1)
        account.owner = "y"
        account.save()
        account.save()
        new = remote.economy.money.Account(uid=2)
        new.save(force_insert=True)
        assert saved == [
            (1, {"owner": "y"}, False),
            (1, {}, False),
            (None, {"uid": 2}, True),
        ]
        assert not new._state.adding
        assert account.delete() == (1, {"money.Account": 1})
        assert account.pk is None
