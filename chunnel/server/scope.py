"""What one call may see: the rows of each model, and which models at all.

The rules:

* ``get_queryset(context)`` of a model is the root of whatever shows or names its rows, in every
  place of a plan. It is asked once a call.
* ``has_view_permission(context)`` is asked of every model whose rows a plan shows or compares with.
* What the database does for a call ends with the call's time, or after ``QUERY_SECONDS``.
* A path that crosses into another model joins its table, past its ``get_queryset``. So it is
  refused where that one narrows the rows, unless the declaration names the very path.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..protocol.messages import FailureCode
from .failures import Refusal

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from ..context import ServedCall
    from ..plans import QueryLimits
    from ..plans.gate import Verdict
    from ..registry import ExposedModel, Registry


class Scope:
    """The view that ``served`` has of the models that ``registry`` exposes."""

    def __init__(self, served: ServedCall, registry: Registry, limits: QueryLimits):
        self.served = served
        self.registry = registry
        self.limits = limits
        self._roots: dict[str, QuerySet[Any]] = {}
        latest = time.monotonic() + limits.query_seconds
        self.deadline = latest if served.deadline is None else min(latest, served.deadline)

    def exposed(self, name: str) -> ExposedModel:
        """Return the model of this remote name; raise the refusal if there is none."""
        found = self.registry.model_named(name)
        if found is None:
            raise Refusal(FailureCode.NOT_EXPOSED, f"No model is exposed as {name[:200]!r}.")
        return found

    def root(self, exposed: ExposedModel) -> QuerySet[Any]:
        """Return the rows that the call may see."""
        found = self._roots.get(exposed.name)
        if found is None:
            found = self._roots[exposed.name] = exposed.get_queryset(self.served)
        return found.all()

    def narrows(self, exposed: ExposedModel) -> bool:
        """Say whether the call may see some rows of the table and perhaps not others."""
        query = self.root(exposed).query
        return bool(
            query.where
            or query.is_sliced
            or query.combinator
            or query.distinct
            or query.extra_tables
        )

    def admit(self, exposed: ExposedModel, verdict: Verdict) -> None:
        """Raise the refusal if a plan of this model reads what the call may not see."""
        crossed = [self.exposed(name) for name in sorted(verdict.crossed)]
        queried = [self.exposed(name) for name in sorted(verdict.queried)]
        self.ask_view([exposed, *queried, *crossed])
        for each in crossed:
            if self.narrows(each):
                raise Refusal(
                    FailureCode.QUERY_REFUSED,
                    f"{exposed.name}: a path leads into {each.name}, which narrows its rows for "
                    f"you; use Subquery, Exists or prefetch_related.",
                )

    def ask_view(self, models: Iterable[ExposedModel], instance: Model | None = None) -> None:
        """Raise the refusal if the call may not read one of ``models``, or this instance of it."""
        for each in models:
            if not each.rpc.has_view_permission(self.served, instance):
                raise Refusal(FailureCode.DENIED, f"You may not view {each.name}.")

    def ask_change(self, exposed: ExposedModel, instance: Model) -> None:
        """Raise the refusal if the call may not change this instance."""
        if not exposed.rpc.has_change_permission(self.served, instance):
            raise Refusal(FailureCode.DENIED, f"You may not change this {exposed.name}.")
