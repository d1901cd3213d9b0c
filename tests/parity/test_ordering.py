"""Order, slices, and the rows that are first and last."""

from __future__ import annotations

import datetime as dt

from django.db.models import Avg, Count, F, OrderBy, Value
from django.db.models.functions import Length, Lower, Upper

from .cases import reading, requests, told

test_order = reading(
    {
        "default": lambda lib: lib.Book.objects.all(),
        "default of another": lambda lib: lib.Publisher.objects.all(),
        "one": lambda lib: lib.Book.objects.order_by("price"),
        "descending": lambda lib: lib.Book.objects.order_by("-price"),
        "two": lambda lib: lib.Book.objects.order_by("genre", "-pages"),
        "the last call counts": lambda lib: lib.Book.objects.order_by("pages").order_by(
            "-title", "pk"
        ),
        "pk": lambda lib: lib.Book.objects.order_by("pk"),
        "pk descending": lambda lib: lib.Author.objects.order_by("-pk"),
        "a relation's column": lambda lib: lib.Book.objects.order_by("publisher__name", "isbn"),
        "a relation's column, descending": lambda lib: lib.Book.objects.order_by(
            "-publisher__name", "isbn"
        ),
        "a relation, by its own order": lambda lib: lib.Book.objects.order_by("publisher", "isbn"),
        "a foreign key's column": lambda lib: lib.Book.objects.order_by("publisher_id", "isbn"),
        "a relation to itself": lambda lib: lib.Author.objects.order_by("mentor__name", "pk"),
        "an annotation": lambda lib: lib.Publisher.objects.annotate(sold=Count("books")).order_by(
            "-sold", "name"
        ),
        "an alias": lambda lib: lib.Book.objects.alias(length=Length("title")).order_by(
            "-length", "isbn"
        ),
        "F ascending": lambda lib: lib.Author.objects.order_by(F("rating").asc(), "pk"),
        "nulls first": lambda lib: lib.Author.objects.order_by(
            F("alias").asc(nulls_first=True), "pk"
        ),
        "nulls last": lambda lib: lib.Author.objects.order_by(
            F("born").desc(nulls_last=True), "pk"
        ),
        "nulls last ascending": lambda lib: lib.Author.objects.order_by(
            F("born").asc(nulls_last=True), "pk"
        ),
        "F plain": lambda lib: lib.Book.objects.order_by(F("pages")),
        "an expression": lambda lib: lib.Book.objects.order_by(F("pages") - F("price") * 10),
        "a function": lambda lib: lib.Author.objects.order_by(Lower("name").desc(), "pk"),
        "OrderBy": lambda lib: lib.Author.objects.order_by(OrderBy(Upper("name"), descending=True)),
        "a function of a relation's column": lambda lib: lib.Book.objects.order_by(
            Upper("publisher__name"), "isbn"
        ),
        "a date": lambda lib: lib.Book.objects.order_by("published", "isbn"),
        "a duration": lambda lib: lib.Book.objects.order_by("-reading_time", "isbn"),
        "reversed": lambda lib: lib.Book.objects.order_by("price").reverse(),
        "reversed twice": lambda lib: lib.Book.objects.order_by("price").reverse().reverse(),
        "reversed default": lambda lib: lib.Book.objects.reverse(),
        "reversed, then ordered": lambda lib: lib.Book.objects.reverse().order_by("pages"),
        "reversed F": lambda lib: lib.Author.objects.order_by(
            F("alias").asc(nulls_first=True), "pk"
        ).reverse(),
        "reversed without an order": lambda lib: lib.Author.objects.reverse().first(),
        "none": lambda lib: lib.Book.objects.order_by(),
        "of an empty one": requests(0, lambda lib: lib.Book.objects.none().order_by("price")),
        "inherited column": lambda lib: lib.Film.objects.order_by("-label"),
        "a constant": lambda lib: lib.Book.objects.order_by(Value(1), "isbn"),
        "random": told(
            "QueryRefused", r"cannot be ordered by '\?'", lambda lib: lib.Book.objects.order_by("?")
        ),
        "not declared": told(
            "QueryRefused",
            "Book cannot be ordered by 'withdrawn'; legal are: ",
            lambda lib: lib.Book.objects.order_by("withdrawn"),
        ),
        "no such field": told(
            "QueryRefused",
            "cannot be ordered by '-colour'|cannot be ordered by 'colour'",
            lambda lib: lib.Book.objects.order_by("-colour"),
        ),
        "after a slice": requests(0, lambda lib: lib.Book.objects.all()[:3].order_by("pages")),
        "reversed after a slice": requests(0, lambda lib: lib.Book.objects.all()[:3].reverse()),
    }
)

test_ordered = reading(
    {
        "default": lambda lib: lib.Book.objects.all().ordered,
        "no default": lambda lib: lib.Author.objects.all().ordered,
        "taken away": lambda lib: lib.Book.objects.order_by().ordered,
        "given": lambda lib: lib.Author.objects.order_by("name").ordered,
        "of nothing": lambda lib: lib.Author.objects.none().ordered,
        "grouped": lambda lib: lib.Book.objects.values("genre").annotate(n=Count("pk")).ordered,
        "grouped and ordered": lambda lib: (
            lib.Book.objects.values("genre").annotate(n=Count("pk")).order_by("n").ordered
        ),
        "sliced": lambda lib: lib.Book.objects.all()[:3].ordered,
    },
    number=0,
)

test_slices = reading(
    {
        "from the start": lambda lib: lib.Book.objects.all()[:5],
        "in the midst": lambda lib: lib.Book.objects.all()[5:9],
        "to the end": lambda lib: lib.Book.objects.all()[20:],
        "all": lambda lib: lib.Book.objects.all()[:],
        "beyond the end": lambda lib: lib.Book.objects.all()[30:40],
        "nothing": requests(1, lambda lib: lib.Book.objects.all()[3:3]),
        "zero": lambda lib: lib.Book.objects.all()[0:0],
        "with a step": lambda lib: lib.Book.objects.all()[::5],
        "with a step in a part": lambda lib: lib.Book.objects.all()[2:20:3],
        "with a step, what it is": lambda lib: type(lib.Book.objects.all()[:4:2]),
        "a slice of a slice": lambda lib: lib.Book.objects.all()[5:15][2:4],
        "a slice of a slice, open": lambda lib: lib.Book.objects.all()[5:][:3],
        "a slice of a slice, past it": lambda lib: lib.Book.objects.all()[5:8][2:9],
        "index": lambda lib: lib.Book.objects.all()[3],
        "index zero": lambda lib: lib.Book.objects.order_by("-price")[0],
        "index past the end": lambda lib: lib.Book.objects.all()[99],
        "index in a slice": lambda lib: lib.Book.objects.all()[5:8][1],
        "index past a slice": lambda lib: lib.Book.objects.all()[5:8][5],
        "index as NumPy has it": lambda lib: lib.Book.objects.all()[_Index(2)],
        "filtered": lambda lib: lib.Book.objects.filter(genre="novel")[1:3],
        "values": lambda lib: lib.Book.objects.values_list("isbn", "pages")[2:4],
        "counted": lambda lib: lib.Book.objects.all()[5:50].count(),
        "exists": lambda lib: lib.Book.objects.all()[30:].exists(),
        "count of nothing": requests(1, lambda lib: lib.Book.objects.all()[3:3].count()),
        "first of one": lambda lib: lib.Book.objects.all()[4:6].first(),
        "get of one": lambda lib: lib.Book.objects.all()[4:5].get(),
        "get of two": lambda lib: lib.Book.objects.all()[4:6].get(),
        "aggregated": lambda lib: lib.Book.objects.order_by("pages")[:3].aggregate(Avg("pages")),
        "negative index": requests(0, lambda lib: lib.Book.objects.all()[-1]),
        "negative start": requests(0, lambda lib: lib.Book.objects.all()[-3:]),
        "negative stop": requests(0, lambda lib: lib.Book.objects.all()[:-3]),
        "a text": requests(0, lambda lib: lib.Book.objects.all()["a"]),
        "a fraction": requests(0, lambda lib: lib.Book.objects.all()[1.5]),
        "filtered after": requests(0, lambda lib: lib.Book.objects.all()[:3].filter(pages=1)),
        "excluded after": requests(0, lambda lib: lib.Book.objects.all()[:3].exclude(pages=1)),
        "distinct after": requests(0, lambda lib: lib.Book.objects.all()[:3].distinct()),
        "last after": requests(0, lambda lib: lib.Book.objects.all()[:3].last()),
        "latest after": requests(0, lambda lib: lib.Author.objects.all()[:3].latest()),
        "get with conditions after": requests(0, lambda lib: lib.Book.objects.all()[:3].get(pk=1)),
        "in_bulk after": requests(0, lambda lib: lib.Book.objects.all()[:3].in_bulk(["1"])),
        "dates after": requests(
            0, lambda lib: lib.Book.objects.all()[:3].dates("published", "year")
        ),
        "of what was fetched": requests(
            1, lambda lib: (books := lib.Book.objects.all(), len(books), books[3:5], books[1])
        ),
        "of what was fetched, past it": requests(
            1, lambda lib: (books := lib.Book.objects.all(), len(books), books[99])
        ),
    }
)


class _Index(int):
    def __index__(self) -> int:
        return int(self)


test_ends = reading(
    {
        "first": lambda lib: lib.Book.objects.first(),
        "first by an order": lambda lib: lib.Book.objects.order_by("-pages").first(),
        "first without an order": lambda lib: lib.Author.objects.first(),
        "first of some": lambda lib: lib.Book.objects.filter(genre="poetry").first(),
        "first of none": lambda lib: lib.Book.objects.filter(genre="opera").first(),
        "first of an empty one": requests(0, lambda lib: lib.Book.objects.none().first()),
        "first values": lambda lib: lib.Book.objects.values("isbn", "pages").first(),
        "first flat": lambda lib: lib.Book.objects.values_list("isbn", flat=True).first(),
        "first named": lambda lib: lib.Book.objects.values_list("isbn", named=True).first(),
        "last": lambda lib: lib.Book.objects.last(),
        "last by an order": lambda lib: lib.Book.objects.order_by("-pages").last(),
        "last without an order": lambda lib: lib.Author.objects.last(),
        "last of none": lambda lib: lib.Book.objects.filter(genre="opera").last(),
        "first of groups": lambda lib: (
            lib.Book.objects.values("genre").annotate(n=Count("pk")).order_by("genre").first()
        ),
        "first of unordered groups": lambda lib: (
            lib.Author.objects.values("active").annotate(n=Count("pk")).first()
        ),
        "latest": lambda lib: lib.Author.objects.latest(),
        "earliest": lambda lib: lib.Author.objects.earliest(),
        "latest of some": lambda lib: lib.Author.objects.filter(active=False).latest(),
        "latest by a field": lambda lib: lib.Book.objects.latest("published"),
        "earliest by a field": lambda lib: lib.Book.objects.filter(
            published__isnull=False
        ).earliest("published"),
        "latest by two": lambda lib: lib.Book.objects.latest("genre", "-pages"),
        "earliest by two": lambda lib: lib.Book.objects.earliest("-genre", "pages"),
        "latest whatever the order": lambda lib: lib.Author.objects.order_by("name").latest(),
        "latest by an expression": lambda lib: lib.Author.objects.latest(
            F("born").asc(nulls_last=True), "pk"
        ),
        "latest of none": lambda lib: lib.Author.objects.filter(pk=99).latest(),
        "earliest of none": lambda lib: lib.Author.objects.filter(pk=99).earliest(),
        "latest without a word": requests(0, lambda lib: lib.Book.objects.latest()),
        "latest values": lambda lib: lib.Author.objects.values("name").latest(),
        "latest by a relation": lambda lib: lib.Book.objects.latest("publisher__name", "isbn"),
        "latest by what nobody declared": told(
            "QueryRefused",
            "cannot be ordered by 'withdrawn'",
            lambda lib: lib.Book.objects.latest("withdrawn"),
        ),
        "latest of a date": lambda lib: lib.Author.objects.filter(
            joined__lt=dt.datetime(2020, 5, 1, tzinfo=dt.UTC)
        ).latest(),
    }
)
