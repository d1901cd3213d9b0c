"""Whether a value nests too deep, found level by level.

Recursion would be the thing we guard against, and a look at every item would cost as much as
packing it. So each level is judged by the set of types in it, which C code gathers, and only levels
that hold containers are opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from ..exceptions import SerializationError
from .limits import MAX_DEPTH
from .models import InstanceRef, InstanceRow, RowSet

_CONTAINERS = (list, tuple, dict, set, frozenset)
_COUNTED_ANEW = frozenset({InstanceRef, InstanceRow, RowSet})


def is_too_deep(value: Any, *, keys: bool = True) -> bool:
    """Say whether containers nest more than MAX_DEPTH deep; without ``keys``, keys do not count."""
    level: Sequence[Any] = (value,)
    for _ in range(MAX_DEPTH + 1):
        containers = {kind for kind in set(map(type, level)) if _is_container(kind)}
        if not containers:
            return False
        if len(level) == 1 and type(level[0]) is list:
            level = level[0]
            continue
        inner: list[Iterable[Any]] = []
        for item in level:
            kind = type(item)
            if kind in containers:
                if issubclass(kind, dict):
                    inner.append(item.values())
                    if keys:
                        inner.append(item)
                else:
                    inner.append(item)
        level = list(chain.from_iterable(inner))
    return True


def check_depth(value: Any, *, keys: bool = True) -> None:
    """Raise SerializationError if ``value`` is too deep."""
    if is_too_deep(value, keys=keys):
        raise SerializationError(f"nested more than {MAX_DEPTH} deep")


def _is_container(kind: type[Any]) -> bool:
    return issubclass(kind, _CONTAINERS) and kind not in _COUNTED_ANEW
