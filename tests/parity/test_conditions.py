"""Conditions put together: ``Q`` with its operators, columns compared, subqueries."""

from __future__ import annotations

from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Length, Lower
from django.db.models.lookups import GreaterThan

from .cases import reading, requests, told

test_q = reading(
    {
        "or": lambda lib: lib.Book.objects.filter(Q(pages__lt=50) | Q(genre="poetry")),
        "and": lambda lib: lib.Book.objects.filter(Q(pages__lt=200) & Q(genre="poetry")),
        "not": lambda lib: lib.Book.objects.filter(~Q(genre="poetry")),
        "xor": lambda lib: lib.Book.objects.filter(Q(pages__lt=200) ^ Q(genre="poetry")),
        "xor of three": lambda lib: lib.Book.objects.filter(
            Q(pages__lt=200) ^ Q(genre="poetry") ^ Q(withdrawn=True)
        ),
        "not xor": lambda lib: lib.Book.objects.filter(~(Q(pages__lt=200) ^ Q(genre="poetry"))),
        "not or": lambda lib: lib.Book.objects.filter(~(Q(pages__lt=200) | Q(genre="poetry"))),
        "twice not": lambda lib: lib.Book.objects.filter(~~Q(genre="poetry")),
        "nested": lambda lib: lib.Book.objects.filter(
            (Q(genre="poetry") & ~Q(pages__gt=200)) | (Q(genre="novel") & Q(price__lt=10))
        ),
        "and keywords": lambda lib: lib.Book.objects.filter(
            Q(pages__lt=50) | Q(pages__gt=300), genre="novel"
        ),
        "several": lambda lib: lib.Book.objects.filter(Q(pages__lt=300), Q(genre="novel")),
        "empty": lambda lib: lib.Book.objects.filter(Q()),
        "empty or": lambda lib: lib.Book.objects.filter(Q() | Q(genre="novel")),
        "not empty": lambda lib: lib.Book.objects.filter(~Q()),
        "in nothing, or": lambda lib: lib.Book.objects.filter(Q(pk__in=[]) | Q(genre="novel")),
        "in nothing, and": lambda lib: lib.Book.objects.filter(Q(pk__in=[]) & Q(genre="novel")),
        "not in nothing": lambda lib: lib.Book.objects.filter(~Q(pk__in=[])),
        "excluded": lambda lib: lib.Book.objects.exclude(Q(genre="novel") | Q(pages__gt=100)),
        "excluded with keywords": lambda lib: lib.Book.objects.exclude(
            Q(genre="novel"), pages__gt=100
        ),
        "excluded not": lambda lib: lib.Book.objects.exclude(~Q(genre="novel")),
        "excluded nothing": lambda lib: lib.Book.objects.exclude(),
        "excluded in nothing": lambda lib: lib.Book.objects.exclude(pk__in=[]),
        "of relations": lambda lib: lib.Book.objects.filter(
            Q(publisher__name="Dusk") | Q(publisher__isnull=True)
        ),
        "of relations to many": lambda lib: lib.Book.objects.filter(
            Q(authors__name="Ada") | Q(tags="rare")
        ).distinct(),
        "not of relations to many": lambda lib: lib.Book.objects.filter(
            ~Q(authors__name="Ada") & ~Q(tags="rare")
        ),
        "mixed and not": lambda lib: lib.Author.objects.filter(
            Q(alias__isnull=True) | ~Q(mentor__name="Ada")
        ),
        "the same one twice": lambda lib: lib.Book.objects.filter(
            poetry := Q(genre="poetry")
        ).filter(poetry | poetry),
        "pairs": lambda lib: lib.Book.objects.filter(Q(("genre", "poetry"), ("pages__lt", 200))),
        "complex_filter of Q": lambda lib: lib.Book.objects.complex_filter(~Q(genre="novel")),
        "complex_filter of a dict": lambda lib: lib.Book.objects.complex_filter({"genre": "novel"}),
        "get": lambda lib: lib.Book.objects.get(Q(pages=40) | Q(pages=1)),
        "deeper than the gate allows": told(
            "QueryRefused",
            "nested deeper than 12",
            lambda lib: lib.Book.objects.filter(_deep(13)),
        ),
        "something else": told(
            "NotSupportedError", "not str", lambda lib: lib.Book.objects.filter("genre")
        ),
    }
)


def _deep(levels: int) -> Q:
    found = Q(genre="novel")
    for level in range(levels):
        found = ~(found & Q(pages__gt=level)) | Q(price__gt=level)
    return found


test_columns = reading(
    {
        "equal": lambda lib: lib.Loan.objects.filter(due=F("returned")),
        "greater": lambda lib: lib.Loan.objects.filter(due__gt=F("returned")),
        "plus": lambda lib: lib.Book.objects.filter(pages__gt=F("price") + 40),
        "times": lambda lib: lib.Book.objects.filter(pages__gt=F("price") * 4),
        "minus, mirrored": lambda lib: lib.Book.objects.filter(price__lt=100 - F("pages")),
        "divided": lambda lib: lib.Book.objects.filter(price__lt=F("pages") / 10),
        "modulo": lambda lib: lib.Book.objects.annotate(rest=F("pages") % 7).filter(rest=0),
        "of texts": lambda lib: lib.Author.objects.filter(name__gt=F("alias")),
        "of relations": lambda lib: lib.Author.objects.filter(name__lt=F("mentor__name")),
        "excluded": lambda lib: lib.Loan.objects.exclude(due__gt=F("returned")),
        "range": lambda lib: lib.Book.objects.filter(pages__range=(F("price"), F("price") * 100)),
        "in": lambda lib: lib.Book.objects.filter(pages__in=[40, F("price") + 1]),
        "not there": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.filter(price__gt=F("shelf_price")),
        ),
        "a function of one": lambda lib: lib.Author.objects.filter(name=Lower("name")),
        "a condition as an expression": lambda lib: lib.Book.objects.filter(
            GreaterThan(F("pages"), F("price") * 4)
        ),
        "a case": lambda lib: lib.Book.objects.filter(
            pages__gt=Case(When(genre="poetry", then=Value(300)), default=Value(400))
        ),
        "annotated first": lambda lib: (
            lib.Book.objects.annotate(size=Length("title"))
            .filter(size=11)
            .values_list("title", "size")
        ),
        "alias first": lambda lib: lib.Book.objects.alias(size=Length("title")).filter(size__gt=10),
        "annotated truth": lambda lib: lib.Book.objects.annotate(
            long=Q(pages__gt=200), cheap=Q(price__lt=50)
        ).filter(Q(long=True) | Q(cheap=True)),
    }
)

test_subqueries = reading(
    {
        "in a queryset": lambda lib: lib.Book.objects.filter(
            publisher__in=lib.Publisher.objects.filter(country="GB")
        ),
        "in a queryset of keys": lambda lib: lib.Book.objects.filter(
            publisher__in=lib.Publisher.objects.filter(country="GB").values("pk")
        ),
        "in a flat list": lambda lib: lib.Book.objects.filter(
            pages__in=lib.Book.objects.filter(genre="novel").values_list("pages", flat=True)
        ),
        "in a slice": lambda lib: lib.Book.objects.filter(
            publisher__in=lib.Publisher.objects.order_by("name")[:2]
        ),
        "excluded": lambda lib: lib.Book.objects.exclude(
            publisher__in=lib.Publisher.objects.filter(country="GB")
        ),
        "in none": lambda lib: lib.Book.objects.filter(publisher__in=lib.Publisher.objects.none()),
        "in text keys": lambda lib: lib.Loan.objects.filter(
            book__in=lib.Book.objects.filter(genre="poetry")
        ),
        "in a queryset in a queryset": lambda lib: lib.Loan.objects.filter(
            book__in=lib.Book.objects.filter(
                publisher__in=lib.Publisher.objects.filter(country="IT")
            )
        ),
        "to a field": lambda lib: lib.Category.objects.filter(
            parent__in=lib.Category.objects.filter(name="All")
        ),
        "of two columns": lambda lib: lib.Book.objects.filter(
            publisher__in=lib.Publisher.objects.values("pk", "name")
        ),
        "of many": lambda lib: lib.Book.objects.filter(
            tags__in=lib.Tag.objects.filter(label__startswith="R")
        ).distinct(),
        "equal to one": lambda lib: lib.Book.objects.filter(
            publisher=lib.Publisher.objects.filter(name="Dusk")[:1]
        ),
        "exists": lambda lib: lib.Book.objects.filter(
            Exists(lib.Loan.objects.filter(book=OuterRef("pk"), returned=None))
        ),
        "exists not": lambda lib: lib.Book.objects.filter(
            ~Exists(lib.Loan.objects.filter(book=OuterRef("pk")))
        ),
        "exists and more": lambda lib: lib.Book.objects.filter(
            Exists(lib.Loan.objects.filter(book=OuterRef("pk"))) & Q(genre="novel")
        ),
        "exists or": lambda lib: lib.Book.objects.filter(
            Q(genre="poetry") | Exists(lib.Loan.objects.filter(book=OuterRef("pk")))
        ),
        "exists annotated": lambda lib: lib.Publisher.objects.annotate(
            sells=Exists(lib.Book.objects.filter(publisher=OuterRef("pk"), pages__gt=400))
        ).values_list("name", "sells"),
        "exists excluded": lambda lib: lib.Book.objects.exclude(
            Exists(lib.Loan.objects.filter(book=OuterRef("pk")))
        ),
        "one value": lambda lib: lib.Author.objects.order_by("pk").annotate(
            pupil=Subquery(
                lib.Author.objects.filter(mentor=OuterRef("pk")).order_by("name").values("name")[:1]
            )
        ),
        "one value compared": lambda lib: (
            lib.Book.objects.annotate(
                last=Subquery(
                    lib.Loan.objects.filter(book=OuterRef("pk"))
                    .order_by("-number")
                    .values("number")[:1]
                )
            )
            .filter(last__gt=20)
            .values_list("title", "last")
        ),
        "outer twice": lambda lib: lib.Publisher.objects.filter(
            Exists(
                lib.Book.objects.filter(
                    Exists(lib.Loan.objects.filter(book=OuterRef("pk"), number__gt=25)),
                    publisher=OuterRef("pk"),
                )
            )
        ),
        "two levels out": told(
            "NotSupportedError",
            "OuterRef of OuterRef",
            lambda lib: lib.Publisher.objects.filter(
                Exists(
                    lib.Book.objects.filter(
                        Exists(
                            lib.Category.objects.filter(code__lt=OuterRef(OuterRef("country"))),
                        ),
                        publisher=OuterRef("pk"),
                    )
                )
            ),
        ),
        "value of outer expression": lambda lib: lib.Book.objects.filter(
            Exists(lib.Book.objects.filter(pages__gt=OuterRef("pages") * 3))
        ),
        "compared with": lambda lib: lib.Book.objects.filter(
            price__gt=Subquery(
                lib.Book.objects.filter(genre="novel").order_by("-price").values("price")[:1]
            )
        ),
        "outer without an outer": requests(
            0, lambda lib: lib.Book.objects.filter(pages=OuterRef("pages"))
        ),
        "evaluated before": requests(
            2,
            lambda lib: (
                british := lib.Publisher.objects.filter(country="GB"),
                len(british),
                lib.Book.objects.filter(publisher__in=british),
            ),
        ),
    }
)
