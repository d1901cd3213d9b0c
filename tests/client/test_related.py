"""Managers of relations to many rows."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Count, Prefetch

from chunnel import CallError, RemoteError, remote, remotes
from chunnel.client.querysets import RemoteQuerySet
from chunnel.client.related import RelatedManager
from chunnel.test import assertNumRPCs
from tests.apps.library import models as local

from .books import library  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("library")

shelf = remote.economy.library
SECOND = "9780000000001"


def _book(*prefetched: Any) -> Any:
    return shelf.Book.objects.prefetch_related(*prefetched).get(isbn=SECOND)


def _tags() -> list[str]:
    return sorted(local.Book.objects.get(isbn=SECOND).tags.values_list("slug", flat=True))


def test_asking() -> None:
    """Without rows it is a queryset of the relation; naming it asks nothing."""
    publisher = shelf.Publisher.objects.get(name="Blotter")
    assert remotes["economy"].held_schema is None
    with assertNumRPCs(0):
        books = publisher.books
        assert isinstance(books, RelatedManager)
        assert isinstance(books.all(), RemoteQuerySet)
        assert books.model is shelf.Book
        assert repr(books) == "<RelatedManager books of <Publisher: Blotter>>"
        assert books == publisher.books
        assert hash(books) == hash(publisher.books)
        assert books != publisher
        assert pickle.loads(pickle.dumps(books)) == books
        assert {"add", "set", "filter", "all"} <= set(dir(books))
    with assertNumRPCs(1):
        keys = [book.isbn for book in books.filter(price__gt=40).order_by("isbn")]
    wanted = local.Publisher.objects.get(name="Blotter").books.filter(price__gt=40)
    assert keys == [book.isbn for book in wanted.order_by("isbn")] != []
    with assertNumRPCs(2):
        assert books.count() == local.Book.objects.filter(publisher__name="Blotter").count()
        assert books.all().exists()


def test_prefetched() -> None:
    """Rows that are there answer all(), and what needs no more than them; the rest asks."""
    book = _book("tags", "authors")
    with assertNumRPCs(0):
        assert [tag.slug for tag in book.tags.all()] == ["rare"]
        assert book.tags.count() == 1
        assert book.tags.exists()
        assert book.tags.all()[0].label == "Rare"
        assert [author.name for author in book.authors.all()] == [
            author.name for author in local.Book.objects.get(isbn=SECOND).authors.all()
        ]
    with assertNumRPCs(1):
        assert [tag.slug for tag in book.tags.filter(slug="rare")] == ["rare"]


def test_prefetched_by_a_queryset() -> None:
    """A Prefetch chooses rows and order; empty is empty without asking."""
    some = Prefetch("books", shelf.Book.objects.filter(price__gt=40).order_by("-isbn"))
    publishers = shelf.Publisher.objects.prefetch_related(some).order_by("name")
    with assertNumRPCs(1):
        found = {each.name: [book.isbn for book in each.books.all()] for each in publishers}
    assert found["Empty"] == []
    assert found["Blotter"] == sorted(found["Blotter"], reverse=True) != []


def test_refining_what_a_queryset_prefetched() -> None:
    """Its conditions, order and annotations stay; what writes forgets them with the rows."""
    dear = shelf.Book.objects.filter(price__gt=40).order_by("-isbn").annotate(n=Count("authors"))
    publishers = shelf.Publisher.objects.prefetch_related(Prefetch("books", dear))
    for made in (
        publishers.get(name="Blotter"),
        publishers.filter(name="Blotter").first(),
        next(publishers.filter(name="Blotter").iterator(100)),
        pickle.loads(pickle.dumps(publishers.get(name="Blotter"))),
    ):
        with assertNumRPCs(1):
            found = [(book.isbn, book.n) for book in made.books.filter(pages__gt=0)]
        wanted = local.Publisher.objects.get(name="Blotter").books.filter(price__gt=40)
        counted = wanted.order_by("-isbn").annotate(n=Count("authors"))
        assert found == [(book.isbn, book.n) for book in counted] != []
        assert 0 < len(found) < local.Book.objects.filter(publisher__name="Blotter").count()
    made.books.create(isbn="new", title="New", price=1, pages=1, added=_due())
    assert made.books.get(price=1).publisher is made


def test_unsaved() -> None:
    """What has no key leads to nothing, in Django's words."""
    with pytest.raises(ValueError, match="needs to have a primary key value"):
        shelf.Author(name="New").books


class TestChanging:
    """``add``, ``remove``, ``set`` and ``clear``, each with its twin."""

    def test_many_to_many(self) -> None:
        """Instances and keys alike; what was prefetched is forgotten."""
        book, loud = _book("tags"), shelf.Tag.objects.get(slug="loud")
        with assertNumRPCs(1):
            book.tags.add(loud, "new")
        assert _tags() == ["loud", "new", "rare"]
        assert book.tags.count() == 3
        with assertNumRPCs(1):
            book.tags.remove("rare", "new")
        assert _tags() == ["loud"]
        book.tags.set(["classic", loud])
        assert _tags() == ["classic", "loud"]
        book.tags.clear()
        assert _tags() == []
        with assertNumRPCs(0):
            book.tags.add()
            book.tags.remove()

    def test_asynchronously(self) -> None:
        """The same, awaited."""
        book, loud = _book("tags"), shelf.Tag.objects.get(slug="loud")

        async def change() -> None:
            await book.tags.aadd(loud, "new")
            await book.tags.aremove("rare")
            await book.tags.aset(["classic", "new"])
            await book.tags.aadd()
            await book.tags.aremove()

        asyncio.run(change())
        assert _tags() == ["classic", "new"]

        async def clear() -> None:
            await book.tags.aclear()

        asyncio.run(clear())
        assert _tags() == []

    def test_create(self) -> None:
        """A new row is related at once, and what was prefetched is forgotten."""
        book = _book("tags")
        with assertNumRPCs(1):
            made = book.tags.create(slug="odd", label="Odd")
        assert isinstance(made, shelf.Tag)
        assert _tags() == ["odd", "rare"]
        assert book.tags.count() == 2
        loan = book.loans.create(reader="Ada", desk="north", number=1, due=_due())
        assert loan.book_id == SECOND

    def test_wrong_objects(self) -> None:
        """They are refused here, before anything is sent."""
        book, author = _book(), shelf.Author.objects.get(name="Ada")
        with assertNumRPCs(0):
            with pytest.raises(TypeError, match="'Tag' instance expected"):
                book.tags.add(author)
            with pytest.raises(TypeError, match="'Tag' instance expected"):
                book.tags.add(local.Tag.objects.get(slug="new"))
            with pytest.raises(NotSupportedError, match="through_defaults"):
                book.tags.add("new", through_defaults={"x": 1})
            with pytest.raises(NotSupportedError, match="clear"):
                book.tags.set(["new"], clear=True)
        remotes["economy"].schema()
        with assertNumRPCs(0), pytest.raises(ValueError, match="was not saved"):
            author.pupils.add(shelf.Author(name="No key"))

    def test_refused(self) -> None:
        """What the model does not declare writable the server refuses."""
        with pytest.raises(RemoteError) as caught:
            _book().authors.add(1)
        assert not isinstance(caught.value, CallError)


def _due() -> Any:
    return local.Loan.objects.first().due  # type: ignore[union-attr]
