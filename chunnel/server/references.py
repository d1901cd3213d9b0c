"""Instances as arguments: references are collected first, then loaded, one query a model.

They are loaded through ``get_queryset(context)``: what a caller may not see, it cannot name either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q

from ..plans import Plan
from ..protocol.messages import FailureCode
from ..values import InstanceRef, InstanceRow, QuerySetRef, RowSet
from .failures import Refusal

if TYPE_CHECKING:
    from ..registry import ExposedModel
    from .scope import Scope

MOST_REFERENCES = (
    1_000  # to one model in one call: each is a parameter of the query that loads them
)
LARGEST_KEY = 2**63  # what no integer field of any database holds; some drivers fail over it

_WHOLE = (InstanceRow, RowSet, QuerySetRef)  # results that came back; no references are in them


def resolve(
    args: list[Any], kwargs: dict[str, Any], scope: Scope
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments with every reference replaced by its instance."""
    found = References(scope)
    found.collect(args)
    found.collect(kwargs)
    return found.value(args), found.value(kwargs)


def referring(scope: Scope, *parts: Any) -> tuple[Any, ...]:
    """Return plans or expressions with instances in place of references."""
    found = References(scope)
    for part in parts:
        found.collect(part)
    return tuple(map(found.part, parts))


class References:
    """The references in one call's arguments."""

    def __init__(self, scope: Scope):
        self._scope = scope
        self._wanted: dict[str, list[Any]] = defaultdict(list)
        self._loaded: dict[str, dict[Any, Model]] | None = None

    def collect(self, value: Any) -> None:
        """Note the references in ``value``, a plan or anything that came in arguments."""
        if isinstance(value, InstanceRef):
            wanted = self._wanted[value.model]
            wanted.append(value.pk)
            if len(wanted) > MOST_REFERENCES:
                raise Refusal(
                    FailureCode.REFUSED,
                    f"One call takes at most {MOST_REFERENCES} instances of {value.model[:200]!r}.",
                )
        elif isinstance(value, dict):
            self._collect_all(value.keys())
            self._collect_all(value.values())
        elif isinstance(value, Plan):
            self._collect_all(value.steps)
        elif isinstance(value, list | tuple | set | frozenset):
            self._collect_all(value)

    def _collect_all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.collect(value)

    def part(self, value: Any) -> Any:
        """Return a plan, or a part of one, with instances in place of references.

        Its steps, trees and expressions are named tuples.
        """
        if not self._wanted:
            return value
        if isinstance(value, Plan):
            return Plan(value.model, tuple(map(self.part, value.steps)))
        if isinstance(value, tuple) and not isinstance(value, (InstanceRef, *_WHOLE)):
            parts = map(self.part, value)
            return value._make(parts) if hasattr(value, "_make") else tuple(parts)
        return self.value(value)

    def value(self, value: Any) -> Any:
        """Return ``value`` with instances in place of references."""
        if not self._wanted:
            return value
        if isinstance(value, InstanceRef):
            return self._instance(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return value  # a row or row set, which holds no references
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(map(self.value, value))
        return value

    def instance(self, ref: InstanceRef) -> Model:
        """Load one reference that was not collected."""
        self.collect(ref)
        return self._instance(ref)

    def _instance(self, ref: InstanceRef) -> Model:
        if self._loaded is None:
            self._loaded = {name: self._load(name, pks) for name, pks in self._wanted.items()}
        exposed = self._scope.exposed(ref.model)
        try:
            return self._loaded[ref.model][key_of(exposed, ref.pk)]
        except (KeyError, *NO_KEY):
            raise missing(exposed, ref) from None

    def _load(self, name: str, pks: list[Any]) -> dict[Any, Model]:
        exposed = self._scope.exposed(name)
        self._scope.ask_view([exposed])
        keys = set()
        for pk in pks:
            try:
                keys.add(key_of(exposed, pk))
            except NO_KEY:
                raise missing(exposed, InstanceRef(name, pk)) from None
        queryset = self._scope.root(exposed).filter(Q(("pk__in", list(keys))))
        found = {instance.pk: instance for instance in queryset}
        for instance in found.values():
            self._scope.ask_view([exposed], instance)
        return found


NO_KEY = (TypeError, ValueError, ArithmeticError, ValidationError)
"""What a field raises for a value that cannot be its own."""


def key_of(exposed: ExposedModel, pk: Any) -> Any:
    """Return a key as the model's own type; raise what Django raises for one that cannot be."""
    if pk is None:
        raise ValueError("an instance without a key was never saved")
    key = exposed.model._meta.pk.to_python(pk)
    hash(key)
    if isinstance(key, int) and not -LARGEST_KEY <= key < LARGEST_KEY:
        raise ValueError("no key is that large")
    return key


def missing(exposed: ExposedModel, ref: InstanceRef) -> Exception:
    """Return the exception for a reference that leads to no row that the call may see."""
    error: Exception = exposed.model.DoesNotExist(  # type: ignore[attr-defined]
        f"{exposed.name} with the key {_shown(ref.pk)!r} does not exist."
    )
    return error


def _shown(key: Any) -> str:
    """Return a key for people; anything may have come in its place."""
    if isinstance(key, str):
        return key[:100]
    if isinstance(key, int) and key.bit_length() > 64:
        return f"an integer of {key.bit_length()} bits"
    if isinstance(key, list | tuple | dict | set | frozenset):
        return f"a {type(key).__name__}"
    return str(key)[:100]
