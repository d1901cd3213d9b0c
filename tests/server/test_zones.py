"""Plans are evaluated in the time zone that their caller names, and nothing else is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from chunnel.context import ServedCall
from chunnel.plans import Annotate, Call, Filter, Leaf, Literal, Plan, Ref, ValuesList
from chunnel.plans.expressions import named_to_wire
from chunnel.protocol.messages import FailureCode
from chunnel.server.zones import in_zone_of_caller, zone_of_caller

from .caller import Caller, Failed, served
from .conftest import make_accounts
from .test_refining import exposed_for_a_while

BANK = Plan("bank.Account")
AUCKLAND = "Pacific/Auckland"
OFFSET = 13 * 3_600_000_000  # Auckland's in summer


def _asked(plan: Plan) -> list[Any]:
    return [plan.to_wire(), "rows"]


def _hours(plan: Plan = BANK) -> Plan:
    hour = Call("ExtractHour", (Ref("opened"),))
    return plan.then(Annotate((("hour", hour),))).then(ValuesList(("hour",), (), True, False))


@pytest.mark.usefixtures("accounts")
class TestRows:
    @pytest.mark.parametrize(
        ("zone", "hour"), [(None, 0), ("UTC", 0), (AUCKLAND, 13), (OFFSET, 13), (-60_000_000, 23)]
    )
    def test_queries(self, call: Caller, zone: Any, hour: int) -> None:
        meta = {"zone": zone}
        rows = call("bank.Account.objects", *_asked(_hours()), _meta=meta)
        assert set(rows.columns[0]) == {hour}
        (rows,) = call.iterate(_hours(), _meta=meta)
        assert set(rows.columns[0]) == {hour}

    def test_what_a_call_returned(self, call: Caller) -> None:
        body = call.serializer.dumps([[10], {}, _asked(_hours())]).body
        rows = call("bank.rich", _body=body, _meta={"zone": AUCKLAND})
        assert set(rows.columns[0]) == {13}

    def test_every_row_set_of_a_stream(self, call: Caller) -> None:
        """And the zone between them is the server's again."""
        seen = []
        for rows in call.iterate(_hours(), 1, _meta={"zone": AUCKLAND}):
            seen.append((rows.columns[0][0], timezone.get_current_timezone_name()))
        assert seen == [(13, "UTC")] * 5

    @pytest.mark.parametrize(
        "zone",
        ["Mars/Phobos", "", "../../etc/passwd", "a" * 2000, 1, 2**62, 86_400_000_000, 1.5, ["UTC"]],
        ids=lambda zone: repr(zone)[:20],
    )
    def test_no_zone(self, call: Caller, zone: Any) -> None:
        asked = _asked(_hours())
        body = call.serializer.dumps([[10], {}, asked]).body
        for name, args, more in (
            ("bank.Account.objects", asked, {}),
            ("bank.Account.objects.iterator", [asked[0], 10], {}),
            ("bank.rich", [], {"_body": body}),
        ):
            with pytest.raises(Failed, match=r"time zone.* cannot be used") as raised:
                call(name, *args, _meta={"zone": zone}, **more)
            assert raised.value.code == FailureCode.REFUSED
            assert len(raised.value.message) < 400


@pytest.mark.usefixtures("accounts")
class TestNotPlans:
    """Functions and methods run in their own project's zone, and need not know the caller's."""

    @pytest.mark.parametrize("zone", [AUCKLAND, "Mars/Phobos", 1.5])
    def test_functions(self, call: Caller, zone: Any) -> None:
        with exposed_for_a_while(call.dispatcher.registry) as expose_it:
            expose_it(timezone.get_current_timezone_name, name="zone")
            assert call("bank.zone", _meta={"zone": zone}) == "UTC"

    def test_what_makes_a_queryset(self, call: Caller) -> None:
        """It is evaluated in the caller's zone; the function that made it ran in the server's."""
        seen = []

        def rich() -> Any:
            from tests.apps.bank.models import Account

            seen.append(timezone.get_current_timezone_name())
            return Account.objects.all()

        with exposed_for_a_while(call.dispatcher.registry) as expose_it:
            expose_it(rich, name="all_of_them", effect="read")
            body = call.serializer.dumps([[], {}, _asked(_hours())]).body
            rows = call("bank.all_of_them", _body=body, _meta={"zone": AUCKLAND})
        assert set(rows.columns[0]) == {13}
        assert seen == ["UTC"]


def test_the_thread_keeps_its_own() -> None:
    zone = ServedCall("1", "n", "p", meta={"zone": AUCKLAND})
    with zone_of_caller(zone):
        assert timezone.get_current_timezone_name() == AUCKLAND
    assert timezone.get_current_timezone_name() == "UTC"
    with pytest.raises(ZeroDivisionError), zone_of_caller(zone):
        raise ZeroDivisionError
    assert timezone.get_current_timezone_name() == "UTC"


def test_items_are_closed_with_their_stream() -> None:
    closed = []

    def items() -> Iterator[str]:
        try:
            while True:
                yield timezone.get_current_timezone_name()
        finally:
            closed.append(True)

    found = in_zone_of_caller(ServedCall("1", "n", "p", meta={"zone": AUCKLAND}), items())
    assert next(found) == AUCKLAND
    assert timezone.get_current_timezone_name() == "UTC"
    found.close()
    assert closed == [True]


def test_in_threads_of_a_worker(transactional_db: None) -> None:
    make_accounts([1, 2])
    with served() as away:
        for zone, hour in ((AUCKLAND, 13), ("UTC", 0), (None, 0)):
            meta = {"zone": zone}
            rows = away("bank.Account.objects", *_asked(_hours()), _meta=meta)
            assert set(rows.columns[0]) == {hour}
            (rows,) = away.iterate(_hours(), _meta=meta)
            assert set(rows.columns[0]) == {hour}


def test_writes(call: Caller, library: None) -> None:
    """Which rows of a date are changed depends on the zone."""
    from tests.apps.library.models import Book

    Book.objects.update(added=dt.datetime(2024, 1, 1, 1, tzinfo=dt.UTC))
    book = Plan("library.Book").then(Filter(Leaf("added__year", 2023)))
    done = [
        call(
            "library.Book.objects.update",
            book.to_wire(),
            named_to_wire({"pages": Literal(7)}),
            _meta={"zone": zone},
        )
        for zone in ("UTC", "America/New_York")
    ]
    assert done == [0, Book.objects.count()]
