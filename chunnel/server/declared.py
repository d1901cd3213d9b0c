"""Declared annotations, computed so that the query around them stays what it was.

An aggregate in a query groups its rows: a filter across a relation to many would change what it
counts, rows that such a filter gives twice would become one, and the model's own order would be
lost. Nobody who only lists accounts expects that of a number beside each. So an aggregate is
computed by a query of its own for each row; anything else stands in the query as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, OuterRef, Q, Subquery


def apart(model: type[Model], annotations: Mapping[str, Any]) -> dict[str, Any]:
    """Return these expressions by name, each of which may use those before it."""
    found: dict[str, Any] = {}
    for name, expression in annotations.items():
        rows = model._base_manager.alias(**found).annotate(**{name: expression})  # noqa: SLF001 - Django's documented API
        if rows.query.group_by is not None:
            alone = rows.order_by().filter(Q(("pk", OuterRef("pk"))))
            expression = Subquery(alone.values(name))
        found[name] = expression
    return found
