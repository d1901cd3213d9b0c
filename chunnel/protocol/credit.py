"""Credit: how much more one peer may send on one stream.

The receiver of a stream grants credit, in items and in bytes; grants add up; each chunk spends
some. A chunk may leave when its items are covered and any bytes at all are left, so that one item
larger than the whole grant cannot stop a stream for ever. Its bytes are then taken off, if need be
to below zero, and the next chunk waits until grants have brought the balance above zero again. A
receiver therefore holds at most what it granted, and one message more.

A chunk that costs nothing needs no credit, and so may only be the first (OPEN). A stream carries
either items or the parts of one large value, as its first chunk says, never both.

The open balance is capped. The granter's own count of it is never below the sender's (what is under
way counts only there), so a granter that keeps to the cap by its own count never offends.
"""

from __future__ import annotations

from typing import Final

from .limits import MAX_CREDIT_BYTES, MAX_CREDIT_ITEMS
from .messages import Chunk, Credit

NO_CREDIT: Final = Credit(0, 0)


class CreditError(ValueError):
    """A grant over the cap, a chunk without credit, or a chunk that has no place in its stream."""


def cost(chunk: Chunk) -> Credit:
    """Return what a chunk spends: its items, and the bytes of its body and blobs."""
    size = len(chunk.body)
    for blob in chunk.blobs:
        size += len(blob)
    return Credit(chunk.items, size)


class Allowance:
    """The balance of one stream. It has no lock: whoever shares it among threads brings one."""

    __slots__ = ("bytes", "items")

    def __init__(self, credit: Credit = NO_CREDIT):
        self.items = 0
        self.bytes = 0
        self.grant(credit)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} items={self.items} bytes={self.bytes}>"

    @property
    def balance(self) -> Credit:
        """What is open now; the bytes may be below zero."""
        return Credit(self.items, self.bytes)

    def grant(self, credit: Credit) -> None:
        """Add to the balance; raise CreditError, and add nothing, if that exceeds the cap."""
        items = self.items + credit.items
        size = self.bytes + credit.bytes
        if items > MAX_CREDIT_ITEMS or size > MAX_CREDIT_BYTES:
            raise CreditError(f"a credit of {items} items and {size} bytes is over the cap")
        self.items = items
        self.bytes = size

    def covers(self, items: int, size: int) -> bool:
        """Say whether a chunk of so many items and bytes may leave now."""
        return self.items >= items and (self.bytes > 0 or size == 0)

    def spend(self, items: int, size: int) -> None:
        """Take a chunk off the balance; raise CreditError, and take nothing, if not covered."""
        if not self.covers(items, size):
            raise CreditError(
                f"a chunk of {items} items and {size} bytes exceeds the credit of "
                f"{self.items} items and {self.bytes} bytes"
            )
        self.items -= items
        self.bytes -= size


class Stream(Allowance):
    """One stream as the engine watches it: its balance, and what its chunks have in common."""

    __slots__ = ("_parts",)

    def __init__(self, credit: Credit = NO_CREDIT):
        super().__init__(credit)
        self._parts: bool | None = None

    def take(self, chunk: Chunk) -> None:
        """Account for a chunk; raise CreditError, and change nothing, if it may not come now."""
        items, size = cost(chunk)
        first = self._parts is None
        if not first and self._parts is not chunk.part:
            raise CreditError("a stream carries either items or parts of one value")
        if chunk.part and items:
            raise CreditError("a part of a value counts no items")
        if chunk.more and not (chunk.part and chunk.blobs):
            raise CreditError("only the binary of a part goes on in the next")
        if not (items or size) and not first:
            raise CreditError("an empty chunk may only be the first")
        self.spend(items, size)
        self._parts = chunk.part
