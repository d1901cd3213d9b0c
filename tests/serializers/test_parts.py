"""What arrives for rows, references and own types, put together from parts that may be anything."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.exceptions import SerializationError
from chunnel.serializers.parts import (
    build_own,
    build_query,
    build_ref,
    build_row,
    build_row_set,
)
from chunnel.values import (
    InstanceRef,
    InstanceRow,
    QuerySetRef,
    Related,
    Relation,
    RowSet,
    TypeTable,
    WireType,
)
from chunnel.values.limits import MAX_RELATED
from chunnel.values.nearest import HookFailed

ROWS = ["m.B", ["pk"], [["", [3]]], []]

TABLE = TypeTable([WireType("c", complex, lambda c: [c.real, c.imag], lambda c: complex(*c))])


def test_parts_become_what_they_were() -> None:
    assert build_own(["c", [1, 2]], TABLE) == 1 + 2j
    assert build_ref(["m.A", 1], None) == InstanceRef("m.A", 1)
    row = InstanceRow("m.A", 1, ("a",), (2,), None, ("f",))
    assert build_row(["m.A", 1, ["a"], [2], None, ["f"]], None) == row
    assert build_row_set([None, ["a"], [["", [1]]], []], None) == RowSet(None, ("a",), ([1],))
    assert build_row_set([None, [], [], ["f"]], None) == RowSet(None, (), (), ("f",))


def test_relations_and_related_rows() -> None:
    relation = ["b", "m.B", True]
    row = InstanceRow("m.A", 1, (), (), None, (), (Relation("b", "m.B", True),))
    assert build_row(["m.A", 1, [], [], None, [], [relation]], None) == row
    rows = build_row_set(
        [
            "m.A",
            ["pk"],
            [["", [1, 2]]],
            [],
            [relation],
            [["b", True, False, ["m.B", ["pk"], [["", [3]]], ["f"]], [[1, 2], [0, 0, 0]]]],
        ],
        None,
    )
    assert rows == RowSet(
        "m.A",
        ("pk",),
        ([1, 2],),
        (),
        (Relation("b", "m.B", True),),
        (Related("b", True, False, RowSet("m.B", ("pk",), ([3],), ("f",)), [[0], [0, 0]]),),
    )
    assert build_query(["m.A"], None) == QuerySetRef("m.A")


def test_deferred_columns() -> None:
    row = InstanceRow("m.A", 1, (), (), None, (), (), ("a", "b"))
    assert build_row(["m.A", 1, [], [], None, [], [], ["a", "b"]], None) == row
    rows = RowSet("m.A", ("pk",), ([1],), (), (), (), ("a",))
    assert build_row_set(["m.A", ["pk"], [["", [1]]], [], [], [], ["a"]], None) == rows


def nested(levels: int) -> list[Any]:
    """Return a row set with so many others, each within the one before."""
    content: list[Any] = ["m", ["pk"], [["", [1]]], []]
    for _ in range(levels):
        content = [
            "m",
            ["pk"],
            [["", [1]]],
            [],
            [],
            [["b", False, False, content, [0]]],
        ]
    return content


def test_related_rows_are_only_so_deep() -> None:
    found = build_row_set(nested(MAX_RELATED), None)
    depth = 0
    while found.related:
        found, depth = found.related[0].rows, depth + 1
    assert depth == MAX_RELATED
    with pytest.raises(SerializationError, match=f"more than {MAX_RELATED} deep"):
        build_row_set(nested(MAX_RELATED + 1), None)
    with pytest.raises(SerializationError, match="deep"):
        build_row_set(nested(500), None)


def test_only_the_outermost_row_set_is_lifted() -> None:
    """Its owner knows what the ones within are."""
    seen: list[RowSet] = []
    build_row_set(nested(2), seen.append)
    assert [len(each.related) for each in seen] == [1]


def test_lift_has_the_last_word() -> None:
    assert build_ref(["m.A", 1], lambda ref: ref.pk) == 1
    assert build_query(["m.A"], lambda ref: ref.model) == "m.A"
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
        ["m", 1, [], [], None, [], None],
        ["m", 1, [], [], None, [], [["b", "m.B"]]],
        ["m", 1, [], [], None, [], [[1, "m.B", True]]],
        ["m", 1, [], [], None, [], [["b", 1, True]]],
        ["m", 1, [], [], None, [], [["b", "m.B", 1]]],
        ["m", 1, [], [], None, [], [], None],
        ["m", 1, [], [], None, [], [], [1]],
        ["m", 1, [], [], None, [], [], [], []],
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
        ["m", [], [], [], []],
        ["m", [], [], [], [], [], [], []],
        ["m", [], [], [], [], [], None],
        ["m", [], [], [], [], [], [1]],
        ["m", [], [], [], [], None],
        ["m", [], [], [], None, []],
        ["m", [], [], [], [["b"]], []],
        ["m", [], [], [], [["b", "m.B", True, 1]], []],
        ["m", [], [], [], [["b", "m.B", True, "a", "c"]], []],
        ["m", [], [], [], [], [[]]],
        ["m", [], [], [], [], [["b", False, False, ROWS]]],
        ["m", [], [], [], [], [[1, False, False, ROWS, []]]],
        ["m", [], [], [], [], [["b", 0, False, ROWS, []]]],
        ["m", [], [], [], [], [["b", False, 0, ROWS, []]]],
        ["m", [], [], [], [], [["b", False, False, None, []]]],
        ["m", [], [], [], [], [["b", False, False, ["m"], []]]],
        ["m", [], [], [], [], [["b", False, False, RowSet("m", (), ()), []]]],
        ["m", [], [], [], [], [["b", False, False, ROWS, [0]]]],
        ["m", [], [], [], [], [["b", False, False, ROWS, []], ["b", False, False, ROWS, []]]],
        ["m", ["pk"], [["", [1]]], [], [], [["b", False, False, ROWS, [1]]]],
        ["m", ["pk"], [["", [1]]], [], [], [["b", True, False, ROWS, [0]]]],
    ],
)
def test_malformed_row_sets_are_refused(content: Any) -> None:
    with pytest.raises((SerializationError, ValueError)):
        build_row_set(content, None)


@pytest.mark.parametrize("content", [None, "m", [], [1], ["m", 1]])
def test_malformed_queries_are_refused(content: Any) -> None:
    with pytest.raises(SerializationError):
        build_query(content, None)
