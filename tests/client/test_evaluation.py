"""Evaluating remote querysets: what the server answers, beside what the local queryset does."""

from __future__ import annotations

import asyncio
import datetime as dt
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import (
    Avg,
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    StdDev,
    Subquery,
    Sum,
    Value,
    Variance,
    When,
)
from django.db.models import functions as f
from django.forms import ModelChoiceField, ModelMultipleChoiceField

from chunnel import remote, remotes
from chunnel.test import assertNumRPCs
from tests.apps.library import models as local

from .books import library  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("library")

MODELS = ("Author", "Book", "Category", "Film", "Loan", "Profile", "Publisher", "Tag")
here: Any = SimpleNamespace(**{name: getattr(local, name).objects for name in MODELS})
shelves = remote.economy.library
there: Any = SimpleNamespace(**{name: getattr(shelves, name).objects for name in MODELS})
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def told(value: Any) -> Any:
    """Return a value with instances as their keys, and querysets as lists."""
    if isinstance(value, QuerySet | list):
        return [told(each) for each in value]
    if isinstance(value, dict):
        return {key: told(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(told, value))
    return value.pk if hasattr(value, "_meta") else value


def bare(models: Any, **lookups: Any) -> Any:
    """Return books without an order, which SQLite does not take in parts of a combination."""
    return models.Book.filter(**lookups).order_by()


READS = [
    lambda m: m.Book.filter(Q(price__gt=20) & ~Q(genre="novel") | Q(pages=40)).order_by("isbn"),
    lambda m: m.Book.filter(Q(price__gt=20) ^ Q(genre="novel")).order_by("isbn"),
    lambda m: m.Book.exclude(genre="novel", price__gt=20),
    lambda m: m.Book.filter(price__gt=F("pages") / 10),
    lambda m: m.Book.filter(price__in=[F("pages"), Decimal("4.49")]),
    lambda m: m.Book.order_by(F("published").desc(nulls_last=True), "isbn"),
    lambda m: m.Book.order_by(f.Lower("title").asc(), "-isbn"),
    lambda m: m.Book.order_by("title").reverse(),
    lambda m: m.Book.all()[3:20][2:5],
    lambda m: m.Book.order_by("isbn")[1:12:3],
    lambda m: m.Book.order_by("isbn")[4],
    lambda m: m.Book.filter(authors__name="Ada").distinct().count(),
    lambda m: m.Book.values("genre").distinct().order_by("genre"),
    lambda m: m.Book.get(isbn="9780000000003"),
    lambda m: m.Book.latest("added"),
    lambda m: m.Book.earliest("price", "isbn"),
    lambda m: m.Author.latest(),
    lambda m: m.Author.earliest(),
    lambda m: m.Book.first(),
    lambda m: m.Book.last(),
    lambda m: m.Loan.order_by().first(),
    lambda m: m.Book.in_bulk(["9780000000003", "9780000000004", "x"]),
    lambda m: m.Publisher.in_bulk(["Aldus", "Dusk"], field_name="name"),
    lambda m: m.Tag.in_bulk(),
    lambda m: m.Tag.in_bulk([]),
    lambda m: m.Book.filter(isbn="x").exists(),
    lambda m: m.Book.contains(m.Book.get(isbn="9780000000003")),
    lambda m: m.Book.filter(isbn="x").contains(m.Book.get(isbn="9780000000003")),
    lambda m: m.Book.contains(m.Tag.get(slug="loud")),
    lambda m: m.Book.values("isbn", "price", cheap=Q(price__lt=10)),
    lambda m: m.Book.values_list("isbn", f.Lower("title")),
    lambda m: m.Book.values_list("title", flat=True),
    lambda m: m.Book.values_list("isbn", "publisher__name").order_by("isbn"),
    lambda m: [row._asdict() for row in m.Book.values_list("isbn", f.Lower("title"), named=True)],
    lambda m: m.Book.values_list("isbn", f.Lower("title"), named=True).first()._asdict(),
    lambda m: m.Book.dates("published", "year"),
    lambda m: m.Book.dates("published", "month", "DESC"),
    lambda m: m.Book.datetimes("added", "day"),
    lambda m: m.Book.datetimes("added", "hour", tzinfo=BERLIN),
    lambda m: m.Book.none(),
    lambda m: m.Book.none().aggregate(Count("isbn"), Sum("price"), n=Max("pages", default=3)),
    lambda m: m.Book.none().aggregate(n=f.Coalesce(Sum("pages"), 7)),
    lambda m: m.Book.filter(isbn__in=[]).aggregate(Count("isbn")),
    lambda m: list(m.Book.filter(price__gt=20).iterator()),
    lambda m: list(m.Book.order_by("isbn").iterator(chunk_size=5)),
    lambda m: list(m.Book.order_by("isbn").values_list("isbn", flat=True).iterator(chunk_size=5)),
    lambda m: bare(m, price__lt=9).union(bare(m, price__gt=60)).order_by("isbn"),
    lambda m: bare(m, price__lt=9).union(bare(m, price__gt=60), bare(m, pages=40))
    .order_by("-isbn")[:3],
    lambda m: bare(m).values_list("isbn").union(bare(m).values_list("isbn"), all=True).count(),
    lambda m: bare(m).values_list("isbn").union(bare(m).values_list("isbn")).count(),
    lambda m: sorted(b.isbn for b in bare(m, price__lt=30).intersection(bare(m, price__gt=20))),
    lambda m: bare(m).difference(bare(m, price__gt=20)).order_by("isbn")[:3],
    lambda m: m.Book.none().union(bare(m, price__gt=60), bare(m, price__lt=9)).order_by("isbn"),
    lambda m: m.Book.none().union(m.Book.filter(price__gt=60)),
    lambda m: m.Book.filter(price__gt=20).intersection(m.Book.none()),
    lambda m: m.Book.filter(price__gt=20) & m.Book.filter(genre="novel"),
    lambda m: (m.Book.filter(price__gt=60) | m.Book.filter(price__lt=9)).order_by("isbn"),
    lambda m: m.Book.filter(price__gt=20) ^ m.Book.filter(genre="novel"),
    lambda m: m.Book.filter(price__gt=20) | m.Book.none(),
    lambda m: m.Book.none() & m.Book.all(),
    lambda m: m.Book.aggregate(Count("isbn"), Sum("price"), Avg("pages"), Min("price"),
                               Max("price")),
    lambda m: m.Book.aggregate(n=Count("genre", distinct=True), m=Count("*")),
    lambda m: m.Book.aggregate(n=Count("isbn", filter=Q(price__gt=20))),
    lambda m: m.Book.filter(isbn="x").aggregate(n=Sum("price", default=Decimal(3))),
    lambda m: m.Book.aggregate(n=Sum(F("price") * F("pages"))),
    lambda m: {k: round(v, 6) for k, v in m.Book.aggregate(
        n=StdDev("pages"), m=Variance("pages", sample=True)).items()},
    lambda m: m.Book.aggregate(),
    lambda m: m.Publisher.annotate(n=Count("books")).values_list("name", "n"),
    lambda m: m.Publisher.annotate(Count("books")).filter(books__count__gt=3).values_list("name"),
    lambda m: m.Publisher.alias(n=Count("books")).order_by("-n", "name").values_list("name"),
    lambda m: m.Book.values("genre").annotate(n=Count("isbn"), top=Max("price")).order_by("genre"),
    lambda m: [(b.isbn, b.double, b.size) for b in m.Book.annotate(
        double=F("price") * 2, size=Case(When(pages__gt=300, then=Value("big")),
                                         default=Value("small"))).order_by("isbn")],
    lambda m: m.Book.annotate(x=f.Concat("title", Value(" "), "genre", Value("!")))
    .values_list("x", flat=True),
    lambda m: m.Book.annotate(x=f.Coalesce("published", Value(dt.date(2000, 1, 1))))
    .values_list("x", flat=True),
    lambda m: m.Book.values_list(f.Upper("title"), f.Length("title"), f.Substr("title", 1, 3)),
    lambda m: m.Book.values_list(f.TruncMonth("added"), f.ExtractYear("published"),
                                 f.TruncDate("added", tzinfo=BERLIN)),
    lambda m: m.Book.values_list(f.Trunc("added", "year"), f.Extract("added", "hour")),
    lambda m: m.Book.values_list(f.Cast("pages", CharField()), f.Cast("price", IntegerField())),
    lambda m: m.Book.values_list(f.Greatest("pages", 100), f.NullIf("genre", Value("novel"))),
    lambda m: m.Book.values_list(f.Round("price", precision=1), f.Abs(-F("pages"))),
    lambda m: m.Book.filter(added__lt=f.Now()).count(),
    lambda m: m.Book.values_list(ExpressionWrapper(Q(pages__gt=100), output_field=BooleanField())),
    lambda m: m.Book.annotate(y=F("added__year")).filter(y=2024).count(),
    lambda m: m.Author.annotate(n=f.Lower("name")).filter(n__startswith="a").values_list("n"),
    lambda m: m.Book.filter(publisher__in=m.Publisher.filter(country="GB")).order_by("isbn"),
    lambda m: m.Book.filter(publisher__in=m.Publisher.filter(country="GB").values("pk"))
    .order_by("isbn"),
    lambda m: m.Book.exclude(isbn__in=m.Book.order_by("isbn")[:20].values("isbn")),
    lambda m: m.Book.filter(publisher=m.Publisher.filter(name="Dusk")[:1]).order_by("isbn"),
    lambda m: m.Book.filter(publisher__in=m.Publisher.none()),
    lambda m: m.Publisher.filter(Exists(m.Book.filter(publisher=OuterRef("pk"), price__gt=60))),
    lambda m: m.Publisher.filter(~Exists(m.Book.filter(publisher=OuterRef("pk")))),
    lambda m: m.Publisher.filter(Q(name="Dusk") | ~Exists(m.Book.filter(publisher=OuterRef("pk")))),
    lambda m: m.Publisher.annotate(
        top=Subquery(m.Book.filter(publisher=OuterRef("pk")).order_by("-price").values("title")[:1])
    ).values_list("name", "top"),
    lambda m: m.Publisher.annotate(has=Exists(m.Book.filter(publisher=OuterRef("pk"))))
    .filter(has=True).values_list("name", flat=True),
    lambda m: [[b.isbn for b in p.books.all()] for p in m.Publisher.prefetch_related("books")],
    lambda m: [[b.isbn for b in p.dear] for p in m.Publisher.prefetch_related(
        Prefetch("books", m.Book.filter(price__gt=30).order_by("-isbn"), "dear"))],
    lambda m: [b.publisher and b.publisher.name for b in m.Book.select_related("publisher")],
    lambda m: [b.title for b in m.Book.only("title")],
    lambda m: [b.title for b in m.Book.defer("meta")],
    lambda m: m.Book.complex_filter({"genre": "novel"}),
    lambda m: m.Book.complex_filter(Q(genre="novel") | Q(genre="poetry")),
    lambda m: m.Loan.filter(pk=m.Loan.first().pk).get().reader,
    lambda m: m.Film.values_list("label", "minutes").order_by("label"),
    lambda m: m.Category.filter(parent=m.Category.get(code="all")).values_list("code", flat=True)
    .order_by("code"),
    lambda m: [(len(q), bool(q), m.Book.first() in q) for q in [m.Book.filter(genre="novel")]],
    lambda m: m.Book.get(isbn="x"),
    lambda m: m.Book.get(genre="novel"),
    lambda m: m.Book.order_by("isbn")[99],
    lambda m: m.Book.latest(),
    lambda m: m.Book.filter(publisher=OuterRef("pk")).count(),
    lambda m: m.Book.filter(publisher=m.Publisher.filter(name="Dusk")).count(),
    lambda m: m.Publisher.in_bulk([1], field_name="country"),
    lambda m: m.Book.values("genre").annotate(n=Count("isbn")).get(genre="novel"),
    lambda m: list(m.Book.filter(isbn__in=m.Book.values("isbn", "title"))),
]  # fmt: skip


@pytest.fixture(params=[False, True], ids=["unknown", "held"])
def schema(request: pytest.FixtureRequest, library: str) -> bool:  # noqa: F811
    """Whether the schema is held, so that the client judges as well."""
    if request.param:
        remotes["economy"].schema()
    return bool(request.param)


def _outcome(read: Callable[[Any], Any], models: Any) -> Any:
    try:
        return told(read(models))
    except Exception as error:  # whatever it is, it is compared
        return error


@pytest.mark.usefixtures("schema")
def test_as_the_local_queryset() -> None:
    """The same rows, values and types, in the same order; else the same error in the same words."""
    wrong = []
    for number, read in enumerate(READS):
        expected, found = _outcome(read, here), _outcome(read, there)
        if isinstance(expected, Exception):
            same = isinstance(found, Exception) and (
                isinstance(found, _family(expected)) and str(found) == str(expected)
            )
        else:
            same = found == expected and _types(found) == _types(expected)
        if not same:
            wrong.append(
                f"{number} (line {read.__code__.co_firstlineno}): {found!r} != {expected!r}"
            )
    assert not wrong, "\n".join(each[:600] for each in wrong)


def _family(error: Exception) -> Any:
    """Return the nearest class of an error that both sides have: of DoesNotExist, Django's own."""
    return next(each for each in type(error).__mro__ if not each.__module__.startswith("tests."))


def _types(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value), [_types(each) for each in value]
    if isinstance(value, dict):
        return {key: _types(each) for key, each in value.items()}
    return type(value)


def test_declared_aggregates_leave_the_order_alone() -> None:
    """Grouped rows have no order in Django; a row that has an aggregate of its own is no group."""
    local.Publisher.objects.create(id=99, name="AAA")
    assert told(there.Publisher.all()) == told(here.Publisher.all())
    assert told(there.Publisher.first()) == told(here.Publisher.first())
    assert told(there.Publisher.reverse()) == told(here.Publisher.reverse())
    assert told(there.Publisher.order_by("-pk")) == told(here.Publisher.order_by("-pk"))


def test_async_twins() -> None:
    """Each gives what its synchronous twin gives."""

    async def ask() -> None:
        books = there.Book.order_by("isbn")
        first = await books.aget(isbn="9780000000000")
        assert first == await books.afirst() == await books.aearliest("isbn")
        assert await there.Author.alatest() == await there.Author.order_by("joined").alast()
        assert (await there.Author.aearliest()).name == "Ada"
        assert await books.acount() == 24
        assert await books.aexists()
        assert await books.acontains(first)
        assert not await books.filter(price__gt=20).acontains(first)
        assert await books.aaggregate(n=Count("isbn")) == {"n": 24}
        assert await books.ain_bulk([first.pk]) == {first.pk: first}
        assert await books.ain_bulk([]) == {}
        assert await books.none().aaggregate(n=Count("isbn")) == {"n": 0}
        assert [each.pk async for each in books.aiterator(chunk_size=5)] == [
            each.pk async for each in books
        ]
        with pytest.raises(ValueError, match="strictly positive"):
            [each async for each in books.aiterator(chunk_size=0)]
        with pytest.raises(ValueError, match="get_latest_by"):
            await books.alatest()

    asyncio.run(ask())


def test_one_request_each() -> None:
    """Whatever is asked, and none for what is known."""
    books = there.Book.filter(genre="novel")
    with assertNumRPCs(6):
        books.aggregate(Count("isbn"))
        books.latest("added")
        books.in_bulk(["9780000000000"])
        list(books.filter(publisher__in=there.Publisher.filter(Exists(there.Book.all()))))
        books.order_by().union(there.Book.order_by()).count()
        list(books.prefetch_related("tags", "authors"))
    one = there.Book.get(isbn="9780000000000")
    assert list(books)
    with assertNumRPCs(0):
        assert books.contains(one)
        assert one in books
        assert there.Book.in_bulk([]) == {}
        assert there.Book.none().aggregate(Count("isbn")) == {"isbn__count": 0}
        assert list(books.iterator()) == list(books)


def test_the_schema_tells_what_latest_means() -> None:
    """Fetched once where it is not held."""
    assert remotes["economy"].held_schema is None
    assert there.Author.latest().pk == here.Author.latest().pk
    assert remotes["economy"].held_schema is not None


def test_iterating_streams() -> None:
    """Nothing is asked before the first row is; what is left early is cancelled; nothing kept."""
    books = there.Book.order_by("isbn")
    with assertNumRPCs(0):
        rows = books.iterator(chunk_size=2)
    with assertNumRPCs(1) as calls:
        assert next(rows).pk == "9780000000000"
        rows.close()
    assert calls[0].name == "library.Book.objects.iterator"
    assert calls[0].args[1] == 2
    assert not books.is_evaluated


def test_iterating_over_what_a_call_returned() -> None:
    """A stream as well, in row sets of the size that was asked for."""
    cheap = remote.economy.library.cheap_books(Decimal(30)).order_by("pk")
    expected = [each.pk for each in local.Book.objects.filter(price__lt=30).order_by("pk")]
    with assertNumRPCs(1) as calls:
        assert [each.pk for each in cheap.iterator(chunk_size=2)] == expected
    assert calls[0].name == "library.cheap_books"
    titles = cheap.values_list("pk", flat=True).using(meta={"tenant.id": 7})
    assert list(titles.iterator(chunk_size=3)) == expected
    with assertNumRPCs(1):
        rows = cheap.iterator(chunk_size=2)
        assert next(rows).pk == expected[0]
        rows.close()
    assert not cheap.is_evaluated

    async def main() -> list[Any]:
        return [each.pk async for each in cheap.aiterator(chunk_size=2)]

    with assertNumRPCs(1):
        assert asyncio.run(main()) == expected
    nothing = cheap.filter(price__lt=0)
    assert list(nothing.iterator()) == []
    of_manager = there.Book.filter(genre="novel").cheap(Decimal(30)).order_by("isbn")
    assert list(of_manager.iterator(chunk_size=1)) == list(of_manager)


def test_many_rows_of_a_function() -> None:
    """A queryset that a call returned is asked, refined and iterated over like any other."""
    cheap = remote.economy.library.cheap_books(Decimal(30))
    expected = local.Book.objects.filter(price__lt=30)
    assert told(cheap) == told(expected)
    assert told(cheap.order_by("-price")[:2]) == told(expected.order_by("-price")[:2])
    assert [each.pk for each in cheap.iterator()] == told(expected)
    assert cheap.latest("added").pk == expected.latest("added").pk
    assert cheap.annotate(x=F("pages") + 1).values_list("x", flat=True)[0] == expected[0].pages + 1
    assert told(there.Book.filter(genre="novel").cheap(Decimal(30)).order_by("isbn")) == told(
        here.Book.filter(genre="novel").cheap(Decimal(30)).order_by("isbn")
    )


def test_forms() -> None:
    """Choices are read off a queryset, and what was chosen is looked up."""
    one: Any = ModelChoiceField(there.Publisher.all())
    empty = ModelChoiceField(here.Publisher.all()).empty_label
    assert [label for _, label in one.choices] == [
        str(empty), "Aldus", "Blotter", "Caxton", "Dusk", "Empty",
    ]  # fmt: skip
    assert one.clean("2").name == "Blotter"
    with pytest.raises(Exception, match="Select a valid choice"):
        one.clean("99")
    several = ModelMultipleChoiceField(there.Tag.all())
    assert {each.pk for each in several.clean(["loud", "rare"])} == {"loud", "rare"}
    with pytest.raises(Exception, match="x is not one of the available choices"):
        several.clean(["x"])
