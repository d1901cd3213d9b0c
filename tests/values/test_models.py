"""The values that stand for model things."""

from __future__ import annotations

import pytest

from chunnel.values import RowSet


def test_columns_are_read_as_rows() -> None:
    assert RowSet(None, ("a", "b"), ([1, 2], ["x", "y"])).rows() == [(1, "x"), (2, "y")]
    assert RowSet(None, (), ()).rows() == []


def test_columns_of_unequal_length_are_no_rows() -> None:
    with pytest.raises(ValueError, match="zip"):
        RowSet(None, ("a", "b"), ([1], [])).rows()
