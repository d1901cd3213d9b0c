"""Frozen values that stand for model things on the wire, and the table of types that can travel.

Nothing here knows models, querysets or sockets. A server lowers an instance to an InstanceRow and a
queryset to a RowSet; a client lowers its instances to InstanceRef; serializers pack these.
"""

from __future__ import annotations

from .models import (
    PK_COLUMN,
    TEXT_COLUMN,
    InstanceRef,
    InstanceRow,
    QuerySetRef,
    Related,
    Relation,
    RowSet,
)
from .types import TypeTable, WireType

__all__ = [
    "PK_COLUMN",
    "TEXT_COLUMN",
    "InstanceRef",
    "InstanceRow",
    "QuerySetRef",
    "Related",
    "Relation",
    "RowSet",
    "TypeTable",
    "WireType",
]
