"""Time zones as they travel."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chunnel.values.zones import current_from, name_of, zone_from, zone_of

NOON = dt.datetime(2026, 7, 1, 12)


class Odd(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta | None:
        return None if moment is None else dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "wire"),
    [
        (None, None),
        (dt.UTC, 0),
        (dt.timezone(dt.timedelta(hours=-5)), -18_000_000_000),
        (dt.timezone(dt.timedelta(microseconds=1)), 1),
        (ZoneInfo("UTC"), "UTC"),
        (ZoneInfo("America/Argentina/Buenos_Aires"), "America/Argentina/Buenos_Aires"),
    ],
    ids=repr,
)
def test_a_zone_is_kept(zone: dt.tzinfo | None, wire: Any) -> None:
    assert zone_of(NOON.replace(tzinfo=zone)) == wire
    found = zone_from(wire)
    assert found == zone
    assert type(found) is type(zone)


def test_the_name_of_a_fixed_offset_is_not_kept() -> None:
    """The offset is, and so are equal zones and moments."""
    zone = dt.timezone(dt.timedelta(hours=1), "Ours")
    found = zone_from(zone_of(NOON.replace(tzinfo=zone)))
    assert found == zone
    assert NOON.replace(tzinfo=found).tzname() == "UTC+01:00"


def test_a_zone_of_another_kind_becomes_its_offset() -> None:
    assert zone_of(NOON.replace(tzinfo=Odd())) == 3_600_000_000


def test_a_time_in_a_zone_without_a_fixed_offset_cannot_travel() -> None:
    with pytest.raises(ValueError, match="fixed offset"):
        zone_of(dt.time(1, tzinfo=Odd()))


def test_a_zone_from_a_file_of_its_own_cannot_travel() -> None:
    import zoneinfo

    path = next(iter(zoneinfo.TZPATH), None)
    if path is None:
        pytest.skip("no time zone database in files")
    with open(f"{path}/UTC", "rb") as file:  # noqa: PTH123
        zone = ZoneInfo.from_file(file, key="My/Own/Zone")
    with pytest.raises(ValueError, match="unknown here"):
        zone_of(NOON.replace(tzinfo=zone))


@pytest.mark.parametrize(
    "wire",
    [
        *(True, 1.5, b"UTC", [], 86_400_000_000, -86_400_000_000),
        *("", "/UTC", "UTC/", "a//b", "../UTC", "UTC\0", "x" * 65),
        *("Europe", "Nowhere", "leapseconds"),
    ],
    ids=repr,
)
def test_what_is_no_zone_is_refused(wire: Any) -> None:
    with pytest.raises(ValueError, match=r"zone|offset"):
        zone_from(wire)


def test_an_offset_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(OverflowError):
        zone_from(1 << 80)


@pytest.mark.parametrize(
    ("zone", "wire"),
    [
        (ZoneInfo("Asia/Kolkata"), "Asia/Kolkata"),
        (dt.UTC, 0),
        (dt.timezone(dt.timedelta(hours=-5, minutes=-30)), -19_800_000_000),
        (Odd(), None),
    ],
    ids=repr,
)
def test_a_zone_without_a_moment(zone: dt.tzinfo, wire: Any) -> None:
    assert name_of(zone) == wire
    if wire is not None:
        assert current_from(wire).utcoffset(NOON) == zone.utcoffset(NOON)


@pytest.mark.parametrize("wire", [None, 1, 86_400_000_000, 2**62, "Mars/Phobos", True, 1.0, b"UTC"])
def test_no_zone_to_be_in(wire: Any) -> None:
    """Databases know none of seconds."""
    with pytest.raises((ValueError, OverflowError)):
        current_from(wire)
