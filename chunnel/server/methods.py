"""Methods of instances: the instance is loaded, the method called, and told what changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.db.models.fields.files import FieldFile

from ..protocol.messages import FailureCode
from ..values import InstanceRef
from .failures import Refusal
from .references import References

if TYPE_CHECKING:
    from ..registry import Entry, ExposedModel
    from .scope import Scope

_SCALARS = (bool, int, float, str, bytes, complex, type(None), tuple, frozenset)


class Subject:
    """The instance a method is called on, and what its readable fields were before."""

    def __init__(self, exposed: ExposedModel, instance: Model):
        self.exposed = exposed
        self.instance = instance
        self._before = [_kept(getattr(instance, name)) for name in exposed.attributes]

    def changed(self) -> dict[str, Any] | None:
        """Return the readable fields that the method changed, or None."""
        exposed, instance = self.exposed, self.instance
        computed = [
            attribute
            for attribute in exposed.attributes
            if hasattr(getattr(instance, attribute), "resolve_expression")
        ]
        if computed:  # F("balance") + 1 was saved; only the database knows what that is
            instance.refresh_from_db(fields=computed)
        found = {}
        for name, before in zip(exposed.attributes, self._before, strict=True):
            now = _plain(getattr(instance, name))
            if now != before or type(now) is not type(before):
                found[name] = now
        return found or None


def subject(entry: Entry, ref: Any, scope: Scope) -> Subject:
    """Load the instance that a method is called on; ask whether that is allowed."""
    exposed = entry.owner
    assert exposed is not None
    if not isinstance(ref, InstanceRef) or ref.model != exposed.name:
        raise Refusal(FailureCode.MALFORMED, f"{entry.name} is called on an {exposed.name}.")
    instance = References(scope).instance(ref)
    scope.ask_view([exposed], instance)
    if entry.effect == "write":
        scope.ask_change(exposed, instance)
    return Subject(exposed, instance)


def _kept(value: Any) -> Any:
    """Return a value that does not change when the instance's does."""
    value = _plain(value)
    return value if isinstance(value, _SCALARS) else copy.deepcopy(value)


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, FieldFile) else value
