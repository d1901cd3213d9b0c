"""The closed table of exceptions that arrive as themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError
from django.utils.translation import ngettext_lazy

from chunnel.values.exceptions import (
    EXCEPTIONS,
    may_be_rebuilt,
    nearest_base,
    qualified_name,
    table_name,
    validation_arguments,
    validation_to_plain,
)
from tests.apps.bank.models import Account


def test_names_lead_to_their_classes() -> None:
    """Built-in ones by their name alone, others with their module."""
    assert EXCEPTIONS["ValueError"] is ValueError
    assert EXCEPTIONS["django.core.exceptions.ValidationError"] is ValidationError
    assert EXCEPTIONS["django.db.utils.IntegrityError"] is IntegrityError
    assert "IOError" not in EXCEPTIONS
    for name, cls in EXCEPTIONS.items():
        assert qualified_name(cls) == name
        assert table_name(cls) == name
        assert nearest_base(cls) == name
        assert may_be_rebuilt(cls)


def test_the_nearest_base_is_found() -> None:
    """Of a class that is not in the table, the first base that is."""

    class Poor(ValueError):
        pass

    class Missing(ObjectDoesNotExist):
        pass

    class Plain(Exception):
        pass

    assert nearest_base(Poor) == "ValueError"
    assert nearest_base(Missing) == "django.core.exceptions.ObjectDoesNotExist"
    assert nearest_base(Plain) is None
    assert table_name(Poor) is None


@pytest.mark.parametrize(
    "cls",
    [
        StopIteration,
        StopAsyncIteration,
        GeneratorExit,
        SystemExit,
        KeyboardInterrupt,
        asyncio.CancelledError,
        BaseException,
    ],
)
def test_what_ends_ours_has_no_name(cls: type[BaseException]) -> None:
    """Neither itself nor what inherits from it."""
    assert nearest_base(cls) is None
    assert not may_be_rebuilt(cls)
    assert nearest_base(type("Mixed", (cls,), {})) is None
    assert cls.__name__ not in EXCEPTIONS


def test_a_validation_error_with_odd_params_keeps_its_text() -> None:
    """Params that are no mapping go into the message; values that are not plain become text."""
    error = ValidationError("%s is no", params=("x",))
    assert validation_to_plain(error) == {"message": "x is no", "code": None, "params": None}
    error = ValidationError("%(a)s", params={"a": object})
    assert validation_to_plain(error)["params"] == {"a": "object"}


@pytest.mark.parametrize("wrap", [lambda each: each, lambda each: [each], lambda each: (1, each)])
def test_instances_among_the_params_keep_their_text(wrap: Any) -> None:
    """Django's own error for what must be unique has the instance there."""
    account = Account(owner="hunter2", uid=5)
    item = validation_to_plain(ValidationError("no", params={"model": wrap(account)}))
    assert "account" in item["params"]["model"]
    assert "hunter2" not in item["params"]["model"]


def test_a_plural_gets_its_number_before_it_travels() -> None:
    """Django's own message for texts that are too long; a lazy plural has no text without it."""
    with pytest.raises(ValidationError) as caught:
        MaxLengthValidator(5)("100 % too long")
    again = ValidationError(*validation_arguments(validation_to_plain(caught.value)))
    assert again.messages == caught.value.messages
    assert again.messages == ["Ensure this value has at most 5 characters (it has 14)."]
    odd = ValidationError(ngettext_lazy("%(n)d % of it", "%(n)d %% of them", "n"), params={"n": 2})
    assert ValidationError(*validation_arguments(validation_to_plain(odd))).messages == [
        "2 % of them"
    ]


def test_plain_forms_are_understood() -> None:
    """Text, lists and dicts of messages, as well as the full description."""
    assert ValidationError(*validation_arguments("no")).messages == ["no"]
    assert ValidationError(*validation_arguments(["a", "b"])).messages == ["a", "b"]
    found = ValidationError(*validation_arguments({"name": ["a"], "age": "b"}))
    assert found.message_dict == {"name": ["a"], "age": ["b"]}
