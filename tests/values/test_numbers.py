"""Integers and decimals within their limits."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from chunnel.values.limits import MAX_DECIMAL_DIGITS, MAX_DECIMAL_EXPONENT, MAX_INT_BYTES
from chunnel.values.numbers import check_int, decimal_from_text, decimal_to_text


@pytest.mark.parametrize(
    "text", ["0", "-0", "0E-10", "1.10", "1E+5", "NaN", "sNaN", "-NaN12", "Infinity", "-Infinity"]
)
def test_a_decimal_keeps_its_text(text: str) -> None:
    assert decimal_to_text(decimal_from_text(text)) == text


def test_decimals_within_the_limits_travel() -> None:
    for value in (
        Decimal((0, (9,) * MAX_DECIMAL_DIGITS, 0)),
        Decimal(f"1E+{MAX_DECIMAL_EXPONENT}"),
        Decimal(f"1E-{MAX_DECIMAL_EXPONENT}"),
    ):
        assert decimal_from_text(decimal_to_text(value)).as_tuple() == value.as_tuple()


@pytest.mark.parametrize(
    "text",
    [
        "9" * (MAX_DECIMAL_DIGITS + 1),
        f"1E+{MAX_DECIMAL_EXPONENT + 1}",
        f"1E-{MAX_DECIMAL_EXPONENT + 1}",
        "1e999999999999",
        f"0E-{MAX_DECIMAL_EXPONENT + 1}",
        f"NaN{'1' * (MAX_DECIMAL_DIGITS + 1)}",
    ],
    ids=lambda text: text[:20],
)
def test_decimals_over_the_limits_are_refused_both_ways(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        decimal_from_text(text)
    with pytest.raises(ValueError, match="decimal"):
        decimal_to_text(Decimal(text))


@pytest.mark.parametrize("text", ["", "one", "1E+99999999999999999999", "1 2", None, 1, b"1"])
def test_what_is_no_decimal_is_refused_in_any_context(text: object) -> None:
    with localcontext() as context:
        context.clear_traps()
        with pytest.raises(ValueError, match="decimal"):
            decimal_from_text(text)


def test_integers_are_held_to_their_limit() -> None:
    largest = (1 << MAX_INT_BYTES * 8) - 1
    assert check_int(largest) == largest
    assert check_int(-largest) == -largest
    for value in (largest + 1, -largest - 1):
        with pytest.raises(ValueError, match="integer"):
            check_int(value)
