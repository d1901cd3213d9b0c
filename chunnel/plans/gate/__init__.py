"""The gate: which plans a model's declaration allows.

What is not declared is refused, by name, and the refusal lists what is legal. The rules:

* A condition's key must be, letter for letter, one of the keys that ``filter_fields`` spells out:
  each declared path alone (which means ``exact``) and with each declared lookup. ``pk``,
  ``pk__exact`` and ``pk__in`` are always legal, and so are they under the key field's own name;
  what is declared of that field is legal of ``pk`` too. A declared foreign key may be written with
  ``_id`` as well. Nothing is parsed or resolved, so no spelling can mean more than what was
  declared. Or the key begins with the name of an annotation and goes on with a lookup of a closed
  list. This holds wherever a condition stands: in filters, in ``Case``, in an aggregate's
  ``filter``.
* What is computed with, shown or aggregated must be readable: a column in ``fields``, an
  annotation, or a path whose every relation is in ``fields`` and leads to an exposed model where
  the end is readable too. ``filter_fields`` and ``ordering_fields`` make nothing readable.
  (The reverse costs nothing: who may read a value may also give it a name and compare it.)
* Order by ``ordering_fields`` and annotations, or by an expression of what is readable. It is an
  oracle otherwise.
* Functions, types and parts of dates are of the closed lists in ``functions``; values are of a
  closed set of plain types; the names of annotations are plain words that no field has.
* Rows of other models come only from exposed models, across declared relations or by a plan of
  their own, which is judged by that model's rules. The verdict names those models; whether this
  caller may see them, and whether a model that was read across a relation hides rows from him, is
  asked with the call at hand.
* Everything has a cap, and a plan pays for the plans within it (see ``limits``).
* A plan that breaks a rule is refused whole; no part of it is ever dropped, for a query without its
  condition returns everything.

The client asks the gate to fail early and say why; the server asks it because the client may be
anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...exceptions import QueryRefused
from ..expressions import Expression, Literal, is_expression
from ..limits import DEFAULT_LIMITS, QueryLimits
from ..plan import Plan
from .bill import Bill, Verdict
from .expressions import check_plain_name, judge, judge_type
from .scope import Scope
from .steps import judge_steps
from .tables import Find, Hidden, Table, legal

__all__ = ["OPERATIONS", "Rules", "Verdict"]

OPERATIONS = ("rows", "get", "first", "last", "count", "exists", "aggregate")


def _nothing_hidden(_model: str) -> frozenset[str]:
    return frozenset()


class Rules:
    """What the gate allows for one model, spelled out once so that a check is a look-up.

    ``find`` gives the schema of any exposed model by its remote name, or None. ``hidden`` gives the
    names that a model has beside what it declares, so that no annotation takes one; only the server
    knows them.
    """

    def __init__(
        self,
        model: str,
        find: Find,
        limits: QueryLimits = DEFAULT_LIMITS,
        hidden: Hidden = _nothing_hidden,
    ):
        self.model = model
        self.limits = limits
        self._find = find
        self._hidden = hidden
        self._tables: dict[str, Table] = {}
        table = self._table(model)
        if table is None:
            raise LookupError(f"no model is exposed as {model!r}")
        self.table = table

    def check(
        self, plan: Plan, op: str, expressions: Iterable[tuple[str, Expression]] = ()
    ) -> Verdict:
        """Return which models the plan touches; raise QueryRefused that names what is not allowed.

        ``expressions`` are what the operation "aggregate" asks for, by name.
        """
        if op not in OPERATIONS:
            raise QueryRefused(
                f"{self.model}: no operation is named {op[: self.limits.query_path]!r}."
            )
        scope = self._judged(plan)
        expressions = tuple(expressions)
        if expressions:
            if op != "aggregate":
                raise QueryRefused(f"{self.model}: the operation {op!r} takes no expressions.")
            self._judge_aggregates(scope, expressions)
        return scope.bill.verdict()

    def check_steps(self, plan: Plan) -> Verdict:
        """Check a plan whatever is done with it: for a method of the manager."""
        return self._judged(plan).bill.verdict()

    def check_changes(self, plan: Plan, changes: Mapping[str, Any]) -> Verdict:
        """Check what ``update()`` of the plan's rows sets: values, or expressions of the row.

        A plain value is only stored, so it is for the field to judge.
        """
        scope = self._judged(plan)
        scope.bill.check_names(len(changes))
        for name, value in changes.items():
            if name not in self.table.writable:
                raise QueryRefused(
                    f"{self.model} does not let {scope.bill.quoted(name)} be written; "
                    f"{legal(sorted(self.table.writable))}."
                )
            if isinstance(value, Literal):
                if value.type is not None:
                    judge_type(scope, value.type)
            elif is_expression(value):
                judge(scope, value, 1)
        return scope.bill.verdict()

    def _judged(self, plan: Plan) -> Scope:
        if plan.model != self.model:
            raise QueryRefused(f"{self.model}: the plan is for another model.")
        scope = Scope(self.table, self._table, Bill(self.model, self.limits))
        judge_steps(scope, plan, 0)
        return scope

    def _judge_aggregates(
        self, scope: Scope, expressions: tuple[tuple[str, Expression], ...]
    ) -> None:
        """An aggregate may have the name of a field: the result is a dict."""
        scope.bill.check_names(len(expressions))
        for name, expression in expressions:
            check_plain_name(scope, name, expression)
            before = scope.bill.nodes
            judge(scope, expression, 1)
            scope.named[name] = scope.bill.nodes - before

    def _table(self, model: str) -> Table | None:
        found = self._tables.get(model)
        if found is None:
            schema = self._find(model)
            if schema is None:
                return None
            found = self._tables[model] = Table(model, schema, self._find, self._hidden(model))
        return found
