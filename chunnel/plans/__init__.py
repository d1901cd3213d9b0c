"""A queryset as data, and the gate that judges it. Both sides use both."""

from __future__ import annotations

from .gate import OPERATIONS, Rules, check
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
from .tree import Leaf, MalformedPlan, Node, Tree

__all__ = [
    "DEFAULT_LIMITS",
    "OPERATIONS",
    "Distinct",
    "Exclude",
    "Filter",
    "Leaf",
    "MalformedPlan",
    "Node",
    "OrderBy",
    "Plan",
    "QueryLimits",
    "Reverse",
    "Rules",
    "Slice",
    "Step",
    "Tree",
    "Values",
    "ValuesList",
    "check",
]
