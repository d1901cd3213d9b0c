"""What is told of invalid values: nothing of what nobody may read."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import CheckConstraint, Q, UniqueConstraint

from chunnel.registry import ExposedModel, registry
from chunnel.server.invalid import told
from tests.apps.library.models import Book


@pytest.fixture
def books() -> ExposedModel:
    found = registry.model(Book)
    assert found is not None
    return found


def unique(*names: str) -> ValidationError:
    return Book(shelf_price=7).unique_error_message(Book, names)


def messages(exposed: ExposedModel, **errors: Any) -> dict[str, list[str]]:
    named = {name: [error] for name, error in errors.items()}
    return {name: ValidationError(each).messages for name, each in told(exposed, named).items()}


def test_fields_that_are_readable_are_named(books: ExposedModel) -> None:
    assert messages(books, title=ValidationError("No.")) == {"title": ["No."]}
    assert messages(books, tags=ValidationError("No.")) == {"tags": ["No."]}


def test_others_are_not(books: ExposedModel) -> None:
    found = messages(books, title=ValidationError("No."), shelf_price=ValidationError("Odd."))
    assert found == {"title": ["No."], NON_FIELD_ERRORS: ["Odd."]}


def test_what_must_be_unique(books: ExposedModel) -> None:
    assert messages(books, isbn=unique("isbn")) == {"isbn": ["Book with this Isbn already exists."]}
    assert messages(books, __all__=unique("title", "pages")) == {
        NON_FIELD_ERRORS: ["Book with this Title and Pages already exists."]
    }
    for error in (unique("title", "shelf_price"), unique("shelf_price")):
        assert messages(books, __all__=error) == {
            NON_FIELD_ERRORS: ["Book with such values already exists."]
        }


def test_constraints_keep_their_names(books: ExposedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    condition = Q(shelf_price__gt=0)
    constraints = [
        CheckConstraint(condition=condition, name="shelf_price_is_known"),
        UniqueConstraint("shelf_price", name="shelf_price_once"),
        CheckConstraint(condition=condition, name="said", violation_error_message="Too cheap."),
    ]
    monkeypatch.setattr(Book._meta, "constraints", constraints)
    found = [
        message
        for each in constraints
        for message in messages(books, __all__=ValidationError(each.get_violation_error_message()))[
            NON_FIELD_ERRORS
        ]
    ]
    assert found == ["A condition that all rows must meet does not hold."] * 2 + ["Too cheap."]
