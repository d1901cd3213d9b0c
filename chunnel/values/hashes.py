"""Whether a dict or set of values that arrived would take hours to make.

Hashes of texts and binaries are secret to each process, those of numbers are not: every multiple of
2**61 - 1 has the hash 0, be it an int, a Decimal or a UUID, and tuples are as predictable. Keys of
one hash are compared with one another, each with all before it, and no other thread runs meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..exceptions import SerializationError
from .limits import MAX_COLLISIONS


def check_hashes(values: Collection[Any]) -> None:
    """Raise SerializationError if too many of ``values`` share a hash, TypeError without one."""
    if len(values) <= MAX_COLLISIONS:
        return
    if len(values) - len(set(map(hash, values))) > MAX_COLLISIONS:
        raise SerializationError(f"more than {MAX_COLLISIONS} keys share their hash with another")
