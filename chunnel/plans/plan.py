"""A plan: what a queryset asks for, as data.

A plan names a model and lists steps, in the order in which the caller chained them. The server
replays the steps one by one on its own queryset, so the meaning of every chain is Django's own, and
a further queryset method is one more step here, one more clause in the gate, one more line in the
replay.

On the wire a plan is ``[model, [step, …]]`` and a step ``[kind, value, …]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from .tree import MalformedPlan, Tree, tree_from_wire, tree_to_wire

MOST_STEPS = 1_000  # read from the wire before the gate can judge


class Filter(NamedTuple):
    tree: Tree


class Exclude(NamedTuple):
    tree: Tree


class OrderBy(NamedTuple):
    """No names take the order away, as in Django."""

    names: tuple[str, ...]


class Reverse(NamedTuple):
    pass


class Distinct(NamedTuple):
    pass


class Slice(NamedTuple):
    """Rows ``start`` up to and without ``stop``, counted within what the steps before left."""

    start: int
    stop: int | None


class Values(NamedTuple):
    """Rows as dicts. No names stand for every readable field."""

    names: tuple[str, ...]


class ValuesList(NamedTuple):
    """Rows as tuples, with ``flat`` as the single values, with ``named`` as named tuples."""

    names: tuple[str, ...]
    flat: bool = False
    named: bool = False


Step: TypeAlias = Filter | Exclude | OrderBy | Reverse | Distinct | Slice | Values | ValuesList

_KINDS: dict[str, type[Any]] = {
    "filter": Filter,
    "exclude": Exclude,
    "order_by": OrderBy,
    "reverse": Reverse,
    "distinct": Distinct,
    "slice": Slice,
    "values": Values,
    "values_list": ValuesList,
}
_NAMES = {step: name for name, step in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """A queryset as data. ``model`` is the remote name, "app_label.Model"."""

    model: str
    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Plan:
        """Return the plan with one more step."""
        return Plan(self.model, (*self.steps, step))

    @property
    def row(self) -> Values | ValuesList | None:
        """The step that decides what a row is; None: instances."""
        for step in reversed(self.steps):
            if isinstance(step, Values | ValuesList):
                return step
        return None

    @property
    def sliced(self) -> bool:
        return any(isinstance(step, Slice) for step in self.steps)

    def to_wire(self) -> list[Any]:
        """Return the plan as lists; the values in its conditions stay what they are."""
        return [self.model, [_step_to_wire(step) for step in self.steps]]

    @classmethod
    def from_wire(cls, wire: Any) -> Plan:
        """Return the plan that ``to_wire`` described; raise MalformedPlan for anything else."""
        if not isinstance(wire, list | tuple) or len(wire) != 2:
            raise MalformedPlan("a plan is not a list of two")
        model, steps = wire
        if not isinstance(model, str) or not isinstance(steps, list | tuple):
            raise MalformedPlan("a plan without a model's name or without steps")
        if len(steps) > MOST_STEPS:
            raise MalformedPlan("too many steps")
        return cls(model, tuple(_step_from_wire(step) for step in steps))


def _step_to_wire(step: Step) -> list[Any]:
    kind = _NAMES[type(step)]
    if isinstance(step, Filter | Exclude):
        return [kind, tree_to_wire(step.tree)]
    return [kind, *(list(value) if isinstance(value, tuple) else value for value in step)]


def _step_from_wire(wire: Any) -> Step:
    if not isinstance(wire, list | tuple) or not wire or not isinstance(wire[0], str):
        raise MalformedPlan("a step is not a list that begins with its kind")
    kind, *rest = wire
    step = _KINDS.get(kind)
    if step is None:
        raise MalformedPlan(f"no step is named {kind[:40]!r}")
    if len(rest) > len(step._fields):
        raise MalformedPlan(f"the step {kind!r} has too many values")
    if step is Filter or step is Exclude:
        return step(tree_from_wire(rest[0] if rest else None))  # type: ignore[no-any-return]
    if step is Slice:
        return _slice(rest)
    if step is Reverse or step is Distinct:
        return step()  # type: ignore[no-any-return]
    names = rest[0] if rest else None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise MalformedPlan(f"the step {kind!r} does not list names")
    if not all(isinstance(flag, bool) for flag in rest[1:]):
        raise MalformedPlan(f"the step {kind!r} has a flag that is neither true nor false")
    return step(tuple(names), *rest[1:])  # type: ignore[no-any-return]


def _slice(rest: list[Any]) -> Slice:
    if len(rest) != 2 or type(rest[0]) is not int or type(rest[1]) not in {int, type(None)}:
        raise MalformedPlan("a slice without whole numbers")
    start, stop = rest
    if start < 0 or (stop is not None and stop < start):
        raise MalformedPlan("a slice that begins below 0 or after its end")
    return Slice(start, stop)
