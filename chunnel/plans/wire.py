"""Plans and their steps as lists, and back.

Reading trusts nothing: whatever is not the wire form of a plan raises MalformedPlan, before the
gate judges what a plan means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .expressions import (
    Expression,
    Ordering,
    expression_from_wire,
    expression_to_wire,
    named_from_wire,
    named_to_wire,
    ordering_from_wire,
    ordering_to_wire,
)
from .malformed import DEEPEST, MalformedPlan
from .plan import (
    Alias,
    Annotate,
    Combine,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    Fetch,
    Filter,
    Merge,
    Nothing,
    Of,
    Only,
    OrderBy,
    Plan,
    PrefetchRelated,
    Reverse,
    SelectRelated,
    Slice,
    Step,
    Values,
    ValuesList,
)
from .tree import CONNECTORS, tree_from_wire, tree_to_wire

MOST_STEPS = 1_000  # read from the wire before the gate can judge
COMBINATIONS = ("union", "intersection", "difference")


def plan_from_wire(wire: Any, depth: int) -> Plan:
    """Return the plan; ``depth`` counts the levels around it. Raise MalformedPlan."""
    if depth > DEEPEST:
        raise MalformedPlan("plans nested too deep")
    if not isinstance(wire, list | tuple) or len(wire) != 2:
        raise MalformedPlan("a plan is not a list of two")
    model, steps = wire
    if not isinstance(model, str) or not isinstance(steps, list | tuple):
        raise MalformedPlan("a plan without a model's name or without steps")
    if len(steps) > MOST_STEPS:
        raise MalformedPlan("too many steps")
    return Plan(model, tuple(_step_from_wire(step, depth + 1) for step in steps))


def step_to_wire(step: Step) -> list[Any]:
    """Return the step as a list."""
    kind = _KINDS[type(step)]
    match step:
        case Filter(tree) | Exclude(tree):
            return [kind, tree_to_wire(tree)]
        case OrderBy(names):
            return [
                kind,
                [ordering_to_wire(each) if isinstance(each, Ordering) else each for each in names],
            ]
        case Annotate(expressions) | Alias(expressions):
            return [kind, named_to_wire(dict(expressions))]
        case Values(names, expressions):
            return [kind, _items_to_wire(names), named_to_wire(dict(expressions))]
        case ValuesList(names, expressions, flat, named):
            items = _items_to_wire(names)
            return [kind, items, named_to_wire(dict(expressions)), flat, named]
        case PrefetchRelated(lookups):
            return [
                kind,
                [
                    [path, None if plan is None else plan.to_wire(), to_attr]
                    for path, plan, to_attr in lookups
                ],
            ]
        case Combine(how, every, plans):
            return [kind, how, every, [plan.to_wire() for plan in plans]]
        case Merge(connector, plan):
            return [kind, connector, plan.to_wire()]
    return [kind, *(list(value) if isinstance(value, tuple) else value for value in step)]


def _items_to_wire(items: tuple[str | Expression, ...]) -> list[Any]:
    return [each if isinstance(each, str) else expression_to_wire(each) for each in items]


def _step_from_wire(wire: Any, depth: int) -> Step:
    if not isinstance(wire, list | tuple) or not wire or not isinstance(wire[0], str):
        raise MalformedPlan("a step is not a list that begins with its kind")
    kind, *rest = wire
    reader = _READERS.get(kind)
    if reader is None:
        raise MalformedPlan(f"no step is named {kind[:40]!r}")
    number, read = reader
    if len(rest) != number:
        raise MalformedPlan(f"the step {kind!r} has not {number} parts")
    return read(rest, depth)


def _names(wire: Any) -> tuple[str, ...]:
    if not isinstance(wire, list | tuple) or not all(isinstance(name, str) for name in wire):
        raise MalformedPlan("a step does not list names")
    return tuple(wire)


def _items(wire: Any, depth: int) -> tuple[str | Expression, ...]:
    if not isinstance(wire, list | tuple):
        raise MalformedPlan("a step does not list names and expressions")
    return tuple(
        each if isinstance(each, str) else expression_from_wire(each, depth) for each in wire
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedPlan("a step has something else in the place of a text")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise MalformedPlan("a step has a flag that is neither true nor false")
    return value


def _order_by(rest: list[Any], depth: int) -> OrderBy:
    if not isinstance(rest[0], list | tuple):
        raise MalformedPlan("an order is not a list")
    return OrderBy(
        tuple(
            each if isinstance(each, str) else ordering_from_wire(each, depth) for each in rest[0]
        )
    )


def _slice(rest: list[Any], _depth: int) -> Slice:
    start, stop = rest
    if type(start) is not int or type(stop) not in {int, type(None)}:
        raise MalformedPlan("a slice without whole numbers")
    if start < 0 or (stop is not None and stop < start):
        raise MalformedPlan("a slice that begins below 0 or after its end")
    return Slice(start, stop)


def _fetches(rest: list[Any], depth: int) -> PrefetchRelated:
    if not isinstance(rest[0], list | tuple):
        raise MalformedPlan("what to prefetch is not a list")
    found = []
    for each in rest[0]:
        if not isinstance(each, list | tuple) or len(each) != 3:
            raise MalformedPlan("what to prefetch is not a list of three")
        path, plan, to_attr = each
        inner = None if plan is None else plan_from_wire(plan, depth + 1)
        found.append(Fetch(_text(path), inner, _text_or_none(to_attr)))
    return PrefetchRelated(tuple(found))


def _combine(rest: list[Any], depth: int) -> Combine:
    how, every, plans = rest
    if how not in COMBINATIONS or not isinstance(plans, list | tuple):
        raise MalformedPlan("a combination of an unknown kind")
    return Combine(how, _flag(every), tuple(plan_from_wire(plan, depth + 1) for plan in plans))


def _merge(rest: list[Any], depth: int) -> Merge:
    connector, plan = rest
    if connector not in CONNECTORS:
        raise MalformedPlan("a merger of an unknown kind")
    return Merge(connector, plan_from_wire(plan, depth + 1))


# Each kind with the number of its parts and what reads them.
_READERS: dict[str, tuple[int, Callable[[list[Any], int], Step]]] = {
    "filter": (1, lambda rest, depth: Filter(tree_from_wire(rest[0], depth))),
    "exclude": (1, lambda rest, depth: Exclude(tree_from_wire(rest[0], depth))),
    "order_by": (1, _order_by),
    "reverse": (0, lambda rest, depth: Reverse()),  # noqa: ARG005
    "distinct": (1, lambda rest, depth: Distinct(_names(rest[0]))),  # noqa: ARG005
    "slice": (2, _slice),
    "annotate": (1, lambda rest, depth: Annotate(named_from_wire(rest[0], depth))),
    "alias": (1, lambda rest, depth: Alias(named_from_wire(rest[0], depth))),
    "values": (
        2,
        lambda rest, depth: Values(_items(rest[0], depth), named_from_wire(rest[1], depth)),
    ),
    "values_list": (
        4,
        lambda rest, depth: ValuesList(
            _items(rest[0], depth),
            named_from_wire(rest[1], depth),
            _flag(rest[2]),
            _flag(rest[3]),
        ),
    ),
    "dates": (3, lambda rest, depth: Dates(*map(_text, rest))),  # noqa: ARG005
    "datetimes": (
        4,
        lambda rest, depth: Datetimes(  # noqa: ARG005
            _text(rest[0]), _text(rest[1]), _text(rest[2]), _text_or_none(rest[3])
        ),
    ),
    "only": (1, lambda rest, depth: Only(_names(rest[0]))),  # noqa: ARG005
    "defer": (1, lambda rest, depth: Defer(_names(rest[0]))),  # noqa: ARG005
    "select_related": (1, lambda rest, depth: SelectRelated(_names(rest[0]))),  # noqa: ARG005
    "prefetch_related": (1, _fetches),
    "combine": (3, _combine),
    "merge": (2, _merge),
    "none": (0, lambda rest, depth: Nothing()),  # noqa: ARG005
    "of": (3, lambda rest, depth: Of(_text(rest[0]), rest[1], _text(rest[2]))),  # noqa: ARG005
}
_KINDS: dict[type[Any], str] = {
    Filter: "filter",
    Exclude: "exclude",
    OrderBy: "order_by",
    Reverse: "reverse",
    Distinct: "distinct",
    Slice: "slice",
    Annotate: "annotate",
    Alias: "alias",
    Values: "values",
    ValuesList: "values_list",
    Dates: "dates",
    Datetimes: "datetimes",
    Only: "only",
    Defer: "defer",
    SelectRelated: "select_related",
    PrefetchRelated: "prefetch_related",
    Combine: "combine",
    Merge: "merge",
    Nothing: "none",
    Of: "of",
}
