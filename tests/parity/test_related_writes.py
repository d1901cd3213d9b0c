"""Writes through relations, and of instances that hold others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .cases import requests, told, writing

ONE, TWO = "9780000000001", "9780000000002"
NEW = {
    "isbn": "9781111111111",
    "title": "New",
    "price": Decimal("9.50"),
    "pages": 12,
    "added": dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
    "genre": "poetry",
}


def at(model: str, key: Any, relation: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a body that fetches an instance, changes what it leads to, and lists that."""

    def body(lib: Any) -> Any:
        manager = getattr(getattr(lib, model).objects.get(pk=key), relation)
        found = change(manager)
        return found, sorted(str(row.pk) for row in manager.all())

    return body


test_reverse = writing(
    {
        "create": at("Publisher", 5, "books", lambda books: books.create(**NEW).publisher_id),
        "create a pupil": at(
            "Author",
            9,
            "pupils",
            lambda pupils: pupils.create(name="Kim", joined=NEW["added"]).name,
        ),
        "create, to a field": at(
            "Category", 2, "children", lambda them: them.create(code="art", name="Art").parent_id
        ),
        "create a loan": at("Book", ONE, "tags", lambda tags: tags.create(slug="x", label="X").pk),
        "from the side that is not declared": told(
            "NotExposed",
            "Nothing is exposed as 'library.Tag.relate'",
            at("Tag", "rare", "books", lambda books: books.add(TWO)),
            requests=2,
        ),
        "clear what may be null": at("Author", 1, "pupils", lambda pupils: pupils.clear()),
        "get_or_create": at(
            "Publisher", 4, "books", lambda books: books.get_or_create(isbn="9780000000003")[1]
        ),
        "update": at("Publisher", 4, "books", lambda books: books.update(pages=3)),
        "filter and update": at(
            "Publisher", 4, "books", lambda books: books.filter(genre="novel").update(pages=3)
        ),
        "add where nothing is declared": told(
            "QueryRefused",
            "does not let the relation 'books' be written",
            at("Author", 1, "books", lambda books: books.add(ONE)),
            requests=2,
        ),
        "filter and delete": at(
            "Book", ONE, "loans", lambda loans: loans.filter(desk="east").delete()[0]
        ),
        "delete": at("Book", ONE, "loans", lambda loans: loans.all().delete()[0]),
    },
    number=3,
)


def saved(set_up: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Return a body that changes a book and saves it."""

    def body(lib: Any) -> Any:
        book = lib.Book.objects.get(pk=ONE)
        set_up(lib, book)
        book.save()
        return book.publisher_id, book.sequel_id, book.title

    return body


def assign(lib: Any, book: Any) -> None:
    book.publisher = lib.Publisher.objects.get(name="Dusk")


def assign_nothing(lib: Any, book: Any) -> None:
    book.publisher = None


def assign_one(lib: Any, book: Any) -> None:
    book.sequel = lib.Book.objects.get(pk="9780000000007")


def new_with_instance(lib: Any) -> Any:
    book = lib.Book(**NEW, publisher=lib.Publisher.objects.get(name="Dusk"))
    book.save()
    return book.pk, book.publisher_id, book.publisher.name


def profile(lib: Any) -> Any:
    made = lib.Profile(author=lib.Author.objects.get(pk=9), bio="New")
    made.save()
    return made.pk, made.bio


def saved_twice(lib: Any) -> Any:
    tag = lib.Tag(slug="old", label="Old")
    tag.save()
    tag.label = "Older"
    tag.save()
    return lib.Tag.objects.get(pk="old").label


def never_saved(lib: Any) -> None:
    lib.Tag(slug="none", label="None").save(force_update=True)


test_instances = writing(
    {
        "a foreign key": requests(3, saved(assign)),
        "a foreign key to nothing": saved(assign_nothing),
        "one-to-one": requests(3, saved(assign_one)),
        "a new one with another": new_with_instance,
        "a new one-to-one": profile,
        "twice": requests(3, saved_twice),
        "of what is not there, by force": requests(1, never_saved),
        "refreshed": requests(
            3,
            lambda lib: (
                book := lib.Book.objects.get(pk=ONE),
                lib.Book.objects.filter(pk=ONE).update(title="Other"),
                book.refresh_from_db(),
                book.title,
            )[-1],
        ),
    },
    number=2,
)
