"""The closed lists, held against Django's own."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.db import models
from django.db.models import Aggregate, F, functions
from django.db.models.lookups import Transform

from chunnel.plans.functions import (
    EXTRACT_PARTS,
    FIELD_TYPES,
    FUNCTIONS,
    LOOKUPS,
    MANY,
    PARTS,
    TRUNC_PARTS,
)

SIGNS = frozenset("+-*/%^")
OPTIONS: dict[str, Any] = {
    "flag": True,
    "condition": models.Q(x=1),
    "expression": models.Value(0),
    "type": models.DateTimeField(),
    "trunc": "month",
    "extract": "year",
    "zone": None,
}


def django_class(name: str) -> Any:
    return getattr(models, name, None) or getattr(functions, name)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SIGNS))
def test_django_takes_what_is_listed(name: str) -> None:
    """Each number of arguments, with every option and with those alone that must be."""
    signature = FUNCTIONS[name]
    made = django_class(name)
    given = {option: OPTIONS[kind] for option, kind in signature.options.items()}
    needed = {option: given[option] for option in signature.required}
    most = signature.most if signature.most != MANY else signature.least + 1
    for count in range(signature.least, most + 1):
        args = ["*"] if name == "Count" and not count else [F("x")] * count
        made(*args, **needed)
        if args != ["*"]:
            made(*args, **given)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SIGNS))
def test_aggregates_are_marked(name: str) -> None:
    found = django_class(name)
    assert FUNCTIONS[name].aggregate is (inspect.isclass(found) and issubclass(found, Aggregate))


def test_names_are_their_keys() -> None:
    assert all(signature.name == name for name, signature in FUNCTIONS.items())
    assert FUNCTIONS.keys() >= SIGNS


def test_types_are_fields() -> None:
    for name in FIELD_TYPES:
        assert issubclass(getattr(models, name), models.Field)


def test_lookups_are_of_all_columns_of_text() -> None:
    assert {*models.CharField.get_lookups(), "regex", "iregex"} >= LOOKUPS
    assert not LOOKUPS & {"regex", "iregex", "search"}


@pytest.mark.parametrize("kind", PARTS)
def test_parts_are_transforms(kind: str) -> None:
    known = getattr(models, kind).get_lookups()
    for part in PARTS[kind]:
        assert issubclass(known[part], Transform), part


def test_parts_of_functions() -> None:
    for part in TRUNC_PARTS:
        assert f"Trunc{part.title()}" in FUNCTIONS
    for part in EXTRACT_PARTS:
        assert f"Extract{part.title().replace('_', '')}" in FUNCTIONS
