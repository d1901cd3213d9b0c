"""Relations of instances: what was fetched along, what was not, and what is assigned."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import NotSupportedError
from django.db.models import Prefetch
from django.template import Context, Template

from chunnel import FieldNotFetched, RemoteError, remote, remotes
from chunnel.client.models import RemoteInstance
from chunnel.test import assertNumRPCs

from .books import library  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("library")

shelf = remote.economy.library
FIRST, SECOND = "9780000000000", "9780000000001"


class TestForward:
    """A foreign key or one-to-one that this model declares."""

    def test_selected(self) -> None:
        """What came in the same query is there, each row once however many lead to it."""
        with assertNumRPCs(1):
            books = list(shelf.Book.objects.select_related("publisher").order_by("isbn"))
            publishers = [book.publisher for book in books]
        assert publishers[0] is None
        assert isinstance(publishers[1], shelf.Publisher)
        assert (publishers[1].name, publishers[1].pk) == ("Blotter", books[1].publisher_id)
        assert publishers[1] is publishers[5]

    def test_prefetched(self) -> None:
        """So is what came in a query of its own."""
        with assertNumRPCs(1):
            book = shelf.Book.objects.prefetch_related("publisher").get(isbn=SECOND)
            assert book.publisher.name == "Blotter"

    def test_deeper(self) -> None:
        """Paths lead through several models."""
        with assertNumRPCs(1):
            book = shelf.Book.objects.select_related("sequel__publisher").get(isbn=FIRST)
            assert book.sequel.publisher.name == "Blotter"
        with pytest.raises(FieldNotFetched):
            book.prequel

    def test_not_fetched(self) -> None:
        """It says what was, and how to fetch it; nothing is asked."""
        book = shelf.Book.objects.get(isbn=SECOND)
        with assertNumRPCs(0):
            with pytest.raises(FieldNotFetched) as caught:
                book.publisher
            assert not hasattr(book, "publisher")
        text = str(caught.value)
        assert "'publisher' of <Book: A book 01> was not fetched" in text
        assert "only its key was, 'publisher_id'" in text
        assert "select_related('publisher') or prefetch_related('publisher')" in text

    def test_null(self) -> None:
        """A key of None leads nowhere, which needs no asking."""
        with assertNumRPCs(1):
            assert shelf.Book.objects.get(isbn=FIRST).publisher is None

    def test_neither_it_nor_its_key(self) -> None:
        """With only() not even the key may be there."""
        remotes["economy"].schema()
        book = shelf.Book.objects.only("title").get(isbn=SECOND)
        with assertNumRPCs(0), pytest.raises(FieldNotFetched, match="neither it nor its key"):
            book.publisher

    def test_another_field_than_the_key(self) -> None:
        """A foreign key may hold another unique field."""
        arts = shelf.Category.objects.select_related("parent").get(code="arts")
        assert (arts.parent_id, arts.parent.code, arts.parent.name) == ("all", "all", "All")


class TestAssigning:
    """``loan.book = book``: nothing is sent before ``save()``."""

    def test_assign(self) -> None:
        """The column is set and counts as edited."""
        first = shelf.Publisher.objects.get(name="Aldus")
        book = shelf.Book.objects.select_related("publisher").get(isbn=SECOND)
        with assertNumRPCs(0):
            book.publisher = first
            assert (book.publisher, book.publisher_id) == (first, first.pk)
            assert book._edited == {"publisher_id"}
            book.publisher = None
            assert (book.publisher, book.publisher_id) == (None, None)

    def test_column(self) -> None:
        """To set the column is to forget what it led to, unless it is the same."""
        book = shelf.Book.objects.select_related("publisher").get(isbn=SECOND)
        publisher = book.publisher
        book.publisher_id = publisher.pk
        assert book.publisher is publisher
        book.publisher_id = 1
        with pytest.raises(FieldNotFetched):
            book.publisher

    def test_wrong_model(self) -> None:
        """In Django's words."""
        remotes["economy"].schema()
        book = shelf.Book.objects.get(isbn=SECOND)
        tag = shelf.Tag.objects.get(slug="loud")
        with pytest.raises(ValueError, match=r'"Book\.publisher" must be a "Publisher" instance'):
            book.publisher = tag
        with pytest.raises(ValueError, match=r'Cannot assign "3"'):
            book.publisher = 3

    def test_another_field_than_the_key(self) -> None:
        """The column gets what it holds over there, where it is known."""
        remotes["economy"].schema()
        arts = shelf.Category.objects.get(code="arts")
        arts.parent = shelf.Category.objects.get(code="maths")
        assert arts.parent_id == "maths"

    def test_other_relations(self) -> None:
        """They have no column here."""
        author = shelf.Author.objects.get(name="Ada")
        with pytest.raises(TypeError, match=r"Direct assignment.*Use books\.set\(\)"):
            author.books = []
        with pytest.raises(NotSupportedError, match="other end of a one-to-one"):
            author.profile = None


class TestReverseOne:
    """The other end of a one-to-one."""

    @pytest.mark.parametrize("method", ["select_related", "prefetch_related"])
    def test_fetched(self, method: str) -> None:
        """The one row, or Django's error where there is none."""
        with assertNumRPCs(1):
            authors = getattr(shelf.Author.objects, method)("profile").order_by("id")
            assert authors[0].profile.bio == "Wrote Ada's life."
        last = list(authors)[-1]
        with pytest.raises(
            shelf.Profile.DoesNotExist, match=r"^Author has no profile\.$"
        ) as caught:
            last.profile
        assert isinstance(caught.value, AttributeError | ObjectDoesNotExist)
        assert isinstance(caught.value, RemoteError)
        assert type(caught.value).__name__ == "RelatedObjectDoesNotExist"
        assert not hasattr(last, "profile")

    def test_not_fetched(self) -> None:
        """It is known without a schema, and says how to fetch it."""
        author = shelf.Author.objects.get(name="Ada")
        assert remotes["economy"].held_schema is None
        with assertNumRPCs(0), pytest.raises(FieldNotFetched, match=r"select_related\('profile'\)"):
            author.profile
        assert "profile" in dir(author)


def test_many_in_a_list_of_their_own() -> None:
    """``to_attr`` gives a plain list, of one row as of many."""
    cheap = Prefetch("books", shelf.Book.objects.filter(price__lt=10), to_attr="cheap")
    with assertNumRPCs(1):
        blotter = shelf.Publisher.objects.prefetch_related(cheap).get(name="Blotter")
        assert [book.isbn for book in blotter.cheap] == [SECOND]
    assert type(blotter.cheap) is list


class TestLeadingBack:
    """What a foreign key made leads back over it, without being fetched for that."""

    def test_prefetched(self) -> None:
        publishers = list(shelf.Publisher.objects.prefetch_related("books"))
        with assertNumRPCs(0):
            for publisher in publishers:
                assert all(book.publisher is publisher for book in publisher.books.all())

    def test_asked(self) -> None:
        publisher = shelf.Publisher.objects.get(name="Blotter")
        with assertNumRPCs(2):
            books = list(publisher.books.filter(price__gt=20))
            assert books
            assert all(book.publisher is publisher for book in books)
            assert publisher.books.get(isbn=SECOND).publisher is publisher

    def test_other_rows(self) -> None:
        """A queryset that was joined with another one has other publishers as well."""
        publisher = shelf.Publisher.objects.get(name="Blotter")
        books = list(publisher.books.filter(price__gt=20) | shelf.Book.objects.filter(pages=42))
        strangers = [book for book in books if book.publisher_id != publisher.pk]
        for book in strangers:
            with pytest.raises(FieldNotFetched):
                book.publisher

    def test_one_to_one(self) -> None:
        """Both ends know each other."""
        author = shelf.Author.objects.select_related("profile").get(name="Ada")
        profile = shelf.Profile.objects.select_related("author").get(author__name="Ada")
        with assertNumRPCs(0):
            assert author.profile.author is author
            assert profile.author.profile is profile

    def test_many_to_many(self) -> None:
        """There is no one row to lead back to."""
        book = shelf.Book.objects.prefetch_related("tags").get(isbn=SECOND)
        with assertNumRPCs(1):
            assert book in list(book.tags.all()[0].books.all())

    def test_created(self) -> None:
        publisher = shelf.Publisher.objects.get(name="Blotter")
        other = shelf.Book.objects.get(isbn=SECOND)
        made = publisher.books.create(
            isbn="1", title="x", price=1, pages=1, added=other.added, meta={"a": 1}
        )
        assert made.publisher is publisher


def test_pickle_and_copy() -> None:
    """What was fetched along goes along; a copy's relations are its own."""
    book = shelf.Book.objects.select_related("publisher").prefetch_related("tags").get(isbn=SECOND)
    with assertNumRPCs(0):
        tags = list(book.tags.all())
        for again in (pickle.loads(pickle.dumps(book)), copy.copy(book), copy.deepcopy(book)):
            assert again.publisher.name == "Blotter"
            assert list(again.tags.all()) == tags
            again.publisher_id = 1
        assert book.publisher.name == "Blotter"


def test_templates() -> None:
    """Relations that were fetched are shown; the others are as if absent."""
    books = shelf.Book.objects.select_related("publisher").prefetch_related("tags")
    page = Template(
        "{{ b.publisher.name }}:{% for t in b.tags.all %}{{ t }},{% endfor %}{{ b.sequel.title }}"
        "{{ b.tags.clear }}{{ b.save }}{{ b.delete }}"
    )
    book = books.get(isbn=SECOND)
    with assertNumRPCs(0):
        text = page.render(Context({"b": book}))
    assert text == "Blotter:Rare,"


def test_related_instances_are_whole() -> None:
    """They have methods and relations of their own."""
    book: Any = shelf.Author.objects.prefetch_related("books").get(name="Ada").books.all()[0]
    assert isinstance(book, RemoteInstance)
    assert callable(book.reprice)
    assert not hasattr(book, "wipe")
