"""What a plan says of the rows that are fetched along with its own.

Rows that a ``Prefetch`` with a queryset brought stand for that queryset: what refines them later
begins with its steps, as in Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from django.db.models.constants import LOOKUP_SEP

from ..plans import Fetch, Plan, PrefetchRelated, Step


class Prefetched(NamedTuple):
    """How the rows under one attribute were asked for.

    ``relation`` led to them, ``plan`` is that of their queryset, if they had one, and ``below`` has
    what was fetched along with them.
    """

    relation: str
    plan: Plan | None
    below: dict[str, Prefetched]


Tree: TypeAlias = Mapping[str, Prefetched]


class Rows(NamedTuple):
    """The rows of a relation to many, if they are here, and the steps that chose them."""

    found: list[Any] | None
    steps: tuple[Step, ...] = ()


def prefetched(plan: Plan) -> dict[str, Prefetched]:
    """Return what a plan fetches along by ``prefetch_related``, by the names of attributes."""
    found: dict[str, Prefetched] = {}
    for step in plan.steps:
        if isinstance(step, PrefetchRelated):
            if not step.lookups:
                found.clear()
            for fetch in step.lookups:
                _add(found, fetch)
    return found


def _add(tree: dict[str, Prefetched], fetch: Fetch) -> None:
    *parts, last = fetch.path.split(LOOKUP_SEP)
    for part in parts:
        tree = tree.setdefault(part, Prefetched(part, None, {})).below
    below = {} if fetch.plan is None else prefetched(fetch.plan)
    tree.setdefault(fetch.to_attr or last, Prefetched(last, fetch.plan, below))
