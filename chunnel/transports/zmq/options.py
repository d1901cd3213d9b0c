"""The options of the zmq transport, with the reason for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...conf.options import ZMQ, chosen


@dataclass(frozen=True, slots=True)
class ZmqOptions:
    """What may stand in ``OPTIONS`` of a remote or a server for this transport.

    The mapping is shared with other rooms, so names that are not ours are left to them. Names
    may be written in capitals. ``conf.options`` says what each may be.
    """

    # Seconds between ZMTP's own PINGs. They are sent and answered by libzmq's thread, so neither a
    # long call nor an idle connection is mistaken for a dead peer.
    heartbeat_interval: float = 1.0
    # Seconds without any sign of life after which the connection is broken. A stopped process or
    # a pulled cable is noticed this late; a machine that swaps is not yet dropped.
    heartbeat_timeout: float = 3.0
    # Bytes of one frame; a peer that sends more loses its connection before we allocate them.
    max_frame: int = 64 * 1024 * 1024
    # Messages queued per connection in each direction. Credit bounds what an honest peer has under
    # way far below this, so a queue that is full belongs to a peer that broke the contract.
    high_water_mark: int = 10_000
    # Connections the kernel holds until libzmq accepts them; all clients may come back at once.
    backlog: int = 1024

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> ZmqOptions:
        """Take our options out of ``options``; raise ValueError, which names it, if one is bad."""
        return cls(**chosen(ZMQ, options))
