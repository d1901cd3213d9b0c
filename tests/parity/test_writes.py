"""Writes: of querysets, of instances and of relations, and what the tables hold after them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Max, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Concat, Length, Upper

from .cases import requests, told, writing

MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
BOOK: dict[str, Any] = {
    "isbn": "9781111111111",
    "title": "New",
    "price": Decimal("9.50"),
    "pages": 12,
    "added": MOMENT,
    "genre": "poetry",  # the default is a member of an enumeration until it was read again
}
ONE = "9780000000001"

test_create = writing(
    {
        "a row": lambda lib: lib.Publisher.objects.create(name="Elm", country="FR"),
        "with defaults": lambda lib: lib.Publisher.objects.create(name="Elm"),
        "all kinds of columns": lambda lib: lib.Book.objects.create(
            **BOOK,
            published=dt.date(2020, 2, 3),
            reading_time=dt.timedelta(hours=3),
            meta={"a": [1, None, {"b": "ç"}]},
            withdrawn=True,
        ),
        "by a key": lambda lib: lib.Tag.objects.create(slug="old", label="Old"),
        "by pk": lambda lib: lib.Tag.objects.create(pk="older", label="Older"),
        "by a foreign key's column": lambda lib: lib.Book.objects.create(**BOOK, publisher_id=2),
        "by an instance": requests(
            2,
            lambda lib: lib.Book.objects.create(
                **BOOK, publisher=lib.Publisher.objects.get(name="Dusk")
            ),
        ),
        "a moment": lambda lib: lib.Author.objects.create(name="Kim", joined=MOMENT),
        "to a field": lambda lib: lib.Category.objects.create(
            code="sets", name="Sets", parent_id="maths"
        ),
        "a child": lambda lib: lib.Film.objects.create(
            label="film 9", acquired=dt.date(2020, 1, 1), minutes=3
        ),
        "the same key": lambda lib: _kind(
            lambda: lib.Tag.objects.create(slug="rare", label="Again")
        ),
        "the rows between": lambda lib: lib.Authorship.objects.create(
            book_id=ONE, author_id=9, position=7
        ),
        "not declared": told(
            "QueryRefused",
            "does not let 'shelf_price' be written; legal are: ",
            lambda lib: lib.Book.objects.create(**BOOK, shelf_price=1),
        ),
        "no such field": told(
            "QueryRefused",
            "does not let 'colour' be written",
            lambda lib: lib.Book.objects.create(**BOOK, colour=1),
        ),
        "where nothing is declared": told(
            "NotExposed", "does not allow create", lambda lib: lib.Item.objects.create(label="x")
        ),
        "what is not valid": told(
            "ValidationError",
            "A book has pages",
            lambda lib: lib.Book.objects.create(**{**BOOK, "pages": 0}),
            requests=1,
        ),
        "too long": told(
            "ValidationError",
            "at most 100 characters",
            lambda lib: lib.Publisher.objects.create(name="x" * 101),
            requests=1,
        ),
        "not one of the choices": told(
            "ValidationError",
            "'opera' is not a valid choice",
            lambda lib: lib.Book.objects.create(**{**BOOK, "genre": "opera"}),
            requests=1,
        ),
    }
)


def _kind(call: Callable[[], Any]) -> str:
    """Return what kind of error it raises: full_clean() notices first what the database would."""
    try:
        call()
    except Exception as error:
        return (
            "IntegrityError" if type(error).__name__ == "ValidationError" else type(error).__name__
        )
    return "none"


test_either = writing(
    {
        "get_or_create, there": lambda lib: lib.Publisher.objects.get_or_create(name="Dusk"),
        "get_or_create, new": lambda lib: lib.Publisher.objects.get_or_create(
            name="Elm", defaults={"country": "FR"}
        ),
        "get_or_create, defaults not needed": lambda lib: lib.Publisher.objects.get_or_create(
            name="Dusk", defaults={"country": "FR"}
        ),
        "get_or_create, called": lambda lib: lib.Publisher.objects.get_or_create(
            name="Elm", defaults={"country": lambda: "FR"}
        ),
        "get_or_create, a lookup": lambda lib: lib.Publisher.objects.get_or_create(
            name__iexact="elm", defaults={"name": "Elm"}
        ),
        "get_or_create, several": lambda lib: lib.Publisher.objects.get_or_create(country="GB"),
        "get_or_create, of some": lambda lib: lib.Publisher.objects.filter(
            country="GB"
        ).get_or_create(name="Caxton"),
        "update_or_create, there": lambda lib: lib.Publisher.objects.update_or_create(
            name="Dusk", defaults={"country": "FR"}
        ),
        "update_or_create, new": lambda lib: lib.Publisher.objects.update_or_create(
            name="Elm", defaults={"country": "FR"}
        ),
        "update_or_create, created otherwise": lambda lib: lib.Publisher.objects.update_or_create(
            name="Elm", defaults={"country": "FR"}, create_defaults={"country": "US"}
        ),
        "update_or_create, several": lambda lib: lib.Publisher.objects.update_or_create(
            country="GB", defaults={"country": "FR"}
        ),
        "update_or_create, nothing to change": lambda lib: lib.Publisher.objects.update_or_create(
            name="Dusk"
        ),
    }
)

test_update = writing(
    {
        "a value": lambda lib: lib.Book.objects.filter(genre="novel").update(pages=99),
        "several": lambda lib: lib.Book.objects.filter(genre="novel").update(
            pages=99, withdrawn=True, meta={"x": 1}, published=None
        ),
        "all": lambda lib: lib.Author.objects.update(active=False),
        "none of them": lambda lib: lib.Book.objects.filter(genre="opera").update(pages=1),
        "of none()": requests(0, lambda lib: lib.Book.objects.none().update(pages=1)),
        "F": lambda lib: lib.Book.objects.update(pages=F("pages") + 1),
        "F of another": lambda lib: lib.Author.objects.update(alias=F("name")),
        "an expression": lambda lib: lib.Book.objects.filter(pages__lt=100).update(
            price=F("price") * 2, title=Concat(F("title"), Value("!"))
        ),
        "a function": lambda lib: lib.Author.objects.update(name=Upper("name")),
        "a case": lambda lib: lib.Book.objects.update(
            pages=Case(When(genre="novel", then=F("pages") * 2), default=Value(1))
        ),
        "a condition": lambda lib: lib.Book.objects.update(withdrawn=Q(pages__gt=200)),
        "a subquery": lambda lib: lib.Author.objects.update(
            alias=Subquery(
                lib.Book.objects.filter(authors=OuterRef("pk")).order_by("isbn").values("title")[:1]
            )
        ),
        "by a filter beyond a relation": lambda lib: lib.Book.objects.filter(
            publisher__name="Dusk"
        ).update(genre="science"),
        "by a filter of many": lambda lib: lib.Book.objects.filter(tags="rare").update(pages=5),
        "a foreign key by its column": lambda lib: lib.Book.objects.filter(pages=40).update(
            publisher_id=4
        ),
        "a foreign key by value": lambda lib: lib.Book.objects.filter(pages=40).update(publisher=4),
        "a foreign key by an instance": requests(
            2,
            lambda lib: lib.Book.objects.filter(pages=41).update(
                publisher=lib.Publisher.objects.get(name="Dusk")
            ),
        ),
        "a foreign key to nothing": lambda lib: lib.Book.objects.update(publisher=None),
        "of an annotation": lambda lib: lib.Book.objects.annotate(n=Length("title")).update(
            pages=F("n")
        ),
        "by an annotation": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books")).filter(n=0).update(country="XX")
        ),
        "by an order": lambda lib: lib.Book.objects.order_by("-pages").update(pages=7),
        "of excluded": lambda lib: lib.Book.objects.exclude(genre="novel").update(pages=8),
        "a child's parent's column": lambda lib: lib.Film.objects.filter(minutes=91).update(
            label="new", minutes=1
        ),
        "what was fetched is forgotten": requests(
            3,
            lambda lib: (
                tags := lib.Tag.objects.order_by("pk"),
                len(tags),
                tags.update(label="x"),
                [tag.label for tag in tags],
            )[2:],
        ),
        "after a slice": requests(0, lambda lib: lib.Book.objects.all()[:2].update(pages=1)),
        "an aggregate": lambda lib: lib.Book.objects.update(pages=Max("pages")),
        "a relation's column": told(
            "QueryRefused",
            "does not let 'publisher__name' be written",
            lambda lib: lib.Book.objects.update(publisher__name="x"),
        ),
        "not declared": told(
            "QueryRefused",
            "does not let 'shelf_price' be written",
            lambda lib: lib.Book.objects.update(shelf_price=1),
        ),
        "from what is hidden": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.update(price=F("shelf_price")),
        ),
    }
)

test_delete = writing(
    {
        "some": lambda lib: lib.Loan.objects.filter(desk="east").delete(),
        "all": lambda lib: lib.Loan.objects.all().delete(),
        "none of them": lambda lib: lib.Loan.objects.filter(desk="north").delete(),
        "of none()": requests(0, lambda lib: lib.Loan.objects.none().delete()),
        "with what depends": lambda lib: lib.Category.objects.filter(code="maths").delete(),
        "what others need": lambda lib: lib.Publisher.objects.filter(name="Dusk").delete(),
        "what nobody needs": lambda lib: lib.Publisher.objects.filter(name="Empty").delete(),
        "children": lambda lib: lib.Film.objects.filter(minutes__gt=90).delete(),
        "by a relation": lambda lib: lib.Loan.objects.filter(book__title="A book 01").delete(),
        "after a slice": requests(0, lambda lib: lib.Loan.objects.all()[:2].delete()),
        "after values": requests(0, lambda lib: lib.Loan.objects.values("id").delete()),
        "where nothing is declared": told(
            "NotExposed", "does not allow delete", lambda lib: lib.Item.objects.all().delete()
        ),
        # How many rows went of models that are not exposed is not told by name.
        "an instance": requests(
            2, lambda lib: lib.Tag.objects.get(pk="rare").delete()[1]["library.Tag"]
        ),
        "an instance with what depends": requests(
            2, lambda lib: lib.Author.objects.get(pk=3).delete()
        ),
        "an instance that others need": requests(
            2, lambda lib: lib.Publisher.objects.get(name="Dusk").delete()
        ),
    }
)


def _changed(get: Callable[[Any], Any], /, *args: Any, **values: Any) -> Callable[[Any], Any]:
    """Return a body that fetches an instance, sets attributes and saves it with these options."""
    options = values.pop("options", {})

    def body(lib: Any) -> Any:
        instance = get(lib)
        for name, value in values.items():
            setattr(instance, name, value)
        instance.save(**options)
        return [getattr(instance, name) for name in values], instance.pk

    return body


test_save = writing(
    {
        "one field": _changed(lambda lib: lib.Book.objects.get(pk=ONE), title="Other"),
        "several": _changed(
            lambda lib: lib.Book.objects.get(pk=ONE),
            title="Other",
            pages=3,
            meta={"x": [1]},
            published=dt.date(2000, 1, 1),
            reading_time=dt.timedelta(minutes=3),
        ),
        "null": _changed(lambda lib: lib.Author.objects.get(pk=2), alias=None, rating=None),
        "a foreign key's column": _changed(
            lambda lib: lib.Book.objects.get(pk=ONE), publisher_id=4
        ),
        "with update_fields": _changed(
            lambda lib: lib.Book.objects.get(pk=ONE),
            title="Other",
            pages=3,
            options={"update_fields": ["title"]},
        ),
        "with force_update": _changed(
            lambda lib: lib.Book.objects.get(pk=ONE), title="Other", options={"force_update": True}
        ),
        "a child": _changed(lambda lib: lib.Film.objects.get(pk=2), label="new", minutes=1),
    },
    number=2,
)


def _new(
    model: str, options: dict[str, Any] | None = None, /, **values: Any
) -> Callable[[Any], Any]:
    """Return a body that makes an instance and saves it."""

    def body(lib: Any) -> Any:
        instance = getattr(lib, model)(**values)
        instance.save(**(options or {}))
        return instance.pk, str(instance)

    return body


test_new = writing(
    {
        "a row": _new("Publisher", name="Elm", country="FR"),
        "with a key": _new("Tag", slug="old", label="Old"),
        "with force_insert": _new("Tag", {"force_insert": True}, slug="old", label="Old"),
        "to a field": _new("Category", code="sets", name="Sets", parent_id="maths"),
    }
)

test_bulk = writing(
    {
        "create": lambda lib: [
            each.name
            for each in lib.Publisher.objects.bulk_create(
                [lib.Publisher(name="Elm"), lib.Publisher(name="Fir", country="US")]
            )
        ],
        "create, with keys": lambda lib: [
            each.pk
            for each in lib.Tag.objects.bulk_create(
                [lib.Tag(slug=slug, label=slug.upper()) for slug in ("a", "b", "c")]
            )
        ],
        "create nothing": requests(0, lambda lib: lib.Tag.objects.bulk_create([])),
        "create, ignoring conflicts": lambda lib: len(
            lib.Tag.objects.bulk_create(
                [lib.Tag(slug="rare", label="Again"), lib.Tag(slug="new2", label="New")],
                ignore_conflicts=True,
            )
        ),
        "create, no such size": requests(
            0, lambda lib: lib.Tag.objects.bulk_create([lib.Tag(slug="a")], batch_size=0)
        ),
        "update": requests(2, lambda lib: _bulk_update(lib, ["pages"])),
        "update two": requests(2, lambda lib: _bulk_update(lib, ["pages", "title"])),
        "update nothing": requests(0, lambda lib: lib.Book.objects.bulk_update([], ["pages"])),
        "update no fields": requests(0, lambda lib: lib.Book.objects.bulk_update([], [])),
        "update the key": requests(1, lambda lib: _bulk_update(lib, ["isbn"])),
    }
)


def _bulk_update(lib: Any, names: list[str]) -> Any:
    books = list(lib.Book.objects.filter(genre="novel"))
    for number, book in enumerate(books):
        book.pages, book.title = number + 1, f"changed {number}"
    return lib.Book.objects.bulk_update(books, names)


def _tags(lib: Any, change: Callable[[Any], Any]) -> Any:
    book = lib.Book.objects.get(pk=ONE)
    found = change(book.tags)
    return found, sorted(tag.slug for tag in book.tags.all())


test_relate = writing(
    {
        "add": lambda lib: _tags(lib, lambda tags: tags.add("loud", "new")),
        "add what is there": lambda lib: _tags(lib, lambda tags: tags.add("rare")),
        "remove": lambda lib: _tags(lib, lambda tags: tags.remove("rare")),
        "remove what is not there": lambda lib: _tags(lib, lambda tags: tags.remove("loud")),
        "set": lambda lib: _tags(lib, lambda tags: tags.set(["loud", "rare"])),
        "set to nothing": lambda lib: _tags(lib, lambda tags: tags.set([])),
        "clear": lambda lib: _tags(lib, lambda tags: tags.clear()),
        "create": lambda lib: _tags(lib, lambda tags: tags.create(slug="old", label="Old").pk),
        "add an instance": requests(
            4, lambda lib: _tags(lib, lambda tags: tags.add(lib.Tag.objects.get(pk="new")))
        ),
    },
    number=3,
)


async def acreate(lib: Any) -> Any:
    return await lib.Publisher.objects.acreate(name="Elm")


async def asave(lib: Any) -> Any:
    book = await lib.Book.objects.aget(pk=ONE)
    book.title = "Other"
    await book.asave()
    return book.title


async def adelete(lib: Any) -> Any:
    tag = await lib.Tag.objects.aget(pk="rare")
    return (await tag.adelete())[1]["library.Tag"]


async def aadd(lib: Any) -> Any:
    book = await lib.Book.objects.aget(pk=ONE)
    await book.tags.aadd("loud")
    return sorted([tag.slug async for tag in book.tags.all()])


test_async = writing(
    {
        "acreate": acreate,
        "asave": requests(2, asave),
        "adelete": requests(2, adelete),
        "aadd": requests(3, aadd),
        "aupdate": lambda lib: lib.Book.objects.filter(genre="novel").aupdate(pages=3),
        "adelete of some": lambda lib: lib.Loan.objects.filter(desk="east").adelete(),
        "aget_or_create": lambda lib: lib.Publisher.objects.aget_or_create(name="Elm"),
        "aupdate_or_create": lambda lib: lib.Publisher.objects.aupdate_or_create(
            name="Dusk", defaults={"country": "FR"}
        ),
    }
)

test_methods = writing(
    {
        "a method that saves": lambda lib: (
            book := lib.Book.objects.get(pk=ONE),
            book.reprice(Decimal("1.25")),
            book.price,
        )[1:],
    },
    number=2,
)
