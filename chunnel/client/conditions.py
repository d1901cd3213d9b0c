"""What ``filter(…)`` takes, turned into the conditions of a plan.

Q objects and keywords are read as data: keywords never pass through ``Q(**…)``, which gives some of
them a meaning of their own. Values become plain ones here, so that both gates see what travels.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from django.db import NotSupportedError
from django.db.models import Q
from django.db.models import QuerySet as DjangoQuerySet
from django.utils.functional import Promise

from ..plans import Leaf, Node, Tree
from .models import RemoteInstance, reference

_CONNECTORS = {Q.AND: "and", Q.OR: "or", Q.XOR: "xor"}


def condition(args: Iterable[Any], kwargs: Mapping[str, Any]) -> Tree:
    """Return the condition that all of ``args`` and ``kwargs`` hold.

    Raise NotSupportedError for what is neither a Q object nor a plain value.
    """
    children = [_tree(one) for one in args]
    children += [Leaf(key, plain(value)) for key, value in kwargs.items()]
    return children[0] if len(children) == 1 else Node("and", False, tuple(children))


def _tree(one: Any) -> Tree:
    if isinstance(one, Q):
        children = tuple(_tree(child) for child in one.children)
        return Node(_CONNECTORS[one.connector], bool(one.negated), children)
    if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str):
        return Leaf(one[0], plain(one[1]))
    raise NotSupportedError(
        f"A remote queryset takes Q objects and keywords as conditions, not {type(one).__name__}."
    )


def plain(value: Any) -> Any:
    """Return ``value`` as it travels in a condition: instances as references, enums as values.

    A local queryset is evaluated now, and so is anything else that is iterated over.
    """
    from .querysets import RemoteQuerySet

    if isinstance(value, RemoteInstance):
        return reference(value)
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)  # SafeString and the like are text
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, DjangoQuerySet):
        if isinstance(value, RemoteQuerySet) and not value.is_evaluated:
            raise NotSupportedError(
                "A remote queryset cannot be part of a condition; list() fetches its values."
            )
        return [plain(item) for item in value]
    if hasattr(value, "resolve_expression"):
        raise NotSupportedError(
            f"A remote queryset cannot compare with {type(value).__name__}, only with values."
        )
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(item) for item in value]
        return items if isinstance(value, list) else type(value)(items) if _bare(value) else items
    if isinstance(value, Iterator | range) or (
        isinstance(value, Collection) and not isinstance(value, bytes | bytearray | Mapping)
    ):
        return [plain(item) for item in value]
    return value


def _bare(value: Any) -> bool:
    """Say whether the type of ``value`` is a built-in collection and no named tuple."""
    return type(value) in {tuple, set, frozenset}
