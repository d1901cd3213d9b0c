"""What ``filter(…)`` takes, turned into the conditions of a plan.

Q objects and keywords are read as data: keywords never pass through ``Q(**…)``, which gives some of
them a meaning of their own. Values become plain ones here, so that both gates see what travels.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.models import Q
from django.db.models import QuerySet as DjangoQuerySet
from django.utils.functional import Promise

from ..plans import Expression, Items, Leaf, Literal, Node, Tree, is_expression
from .models import RemoteInstance, reference

if TYPE_CHECKING:
    from .expressions import Lifter

_CONNECTORS = {Q.AND: "and", Q.OR: "or", Q.XOR: "xor"}
_NO_LOOKUPS = frozenset({"_connector", "_negated"})  # keywords of Q itself


def condition(args: Iterable[Any], kwargs: Mapping[str, Any], lifter: Lifter) -> Tree:
    """Return the condition that all of ``args`` and ``kwargs`` hold.

    Raise NotSupportedError for what is neither a condition nor a value that can travel, TypeError
    for keywords that are no lookups.
    """
    invalid = _NO_LOOKUPS & kwargs.keys()
    if invalid:
        named = ", ".join(f"'{name}'" for name in sorted(invalid))
        raise TypeError(f"The following kwargs are invalid: {named}")
    children = [tree(one, lifter) for one in args]
    children += [Leaf(key, compared(value, lifter)) for key, value in kwargs.items()]
    return children[0] if len(children) == 1 else Node("and", False, tuple(children))


def tree(one: Any, lifter: Lifter) -> Tree:
    """Return one condition: a Q object, a pair of key and value or an expression that holds."""
    if type(one) is Q:
        children = tuple(tree(child, lifter) for child in one.children)
        return Node(_CONNECTORS[one.connector], bool(one.negated), children)
    if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str):
        return Leaf(one[0], compared(one[1], lifter))
    if hasattr(one, "resolve_expression"):
        return lifter.holds(one)
    raise NotSupportedError(
        "A remote queryset takes Q objects, expressions and keywords as conditions, not "
        f"{type(one).__name__}."
    )


def compared(value: Any, lifter: Lifter) -> Any:
    """Return what a condition compares with: a plain value or an expression of a plan."""
    if _computes(value):
        return lifter.expression(value)
    nested = lifter.nested(value)
    if nested is not None:
        return nested
    found = plain(value, lifter)
    if isinstance(found, list | tuple | set | frozenset) and any(map(is_expression, found)):
        return Items(tuple(_as_expression(item) for item in found))
    return found


def _as_expression(item: Any) -> Expression:
    return item if is_expression(item) else Literal(item)


def plain(value: Any, lifter: Lifter) -> Any:
    """Return what travels for a value.

    Instances become references, members of enumerations their values, texts of any kind text, and
    whatever can be iterated over a list. Values in a list that are expressions become those.
    """
    if isinstance(value, RemoteInstance):
        return _reference(value, lifter)
    if isinstance(value, enum.Enum):
        return plain(value.value, lifter)
    if isinstance(value, str):
        return str.__str__(value)  # SafeString and the like are text
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, DjangoQuerySet):
        return [plain(item, lifter) for item in value]
    if isinstance(value, list | tuple | set | frozenset):
        items = [_item(item, lifter) for item in value]
        return items if isinstance(value, list) else type(value)(items) if _bare(value) else items
    if isinstance(value, Iterator | range) or (
        isinstance(value, Collection) and not isinstance(value, bytes | bytearray | Mapping)
    ):
        return [_item(item, lifter) for item in value]
    return value


def _item(value: Any, lifter: Lifter) -> Any:
    return lifter.expression(value) if _computes(value) else plain(value, lifter)


def _computes(value: Any) -> bool:
    """Say whether ``value`` is an expression. To Django a local queryset is; here it is values."""
    return hasattr(value, "resolve_expression") and not isinstance(value, DjangoQuerySet)


def _reference(instance: RemoteInstance, lifter: Lifter) -> Any:
    cls = instance._chunnel_class
    if cls._chunnel_alias != lifter.alias:
        raise ValueError(
            f"{'.'.join(cls._chunnel_path)} is a model of {cls._chunnel_alias}, which "
            f"{lifter.alias} cannot load; give the value to compare with."
        )
    if instance.pk is None:
        raise ValueError("Model instances passed to related filters must be saved.")
    return reference(instance)


def _bare(value: Any) -> bool:
    """Say whether the type of ``value`` is a built-in collection and no named tuple."""
    return type(value) in {tuple, set, frozenset}
