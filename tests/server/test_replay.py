"""Every step of a plan gives what the same method of a local queryset gives, at no more queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import (
    Avg,
    CharField,
    Count,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    StdDev,
    Sum,
    Value,
    When,
)
from django.db.models import (
    Case as DjangoCase,
)
from django.db.models import Subquery as DjangoSubquery
from django.db.models import functions as db
from django.test.utils import CaptureQueriesContext

from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Case,
    Combine,
    Condition,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    FieldType,
    Filter,
    Holds,
    Items,
    Leaf,
    Literal,
    Merge,
    Node,
    Nothing,
    Of,
    Only,
    OrderBy,
    Ordering,
    Outer,
    Plan,
    Ref,
    Reverse,
    SelectRelated,
    Slice,
    Subquery,
    Values,
    ValuesList,
)
from chunnel.plans.expressions import named_to_wire
from chunnel.protocol.messages import FailureCode
from chunnel.values import PK_COLUMN, RowSet
from tests.apps.library.models import Author, Book, Category, Film, Loan, Publisher, Tag
from tests.apps.library.rpc import PublisherRPC

from .caller import Caller, Failed

pytestmark = pytest.mark.usefixtures("library")

BOOKS = Plan("library.Book")
AUTHORS = Plan("library.Author")
PUBLISHERS = Plan("library.Publisher")
LOANS = Plan("library.Loan")
CHEAP = Leaf("price__lt", 30)
UTC = dt.UTC


def plan(model: Plan, *steps: Any) -> Plan:
    return Plan(model.model, steps)


def sql_of(run: Callable[[], Any]) -> tuple[Any, list[str]]:
    with CaptureQueriesContext(connection) as queries:
        found = run()
    return found, [each["sql"] for each in queries]


def keys(rows: RowSet) -> list[Any]:
    return list(rows.columns[rows.names.index(PK_COLUMN)])


INSTANCES: list[tuple[Plan, Callable[[], QuerySet[Any]]]] = [
    (
        plan(
            BOOKS,
            Annotate((("twice", Call("*", (Ref("price"), Literal(2)))),)),
            Filter(Leaf("twice__gt", 50)),
            OrderBy(("-twice",)),
        ),
        lambda: Book.objects.annotate(twice=F("price") * 2).filter(twice__gt=50).order_by("-twice"),
    ),
    (
        plan(BOOKS, Annotate((("n", Call("Count", (Ref("authors"),))),)), OrderBy(("-n", "isbn"))),
        lambda: Book.objects.annotate(n=Count("authors")).order_by("-n", "isbn"),
    ),
    (
        plan(BOOKS, Alias((("n", Call("Count", (Ref("tags"),))),)), Filter(Leaf("n__gte", 2))),
        lambda: Book.objects.alias(n=Count("tags")).filter(n__gte=2),
    ),
    (
        plan(BOOKS, Filter(Leaf("pages__gt", Call("+", (Ref("pages"), Literal(-1)))))),
        lambda: Book.objects.filter(pages__gt=F("pages") - 1),
    ),
    (
        plan(
            BOOKS,
            Filter(
                Leaf(
                    "publisher__in",
                    Subquery(plan(PUBLISHERS, Filter(Leaf("country", "GB"))), "rows"),
                )
            ),
        ),
        lambda: Book.objects.filter(publisher__in=Publisher.objects.filter(country="GB")),
    ),
    (
        plan(
            BOOKS,
            Filter(
                Holds(
                    Subquery(
                        plan(
                            LOANS, Filter(Leaf("book", Outer("pk"))), Filter(Leaf("desk", "east"))
                        ),
                        "exists",
                    )
                )
            ),
        ),
        lambda: Book.objects.filter(Exists(Loan.objects.filter(book=OuterRef("pk"), desk="east"))),
    ),
    (
        plan(
            BOOKS,
            Filter(
                Node(
                    "and",
                    True,
                    (Holds(Subquery(plan(LOANS, Filter(Leaf("book", Outer("pk")))), "exists")),),
                )
            ),
        ),
        lambda: Book.objects.filter(~Exists(Loan.objects.filter(book=OuterRef("pk")))),
    ),
    (
        plan(
            BOOKS,
            Annotate(
                (
                    (
                        "desk",
                        Subquery(
                            plan(
                                LOANS,
                                Filter(Leaf("book", Outer("pk"))),
                                OrderBy(("-due",)),
                                Values(("desk",)),
                                Slice(0, 1),
                            ),
                            "value",
                        ),
                    ),
                )
            ),
        ),
        lambda: Book.objects.annotate(
            desk=DjangoSubquery(
                Loan.objects.filter(book=OuterRef("pk")).order_by("-due").values("desk")[:1]
            )
        ),
    ),
    (
        plan(
            BOOKS,
            Filter(Leaf("pages__in", Items((Literal(40), Call("+", (Literal(40), Literal(1))))))),
        ),
        lambda: Book.objects.filter(pages__in=[40, Value(40) + 1]),
    ),
    (
        plan(BOOKS, OrderBy((Ordering(Ref("published"), True, "last"), "isbn"))),
        lambda: Book.objects.order_by(F("published").desc(nulls_last=True), "isbn"),
    ),
    (
        plan(BOOKS, OrderBy((Ordering(Call("Lower", (Ref("title"),))), "isbn")), Reverse()),
        lambda: Book.objects.order_by(db.Lower("title"), "isbn").reverse(),
    ),
    (
        plan(BOOKS, Filter(CHEAP), Merge("or", plan(BOOKS, Filter(Leaf("genre", "poetry"))))),
        lambda: Book.objects.filter(price__lt=30) | Book.objects.filter(genre="poetry"),
    ),
    (
        plan(BOOKS, Filter(CHEAP), Merge("and", plan(BOOKS, Filter(Leaf("genre", "poetry"))))),
        lambda: Book.objects.filter(price__lt=30) & Book.objects.filter(genre="poetry"),
    ),
    (
        plan(BOOKS, Filter(CHEAP), Merge("xor", plan(BOOKS, Filter(Leaf("genre", "poetry"))))),
        lambda: Book.objects.filter(price__lt=30) ^ Book.objects.filter(genre="poetry"),
    ),
    (
        plan(BOOKS, Filter(CHEAP), Merge("or", plan(BOOKS, Nothing()))),
        lambda: Book.objects.filter(price__lt=30) | Book.objects.none(),
    ),
    (
        plan(
            BOOKS,
            OrderBy(()),
            Filter(CHEAP),
            Combine("union", False, (plan(BOOKS, OrderBy(()), Filter(Leaf("genre", "poetry"))),)),
            OrderBy(("isbn",)),
            Slice(1, 6),
        ),
        lambda: (
            Book.objects.order_by()
            .filter(price__lt=30)
            .union(Book.objects.order_by().filter(genre="poetry"))
            .order_by("isbn")[1:6]
        ),
    ),
    (
        plan(
            BOOKS,
            OrderBy(()),
            Filter(CHEAP),
            Combine(
                "intersection", False, (plan(BOOKS, OrderBy(()), Filter(Leaf("genre", "poetry"))),)
            ),
            OrderBy(("isbn",)),
        ),
        lambda: (
            Book.objects.order_by()
            .filter(price__lt=30)
            .intersection(Book.objects.order_by().filter(genre="poetry"))
            .order_by("isbn")
        ),
    ),
    (
        plan(
            BOOKS,
            OrderBy(()),
            Filter(CHEAP),
            Combine(
                "difference", False, (plan(BOOKS, OrderBy(()), Filter(Leaf("genre", "poetry"))),)
            ),
            OrderBy(("isbn",)),
        ),
        lambda: (
            Book.objects.order_by()
            .filter(price__lt=30)
            .difference(Book.objects.order_by().filter(genre="poetry"))
            .order_by("isbn")
        ),
    ),
    (plan(BOOKS, Nothing()), Book.objects.none),
    (
        plan(BOOKS, Filter(Leaf("authors__name", "Ada")), Distinct(), OrderBy(("title", "isbn"))),
        lambda: Book.objects.filter(authors__name="Ada").distinct().order_by("title", "isbn"),
    ),
    (
        plan(BOOKS, Exclude(Leaf("authors__name", "Ada"))),
        lambda: Book.objects.exclude(authors__name="Ada"),
    ),
    (plan(BOOKS, Only(("title",))), lambda: Book.objects.only("title")),
    (plan(Plan("library.Film"), OrderBy(("id",))), lambda: Film.objects.order_by("id")),
    (
        plan(PUBLISHERS, Filter(Leaf("size__gte", 5)), OrderBy(("id",))),
        lambda: Publisher.objects.annotate(size=Count("books")).filter(size__gte=5).order_by("id"),
    ),
    (plan(BOOKS, Of("library.Publisher", 1, "books")), Publisher(pk=1).books.all),
    (
        plan(BOOKS, Of("library.Tag", "classic", "books"), Filter(CHEAP)),
        lambda: Tag(pk="classic").books.filter(price__lt=30),
    ),
    (
        plan(Plan("library.Tag"), Of("library.Book", "9780000000000", "tags")),
        Book(pk="9780000000000").tags.all,
    ),
    (plan(AUTHORS, Of("library.Author", 1, "pupils")), Author(pk=1).pupils.all),
    (
        plan(
            AUTHORS,
            Of("library.Book", "9780000000003", "authors"),
            Filter(Leaf("books", "9780000000004")),
        ),
        lambda: Book(pk="9780000000003").authors.filter(books="9780000000004"),
    ),
    (
        plan(Plan("library.Category"), Of("library.Category", 1, "children"), OrderBy(("id",))),
        lambda: Category(pk=1, code="all").children.order_by("id"),
    ),
    (plan(BOOKS, Of("library.Publisher", "nonsense", "books")), Book.objects.none),
    (
        plan(BOOKS, Filter(CHEAP), Of("library.Author", 2, "books"), OrderBy(("isbn",))),
        lambda: Book.objects.filter(price__lt=30).filter(authors__pk=2).order_by("isbn"),
    ),
]


class TestInstances:
    @pytest.mark.parametrize("number", range(len(INSTANCES)))
    def test_the_rows_are_those_of_the_local_queryset(self, call: Caller, number: int) -> None:
        asked, make = INSTANCES[number]
        rows, there = sql_of(lambda: call.query(asked))
        expected, here = sql_of(lambda: [each.pk for each in make()])
        assert keys(rows) == expected
        assert len(there) == len(here)
        count, there = sql_of(lambda: call.query(asked, "count"))
        expected, here = sql_of(lambda: make().count())
        assert count == expected
        assert len(there) == len(here)
        exists, there = sql_of(lambda: call.query(asked, "exists"))
        expected, here = sql_of(lambda: make().exists())
        assert exists == expected
        assert len(there) == len(here)

    def test_annotations_travel_under_their_names(self, call: Caller) -> None:
        count = Call("Count", (Ref("authors"),))
        rows = call.query(plan(BOOKS, Annotate((("n", count),)), Alias((("m", count),))))
        assert "m" not in rows.names
        expected = [each.n for each in Book.objects.annotate(n=Count("authors"))]
        assert list(rows.columns[rows.names.index("n")]) == expected
        assert set(expected) == {0, 2}

    def test_declared_annotations(self, call: Caller) -> None:
        rows, sql = sql_of(lambda: call.query(plan(PUBLISHERS, OrderBy(("id",)))))
        publishers = Publisher.objects.annotate(size=Count("books")).order_by("id")
        expected = [each.size for each in publishers]
        assert list(rows.columns[rows.names.index("size")]) == expected
        assert len(sql) == 1

    def test_a_declared_annotation_costs_nothing_where_it_is_not_wanted(self, call: Caller) -> None:
        for asked, op in (
            (PUBLISHERS, "count"),
            (PUBLISHERS, "exists"),
            (plan(PUBLISHERS, Values(("name",))), "rows"),
            (plan(PUBLISHERS, Only(("name",))), "rows"),
        ):
            _, (sql,) = sql_of(lambda asked=asked, op=op: call.query(asked, op))
            assert "COUNT(" not in sql.replace("COUNT(*)", "")

    def test_properties_travel(self, call: Caller) -> None:
        rows, sql = sql_of(lambda: call.query(plan(AUTHORS, OrderBy(("id",)))))
        assert list(rows.columns[rows.names.index("shouted")])[:2] == ["ADA", "BELA"]
        assert len(sql) == 1

    def test_relations_are_told(self, call: Caller) -> None:
        rows = call.query(plan(AUTHORS, Slice(0, 1)))
        assert {each.name for each in rows.relations} == {
            "pupils",
            "profile",
            "books",
            "authorships",
        }
        one = call.query(plan(AUTHORS, Filter(Leaf("pk", 1))), "get")
        assert one.relations == rows.relations


class TestLoading:
    def test_only(self, call: Caller) -> None:
        """Where no text or property needs more, no more is asked of the database either."""
        rows, (sql,) = sql_of(lambda: call.query(plan(LOANS, Only(("desk", "book")))))
        assert rows.names == (PK_COLUMN, "id", "book_id", "desk")
        assert "reader" not in sql

    def test_defer(self, call: Caller) -> None:
        rows, (sql,) = sql_of(lambda: call.query(plan(LOANS, Defer(("due", "at")))))
        assert "due" not in rows.names
        assert "reader" in rows.names
        assert '"at"' not in sql
        assert "due" in call.query(plan(LOANS, Defer(("due", "at")), Defer(()))).names

    def test_only_with_a_text_is_one_query(self, call: Caller) -> None:
        """Code of the model reads what it likes, so all is loaded; what was asked for is sent."""
        rows, sql = sql_of(lambda: call.query(plan(AUTHORS, Only(("born",)), OrderBy(("id",)))))
        assert len(sql) == 1
        assert rows.names == (PK_COLUMN, "id", "born", "__str__")
        assert rows.columns[-1][0] == "Ada"

    def test_what_is_no_column_is_named_like_one(self, call: Caller) -> None:
        """Declared annotations and properties travel when they are among the names."""
        named = {
            Only(("name", "shouted")): (PK_COLUMN, "id", "name", "shouted", "__str__"),
            Only(("shouted",)): (PK_COLUMN, "id", "shouted", "__str__"),
            Only(("name",)): (PK_COLUMN, "id", "name", "__str__"),
        }
        for step, names in named.items():
            rows, sql = sql_of(lambda step=step: call.query(plan(AUTHORS, step)))
            assert rows.names == names
            assert len(sql) == 1
        assert "shouted" not in call.query(plan(AUTHORS, Defer(("shouted",)))).names
        assert "size" not in call.query(plan(PUBLISHERS, Defer(("size",)))).names
        assert call.query(plan(PUBLISHERS, Only(("size",)))).names == (
            *(PK_COLUMN, "id", "size", "__str__"),
        )
        assert "size" in call.query(plan(PUBLISHERS, Defer(("size",)), Defer(()))).names

    def test_what_is_no_column_of_a_related_row(self, call: Caller) -> None:
        asked = plan(AUTHORS, SelectRelated(("mentor",)), Only(("name", "mentor__shouted")))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 1
        assert rows.names == (PK_COLUMN, "id", "name", "mentor_id", "__str__")
        (related,) = rows.related
        assert related.rows.names == (PK_COLUMN, "id", "shouted", "__str__")

    def test_only_of_a_related_row(self, call: Caller) -> None:
        asked = plan(LOANS, SelectRelated(("book",)), Only(("desk", "book__price")))
        rows, sql = sql_of(lambda: call.query(asked))
        assert len(sql) == 1
        assert rows.names == (PK_COLUMN, "id", "book_id", "desk")
        (related,) = rows.related
        assert related.rows.names == (PK_COLUMN, "isbn", "price", "__str__")

    def test_deferred_and_traversed_is_djangos_error(self, call: Caller) -> None:
        with pytest.raises(Failed, match="cannot be both deferred and traversed"):
            call.query(plan(LOANS, SelectRelated(("book",)), Only(("desk",))))


ROWS: list[tuple[Plan, Callable[[], QuerySet[Any]]]] = [
    (
        plan(BOOKS, Values(("isbn", "publisher__name"))),
        lambda: Book.objects.values_list("isbn", "publisher__name"),
    ),
    (
        plan(BOOKS, Values((), (("low", Call("Lower", (Ref("title"),))),))),
        lambda: Book.objects.values(low=db.Lower("title")),
    ),
    (
        plan(BOOKS, ValuesList((Call("Upper", (Ref("title"),)), "isbn"))),
        lambda: Book.objects.values_list(db.Upper("title"), "isbn"),
    ),
    (
        plan(
            BOOKS,
            OrderBy(()),
            Values(("genre",)),
            Annotate((("n", Call("Count", (Ref("pk"),))),)),
            OrderBy(("n",)),
        ),
        lambda: Book.objects.order_by().values_list("genre").annotate(n=Count("pk")).order_by("n"),
    ),
    (
        plan(BOOKS, Values(("publisher",)), Distinct(), OrderBy(("publisher",))),
        lambda: Book.objects.values_list("publisher").distinct().order_by("publisher"),
    ),
    (
        plan(BOOKS, Dates("published", "year", "DESC")),
        lambda: Book.objects.dates("published", "year", "DESC"),
    ),
    (
        plan(BOOKS, Datetimes("added", "day", "ASC", "Asia/Tokyo")),
        lambda: Book.objects.datetimes("added", "day", "ASC", _tokyo()),
    ),
    (plan(BOOKS, ValuesList(("meta__lang",))), lambda: Book.objects.values_list("meta__lang")),
    (
        plan(
            BOOKS,
            OrderBy(()),
            ValuesList(("isbn",)),
            Combine("union", True, (plan(LOANS, OrderBy(()), ValuesList(("desk",))),)),
            OrderBy(("isbn",)),
        ),
        lambda: (
            Book.objects.order_by()
            .values_list("isbn")
            .union(Loan.objects.order_by().values_list("desk"), all=True)
            .order_by("isbn")
        ),
    ),
]


def _tokyo() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo("Asia/Tokyo")


class TestPlainRows:
    @pytest.mark.parametrize("number", range(len(ROWS)))
    def test_the_rows_are_those_of_the_local_queryset(self, call: Caller, number: int) -> None:
        asked, make = ROWS[number]
        rows, there = sql_of(lambda: call.query(asked))
        expected, here = sql_of(lambda: list(make()))
        found = rows.rows()
        if isinstance(expected[0], dict):
            expected = [tuple(each.values()) for each in expected]
        elif not isinstance(expected[0], tuple):
            expected = [(each,) for each in expected]
        assert found == expected
        assert [each.removesuffix(" LIMIT 100001") for each in there] == here

    def test_all_values_are_those_that_are_readable(self, call: Caller) -> None:
        rows = call.query(plan(BOOKS, Annotate((("n", Literal(1)),)), Values(())))
        assert "n" in rows.names
        assert "shelf_price" not in rows.names
        assert len(call.query(plan(PUBLISHERS, Values(()), Slice(0, 1))).rows()) == 1

    def test_one_row(self, call: Caller) -> None:
        asked = plan(BOOKS, OrderBy(("isbn",)), ValuesList(("isbn", "pages"), (), False, True))
        assert call.query(asked, "first") == ("9780000000000", 40)
        asked = plan(BOOKS, OrderBy(("isbn",)), Values(("isbn",)))
        assert call.query(asked, "last") == {"isbn": "9780000000023"}


EXPRESSIONS: list[tuple[Any, Callable[[], Any]]] = [
    (
        Case(((CHEAP, Literal("low")),), Literal("high")),
        lambda: DjangoCase(When(price__lt=30, then=Value("low")), default=Value("high")),
    ),
    (Case(((CHEAP, Literal(1)),)), lambda: DjangoCase(When(price__lt=30, then=Value(1)))),
    (Condition(CHEAP), lambda: ExpressionWrapper(Q(price__lt=30), _boolean())),
    (Call("Coalesce", (Ref("publisher"), Literal(0))), lambda: db.Coalesce("publisher", 0)),
    (Call("Concat", (Ref("title"), Literal("!"))), lambda: db.Concat("title", Value("!"))),
    (Call("Length", (Ref("title"),)), lambda: db.Length("title")),
    (Call("Substr", (Ref("title"), Literal(2), Literal(3))), lambda: db.Substr("title", 2, 3)),
    (Call("Left", (Ref("title"), Literal(2))), lambda: db.Left("title", 2)),
    (Call("Right", (Ref("title"), Literal(2))), lambda: db.Right("title", 2)),
    (Call("StrIndex", (Ref("title"), Literal("b"))), lambda: db.StrIndex("title", Value("b"))),
    (
        Call("Round", (Call("/", (Ref("pages"), Literal(7.0))), Literal(2))),
        lambda: db.Round(F("pages") / 7.0, 2),
    ),
    (
        Call("Cast", (Ref("pages"),), (("output_field", FieldType("CharField")),)),
        lambda: db.Cast("pages", CharField()),
    ),
    (
        Call("Cast", (Ref("pages"),), (("output_field", FieldType("DecimalField", 8, 1)),)),
        lambda: db.Cast("pages", DecimalField(max_digits=8, decimal_places=1)),
    ),
    (
        Call("TruncMonth", (Ref("added"),), (("tzinfo", "Asia/Tokyo"),)),
        lambda: db.TruncMonth("added", tzinfo=_tokyo()),
    ),
    (Call("Trunc", (Ref("added"),), (("kind", "day"),)), lambda: db.Trunc("added", "day")),
    (
        Call("Extract", (Ref("added"),), (("lookup_name", "week_day"),)),
        lambda: db.Extract("added", "week_day"),
    ),
    (Call("ExtractYear", (Ref("published"),)), lambda: db.ExtractYear("published")),
    (Call("Greatest", (Ref("pages"), Literal(100))), lambda: db.Greatest("pages", 100)),
    (Call("NullIf", (Ref("pages"), Literal(40))), lambda: db.NullIf("pages", Value(40))),
    (Call("%", (Ref("pages"), Literal(7))), lambda: F("pages") % 7),
    (Call("^", (Ref("pages"), Literal(2))), lambda: F("pages") ** 2),
    (
        Call(
            "ExpressionWrapper",
            (Call("+", (Ref("price"), Literal(1))),),
            (("output_field", FieldType("IntegerField")),),
        ),
        lambda: ExpressionWrapper(F("price") + 1, IntegerField()),
    ),
    (Literal("x", FieldType("CharField")), lambda: Value("x", CharField())),
    (Ref("publisher__name"), lambda: F("publisher__name")),
]


def _boolean() -> Any:
    from django.db.models import BooleanField

    return BooleanField()


class TestExpressions:
    @pytest.mark.parametrize("number", range(len(EXPRESSIONS)))
    def test_the_values_are_those_of_the_local_expression(self, call: Caller, number: int) -> None:
        asked, make = EXPRESSIONS[number]
        rows = call.query(plan(BOOKS, Values(("isbn",), (("x", asked),))))
        expected = list(Book.objects.values_list("isbn", make()))
        assert rows.rows() == expected

    def test_a_judge_of_numbers_is_given_numbers(self, call: Caller) -> None:
        with pytest.raises(Failed, match="'length' must be greater than 0"):
            call.query(plan(BOOKS, Values((), (("x", Call("Left", (Ref("title"), Literal(0)))),))))

    def test_aggregate(self, call: Caller) -> None:
        wanted = {
            "n": Call("Count", ()),
            "titles": Call("Count", (Ref("title"),), (("distinct", True),)),
            "cheap": Call("Count", (Ref("pk"),), (("filter", CHEAP),)),
            "sum": Call("Sum", (Ref("price"),)),
            "mean": Call("Avg", (Ref("pages"),)),
            "spread": Call("StdDev", (Ref("pages"),), (("sample", True),)),
            "none": Call(
                "Max", (Ref("pages"),), (("filter", Leaf("pages__lt", 0)), ("default", Literal(-1)))
            ),
            "latest": Call("Max", (Ref("added"),)),
        }
        found, sql = sql_of(
            lambda: call(
                "library.Book.objects", BOOKS.to_wire(), "aggregate", named_to_wire(wanted)
            )
        )
        expected = Book.objects.aggregate(
            n=Count("*"),
            titles=Count("title", distinct=True),
            cheap=Count("pk", filter=Q(price__lt=30)),
            sum=Sum("price"),
            mean=Avg("pages"),
            spread=StdDev("pages", sample=True),
            none=Max("pages", filter=Q(pages__lt=0), default=-1),
            latest=Max("added"),
        )
        assert found == expected
        assert isinstance(found["sum"], Decimal)
        assert len(sql) == 1

    @pytest.mark.parametrize("args", [("aggregate",), ("rows", []), ("aggregate", 5)])
    def test_aggregate_alone_takes_expressions(self, call: Caller, args: Any) -> None:
        with pytest.raises(Failed) as raised:
            call("library.Book.objects", BOOKS.to_wire(), *args)
        assert raised.value.code == FailureCode.MALFORMED


class TestOtherModels:
    """Whatever rows of another model a plan reads, they are those that its hooks allow."""

    @pytest.fixture
    def british(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            PublisherRPC,
            "get_queryset",
            lambda self, context: Publisher.objects.filter(country="GB"),
        )

    @pytest.mark.usefixtures("british")
    def test_subqueries_are_rooted_at_its_queryset(self, call: Caller) -> None:
        inner = Subquery(PUBLISHERS, "rows")
        found = keys(call.query(plan(BOOKS, Filter(Leaf("publisher__in", inner)))))
        assert found == [each.pk for each in Book.objects.filter(publisher__country="GB")]
        own = plan(PUBLISHERS, Filter(Leaf("pk", Outer("publisher"))))
        found = keys(call.query(plan(BOOKS, Filter(Holds(Subquery(own, "exists"))))))
        assert found == [each.pk for each in Book.objects.filter(publisher__country="GB")]
        value = Subquery(plan(own, *own.steps, Values(("name",)), Slice(0, 1)), "value")
        rows = call.query(plan(BOOKS, Annotate((("name", value),)), ValuesList(("name",))))
        assert {name for (name,) in rows.rows()} == {"Blotter", "Caxton", None}

    @pytest.mark.usefixtures("british")
    def test_an_undeclared_path_does_not_lead_past_it(self, call: Caller) -> None:
        for step in (
            Values(("publisher__founded",)),
            Annotate((("x", Ref("publisher__founded")),)),
            OrderBy((Ordering(Ref("publisher__founded")),)),
        ):
            with pytest.raises(Failed, match=r"library\.Publisher, which narrows") as raised:
                call.query(plan(BOOKS, step))
            assert raised.value.code == FailureCode.QUERY_REFUSED
        # What the declaration spells out is the declaration's choice.
        assert call.query(plan(BOOKS, Filter(Leaf("publisher__country", "US"))), "count")

    @pytest.mark.usefixtures("british")
    def test_relations_of_a_hidden_row(self, call: Caller) -> None:
        """It is as if it were not there."""
        rows = call.query(plan(BOOKS, Of("library.Publisher", 1, "books")))
        assert keys(rows) == []
        rows, sql = sql_of(lambda: call.query(plan(BOOKS, Of("library.Publisher", 2, "books"))))
        assert keys(rows) == [each.pk for each in Publisher(pk=2).books.all()]
        assert len(sql) == 1

    def test_combinations(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.apps.library.rpc import BookRPC

        monkeypatch.setattr(
            BookRPC, "get_queryset", lambda self, context: Book.objects.filter(withdrawn=False)
        )
        everything = plan(BOOKS, OrderBy(()))
        nothing = plan(BOOKS, OrderBy(()), Filter(Leaf("pk", "x")))
        for asked in (
            nothing.then(Merge("or", everything)),
            nothing.then(Combine("union", False, (everything,))),
        ):
            assert len(keys(call.query(asked))) == Book.objects.filter(withdrawn=False).count()

    def test_combined_columns_are_named_on_both_sides(self, call: Caller) -> None:
        """Else Django would read columns of the same names there, whatever they are."""
        asked = plan(BOOKS, Values(("title",)), Combine("union", False, (LOANS,)))
        with pytest.raises(Failed) as raised:
            call.query(asked)
        assert raised.value.code == FailureCode.QUERY_REFUSED

    @pytest.mark.parametrize(
        "step",
        [
            Values(("publisher__name",)),
            SelectRelated(("publisher",)),
            Filter(Leaf("publisher__in", Subquery(PUBLISHERS, "rows"))),
            Merge("or", plan(BOOKS, Values(("publisher__name",)))),
        ],
    )
    @pytest.mark.parametrize("op", ["rows", "count", "exists", "get"])
    def test_permission_is_asked_of_every_model(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch, step: Any, op: str
    ) -> None:
        monkeypatch.setattr(
            PublisherRPC, "has_view_permission", lambda self, context, obj=None: False
        )
        for asked in (plan(BOOKS, step), PUBLISHERS):
            with pytest.raises(Failed, match=r"library\.Publisher") as raised:
                call.query(asked, op)
            assert raised.value.code == FailureCode.DENIED
