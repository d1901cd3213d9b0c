"""Expressions that Django would have do more than a database does."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.server.expressions import power


@pytest.mark.parametrize(
    ("base", "exponent"),
    [(2, 10), (2, 62), (-1, 63), (1, 63), (0, 0), (2, -1), (2.5, 3), (2, 0.5), (1.0001, 10_000)],
)
def test_powers(base: Any, exponent: Any) -> None:
    found = power(base, exponent)
    assert found == base**exponent
    assert type(found) is type(base**exponent)


def test_powers_of_nothing() -> None:
    assert power(None, 1) is None
    assert power(1, None) is None


@pytest.mark.parametrize("base", [2, 9, -9, 2**62, 10**18])
def test_powers_beyond_any_number(base: int) -> None:
    """A whole number of so many digits would take hours, in Python, where nothing interrupts it."""
    with pytest.raises(OverflowError):
        power(base, 2**62)


@pytest.mark.parametrize("base", [0, 1, -1])
def test_powers_that_stay_small(base: int) -> None:
    assert power(base, 10**9 + 1) == base
