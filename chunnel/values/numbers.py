"""Integers and decimals within their limits, as they travel.

Integers outside 64 bits travel in powers of two (bytes, hexadecimal digits), never as decimal
digits: that conversion is linear. Decimals travel as the text that ``str`` gives, which keeps the
exponent, the sign of zero and the payload of a NaN.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, InvalidOperation

from .limits import MAX_DECIMAL_DIGITS, MAX_DECIMAL_EXPONENT, MAX_INT_BYTES

MIN_WIRE_INT = -(1 << 63)
MAX_WIRE_INT = (1 << 64) - 1

# The constructor asks a context what to do about nonsense; the caller's own might say: give NaN.
DECIMAL_CONTEXT = Context(traps=[InvalidOperation])

# Text this short with no exponent in it surely keeps the limits, and most does.
_SURELY_SMALL = 64


def check_int(value: int) -> int:
    """Return ``value``; raise ValueError if it is over the limit."""
    if value.bit_length() > MAX_INT_BYTES * 8:
        raise ValueError(f"an integer of more than {MAX_INT_BYTES} bytes")
    return value


def decimal_to_text(value: Decimal) -> str:
    """Return ``value`` as text; raise ValueError if it is over the limits."""
    text = str(value)
    if len(text) > _SURELY_SMALL or "E" in text:
        _check_decimal(value)
    return text


def decimal_from_text(text: object) -> Decimal:
    """Return the decimal that travels as ``text``; raise ValueError if it is none."""
    if type(text) is not str:
        raise ValueError("a decimal is not a text")
    if len(text) > 2 * MAX_DECIMAL_DIGITS:
        raise ValueError(f"a decimal of more than {MAX_DECIMAL_DIGITS} digits")
    try:
        value = Decimal(text, DECIMAL_CONTEXT)
    except DecimalException as error:
        raise ValueError(f"{text[:40]!r} is not a decimal") from error
    if len(text) > _SURELY_SMALL or "E" in text or "e" in text:
        _check_decimal(value)
    return value


def _check_decimal(value: Decimal) -> None:
    _sign, digits, exponent = value.as_tuple()
    if len(digits) > MAX_DECIMAL_DIGITS:
        raise ValueError(f"a decimal of more than {MAX_DECIMAL_DIGITS} digits")
    if isinstance(exponent, int) and (
        abs(exponent) > MAX_DECIMAL_EXPONENT or abs(value.adjusted()) > MAX_DECIMAL_EXPONENT
    ):
        raise ValueError(f"a decimal with an exponent beyond {MAX_DECIMAL_EXPONENT}")
