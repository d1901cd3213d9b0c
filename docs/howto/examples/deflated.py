"""A serializer that sends JSON deflated, for slow lines between projects."""

from __future__ import annotations

import json
import zlib
from typing import Any, ClassVar

from chunnel.serializers import TreeSerializer

MAX_INFLATED = 64 * 1024 * 1024
"""Bytes that a body may inflate to: a few kilobytes could otherwise fill the memory."""


class DeflatedSerializer(TreeSerializer):
    """JSON, deflated."""

    name: ClassVar[str] = "deflated"

    def pack(self, tree: Any) -> bytes:
        """Return ``tree`` as deflated JSON."""
        return zlib.compress(json.dumps(tree, ensure_ascii=False).encode())

    def unpack(self, body: bytes) -> Any:
        """Return the tree in ``body``."""
        inflater = zlib.decompressobj()
        try:
            text = inflater.decompress(body, MAX_INFLATED)
        except zlib.error as error:
            raise ValueError(f"not deflated: {error}") from error
        if not inflater.eof or inflater.unused_data:
            raise ValueError("the body is cut short, too large, or followed by something else")
        return json.loads(text)
