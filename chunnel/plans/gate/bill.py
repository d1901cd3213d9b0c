"""What a plan costs, and which models it touches: one bill for it and all the plans within it."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from ...exceptions import QueryRefused
from ..limits import QueryLimits


class Verdict(NamedTuple):
    """The models that a plan which passed the gate touches, for the server to ask for leave.

    ``queried``: models whose rows are fetched or looked for besides the plan's own, each rooted at
    that model's own queryset. ``crossed``: models that a path reads from across a relation, past
    their querysets.
    """

    queried: frozenset[str] = frozenset()
    crossed: frozenset[str] = frozenset()


ALONE = Verdict()


class Bill:
    """Counts up, and refuses what goes beyond the limits."""

    __slots__ = ("crossed", "joins", "limits", "model", "nodes", "queried", "steps", "text")

    def __init__(self, model: str, limits: QueryLimits):
        self.model = model
        self.limits = limits
        self.steps = self.nodes = self.joins = self.text = 0
        self.queried: set[str] = set()
        self.crossed: set[str] = set()

    def verdict(self) -> Verdict:
        """Return which models were touched."""
        queried = self.queried - {self.model}
        if not queried and not self.crossed:
            return ALONE
        return Verdict(frozenset(queried), frozenset(self.crossed))

    def add_steps(self, count: int) -> None:
        self.steps += count
        if self.steps > self.limits.query_steps:
            self.over("more methods are chained", self.limits.query_steps, "QUERY_STEPS")

    def enter(self, depth: int) -> None:
        """Count a condition or expression at this depth."""
        self.check_depth(depth)
        self.add_nodes(1)

    def add_nodes(self, count: int) -> None:
        self.nodes += count
        if self.nodes > self.limits.query_nodes:
            self.over(
                "the query holds more conditions and expressions",
                self.limits.query_nodes,
                "QUERY_NODES",
            )

    def add_text(self, size: int) -> None:
        """Count text that every row may carry."""
        self.text += size
        if self.text > self.limits.query_string:
            self.over(
                "the texts in expressions are longer together",
                self.limits.query_string,
                "QUERY_STRING",
            )

    def add_join(self) -> None:
        self.joins += 1
        if self.joins > self.limits.query_joins:
            self.over("the query crosses more relations", self.limits.query_joins, "QUERY_JOINS")

    def check_depth(self, depth: int) -> None:
        if depth > self.limits.query_depth:
            self.over(
                "conditions, expressions or queries are nested deeper",
                self.limits.query_depth,
                "QUERY_DEPTH",
            )

    def check_names(self, count: int) -> None:
        if count > self.limits.query_names:
            self.over("a step names more", self.limits.query_names, "QUERY_NAMES")

    def over(self, what: str, limit: int, name: str) -> NoReturn:
        raise QueryRefused(f"{self.model}: {what} than {limit} ({name}).")

    def quoted(self, name: str) -> str:
        """Return a name for a message, cut to a length that stays readable."""
        return repr(name[: self.limits.query_path])
