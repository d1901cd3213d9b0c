"""Condition trees."""

from __future__ import annotations

from chunnel.plans import Leaf, Node
from chunnel.plans.tree import tree_from_wire, tree_to_wire, walk

TREE = Node("or", False, (Leaf("a", 1), Node("and", True, (Leaf("b", [2]), Leaf("c", None)))))


def test_the_wire_form() -> None:
    wire = tree_to_wire(TREE)
    assert wire == [
        "or",
        False,
        [["=", "a", 1], ["and", True, [["=", "b", [2]], ["=", "c", None]]]],
    ]
    assert tree_from_wire(wire) == TREE


def test_walking_tells_the_depth() -> None:
    found = [
        (each.key if isinstance(each, Leaf) else each.connector, depth)
        for each, depth in walk(TREE)
    ]
    assert found == [("or", 1), ("a", 2), ("and", 2), ("b", 3), ("c", 3)]
