"""Querysets that calls return: unevaluated, and refined by the same call with a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chunnel.plans import Filter, Leaf, Plan, Slice, Values
from chunnel.protocol.messages import FailureCode
from chunnel.registry import Registry, expose
from chunnel.values import QuerySetRef, RowSet
from tests.apps.bank.models import Account
from tests.apps.bank.rpc import AccountRPC

from .caller import Caller, Failed
from .conftest import make_accounts


@pytest.mark.usefixtures("accounts")
class TestReturnedQuerySets:
    """A queryset that may be made again travels as itself, and is refined by calling again."""

    RICH = Plan("bank.Account").then(Filter(Leaf("uid__gt", 2)))

    def test_it_is_not_evaluated(self, call: Caller) -> None:
        with CaptureQueriesContext(connection) as queries:
            assert call("bank.rich", Decimal(10)) == QuerySetRef("bank.Account")
        assert len(queries) == 0

    @pytest.mark.parametrize(
        ("op", "found"), [("count", 2), ("exists", True), ("first", 3), ("last", 4)]
    )
    def test_operations(self, call: Caller, op: str, found: Any) -> None:
        with CaptureQueriesContext(connection) as queries:
            answer = call.refine("bank.rich", self.RICH, op, Decimal(10))
        assert len(queries) == 1
        assert (answer.values[0] if op in {"first", "last"} else answer) == found

    def test_rows(self, call: Caller) -> None:
        rows = call.refine("bank.rich", self.RICH, "rows", Decimal(10))
        assert rows.columns[rows.names.index("uid")] == [3, 4]

    def test_the_queryset_itself_stays_as_it_is(self, call: Caller) -> None:
        """A function may return one that it keeps."""
        kept = Account.objects.only("uid")
        with exposed_for_a_while(call.dispatcher.registry) as expose_it:
            expose_it(lambda: kept, name="kept", effect="read")
            call.refine("bank.kept", Plan("bank.Account"), "rows")
        assert "owner" in kept.get(uid=1).get_deferred_fields()

    def test_values(self, call: Caller) -> None:
        asked = self.RICH.then(Values(("owner",)))
        rows = call.refine("bank.rich", asked, "rows", Decimal(10))
        assert rows.columns == (["Citizen 3", "Citizen 4"],)

    def test_the_gate_stands_before_it(self, call: Caller) -> None:
        asked = Plan("bank.Account").then(Filter(Leaf("secret__startswith", "s")))
        for plan in (asked, Plan("bank.Branch"), Plan("bank.Account").then(Values(("secret",)))):
            with pytest.raises(Failed) as raised:
                call.refine("bank.rich", plan, "rows")
            assert raised.value.code == FailureCode.QUERY_REFUSED

    def test_permission_is_asked(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            AccountRPC, "has_view_permission", lambda self, context, obj=None: False
        )
        with pytest.raises(Failed) as raised:
            call.refine("bank.rich", self.RICH, "rows")
        assert raised.value.code == FailureCode.DENIED

    @pytest.mark.parametrize("name", ["bank.echo", "bank.transfer", "bank.statement", "bank.ticks"])
    def test_what_writes_or_streams_is_not_called(self, call: Caller, name: str) -> None:
        with pytest.raises(Failed) as raised:
            call.refine(name, self.RICH, "rows", 1)
        assert raised.value.code == FailureCode.REFUSED

    def test_models_have_plans_of_their_own(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.refine("bank.Account.objects", self.RICH, "rows", self.RICH.to_wire(), "rows")
        assert raised.value.code == FailureCode.REFUSED

    def test_another_result(self, call: Caller) -> None:
        with pytest.raises(Failed, match="returned no queryset") as raised:
            call.refine("bank.balance", self.RICH, "rows", 1)
        assert raised.value.code == FailureCode.REFUSED

    @pytest.mark.parametrize("third", [5, "rows", {}, [], [1], [1, 2, 3, 4], [None, "rows"]])
    def test_malformed(self, call: Caller, third: Any) -> None:
        body = call.serializer.dumps([[], {}, third]).body
        with pytest.raises(Failed) as raised:
            call("bank.rich", _body=body)
        assert raised.value.code == FailureCode.MALFORMED

    def test_four_items(self, call: Caller) -> None:
        body = call.serializer.dumps([[], {}, [self.RICH.to_wire(), "rows"], None]).body
        with pytest.raises(Failed) as raised:
            call("bank.rich", _body=body)
        assert raised.value.code == FailureCode.MALFORMED

    def test_one_within_a_result_arrives_evaluated(self, call: Caller) -> None:
        with exposed_for_a_while(call.dispatcher.registry) as expose_it:
            expose_it(lambda: [Account.objects.all()], name="nested", effect="read")
            expose_it(Account.objects.all, name="written")
            expose_it(lambda: Account.objects.values("uid"), name="plain", effect="read")
            expose_it(_evaluated, name="evaluated", effect="read")
            assert isinstance(call("bank.nested")[0], RowSet)
            assert isinstance(call("bank.written"), RowSet)
            assert call("bank.plain")[0] == {"uid": 1}
            assert isinstance(call("bank.evaluated"), RowSet)


@pytest.mark.usefixtures("library")
def test_of_a_manager_method(call: Caller) -> None:
    books = Plan("library.Book")
    assert call("library.Book.objects.cheap", books.to_wire()) == QuerySetRef("library.Book")
    poetry = books.then(Filter(Leaf("genre", "poetry"))).to_wire()
    rows = call.refine("library.Book.objects.cheap", books.then(Slice(0, 2)), "rows", poetry)
    assert len(rows.columns[0]) == 2


def test_in_a_thread(away: Caller) -> None:
    make_accounts([10, 20])
    with exposed_for_a_while(away.dispatcher.registry) as expose_it:
        expose_it(_everybody, name="everybody", effect="read")
        assert away("bank.everybody") == QuerySetRef("bank.Account")
        assert away.refine("bank.everybody", Plan("bank.Account"), "count") == 2


def _evaluated() -> Any:
    found = Account.objects.all()
    len(found)
    return found


async def _everybody() -> Any:
    return Account.objects.all()


@contextmanager
def exposed_for_a_while(registry: Registry) -> Iterator[Callable[..., Any]]:
    names = []

    def expose_it(function: Any, *, name: str, **options: Any) -> None:
        expose(function, name=name, app_label="bank", signature=lambda: None, **options)
        names.append(f"bank.{name}")

    try:
        yield expose_it
    finally:
        for name in names:
            registry.remove(name)


def _uids(chunks: list[RowSet]) -> list[int]:
    return [uid for rows in chunks for uid in rows.columns[rows.names.index("uid")]]


@pytest.mark.usefixtures("accounts")
class TestStreams:
    """With ``iterator`` the rows of what a call returned are read as they are taken."""

    EVERY = Plan("bank.Account")

    def test_every_row_set_has_as_many_rows_as_were_asked_for(self, call: Caller) -> None:
        with CaptureQueriesContext(connection) as queries:
            chunks = call.iterate_refined("bank.rich", self.EVERY, 2, Decimal(-1000))
        assert len(queries) == 1
        assert [len(rows.columns[0]) for rows in chunks] == [2, 2, 1]
        assert _uids(chunks) == [1, 2, 3, 4, 5]

    def test_refined(self, call: Caller) -> None:
        asked = self.EVERY.then(Filter(Leaf("uid__gt", 3)))
        assert _uids(call.iterate_refined("bank.rich", asked, 10, Decimal(-1000))) == [4, 5]

    def test_without_a_stream_the_rows_come_at_once(self, call: Caller) -> None:
        for stream in (None, False, 1):
            rows = call.iterate_refined("bank.rich", self.EVERY, 2, Decimal(-1000), stream=stream)
            assert _uids([rows]) == [1, 2, 3, 4, 5]

    def test_of_a_manager_method(self, call: Caller, library: None) -> None:
        books = Plan("library.Book")
        body = call.serializer.dumps([[books.to_wire()], {}, [books.to_wire(), "iterator", 3]]).body
        chunks = call("library.Book.objects.cheap", _body=body, _meta={"stream": True})
        assert {len(rows.columns[0]) for rows in chunks[:-1]} == {3}

    def test_atomic(self, call: Caller) -> None:
        with exposed_for_a_while(call.dispatcher.registry) as expose_it:
            expose_it(Account.objects.all, name="safe", effect="read", atomic=True)
            assert len(_uids(call.iterate_refined("bank.safe", self.EVERY, 3))) == 5

    def test_the_gate_stands_before_it(self, call: Caller) -> None:
        asked = self.EVERY.then(Filter(Leaf("secret__startswith", "s")))
        with pytest.raises(Failed) as raised:
            call.iterate_refined("bank.rich", asked, 2, Decimal(-1000))
        assert raised.value.code == FailureCode.QUERY_REFUSED

    @pytest.mark.parametrize("size", [0, -1, True, "2", None])
    def test_a_number_of_rows(self, call: Caller, size: Any) -> None:
        with pytest.raises(Failed, match="a number of rows") as raised:
            call.iterate_refined("bank.rich", self.EVERY, size, Decimal(-1000))
        assert raised.value.code == FailureCode.MALFORMED

    def test_nothing_else_becomes_a_stream(self, call: Caller) -> None:
        meta = {"stream": True}
        with pytest.raises(Failed, match="is no stream") as raised:
            call("bank.balance", 1, _meta=meta)
        assert raised.value.code == FailureCode.MALFORMED
        rows = call.serializer.dumps([[], {}, [self.EVERY.to_wire(), "rows"]]).body
        with pytest.raises(Failed, match="is no stream"):
            call("bank.rich", _body=rows, _meta=meta)
        assert call("bank.echo", 5, _meta=meta) == 5  # it may write, and is never refined
        with pytest.raises(Failed, match="returned no queryset"):
            call.iterate_refined("bank.balance", self.EVERY, 2, 1)


def test_streams_in_threads(away: Caller) -> None:
    make_accounts([10, 20, 30])
    with exposed_for_a_while(away.dispatcher.registry) as expose_it:
        expose_it(_everybody, name="everybody", effect="read")
        every = Plan("bank.Account")
        chunks = away.iterate_refined("bank.rich", every, 2, Decimal(0))
        assert [len(rows.columns[0]) for rows in chunks] == [2, 1]
        assert len(_uids([away.iterate_refined("bank.everybody", every, 2)])) == 3
