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

from .expressions import Expression, Ordering
from .tree import Tree


class Filter(NamedTuple):
    tree: Tree


class Exclude(NamedTuple):
    tree: Tree


class OrderBy(NamedTuple):
    """No names take the order away, as in Django."""

    names: tuple[str | Ordering, ...]


class Reverse(NamedTuple):
    pass


class Distinct(NamedTuple):
    """Without names whole rows are compared; names are PostgreSQL's ``DISTINCT ON``."""

    names: tuple[str, ...] = ()


class Slice(NamedTuple):
    """Rows ``start`` up to and without ``stop``, counted within what the steps before left."""

    start: int
    stop: int | None


class Annotate(NamedTuple):
    """More values for each row, by name."""

    expressions: tuple[tuple[str, Expression], ...]


class Alias(NamedTuple):
    """As ``Annotate``, for later steps alone."""

    expressions: tuple[tuple[str, Expression], ...]


class Values(NamedTuple):
    """Rows as dicts. No names and expressions stand for every readable field."""

    names: tuple[str | Expression, ...]
    expressions: tuple[tuple[str, Expression], ...] = ()


class ValuesList(NamedTuple):
    """Rows as tuples, with ``flat`` as the single values, with ``named`` as named tuples."""

    names: tuple[str | Expression, ...]
    expressions: tuple[tuple[str, Expression], ...] = ()
    flat: bool = False
    named: bool = False


class Dates(NamedTuple):
    """The different dates of a field, cut to ``kind``: "year", "month", "week" or "day"."""

    field: str
    kind: str
    order: str = "ASC"


class Datetimes(NamedTuple):
    """As ``Dates``, also to "hour", "minute" and "second", in a zone by name or the current one."""

    field: str
    kind: str
    order: str = "ASC"
    zone: str | None = None


class Only(NamedTuple):
    names: tuple[str, ...]


class Defer(NamedTuple):
    """No names take back what was deferred, as ``defer(None)`` does."""

    names: tuple[str, ...]


class SelectRelated(NamedTuple):
    """Relations to bring along in the same query; no names take them all back."""

    names: tuple[str, ...]


class Fetch(NamedTuple):
    """A relation to fetch along: ``Prefetch(path, queryset, to_attr)``.

    ``plan`` None means every row that the caller may see.
    """

    path: str
    plan: Plan | None = None
    to_attr: str | None = None


class PrefetchRelated(NamedTuple):
    """No lookups take all back, as ``prefetch_related(None)`` does."""

    lookups: tuple[Fetch, ...]


class Combine(NamedTuple):
    """``union`` ("union", with ``all``), ``intersection`` or ``difference`` with other plans."""

    kind: str
    all: bool
    plans: tuple[Plan, ...]


class Merge(NamedTuple):
    """``&``, ``|`` or ``^`` with another plan: "and", "or", "xor"."""

    connector: str
    plan: Plan


class Nothing(NamedTuple):
    """``none()``, where it is part of another plan."""


class Of(NamedTuple):
    """The rows that a relation of one instance leads to: ``branch.accounts``.

    It is the first step, or follows those of the queryset by which the rows were prefetched; no
    slice, combination or choice of values stands before it.

    ``model`` is the remote name of the instance's model and ``key`` its primary key.
    """

    model: str
    key: Any
    relation: str


Row: TypeAlias = Values | ValuesList | Dates | Datetimes

Step: TypeAlias = (
    Filter
    | Exclude
    | OrderBy
    | Reverse
    | Distinct
    | Slice
    | Annotate
    | Alias
    | Values
    | ValuesList
    | Dates
    | Datetimes
    | Only
    | Defer
    | SelectRelated
    | PrefetchRelated
    | Combine
    | Merge
    | Nothing
    | Of
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A queryset as data. ``model`` is the remote name, "app_label.Model"."""

    model: str
    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Plan:
        """Return the plan with one more step."""
        return Plan(self.model, (*self.steps, step))

    @property
    def row(self) -> Row | None:
        """The step that decides what a row is; None: instances."""
        for step in reversed(self.steps):
            if isinstance(step, Values | ValuesList | Dates | Datetimes):
                return step
        return None

    @property
    def sliced(self) -> bool:
        return any(isinstance(step, Slice) for step in self.steps)

    def to_wire(self) -> list[Any]:
        """Return the plan as lists; the values in its conditions stay what they are."""
        from .wire import step_to_wire

        return [self.model, [step_to_wire(step) for step in self.steps]]

    @classmethod
    def from_wire(cls, wire: Any, depth: int = 0) -> Plan:
        """Return the plan that ``to_wire`` described; raise MalformedPlan for anything else."""
        from .wire import plan_from_wire

        return plan_from_wire(wire, depth)
