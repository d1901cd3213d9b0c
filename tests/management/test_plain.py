from __future__ import annotations

import datetime as dt
import inspect
import json
from collections import namedtuple
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from chunnel import remote
from chunnel.client.models import make_instance
from chunnel.client.querysets import RemoteQuerySet
from chunnel.client.signature import ANYTHING
from chunnel.management.plain import read_arguments, split_arguments, to_json


class Colour(Enum):
    """Stands for a type of a project's own."""

    RED = 1

    def __str__(self) -> str:
        return "red"


BERLIN = ZoneInfo("Europe/Berlin")
WHEN = dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)

VALUES = [
    (None, None),
    (True, True),
    ("é\u2028", "é\u2028"),
    (-7, -7),
    (10**30, 10**30),
    (1 << 20_000, hex(1 << 20_000)),
    (1.5, 1.5),
    (-0.0, -0.0),
    (float("nan"), "NaN"),
    (float("inf"), "Infinity"),
    (float("-inf"), "-Infinity"),
    (b"\xff", "/w=="),
    (Decimal("1.50"), "1.50"),
    (Decimal("sNaN"), "sNaN"),
    (Decimal("-Infinity"), "-Infinity"),
    (WHEN, "2026-10-25T02:30:00+01:00"),
    (dt.date(2026, 1, 2), "2026-01-02"),
    (dt.time(1, 2, 3), "01:02:03"),
    (dt.timedelta(seconds=90), "0:01:30"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ([1, [2.0]], [1, [2.0]]),
    ((1, (float("nan"),)), [1, ["NaN"]]),
    (namedtuple("Row", "a b")(1, 2), [1, 2]),
    ({3}, [3]),
    (frozenset({b"x"}), ["eA=="]),
    ({1: (2, {3}), None: 4, "k": 5}, {"1": [2, [3]], "null": 4, "k": 5}),
    ({(1, "a"): 2, dt.date(2026, 1, 2): 3}, {'[1, "a"]': 2, "2026-01-02": 3}),
    ({float("nan"): float("nan")}, {"NaN": "NaN"}),
    (Colour.RED, "red"),
]


def refuse(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize(
    ("value", "plain"), VALUES, ids=[type(value).__name__ for value, _ in VALUES]
)
def test_every_value_is_valid_json(value: Any, plain: Any) -> None:
    """What JSON lacks becomes text; nothing is printed that only Python reads."""
    assert json.loads(to_json(value), parse_constant=refuse) == plain
    assert json.loads(to_json(value, indent=2), parse_constant=refuse) == plain


def test_remote_instances_are_objects_of_their_fields() -> None:
    """Nothing is asked of anybody: nobody serves here. An edit is shown as it is."""
    account = make_instance(
        remote.economy.bank.Account, 3, ("uid", "balance", "branch_id"), (7, Decimal("1.10"), 2)
    )
    plain = {"pk": 3, "uid": 7, "balance": "1.10", "branch_id": 2}
    assert json.loads(to_json(account)) == plain
    assert json.loads(to_json({"of": [account]})) == {"of": [plain]}
    empty = make_instance(remote.economy.bank.Account, UUID(int=1), (), ())
    assert json.loads(to_json(empty)) == {"pk": "00000000-0000-0000-0000-000000000001"}
    queryset = RemoteQuerySet.evaluated(remote.economy.bank.Account, [account])
    assert json.loads(to_json(queryset)) == [plain]


def test_arguments_are_json_or_text() -> None:
    """An equals sign makes a named argument only after a name; NaN is no JSON."""
    texts = ["1", "x", "a=2", "b=x=y", '"c=3"', "1=2", "NaN", "2.50", "[" * 10_000]
    assert read_arguments(*split_arguments(texts), ANYTHING) == (
        [1, "x", "c=3", "1=2", "NaN", 2.5, "[" * 10_000],
        {"a": 2, "b": "x=y"},
    )


def test_an_argument_is_given_once() -> None:
    with pytest.raises(ValueError, match="'a' is given twice"):
        split_arguments(["a=1", "a=2"])


def money(
    uid: int,
    amount: Decimal,
    /,
    rate: float = 1.0,
    *more: Decimal | None,
    mixed: Decimal | int = 0,
    **named: list[Decimal],
) -> None: ...


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2", [1, Decimal(2)]),
        ("1.5 2.50", [1.5, Decimal("2.50")]),
        ("1 2.50 3.5 4.50 5", [1, Decimal("2.50"), 3.5, Decimal("4.50"), Decimal(5)]),
        ("1 2 mixed=2", [1, Decimal(2), ("mixed", 2)]),
        ("1 2 mixed=2.50", [1, Decimal(2), ("mixed", Decimal("2.50"))]),
        ("1 2 rate=2.5", [1, Decimal(2), ("rate", 2.5)]),
        ("1 2 other=[1.10]", [1, Decimal(2), ("other", [Decimal("1.10")])]),
        ("2.50", [2.5]),
        ("1 2.50 uid=1", [1, Decimal("2.50"), ("uid", Decimal(1))]),
    ],
)
def test_numbers_are_decimals_where_the_signature_names_them(text: str, expected: Any) -> None:
    """A number without a fraction stays an int only where an int is welcome too."""
    args, kwargs = read_arguments(*split_arguments(text.split()), inspect.signature(money))
    assert [*args, *kwargs.items()] == expected
    for found, wanted in zip([*args, *kwargs.values()], expected, strict=True):
        assert type(found) is type(wanted[1] if isinstance(wanted, tuple) else wanted)


def test_what_does_not_fit_the_signature_is_left_to_the_server() -> None:
    args, kwargs = read_arguments(["1"], {"rate": "2.5"}, inspect.signature(lambda: None))
    assert (args, kwargs) == ([1], {"rate": 2.5})
