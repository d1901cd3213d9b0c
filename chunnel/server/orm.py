"""From plans to querysets: where what a peer asked for meets the ORM.

The rules:

* ``get_queryset(context)`` is the root of every operation: queries, methods, instances as
  arguments.
* The gate has judged a plan before anything here sees it. Steps are replayed one by one, so
  slicing, reversing, ordering, and what may not follow what, are Django's own semantics and errors.
* A condition is handed over as ``Q((key, value))``, with a connector of our own choosing; what came
  over the wire is never a keyword.
* One evaluation is one query; one model's references are one query, however many they are.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.db.models.fields.files import FieldFile

from ..exceptions import QueryRefused
from ..plans import (
    Distinct,
    Exclude,
    Filter,
    Leaf,
    MalformedPlan,
    OrderBy,
    Plan,
    QueryLimits,
    Reverse,
    Slice,
    Step,
    Tree,
    Values,
    ValuesList,
)
from ..protocol.messages import FailureCode
from ..values import InstanceRef, InstanceRow, RowSet
from . import lowering
from .failures import Refusal

if TYPE_CHECKING:
    from ..context import ServedCall
    from ..registry import Entry, ExposedModel, Registry

BATCH = 1_000  # rows of one chunk, and of the largest result that comes as one
MOST_REFERENCES = (
    1_000  # to one model in one call: each is a parameter of the query that loads them
)
LARGEST_KEY = 2**63  # what no integer field of any database holds; some drivers fail over it

_CONNECTORS = {"and": Q.AND, "or": Q.OR, "xor": Q.XOR}
_SCALARS = (bool, int, float, str, bytes, complex, type(None), tuple, frozenset)


class Batches(NamedTuple):
    """More rows than one result holds, to be sent as the chunks of a stream."""

    whole: RowSet
    size: int = BATCH


# Queries


def query(
    entry: Entry, args: list[Any], served: ServedCall, limits: QueryLimits, registry: Registry
) -> Any:
    """Run an operation of a model's ``objects``; ``args`` are the plan and the operation."""
    exposed = _owner(entry)
    if len(args) != 2 or not isinstance(args[1], str):
        raise Refusal(FailureCode.MALFORMED, f"{entry.name} takes a plan and an operation.")
    plan, operation = _plan(args[0]), args[1]
    try:
        exposed.rules(limits).check(plan, operation)
    except QueryRefused as error:
        raise Refusal(FailureCode.QUERY_REFUSED, str(error)) from error
    found = _References(registry, served).collect_plan(plan)
    queryset = replay(exposed, exposed.get_queryset(served), found.plan(plan))
    return _operate(exposed, queryset, plan, operation)


def manager_queryset(
    entry: Entry, wire: Any, served: ServedCall, limits: QueryLimits, registry: Registry
) -> Any:
    """Return what a manager method is called on: a queryset, or a manager rooted at one."""
    exposed = _owner(entry)
    plan = _plan(wire)
    try:
        exposed.rules(limits).check_steps(plan)
    except QueryRefused as error:
        raise Refusal(FailureCode.QUERY_REFUSED, str(error)) from error
    found = _References(registry, served).collect_plan(plan)
    queryset = replay(exposed, exposed.get_queryset(served), found.plan(plan))
    if hasattr(queryset, entry.attribute):
        return queryset
    manager = copy.copy(exposed.model._default_manager)  # noqa: SLF001 - Django's documented API
    manager.get_queryset = queryset.all  # type: ignore[method-assign]
    return manager


def replay(exposed: ExposedModel, queryset: QuerySet[Any], plan: Plan) -> QuerySet[Any]:
    """Apply the steps of a plan that the gate has let through."""
    for step in plan.steps:
        queryset = _apply(exposed, queryset, step)
    return queryset


def _apply(exposed: ExposedModel, queryset: QuerySet[Any], step: Step) -> QuerySet[Any]:
    match step:
        case Filter(tree):
            return queryset.filter(_condition(tree))
        case Exclude(tree):
            return queryset.exclude(_condition(tree))
        case OrderBy(names):
            return queryset.order_by(*names)
        case Reverse():
            return queryset.reverse()
        case Distinct():
            return queryset.distinct()
        case Slice(start, stop):
            return queryset[start:stop]
        case Values(names):
            return queryset.values(*(names or exposed.attributes))
        case ValuesList(names, flat, named):
            return queryset.values_list(*(names or exposed.attributes), flat=flat, named=named)


def _condition(tree: Tree) -> Q:
    if isinstance(tree, Leaf):
        return Q((tree.key, tree.value))
    made = Q(*map(_condition, tree.children), _connector=_CONNECTORS[tree.connector])
    return ~made if tree.negated else made


def _operate(exposed: ExposedModel, queryset: QuerySet[Any], plan: Plan, operation: str) -> Any:
    match operation:
        case "rows":
            return _rows(exposed, queryset, plan)
        case "count":
            return queryset.count()
        case "exists":
            return queryset.exists()
    if plan.row is not None or exposed.shows_text:
        return getattr(queryset, operation)()  # get, first or last: the gate knows no others
    names = exposed.attributes
    found = getattr(
        queryset.prefetch_related(None).values_list("pk", *exposed.attributes), operation
    )()
    if found is None:
        return None
    values = tuple(found[1:])
    return InstanceRow(exposed.name, found[0], names, values, methods=exposed.methods)


def _rows(exposed: ExposedModel, queryset: QuerySet[Any], plan: Plan) -> RowSet | Batches:
    step = plan.row
    if step is None:
        whole = lowering.rows(exposed, queryset)
    else:
        names = step.names or exposed.attributes
        bounded = queryset.prefetch_related(None)[: exposed.max_rows + 1]
        tuples = list(bounded.values_list(*names))
        lowering.check_rows(exposed, len(tuples))
        whole = lowering.columns(None, names, tuples)
    return Batches(whole) if whole.columns and len(whole.columns[0]) > BATCH else whole


def _plan(wire: Any) -> Plan:
    try:
        return Plan.from_wire(wire)
    except MalformedPlan as error:
        raise Refusal(FailureCode.MALFORMED, f"The plan cannot be read: {error}.") from error


def _owner(entry: Entry) -> ExposedModel:
    assert entry.owner is not None
    return entry.owner


# Methods of instances


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


def subject(entry: Entry, ref: Any, served: ServedCall, registry: Registry) -> Subject:
    """Load the instance that a method is called on."""
    exposed = _owner(entry)
    if not isinstance(ref, InstanceRef) or ref.model != exposed.name:
        raise Refusal(FailureCode.MALFORMED, f"{entry.name} is called on an {exposed.name}.")
    found = _References(registry, served)
    found.collect(ref)
    return Subject(exposed, found.value(ref))


def _kept(value: Any) -> Any:
    """Return a value that does not change when the instance's does."""
    value = _plain(value)
    return value if isinstance(value, _SCALARS) else copy.deepcopy(value)


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, FieldFile) else value


# Instances as arguments


def resolve(
    args: list[Any], kwargs: dict[str, Any], served: ServedCall, registry: Registry
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments with every reference replaced by its instance."""
    found = _References(registry, served)
    found.collect(args)
    found.collect(kwargs)
    return found.value(args), found.value(kwargs)


class _References:
    """The references in one call's arguments: collected first, then loaded, a query a model."""

    def __init__(self, registry: Registry, served: ServedCall):
        self._registry = registry
        self._served = served
        self._wanted: dict[str, list[Any]] = defaultdict(list)
        self._loaded: dict[str, dict[Any, Model]] | None = None

    def collect(self, value: Any) -> None:
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
        elif isinstance(value, list | tuple | set | frozenset):
            self._collect_all(value)

    def _collect_all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.collect(value)

    def collect_plan(self, plan: Plan) -> _References:
        for step in plan.steps:
            if isinstance(step, Filter | Exclude):
                self._collect_tree(step.tree)
        return self

    def _collect_tree(self, tree: Tree) -> None:
        if isinstance(tree, Leaf):
            self.collect(tree.value)
        else:
            for child in tree.children:
                self._collect_tree(child)

    def plan(self, plan: Plan) -> Plan:
        """Return the plan with instances in place of references."""
        if not self._wanted:
            return plan
        return Plan(
            plan.model,
            tuple(
                type(step)(self._tree(step.tree)) if isinstance(step, Filter | Exclude) else step
                for step in plan.steps
            ),
        )

    def _tree(self, tree: Tree) -> Tree:
        if isinstance(tree, Leaf):
            return Leaf(tree.key, self.value(tree.value))
        return tree._replace(children=tuple(map(self._tree, tree.children)))

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

    def _instance(self, ref: InstanceRef) -> Model:
        if self._loaded is None:
            self._loaded = {name: self._load(name, pks) for name, pks in self._wanted.items()}
        exposed = self._exposed(ref.model)
        try:
            return self._loaded[ref.model][_key(exposed, ref.pk)]
        except (KeyError, *_NO_KEY):
            raise _missing(exposed, ref) from None

    def _load(self, name: str, pks: list[Any]) -> dict[Any, Model]:
        exposed = self._exposed(name)
        keys = set()
        for pk in pks:
            try:
                keys.add(_key(exposed, pk))
            except _NO_KEY:
                raise _missing(exposed, InstanceRef(name, pk)) from None
        queryset = exposed.get_queryset(self._served).filter(Q(("pk__in", list(keys))))
        return {instance.pk: instance for instance in queryset}

    def _exposed(self, name: str) -> ExposedModel:
        found = self._registry.model_named(name)
        if found is None:
            raise Refusal(FailureCode.NOT_EXPOSED, f"No model is exposed as {name[:200]!r}.")
        return found


_NO_KEY = (TypeError, ValueError, ArithmeticError, ValidationError)
"""What a field raises for a value that cannot be its own."""


def _key(exposed: ExposedModel, pk: Any) -> Any:
    """Return a key as the model's own type; raise what Django raises for one that cannot be."""
    if pk is None:
        raise ValueError("an instance without a key was never saved")
    key = exposed.model._meta.pk.to_python(pk)
    hash(key)
    if isinstance(key, int) and not -LARGEST_KEY <= key < LARGEST_KEY:
        raise ValueError("no key is that large")
    return key


def _missing(exposed: ExposedModel, ref: InstanceRef) -> Exception:
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
