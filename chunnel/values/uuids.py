"""UUIDs from their bytes, without the constructor.

It is Python code that costs five times as much, and rows are full of UUIDs. A UUID has two slots,
which its class keeps from being set by assignment; their descriptors set them. A test holds the
result against what the constructor makes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import repeat
from struct import unpack
from typing import Any
from uuid import UUID, SafeUUID

_set_int = vars(UUID)["int"].__set__
_set_safety = vars(UUID)["is_safe"].__set__
_from_bytes: Callable[[bytes, Any], int] = int.from_bytes


def uuid_from(data: bytes) -> UUID:
    """Return the UUID of sixteen bytes; raise ValueError for another number of them."""
    if len(data) != 16:
        raise ValueError("a UUID is not sixteen bytes")
    found = UUID.__new__(UUID)
    _set_int(found, int.from_bytes(data, "big"))
    _set_safety(found, SafeUUID.unknown)
    return found


def uuids_from(data: bytes) -> list[UUID]:
    """Return the UUIDs of sixteen bytes each; raise ValueError if some are left."""
    count, rest = divmod(len(data), 16)
    if rest:
        raise ValueError("UUIDs are not a binary of sixteen bytes each")
    found: list[UUID] = list(map(UUID.__new__, repeat(UUID, count)))
    numbers = map(_from_bytes, unpack("16s" * count, data), repeat("big"))
    deque(map(_set_int, found, numbers), maxlen=0)
    deque(map(_set_safety, found, repeat(SafeUUID.unknown)), maxlen=0)
    return found
