"""Aggregates: of all rows, of groups, beside rows, filtered, distinct and with defaults."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import (
    Aggregate,
    Avg,
    Case,
    Count,
    F,
    FloatField,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Variance,
    When,
)
from django.db.models.functions import Coalesce, ExtractYear, Lower, TruncYear

from .cases import reading, requests, told

test_all = reading(
    {
        "count of rows": lambda lib: lib.Book.objects.aggregate(n=Count("*")),
        "count of keys": lambda lib: lib.Book.objects.aggregate(Count("pk")),
        "count of a nullable": lambda lib: lib.Author.objects.aggregate(Count("alias")),
        "count distinct": lambda lib: lib.Book.objects.aggregate(n=Count("genre", distinct=True)),
        "sum": lambda lib: lib.Book.objects.aggregate(Sum("pages")),
        "sum of decimals": lambda lib: lib.Book.objects.aggregate(Sum("price")),
        "sum of floats": lambda lib: lib.Author.objects.aggregate(Sum("rating")),
        "sum of durations": lambda lib: lib.Book.objects.aggregate(Sum("reading_time")),
        "sum distinct": lambda lib: lib.Loan.objects.aggregate(Sum("book__pages", distinct=True)),
        "average": lambda lib: lib.Book.objects.aggregate(Avg("pages")),
        "average of decimals": lambda lib: lib.Book.objects.aggregate(Avg("price")),
        "average of durations": lambda lib: lib.Book.objects.aggregate(Avg("reading_time")),
        "average as a type": lambda lib: lib.Book.objects.aggregate(
            x=Avg("pages", output_field=IntegerField())
        ),
        "min and max": lambda lib: lib.Book.objects.aggregate(Min("pages"), Max("pages")),
        "min and max of texts": lambda lib: lib.Book.objects.aggregate(Min("title"), Max("title")),
        "min and max of dates": lambda lib: lib.Book.objects.aggregate(
            Min("published"), Max("published")
        ),
        "min and max of moments": lambda lib: lib.Author.objects.aggregate(
            Min("joined"), Max("joined")
        ),
        "min and max of times": lambda lib: lib.Loan.objects.aggregate(Min("at"), Max("at")),
        "standard deviation": lambda lib: lib.Book.objects.aggregate(StdDev("pages")),
        "of a sample": lambda lib: lib.Book.objects.aggregate(StdDev("pages", sample=True)),
        "variance": lambda lib: lib.Author.objects.aggregate(Variance("rating")),
        "variance of a sample": lambda lib: lib.Author.objects.aggregate(
            Variance("rating", sample=True)
        ),
        "variance of one": lambda lib: lib.Author.objects.filter(pk=2).aggregate(
            Variance("rating", sample=True)
        ),
        "several, named": lambda lib: lib.Book.objects.aggregate(
            n=Count("pk"), least=Min("price"), most=Max("price"), all=Sum("pages")
        ),
        "named and not": lambda lib: lib.Book.objects.aggregate(Min("price"), n=Count("pk")),
        "with a field's name": lambda lib: lib.Book.objects.aggregate(pages=Max("pages")),
        "nothing": requests(0, lambda lib: lib.Book.objects.aggregate()),
        "beyond a relation": lambda lib: lib.Loan.objects.aggregate(Max("book__pages")),
        "beyond two": lambda lib: lib.Loan.objects.aggregate(Min("book__publisher__founded")),
        "beyond many": lambda lib: lib.Publisher.objects.aggregate(Avg("books__price")),
        "of a relation": lambda lib: lib.Publisher.objects.aggregate(n=Count("books")),
        "of many-to-many": lambda lib: lib.Book.objects.aggregate(
            n=Count("authors"), m=Count("authors", distinct=True)
        ),
        "of an expression": lambda lib: lib.Book.objects.aggregate(x=Sum(F("pages") * 2 + 1)),
        "of two columns": lambda lib: lib.Book.objects.aggregate(
            x=Sum(F("pages") * 1.5, output_field=FloatField())
        ),
        "of a function": lambda lib: lib.Author.objects.aggregate(x=Min(Lower("name"))),
        "of a case": lambda lib: lib.Book.objects.aggregate(
            x=Sum(Case(When(genre="novel", then=F("pages")), default=0))
        ),
        "of an annotation": lambda lib: lib.Book.objects.annotate(x=F("pages") + 1).aggregate(
            Max("x")
        ),
        "of an annotated aggregate": lambda lib: lib.Publisher.objects.annotate(
            n=Count("books")
        ).aggregate(Avg("n"), Max("n")),
        "computed of aggregates": lambda lib: lib.Book.objects.aggregate(
            spread=Max("pages") - Min("pages")
        ),
        "compared aggregates": lambda lib: lib.Book.objects.aggregate(x=Sum("pages") / Count("pk")),
        "of what is later": lambda lib: lib.Book.objects.aggregate(
            most=Max("pages"), twice=F("most") * 2
        ),
        "filtered": lambda lib: lib.Book.objects.aggregate(n=Count("pk", filter=Q(genre="novel"))),
        "filtered, several": lambda lib: lib.Book.objects.aggregate(
            cheap=Count("pk", filter=Q(price__lt=20)),
            dear=Sum("price", filter=Q(price__gte=20) & ~Q(genre="poetry")),
        ),
        "filtered beyond a relation": lambda lib: lib.Book.objects.aggregate(
            n=Count("pk", filter=Q(publisher__name="Dusk"))
        ),
        "filtered by an annotation": lambda lib: lib.Book.objects.annotate(
            x=F("pages") + 1
        ).aggregate(n=Count("pk", filter=Q(x__gt=100))),
        "default": lambda lib: lib.Book.objects.filter(genre="opera").aggregate(
            x=Sum("pages", default=7)
        ),
        "default that is not needed": lambda lib: lib.Book.objects.aggregate(
            x=Sum("pages", default=7)
        ),
        "default of a decimal": lambda lib: lib.Book.objects.filter(genre="opera").aggregate(
            x=Avg("price", default=Decimal("1.5"))
        ),
        "coalesced": lambda lib: lib.Book.objects.filter(genre="opera").aggregate(
            x=Coalesce(Sum("pages"), 0)
        ),
        "of no rows": lambda lib: lib.Book.objects.filter(genre="opera").aggregate(
            Count("pk"), Sum("pages"), Avg("price"), Min("title")
        ),
        "in nothing": lambda lib: lib.Book.objects.filter(pk__in=[]).aggregate(
            Count("pk"), Sum("pages")
        ),
        "of some": lambda lib: lib.Book.objects.filter(genre="novel").aggregate(Sum("pages")),
        "of distinct": lambda lib: (
            lib.Book.objects.filter(tags__in=["loud", "rare"])
            .distinct()
            .aggregate(Count("pk"), Sum("pages"))
        ),
        "of values": lambda lib: (
            lib.Book.objects.values("genre").distinct().aggregate(n=Count("genre"))
        ),
        "of groups": lambda lib: (
            lib.Book.objects.values("genre").annotate(n=Count("pk")).aggregate(Max("n"))
        ),
        "of a slice": lambda lib: lib.Book.objects.all()[:3].aggregate(Sum("pages")),
        "of a union": lambda lib: (
            lib.Book.objects.filter(genre="novel")
            .union(lib.Book.objects.filter(genre="poetry"))
            .aggregate(Count("pk"))
        ),
        "of what was fetched": requests(
            2,
            lambda lib: (
                books := lib.Book.objects.all(),
                len(books),
                books.aggregate(Count("pk")),
            ),
        ),
        "without a name": requests(0, lambda lib: lib.Book.objects.aggregate(F("pages"))),
        "a number": requests(0, lambda lib: lib.Book.objects.aggregate(5)),
        "no aggregate": lambda lib: lib.Book.objects.aggregate(x=F("pages")),
        "of an aggregate": lambda lib: lib.Book.objects.aggregate(x=Sum(Max("pages"))),
        "a text": requests(0, lambda lib: lib.Book.objects.aggregate(x="pages")),
        "hidden": told(
            "QueryRefused",
            "shows no field 'shelf_price'",
            lambda lib: lib.Book.objects.aggregate(Min("shelf_price")),
        ),
        "a hidden condition": told(
            "QueryRefused",
            "cannot be filtered by 'shelf_price'",
            lambda lib: lib.Book.objects.aggregate(n=Count("pk", filter=Q(shelf_price=1))),
        ),
        "a secret relation": told(
            "QueryRefused",
            "shows no field 'secrets'",
            lambda lib: lib.Book.objects.aggregate(Count("secrets")),
        ),
        "of one's own making": told(
            "NotSupportedError",
            "Aggregate is not supported",
            lambda lib: lib.Book.objects.aggregate(x=Aggregate("pages", function="SUM")),
        ),
    }
)

test_beside = reading(
    {
        "count": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).order_by("pk"),
        "count without a name": lambda lib: lib.Publisher.objects.annotate(Count("books")).order_by(
            "pk"
        ),
        "count of many-to-many": lambda lib: lib.Book.objects.annotate(n=Count("authors")).order_by(
            "pk"
        ),
        "two counts": lambda lib: lib.Book.objects.annotate(
            n=Count("authors", distinct=True), m=Count("tags", distinct=True)
        ).order_by("pk"),
        "two counts that multiply": lambda lib: lib.Book.objects.annotate(
            n=Count("authors"), m=Count("tags")
        ).order_by("pk"),
        "sum": lambda lib: lib.Publisher.objects.annotate(x=Sum("books__price")).order_by("pk"),
        "average": lambda lib: lib.Publisher.objects.annotate(x=Avg("books__pages")).order_by("pk"),
        "latest": lambda lib: lib.Book.objects.annotate(x=Max("loans__due")).order_by("pk"),
        "filtered": lambda lib: lib.Publisher.objects.annotate(
            dear=Count("books", filter=Q(books__price__gt=30))
        ).order_by("pk"),
        "with a default": lambda lib: lib.Publisher.objects.annotate(
            x=Sum("books__pages", default=0)
        ).order_by("pk"),
        "having": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books")).filter(n__gte=5).order_by("pk")
        ),
        "having and where": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books"))
            .filter(Q(n__lt=5) & Q(country="GB"))
            .order_by("pk")
        ),
        "having or where": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books"))
            .filter(Q(n__gt=5) | Q(country="FR"))
            .order_by("pk")
        ),
        "having not": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books")).exclude(n=0).order_by("pk")
        ),
        "where before": lambda lib: (
            lib.Publisher.objects.filter(books__price__gt=30)
            .annotate(n=Count("books"))
            .order_by("pk")
        ),
        "where after": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books"))
            .filter(books__price__gt=30)
            .order_by("pk")
        ),
        "compared with a column": lambda lib: (
            lib.Book.objects.annotate(n=Count("authors"))
            .filter(pages__gt=F("n") * 100)
            .order_by("pk")
        ),
        "computed": lambda lib: (
            lib.Publisher.objects.annotate(
                n=Count("books"), per=Sum("books__pages") / Count("books")
            )
            .filter(n__gt=0)
            .order_by("pk")
        ),
        "an alias": lambda lib: (
            lib.Publisher.objects.alias(n=Count("books")).filter(n__gt=4).order_by("pk")
        ),
        "order": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).order_by(
            "-n", "name"
        ),
        "order by the aggregate": lambda lib: lib.Publisher.objects.order_by(
            Count("books").desc(), "name"
        ),
        "default order is lost": lambda lib: lib.Publisher.objects.annotate(n=Count("books")),
        "first": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).first(),
        "get": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).get(name="Dusk"),
        "sliced": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).order_by("name")[
            1:3
        ],
        "count of": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).count(),
        "exists": lambda lib: lib.Publisher.objects.annotate(n=Count("books")).filter(n=0).exists(),
        "of pupils": lambda lib: lib.Author.objects.annotate(n=Count("pupils")).order_by("pk"),
        "of children, to a field": lambda lib: lib.Category.objects.annotate(
            n=Count("children")
        ).order_by("pk"),
        "a subquery that counts": lambda lib: lib.Publisher.objects.annotate(
            n=Subquery(
                lib.Book.objects.filter(publisher=OuterRef("pk"))
                .order_by()
                .values("publisher")
                .annotate(n=Count("pk"))
                .values("n")
            )
        ).order_by("pk"),
        "the name of a field": requests(
            0, lambda lib: lib.Book.objects.annotate(title=Count("tags"))
        ),
    }
)

test_groups = reading(
    {
        "by a column": lambda lib: (
            lib.Book.objects.order_by("genre").values("genre").annotate(n=Count("pk"))
        ),
        "by two": lambda lib: (
            lib.Book.objects.order_by("genre", F("withdrawn"))
            .values("genre", "withdrawn")
            .annotate(n=Count("pk"), all=Sum("pages"))
        ),
        "with the default order": lambda lib: lib.Book.objects.values("genre").annotate(
            n=Count("pk")
        ),
        "by a relation": lambda lib: (
            lib.Book.objects.order_by("publisher__name")
            .values("publisher__name")
            .annotate(n=Count("pk"))
        ),
        "by a foreign key": lambda lib: (
            lib.Book.objects.order_by("publisher_id").values("publisher").annotate(Max("price"))
        ),
        "by an expression": lambda lib: (
            lib.Book.objects.annotate(year=ExtractYear("published"))
            .order_by("year")
            .values("year")
            .annotate(n=Count("pk"))
        ),
        "by a truncated date": lambda lib: (
            lib.Book.objects.values(year=TruncYear("published"))
            .order_by("year")
            .annotate(n=Count("pk"))
        ),
        "as tuples": lambda lib: (
            lib.Book.objects.order_by("genre").values_list("genre").annotate(Count("pk"))
        ),
        "having": lambda lib: (
            lib.Book.objects.values("publisher").annotate(n=Count("pk")).filter(n__gt=4)
        ),
        "ordered by the number": lambda lib: (
            lib.Book.objects.values("publisher__name")
            .annotate(n=Count("pk"))
            .order_by("-n", "publisher__name")
        ),
        "counted": lambda lib: lib.Book.objects.values("genre").annotate(n=Count("pk")).count(),
        "exists": lambda lib: (
            lib.Book.objects.values("genre").annotate(n=Count("pk")).filter(n=8).exists()
        ),
        "values after": lambda lib: (
            lib.Book.objects.annotate(n=Count("authors"))
            .order_by("n")
            .values("n")
            .annotate(m=Count("pk", distinct=True))
        ),
        "of what was filtered": lambda lib: (
            lib.Book.objects.filter(pages__lt=200)
            .order_by("genre")
            .values("genre")
            .annotate(n=Count("pk"))
        ),
        "flat": lambda lib: (
            lib.Book.objects.order_by("genre")
            .values("genre")
            .annotate(n=Count("pk"))
            .values_list("n", flat=True)
        ),
    }
)
