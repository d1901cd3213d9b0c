"""A type of a project's own that travels: an amount with its currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from chunnel import WireType


class Money(NamedTuple):
    amount: Decimal
    currency: str


def encode(money: Money) -> list[Any]:
    return [money.amount, money.currency]


def decode(content: Any) -> Money:
    amount, currency = content
    if not isinstance(amount, Decimal) or currency not in {"EUR", "CHF"}:
        raise ValueError("not an amount of money")
    return Money(amount, currency)


money = WireType("money", Money, encode, decode)
