"""What Django's QuerySet has and a remote one has not.

A remote queryset inherits from Django's for the sake of ``isinstance`` alone. Every name that it
does not define itself is shut off here: a public method raises NotSupportedError when it is called;
private names, and those by which Django would take it for a query of this database, are not there.
What a later Django adds is shut off with the rest.
"""

from __future__ import annotations

import inspect
from typing import Any, Final, NoReturn

from django.db import NotSupportedError
from django.db.models import QuerySet

ATTRIBUTES: Final = frozenset({"as_manager", "db", "resolve_expression"})
"""Public names that are not there at all, since to find them is to take it for something else."""

DUCKS: Final = frozenset(
    {
        # Python
        "as_integer_ratio",
        "close",
        "fileno",
        "getvalue",
        "isoformat",
        "items",
        "keys",
        "read",
        "readline",
        "seek",
        "send",
        "throw",
        "timetuple",
        "total_seconds",
        "tzinfo",
        "utcoffset",
        "write",
        # Django
        "auto_created",
        "conditional",
        "contains_aggregate",
        "contains_over_clause",
        "creation_counter",
        "filterable",
        "get_absolute_url",
        "get_internal_type",
        "get_prefetch_queryset",
        "get_prefetch_querysets",
        "name",
        "natural_key",
        "output_field",
        "pk",
        "relabeled_clone",
        "render",
        "set_source_expressions",
        "use_in_migrations",
        # Django REST framework
        "data",
        "is_valid",
        "many",
        "to_representation",
        # NumPy and pandas
        "columns",
        "dtype",
        "dtypes",
        "iloc",
        "index",
        "nbytes",
        "ndim",
        "shape",
        "to_dict",
        "to_frame",
        "to_numpy",
        "to_pandas",
        "tolist",
        # serializers of all kinds
        "dict",
        "for_json",
        "hex",
        "json",
        "model_dump",
        "model_dump_json",
        "toJSON",
        "to_json",
        "to_python",
    }
)
"""Words by which libraries feel what kind of object they have, and what they then call. They are no
methods of a manager over there, since nobody could tell such a call from one that was meant."""


class _Missing:
    """An attribute that is not there, although a base class has it."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, instance: object, owner: type[Any]) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} has no attribute {self.name!r}")


def _refused(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001
        raise NotSupportedError(f"Remote querysets do not support {name}().")

    refuse.__name__ = name
    refuse.__qualname__ = f"RemoteQuerySet.{name}"
    refuse.__doc__ = "Raise NotSupportedError."
    refuse.alters_data = True  # type: ignore[attr-defined]
    refuse.unsupported = True  # type: ignore[attr-defined]
    return refuse


def shut_off(cls: type[QuerySet[Any]], base: type[QuerySet[Any]] = QuerySet) -> None:
    """Shut off what ``cls`` would inherit from ``base``."""
    for name in dir(base):
        inherited = inspect.getattr_static(base, name)
        if name.startswith("__") or inspect.getattr_static(cls, name) is not inherited:
            continue
        # A property that is refused when it is called would be true until then.
        hidden = name.startswith("_") or name in ATTRIBUTES or not callable(inherited)
        setattr(cls, name, _Missing(name) if hidden else _refused(name))


def is_missing(cls: type[QuerySet[Any]], name: str) -> bool:
    """Say whether ``name`` is an attribute that a base of ``cls`` has and ``cls`` has not."""
    return isinstance(inspect.getattr_static(cls, name, None), _Missing)


def supported(cls: type[QuerySet[Any]]) -> list[str]:
    """Return the public names of ``cls`` that work on its instances."""
    ours: dict[str, Any] = {}
    for one in cls.__mro__[cls.__mro__.index(QuerySet) - 1 :: -1]:
        ours |= vars(one)
    return [
        name
        for name, value in ours.items()
        if not name.startswith("_")
        and name not in ATTRIBUTES
        and not isinstance(value, _Missing)
        and not hasattr(value, "unsupported")
        and not isinstance(value, classmethod)
    ]
