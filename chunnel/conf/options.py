"""The options that Chunnel itself reads out of OPTIONS: what each may be.

Both judge by these tables: the readers of the settings, so that a wrong option is found before it
bites, and the code that uses the options, which may be handed them in other ways. Defaults stand
with the code that knows their reason.

OPTIONS is shared with transports, balancers and pools of the project's own, whose options nobody
can judge here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

# What libzmq and the system count in signed integers of 32 bits.
_MOST_INT: Final = 2**31 - 1
# Seconds, since those are milliseconds there; 23 days.
_MOST_SECONDS: Final = 2_000_000
_MOST_BYTES: Final = 2**40


class Option(NamedTuple):
    """What an option may be, both ends included."""

    whole: bool
    least: float
    most: float
    unit: str = ""

    def fits(self, value: object) -> bool:
        """Say whether ``value`` can be used."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return math.isfinite(value) and self.least <= value <= self.most

    @property
    def must_be(self) -> str:
        """What a value must be, for a sentence."""
        kind = "a whole number" if self.whole else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        return f"{kind}{unit} from {self.least:,} to {self.most:,}"


def _seconds(least: float) -> Option:
    return Option(whole=False, least=least, most=_MOST_SECONDS, unit="seconds")


def _count(most: int = _MOST_INT, unit: str = "", least: int = 1) -> Option:
    return Option(whole=True, least=least, most=most, unit=unit)


SERVER: Final[Mapping[str, Option]] = {
    "grace": _seconds(0),
    "idle_timeout": _seconds(1),
}
"""Of CHUNNEL_SERVER."""

POOL: Final[Mapping[str, Option]] = {
    "coroutines": _count(),
    "stuck_after": _seconds(0),
    "switch_interval": Option(whole=False, least=0.000_001, most=1, unit="seconds"),
    "tick": Option(whole=False, least=0.000_1, most=60, unit="seconds"),
}
"""Of CHUNNEL_SERVER, for the pools that come with Chunnel."""

REMOTE: Final[Mapping[str, Option]] = {
    "dial_timeout": _seconds(0.001),
    "max_connections": _count(),
    "max_result": _count(_MOST_BYTES, "bytes"),
    "max_streams": _count(),
    "unresponsive_after": _seconds(0.001),
}
"""Of a remote."""

ZMQ: Final[Mapping[str, Option]] = {
    "backlog": _count(),
    # Less than a millisecond would be 0 to libzmq, which is: never.
    "heartbeat_interval": _seconds(0.001),
    "heartbeat_timeout": _seconds(0.001),
    "high_water_mark": _count(unit="messages"),
    "max_frame": _count(_MOST_BYTES, "bytes"),
}
"""Of a remote and of an address in BIND, for the transport zmq."""


def chosen(table: Mapping[str, Option], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of ``options`` that stand in ``table``, under their names there.

    Options may be written in capitals; others are left alone. Raise ValueError, which names it,
    for a value that cannot be used. It is not shown unless it is a number: it may be a secret.
    """
    found: dict[str, Any] = {}
    for key, value in options.items():
        option = table.get(key.lower())
        if option is None:
            continue
        if not option.fits(value):
            raise ValueError(f"{key} must be {option.must_be}, not {shown_value(value)}.")
        found[key.lower()] = value if option.whole else float(value)
    return found


def shown_value(value: object) -> str:
    """Return a number as it is; of anything else the type, which says enough."""
    if isinstance(value, int | float):
        return repr(value)
    name = type(value).__name__
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"
