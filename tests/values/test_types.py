"""The table of a project's own types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chunnel.values import TypeTable, WireType


def wire_type(name: str, cls: type[Any]) -> WireType:
    return WireType(name, cls, repr, cls)


class Base:
    pass


class Derived(Base):
    pass


def test_a_value_finds_the_type_of_its_nearest_base() -> None:
    base, derived = wire_type("base", Base), wire_type("derived", Derived)
    assert TypeTable([base]).for_value(Derived()) is base
    assert TypeTable([base, derived]).for_value(Derived()) is derived
    assert TypeTable([base]).for_value(1) is None
    assert TypeTable().for_value(Base()) is None


def test_a_name_finds_its_type() -> None:
    base = wire_type("base", Base)
    assert TypeTable([base]).named("base") is base
    assert TypeTable([base]).named("other") is None


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ([wire_type("a", Base), wire_type("a", Derived)], "named 'a'"),
        ([wire_type("a", Base), wire_type("b", Base)], "for the class Base"),
        ([wire_type("", Base)], "has no name"),
        ([wire_type("d", Decimal)], "Decimal needs no wire type"),
        ([wire_type("o", object)], "object needs no wire type"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(types: list[WireType], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TypeTable(types)
