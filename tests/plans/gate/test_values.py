"""Plain values in conditions and expressions."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest

from chunnel.plans import Annotate, Call, FieldType, Filter, Leaf, Literal, Of
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
    ],
)
def test_plain_ones(value: Any) -> None:
    assert allowed(Filter(Leaf("uid", value)))
    assert allowed(Annotate((("x", Literal(value)),)))


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, object(), [[1]], [(1,)], {(1,)}, [{}], 1j, range(3)],
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


BRANCH, ACCOUNT = InstanceRef("bank.Branch", 5), InstanceRef("bank.Account", 5)


@pytest.mark.parametrize("key", ["branch", "branch__exact", "branch_id", "branch_id__exact"])
def test_instances_where_rows_of_their_model_are_compared(key: str) -> None:
    assert allowed(Filter(Leaf(key, BRANCH)))
    assert allowed(Filter(Leaf(key, [BRANCH, 7, None])))


@pytest.mark.parametrize(
    "step",
    [
        *(
            Filter(Leaf(key, value))
            for key in (
                "uid",
                "uid__in",
                "pk",
                "pk__in",
                "owner__icontains",
                "branch__city",
                "data",
            )
            for value in (ACCOUNT, BRANCH, [BRANCH])
        ),
        Filter(Leaf("branch", ACCOUNT)),
        Filter(Leaf("branch", [BRANCH, ACCOUNT])),
        Filter(Leaf("data", {"a": [BRANCH]})),
        Of("bank.Branch", BRANCH, "accounts"),
        Filter(Leaf("branch", InstanceRef("bank.Branch", BRANCH))),
        Annotate((("x", Literal(BRANCH)),)),
        Annotate((("x", Literal(BRANCH, FieldType("CharField"))),)),
        Annotate((("x", Call("Lower", (Literal(BRANCH),))),)),
    ],
)
def test_instances_elsewhere(step: Any) -> None:
    """Django would write them out as their text."""
    assert "an instance of 'bank." in refusal(step)


def test_the_key_of_an_instance() -> None:
    for key, name in ((10**120, "(QUERY_DIGITS)"), ([1], "cannot hold a value of type list")):
        assert name in refusal(Filter(Leaf("branch", InstanceRef("bank.Branch", key))))


def test_texts_in_expressions_count_together() -> None:
    """Every row carries them."""
    half = Literal("x" * 2048)
    assert allowed(Annotate((("x", half), ("y", half))))
    assert "(QUERY_STRING)" in refusal(Annotate((("x", half), ("y", half), ("z", half))))
