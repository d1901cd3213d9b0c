"""The JSON serializer: for people who read the wire, and for peers that have nothing else."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from .tree import TreeSerializer

_MAX_DIGITS = 20
"""Digits of an integer written as a number: those of 64 bits. Larger ones travel as hexadecimal
texts, since converting decimal digits takes time that grows with their square."""

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class JSONSerializer(TreeSerializer):
    """RFC 8259 in UTF-8, compact, with tags for what JSON does not have."""

    name: ClassVar[str] = "json"

    def pack(self, tree: Any) -> bytes:
        """Return ``tree`` as JSON."""
        return json.dumps(
            tree, ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
        ).encode()

    def unpack(self, body: bytes) -> Any:
        """Return the tree in ``body``."""
        tree = json.loads(
            str(body, "utf-8"),
            parse_int=_parse_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_distinct,
        )
        if _ESCAPED_SURROGATE.search(body) is not None:
            # Escapes can spell half a surrogate pair, a text that could not travel on from here.
            json.dumps(tree, ensure_ascii=False).encode()
        return tree


def _parse_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"an integer of more than {_MAX_DIGITS} digits")
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found
