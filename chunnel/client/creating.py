"""Making an instance by calling its class: ``Account(uid=1, owner="Ann")``.

It has no row yet; ``save()`` makes one. What is not given has what Django would give it, None or an
empty text, but for fields with a default of their own: that is known over there alone, and reading
such a field before it was saved raises FieldNotFetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..values import Relation
from .declared import attname, columns, find_field, held_model
from .fetching import fetches_peers, join
from .remotes import get_remote
from .signature import find_model

if TYPE_CHECKING:
    from ..schema import FieldSchema, ModelSchema
    from .models import RemoteInstance

# Fields that are "" and not None where nothing is given, as Django has it.
_TEXTS = frozenset(
    {
        "CharField",
        "EmailField",
        "FileField",
        "FilePathField",
        "ImageField",
        "SlugField",
        "TextField",
        "URLField",
    }
)


def fill(instance: RemoteInstance, args: tuple[Any, ...], values: Mapping[str, Any]) -> None:
    """Make ``instance`` a new one with these values of fields.

    Raise TypeError for what is no field. The schema is fetched where it is not held, but for the
    rows of ``chunnel.test.override_remote``, which take any.
    """
    name = type(instance).__name__
    if args:
        raise TypeError(f"{name}() takes the values of its fields by their names.")
    cls = instance._chunnel_class
    remote = get_remote(cls._chunnel_alias)
    faked = bool(remote.overrides)
    model = held_model(cls) if faked else find_model(remote.schema(), *cls._chunnel_path)
    state = instance.__dict__
    state["_adding"] = True
    if model is not None:
        unknown = [key for key in values if not _is_given(model, key)]
        if unknown:
            listed = ", ".join(f"'{key}'" for key in unknown)
            raise TypeError(f"{name}() got unexpected keyword arguments: {listed}")
        state["_methods"] = tuple(each.name for each in model.methods)
        state["_relations"] = tuple(_relations(model))
        for field in columns(model):
            if not field.has_default:
                state[attname(field)] = _empty(field)
    if fetches_peers(cls):
        join([instance])
    for key, value in values.items():
        setattr(instance, key, value)


def _is_given(model: ModelSchema, name: str) -> bool:
    field = find_field(model, name)
    return name == "pk" or (field is not None and field.kind not in {"annotation", "property"})


def _relations(model: ModelSchema) -> list[Relation]:
    return [
        Relation(field.name, field.relation, field.kind == "many")
        for field in model.fields
        if field.kind in {"reverse", "many"} and field.relation
    ]


def _empty(field: FieldSchema) -> Any:
    return "" if field.type in _TEXTS and not field.null else None
