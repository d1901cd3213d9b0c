"""One step towards a value that serializers know."""

from __future__ import annotations

import datetime as dt
import enum
import threading
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils.functional import lazystr

from chunnel.exceptions import SerializationError
from chunnel.values import TypeTable, WireType
from chunnel.values.nearest import HookFailed, Own, nearer

NO_TYPES = TypeTable()


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize(
    ("base", "value"),
    [
        (str, "a"),
        (int, 1),
        (float, 1.5),
        (bytes, b"a"),
        (list, [1]),
        (dict, {1: 2}),
        (Decimal, Decimal("1.50")),
        (dt.date, dt.date(2026, 1, 2)),
        (dt.datetime, dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC, fold=1)),
        (dt.time, dt.time(1, 2, 3, 4, dt.UTC, fold=1)),
        (dt.timedelta, dt.timedelta(1, 2, 3)),
        (UUID, UUID(int=5)),
    ],
    ids=repr,
)
def test_an_instance_of_a_subclass_becomes_one_of_the_base(base: Any, value: Any) -> None:
    derived = type("Derived", (base,), {})
    made = {
        UUID: lambda: derived(int=5),
        dt.datetime: lambda: derived(2026, 1, 2, 3, 4, 5, 6, dt.UTC, fold=1),
        dt.date: lambda: derived.fromordinal(value.toordinal()),
        dt.time: lambda: derived(1, 2, 3, 4, dt.UTC, fold=1),
        dt.timedelta: lambda: derived(1, 2, 3),
    }.get(base, lambda: derived(value))()
    assert type(made) is derived
    found = nearer(made, NO_TYPES, None)
    assert type(found) is base
    assert found == value
    assert getattr(found, "fold", 0) == getattr(value, "fold", 0)


def test_members_and_lazy_strings_step_to_what_they_stand_for() -> None:
    assert nearer(enum.Enum("Side", {"LEFT": (1,)}).LEFT, NO_TYPES, None) == (1,)
    assert nearer(lazystr("a"), NO_TYPES, None) == "a"


def test_an_own_type_comes_first() -> None:
    table = TypeTable([WireType("name", Name, lambda name: [len(name)], Name)])
    assert nearer(Name("abc"), table, None) == Own("name", [3])


def test_lower_is_last() -> None:
    assert nearer(1j, NO_TYPES, lambda value: value.imag) == 1.0


def test_without_lower_the_type_is_named() -> None:
    with pytest.raises(SerializationError, match="type complex cannot travel"):
        nearer(1j, NO_TYPES, None)
    with pytest.raises(SerializationError, match=r"type threading\.Event cannot travel"):
        nearer(threading.Event(), NO_TYPES, None)


def test_what_lower_raises_is_carried() -> None:
    error = KeyError("x")

    def lower(value: Any) -> Any:
        raise error

    with pytest.raises(HookFailed) as caught:
        nearer(1j, NO_TYPES, lower)
    assert caught.value.error is error


def test_a_serialization_error_of_lower_keeps_its_words() -> None:
    def lower(value: Any) -> Any:
        raise SerializationError("Account is not exposed")

    with pytest.raises(SerializationError, match=r"^Account is not exposed$"):
        nearer(1j, NO_TYPES, lower)
