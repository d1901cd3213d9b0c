"""The options of one call, as ``.using(…)`` takes them. They never share the caller's kwargs."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import UNSET, _Unset

EFFECTS = ("read", "idempotent", "write")


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How one call is to be made.

    ``timeout``: seconds for the whole call; None waits for ever. Left unset, the remote's TIMEOUT
    bounds the wait for the first answer only. ``idle``: seconds that may pass between two chunks
    of a stream. ``endpoint``: ask this one and no other. ``effect``: what the called function is
    known to do; "read" and "idempotent" allow a second try after a lost connection. ``meta``: more
    metadata for the server. ``refine``, which querysets set: a plan and an operation, to be applied
    to the queryset that the called function returns.
    """

    timeout: float | _Unset | None = UNSET
    idle: float | _Unset | None = UNSET
    endpoint: str | None = None
    effect: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    refine: Sequence[Any] | None = field(default=None, hash=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("timeout", "idle"):
            seconds = getattr(self, name)
            if seconds is None or seconds is UNSET:
                continue
            if isinstance(seconds, bool) or not isinstance(seconds, int | float):
                raise TypeError(f"{name} is a number of seconds or None, not {seconds!r}")
            if not seconds > 0:
                raise ValueError(f"{name} must be above 0 seconds, not {seconds!r}")
        if self.effect is not None and self.effect not in EFFECTS:
            raise ValueError(f"effect is one of {', '.join(EFFECTS)}, not {self.effect!r}")

    def replace(self, **changes: Any) -> CallOptions:
        """Return a changed copy; raise TypeError naming an option that does not exist."""
        known = [one.name for one in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(known)}."
                raise TypeError(f"There is no call option {name!r}.{hint}")
        return dataclasses.replace(self, **changes)


DEFAULT_OPTIONS = CallOptions()
