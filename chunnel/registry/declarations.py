"""Judging what a ModelRPC declares against the model, with errors that name the culprit.

Each function returns the declaration in its final form or raises ImproperlyConfigured that reads
``AccountRPC.filter_fields['balanse']: …``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Field, Model
from django.db.models.constants import LOOKUP_SEP

from .core import LOWER_CASE
from .entries import EFFECTS, option_problem

if TYPE_CHECKING:
    from .modelrpc import ModelRPC

TEXT = "__str__"  # among the fields: the text of the instance
DEFAULT_LOOKUPS = ("exact", "in", "isnull")
METHOD_OPTIONS = frozenset({"effect", "atomic", "blocking"})
LIKENESS = 0.88  # from which a name counts as a misspelled one; filter_field has 0.96


def refuse(rpc: type[ModelRPC], attribute: str, problem: str, key: str | None = None) -> NoReturn:
    where = f"{rpc.__qualname__}.{attribute}" + (f"[{key!r}]" if key is not None else "")
    raise ImproperlyConfigured(f"{where}: {problem}")


def refuse_misspelled(rpc: type[ModelRPC], base: type[ModelRPC]) -> None:
    """Refuse attributes that look like a declaration: left unread, they would not restrict."""
    known = [name for name in vars(base) if not name.startswith("_")]
    for cls in rpc.__mro__:
        if cls is base:
            break
        for name in vars(cls):
            if name.startswith("_") or hasattr(base, name):
                continue
            if close := difflib.get_close_matches(name, known, 1, LIKENESS):
                refuse(rpc, name, f"no such declaration; did you mean {close[0]}?")


def names(rpc: type[ModelRPC], attribute: str, value: Any) -> list[str]:
    """Return a declared list of names, each once."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        refuse(rpc, attribute, f"this is a list of names, not {value!r}.")
    for name in value:
        if not isinstance(name, str):
            refuse(rpc, attribute, f"{name!r} is not a name.")
        if list(value).count(name) > 1:
            refuse(rpc, attribute, f"{name!r} stands there twice.")
    return list(value)


def filter_fields(
    rpc: type[ModelRPC],
    model: type[Model],
    columns: Sequence[str],
    annotations: Mapping[str, Field[Any, Any]],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the paths that may be filtered by, each with its lookups.

    ``columns`` are the readable ones; ``annotations`` say of what type their values are.
    """
    declared = rpc.filter_fields
    if declared is None:
        return tuple((name, DEFAULT_LOOKUPS) for name in columns)
    if not isinstance(declared, Mapping):
        refuse(rpc, "filter_fields", "this is a dict from field paths to lists of lookups.")
    found = []
    for path, lookups in declared.items():
        field = annotations.get(path) or _resolve(rpc, "filter_fields", model, path)
        if isinstance(lookups, str) or not isinstance(lookups, Sequence) or not lookups:
            refuse(rpc, "filter_fields", "this is a list of lookups, like ['exact', 'in'].", path)
        for lookup in lookups:
            if not isinstance(lookup, str) or not _has_lookup(field, lookup):
                refuse(
                    rpc,
                    "filter_fields",
                    f"{type(field).__name__} has no lookup {lookup!r}.",
                    path,
                )
        found.append((path, tuple(lookups)))
    return tuple(found)


def ordering_fields(
    rpc: type[ModelRPC], model: type[Model], annotations: Mapping[str, Field[Any, Any]]
) -> tuple[str, ...]:
    found = names(rpc, "ordering_fields", rpc.ordering_fields)
    for name in found:
        if name.startswith("-"):
            refuse(rpc, "ordering_fields", f"{name!r}: both directions are allowed; leave '-' out.")
        if name not in annotations:
            _resolve(rpc, "ordering_fields", model, name)
    return tuple(found)


def max_rows(rpc: type[ModelRPC]) -> int:
    if type(rpc.max_rows) is not int or rpc.max_rows < 1:
        refuse(rpc, "max_rows", f"this is a whole number from 1, not {rpc.max_rows!r}.")
    return rpc.max_rows


def methods(
    rpc: type[ModelRPC],
    attribute: str,
    owners: Sequence[type[Any]],
    is_taken: Callable[[str], bool],
) -> dict[str, tuple[Any, Mapping[str, Any]]]:
    """Return the declared methods: name to function and options.

    A method is looked for in the classes ``owners``, the first that has it. ``is_taken`` says of
    which names the remote class has a method already.
    """
    declared: Any = getattr(rpc, attribute)
    if isinstance(declared, Mapping):
        options = dict(declared)
    else:
        options = {name: {} for name in names(rpc, attribute, declared)}
    found = {}
    for name, given in options.items():
        if not isinstance(name, str) or not LOWER_CASE.fullmatch(name):
            refuse(rpc, attribute, f"{name!r} cannot be a remote name; those are lower_case.")
        if name == "objects" or name == "pk":
            refuse(rpc, attribute, f"{name!r} has a meaning of its own on remote models.")
        function = next((getattr(each, name) for each in owners if hasattr(each, name)), None)
        if function is None:
            where = " or ".join(owner.__qualname__ for owner in owners)
            refuse(rpc, attribute, f"{where} has no method {name!r}.")
        if not callable(function) or isinstance(function, type):
            refuse(rpc, attribute, f"{name!r} is not a method.")
        if getattr(function, "alters_data", False) and function.__module__.startswith("django."):
            refuse(
                rpc,
                attribute,
                f"{name!r} is Django's own and writes past writable_fields; expose a method of the "
                f"model's that says what it does.",
            )
        if is_taken(name):
            refuse(rpc, attribute, f"{name!r} has a meaning of its own on remote models.")
        _check_options(rpc, attribute, name, given)
        found[name] = (function, given)
    return found


def _check_options(rpc: type[ModelRPC], attribute: str, name: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        refuse(rpc, attribute, "the options of a method are a dict.", name)
    for option in given:
        if option not in METHOD_OPTIONS:
            refuse(rpc, attribute, f"no option is named {option!r}.", name)
    if given.get("effect", "write") not in EFFECTS:
        refuse(rpc, attribute, f"an effect is one of {', '.join(EFFECTS)}.", name)
    for option in ("atomic", "blocking"):
        problem = option_problem(option, given[option]) if option in given else None
        if problem:
            refuse(rpc, attribute, f"{option}={given[option]!r}: {problem}", name)


def _resolve(rpc: type[ModelRPC], attribute: str, model: type[Model], path: Any) -> Any:
    """Return the field at the end of a path, across relations."""
    if not isinstance(path, str) or not LOWER_CASE.fullmatch(path):
        refuse(rpc, attribute, f"{path!r} is not a lower_case field path.")
    current: type[Model] = model
    field: Any = None
    parts = path.split(LOOKUP_SEP)
    for position, part in enumerate(parts):
        field = (
            current._meta.pk if part == "pk" else _get_field(rpc, attribute, current, part, path)
        )
        if position < len(parts) - 1:
            related = getattr(field, "related_model", None)
            if related is None:
                refuse(
                    rpc,
                    attribute,
                    f"{part!r} is no relation, so the path ends there; lookups stand in the list.",
                    path,
                )
            current = related
    if field.is_relation and field.related_model is None:
        refuse(
            rpc,
            attribute,
            f"{path!r} is a generic relation, which no query can follow; name its columns.",
        )
    return field


def _get_field(
    rpc: type[ModelRPC], attribute: str, model: type[Model], name: str, path: str
) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        shown = ", ".join(sorted(field.name for field in model._meta.get_fields()))
        refuse(
            rpc,
            attribute,
            f"{model.__name__} has no field {name!r}; it has {shown}.",
            path if path != name else None,
        )


def _has_lookup(field: Any, lookup: str) -> bool:
    """Follow transforms (``date__gte``) to a lookup; one at the end is compared with ``exact``."""
    current = getattr(field, "target_field", field) if field.is_relation else field
    *transforms, last = lookup.split(LOOKUP_SEP)
    if field.is_relation and not transforms and field.get_lookup(last) is not None:
        return True
    for name in transforms:
        transform = current.get_transform(name)
        if transform is None:
            return False
        current = _output(transform, current)
    return current.get_lookup(last) is not None or current.get_transform(last) is not None


def _output(transform: Any, field: Any) -> Any:
    found = getattr(transform, "output_field", None)
    return found if isinstance(found, Field) else field
