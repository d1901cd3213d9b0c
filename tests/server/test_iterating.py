"""``iterator()``: a stream of row sets from one query, read as its caller takes them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from chunnel.plans import (
    Annotate,
    Fetch,
    Filter,
    Leaf,
    Only,
    OrderBy,
    Plan,
    PrefetchRelated,
    Ref,
    SelectRelated,
    ValuesList,
)
from chunnel.protocol.messages import Chunk, Credit, End, FailureCode
from chunnel.registry import registry
from chunnel.server import querying
from chunnel.values import PK_COLUMN, RowSet
from tests.apps.library.models import Book, Loan, Publisher
from tests.apps.library.rpc import PublisherRPC

from .caller import Caller, Failed, until
from .databases import postgresql

pytestmark = pytest.mark.usefixtures("library")

BOOKS = Plan("library.Book")
LOANS = Plan("library.Loan")


def keys(chunks: list[RowSet]) -> list[Any]:
    return [key for rows in chunks for key in rows.columns[rows.names.index(PK_COLUMN)]]


class TestRows:
    def test_every_row_set_has_as_many_rows_as_were_asked_for(self, call: Caller) -> None:
        with CaptureQueriesContext(connection) as queries:
            chunks = call.iterate(LOANS, 8)
        assert len(queries) == 1
        assert [len(rows.columns[0]) for rows in chunks] == [8, 8, 8, 6]
        assert keys(chunks) == [loan.pk for loan in Loan.objects.all()]
        assert {rows.model for rows in chunks} == {"library.Loan"}

    def test_of_instances(self, call: Caller) -> None:
        asked = BOOKS.then(OrderBy(("isbn",))).then(SelectRelated(("publisher",)))
        with CaptureQueriesContext(connection) as queries:
            chunks = call.iterate(asked, 10)
        assert len(queries) == 1
        assert keys(chunks) == [book.pk for book in Book.objects.order_by("isbn")]
        for rows in chunks:
            (related,) = rows.related
            assert len(related.places) == len(rows.columns[0])

    def test_prefetching_is_done_for_each(self, call: Caller) -> None:
        with CaptureQueriesContext(connection) as queries:
            chunks = call.iterate(BOOKS.then(PrefetchRelated((Fetch("tags"),))), 12)
        assert len(queries) == 3
        assert [rows.related[0].name for rows in chunks] == ["tags", "tags"]

    def test_plain_rows(self, call: Caller) -> None:
        asked = BOOKS.then(OrderBy(("isbn",))).then(ValuesList(("isbn", "pages")))
        chunks = call.iterate(asked, 23)
        assert [rows.names for rows in chunks] == [("isbn", "pages")] * 2
        expected = list(Book.objects.order_by("isbn").values_list("isbn", "pages"))
        assert [row for rows in chunks for row in rows.rows()] == expected

    def test_no_rows(self, call: Caller) -> None:
        assert call.iterate(BOOKS.then(Filter(Leaf("isbn", "x")))) == []

    def test_only_and_annotations(self, call: Caller) -> None:
        asked = LOANS.then(Only(("desk",))).then(Annotate((("n", Ref("number")),)))
        (rows,) = call.iterate(asked)
        assert rows.names == (PK_COLUMN, "id", "desk", "n")

    def test_each_row_takes_credit(self, call: Caller) -> None:
        """A row set is cut where the credit ends."""
        call_id = call.send(
            "library.Loan.objects.iterator", LOANS.to_wire(), 20, _credit=Credit(12, 100_000)
        )
        assert call.receive().items == 0  # type: ignore[union-attr]
        first = call.receive()
        assert isinstance(first, Chunk)
        assert first.items == 12
        assert call.nothing_comes()
        rest = []
        call.grant(call_id, 3, 1)
        call.grant(call_id, 100, 100_000)
        while not isinstance(message := call.receive(), End):
            assert isinstance(message, Chunk)
            rest.append(message.items)
        assert rest in ([3, 5, 10], [8, 10])


class TestRefusals:
    def test_too_many_rows_arrive_first(self, call: Caller) -> None:
        exposed = registry.model(Loan)
        assert exposed is not None
        before, exposed.max_rows = exposed.max_rows, 16
        try:
            with pytest.raises(Failed) as raised:
                call.iterate(LOANS, 8)
            assert raised.value.code == FailureCode.TOO_MANY_ROWS
            assert [len(rows.columns[0]) for rows in raised.value.items] == [8, 8]
        finally:
            exposed.max_rows = before

    @pytest.mark.parametrize(
        "args",
        [
            (),
            (BOOKS.to_wire(),),
            (BOOKS.to_wire(), 0),
            (BOOKS.to_wire(), "8"),
            (BOOKS.to_wire(), True),
            (5, 5),
        ],
    )
    def test_malformed(self, call: Caller, args: Any) -> None:
        with pytest.raises(Failed) as raised:
            call("library.Book.objects.iterator", *args)
        assert raised.value.code == FailureCode.MALFORMED

    def test_what_is_not_declared(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.iterate(BOOKS.then(Filter(Leaf("shelf_price", 1))))
        assert raised.value.code == FailureCode.QUERY_REFUSED


def test_cancelled(away: Caller) -> None:
    """The cursor is closed, and the connection serves the next call."""
    name = "library.Loan.objects.iterator"
    call_id = away.send(name, LOANS.to_wire(), 4, _credit=Credit(4, 100_000))
    assert away.receive().items == 0  # type: ignore[union-attr]
    assert away.receive().items == 4  # type: ignore[union-attr]
    away.cancel(call_id)
    until(lambda: away.dispatcher.open == 0)
    assert len(keys(away.iterate(LOANS, 7))) == 30


def test_postgresql_reads_by_a_cursor_of_its_own(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more rows are there at a time than a row set has."""
    with postgresql() as alias:
        with connections[alias].cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE library_publisher (id bigint, name text)")
            cursor.execute(
                "INSERT INTO library_publisher SELECT n, 'p' || n FROM generate_series(1, 5000) n"
            )
        monkeypatch.setattr(
            PublisherRPC, "get_queryset", lambda self, context: Publisher.objects.using(alias)
        )
        held = []
        sets = querying._sets

        def look(*args: Any) -> Any:
            for rows in sets(*args):
                with connections[alias].cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '_django%'")
                    held.append(cursor.fetchone()[0])
                yield rows

        monkeypatch.setattr(querying, "_sets", look)
        asked = Plan("library.Publisher").then(ValuesList(("name",)))
        chunks = call.iterate(asked, 2_000, _meta={"remaining": 60_000})
        assert [len(rows.columns[0]) for rows in chunks] == [2_000, 2_000, 1_000]
        assert held[:2] == [1, 1]
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors")
            assert cursor.fetchone()[0] == 0
