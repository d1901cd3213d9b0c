"""Plain values in conditions and expressions."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest

from chunnel.plans import Annotate, Filter, Leaf, Literal
from chunnel.values import InstanceRef

from .asking import allowed, refusal


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        5,
        -(2**64),
        1.5,
        float("nan"),
        "x",
        b"x",
        Decimal("1.5"),
        datetime.datetime(2026, 1, 1),
        datetime.date(2026, 1, 1),
        datetime.time(1),
        datetime.timedelta(1),
        uuid.UUID(int=1),
        [1, 2],
        (1, 2),
        {1},
        frozenset({1}),
        InstanceRef("bank.Branch", 5),
        [InstanceRef("bank.Branch", 5)],
    ],
)
def test_plain_ones(value: Any) -> None:
    assert allowed(Filter(Leaf("uid", value)))
    assert allowed(Annotate((("x", Literal(value)),)))


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, object(), [[1]], [(1,)], {(1,)}, [{}], InstanceRef("a.B", [1]), 1j, range(3)],
)
def test_others(value: Any) -> None:
    assert "cannot hold a value of type" in refusal(Filter(Leaf("uid", value)))
    assert "cannot hold a value of type" in refusal(Annotate((("x", Literal(value)),)))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("x" * 4097, "QUERY_STRING"),
        (b"x" * 4097, "QUERY_STRING"),
        (["x" * 4097], "QUERY_STRING"),
        (list(range(1001)), "QUERY_LIST"),
        (set(range(1001)), "QUERY_LIST"),
        (10**120, "QUERY_DIGITS"),
        ([10**120], "QUERY_DIGITS"),
        (InstanceRef("bank.Branch", 10**120), "QUERY_DIGITS"),
        (Decimal("1e1000000"), "QUERY_DIGITS"),
        (Decimal("1e-1000000"), "QUERY_DIGITS"),
        (Decimal("1" * 101), "QUERY_DIGITS"),
    ],
)
def test_large_ones(value: Any, name: str) -> None:
    """Each refusal names its setting."""
    assert f"({name})" in refusal(Filter(Leaf("uid__in", value)))
    assert f"({name})" in refusal(Annotate((("x", Literal(value)),)))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "sNaN"])
def test_numbers_that_are_none(value: str) -> None:
    assert "not a number" in refusal(Filter(Leaf("uid", Decimal(value))))


class TestDocuments:
    """What a JSON column is compared with."""

    @pytest.mark.parametrize("document", [{"a": [1, {"b": None}]}, [{}], [[1]], {}, "x", None])
    def test_of_any_shape(self, document: Any) -> None:
        for key in ("data", "data__exact", "data__contains", "data__lang"):
            assert allowed(Filter(Leaf(key, document)))

    def test_of_other_types(self) -> None:
        assert "type object" in refusal(Filter(Leaf("data", {"a": object()})))

    def test_large_ones(self) -> None:
        deep: Any = []
        for _ in range(13):
            deep = [deep]
        for document, name in (
            (list(range(1001)), "QUERY_LIST"),
            ({"a": [0] * 500, "b": [0] * 500}, "QUERY_LIST"),
            ({"x" * 4097: 1}, "QUERY_STRING"),
            ({"a": "x" * 4097}, "QUERY_STRING"),
            (deep, "QUERY_DEPTH"),
        ):
            assert f"({name})" in refusal(Filter(Leaf("data__contains", document)))
