"""How one call's parts become its result; the rest is seen in what drives it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chunnel.client.exchanges import Exchange
from chunnel.client.options import CallOptions
from chunnel.exceptions import SerializationError
from chunnel.protocol.messages import Chunk, Credit
from chunnel.serializers import load
from chunnel.server.outflow import parts

ID = b"12345678"


def exchange(max_result: int = 2**20) -> Exchange:
    """Return a call of a remote that has nothing but what joining takes."""
    remote = SimpleNamespace(
        max_result=max_result,
        serializer=load("msgpack")(),
        settings=SimpleNamespace(timeout=None),
        hops=["tests"],
    )
    return Exchange(remote, "x.y", (b"", ()), CallOptions())  # type: ignore[arg-type]


@pytest.mark.parametrize("most", [1, 1_000, 65_536, 70_000, 10**6])
def test_parts_are_joined(most: int) -> None:
    """However the body and its binaries were cut; all bytes are granted anew."""
    value: Any = {"a": b"a" * 65_536, "b": [b"b" * 70_000, "text"], "c": b"c" * 131_072}
    packed = load("msgpack")().dumps(value)
    assert len(packed.blobs) == 3
    if most == 1:
        packed = packed._replace(blobs=tuple(blob[:9] for blob in packed.blobs))
        value = {"a": b"a" * 9, "b": [b"b" * 9, "text"], "c": b"c" * 9}
    call = exchange()
    assert call.add_part(Chunk(ID, part=True)) == Credit(0, 0)
    for chunk in parts(ID, *packed, most):
        size = len(chunk.body) + sum(map(len, chunk.blobs))
        assert size <= most
        assert call.add_part(chunk) == Credit(0, size)
    assert call.whole() == value


def test_a_binary_that_is_not_finished() -> None:
    """The rest never came, though the sender said so."""
    call = exchange()
    call.add_part(Chunk(ID, 0, b"\xc0", (b"half",), part=True, more=True))
    with pytest.raises(SerializationError, match="in the middle of a binary"):
        call.whole()


def test_a_result_that_is_too_large() -> None:
    """Slices count as they come."""
    call = exchange(max_result=8)
    assert call.add_part(Chunk(ID, 0, b"", (b"half",), part=True, more=True)) == Credit(0, 4)
    assert call.add_part(Chunk(ID, 0, b"", (b"rest+",), part=True)) is None
    assert not call.has_parts
