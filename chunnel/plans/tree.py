"""The condition of a filter: a tree of connectors and leaves.

A leaf keeps its key as the caller wrote it (``branch__city__exact``) and its value as it is.
Nothing here knows what the key means: the gate compares it with what is declared, and the server
hands it to the ORM as data, never as a keyword.

On the wire a leaf is ``["=", key, value]``, one that compares with an expression is
``["=e", key, expression]``, an expression that is a condition by itself is
``["?", false, expression]`` and a node ``[connector, negated, [child, …]]``; the first item tells
kinds apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from .expressions import Expression, expression_from_wire, expression_to_wire, is_expression
from .malformed import DEEPEST, MalformedPlan

CONNECTORS = ("and", "or", "xor")


class Leaf(NamedTuple):
    """One condition: ``key`` is a field path with an optional lookup.

    ``value`` is a plain value or an expression.
    """

    key: str
    value: Any


class Holds(NamedTuple):
    """An expression that is true or false by itself: ``filter(Exists(…))``."""

    expression: Expression


class Node(NamedTuple):
    """Conditions joined by ``connector``; ``negated`` turns the whole around."""

    connector: str
    negated: bool
    children: tuple[Tree, ...]


Tree: TypeAlias = Leaf | Holds | Node


def tree_to_wire(tree: Tree) -> list[Any]:
    """Return the tree as lists."""
    if isinstance(tree, Leaf):
        if is_expression(tree.value):
            return ["=e", tree.key, expression_to_wire(tree.value)]
        return ["=", tree.key, tree.value]
    if isinstance(tree, Holds):
        return ["?", False, expression_to_wire(tree.expression)]
    return [tree.connector, tree.negated, [tree_to_wire(child) for child in tree.children]]


def tree_from_wire(wire: Any, depth: int = 0) -> Tree:
    """Return the tree that ``tree_to_wire`` described; raise MalformedPlan for anything else."""
    if depth > DEEPEST:
        raise MalformedPlan("conditions nested too deep")
    if not isinstance(wire, list | tuple) or len(wire) != 3:
        raise MalformedPlan("a condition is not a list of three")
    kind, second, third = wire
    if kind == "=" or kind == "=e":
        if not isinstance(second, str):
            raise MalformedPlan("the key of a condition is not text")
        return Leaf(second, third if kind == "=" else expression_from_wire(third, depth + 1))
    if kind == "?":
        return Holds(expression_from_wire(third, depth + 1))
    if not isinstance(kind, str) or kind not in CONNECTORS:
        raise MalformedPlan("a condition of an unknown kind")
    if not isinstance(second, bool) or not isinstance(third, list | tuple):
        raise MalformedPlan("a connector without a sign or without conditions")
    return Node(kind, second, tuple(tree_from_wire(child, depth + 1) for child in third))


def walk(tree: Tree, depth: int = 1) -> Iterator[tuple[Tree, int]]:
    """Yield every node and leaf with its depth, the root first."""
    yield tree, depth
    if isinstance(tree, Node):
        for child in tree.children:
            yield from walk(child, depth + 1)
