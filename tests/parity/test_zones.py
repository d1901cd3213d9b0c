"""What depends on the current time zone: the caller's counts, as with the local queryset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Count, F
from django.db.models.functions import (
    ExtractHour,
    Trunc,
    TruncDate,
    TruncDay,
    TruncHour,
    TruncMonth,
    TruncYear,
)
from django.utils import timezone

from .cases import reading, writing
from .normal import realised
from .world import Sides

ZONES = {
    "the server's": ZoneInfo("UTC"),
    "west": ZoneInfo("America/New_York"),
    "east": ZoneInfo("Asia/Kolkata"),
    "far east": ZoneInfo("Pacific/Kiritimati"),
    "an offset": dt.timezone(dt.timedelta(hours=-9, minutes=-30)),
    "an offset of nothing": dt.UTC,
}
YEAR = dt.date(2023, 12, 31)

Body = Callable[[Any], Any]


def _in(zone: dt.tzinfo, body: Body) -> Body:
    def run(lib: Any) -> Any:
        with timezone.override(zone):
            return realised(body(lib))

    return run


def _in_each(table: dict[str, Body]) -> dict[str, Any]:
    return {
        f"{name}, {where}": _in(zone, body)
        for name, body in table.items()
        for where, zone in ZONES.items()
    }


test_queries = reading(
    _in_each(
        {
            "year": lambda lib: lib.Book.objects.filter(added__year=2023).order_by("pk"),
            "date": lambda lib: lib.Book.objects.filter(added__date=YEAR).order_by("pk"),
            "month, excluded": lambda lib: lib.Book.objects.exclude(added__month=1).count(),
            "hour, exists": lambda lib: lib.Book.objects.filter(added__hour=23).exists(),
            "get": lambda lib: lib.Book.objects.order_by("pk").filter(added__day=1).first(),
            "extract": lambda lib: (
                lib.Book.objects.annotate(hour=ExtractHour("added"))
                .order_by("pk")
                .values_list("hour", flat=True)
            ),
            "trunc": lambda lib: (
                lib.Book.objects.annotate(day=TruncDay("added"), moment=Trunc("added", "hour"))
                .order_by("pk")
                .values_list("day", "moment")
            ),
            "trunc of instances": lambda lib: [
                each.month
                for each in lib.Book.objects.annotate(month=TruncMonth("added")).order_by("pk")
            ],
            "dates": lambda lib: lib.Book.objects.dates("published", "month"),
            "datetimes": lambda lib: lib.Book.objects.datetimes("added", "day"),
            "aggregate": lambda lib: lib.Book.objects.aggregate(
                days=Count(TruncDate("added"), distinct=True)
            ),
            "group": lambda lib: (
                lib.Book.objects.values(year=TruncYear("added"))
                .annotate(n=Count("pk"))
                .order_by("year")
            ),
            "iterator": lambda lib: list(
                lib.Book.objects.annotate(hour=TruncHour("added"))
                .order_by("pk")
                .values_list("hour", flat=True)
                .iterator(chunk_size=3)
            ),
        }
    )
)

test_writes = writing(
    _in_each(
        {
            "update": lambda lib: lib.Book.objects.filter(added__year=2023).update(
                price=F("price") + 1
            ),
            "delete": lambda lib: lib.Loan.objects.filter(due__month=3, due__day=30).delete()[0],
        }
    )
)

test_returned = reading(
    _in_each(
        {
            "refined": lambda lib: (
                lib.Book.objects.cheap()
                .filter(added__year=2024)
                .order_by("pk")
                .values_list("pk", TruncDay("added"))
            ),
        }
    ),
    number=2,
)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    with timezone.override("Pacific/Auckland"):
        yield


@pytest.mark.usefixtures("elsewhere")
def test_it_does_not_stay(both: Sides) -> None:
    """Each evaluation has its own caller's zone, whatever the thread evaluated before."""

    def body(lib: Any) -> list[int]:
        found = []
        for zone in (*ZONES.values(), None):
            with timezone.override(zone):
                found.append(lib.Book.objects.filter(added__year=2023).count())
        return found

    assert both.remote(body).value == both.local(body).value
