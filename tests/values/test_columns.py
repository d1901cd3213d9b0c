"""Columns: which kind each becomes, and what malformed ones give."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from chunnel.values.columns import PLAIN, pack_column, unpack_column

BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2026, 7, 1, 12, 0, 0, 5)


@pytest.mark.parametrize(
    ("column", "wire"),
    [
        ([], [PLAIN, []]),
        ([1, 2], [PLAIN, [1, 2]]),
        ([1, None], [PLAIN, [1, None]]),
        (["a", 1, Decimal(1)], [PLAIN, ["a", 1, Decimal(1)]]),
        ([None, None], [PLAIN, [None, None]]),
        ([Decimal("1.50"), Decimal("NaN")], ["decimal", ["1.50 NaN"]]),
        ([None, Decimal(1), None], ["decimal", ["1"], [0, 2]]),
        ([dt.date(2026, 7, 1)], ["date", [[2026], b"\x07", b"\x01"]]),
        ([dt.timedelta(-1, 2, 3)], ["timedelta", [[-1], [2], [3]]]),
        ([UUID(int=1), UUID(int=2)], ["uuid", [bytes(15) + b"\x01" + bytes(15) + b"\x02"]]),
        (
            [NOON],
            ["datetime", [None, [2026], b"\x07", b"\x01", b"\x0c", b"\x00", b"\x00", [5]]],
        ),
        (
            [NOON.replace(tzinfo=BERLIN), None],
            [
                "datetime",
                ["Europe/Berlin", [2026], b"\x07", b"\x01", b"\x0c", b"\x00", b"\x00", [5]],
                [1],
            ],
        ),
        (
            [NOON.replace(tzinfo=dt.UTC)],
            ["datetime", [0, [2026], b"\x07", b"\x01", b"\x0c", b"\x00", b"\x00", [5]]],
        ),
    ],
    ids=repr,
)
def test_a_column_becomes_its_kind_and_comes_back(column: list[Any], wire: list[Any]) -> None:
    assert pack_column(column) == wire
    assert repr(unpack_column(wire)) == repr(column)


class Wandering(dt.tzinfo):
    """A zone of an unknown kind, whose offset may change from value to value."""

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)


@pytest.mark.parametrize(
    "column",
    [
        [NOON.replace(tzinfo=BERLIN), NOON.replace(tzinfo=dt.UTC)],
        [NOON, NOON.replace(tzinfo=dt.UTC)],
        [NOON.replace(fold=1)],
        [NOON.replace(tzinfo=Wandering())] * 2,
    ],
)
def test_datetimes_that_share_no_zone_or_repeat_go_plain(column: list[Any]) -> None:
    assert pack_column(column) == [PLAIN, column]


def test_a_tuple_is_a_column_too() -> None:
    assert pack_column((1, 2)) == [PLAIN, [1, 2]]


def test_many_decimals_are_held_to_the_limits_one_by_one() -> None:
    column = [Decimal("1234567890.12")] * 20_000
    assert unpack_column(pack_column(column)) == column
    with pytest.raises(ValueError, match="exponent"):
        pack_column([*column, Decimal("1E+200000")])


def test_uuids_made_of_slots_are_as_good_as_any() -> None:
    (found,) = unpack_column(pack_column([UUID(int=7)]))
    assert found == UUID(int=7)
    assert hash(found) == hash(UUID(int=7))
    assert found.is_safe is UUID(int=7).is_safe
    assert repr(found) == repr(UUID(int=7))


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        [PLAIN],
        [PLAIN, [], [], []],
        [PLAIN, "text"],
        ["nothing", []],
        [[], []],
        ["decimal", []],
        ["decimal", [1]],
        ["decimal", ["1  2"]],
        ["decimal", ["x"]],
        ["decimal", ["1E+999999999"]],
        ["uuid", [b"short"]],
        ["uuid", ["text of 16 chars"]],
        ["date", [[2026], b"\x07"]],
        ["date", [[2026], b"\x07", b""]],
        ["date", [[2026], b"\x0d", b"\x01"]],
        ["date", [[1 << 70], b"\x01", b"\x01"]],
        ["date", [[1.5], b"\x01", b"\x01"]],
        ["date", [[[2026]], b"\x01", b"\x01"]],
        ["timedelta", [[True], [0], [0]]],
        ["date", [["2026"], b"\x01", b"\x01"]],
        ["date", [{2026: 1}, b"\x01", b"\x01"]],
        ["timedelta", [[1 << 40], [0], [0]]],
        ["timedelta", [[1.5], [0], [0]]],
        ["datetime", []],
        ["datetime", [None]],
        ["datetime", ["../UTC", [], b"", b"", b"", b"", b"", []]],
        [PLAIN, [1], []],
        [PLAIN, [1], "0"],
        [PLAIN, [1], [True]],
        [PLAIN, [1], [3]],
        [PLAIN, [1], [-1]],
        [PLAIN, [1], [1, 0]],
        [PLAIN, [1], [0, 0]],
        [PLAIN, [1], [1 << 70]],
    ],
    ids=repr,
)
def test_malformed_columns_are_errors(wire: Any) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        unpack_column(wire)


def test_nulls_stand_anywhere() -> None:
    for nulls in ([0], [1], [2], [0, 1], [0, 3], [0, 1, 2, 3]):
        size = 2 + len(nulls)
        values = iter("ab")
        expected = [None if at in nulls else next(values) for at in range(size)]
        if max(nulls) < size:
            assert unpack_column([PLAIN, ["a", "b"], nulls]) == expected
