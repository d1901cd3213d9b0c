"""A line: one connection that carries many calls at once. Only the multiplexer's thread uses it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answers import Patience
    from .connections import Connection
    from .pending import Pending

CALLS_PER_LINE = (
    256  # well below what servers accept on one connection; more would only queue there
)
MAX_LINE_IDLE = 60.0  # seconds without a call


class Line:
    """One connection and the calls it carries."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.link = connection.link
        self.place = connection.place
        self.calls: dict[bytes, Pending] = {}
        self.patience: Patience | None = None  # while there are calls
        self.idle_since = time.monotonic()
        self.descriptors = connection.link.pipe.descriptors()

    def __repr__(self) -> str:
        return f"<Line {self.place!r}, {len(self.calls)} calls>"

    @property
    def has_room(self) -> bool:
        """Whether it takes one more call."""
        return len(self.calls) < CALLS_PER_LINE and not self.link.retired
