"""What a tree is made of, as the base promises it to those who pack one."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings

from chunnel.exceptions import SerializationError
from chunnel.serializers import TreeSerializer
from chunnel.values.limits import MAX_DEPTH

from . import strategies


class Recorder(TreeSerializer):
    """Keeps the tree it was given last; not what a serializer may do, but what a test may."""

    name = "recorder"
    tree: Any = None

    def pack(self, tree: Any) -> bytes:
        self.tree = tree
        return json.dumps(tree).encode()

    def unpack(self, body: bytes) -> Any:
        return json.loads(body)


def check_tree(node: Any) -> None:
    if type(node) is list:
        for item in node:
            check_tree(item)
    elif type(node) is dict:
        for key, item in node.items():
            assert type(key) is str
            check_tree(item)
    elif type(node) is int:
        assert -(1 << 63) <= node < 1 << 64
    elif type(node) is float:
        assert math.isfinite(node)
    else:
        assert type(node) in {type(None), bool, str}


@settings(deadline=None)
@given(value=strategies.values)
def test_a_tree_holds_plain_values_alone(value: Any) -> None:
    recorder = Recorder()
    recorder.dumps(value)
    check_tree(recorder.tree)


def test_what_pack_refuses_is_a_serialization_error() -> None:
    class Picky(Recorder):
        def pack(self, tree: Any) -> bytes:
            raise ValueError("this format knows nothing")

    with pytest.raises(SerializationError, match="value: this format knows nothing"):
        Picky().dumps([1])


def test_what_unpack_refuses_is_a_serialization_error() -> None:
    class Picky(Recorder):
        def unpack(self, body: bytes) -> Any:
            raise KeyError("missing")

    with pytest.raises(SerializationError, match="malformed recorder: 'missing'"):
        Picky().loads(b"")


def test_dicts_that_look_tagged_are_tagged() -> None:
    recorder = Recorder()
    recorder.dumps({"$x": {"$y": 1, "z": {2: 3}}})
    assert recorder.tree == {"$dict": [["$x", {"$y": 1, "z": {"$dict": [[2, 3]]}}]]}


def test_dicts_of_pairs_nest_no_deeper_than_others() -> None:
    body = b'{"$dict":[[1,' * (MAX_DEPTH + 1) + b"1" + b"]]}" * (MAX_DEPTH + 1)
    with pytest.raises(SerializationError, match="deep"):
        Recorder().loads(body)
