"""Which time zone travels with a request for rows."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from chunnel import remote
from chunnel.client.options import DEFAULT_OPTIONS
from chunnel.client.zones import in_zone

from .bank import bank  # noqa: F401 - a fixture


class Odd(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta | None:
        return None if moment is None else dt.timedelta(hours=1)

    def dst(self, moment: dt.datetime | None) -> None: ...

    def tzname(self, moment: dt.datetime | None) -> None: ...


@pytest.mark.parametrize(
    ("zone", "sent"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (ZoneInfo("Asia/Kolkata"), "Asia/Kolkata"),
        (dt.UTC, 0),
        (timezone.get_fixed_timezone(-90), -5_400_000_000),
        (None, "UTC"),  # of the settings
    ],
    ids=repr,
)
def test_the_current_one(zone: Any, sent: Any) -> None:
    with timezone.override(zone):
        assert in_zone(DEFAULT_OPTIONS).meta == {"zone": sent}


def test_one_without_a_name() -> None:
    """It cannot travel, and the server's own counts."""
    with timezone.override(Odd()):
        assert in_zone(DEFAULT_OPTIONS) is DEFAULT_OPTIONS


def test_other_metadata_stay() -> None:
    with timezone.override("Europe/Berlin"):
        given = DEFAULT_OPTIONS.replace(meta={"tenant.id": 7}, effect="read", timeout=3)
        found = in_zone(given)
        assert found.meta == {"tenant.id": 7, "zone": "Europe/Berlin"}
        assert found.replace(meta=given.meta) == given
        assert given.meta == {"tenant.id": 7}


def test_one_that_was_given_for_the_call() -> None:
    given = DEFAULT_OPTIONS.replace(meta={"zone": "Asia/Kolkata"})
    assert in_zone(given) is given


def test_a_refinement_is_kept() -> None:
    given = DEFAULT_OPTIONS.replace(refine=["plan", "rows"])
    assert in_zone(given).refine == ["plan", "rows"]
    assert in_zone(DEFAULT_OPTIONS).refine is None


def test_querysets_take_it_along(bank: str) -> None:  # noqa: F811
    """The zone of the moment when it is asked, not when the queryset was made."""
    accounts = remote.economy.bank.Account.objects
    opened = accounts.dates("opened", "day").order_by()
    moments = accounts.datetimes("opened", "day")
    with timezone.override("Pacific/Auckland"):
        assert {each.tzinfo for each in moments} == {ZoneInfo("Pacific/Auckland")}
    assert {each.tzinfo for each in moments.all()} == {ZoneInfo("UTC")}
    assert opened.count() == len(opened)
