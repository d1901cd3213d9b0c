"""What all parts of a plan share when they are read from the wire."""

from __future__ import annotations

DEEPEST = 64  # levels read from the wire before the gate can judge: far below Python's recursion


class MalformedPlan(ValueError):
    """What arrived is not the wire form of a plan."""
