"""Where databases, values and limits have their edges."""

from __future__ import annotations

from decimal import Decimal

import django
from django.db.models import Count, F, Q, Value

from .cases import reading, requests, told, writing

LONG = "x" * 5000

test_distinct_on = reading(
    {  # PostgreSQL alone knows it; elsewhere both sides say so
        "one": lambda lib: lib.Book.objects.order_by("genre", "-pages").distinct("genre"),
        "two": lambda lib: lib.Book.objects.order_by("genre", "publisher", "isbn").distinct(
            "genre", "publisher"
        ),
        "values": lambda lib: (
            lib.Book.objects.order_by("genre", "isbn")
            .distinct("genre")
            .values_list("genre", "isbn")
        ),
        "beyond a relation": lambda lib: lib.Book.objects.order_by(
            "publisher__name", "isbn"
        ).distinct("publisher__name"),
        "counted": lambda lib: lib.Book.objects.order_by("genre").distinct("genre").count(),
        "another order": lambda lib: lib.Book.objects.order_by("pages").distinct("genre"),
        "in_bulk by it": lambda lib: (
            lib.Book.objects.order_by("title")
            .distinct("title")
            .in_bulk(["A book 04"], field_name="title")
        ),
        "aggregated": requests(
            0, lambda lib: lib.Book.objects.distinct("genre").aggregate(Count("pk"))
        ),
        "deleted": requests(0, lambda lib: lib.Book.objects.distinct("genre").delete()),
        "hidden": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.distinct("shelf_price"),
        ),
    }
)

test_json = reading(
    {
        "a key": lambda lib: lib.Book.objects.values_list("isbn", "meta__lang"),
        "a deep key": lambda lib: lib.Book.objects.values_list("meta__deep__a", flat=True),
        "an index": lambda lib: lib.Book.objects.values_list("meta__deep__a__0", flat=True),
        "no such key": lambda lib: lib.Book.objects.values_list("meta__colour", flat=True),
        "whole": lambda lib: lib.Book.objects.values_list("meta", flat=True),
        "order": lambda lib: lib.Book.objects.filter(meta__has_key="size").order_by(
            F("meta__size").desc(), "isbn"
        ),
        "annotated": lambda lib: lib.Book.objects.annotate(lang=F("meta__lang")).values_list(
            "isbn", "lang"
        ),
        "annotated and filtered": lambda lib: lib.Book.objects.annotate(
            lang=F("meta__lang")
        ).filter(lang="fr"),
        "grouped": lambda lib: (
            lib.Book.objects.order_by().values("meta__lang").annotate(n=Count("pk"))
        ),
        **(
            {"null": lambda lib: lib.Book.objects.filter(meta=None)}
            if django.VERSION < (6, 1)  # which warns that it will mean something else
            else {}
        ),
        "JSON null": lambda lib: lib.Book.objects.filter(meta=Value(None)),
        "in Q": lambda lib: lib.Book.objects.filter(Q(meta__lang="fr") | Q(meta={})),
        "contains": lambda lib: lib.Book.objects.filter(meta__contains={"lang": "fr"}),
    }
)

test_limits = reading(
    {
        "a long text": told(
            "QueryRefused",
            "longer than 4096.*QUERY_STRING",
            lambda lib: lib.Book.objects.filter(title=LONG),
        ),
        "a long list": told(
            "QueryRefused",
            "QUERY_LIST",
            lambda lib: lib.Author.objects.filter(pk__in=range(1001)),
        ),
        "the longest list": lambda lib: lib.Author.objects.filter(pk__in=range(1000)),
        "a deep offset": told(
            "QueryRefused", "QUERY_OFFSET", lambda lib: lib.Book.objects.all()[1_000_001:]
        ),
        "many conditions": told(
            "QueryRefused",
            "QUERY_NODES",
            lambda lib: lib.Book.objects.filter(*(Q(pages=number) for number in range(200))),
        ),
        "many steps": told(
            "QueryRefused", "QUERY_STEPS", lambda lib: _chained(lib.Book.objects.all(), 65)
        ),
        "as many steps as may be": lambda lib: _chained(lib.Book.objects.all(), 64),
        "a number of many digits": told(
            "QueryRefused",
            "QUERY_DIGITS",
            lambda lib: lib.Book.objects.filter(price=Decimal("1e101")),
        ),
        "an annotation's odd name": told(
            "QueryRefused",
            "'a b' cannot be a name here",
            lambda lib: lib.Book.objects.annotate(**{"a b": Value(1)}),
        ),
        "not a number": told(
            "QueryRefused",
            "not a number",
            lambda lib: lib.Book.objects.filter(price=Decimal("NaN")),
        ),
    }
)


def _chained(queryset: object, times: int) -> object:
    for _ in range(times):
        queryset = queryset.filter(pages__lt=100)  # type: ignore[attr-defined]
    return queryset


test_odd_values = writing(
    {
        "an odd key": requests(
            4,
            lambda lib: (
                lib.Tag.objects.create(slug="a-b_c", label="' \" \\ % _ \n \t ç 😀"),
                list(lib.Tag.objects.filter(slug="a-b_c")),
                list(lib.Tag.objects.filter(label__contains="%")),
                list(lib.Tag.objects.filter(label__contains="😀")),
            ),
        ),
        "the largest integer": lambda lib: lib.Book.objects.filter(pages=40).update(
            pages=2147483647
        ),
        "a small fraction": lambda lib: lib.Author.objects.filter(pk=1).update(rating=5e-324),
        "a text for a number": lambda lib: lib.Book.objects.filter(pages=40).update(pages="7"),
        # Over there what is written is validated first, as in a form.
        "no text for a number": told(
            "ValidationError",
            "value must be an integer",
            lambda lib: lib.Book.objects.filter(pages=40).update(pages="many"),
            requests=1,
        ),
        "an empty text": lambda lib: lib.Author.objects.filter(pk=2).update(alias=""),
        "JSON of all kinds": lambda lib: lib.Book.objects.filter(pages=40).update(
            meta={"a": [1, 1.5, None, True, "ç", {"b": []}]}
        ),
    },
    number=1,
)
