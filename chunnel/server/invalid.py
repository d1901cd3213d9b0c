"""What a caller is told of values that the model finds invalid.

The rules:

* What is wrong with a field that is not readable is told without the field's name.
* Where values must be unique together, the fields are named if all of them are readable.
* A constraint's name is the database's own. A message that the model gives a constraint is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

if TYPE_CHECKING:
    from ..registry import ExposedModel

_UNIQUE = "%(model_name)s with such values already exists."
_CONSTRAINT = "A condition that all rows must meet does not hold."


def told(
    exposed: ExposedModel, errors: Mapping[str, Iterable[ValidationError]]
) -> dict[str, list[ValidationError]]:
    """Return the errors by field as the caller may know them."""
    readable = {*exposed.names, *exposed.links, NON_FIELD_ERRORS}
    unnamed = set(_by_name(exposed))
    found: dict[str, list[ValidationError]] = {}
    for name, each in errors.items():
        place = found.setdefault(name if name in readable else NON_FIELD_ERRORS, [])
        place.extend(_told(error, readable, unnamed) for error in each)
    return found


def _told(error: ValidationError, readable: set[str], unnamed: set[str]) -> ValidationError:
    params: Any = error.params if isinstance(error.params, Mapping) else {}
    named = {*params.get("unique_check", ()), *_texts(params, "field", "date_field")}
    if "model_name" in params and not named <= readable:
        return ValidationError(
            _UNIQUE, code=error.code, params={"model_name": params["model_name"]}
        )
    if error.message in unnamed:
        return ValidationError(_CONSTRAINT, code=error.code)
    return error


def _texts(params: Mapping[str, Any], *names: str) -> Iterator[str]:
    return (params[name] for name in names if isinstance(params.get(name), str))


def _by_name(exposed: ExposedModel) -> Iterator[str]:
    """Yield the messages of constraints that have none but Django's, which tells their names."""
    meta = exposed.model._meta
    for each in (meta, *(parent._meta for parent in meta.all_parents)):
        for constraint in each.constraints:
            if constraint.violation_error_message == constraint.default_violation_error_message:
                yield str(constraint.get_violation_error_message())
