"""Databases that work for a call stop at its deadline, and are then as they were."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction
from django.db.models.expressions import RawSQL

from chunnel.plans import Of, Plan, Values
from chunnel.protocol.messages import FailureCode
from chunnel.server.deadlines import deadline
from chunnel.server.failures import Refusal
from tests.apps.library.models import Book, BookQuerySet, Publisher
from tests.apps.library.rpc import BookRPC, PublisherRPC

from .caller import Caller, Failed
from .databases import postgresql

ENDLESS = """
(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000000)
SELECT max(n) FROM c)
"""
PUBLISHERS = Plan("library.Publisher").then(Values(("name",)))
SOON = 0.2  # seconds
LATER = 600.0


@pytest.fixture(params=["sqlite", "postgresql"])
def using(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[str]:
    if request.param == "sqlite":
        yield "default"
    else:
        with postgresql() as alias:
            yield alias


@pytest.fixture
def there(transactional_db: None) -> Iterator[str]:
    with postgresql() as alias:
        yield alias


def run(using: str, sql: str) -> Any:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def soon() -> float:
    return time.monotonic() + SOON


class TestDeadline:
    def test_a_query_ends_at_the_deadline(self, using: str) -> None:
        with pytest.raises(Refusal, match="time was over") as raised, deadline(soon(), using):
            run(using, f"SELECT {ENDLESS}")
        assert raised.value.code == FailureCode.DEADLINE
        assert run(using, "SELECT 1") == 1

    def test_within_a_transaction(self, using: str) -> None:
        with transaction.atomic(using):
            with (
                pytest.raises(Refusal, match="time was over"),
                transaction.atomic(using),
                deadline(soon(), using),
            ):
                run(using, f"SELECT {ENDLESS}")
            assert run(using, "SELECT 1") == 1

    def test_what_is_quick_is_left_alone(self, using: str) -> None:
        with deadline(time.monotonic() + LATER, using):
            assert run(using, "SELECT 1") == 1
        with deadline(None, using):
            assert run(using, "SELECT 1") == 1

    def test_nothing_is_asked_after_it(self, using: str) -> None:
        with (
            pytest.raises(Refusal, match="time was over"),
            deadline(time.monotonic() - 1, using),
        ):
            raise AssertionError

    def test_one_within_another(self, using: str) -> None:
        """The nearer counts, and what is over does not end the other."""
        with (
            pytest.raises(Refusal, match="time was over"),
            deadline(soon(), using),
            deadline(time.monotonic() + LATER, using),
        ):
            run(using, f"SELECT {ENDLESS}")
        with pytest.raises(Refusal, match="time was over"), deadline(soon(), using):
            with deadline(time.monotonic() + LATER, using):
                assert run(using, "SELECT 1") == 1
            run(using, f"SELECT {ENDLESS}")

    def test_other_errors_are_what_they_are(self, using: str) -> None:
        with pytest.raises(OperationalError, match="mine"), deadline(soon(), using):
            raise OperationalError("mine")


class TestPostgreSQL:
    def test_what_was_set_is_put_back(self, there: str) -> None:
        for before in ("0", "1234ms", "7s"):
            run(there, f"SELECT set_config('statement_timeout', '{before}', false)")
            with deadline(time.monotonic() + 5, there):
                during = run(there, "SHOW statement_timeout")
            assert run(there, "SHOW statement_timeout") == before
            assert (during == before) is (before == "1234ms")
            with pytest.raises(ZeroDivisionError), deadline(time.monotonic() + 5, there):
                raise ZeroDivisionError
            assert run(there, "SHOW statement_timeout") == before

    def test_it_is_put_back_by_the_end_of_a_transaction(self, there: str) -> None:
        with pytest.raises(Refusal), transaction.atomic(there), deadline(soon(), there):
            run(there, "SELECT pg_sleep(60)")
        assert run(there, "SHOW statement_timeout") == "0"

    def test_a_shorter_timeout_of_the_operators_is_their_error(self, there: str) -> None:
        run(there, "SELECT set_config('statement_timeout', '50ms', false)")
        with (
            pytest.raises(OperationalError, match="statement timeout"),
            deadline(time.monotonic() + LATER, there),
        ):
            run(there, "SELECT pg_sleep(60)")

    def test_what_is_shared_out_is_not_logged(self, there: str) -> None:
        connection = connections[there]
        connection.ensure_connection()
        connection.force_debug_cursor = True
        with deadline(time.monotonic() + 5, there):
            run(there, "SELECT 1")
        assert [each["sql"] for each in connection.queries_log] == ["SELECT 1"]

    @pytest.mark.usefixtures("transactional_db")
    def test_a_pooler_may_give_the_connection_to_another(self) -> None:
        """So the timeout is the transaction's, which ends with it."""
        with postgresql("pooled", DISABLE_SERVER_SIDE_CURSORS=True) as alias:
            with deadline(time.monotonic() + 5, alias):
                assert run(alias, "SHOW statement_timeout") != "0"
                assert connections[alias].in_atomic_block
            assert run(alias, "SHOW statement_timeout") == "0"
            with pytest.raises(Refusal, match="time was over"), deadline(soon(), alias):
                run(alias, "SELECT pg_sleep(60)")
            assert not connections[alias].in_atomic_block
            assert run(alias, "SHOW statement_timeout") == "0"

    @pytest.mark.parametrize("held", [True, False])
    def test_a_cursor_that_is_opened(self, there: str, held: bool) -> None:
        """One that is held is filled by the COMMIT, which has no timeout of its own."""
        with (
            pytest.raises(Refusal, match="time was over"),
            deadline(soon(), there, opens=True),
            connections[there].cursor() as cursor,
        ):
            name = "WITH HOLD" if held else ""
            cursor.execute(f"BEGIN; DECLARE c CURSOR {name} FOR SELECT {ENDLESS}; COMMIT")
            cursor.execute(f"SELECT {ENDLESS}")
        assert run(there, "SELECT 1") == 1
        assert run(there, "SHOW statement_timeout") == "0"


class TestPlans:
    """Every evaluation of a plan is within the call's time."""

    @pytest.fixture
    def endless(self, monkeypatch: pytest.MonkeyPatch, using: str) -> None:
        monkeypatch.setattr(
            PublisherRPC,
            "get_queryset",
            lambda self, context: Publisher.objects.using(using).filter(pk=RawSQL(ENDLESS, ())),
        )
        if using == "default":
            Publisher.objects.create(name="x")
            return
        with connections[using].cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE library_publisher (id bigint, name text)")
            cursor.execute("INSERT INTO library_publisher VALUES (1, 'x')")

    @pytest.mark.usefixtures("endless")
    @pytest.mark.parametrize("op", ["rows", "get", "first", "count", "exists"])
    def test_operations(self, call: Caller, op: str) -> None:
        with pytest.raises(Failed) as raised:
            call("library.Publisher.objects", PUBLISHERS.to_wire(), op, _meta={"remaining": 200})
        assert raised.value.code == FailureCode.DEADLINE

    @pytest.mark.usefixtures("endless")
    def test_iterator(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.iterate(PUBLISHERS, _meta={"remaining": 200})
        assert raised.value.code == FailureCode.DEADLINE

    @pytest.mark.usefixtures("endless")
    @pytest.mark.parametrize("using", ["sqlite"], indirect=True)  # where the books are
    def test_the_instance_that_a_relation_begins_with(self, call: Caller) -> None:
        asked = Plan("library.Book").then(Of("library.Publisher", 1, "books"))
        with pytest.raises(Failed) as raised:
            call("library.Book.objects", asked.to_wire(), "rows", _meta={"remaining": 200})
        assert raised.value.code == FailureCode.DEADLINE

    def test_a_manager_method_that_reads(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            BookRPC,
            "get_queryset",
            lambda self, context: Book.objects.filter(pk=RawSQL(ENDLESS, ())),
        )
        monkeypatch.setattr(BookQuerySet, "cheap", lambda self, limit=0: list(self))
        with pytest.raises(Failed) as raised:
            plan = Plan("library.Book").to_wire()
            call("library.Book.objects.cheap", plan, _meta={"remaining": 200})
        assert raised.value.code == FailureCode.DEADLINE
