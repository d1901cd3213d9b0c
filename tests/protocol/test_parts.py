"""The parts of control frames: what the two ways share."""

from __future__ import annotations

import msgpack
import pytest

from chunnel.protocol import parts
from chunnel.protocol.limits import MAX_DEPTH
from chunnel.protocol.messages import Kind


@pytest.mark.parametrize("kind", Kind)
def test_a_head_is_the_beginning_of_the_array(kind):
    """HELLO and GOAWAY bear version 0, all others 1; about calls there is an id."""
    version = 0 if kind.name in ("HELLO", "GOAWAY") else 1
    about_all = kind.name in ("HELLO", "WELCOME", "PING", "PONG", "GOAWAY")
    whole = msgpack.packb([version, int(kind), None if about_all else b"12345678", {}])
    head = parts.HEADS[kind] + (b"" if about_all else b"12345678") + parts.NO_FIELDS
    assert head == b"\xc1" + whole


def test_metadata_may_be_as_deep_as_the_limit_and_no_deeper():
    """The map itself is the first level."""
    value: object = 1
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert parts.metadata({"a": value})
    with pytest.raises(parts.Malformed, match="too deep"):
        parts.metadata({"a": [value]})
    with pytest.raises(parts.Malformed, match="too deep"):
        parts.metadata({"a": {"b": value}})
