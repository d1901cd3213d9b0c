"""The doors through which rows are written: what came is read, then done as a whole or not at all.

The rules:

* A door exists only where something declared could go through it (``registry.writable``).
* Each runs in a transaction of the database that is written to, and within the call's time.
* What the database says of a constraint may hold values of rows that the caller never sees. He
  learns which kind of constraint it was; of rows that keep others from being deleted he learns the
  exposed models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, NotSupportedError, transaction
from django.db.models import PROTECT, RESTRICT, Model, ProtectedError, RestrictedError

from ..exceptions import QueryRefused
from ..plans import MalformedPlan, Plan
from ..plans.expressions import named_from_wire
from ..protocol.messages import FailureCode
from . import changing, creating
from .deadlines import deadline
from .failures import Refusal, Told
from .relating import relate, relation_of
from .writer import Writer

if TYPE_CHECKING:
    from ..registry import Entry, ExposedModel, Registry
    from .scope import Scope


def write(entry: Entry, args: list[Any], scope: Scope) -> Any:
    """Run the operation of an entry of the kind "write"; return what its caller is told."""
    exposed = entry.owner
    assert exposed is not None
    of_objects = entry.name.startswith(f"{exposed.name}.objects.")
    run, least, most = (_OF_OBJECTS if of_objects else _OF_INSTANCES)[entry.attribute]
    if not least <= len(args) <= most:
        raise Refusal(FailureCode.MALFORMED, f"{entry.name} takes other arguments.")
    if of_objects:
        args = [_read(Plan.from_wire, args[0]), *args[1:]]
    writer = Writer(scope, exposed)
    with (
        _telling(exposed, scope.registry),
        transaction.atomic(using=writer.using, savepoint=False),
        deadline(scope.deadline, writer.using),
    ):
        return run(writer, *args)


def _read(read: Callable[[Any], Any], wire: Any) -> Any:
    try:
        return read(wire)
    except MalformedPlan as error:
        raise Refusal(FailureCode.MALFORMED, f"The plan cannot be read: {error}.") from error


def _update(writer: Writer, plan: Plan, named: Any) -> int:
    return changing.update(writer, plan, _read(named_from_wire, named))


def _relate(writer: Writer, ref: Any, name: Any, operation: Any, given: Any = ()) -> Any:
    if not isinstance(name, str) or operation not in _RELATING:
        raise Refusal(
            FailureCode.MALFORMED, f"A relation is written by one of {', '.join(_RELATING)}."
        )
    relation = relation_of(writer, writer.load(ref), name)
    if operation == "create":
        return creating.create_related(relation, given)
    return relate(relation, operation, given)


_RELATING = ("add", "remove", "set", "clear", "create")

_OF_OBJECTS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "create": (creating.create, 2, 2),
    "bulk_create": (creating.bulk_create, 3, 3),
    "update": (_update, 2, 2),
    "bulk_update": (changing.bulk_update, 3, 3),
    "delete": (changing.delete_all, 1, 1),
    "get_or_create": (creating.get_or_create, 3, 4),
    "update_or_create": (creating.update_or_create, 3, 4),
}
_OF_INSTANCES: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "save": (changing.save, 3, 3),
    "delete": (changing.delete, 1, 1),
    "relate": (_relate, 3, 4),
}


# What the caller learns of constraints


class Violated(Told, IntegrityError):
    """The database refused what would break a constraint."""


class Unsupported(Told, NotSupportedError):
    """Django cannot do that with such a queryset."""


class Protected(Told, ProtectedError):
    """Rows refer to what should be deleted, and protect it. Which ones is not told."""

    def __init__(self, text: str):
        super().__init__(text, [])  # type: ignore[arg-type]  # sets do not travel

    def __str__(self) -> str:
        return str(self.args[0])


class Restricted(Told, RestrictedError):
    """Rows refer to what should be deleted, and restrict that. Which ones is not told."""

    def __init__(self, text: str):
        super().__init__(text, [])  # type: ignore[arg-type]

    def __str__(self) -> str:
        return str(self.args[0])


@contextmanager
def _telling(exposed: ExposedModel, registry: Registry) -> Iterator[None]:
    try:
        yield
    except QueryRefused as error:
        raise Refusal(FailureCode.QUERY_REFUSED, str(error)) from error
    except ProtectedError as error:
        raise Protected(_referring(exposed, registry, error.protected_objects, PROTECT)) from error
    except RestrictedError as error:
        raise Restricted(
            _referring(exposed, registry, error.restricted_objects, RESTRICT)
        ) from error
    except NotSupportedError as error:
        if error.__cause__ is not None:  # the database's own, whatever it says
            raise
        raise Unsupported(str(error)) from error
    except IntegrityError as error:
        raise Violated(f"{exposed.name}: the database refused this; {_kind(error)}.") from error


def _referring(exposed: ExposedModel, registry: Registry, found: set[Model], how: Any) -> str:
    """Return Django's own words, without what is not exposed."""
    names = set()
    for cls in {type(each) for each in found}:
        other = registry.model(cls)
        fields: tuple[Any, ...] = () if other is None else other.fields
        keys = [
            f"'{cls.__name__}.{field.name}'"
            for field in fields
            if field.is_relation
            and issubclass(exposed.model, field.related_model)
            and field.remote_field.on_delete is how
        ]
        names.update(keys or ["others"])
    kind = "protected" if how is PROTECT else "restricted"
    return (
        f"Cannot delete some instances of model '{exposed.model.__name__}' because they are "
        f"referenced through {kind} foreign keys: {', '.join(sorted(names))}."
    )


_UNIQUE = "a value that must be unique is there already"
_FOREIGN = "a row of another model is missing, or still refers to this one"
_NULL = "a value is missing"
_CHECK = "a condition that rows must meet does not hold"
_KINDS = {
    "23505": _UNIQUE,
    "23503": _FOREIGN,
    "23502": _NULL,
    "23514": _CHECK,
    "SQLITE_CONSTRAINT_UNIQUE": _UNIQUE,
    "SQLITE_CONSTRAINT_PRIMARYKEY": _UNIQUE,
    "SQLITE_CONSTRAINT_FOREIGNKEY": _FOREIGN,
    "SQLITE_CONSTRAINT_NOTNULL": _NULL,
    "SQLITE_CONSTRAINT_CHECK": _CHECK,
}


def _kind(error: IntegrityError) -> str:
    """Return which kind of constraint it was, by the drivers' own codes."""
    cause: Any = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    name = code or getattr(cause, "sqlite_errorname", None)
    return _KINDS.get(str(name), "a constraint does not hold")
