"""Counting calls."""

from __future__ import annotations

import pytest

from chunnel import remote
from chunnel.test import assertNumRPCs, override_remote, record_calls

economy = remote.economy


def test_right_number() -> None:
    """Nothing is raised, and the calls can be looked at."""
    with override_remote("economy", {"money.one": 1}), assertNumRPCs(2) as calls:
        economy.money.one()
        economy.money.one(2, x=3)
    assert [str(call) for call in calls] == ["economy.money.one()", "economy.money.one(2, x=3)"]


def test_wrong_number_lists_the_calls() -> None:
    """The message says what was called, and how, in bounded length."""
    with override_remote("economy", {"money.one": 1}):
        with pytest.raises(AssertionError) as caught, assertNumRPCs(1):
            economy.money.one()
            economy.money.one("x" * 1_000)
    lines = str(caught.value).splitlines()
    assert lines[0] == "1 call expected, 2 made:"
    assert lines[1] == "1. economy.money.one()"
    assert lines[2].startswith("2. economy.money.one('xxx")
    assert len(lines[2]) < 200


def test_none_made() -> None:
    """Also no call at all can be wrong."""
    with pytest.raises(AssertionError, match=r"2 calls expected, 0 made\."), assertNumRPCs(2):
        pass


def test_an_error_in_the_block_is_not_hidden() -> None:
    """The block's own error is what the test shows."""
    with pytest.raises(ZeroDivisionError), assertNumRPCs(2):
        1 / 0


def test_nested() -> None:
    """Each counts for itself."""
    with override_remote("economy", {"money.one": 1}), record_calls() as outer:
        economy.money.one()
        with assertNumRPCs(1):
            economy.money.one()
    assert len(outer) == 2
