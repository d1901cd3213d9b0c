"""Types and time zones by name."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import DecimalField, IntegerField, JSONField

from chunnel.client.fieldtypes import TYPES, field_type, zone_name
from chunnel.plans import FieldType
from chunnel.plans.functions import FIELD_TYPES


class OwnInteger(IntegerField):  # type: ignore[type-arg]
    pass


def test_types() -> None:
    """By name; what forms think of a field is no part of a type."""
    assert field_type(IntegerField(null=True, verbose_name="x")) == FieldType("IntegerField")
    assert field_type(DecimalField(max_digits=5, decimal_places=2)) == FieldType(
        "DecimalField", 5, 2
    )
    assert {each.__name__ for each in TYPES} == FIELD_TYPES


@pytest.mark.parametrize("kind", [OwnInteger(), JSONField()])
def test_other_types(kind: Any) -> None:
    """They are refused by name, and the others are listed."""
    with pytest.raises(NotSupportedError, match=rf"{type(kind).__name__}.*CharField, TextField"):
        field_type(kind)


def test_zones() -> None:
    """Only those that have a name."""
    assert zone_name(zoneinfo.ZoneInfo("Europe/Berlin")) == "Europe/Berlin"
    assert zone_name(datetime.UTC) == "UTC"
    with pytest.raises(NotSupportedError, match="no name"):
        zone_name(datetime.timezone(datetime.timedelta(hours=1)))
