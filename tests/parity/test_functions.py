"""Functions that return querysets, and instances and querysets as arguments."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, Max

from .cases import reading, referring, requests

test_returned = reading(
    {
        "a queryset": lambda lib: lib.cheap_books(),
        "with an argument": lambda lib: lib.cheap_books(Decimal(5)),
        "filtered": lambda lib: lib.cheap_books(Decimal(50)).filter(genre="novel"),
        "excluded": lambda lib: lib.cheap_books(Decimal(50)).exclude(genre="novel"),
        "ordered": lambda lib: lib.cheap_books(Decimal(50)).order_by("-pages"),
        "reversed": lambda lib: lib.cheap_books(Decimal(50)).reverse(),
        "sliced": lambda lib: lib.cheap_books(Decimal(50))[2:5],
        "one of it": lambda lib: lib.cheap_books(Decimal(50))[2],
        "counted": lambda lib: lib.cheap_books(Decimal(50)).count(),
        "exists": lambda lib: lib.cheap_books(Decimal(0)).exists(),
        "len": lambda lib: len(lib.cheap_books(Decimal(50))),
        "first": lambda lib: lib.cheap_books(Decimal(50)).order_by("-price").first(),
        "last": lambda lib: lib.cheap_books(Decimal(50)).last(),
        "get": lambda lib: lib.cheap_books(Decimal(50)).get(pages=41),
        "get nothing": lambda lib: lib.cheap_books(Decimal(1)).get(pages=41),
        "values": lambda lib: lib.cheap_books(Decimal(50)).values("isbn", "publisher__name"),
        "flat": lambda lib: lib.cheap_books(Decimal(50)).values_list("isbn", flat=True),
        "only": lambda lib: lib.cheap_books(Decimal(50)).only("title"),
        "annotated": lambda lib: (
            lib.cheap_books(Decimal(50)).annotate(n=Count("tags")).order_by("isbn")
        ),
        "aggregated": lambda lib: lib.cheap_books(Decimal(50)).aggregate(Max("pages")),
        "dates": lambda lib: lib.cheap_books(Decimal(50)).dates("published", "year"),
        "with select_related": lambda lib: [
            book.publisher for book in lib.cheap_books(Decimal(50)).select_related("publisher")
        ],
        "with prefetch_related": lambda lib: [
            sorted(tag.slug for tag in book.tags.all())
            for book in lib.cheap_books(Decimal(50)).prefetch_related("tags")
        ],
        "in_bulk": lambda lib: lib.cheap_books(Decimal(50)).in_bulk(["9780000000001"]),
    },
    number=2,  # the call, and the evaluation of what it returned
)

test_arguments = reading(
    {
        "an instance": referring(lambda lib: lib.titles([lib.Book.objects.get(pages=41)])),
        "instances": referring(
            lambda lib: lib.titles(list(lib.Book.objects.filter(genre="novel")))
        ),
        # A queryset is fetched, and its rows are named.
        "a queryset": referring(lambda lib: lib.titles(lib.Book.objects.filter(genre="novel"))),
        "a queryset with an order": referring(
            lambda lib: lib.titles(lib.Book.objects.order_by("-price")[:3])
        ),
        "an empty one": requests(1, lambda lib: lib.titles(lib.Book.objects.none())),
        "one that was evaluated": referring(
            lambda lib: (
                books := lib.Book.objects.filter(genre="novel"),
                len(books),
                lib.titles(books),
            )[1:],
        ),
    }
)
