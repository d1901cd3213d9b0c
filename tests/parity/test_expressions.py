"""Expressions: arithmetic, functions, cases, types, and what they make of texts, numbers, dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    IntegerField,
    OuterRef,
    Q,
    SmallIntegerField,
    TextField,
    TimeField,
    UUIDField,
    Value,
    When,
    Window,
)
from django.db.models import functions as fn

from .cases import reading, requests, told

MONEY = DecimalField(max_digits=10, decimal_places=2)
BERLIN = ZoneInfo("Europe/Berlin")


def books(expression: Any) -> Callable[[Any], Any]:
    """Return a body that computes something for each book."""
    return lambda lib: lib.Book.objects.annotate(x=expression).values_list("isbn", "x")


def authors(expression: Any) -> Callable[[Any], Any]:
    return lambda lib: lib.Author.objects.order_by("pk").annotate(x=expression).values_list("x")


def loans(expression: Any) -> Callable[[Any], Any]:
    return lambda lib: lib.Loan.objects.annotate(x=expression).values_list("desk", "number", "x")


test_arithmetic = reading(
    {
        "plus": books(F("pages") + 1),
        "plus, mirrored": books(1 + F("pages")),
        "minus": books(F("pages") - 40),
        "minus, mirrored": books(1000 - F("pages")),
        "times": books(F("pages") * 3),
        "by": books(F("pages") / 7),
        "modulo": books(F("pages") % 7),
        "power": books(F("pages") ** 2),
        "negative": books(-F("pages")),
        "two columns": books(ExpressionWrapper(F("pages") * F("price"), output_field=MONEY)),
        "two columns of types that do not mix": books(F("pages") * F("price")),
        "decimals": books(F("price") + Decimal("0.01")),
        "decimals times": books(F("price") * 2),
        "floats": authors(F("rating") * 2 + 0.5),
        "null": authors(F("rating") + F("rating")),
        "nested": books((F("pages") + 1) * 2 - F("pages") / 2),
        "a duration twice": books(F("reading_time") + F("reading_time")),
        "a moment and a duration": books(
            ExpressionWrapper(F("added") + F("reading_time"), output_field=DateTimeField())
        ),
        "a moment and a constant": books(
            ExpressionWrapper(F("added") + dt.timedelta(days=1), output_field=DateTimeField())
        ),
        "between moments": loans(
            ExpressionWrapper(F("due") - F("returned"), output_field=DurationField())
        ),
        "beyond a relation": loans(F("book__pages") - F("number")),
        "of an annotation": lambda lib: (
            lib.Book.objects.annotate(x=F("pages") + 1).annotate(y=F("x") * 2).values_list("x", "y")
        ),
        "bits": told(
            "NotSupportedError",
            "'&' is not supported",
            books(F("pages").bitand(1)),
        ),
    }
)

test_values = reading(
    {
        "integer": books(Value(1)),
        "text": books(Value("text")),
        "nothing": books(Value(None, output_field=IntegerField())),
        "decimal": books(Value(Decimal("1.50"))),
        "float": books(Value(1.5)),
        "truth": books(Value(True)),
        "date": books(Value(dt.date(2020, 1, 2))),
        "moment": books(Value(dt.datetime(2020, 1, 2, 3, 4, tzinfo=dt.UTC))),
        "time": books(Value(dt.time(3, 4))),
        "duration": books(Value(dt.timedelta(hours=1))),
        "typed": books(Value(1, output_field=FloatField())),
        "F of a column": books(F("title")),
        "F of a foreign key": books(F("publisher")),
        "F beyond a relation": books(F("publisher__name")),
        "F of a key of JSON": books(F("meta__lang")),
        "F of a part of a date": books(F("published__year")),
        "condition": books(Q(pages__gt=200)),
        "conditions": books(Q(pages__gt=200) & ~Q(genre="novel")),
        "condition of a null": authors(Q(rating__gt=5)),
        "wrapped condition": books(
            ExpressionWrapper(Q(pages__gt=200), output_field=BooleanField())
        ),
        "exists": lambda lib: books(Exists(lib.Loan.objects.filter(book=OuterRef("pk"))))(lib),
        "exists not": lambda lib: books(~Exists(lib.Loan.objects.filter(book=OuterRef("pk"))))(lib),
        "instances": lambda lib: lib.Book.objects.annotate(x=F("pages") + 1, y=Value("y")),
        "instances with an alias": lambda lib: lib.Book.objects.alias(x=F("pages") + 1).annotate(
            y=F("x") * 2
        ),
        "a field's name": requests(0, lambda lib: lib.Book.objects.annotate(title=Value("x"))),
        "no such column": told("QueryRefused", "Book shows no field 'colour'", books(F("colour"))),
        "hidden": told(
            "QueryRefused",
            "Book shows no field 'shelf_price'",
            books(F("shelf_price")),
        ),
        "no expression": requests(0, lambda lib: lib.Book.objects.annotate(x=5)),
        "no expression, without a name": requests(
            0, lambda lib: lib.Book.objects.annotate("pages")
        ),
        "without a name": requests(0, lambda lib: lib.Book.objects.annotate(F("pages"))),
        "raw": told(
            "NotSupportedError",
            "Func is not supported",
            books(Func(F("title"), function="LOWER")),
        ),
        "window": told(
            "NotSupportedError",
            "Window is not supported",
            books(Window(fn.RowNumber())),
        ),
        "a function that is not listed": told(
            "NotSupportedError", "MD5 is not supported", books(fn.MD5("title"))
        ),
    }
)
test_cases = reading(
    {
        "when": books(Case(When(genre="poetry", then=Value("p")), default=Value("other"))),
        "no default": books(Case(When(genre="poetry", then=Value(1)))),
        "several": books(
            Case(
                When(pages__lt=50, then=Value("short")),
                When(pages__lt=200, then=Value("middling")),
                default=Value("long"),
            )
        ),
        "Q": books(Case(When(Q(genre="poetry") | Q(pages__lt=50), then=F("pages")), default=0)),
        "columns": books(Case(When(genre="poetry", then=F("price")), default=F("price") * 2)),
        "beyond a relation": books(
            Case(When(publisher__name="Dusk", then=F("publisher__country")), default=Value("?"))
        ),
        "an annotation": lambda lib: (
            lib.Book.objects.annotate(n=fn.Length("title"))
            .annotate(x=Case(When(n__gt=10, then=Value("long")), default=Value("short")))
            .values_list("n", "x")
        ),
        "typed": books(
            Case(
                When(genre="poetry", then=1),
                default=2,
                output_field=DecimalField(max_digits=4, decimal_places=2),
            )
        ),
        "null": authors(Case(When(rating__isnull=True, then=Value("none")), default=Value("some"))),
        "a null default": authors(Case(When(rating=None, then=Value("none")), default=Value(None))),
        "order": lambda lib: lib.Book.objects.order_by(
            Case(When(genre="science", then=0), When(genre="novel", then=1), default=2), "isbn"
        ),
        "filter": lambda lib: lib.Book.objects.filter(
            pages=Case(When(genre="novel", then=F("pages")), default=0)
        ),
        "nested": books(
            Case(
                When(genre="novel", then=Case(When(pages__lt=100, then=1), default=2)),
                default=3,
            )
        ),
        "exists": lambda lib: books(
            Case(When(Exists(lib.Loan.objects.filter(book=OuterRef("pk"))), then=1), default=0)
        )(lib),
        "when not allowed": told(
            "QueryRefused",
            "cannot be filtered by 'shelf_price'",
            books(Case(When(shelf_price=1, then=1), default=0)),
        ),
    }
)

test_texts = reading(
    {
        "lower": authors(fn.Lower("name")),
        "upper": books(fn.Upper("title")),
        "length": authors(fn.Length("name")),
        "length of null": authors(fn.Length("alias")),
        "concat": books(fn.Concat("title", Value(" by "), "publisher__name")),
        "concat of two": books(fn.Concat("title", "isbn")),
        "concat with null": authors(fn.Concat("name", Value("/"), "alias")),
        "concat with a number": books(
            fn.Concat("title", Value(" "), "pages", output_field=CharField())
        ),
        "concat nested": books(fn.Concat(fn.Concat("isbn", Value("-")), "title", Value("."))),
        "coalesce": authors(fn.Coalesce("alias", "name")),
        "coalesce with a value": authors(fn.Coalesce("alias", Value("none"))),
        "coalesce of three": authors(fn.Coalesce("alias", "mentor__alias", Value("none"))),
        "substr": books(fn.Substr("title", 3)),
        "substr of a length": books(fn.Substr("title", 3, 4)),
        "left": books(fn.Left("title", 3)),
        "right": books(fn.Right("title", 2)),
        "trim": books(fn.Trim(Value("  x "))),
        "ltrim": books(fn.LTrim(Value("  x "))),
        "rtrim": books(fn.RTrim(Value("  x "))),
        "str index": books(fn.StrIndex("title", Value("book"))),
        "nullif": books(fn.NullIf("genre", Value("novel"))),
        "greatest": books(fn.Greatest("pages", Value(300))),
        "least": books(fn.Least("pages", Value(300), Value(200))),
        "least of moments": loans(fn.Least("due", "returned")),
        "functions within": books(fn.Upper(fn.Left(fn.Trim("title"), 3))),
        "filtered": lambda lib: lib.Author.objects.annotate(x=fn.Lower("name")).filter(
            x__startswith="b"
        ),
        "filtered, icontains": lambda lib: lib.Author.objects.annotate(
            x=fn.Concat("name", Value("!"))
        ).filter(x__icontains="A!"),
        "grouped": lambda lib: lib.Book.objects.values(first=fn.Left("title", 2)).distinct(),
    }
)

test_numbers = reading(
    {
        "abs": books(fn.Abs(F("pages") - 200)),
        "round": authors(fn.Round("rating")),
        "round to places": authors(fn.Round("rating", 1)),
        "round of a decimal": books(fn.Round("price", precision=1)),
        "ceil": authors(fn.Ceil("rating")),
        "floor": authors(fn.Floor("rating")),
        "ceil of a decimal": books(fn.Ceil("price")),
        "cast to integer": books(fn.Cast("price", IntegerField())),
        "cast to big": books(fn.Cast("pages", BigIntegerField())),
        "cast to small": books(fn.Cast("pages", SmallIntegerField())),
        "cast to float": books(fn.Cast("pages", FloatField())),
        "cast to decimal": books(fn.Cast("pages", MONEY)),
        "cast to text": books(fn.Cast("pages", TextField())),
        "cast to char": books(fn.Cast("pages", CharField())),
        "cast to a date": books(fn.Cast("added", DateField())),
        "cast to a moment": books(fn.Cast("added", DateTimeField())),
        "cast to a time": loans(fn.Cast("at", TimeField())),
        "cast to a duration": books(fn.Cast("reading_time", DurationField())),
        "cast to a truth": books(fn.Cast("withdrawn", BooleanField())),
        "cast to a UUID": loans(fn.Cast("id", UUIDField())),
        "cast a text": books(fn.Cast(Value("12"), IntegerField())),
        "cast and filter": lambda lib: lib.Book.objects.annotate(
            x=fn.Cast("pages", TextField())
        ).filter(x__startswith="4"),
        "cast with a length": told(
            "NotSupportedError",
            "max_length",
            books(fn.Cast("pages", CharField(max_length=2))),
        ),
    }
)

test_dates = reading(
    {
        **{
            f"trunc {kind}": books(fn.Trunc("added", kind))
            for kind in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
        },
        **{
            f"trunc a date to its {kind}": books(fn.Trunc("published", kind))
            for kind in ("year", "quarter", "month", "week", "day")
        },
        **{
            f"{kind.__name__} of a moment": books(kind("added"))
            for kind in (
                fn.TruncYear,
                fn.TruncQuarter,
                fn.TruncMonth,
                fn.TruncWeek,
                fn.TruncDay,
                fn.TruncHour,
                fn.TruncMinute,
                fn.TruncSecond,
                fn.TruncDate,
                fn.TruncTime,
                fn.ExtractYear,
                fn.ExtractIsoYear,
                fn.ExtractQuarter,
                fn.ExtractMonth,
                fn.ExtractWeek,
                fn.ExtractDay,
                fn.ExtractWeekDay,
                fn.ExtractIsoWeekDay,
                fn.ExtractHour,
                fn.ExtractMinute,
                fn.ExtractSecond,
            )
        },
        **{
            f"extract {part} of a date": books(fn.Extract("published", part))
            for part in ("year", "month", "day", "week", "week_day", "quarter")
        },
        "trunc in a zone": loans(fn.Trunc("due", "day", tzinfo=BERLIN)),
        "trunc hours through a summer": loans(fn.TruncHour("due", tzinfo=BERLIN)),
        "trunc a date in a zone": loans(fn.TruncDate("due", tzinfo=BERLIN)),
        "extract in a zone": loans(fn.ExtractHour("due", tzinfo=BERLIN)),
        "trunc to a date": loans(fn.Trunc("due", "month", output_field=DateField())),
        "extract a time's hour": loans(fn.ExtractHour("at")),
        "trunc a time": loans(fn.TruncHour("at")),
        "extract, filtered": lambda lib: lib.Book.objects.annotate(
            y=fn.ExtractYear("published")
        ).filter(y__gte=1990),
        "trunc, filtered": lambda lib: lib.Loan.objects.annotate(
            d=fn.TruncDate("due", tzinfo=BERLIN)
        ).filter(d=dt.date(2025, 4, 1)),
        "trunc, by its parts": lambda lib: lib.Book.objects.annotate(
            m=fn.TruncMonth("published")
        ).filter(m__year=1990),
        "now": lambda lib: lib.Book.objects.filter(added__lt=fn.Now()).count(),
        "now compared": lambda lib: lib.Book.objects.filter(published__gt=fn.Now()),
        "extract of a number": books(fn.ExtractYear("pages")),
        "no such part": told(
            "QueryRefused",
            "cannot be 'decade'; legal are: year, ",
            books(fn.Extract("published", "decade")),
        ),
    }
)
