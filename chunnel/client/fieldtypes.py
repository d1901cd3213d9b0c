"""Types to compute with and time zones, by the names under which they travel."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any, Final

from django.db import NotSupportedError, models

from ..plans import FieldType

TYPES: Final = (
    models.CharField, models.TextField, models.IntegerField, models.BigIntegerField,
    models.SmallIntegerField, models.FloatField, models.DecimalField, models.BooleanField,
    models.DateField, models.DateTimeField, models.TimeField, models.DurationField,
    models.UUIDField,
)  # fmt: skip
_IMMATERIAL = frozenset(
    {"null", "blank", "verbose_name", "help_text", "choices", "default", "editable"}
)  # of a field as a type: what forms and models read, and no query


def field_type(field: Any) -> FieldType:
    """Return the type that a field stands for; raise NotSupportedError for one outside TYPES."""
    if type(field) not in TYPES:
        raise NotSupportedError(
            f"The type {type(field).__name__} is not supported by remote querysets; there are "
            f"{', '.join(each.__name__ for each in TYPES)}."
        )
    _, _, _, given = field.deconstruct()
    for name in ("max_length", "max_digits", "decimal_places", *_IMMATERIAL):
        given.pop(name, None)
    if given:
        raise NotSupportedError(
            f"The type {type(field).__name__} with {', '.join(sorted(given))} is not supported by "
            f"remote querysets."
        )
    if isinstance(field, models.DecimalField):
        return FieldType("DecimalField", field.max_digits, field.decimal_places)
    return FieldType(type(field).__name__)


def zone_name(zone: Any) -> str:
    """Return the name of a time zone, by which the other project finds the same one."""
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return zone.key
    if zone is datetime.UTC:
        return "UTC"
    raise NotSupportedError(
        f"The time zone {zone!r} has no name that a remote project would know; zoneinfo's have."
    )
