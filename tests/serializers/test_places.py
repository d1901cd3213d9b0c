"""Where the culprit sits, as the slow walk finds it."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.exceptions import SerializationError
from chunnel.serializers.places import explain
from chunnel.values import InstanceRef, InstanceRow, Related, RowSet, TypeTable, WireType
from chunnel.values.nearest import HookFailed

CAUSE = ValueError("the format's own words")


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError

    def __hash__(self) -> int:
        return 1


def path_in(value: Any, *types: WireType, lower: Any = None) -> str:
    return explain(CAUSE, value, TypeTable(types), lower, ("value",)).path


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {1j}}, "value['a']{1j}"),
        ({1j: 1}, "value key 1j"),
        ({1: 1j}, "value[1]"),
        ({"x" * 100: 1j}, f"value['{'x' * 56}...]"),
        ({Unspeakable(): 1}, "value key <Unspeakable>"),
        (InstanceRow("m", 1j, (), ()), "value.pk"),
        (InstanceRow("m", 1, ("data",), ([{"a": 1j}],)), "value.data[0]['a']"),
        (
            RowSet(
                "m",
                ("pk",),
                ([1],),
                related=(Related("b", False, False, RowSet("m.B", ("x",), ([1, 1j],)), [1]),),
            ),
            "value.b[1].x",
        ),
    ],
)
def test_paths_read_like_python(value: Any, path: str) -> None:
    assert path_in(value) == path


@pytest.mark.parametrize(
    "harmless",
    [
        InstanceRef("m", 1),
        InstanceRow("m", 1, ("a", "b"), (1, [2])),
        RowSet("m", ("pk", "a"), ([1, 2], ["x", "y"])),
        frozenset({1, "x"}),
        memoryview(b"abcd"),
        "text",
    ],
)
def test_what_can_travel_is_passed_by(harmless: Any) -> None:
    assert path_in([harmless, [harmless, 1j]]) == "value[1][1]"


def test_an_own_type_that_can_travel_is_passed_by() -> None:
    box = WireType("box", Unspeakable, lambda box: [1], lambda content: Unspeakable())
    assert path_in([Unspeakable(), 1j], box) == "value[1]"


def test_parts_of_an_own_type_read_as_attributes_where_they_can() -> None:
    class Box:
        def __init__(self, content: Any):
            self.content = content

    box = WireType("box", Box, lambda box: box.content, Box)
    assert path_in([Box({"x": 1j})], box) == "value[0].x"
    assert path_in([Box({"not a name": 1j})], box) == "value[0]['not a name']"
    assert path_in([Box([0, {"x": 1j}])], box) == "value[0][1]['x']"
    assert path_in([Box(Box({"x": 1j}))], box) == "value[0].x"


def test_long_paths_are_shortened_in_the_middle() -> None:
    loop: list[Any] = []
    loop.append(loop)
    value: Any = loop
    for _ in range(80):
        value = [value]
    path = path_in(value)
    assert path.startswith("value[0][0]")
    assert "..." in path
    assert len(path) < 120


def test_what_the_walk_finds_nothing_wrong_with_keeps_its_error() -> None:
    found = explain(CAUSE, [1, {"a": (2.5, b"")}], TypeTable(), None, ("value",))
    assert str(found) == "value: the format's own words"
    assert found.__cause__ is CAUSE
    several = explain(SerializationError("x"), [[], {}], TypeTable(), None, ("args", "kwargs"))
    assert str(several) == "x"


def test_a_stack_nearly_used_up_is_said() -> None:
    def dive(value: Any) -> SerializationError:
        try:
            return dive(value)
        except RecursionError:
            return explain(CAUSE, value, TypeTable(), None, ("value",))

    value: Any = 1j
    for _ in range(90):
        value = [value]
    assert dive(value).path.startswith("value")


def test_what_lower_raises_goes_through() -> None:
    def lower(value: Any) -> Any:
        raise KeyError(value)

    with pytest.raises(HookFailed):
        path_in([1j], lower=lower)


def test_memoryviews_with_gaps_cannot_travel() -> None:
    assert path_in([memoryview(b"abcd")[::2]]) == "value[0]"
