"""Rows as dicts, tuples, dates and instances with some of their columns; rows by key; counts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Max, Value
from django.db.models.functions import Length, Lower, Upper

from chunnel.client.keyed import OF_VALUES

from .cases import reading, requests, told

ISBNS = [f"97800000{number:05d}" for number in (1, 2, 99)]

test_values = reading(
    {
        "one": lambda lib: lib.Book.objects.values("title"),
        "several": lambda lib: lib.Book.objects.values("title", "pages", "price", "added"),
        "in the order of names": lambda lib: lib.Book.objects.values("pages", "title", "isbn"),
        "every column": lambda lib: lib.Author.objects.order_by("pk").values(),
        "every column of a tag": lambda lib: lib.Tag.objects.order_by("pk").values(),
        "pk": lambda lib: lib.Book.objects.values("pk"),
        "foreign key": lambda lib: lib.Book.objects.values("publisher"),
        "foreign key's column": lambda lib: lib.Book.objects.values("publisher_id"),
        "beyond a relation": lambda lib: lib.Book.objects.values("title", "publisher__name"),
        "the key beyond": lambda lib: lib.Book.objects.values("publisher__pk", "publisher__id"),
        "beyond two": lambda lib: lib.Loan.objects.values("number", "book__publisher__name"),
        "of many": lambda lib: lib.Book.objects.order_by().values("isbn", "tags"),
        "beyond many": lambda lib: lib.Book.objects.order_by().values("tags__label"),
        "backwards": lambda lib: lib.Publisher.objects.order_by("pk").values("name", "books"),
        "with an expression": lambda lib: lib.Book.objects.values("isbn", loud=Upper("title")),
        "expression alone": lambda lib: lib.Book.objects.values(loud=Upper("title")),
        "an annotation": lambda lib: lib.Book.objects.annotate(n=Length("title")).values("n"),
        "every column and an annotation": lambda lib: (
            lib.Tag.objects.order_by("pk").annotate(n=Length("slug")).values()
        ),
        "annotated after": lambda lib: lib.Book.objects.values("isbn").annotate(n=Length("title")),
        "twice": lambda lib: lib.Book.objects.values("isbn", "title").values("title"),
        "of types": lambda lib: lib.Book.objects.values(
            "price", "published", "added", "reading_time", "meta", "withdrawn"
        ),
        "of loans": lambda lib: lib.Loan.objects.values("id", "at", "due", "returned"),
        "part of a date": lambda lib: lib.Book.objects.values("published__year"),
        "a key of JSON": lambda lib: lib.Book.objects.values("meta__lang", "meta__deep__a"),
        "filtered": lambda lib: lib.Book.objects.values("title").filter(genre="novel"),
        "distinct": lambda lib: lib.Book.objects.order_by("genre").values("genre").distinct(),
        "get": lambda lib: lib.Book.objects.values("title").get(pk="9780000000003"),
        "to a field": lambda lib: lib.Category.objects.order_by("id").values("code", "parent"),
        "inherited": lambda lib: lib.Film.objects.order_by("id").values("label", "minutes"),
        "key of one-to-one": lambda lib: lib.Profile.objects.order_by("author").values("author"),
        "hidden": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.values("shelf_price"),
        ),
        "hidden beyond": told(
            "QueryRefused",
            "shows no field",
            lambda lib: lib.Loan.objects.values("book__shelf_price"),
        ),
        "computed in Python": told(
            "QueryRefused",
            "'shouted' is computed in Python",
            lambda lib: lib.Author.objects.values("shouted"),
        ),
        "no such field": told(
            "QueryRefused",
            "Book shows no field 'colour'; legal are: ",
            lambda lib: lib.Book.objects.values("colour"),
        ),
    }
)

test_values_list = reading(
    {
        "one": lambda lib: lib.Book.objects.values_list("title"),
        "several": lambda lib: lib.Book.objects.values_list("title", "pages"),
        "all": lambda lib: lib.Tag.objects.order_by("pk").values_list(),
        "all of authors": lambda lib: lib.Author.objects.order_by("pk").values_list(),
        "flat": lambda lib: lib.Book.objects.values_list("title", flat=True),
        "flat pk": lambda lib: lib.Book.objects.values_list("pk", flat=True),
        "flat foreign key": lambda lib: lib.Book.objects.values_list("publisher", flat=True),
        "flat expression": lambda lib: lib.Book.objects.values_list(Lower("title"), flat=True),
        "flat F": lambda lib: lib.Book.objects.values_list(F("pages") + 1, flat=True),
        "flat without a name": requests(
            int(not OF_VALUES),  # since the same version of Django a warning, here an error
            lambda lib: lib.Tag.objects.order_by("pk").values_list(flat=True),
        ),
        "named": lambda lib: lib.Book.objects.values_list("title", "pages", named=True),
        "named annotation": lambda lib: lib.Book.objects.annotate(n=Length("title")).values_list(
            "isbn", "n", named=True
        ),
        "named all": lambda lib: lib.Tag.objects.order_by("pk").values_list(named=True),
        "named expression": lambda lib: lib.Book.objects.values_list(
            "isbn", Lower("title"), named=True
        ),
        "expressions": lambda lib: lib.Book.objects.values_list("isbn", F("price") * 2, Value("x")),
        "the same twice": lambda lib: lib.Book.objects.values_list("isbn", "isbn"),
        "beyond a relation": lambda lib: lib.Book.objects.values_list("isbn", "publisher__name"),
        "beyond many": lambda lib: lib.Book.objects.order_by().values_list("isbn", "authors__name"),
        "distinct flat": lambda lib: (
            lib.Book.objects.order_by("genre").values_list("genre", flat=True).distinct()
        ),
        "distinct and default order": lambda lib: lib.Book.objects.values_list(
            "genre", flat=True
        ).distinct(),
        "grouped": lambda lib: (
            lib.Book.objects.order_by("genre")
            .values_list("genre")
            .annotate(Count("pk"), Max("pages"))
        ),
        "flat after values": lambda lib: lib.Book.objects.values("isbn").values_list(
            "title", flat=True
        ),
        "get flat": lambda lib: lib.Book.objects.values_list("title", flat=True).get(
            pk="9780000000003"
        ),
        "get named": lambda lib: lib.Book.objects.values_list("title", "pages", named=True).get(
            pk="9780000000003"
        ),
        "flat and named": requests(
            0, lambda lib: lib.Book.objects.values_list("title", flat=True, named=True)
        ),
        "flat of two": requests(
            0, lambda lib: lib.Book.objects.values_list("title", "pages", flat=True)
        ),
        "only after": requests(0, lambda lib: lib.Book.objects.values_list("title").only("pages")),
        "defer after": requests(0, lambda lib: lib.Book.objects.values("title").defer("pages")),
        "select_related after": requests(
            0, lambda lib: lib.Book.objects.values("title").select_related("publisher")
        ),
    }
)

test_dates = reading(
    {
        "years": lambda lib: lib.Book.objects.dates("published", "year"),
        "months": lambda lib: lib.Book.objects.dates("published", "month"),
        "weeks": lambda lib: lib.Book.objects.dates("published", "week"),
        "days": lambda lib: lib.Book.objects.dates("published", "day"),
        "descending": lambda lib: lib.Book.objects.dates("published", "year", order="DESC"),
        "of some": lambda lib: lib.Book.objects.filter(genre="novel").dates("published", "year"),
        "filtered after": lambda lib: lib.Book.objects.dates("published", "year").filter(
            genre="novel"
        ),
        "counted": lambda lib: lib.Book.objects.dates("published", "year").count(),
        "sliced": lambda lib: lib.Book.objects.dates("published", "year")[2:4],
        "beyond a relation": lambda lib: lib.Loan.objects.dates("book__published", "year"),
        "of authors": lambda lib: lib.Author.objects.dates("born", "month"),
        "no such kind": requests(0, lambda lib: lib.Book.objects.dates("published", "decade")),
        "no such order": requests(
            0, lambda lib: lib.Book.objects.dates("published", "year", order="UP")
        ),
        "of a number": lambda lib: lib.Book.objects.dates("pages", "year"),
        "of a moment": lambda lib: lib.Book.objects.dates("added", "month"),
        "of none": requests(0, lambda lib: lib.Book.objects.none().dates("published", "year")),
        "hidden": told(
            "QueryRefused",
            "shows no field 'colour'",
            lambda lib: lib.Book.objects.dates("colour", "year"),
        ),
        "moments by year": lambda lib: lib.Book.objects.datetimes("added", "year"),
        "moments by month": lambda lib: lib.Book.objects.datetimes("added", "month"),
        "moments by week": lambda lib: lib.Book.objects.datetimes("added", "week"),
        "moments by day": lambda lib: lib.Author.objects.datetimes("joined", "day"),
        "moments by hour": lambda lib: lib.Book.objects.datetimes("added", "hour"),
        "moments by minute": lambda lib: lib.Book.objects.datetimes("added", "minute"),
        "moments by second": lambda lib: lib.Book.objects.datetimes("added", "second"),
        "moments descending": lambda lib: lib.Author.objects.datetimes(
            "joined", "month", order="DESC"
        ),
        "moments in a zone": lambda lib: lib.Author.objects.datetimes(
            "joined", "day", tzinfo=ZoneInfo("Europe/Istanbul")
        ),
        "moments in UTC": lambda lib: [
            str(each) for each in lib.Author.objects.datetimes("joined", "day", tzinfo=dt.UTC)
        ],
        "moments through a summer": lambda lib: lib.Loan.objects.datetimes(
            "due", "hour", tzinfo=ZoneInfo("Europe/Berlin")
        ),
        "moments, no such kind": requests(
            0, lambda lib: lib.Book.objects.datetimes("added", "decade")
        ),
    }
)

test_only = reading(
    {
        "one": lambda lib: lib.Book.objects.only("title"),
        "two": lambda lib: lib.Book.objects.only("title", "pages"),
        "the last counts": lambda lib: lib.Book.objects.only("title").only("pages"),
        "pk": lambda lib: lib.Author.objects.order_by("pk").only("pk"),
        "foreign key": lambda lib: lib.Book.objects.only("publisher"),
        "defer": lambda lib: lib.Author.objects.order_by("pk").defer("joined", "rating"),
        "defer twice": lambda lib: (
            lib.Author.objects.order_by("pk").defer("joined").defer("rating")
        ),
        "defer taken back": lambda lib: lib.Author.objects.order_by("pk").defer("name").defer(None),
        "defer nothing": lambda lib: lib.Author.objects.order_by("pk").defer(),
        "defer what only took": lambda lib: (
            lib.Author.objects.order_by("pk").only("name", "rating").defer("rating")
        ),
        "defer a foreign key": lambda lib: lib.Author.objects.order_by("pk").defer("mentor"),
        "get": lambda lib: lib.Book.objects.only("title").get(pk="9780000000003"),
        "first": lambda lib: lib.Author.objects.defer("name").first(),
        "with an annotation": lambda lib: lib.Book.objects.annotate(n=Length("title")).only("isbn"),
        "inherited": lambda lib: lib.Film.objects.order_by("id").only("label"),
        "sliced": lambda lib: lib.Book.objects.only("title")[2:4],
        "with select_related": lambda lib: [
            (book.title, book.publisher and book.publisher.name)
            for book in lib.Book.objects.select_related("publisher").only(
                "title", "publisher__name"
            )
        ],
        "of a relation that is not selected": lambda lib: lib.Book.objects.select_related(
            "publisher"
        ).only("title"),
        "only None": requests(0, lambda lib: lib.Book.objects.only(None)),
        "what only did not take, read": told(
            "FieldNotFetched",
            "'pages'.* was not fetched",
            lambda lib: lib.Book.objects.only("title")[0].pages,
            requests=1,
        ),
        "what defer left, read": told(
            "FieldNotFetched",
            "'joined'.* was not fetched",
            lambda lib: lib.Author.objects.defer("joined").first().joined,
            requests=1,
        ),
        "hidden": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.only("shelf_price"),
        ),
        "hidden deferred": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.defer("shelf_price"),
        ),
    }
)

IN_BULK_OF_VALUES: dict[str, Any] = {
    "values": lambda lib: lib.Book.objects.order_by("pk").values("isbn").in_bulk(ISBNS),
    "values by pk": lambda lib: (
        lib.Book.objects.order_by("pk").values("pk", "title").in_bulk(ISBNS)
    ),
    "values without the key": lambda lib: (
        lib.Book.objects.order_by("pk").values("title", low=Lower("title")).in_bulk(ISBNS)
    ),
    "tuples": lambda lib: lib.Book.objects.order_by("pk").values_list("title", "pk").in_bulk(ISBNS),
    "tuples without the key": lambda lib: (
        lib.Book.objects.order_by("pk").values_list("title", "pages").in_bulk(ISBNS)
    ),
    "all tuples": lambda lib: lib.Tag.objects.order_by("pk").values_list().in_bulk(),
    "named tuples": lambda lib: {
        key: row._asdict()
        for key, row in lib.Publisher.objects.order_by("pk")
        .values_list("id", "country", named=True)
        .in_bulk(["Dusk"], field_name="name")
        .items()
    },
    "flat values": lambda lib: (
        lib.Book.objects.order_by("pk").values_list("title", flat=True).in_bulk(ISBNS)
    ),
    "flat keys": lambda lib: (
        lib.Book.objects.order_by("pk").values_list("pk", flat=True).in_bulk(ISBNS)
    ),
}

test_by_key = reading(
    {
        "in_bulk": lambda lib: lib.Book.objects.in_bulk(ISBNS),
        "in_bulk of all": lambda lib: lib.Tag.objects.order_by("pk").in_bulk(),
        "in_bulk of numbers": lambda lib: lib.Author.objects.order_by("pk").in_bulk([3, 1, 77]),
        "in_bulk of texts": lambda lib: lib.Author.objects.order_by("pk").in_bulk(["3"]),
        "in_bulk of UUIDs": lambda lib: lib.Loan.objects.in_bulk([uuid.UUID(int=3)]),
        "in_bulk of a tuple": lambda lib: lib.Author.objects.order_by("pk").in_bulk((1, 2)),
        "in_bulk of a generator": lambda lib: lib.Author.objects.order_by("pk").in_bulk(
            key for key in (1, 2)
        ),
        "in_bulk of nothing": requests(0, lambda lib: lib.Book.objects.in_bulk([])),
        "in_bulk by a field": lambda lib: lib.Publisher.objects.in_bulk(
            ["Dusk", "Aldus"], field_name="name"
        ),
        "in_bulk by another field": lambda lib: lib.Category.objects.order_by("id").in_bulk(
            ["all"], field_name="code"
        ),
        "in_bulk by what is not unique": requests(
            0, lambda lib: lib.Book.objects.in_bulk(["x"], field_name="title")
        ),
        **{
            f"in_bulk of {name}": requests(int(OF_VALUES), body)
            for name, body in IN_BULK_OF_VALUES.items()
        },
        "in_bulk of some": lambda lib: lib.Book.objects.filter(genre="novel").in_bulk(ISBNS),
        "get": lambda lib: lib.Book.objects.get(pk="9780000000003"),
        "get by two": lambda lib: lib.Loan.objects.get(desk="west", number=5),
        "get by Q": lambda lib: lib.Author.objects.get(name="Ada"),
        "get in some": lambda lib: lib.Book.objects.filter(genre="novel").get(title="The book 03"),
        "get nothing": lambda lib: lib.Book.objects.get(pk="none"),
        "get several": lambda lib: lib.Book.objects.get(genre="novel"),
        "get two": lambda lib: lib.Author.objects.get(pk__in=[1, 2]),
        "get from none": requests(0, lambda lib: lib.Book.objects.none().get(pk="none")),
        "DoesNotExist is caught": lambda lib: _caught(
            lib.Author.DoesNotExist, lambda: lib.Author.objects.get(pk=77)
        ),
        "MultipleObjectsReturned is caught": lambda lib: _caught(
            lib.Author.MultipleObjectsReturned, lambda: lib.Author.objects.get(pk__gt=1)
        ),
        "another's DoesNotExist is not": lambda lib: _caught(
            lib.Book.DoesNotExist, lambda: lib.Author.objects.get(pk=77)
        ),
    }
)


def _caught(kind: type[Exception], call: object) -> str:
    try:
        call()  # type: ignore[operator]
    except kind as error:
        return f"caught {error}"
    return "no error"


test_counts = reading(
    {
        "count": lambda lib: lib.Book.objects.count(),
        "count of some": lambda lib: lib.Book.objects.filter(genre="novel").count(),
        "count of values": lambda lib: lib.Book.objects.values("genre").distinct().count(),
        "count with duplicates": lambda lib: lib.Book.objects.filter(
            tags__in=["loud", "rare"]
        ).count(),
        "count distinct": lambda lib: (
            lib.Book.objects.filter(tags__in=["loud", "rare"]).distinct().count()
        ),
        "count of none": requests(0, lambda lib: lib.Book.objects.none().count()),
        "count of annotated": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books")).filter(n__gt=4).count()
        ),
        "count of what was fetched": lambda lib: (
            books := lib.Book.objects.filter(genre="novel"),
            len(books),
            books.count(),
            books.exists(),
        ),
        "exists": lambda lib: lib.Book.objects.exists(),
        "exists not": lambda lib: lib.Book.objects.filter(genre="opera").exists(),
        "exists in none": requests(0, lambda lib: lib.Book.objects.none().exists()),
        "exists with an order": lambda lib: lib.Book.objects.order_by("price").exists(),
        "contains": requests(
            2, lambda lib: lib.Book.objects.contains(lib.Book.objects.get(pk="9780000000003"))
        ),
        "contains not": requests(
            2,
            lambda lib: lib.Book.objects.filter(genre="poetry").contains(
                lib.Book.objects.get(pk="9780000000003")
            ),
        ),
        "contains, of another model": requests(
            1, lambda lib: lib.Book.objects.contains(lib.Author.objects.get(pk=1))
        ),
        "contains, fetched": requests(
            1, lambda lib: (books := lib.Book.objects.all(), len(books), books.contains(books[3]))
        ),
        "contains no instance": requests(0, lambda lib: lib.Book.objects.contains("a book")),
        "contains after values": requests(
            1, lambda lib: lib.Book.objects.values("isbn").contains(lib.Book.objects.first())
        ),
        "distinct": lambda lib: lib.Book.objects.filter(tags__label__contains="a").distinct(),
        "distinct values": lambda lib: lib.Author.objects.values("active").distinct(),
        "none": requests(0, lambda lib: lib.Book.objects.none()),
        "none, refined": requests(
            0, lambda lib: lib.Book.objects.none().filter(genre="novel").order_by("price")
        ),
        "none of values": requests(0, lambda lib: lib.Book.objects.none().values("genre")),
        "none, aggregated": requests(
            0, lambda lib: lib.Book.objects.none().aggregate(Max("pages"), n=Count("pk"))
        ),
        "none, last": requests(0, lambda lib: lib.Book.objects.none().last()),
        "none, sliced": requests(0, lambda lib: lib.Book.objects.none()[:3]),
        "none, truth": requests(0, lambda lib: bool(lib.Book.objects.none())),
    }
)
