"""Conditions by lookups of every kind of column, on this side of relations and beyond them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from .cases import reading, referring, told

UTC = dt.UTC

test_texts = reading(
    {
        "exact": lambda lib: lib.Book.objects.filter(title="The book 00"),
        "exact, spelled out": lambda lib: lib.Book.objects.filter(title__exact="The book 00"),
        "iexact": lambda lib: lib.Book.objects.filter(title__iexact="tHE BOOK 03"),
        "contains": lambda lib: lib.Book.objects.filter(title__contains="book 1"),
        "icontains": lambda lib: lib.Book.objects.filter(title__icontains="BOOK 1"),
        "startswith": lambda lib: lib.Book.objects.filter(title__startswith="My"),
        "istartswith": lambda lib: lib.Book.objects.filter(title__istartswith="my"),
        "endswith": lambda lib: lib.Book.objects.filter(title__endswith="05"),
        "iendswith": lambda lib: lib.Book.objects.filter(title__iendswith="BOOK 05"),
        "in": lambda lib: lib.Book.objects.filter(title__in=["My book 05", "A book 04", "none"]),
        "in a set": lambda lib: lib.Book.objects.filter(title__in={"My book 05", "A book 04"}),
        "in a generator": lambda lib: lib.Book.objects.filter(
            title__in=(f"A book {number:02d}" for number in range(9))
        ),
        "in nothing": lambda lib: lib.Book.objects.filter(title__in=[]),
        "range": lambda lib: lib.Book.objects.filter(title__range=("A", "B")),
        "gt": lambda lib: lib.Book.objects.filter(title__gt="My book 10"),
        "gte": lambda lib: lib.Book.objects.filter(title__gte="My book 11"),
        "lt": lambda lib: lib.Book.objects.filter(title__lt="A book 10"),
        "lte": lambda lib: lib.Book.objects.filter(title__lte="A book 10"),
        "not ASCII": lambda lib: lib.Author.objects.filter(name="Émile"),
        "not ASCII, contains": lambda lib: lib.Author.objects.filter(name__contains="É"),
        "per cent": lambda lib: lib.Author.objects.filter(name__contains="%"),
        "underscore": lambda lib: lib.Author.objects.filter(name__startswith="_"),
        "backslash": lambda lib: lib.Author.objects.filter(name__contains="\\"),
        "quotes": lambda lib: lib.Author.objects.filter(name__contains="'\"; --"),
        "empty": lambda lib: lib.Author.objects.filter(name__contains=""),
        "a number as a text": lambda lib: lib.Author.objects.filter(name=7),
        "null by exact": lambda lib: lib.Author.objects.filter(alias=None),
        "null by iexact": lambda lib: lib.Author.objects.filter(alias__iexact=None),
        "isnull": lambda lib: lib.Author.objects.filter(alias__isnull=True),
        "is not null": lambda lib: lib.Author.objects.filter(alias__isnull=False),
        "isnull of what is never null": lambda lib: lib.Author.objects.filter(name__isnull=True),
        "regex, declared": lambda lib: lib.Publisher.objects.filter(name__regex=r"^[A-C].*s$"),
        "iregex, declared": lambda lib: lib.Publisher.objects.filter(name__iregex=r"^[a-c]"),
        "regex, not declared": told(
            "QueryRefused",
            "does not allow the lookup 'regex' of 'title'; legal are: exact, ",
            lambda lib: lib.Book.objects.filter(title__regex="^A"),
        ),
        "exclude": lambda lib: lib.Book.objects.exclude(title__startswith="My"),
        "exclude a nullable one": lambda lib: lib.Author.objects.exclude(alias="alias bela"),
        "exclude null": lambda lib: lib.Author.objects.exclude(alias=None),
        "exclude in with null": lambda lib: lib.Author.objects.exclude(alias__in=["x", None]),
        "in with null alone": lambda lib: lib.Author.objects.filter(alias__in=[None]),
        "several at once": lambda lib: lib.Book.objects.filter(
            title__startswith="The", genre="novel", withdrawn=False
        ),
        "chained": lambda lib: (
            lib.Book.objects.filter(title__startswith="The")
            .exclude(pages__gt=100)
            .filter(pages__gte=40)
        ),
    }
)

test_numbers = reading(
    {
        "integer": lambda lib: lib.Book.objects.filter(pages=44),
        "integer as a text": lambda lib: lib.Book.objects.filter(pages="44"),
        "integer against a fraction, gt": lambda lib: lib.Book.objects.filter(pages__gt=44.5),
        "integer against a fraction, gte": lambda lib: lib.Book.objects.filter(pages__gte=44.5),
        "integer against a fraction, lt": lambda lib: lib.Book.objects.filter(pages__lt=44.5),
        "integer in": lambda lib: lib.Book.objects.filter(pages__in=(40, 41, 999)),
        "integer range": lambda lib: lib.Book.objects.filter(pages__range=[41, 60]),
        "no such text": lambda lib: lib.Book.objects.filter(pages="many"),
        "null compared": lambda lib: lib.Book.objects.filter(pages__gt=None),
        "huge": lambda lib: lib.Book.objects.filter(pages=2**70),
        "huge, lt": lambda lib: lib.Book.objects.filter(pages__lt=2**70),
        "huge, negative": lambda lib: lib.Book.objects.filter(pages__gt=-(2**70)),
        "decimal": lambda lib: lib.Book.objects.filter(price=Decimal("7.99")),
        "decimal, more places": lambda lib: lib.Book.objects.filter(price=Decimal("7.9900")),
        "decimal as a text": lambda lib: lib.Book.objects.filter(price="7.99"),
        "decimal as a float": lambda lib: lib.Book.objects.filter(price__gt=7.5),
        "decimal as an integer": lambda lib: lib.Book.objects.filter(price__lte=25),
        "decimal range": lambda lib: lib.Book.objects.filter(price__range=(5, Decimal("30.50"))),
        "decimal in": lambda lib: lib.Book.objects.filter(price__in=["4.49", Decimal("0.99")]),
        "float": lambda lib: lib.Author.objects.filter(rating=2.5),
        "float, gt": lambda lib: lib.Author.objects.filter(rating__gt=5),
        "float, null": lambda lib: lib.Author.objects.filter(rating=None),
        "zero": lambda lib: lib.Author.objects.filter(rating=0),
        "boolean": lambda lib: lib.Author.objects.filter(active=True),
        "boolean false": lambda lib: lib.Author.objects.filter(active=False),
        "boolean as a number": lambda lib: lib.Author.objects.filter(active=1),
        "boolean as a text": lambda lib: lib.Author.objects.filter(active="f"),
        "boolean, no such": lambda lib: lib.Author.objects.filter(active="perhaps"),
        "boolean in": lambda lib: lib.Author.objects.filter(active__in=[True, False]),
        "not boolean": lambda lib: lib.Author.objects.exclude(active=True),
        "choice": lambda lib: lib.Book.objects.filter(genre="poetry"),
        "choice, no such": lambda lib: lib.Book.objects.filter(genre="opera"),
    }
)

test_dates = reading(
    {
        "date": lambda lib: lib.Book.objects.filter(published=dt.date(1981, 2, 2)),
        "date as a text": lambda lib: lib.Book.objects.filter(published="1981-02-02"),
        "date, no such": lambda lib: lib.Book.objects.filter(published="1981-13-02"),
        "date, nonsense": lambda lib: lib.Book.objects.filter(published="yesterday"),
        "date gt": lambda lib: lib.Book.objects.filter(published__gt=dt.date(1995, 1, 1)),
        "date range": lambda lib: lib.Book.objects.filter(
            published__range=(dt.date(1981, 2, 2), "1990-01-01")
        ),
        "year": lambda lib: lib.Book.objects.filter(published__year=1985),
        "year as a text": lambda lib: lib.Book.objects.filter(published__year="1985"),
        "year gte": lambda lib: lib.Book.objects.filter(published__year__gte=1999),
        "year lt": lambda lib: lib.Book.objects.filter(published__year__lt=1984),
        "month": lambda lib: lib.Book.objects.filter(published__month=3),
        "day": lambda lib: lib.Book.objects.filter(published__day=12),
        "week day": lambda lib: lib.Book.objects.filter(published__week_day=2),
        "quarter": lambda lib: lib.Book.objects.filter(published__quarter=4),
        "year and month": lambda lib: lib.Book.objects.filter(
            published__year__gt=1985, published__month=6
        ),
        "not this year": lambda lib: lib.Book.objects.exclude(published__year=1981),
        "unpublished": lambda lib: lib.Book.objects.filter(published__isnull=True),
        "a moment for a date": lambda lib: lib.Publisher.objects.filter(
            founded__gt=dt.datetime(1950, 1, 1, tzinfo=UTC)
        ),
        "moment": lambda lib: lib.Author.objects.filter(
            joined=dt.datetime(2020, 1, 31, 23, 30, tzinfo=UTC)
        ),
        "moment in another zone": lambda lib: lib.Author.objects.filter(
            joined=dt.datetime(2020, 2, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
        ),
        "moment gt": lambda lib: lib.Author.objects.filter(
            joined__gt=dt.datetime(2020, 6, 1, tzinfo=UTC)
        ),
        "moment to the microsecond": lambda lib: lib.Book.objects.filter(
            added__gte=dt.datetime(2024, 12, 1, 11, 59, 30, 123456, tzinfo=UTC)
        ),
        "moment as a text": lambda lib: lib.Author.objects.filter(
            joined="2020-01-31T23:30:00+00:00"
        ),
        "date of a moment": lambda lib: lib.Author.objects.filter(joined__date="2020-01-31"),
        "date of a moment, gt": lambda lib: lib.Author.objects.filter(
            joined__date__gt=dt.date(2020, 9, 1)
        ),
        "year of a moment": lambda lib: lib.Author.objects.filter(joined__year=2020),
        "month of a moment": lambda lib: lib.Author.objects.filter(joined__month=1),
        "day of a moment": lambda lib: lib.Book.objects.filter(added__day=1, added__month=5),
        "hour": lambda lib: lib.Book.objects.filter(added__hour=7),
        "minute": lambda lib: lib.Book.objects.filter(added__minute=59),
        "second": lambda lib: lib.Book.objects.filter(added__second=30),
        "time of a moment": lambda lib: lib.Loan.objects.filter(due__time=dt.time(13, 30)),
        "time of a moment, gte": lambda lib: lib.Loan.objects.filter(due__time__gte=dt.time(20)),
        "time": lambda lib: lib.Loan.objects.filter(at=dt.time(5, 15)),
        "time as a text": lambda lib: lib.Loan.objects.filter(at="05:15"),
        "time gt": lambda lib: lib.Loan.objects.filter(at__gt=dt.time(12)),
        "time, hour": lambda lib: lib.Loan.objects.filter(at__hour=6),
        "time, none": lambda lib: lib.Loan.objects.filter(at=None),
        "duration": lambda lib: lib.Book.objects.filter(
            reading_time=dt.timedelta(hours=3, microseconds=5)
        ),
        "duration gt": lambda lib: lib.Book.objects.filter(reading_time__gt=dt.timedelta(hours=12)),
        "duration, none": lambda lib: lib.Book.objects.filter(reading_time=None),
    }
)

test_keys = reading(
    {
        "pk": lambda lib: lib.Author.objects.filter(pk=3),
        "pk as a text": lambda lib: lib.Author.objects.filter(pk="3"),
        "pk, no number": lambda lib: lib.Author.objects.filter(pk="three"),
        "pk in": lambda lib: lib.Author.objects.filter(pk__in=[1, 5, 99]),
        "pk none": lambda lib: lib.Author.objects.filter(pk=None),
        "pk in nothing": lambda lib: lib.Author.objects.filter(pk__in=[]),
        "id gt": lambda lib: lib.Author.objects.filter(id__gt=7),
        "text": lambda lib: lib.Tag.objects.filter(pk="rare"),
        "text, in": lambda lib: lib.Tag.objects.filter(pk__in=["rare", "loud"]),
        "text, prefix": lambda lib: lib.Tag.objects.filter(slug__startswith="r"),
        "isbn": lambda lib: lib.Book.objects.filter(isbn="9780000000003"),
        "UUID": lambda lib: lib.Loan.objects.filter(pk=uuid.UUID(int=5)),
        "UUID as a text": lambda lib: lib.Loan.objects.filter(pk=str(uuid.UUID(int=5))),
        "UUID as hex": lambda lib: lib.Loan.objects.filter(id=uuid.UUID(int=5).hex),
        "UUID in": lambda lib: lib.Loan.objects.filter(
            id__in=[uuid.UUID(int=1), str(uuid.UUID(int=2))]
        ),
        "UUID, none such": lambda lib: lib.Loan.objects.filter(id="12345"),
        "two that look composite": lambda lib: lib.Loan.objects.filter(desk="east", number=4),
        "foreign key by value": lambda lib: lib.Book.objects.filter(publisher=2),
        "foreign key by column": lambda lib: lib.Book.objects.filter(publisher_id=2),
        "foreign key in": lambda lib: lib.Book.objects.filter(publisher__in=[1, 4]),
        "foreign key isnull": lambda lib: lib.Book.objects.filter(publisher__isnull=True),
        "foreign key none": lambda lib: lib.Book.objects.filter(publisher=None),
        "foreign key excluded": lambda lib: lib.Book.objects.exclude(publisher=2),
        "foreign key by instance": referring(
            lambda lib: lib.Book.objects.filter(publisher=lib.Publisher.objects.get(name="Dusk")),
        ),
        "foreign key by instances": referring(
            lambda lib: lib.Book.objects.filter(
                publisher__in=list(lib.Publisher.objects.filter(country="GB"))
            ),
        ),
        # Django says the same, with the text of the instance.
        "foreign key by another model's instance": told(
            "QueryRefused",
            "an instance of 'library.Author' cannot stand for 'publisher'",
            lambda lib: lib.Book.objects.filter(publisher=lib.Author.objects.get(pk=1)),
            requests=1,
        ),
        "foreign key to a text": lambda lib: lib.Loan.objects.filter(book="9780000000003"),
        "foreign key to a field": lambda lib: lib.Category.objects.filter(parent="all"),
        "foreign key to a field, by instance": referring(
            lambda lib: lib.Category.objects.filter(parent=lib.Category.objects.get(code="maths")),
        ),
        "one-to-one key": lambda lib: lib.Profile.objects.filter(pk=2),
        "one-to-one key by name": lambda lib: lib.Profile.objects.filter(author=2),
        "one-to-one key by instance": referring(
            lambda lib: lib.Profile.objects.filter(author=lib.Author.objects.get(pk=4))
        ),
        "one-to-one, backwards": lambda lib: lib.Author.objects.filter(profile__isnull=False),
        "one-to-one, backwards, none": lambda lib: lib.Author.objects.filter(profile=None),
        "to itself": lambda lib: lib.Author.objects.filter(mentor=1),
        "inherited": lambda lib: lib.Film.objects.filter(pk=2),
        "inherited id": lambda lib: lib.Film.objects.filter(id__in=[1, 3]),
    }
)

test_relations = reading(
    {
        "one step": lambda lib: lib.Book.objects.filter(publisher__name="Dusk"),
        "one step, prefix": lambda lib: lib.Book.objects.filter(publisher__country__in=["US"]),
        "one step, null beyond": lambda lib: lib.Book.objects.filter(publisher__name__isnull=True),
        "one step, excluded": lambda lib: lib.Book.objects.exclude(publisher__country="GB"),
        "to itself": lambda lib: lib.Author.objects.filter(mentor__name="Ada"),
        "many": lambda lib: lib.Book.objects.filter(authors__name="Ada"),
        "many, each time it matches": lambda lib: lib.Book.objects.filter(
            authors__name__in=["Ada", "Dora", "Bela"]
        ),
        "many, once": lambda lib: lib.Book.objects.filter(
            authors__name__in=["Ada", "Dora", "Bela"]
        ).distinct(),
        "many, two conditions on one": lambda lib: lib.Book.objects.filter(
            authors__name="Ada", authors=2
        ),
        "many, two filters": lambda lib: lib.Book.objects.filter(authors__name="Ada").filter(
            authors=4
        ),
        "many, excluded": lambda lib: lib.Book.objects.exclude(authors__name="Ada"),
        "many, two conditions excluded": lambda lib: lib.Book.objects.exclude(
            authors__name="Ada", tags__label="Rare"
        ),
        "many, none": lambda lib: lib.Book.objects.filter(authors=None),
        "tags": lambda lib: lib.Book.objects.filter(tags__label="Loud"),
        "tags by key": lambda lib: lib.Book.objects.filter(tags="loud"),
        "tags in": lambda lib: lib.Book.objects.filter(tags__in=["loud", "rare"]).distinct(),
        "tags by instance": referring(
            lambda lib: lib.Book.objects.filter(tags=lib.Tag.objects.get(pk="rare"))
        ),
        "backwards": lambda lib: lib.Publisher.objects.filter(books__title="My book 05"),
        "backwards, each time it matches": lambda lib: lib.Publisher.objects.filter(
            books__price__gt=30
        ),
        "backwards by key": lambda lib: lib.Publisher.objects.filter(books="9780000000003"),
        "backwards, none": lambda lib: lib.Publisher.objects.filter(books=None),
        "backwards, number": lambda lib: lib.Publisher.objects.filter(
            books__price__gt=70
        ).distinct(),
        "backwards, excluded": lambda lib: lib.Publisher.objects.exclude(books__price__gt=70),
        "two steps": lambda lib: lib.Publisher.objects.filter(books__authors__name="Hana"),
        "two steps, other way": lambda lib: lib.Author.objects.filter(
            books__publisher__name="Dusk"
        ).distinct(),
        "loans": lambda lib: lib.Book.objects.filter(loans__returned__isnull=True).distinct(),
        "beyond one-to-one": lambda lib: lib.Author.objects.filter(profile__bio__contains="Dora"),
        "before one-to-one": lambda lib: lib.Profile.objects.filter(author__name__startswith="B"),
        "to a field": lambda lib: lib.Category.objects.filter(parent__name="All"),
        "inherited column": lambda lib: lib.Film.objects.filter(label="film 1", minutes=91),
        "not declared": told(
            "QueryRefused",
            "Book cannot be filtered by 'publisher__founded__isnull'; legal are: pk, added, ",
            lambda lib: lib.Book.objects.filter(publisher__founded__isnull=True),
        ),
        "a secret": told(
            "QueryRefused",
            "cannot be filtered by 'secrets__word'",
            lambda lib: lib.Book.objects.filter(secrets__word="plugh"),
        ),
        "a hidden column": told(
            "QueryRefused",
            "cannot be filtered by 'shelf_price'",
            lambda lib: lib.Book.objects.filter(shelf_price=1),
        ),
        "no such field": told(
            "QueryRefused",
            "cannot be filtered by 'colour'",
            lambda lib: lib.Book.objects.filter(colour="red"),
        ),
    }
)

test_json = reading(
    {
        "a key": lambda lib: lib.Book.objects.filter(meta__lang="fr"),
        "a key, prefix": lambda lib: lib.Book.objects.filter(meta__lang__startswith="t"),
        "a key, number": lambda lib: lib.Book.objects.filter(meta__size__gt=15),
        "has key": lambda lib: lib.Book.objects.filter(meta__has_key="size"),
        "has no key": lambda lib: lib.Book.objects.exclude(meta__has_key="size"),
        "exact": lambda lib: lib.Book.objects.filter(meta={}),
        "exact, deep": lambda lib: lib.Book.objects.filter(
            meta={"lang": "fr", "size": 1, "deep": {"a": [1, None]}}
        ),
        "isnull": lambda lib: lib.Book.objects.filter(meta__isnull=True),
        "a key excluded": lambda lib: lib.Book.objects.exclude(meta__lang="fr"),
        "a key that nobody declared": told(
            "QueryRefused",
            "cannot be filtered by 'meta__deep",
            lambda lib: lib.Book.objects.filter(meta__deep__a=1),
        ),
    }
)
