"""How large a plan may be. Each limit shuts a way to make a small request cost a lot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The caps on one plan; ``CHUNNEL_SERVER["LIMITS"]`` changes them, in capitals."""

    query_steps: int = 64
    """Methods chained on one queryset and those within it. What people write has a handful; each is
    replayed."""

    query_nodes: int = 200
    """Conditions, their connectors and expressions in a query and those within it, together.
    Databases plan a few hundred quickly and a few thousand not at all; SQLite's own limit on an
    expression is 1,000. A reference to an annotation counts as much as the annotation, because
    Django writes it out again: twenty annotations, each the sum of the one before with itself,
    would make a million terms."""

    query_depth: int = 12
    """Nesting of Q objects, expressions and queries. Django compiles them by recursion, several
    frames a level."""

    query_joins: int = 12
    """Relations that a query and those within it cross: each is a join or, for
    ``prefetch_related``, a query. Joins to many rows multiply each other, and from 12 tables on
    PostgreSQL no longer looks for the best order of joining."""

    query_list: int = 1_000
    """Values in one list, for ``__in``. Oracle stops there too, and every value is a parameter."""

    query_string: int = 4_096
    """Characters (or bytes) of one value: a search term, not a document to compare with. The texts
    in expressions count together, since every row of the result may carry them."""

    query_digits: int = 100
    """Digits of a number before or after the point. A Decimal of a few bytes can stand for a
    million digits, which the database or Django would write out."""

    query_names: int = 200
    """Names, expressions, relations or queries that one method lists. They may repeat, and Django
    compares each with all before it."""

    query_path: int = 200
    """Characters of one field path or name, so that an error message that quotes it stays short."""

    query_offset: int = 1_000_000
    """Where a slice may begin or end: the database walks over all rows before it."""

    query_seconds: int = 300
    """Seconds that the database works for one call (for a stream: for one of its parts), whatever
    time its caller gives it, who need not give any."""

    @classmethod
    def from_settings(cls, limits: Mapping[str, Any]) -> QueryLimits:
        """Return the limits with those of the setting in place; other names are ignored."""
        known = {each.name for each in fields(cls)}
        given = {name.lower(): value for name, value in limits.items()}
        return cls(**{name: int(value) for name, value in given.items() if name in known})


DEFAULT_LIMITS = QueryLimits()
