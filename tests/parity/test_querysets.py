"""What querysets and instances are as Python objects, and the managers that models have."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, F, Max, QuerySet
from django.shortcuts import get_list_or_404, get_object_or_404

from .cases import Case, reading, requests, told

test_objects = reading(
    {
        "len": lambda lib: len(lib.Book.objects.all()),
        "bool": lambda lib: bool(lib.Book.objects.filter(genre="novel")),
        "bool of nothing": lambda lib: bool(lib.Book.objects.filter(genre="opera")),
        "in": requests(2, lambda lib: lib.Book.objects.first() in lib.Book.objects.all()),
        "not in": requests(
            2, lambda lib: lib.Book.objects.first() in lib.Book.objects.filter(genre="opera")
        ),
        "evaluated once": lambda lib: (
            books := lib.Book.objects.all(),
            len(books),
            len(list(books)),
            bool(books),
            books[2],
            [book.isbn for book in books],
        ),
        "all is another": requests(
            2, lambda lib: (books := lib.Book.objects.all(), len(books), len(books.all()))
        ),
        "refined after": requests(
            2,
            lambda lib: (books := lib.Book.objects.all(), len(books), books.filter(genre="novel")),
        ),
        "refined, the first unharmed": requests(
            2,
            lambda lib: (
                books := lib.Book.objects.filter(genre="novel"),
                few := books.filter(pages__lt=100),
                len(few),
                len(books),
            ),
        ),
        "iterated twice": lambda lib: (
            books := lib.Book.objects.all(),
            [[book.isbn for book in books], [book.pages for book in books]],
        ),
        "repr": lambda lib: repr(lib.Tag.objects.order_by("slug")).partition(" ")[2],
        "repr is bounded": lambda lib: repr(lib.Book.objects.all()).endswith(
            "'...(remaining elements truncated)...']>"
        ),
        "repr of values": lambda lib: repr(lib.Tag.objects.order_by("slug").values()).partition(
            " "
        )[2],
        "pickled with its rows": lambda lib: (
            books := lib.Book.objects.filter(genre="novel"),
            len(books),
            list(pickle.loads(pickle.dumps(books))),
        ),
        "copied": Case(
            lambda lib: (tags := lib.Tag.objects.order_by("pk"), list(copy.copy(tags)), tags),
            requests=2,
            more=1,  # Django evaluates what it copies
        ),
        "deep copied": requests(
            2,
            lambda lib: (
                books := lib.Tag.objects.order_by("pk"),
                len(books),
                list(copy.deepcopy(books)),
            ),
        ),
        "instance of": requests(0, lambda lib: isinstance(lib.Book.objects.all(), QuerySet)),
        "iterator": lambda lib: lib.Book.objects.order_by("isbn").iterator(),
        "iterator in chunks": lambda lib: lib.Book.objects.order_by("isbn").iterator(chunk_size=5),
        "iterator of values": lambda lib: (
            lib.Book.objects.order_by("isbn")
            .values_list("isbn", "price", "added")
            .iterator(chunk_size=7)
        ),
        "iterator of a flat list": lambda lib: (
            lib.Book.objects.order_by("isbn").values_list("isbn", flat=True).iterator()
        ),
        "iterator of nothing": lambda lib: lib.Book.objects.filter(genre="opera").iterator(),
        "iterator of some": lambda lib: lib.Book.objects.order_by("isbn")[3:6].iterator(),
        "iterator of annotated": lambda lib: (
            lib.Book.objects.annotate(n=F("pages") + 1).order_by("isbn").iterator()
        ),
        "iterator with select_related": lambda lib: [
            book.publisher
            for book in lib.Book.objects.select_related("publisher").order_by("isbn").iterator()
        ],
        "iterator with prefetch_related": lambda lib: [
            len(book.tags.all())
            for book in lib.Book.objects.prefetch_related("tags")
            .order_by("isbn")
            .iterator(chunk_size=30)
        ],
        "iterator with prefetch_related, without a size": requests(
            0, lambda lib: lib.Book.objects.prefetch_related("tags").iterator()
        ),
        "iterator of no size": requests(0, lambda lib: lib.Book.objects.iterator(chunk_size=0)),
        "iterator keeps nothing": requests(
            2,
            lambda lib: (
                tags := lib.Tag.objects.order_by("pk"),
                len(list(tags.iterator())),
                len(list(tags.iterator())),
            )[1:],
        ),
        "a page": requests(
            2, lambda lib: list(Paginator(lib.Book.objects.all(), 5).page(2).object_list)
        ),
        "the last page": requests(
            2, lambda lib: list(Paginator(lib.Book.objects.order_by("-isbn"), 5).page(5))
        ),
        "how many pages": lambda lib: Paginator(lib.Book.objects.all(), 5).num_pages,
        "get_object_or_404": lambda lib: get_object_or_404(lib.Book.objects, pk="9780000000003"),
        "get_object_or_404, filtered": lambda lib: get_object_or_404(
            lib.Book.objects.filter(genre="novel"), title="The book 03"
        ),
        "get_object_or_404, none": lambda lib: get_object_or_404(lib.Book.objects.all(), pk="x"),
        "get_list_or_404": lambda lib: get_list_or_404(lib.Book.objects.all(), genre="novel"),
        "get_list_or_404, none": lambda lib: get_list_or_404(lib.Book.objects.all(), genre="x"),
        **{
            f"{name}, which is not there": told(
                "NotSupportedError",
                f"Remote querysets do not support {name}",
                lambda lib, name=name, args=args: getattr(lib.Book.objects.all(), name)(*args),
            )
            for name, args in {
                "raw": ["SELECT 1"],
                "extra": [],
                "select_for_update": [],
                "explain": [],
            }.items()
        },
    }
)

test_managers = reading(
    {
        "a manager's own method": lambda lib: lib.Book.objects.cheap(),
        "with an argument": lambda lib: lib.Book.objects.cheap(Decimal(5)),
        "of a queryset": lambda lib: lib.Book.objects.filter(genre="novel").cheap(),
        "refined": lambda lib: lib.Book.objects.cheap().filter(genre="novel").order_by("-pages"),
        "counted": lambda lib: lib.Book.objects.cheap(Decimal(30)).count(),
        "first": lambda lib: lib.Book.objects.cheap(Decimal(30)).order_by("-price").first(),
        "values": lambda lib: lib.Book.objects.cheap().values_list("isbn", flat=True),
        "aggregated": lambda lib: lib.Book.objects.cheap().aggregate(Max("pages")),
        "sliced": lambda lib: lib.Book.objects.cheap(Decimal(50))[2:4],
        "annotated": lambda lib: (
            lib.Book.objects.cheap().annotate(n=Count("tags")).order_by("isbn")
        ),
        "not exposed": told(
            "AttributeError",
            "",
            lambda lib: lib.Book.objects.expensive(),
        ),
        "called, and left": requests(1, lambda lib: isinstance(lib.Book.objects.cheap(), QuerySet)),
    },
    number=2,  # the call, and the evaluation of the queryset that it returned
)


async def rows(queryset: Any) -> list[Any]:
    return [row async for row in queryset]


async def streamed(iterator: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in iterator]


async def book(lib: Any) -> Any:
    return await lib.Book.objects.aget(isbn="9780000000001")


async def fetched_twice(lib: Any) -> Any:
    books = lib.Book.objects.filter(genre="novel")
    return [await rows(books), await rows(books), len(books)]


async def missing(lib: Any) -> Any:
    try:
        return await lib.Book.objects.aget(isbn="x")
    except lib.Book.DoesNotExist as error:
        return str(error)


async def related(lib: Any) -> Any:
    publisher = await lib.Publisher.objects.aget(name="Dusk")
    return [await rows(publisher.books.order_by("isbn")), await publisher.books.acount()]


async def contained(lib: Any) -> Any:
    return await lib.Book.objects.acontains(await book(lib))


test_async = reading(
    {
        "for": lambda lib: rows(lib.Book.objects.filter(genre="novel")),
        "for values": lambda lib: rows(lib.Book.objects.values("isbn", "pages")),
        "for a flat list": lambda lib: rows(lib.Book.objects.values_list("isbn", flat=True)),
        "twice": fetched_twice,
        "aiterator": lambda lib: streamed(lib.Book.objects.order_by("isbn").aiterator()),
        "aiterator in chunks": lambda lib: streamed(
            lib.Book.objects.order_by("isbn").aiterator(chunk_size=5)
        ),
        "aget": book,
        "aget, missing": missing,
        "afirst": lambda lib: lib.Book.objects.afirst(),
        "alast": lambda lib: lib.Book.objects.alast(),
        "alatest": lambda lib: lib.Author.objects.alatest(),
        "aearliest": lambda lib: lib.Author.objects.aearliest("born", "pk"),
        "acount": lambda lib: lib.Book.objects.filter(genre="novel").acount(),
        "aexists": lambda lib: lib.Book.objects.filter(genre="opera").aexists(),
        "acontains": requests(2, contained),
        "ain_bulk": lambda lib: lib.Book.objects.ain_bulk(["9780000000001"]),
        "aaggregate": lambda lib: lib.Book.objects.aaggregate(Max("pages"), n=Count("pk")),
        "related": requests(3, related),
    }
)

test_instances = reading(
    {
        "str": lambda lib: str(lib.Book.objects.get(isbn="9780000000001")),
        "repr": lambda lib: repr(lib.Book.objects.get(isbn="9780000000001")),
        "equal": requests(
            2,
            lambda lib: (
                (one := lib.Book.objects.get(isbn="9780000000001"))
                == (same := lib.Book.objects.get(isbn="9780000000001")),
                hash(one) == hash(same),
                len({one, same}),
                one != same,
            ),
        ),
        "not equal": requests(2, lambda lib: lib.Book.objects.first() == lib.Book.objects.last()),
        "not equal to another model's": requests(
            2,
            lambda lib: lib.Author.objects.get(pk=1) == lib.Publisher.objects.get(pk=1),
        ),
        "isinstance": lambda lib: isinstance(lib.Book.objects.first(), lib.Book),
        "isinstance of another": lambda lib: isinstance(lib.Book.objects.first(), lib.Author),
        "pickled": lambda lib: pickle.loads(pickle.dumps(lib.Book.objects.first())),
        "copied": lambda lib: copy.deepcopy(lib.Book.objects.first()),
        "get_genre_display": lambda lib: lib.Book.objects.first().get_genre_display(),
        "pk": lambda lib: (lib.Book.objects.first().pk, lib.Author.objects.none().first()),
        "serializable_value": lambda lib: lib.Book.objects.first().serializable_value("publisher"),
        "serializable_value of a column": lambda lib: lib.Book.objects.first().serializable_value(
            "title"
        ),
        "a property": lambda lib: lib.Author.objects.get(pk=2).shouted,
        "refresh_from_db": requests(
            2,
            lambda lib: (book := lib.Book.objects.first(), book.refresh_from_db(), book.title)[2],
        ),
        "refresh_from_db of a field": requests(
            2,
            lambda lib: (
                book := lib.Book.objects.first(),
                book.refresh_from_db(fields=["title"]),
                book.title,
            )[2],
        ),
        "no such attribute": told(
            "AttributeError",
            "has no attribute 'colour'",
            lambda lib: lib.Book.objects.first().colour,
            requests=1,
        ),
        "get_next_by": told(
            "AttributeError",
            "has no attribute",
            lambda lib: lib.Author.objects.first().get_next_by_joined(),
            requests=1,
        ),
    }
)

test_meta = reading(
    {
        "names": lambda lib: (
            lib.Book._meta.label,
            lib.Book._meta.label_lower,
            lib.Book._meta.app_label,
            lib.Book._meta.model_name,
            lib.Book._meta.object_name,
            str(lib.Book._meta.verbose_name),
            str(lib.Book._meta.verbose_name_plural),
        ),
        "key": lambda lib: (lib.Book._meta.pk.name, lib.Profile._meta.pk.name),
        "a field": lambda lib: [
            _described(lib.Book._meta.get_field(name))
            for name in ("isbn", "title", "pages", "genre", "published", "meta", "publisher")
        ],
        "a field's choices": lambda lib: list(lib.Book._meta.get_field("genre").choices),
        "no such field": lambda lib: lib.Book._meta.get_field("colour"),
        "columns": lambda lib: [
            field.name for field in lib.Publisher._meta.concrete_fields if field.name != "size"
        ],
    },
    number=0,
)


def _described(field: Any) -> Any:
    return (
        field.name,
        field.attname,
        field.get_internal_type(),
        str(field.verbose_name),
        field.null,
        str(field.help_text),
        field.primary_key,
        field.is_relation,
    )
