"""Managers of remote models, and the methods that a manager has over there.

A manager has what a queryset has and begins a new one each time. Its other public lower_case
attributes are methods of the remote manager; a call sends the plan of the queryset it is made on.
The words by which libraries feel for a kind of object (``DUCKS``) are none.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .callables import RemoteCallable, given, restore
from .querysets import RemoteQuerySet
from .remotes import Remote, get_remote
from .rules import refusing, rules_for
from .signature import find_manager_method, find_model
from .unsupported import ATTRIBUTES, DUCKS, is_missing, supported

if TYPE_CHECKING:
    from ..schema import FunctionSchema
    from .classes import RemoteClass


_OF_QUERYSETS = frozenset(
    {"adelete", "delete", "evaluated", "is_evaluated", "ordered", "query"}
)  # and of no manager
_NO_METHODS = ATTRIBUTES | DUCKS


class RemoteManager:
    """``Account.objects``: where querysets begin."""

    __slots__ = ("model",)

    model: RemoteClass

    def __init__(self, model: RemoteClass):
        self.model = model

    def get_queryset(self) -> RemoteQuerySet:
        """Return a queryset of all rows that the remote shows."""
        return RemoteQuerySet(self.model)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ATTRIBUTES or name in _OF_QUERYSETS:
            raise AttributeError(f"{self!r} has no attribute {name!r}", name=name, obj=self)
        return getattr(self.get_queryset(), name)

    def __repr__(self) -> str:
        return f"<RemoteManager of {'.'.join(self.model._chunnel_path)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteManager) and self.model is other.model

    def __hash__(self) -> int:
        return hash(self.model)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_manager_of, (self.model,))

    def __dir__(self) -> list[str]:
        own = {"get_queryset", "model"}
        inherited = set(supported(RemoteQuerySet)) - _OF_QUERYSETS
        return sorted({*own, *inherited, *manager_methods(self.model)})


_manager_of = attrgetter("objects")


def manager_methods(model: RemoteClass) -> Iterable[str]:
    schema = get_remote(model._chunnel_alias).schema_or_none()
    described = find_model(schema, *model._chunnel_path) if schema is not None else None
    return [one.name for one in described.manager_methods] if described is not None else []


def manager_method(queryset: RemoteQuerySet, name: str) -> ManagerMethod:
    from .names import is_class_name, is_step

    model = queryset.__dict__.get("model")  # absent while the instance is being made
    ours = is_step(name) and not is_class_name(name) and name not in _NO_METHODS
    if model is None or not ours or is_missing(type(queryset), name):
        raise AttributeError(f"'RemoteQuerySet' object has no attribute {name!r}")
    schema = get_remote(model._chunnel_alias).held_schema
    described = find_model(schema, *model._chunnel_path) if schema is not None else None
    if described is not None and find_manager_method(described, name) is None:
        legal = ", ".join(one.name for one in described.manager_methods)
        known = f"; the manager's methods are: {legal}" if legal else ""
        raise AttributeError(
            f"The manager of {described.name!r} exposes no attribute {name!r}{known}.", name=name
        )
    return ManagerMethod(queryset, name)


class ManagerMethod(RemoteCallable):
    """A method of a remote model's manager: ``Account.objects.overdrawn``."""

    __slots__ = ("_queryset",)

    _queryset: RemoteQuerySet

    # In a template it is shown as nothing, like a method of Django's that alters data.
    do_not_call_in_templates = False
    alters_data = True

    def __init__(self, queryset: RemoteQuerySet, name: str):
        model = queryset.model
        super().__init__(model._chunnel_alias, *model._chunnel_path, "objects", name)
        object.__setattr__(self, "_queryset", queryset)
        object.__setattr__(self, "_options", queryset._options)

    def __repr__(self) -> str:
        return f"<remote manager method {self.__qualname__}>"

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self._queryset is other._queryset  # type: ignore[attr-defined]

    __hash__ = RemoteCallable.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return (restore, (type(self), (self._queryset, self._path[-1]), given(self._options)))

    def _described(self) -> FunctionSchema | None:
        schema = get_remote(self._alias).schema_or_none()
        model = find_model(schema, *self._path[:2]) if schema is not None else None
        return find_manager_method(model, self._path[-1]) if model is not None else None

    def _prepared(self, remote: Remote, args: tuple[Any, ...]) -> tuple[Any, ...]:
        plan = self._queryset._nested_plan()
        rules = rules_for(remote, plan.model)
        if rules is not None:
            with refusing(remote):
                rules.check_steps(plan)
        return (plan.to_wire(), *args)
