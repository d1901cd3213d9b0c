"""What a served function can know about the call it serves."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class ServedCall:
    """The call being served.

    ``deadline`` is a reading of ``time.monotonic()``, or None where the caller set no timeout.
    ``hops`` are the projects the call came through, the first caller first. ``meta`` holds what the
    caller sent beside the arguments.
    """

    id: str
    name: str
    peer: str
    project: str = ""
    deadline: float | None = None
    hops: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    cancelled: bool = False

    def remaining(self) -> float | None:
        """Return the seconds left until the deadline, never below 0, or None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - time.monotonic())


_current: ContextVar[ServedCall | None] = ContextVar("chunnel_current_call", default=None)


def current_call() -> ServedCall | None:
    """Return the call this code serves, or None outside a served call."""
    return _current.get()
