"""Where related rows stand, as it travels."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.values import Related, RowSet
from chunnel.values.related import pack_places, unpack_places

ROWS = RowSet("m.B", ("pk",), ([1, 2, 3],))


@pytest.mark.parametrize(
    ("many", "places", "wire"),
    [
        (False, [2, None, 0], [2, None, 0]),
        (False, [], []),
        (True, [[0, 1], [], [1]], [[2, 0, 1], [0, 1, 1]]),
        (True, [], [[], []]),
        (True, [[]], [[0], []]),
    ],
)
def test_there_and_back(many: bool, places: list[Any], wire: list[Any]) -> None:
    related = Related("r", many, False, ROWS, places)
    assert pack_places(related) == wire
    assert unpack_places(wire, many, len(places), 3) == places


def test_places_may_be_of_any_sequences() -> None:
    assert pack_places(Related("r", False, False, ROWS, (2, None))) == [2, None]
    assert pack_places(Related("r", True, False, ROWS, ((0, 1), range(2)))) == [
        [2, 2],
        [0, 1, 0, 1],
    ]


@pytest.mark.parametrize(
    ("many", "wire", "problem"),
    [
        (False, None, "not a list"),
        (False, (1, 2), "not a list"),
        (False, [1], "a place for each row"),
        (False, [1, 2, 0], "a place for each row"),
        (False, [1, 3], "not there"),
        (False, [-1, 1], "not there"),
        (False, [1, 1 << 80], "not there"),
        (False, [True, 1], "no integer"),
        (False, [1.0, 1], "no integer"),
        (False, [[1], 1], "no integer"),
        (True, "ab", "not a list"),
        (True, [[1, 1]], "counts and places"),
        (True, [[1, 1], [0, 1], []], "counts and places"),
        (True, [[1, 1], b"ab"], "counts and places"),
        (True, [[1], [0]], "as many as"),
        (True, [[1, 1, 1], [0, 1, 2]], "as many as"),
        (True, [[1, 2], [0, 1]], "as many as"),
        (True, [[2, 1], [0, 1]], "as many as"),
        (True, [[-1, 3], [0, 1]], "as many as"),
        (True, [[1 << 60, 1], [0, 1]], "as many as"),
        (True, [[1, 1], [0, 3]], "not there"),
        (True, [[1, 1], [0, -1]], "not there"),
        (True, [[1, 1], [0, None]], "no integer"),
        (True, [[1, None], [0]], "no integer"),
        (True, [[True, 1], [0, 1]], "no integer"),
    ],
)
def test_what_leads_nowhere_is_refused(many: bool, wire: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        unpack_places(wire, many, 2, 3)
