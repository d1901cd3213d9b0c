"""The gate: which plans a model's declaration allows.

What is not declared is refused, by name, and the refusal lists what is legal. The rules:

* A condition's key must be, letter for letter, one of the keys that ``filter_fields`` spells out:
  each declared path alone (which means ``exact``) and with each declared lookup. ``pk``,
  ``pk__exact`` and ``pk__in`` are always legal, and so are they under the key field's own name.
  Nothing is parsed or resolved, so no spelling can mean more than what was declared. A declared
  foreign key may be written with ``_id`` as well.
* Rows show readable fields only, in ``values`` and ``values_list`` as everywhere.
* Order only by ``ordering_fields``, forward or backward. It is an oracle otherwise.
* Values are of a closed set of plain types, of bounded length.
* A plan that breaks a rule is refused whole; no part of it is ever dropped, for a query without its
  condition returns everything.

The client asks the gate to fail early and say why; the server asks it because the client may be
anybody.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ..exceptions import QueryRefused
from ..schema import ModelSchema
from ..values import InstanceRef
from .limits import DEFAULT_LIMITS, QueryLimits
from .plan import (
    Distinct,
    Exclude,
    Filter,
    OrderBy,
    Plan,
    Reverse,
    Slice,
    Step,
    Values,
    ValuesList,
)
from .tree import Leaf, Tree, walk

OPERATIONS = ("rows", "get", "first", "last", "count", "exists")

_PATH = re.compile(r"[a-z][a-z0-9_]*")
_PLAIN = {
    type(None),
    bool,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
}
_LISTS = {list, tuple, set, frozenset}


class Rules:
    """What the gate allows for one model, spelled out once so that a check is a look-up."""

    def __init__(self, model: str, schema: ModelSchema, limits: QueryLimits = DEFAULT_LIMITS):
        self.model = model
        self.limits = limits
        self.lookups = {name: tuple(lookups) for name, lookups in schema.filter_fields}
        relations = {field.name for field in schema.fields if field.relation is not None} | {
            field.name for field in schema.fields if field.type in _RELATIONS
        }
        self.readable = frozenset(
            {"pk", schema.pk}
            | {field.name for field in schema.fields}
            | {f"{name}_id" for name in relations}
        )
        keys = {"pk", "pk__exact", "pk__in", schema.pk, f"{schema.pk}__exact", f"{schema.pk}__in"}
        for name, lookups in self.lookups.items():
            spellings = [name, f"{name}_id"] if name in relations else [name]
            for spelling in spellings:
                keys.update(f"{spelling}__{lookup}" for lookup in lookups)
                if "exact" in lookups:
                    keys.add(spelling)
        self.keys = frozenset(keys)
        self.ordering = frozenset(schema.ordering_fields) | (
            {"pk"} if schema.pk in schema.ordering_fields else frozenset()
        )
        self._shown_fields = sorted(field.name for field in schema.fields)

    def check(self, plan: Plan, op: str) -> None:
        """Return if the plan is allowed; raise QueryRefused that names what is not."""
        if op not in OPERATIONS:
            raise QueryRefused(f"{self.model}: no operation is named {self._quoted(op)}.")
        self.check_steps(plan)

    def check_steps(self, plan: Plan) -> None:
        """Check a plan whatever is done with it: for a method of the manager."""
        if plan.model != self.model:
            raise QueryRefused(f"{self.model}: the plan is for another model.")
        if len(plan.steps) > self.limits.query_steps:
            self._over("more methods are chained", self.limits.query_steps, "QUERY_STEPS")
        nodes = 0
        for step in plan.steps:
            if isinstance(step, Filter | Exclude):
                nodes += self._check_tree(step.tree)
                if nodes > self.limits.query_nodes:
                    self._over(
                        "the filters hold more conditions", self.limits.query_nodes, "QUERY_NODES"
                    )
            else:
                self._check_step(step)

    def _check_step(self, step: Step) -> None:
        names = getattr(step, "names", ())
        if len(names) > self.limits.query_names:
            self._over("a step names more fields", self.limits.query_names, "QUERY_NAMES")
        if isinstance(step, OrderBy):
            self._check_order(step.names)
        elif isinstance(step, Values | ValuesList):
            self._check_readable(step.names)
            if isinstance(step, ValuesList) and step.flat and (step.named or len(step.names) > 1):
                raise QueryRefused(
                    f"{self.model}: values_list with flat=True takes one field and no named=True."
                )
        elif isinstance(step, Slice):
            if max(step.start, step.stop or 0) > self.limits.query_offset:
                self._over("a slice reaches further", self.limits.query_offset, "QUERY_OFFSET")
        elif not isinstance(step, Reverse | Distinct):
            raise QueryRefused(f"{self.model}: {type(step).__name__} is no step of a plan.")

    def _check_tree(self, tree: Tree) -> int:
        nodes = 0
        for each, depth in walk(tree):
            nodes += 1
            if depth > self.limits.query_depth:
                self._over("conditions are nested deeper", self.limits.query_depth, "QUERY_DEPTH")
            if isinstance(each, Leaf):
                if each.key not in self.keys:
                    self._refuse_key(each.key)
                self._check_value(each.key, each.value)
        return nodes

    def _check_order(self, names: Iterable[str]) -> None:
        for name in names:
            bare = name.removeprefix("-")
            if bare not in self.ordering:
                raise QueryRefused(
                    f"{self.model} cannot be ordered by {self._quoted(bare)}; "
                    f"{_legal(sorted(self.ordering))}."
                )

    def _check_readable(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.readable:
                raise QueryRefused(
                    f"{self.model} shows no field {self._quoted(name)}; "
                    f"{_legal(self._shown_fields)}."
                )

    def _refuse_key(self, key: str) -> None:
        path, _, lookup = key.rpartition("__")
        if path in self.lookups and _PATH.fullmatch(lookup):
            raise QueryRefused(
                f"{self.model} does not allow the lookup {self._quoted(lookup)} of {path!r}; "
                f"{_legal(self.lookups[path])}."
            )
        if key in self.lookups:  # declared, but not for equality
            raise QueryRefused(
                f"{self.model} does not allow the lookup 'exact' of {key!r}; "
                f"{_legal(self.lookups[key])}."
            )
        raise QueryRefused(
            f"{self.model} cannot be filtered by {self._quoted(key)}; "
            f"{_legal(['pk', *sorted(self.lookups)])}."
        )

    def _check_value(self, key: str, value: Any, *, inside: bool = False) -> None:
        kind = type(value)
        if kind in _PLAIN:
            return
        if kind is str or kind is bytes:
            if len(value) > self.limits.query_string:
                self._over(
                    f"a value for {key!r} is longer", self.limits.query_string, "QUERY_STRING"
                )
        elif kind is int:
            # A bit is worth 0.3 digits; comparing bits avoids writing the number out.
            if value.bit_length() > self.limits.query_digits * 10 // 3:
                self._over(
                    f"a value for {key!r} has more digits", self.limits.query_digits, "QUERY_DIGITS"
                )
        elif kind is float:
            return
        elif kind is Decimal:
            self._check_decimal(key, value)
        elif kind is InstanceRef:
            self._check_value(key, value.pk, inside=True)
        elif kind in _LISTS and not inside:
            if len(value) > self.limits.query_list:
                self._over(f"the list for {key!r} is longer", self.limits.query_list, "QUERY_LIST")
            for item in value:
                self._check_value(key, item, inside=True)
        else:
            raise QueryRefused(
                f"{self.model}: a condition on {key!r} cannot hold a value of type {kind.__name__}."
            )

    def _check_decimal(self, key: str, value: Decimal) -> None:
        if not value.is_finite():
            raise QueryRefused(
                f"{self.model}: {value} for {key!r} is not a number to compare with."
            )
        if max(abs(value.adjusted()), len(value.as_tuple().digits)) > self.limits.query_digits:
            self._over(
                f"a value for {key!r} has more digits", self.limits.query_digits, "QUERY_DIGITS"
            )

    def _over(self, what: str, limit: int, name: str) -> None:
        raise QueryRefused(f"{self.model}: {what} than {limit} ({name}).")

    def _quoted(self, name: str) -> str:
        return repr(name[: self.limits.query_path])


_RELATIONS = {"ForeignKey", "OneToOneField"}


def _legal(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return f"legal are: {text}" if text else "nothing is declared"


def check(plan: Plan, op: str, schema: ModelSchema, limits: QueryLimits = DEFAULT_LIMITS) -> None:
    """Raise QueryRefused unless ``schema`` allows ``plan``; for many checks keep a ``Rules``."""
    Rules(plan.model, schema, limits).check(plan, op)
