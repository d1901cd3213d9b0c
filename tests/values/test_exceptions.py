"""The table of exceptions that arrive as themselves, and validation errors as plain values."""

from __future__ import annotations

import asyncio
import decimal
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext_lazy

from chunnel.serializers import load
from chunnel.values.exceptions import (
    EXCEPTIONS,
    may_be_rebuilt,
    nearest_base,
    qualified_name,
    table_name,
    validation_arguments,
    validation_to_plain,
)


class Missing(ObjectDoesNotExist):
    pass


def test_the_table_holds_exceptions_by_their_own_names() -> None:
    for name, cls in EXCEPTIONS.items():
        assert issubclass(cls, Exception)
        assert may_be_rebuilt(cls)
        assert qualified_name(cls) == name
        assert table_name(cls) == name


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (ValueError, "ValueError"),
        (UnicodeDecodeError, "UnicodeDecodeError"),
        (Missing, "django.core.exceptions.ObjectDoesNotExist"),
        (IntegrityError, "django.db.utils.IntegrityError"),
        (decimal.InvalidOperation, "decimal.InvalidOperation"),
        (type("Own", (Exception,), {}), None),
        (StopIteration, None),
        (SystemExit, None),
        (asyncio.CancelledError, None),
        (type("Odd", (StopIteration, ValueError), {}), None),
    ],
)
def test_the_nearest_base_in_the_table(cls: type[BaseException], base: str | None) -> None:
    assert nearest_base(cls) == base


@pytest.mark.parametrize(
    "error",
    [
        ValidationError("plain"),
        ValidationError(gettext_lazy("This field is required.")),
        ValidationError("%(n)s is too many", code="many", params={"n": 3}),
        ValidationError(["one", ValidationError("two", code="second")]),
        ValidationError({"owner": ["no"], "branch": [ValidationError("closed", code="x")]}),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["msgpack", "json"])
def test_a_validation_error_comes_back(name: str, error: ValidationError) -> None:
    serializer = load(name)()
    plain = serializer.loads(*serializer.dumps(validation_to_plain(error)))
    found = ValidationError(*validation_arguments(plain))
    assert found == error
    assert found.messages == error.messages


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ("one", ["one"]),
        (["one", "two"], ["one", "two"]),
        ({"field": ["one"]}, ["one"]),
        ({"field": "one"}, ["one"]),
    ],
)
def test_plain_forms_are_taken(data: Any, messages: list[str]) -> None:
    assert ValidationError(*validation_arguments(data)).messages == messages


@pytest.mark.parametrize("data", [None, 1, [1], {1: "x"}, {"field": [1]}, {"list": [{}]}])
def test_other_forms_are_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"ValidationError|text"):
        validation_arguments(data)
