"""Relations of instances: what they lead to, what may be assigned, and the managers of many rows.

The rules:

* What was fetched along is there. A foreign key of None leads to None without asking. Anything
  else raises FieldNotFetched, or is fetched where the mode is "peers".
* A row that the remote does not show is as if absent: a foreign key to it leads to None. Where
  there is none at the other end of a one-to-one, that raises as Django does.
* What a relation led to leads back to its owner, where a foreign key makes that relation.
* To assign an instance to a foreign key is to set its column; nothing is sent.
* Many rows are a manager: ``all()`` gives what was fetched along, else a queryset; what refines or
  changes always asks.
"""

# ruff: noqa: SLF001 - instances of ours

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import NotSupportedError

from ..exceptions import FieldNotFetched
from ..values import Relation
from .classes import RemoteClass, RemoteType, class_for_name
from .declared import attname, find_field, is_forward
from .fetching import fetch

if TYPE_CHECKING:
    from ..schema import FieldSchema
    from .instances import Instance
    from .models import RemoteInstance

_UNKNOWN = object()


def relation_named(instance: Instance, name: str) -> Relation | None:
    """Return a relation without a column, by what came with the instance or the held schema."""
    for relation in instance._relations:
        if relation.name == name:
            return relation
    field = find_field(instance._held, name)
    if field is not None and field.kind in {"reverse", "many"} and field.relation:
        return Relation(field.name, field.relation, field.kind == "many")
    return None


def is_forward_name(instance: Instance, name: str) -> bool:
    """Say whether ``name`` is a foreign key, as far as it is known."""
    field = find_field(instance._held, name)
    if field is not None:
        return field.name == name and is_forward(field)
    key = f"{name}_id"
    known = key in instance.__dict__ or key in instance._deferred or _has_related(instance, name)
    return known and name not in instance.__dict__


# Reading


def read(instance: RemoteInstance, relation: Relation) -> Any:
    """Return what a relation without a column leads to: a manager, or the other row."""
    name = relation.name
    if relation.many:
        from .related import RelatedManager

        if instance.pk is None:
            raise ValueError(
                f"{instance!r} needs to have a primary key value before this relationship can be "
                f"used."
            )
        return RelatedManager(instance, relation)
    if not _has_related(instance, name) and instance._key is not None:
        if instance._peers is None:
            raise _not_fetched(instance, name, "the query did not take along what it leads to")
        fetch(instance, name, relation=True, column=None)
    found = (instance._related or {}).get(name)
    if found is None:
        _raise_missing(instance, name, relation.model)
    return found


def read_forward(instance: RemoteInstance, name: str) -> Any:
    """Return what a foreign key leads to."""
    field = find_field(instance._held, name)
    key_name = attname(field) if field is not None else f"{name}_id"
    if not _has_related(instance, name):
        key = instance.__dict__.get(key_name, _UNKNOWN)
        if key is None:
            if field is not None and not field.null and field.relation:
                _raise_missing(instance, name, field.relation)
            return None
        if instance._peers is None or (key is _UNKNOWN and instance._key is None):
            reason = (
                "the query took neither it nor its key"
                if key is _UNKNOWN
                else f"only its key was, {key_name!r}"
            )
            raise _not_fetched(instance, name, reason)
        if key_name in instance._edited:
            _fetch_new(instance, name, field, key)
        else:
            fetch(instance, name, relation=True, column=name)
    return (instance._related or {}).get(name)


def _fetch_new(instance: RemoteInstance, name: str, field: FieldSchema | None, key: Any) -> None:
    """Fetch what a foreign key that was set here leads to."""
    other = _class_of(instance, field.relation) if field is not None and field.relation else None
    if other is None or field is None or not field.target:
        raise _not_fetched(instance, name, "its key was set here")
    remember(instance, name, other.objects.get(**{field.target: key}))


def _has_related(instance: Instance, name: str) -> bool:
    return instance._related is not None and name in instance._related


def remember(instance: Instance, name: str, value: Any) -> None:
    """Keep what a relation leads to."""
    if instance._related is None:
        instance.__dict__["_related"] = {}
    assert instance._related is not None
    instance._related[name] = value


def lead_back(row: Instance, name: str, owner: RemoteInstance) -> None:
    """Keep ``owner`` as what the foreign key ``name`` of ``row`` leads to, if it does."""
    if _has_related(row, name):
        return
    key = row.__dict__.get(f"{name}_id", _UNKNOWN)
    if key is not _UNKNOWN and key is not None and key == _target_value(row, name, owner):
        remember(row, name, owner)


def forget(instance: Instance, name: str) -> None:
    """Forget what a relation leads to."""
    if instance._related is not None:
        instance._related.pop(name, None)


def forget_others(instance: Instance, name: str, value: Any) -> None:
    """Forget what a foreign key leads to if its column ``name`` will not hold that row's key."""
    if not instance._related or not name.endswith("_id"):
        return
    related = name.removesuffix("_id")
    if related not in instance._related:
        return
    other = instance._related[related]
    held = instance.__dict__.get(name)
    known = None if other is None else _target_value(instance, related, other)
    if value not in ((held,) if other is None else (held, known)):
        del instance._related[related]


def _not_fetched(instance: Instance, name: str, reason: str) -> FieldNotFetched:
    way = f"select_related({name!r}) or prefetch_related({name!r})"
    return instance._not_fetched(name, reason, way)


@cache
def _missing(base: type[Exception]) -> Any:
    """Return the exception that is a row's absence and, for ``hasattr``, an attribute's."""
    name = "RelatedObjectDoesNotExist"
    namespace = {"__module__": base.__module__, "__qualname__": f"{base.__qualname__}.{name}"}
    return type.__new__(RemoteType, name, (base, AttributeError), namespace)


def _raise_missing(instance: Instance, name: str, model: str) -> NoReturn:
    base = _class_of(instance, model).DoesNotExist
    error: Exception = type.__call__(_missing(base), f"{type(instance).__name__} has no {name}.")
    raise error


def _class_of(instance: Instance, model: str) -> RemoteClass:
    alias = instance._chunnel_class._chunnel_alias
    found = class_for_name(alias, model)
    if not isinstance(found, RemoteClass):
        raise ValueError(f"{alias} has a relation to {model[:80]!r}, which names no model")  # noqa: TRY004
    return found


# Assigning


def assign(instance: Instance, name: str, value: Any) -> bool:
    """Assign to a relation if ``name`` is one; say whether it is. Nothing is sent."""
    relation = relation_named(instance, name)
    if relation is not None and relation.many:
        raise TypeError(
            f"Direct assignment to the related set {name!r} is prohibited. Use {name}.set() "
            f"instead."
        )
    if relation is not None:
        raise NotSupportedError(
            f"{name!r} of {instance!r} is the other end of a one-to-one; assign to that of a "
            f"{relation.model}, and save it."
        )
    if not is_forward_name(instance, name):
        return False
    field = find_field(instance._held, name)
    if value is not None:
        _check_assigned(instance, name, field, value)
    key_name = attname(field) if field is not None else f"{name}_id"
    state = instance.__dict__
    state[key_name] = None if value is None else _target_value(instance, name, value)
    state["_edited"] = instance._edited | {key_name}
    remember(instance, name, value)
    return True


def _check_assigned(instance: Instance, name: str, field: FieldSchema | None, value: Any) -> None:
    cls = getattr(type(value), "_chunnel_class", None)
    wanted = field.relation if field is not None else None
    ours = instance._chunnel_class
    if (
        cls is None
        or cls._chunnel_alias != ours._chunnel_alias
        or (field is not None and ".".join(cls._chunnel_path) != wanted)
    ):
        wanted = wanted.rpartition(".")[2] if wanted else "remote"
        raise ValueError(
            f'Cannot assign "{value!r}": "{type(instance).__name__}.{name}" must be a "{wanted}" '
            f"instance."
        )


def _target_value(instance: Instance, name: str, other: Any) -> Any:
    """Return what a foreign key's column holds for ``other``; None where nobody here knows."""
    field = find_field(instance._held, name)
    target = field.target if field is not None else "pk"
    if target == "pk":
        return other.pk
    return other.__dict__.get(target)


def check_related(instances: Iterable[Any], model: RemoteClass) -> list[Any]:
    """Return references for what may be added to a relation: instances that are saved, and keys."""
    found = []
    for each in instances:
        cls = getattr(type(each), "_chunnel_class", None)
        if cls is None and hasattr(each, "_meta"):
            raise TypeError(f"'{model.__name__}' instance expected, got {each!r}")
        if cls is not None:
            if cls is not model:
                raise TypeError(f"'{model.__name__}' instance expected, got {each!r}")
            if each.pk is None:
                raise ValueError(f"{each!r} was not saved; only what has a key can be related.")
        found.append(each if cls is None else each._reference())
    return found
