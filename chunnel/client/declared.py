"""What a schema that is held says of the fields of a model. Nothing here makes a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .remotes import get_remote
from .signature import find_model

if TYPE_CHECKING:
    from ..schema import FieldSchema, ModelSchema
    from .classes import RemoteClass

_KEYS = frozenset({"ForeignKey", "OneToOneField"})  # also where the other model is not exposed
COLUMNS = frozenset({"column", "forward"})


def held_model(cls: RemoteClass) -> ModelSchema | None:
    """Return the schema of a model, if it is held."""
    schema = get_remote(cls._chunnel_alias).held_schema
    return find_model(schema, *cls._chunnel_path) if schema is not None else None


def is_forward(field: FieldSchema) -> bool:
    """Say whether a field's column holds the key of another row."""
    return field.kind == "forward" or (field.kind == "column" and field.type in _KEYS)


def attname(field: FieldSchema) -> str:
    """Return where instances have the value of a field: a foreign key's is its key."""
    if field.attname:
        return field.attname
    return f"{field.name}_id" if is_forward(field) else field.name


def find_field(model: ModelSchema | None, name: str) -> FieldSchema | None:
    """Return a readable field of any kind by its name or that of its column, or None."""
    if model is None:
        return None
    name = model.pk if name == "pk" else name
    for field in model.fields:
        if name in {field.name, attname(field)}:
            return field
    return None


def columns(model: ModelSchema) -> list[FieldSchema]:
    """Return the fields that are columns, foreign keys among them."""
    return [field for field in model.fields if field.kind in COLUMNS]
