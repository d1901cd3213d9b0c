"""Plain values: of a closed set of types, and of bounded size.

What is compared with a value is the database's to understand; what a value costs is ours to bound.

An instance stands only where rows of its own model are compared, since Django writes any other out
as its text, and nobody said that the text may be read.
"""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any, NoReturn

from ...exceptions import QueryRefused
from ...values import InstanceRef
from .bill import Bill

_PLAIN = {
    type(None),
    bool,
    float,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
}
_LISTS = {list, tuple, set, frozenset}


def check_value(
    bill: Bill, place: str, value: Any, *, inside: bool = False, model: str | None = None
) -> None:
    """Raise QueryRefused unless ``value`` may stand at ``place`` ("'uid'").

    ``inside``: it is an item of a list or the key of an instance, which hold no lists. ``model``:
    whose instances may stand there.
    """
    kind = type(value)
    if kind in _PLAIN:
        return
    limits = bill.limits
    if kind is str or kind is bytes:
        if len(value) > limits.query_string:
            bill.over(f"a value for {place} is longer", limits.query_string, "QUERY_STRING")
    elif kind is int:
        # A bit is worth 0.3 digits; comparing bits avoids writing the number out.
        if value.bit_length() > limits.query_digits * 10 // 3:
            bill.over(f"a value for {place} has more digits", limits.query_digits, "QUERY_DIGITS")
    elif kind is Decimal:
        _check_decimal(bill, place, value)
    elif kind is InstanceRef:
        if value.model != model:
            _refuse_instance(bill, place, value.model, model)
        check_value(bill, place, value.pk, inside=True)
    elif kind in _LISTS and not inside:
        if len(value) > limits.query_list:
            bill.over(f"the list for {place} is longer", limits.query_list, "QUERY_LIST")
        for item in value:
            check_value(bill, place, item, inside=True, model=model)
    else:
        raise QueryRefused(
            f"{bill.model}: a condition on {place} cannot hold a value of type {kind.__name__}."
        )


def check_document(bill: Bill, place: str, document: Any) -> None:
    """Raise QueryRefused unless ``document`` may be compared with a column of JSON."""
    waiting = [(document, 0)]
    items = 0
    while waiting:
        value, depth = waiting.pop()
        kind = type(value)
        if kind is not dict and kind not in _LISTS:
            check_value(bill, place, value, inside=True)
            continue
        bill.check_depth(depth)
        held = [*value, *value.values()] if kind is dict else list(value)
        items += len(held)
        if items > bill.limits.query_list:
            bill.over(f"the document for {place} holds more", bill.limits.query_list, "QUERY_LIST")
        waiting += [(each, depth + 1) for each in held]


def _refuse_instance(bill: Bill, place: str, given: str, model: str | None) -> NoReturn:
    wanted = "none" if model is None else f"one of {model}"
    raise QueryRefused(
        f"{bill.model}: an instance of {bill.quoted(given)} cannot stand for {place}, which takes "
        f"{wanted}; give the value, or the instance's key."
    )


def _check_decimal(bill: Bill, place: str, value: Decimal) -> None:
    if not value.is_finite():
        raise QueryRefused(f"{bill.model}: {value} for {place} is not a number to compare with.")
    most = bill.limits.query_digits
    if max(abs(value.adjusted()), len(value.as_tuple().digits)) > most:
        bill.over(f"a value for {place} has more digits", most, "QUERY_DIGITS")
