"""How deep a value nests."""

from __future__ import annotations

from collections import defaultdict, namedtuple
from typing import Any

import pytest

from chunnel.exceptions import SerializationError
from chunnel.values import InstanceRow
from chunnel.values.depth import check_depth, is_too_deep
from chunnel.values.limits import MAX_DEPTH

Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: [value],
        lambda value: (1, value),
        lambda value: {"k": value, "l": []},
        lambda value: defaultdict(list, k=value),
        lambda value: Pair(value, 1),
        lambda value: [[], value, "text"],
    ],
)
def test_containers_count_one_each(wrap: Any) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 1):
        value = wrap(value)
    assert not is_too_deep(wrap(value) if "[]" not in str(value) else value)
    assert is_too_deep(wrap(wrap(value)))


def test_keys_count_where_asked() -> None:
    key: Any = 1
    for _ in range(MAX_DEPTH):
        key = (key,)
    assert is_too_deep({key: 1})
    assert not is_too_deep({key: 1}, keys=False)


def test_rows_are_counted_anew() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert is_too_deep([value])
    assert not is_too_deep([InstanceRow("m", 1, ("a",), (value,))])


def test_what_contains_itself_is_too_deep() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(SerializationError, match=str(MAX_DEPTH)):
        check_depth(loop)


def test_a_flat_value_is_no_matter_of_recursion() -> None:
    check_depth([1] * 100_000)
    check_depth("text")
