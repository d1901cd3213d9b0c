"""What arrives for rows, references and own types, put together from parts that may be anything."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.exceptions import SerializationError
from chunnel.serializers.parts import build_own, build_ref, build_row, build_row_set
from chunnel.values import InstanceRef, InstanceRow, RowSet, TypeTable, WireType
from chunnel.values.nearest import HookFailed

TABLE = TypeTable([WireType("c", complex, lambda c: [c.real, c.imag], lambda c: complex(*c))])


def test_parts_become_what_they_were() -> None:
    assert build_own(["c", [1, 2]], TABLE) == 1 + 2j
    assert build_ref(["m.A", 1], None) == InstanceRef("m.A", 1)
    row = InstanceRow("m.A", 1, ("a",), (2,), None, ("f",))
    assert build_row(["m.A", 1, ["a"], [2], None, ["f"]], None) == row
    assert build_row_set([None, ["a"], [["", [1]]], []], None) == RowSet(None, ("a",), ([1],))
    assert build_row_set([None, [], [], ["f"]], None) == RowSet(None, (), (), ("f",))


def test_lift_has_the_last_word() -> None:
    assert build_ref(["m.A", 1], lambda ref: ref.pk) == 1
    with pytest.raises(HookFailed):
        build_ref(["m.A", 1], lambda ref: ref.missing)


@pytest.mark.parametrize("content", [None, "text", [], ["c"], ["x", 1], [["c"], 1], ["c", 1, 2]])
def test_malformed_own_values_are_refused(content: Any) -> None:
    with pytest.raises(SerializationError):
        build_own(content, TABLE)


@pytest.mark.parametrize(
    "content",
    [
        ("m", 1, [], [], None, []),
        ["m", 1, [], [], None],
        [1, 1, [], [], None, []],
        ["m", 1, ["a"], [], None, []],
        ["m", 1, ("a",), (1,), None, []],
        ["m", 1, [b"a"], [1], None, []],
        ["m", 1, [], [], 5, []],
        ["m", 1, [], [], None, None],
        ["m", 1, [], [], None, "f"],
        ["m", 1, [], [], None, [1]],
    ],
)
def test_malformed_rows_are_refused(content: Any) -> None:
    with pytest.raises(SerializationError):
        build_row(content, None)


@pytest.mark.parametrize(
    "content",
    [
        ["m", [], []],
        [1, [], [], []],
        ["m", ["a"], [], []],
        ["m", ["a", "b"], [["", [1]], ["", []]], []],
        ["m", "a", ["x"], []],
        ["m", [], [], [1]],
        ["m", [], [], ("f",)],
    ],
)
def test_malformed_row_sets_are_refused(content: Any) -> None:
    with pytest.raises(SerializationError):
        build_row_set(content, None)
