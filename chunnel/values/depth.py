"""Whether a value nests too deep, found level by level.

Recursion would be the thing we guard against, and a look at every item would cost as much as
packing it. So each level is judged by the set of types in it, which C code gathers, and only levels
that hold containers are opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

from ..exceptions import SerializationError
from .limits import MAX_DEPTH
from .models import InstanceRef, InstanceRow, QuerySetRef, RowSet

_CONTAINERS: frozenset[type[Any]] = frozenset({list, tuple, dict, set, frozenset})
_LIST, _DICT = {list}, {dict}
_BASES = tuple(_CONTAINERS)
_COUNTED_ANEW: frozenset[type[Any]] = frozenset({InstanceRef, InstanceRow, RowSet, QuerySetRef})


def is_too_deep(value: Any, *, keys: bool = True) -> bool:
    """Say whether containers nest more than MAX_DEPTH deep; without ``keys``, keys do not count."""
    level: Collection[Any] = (value,)
    for _ in range(MAX_DEPTH + 1):
        kinds = set(map(type, level))
        if kinds == _LIST:
            level = next(iter(level)) if len(level) == 1 else list(chain.from_iterable(level))
        elif kinds == _DICT:
            inner = [*map(dict.values, level), *level] if keys else map(dict.values, level)
            level = list(chain.from_iterable(inner))
        elif not any_container(kinds):
            return False
        else:
            level = list(chain.from_iterable(_opened(level, keys)))
    return True


def _opened(level: Iterable[Any], keys: bool) -> Iterator[Iterable[Any]]:
    for item in level:
        kind = type(item)
        if kind is dict or (kind not in _CONTAINERS and issubclass(kind, dict)):
            yield item.values()
            if keys:
                yield item
        elif _is_container(kind):
            yield item


def check_depth(value: Any, *, keys: bool = True) -> None:
    """Raise SerializationError if ``value`` is too deep."""
    if is_too_deep(value, keys=keys):
        raise SerializationError(f"nested more than {MAX_DEPTH} deep")


def any_container(kinds: Iterable[type[Any]]) -> bool:
    """Say whether a value of one of these types holds others that count with it."""
    return any(map(_is_container, kinds))


def _is_container(kind: type[Any]) -> bool:
    return kind in _CONTAINERS or (issubclass(kind, _BASES) and kind not in _COUNTED_ANEW)
