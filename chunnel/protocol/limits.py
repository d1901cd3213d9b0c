"""How large and how many: every figure of the protocol, with its reason.

The constants are the protocol's own: both peers know them, none announces them, and a message that
exceeds one is malformed everywhere. ``Limits`` holds what one peer decides for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VERSIONS: Final = (1,)
"""The versions of the protocol that this implementation speaks."""

FROZEN: Final = 0
"""The version that HELLO and GOAWAY bear, whose layouts are the same in all versions."""

CALL_ID_SIZE: Final = 8
"""Bytes. At random, 10,000 calls open at once collide less than once in 10**11 times."""

MAX_FRAMES: Final = 3
"""Control, body, blobs. libzmq gathers an unfinished message without bound; more buys nothing."""

MAX_CONTROL: Final = 65_536
"""Bytes of the control frame. Names, prose and metadata need a hundredth; it is parsed unasked."""

INLINE_BODY: Final = 4_096
"""Bytes of a body that we put into the control frame. A frame of its own costs either side more
than copying so little, above all where threads compete for the interpreter at each step."""

MAX_DEPTH: Final = 8
"""Levels of containers in metadata, itself included. Trace contexts and hop lists need two."""

MAX_ENTRIES: Final = 1_024
"""Items of one list or map in the control frame; it bounds what a forged header can reserve."""

MAX_NAME: Final = 255
"""Characters of a call's name, of a serializer's, and of the names of agents and projects."""

MAX_TEXT: Final = 8_192
"""Characters of prose for people (reasons, failure messages). Longer prose is cut by its sender."""

MAX_TOKEN: Final = 64
"""Bytes of a PING's token. It is echoed, so it must not be a way to make a peer carry data."""

MAX_BLOBS: Final = 1_024
"""Large binaries of one message, each with its length in the control frame."""

MAX_PINGS: Final = 64
"""PINGs unanswered at once. A peer that answers none of so many is beyond asking."""

MAX_VERSIONS: Final = 64
"""Versions that one HELLO may offer."""

MAX_SERIALIZERS: Final = 64
"""Serializers that one WELCOME may offer."""

MAX_HOPS: Final = 16
"""Projects that a call may pass through. Far beyond any sane design, so more is a loop."""

MAX_INT: Final = 2**53
"""The largest number in a control frame, so that no implementation needs wide integers."""

MAX_CREDIT_ITEMS: Final = 2**20
"""Items of credit that may be open on one stream. More is a receiver that does not bound itself."""

MAX_CREDIT_BYTES: Final = 2**30
"""Bytes of credit that may be open on one stream: a gibibyte, for the fastest of networks."""

MIN_MESSAGE: Final = 65_536
"""Bytes that every peer must accept of a whole message, so that prose and errors always fit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer decides for itself. All limits are inclusive, sizes in bytes, times in seconds.

    What both peers must agree on is not a setting: it is a constant above.
    """

    max_message: int = 2**24
    """A whole message, all frames. Results beyond it travel in chunks; arguments must fit."""

    max_calls: int = 1_024
    """Calls open on one conversation. A caller with more work opens another connection."""

    hello_timeout: float = 5.0
    """Between HELLO and its answer. A server answers it without executing anything."""

    def __post_init__(self) -> None:
        if self.max_message < MIN_MESSAGE:
            raise ValueError(
                f"max_message must be at least {MIN_MESSAGE} bytes, not {self.max_message}"
            )
        for name in ("max_calls", "hello_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")


DEFAULT_LIMITS: Final = Limits()
