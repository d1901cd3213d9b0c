"""Which peers of a ROUTER are gone: the ROUTER itself tells only who sends to them.

* The monitor tells of connections by descriptor, a message tells its descriptor too: so peers and
  connections are brought together.
* Descriptors are used again. So before a new peer is written down, all events are read: what
  happened to an earlier connection with the same descriptor was reported before the newcomer could
  speak.
* What a peer sent before it left may be read after it left. Nobody waits for the answer any more,
  so such a message is for nobody.
"""

from __future__ import annotations

import itertools
import logging
import struct
from collections import deque

import zmq

logger = logging.getLogger(__name__)

_event = struct.Struct("=HI")
_numbers = itertools.count(1)


class Departures:
    """Watches one ROUTER, for its owner."""

    def __init__(self, router: zmq.Socket[bytes]):
        self.gone: deque[bytes] = deque()  # peers that left and were not reported yet
        self.present: set[bytes] = set()
        self._connections: dict[int, bytes | None] = {}  # by descriptor; None: it has not spoken
        self._router = router
        address = f"inproc://chunnel-departures-{next(_numbers)}"
        router.monitor(address, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._monitor = router.context.socket(zmq.PAIR)
        self._monitor.linger = 0
        self._monitor.rcvhwm = 0  # where it is full, libzmq's thread would wait for us
        self._monitor.connect(address)

    def arrived(self, peer: bytes, frame: zmq.Frame) -> bool:
        """Write down a peer with a first message of it; return False if it is none.

        It is gone already, or speaks a ZMTP of before 3.0, as which random bytes may be read.
        """
        self.look()
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            logger.info("Dropped a message of a peer that speaks no ZMTP 3: %r", frame.bytes[:40])
            return False
        if self._connections.get(descriptor, b"") is not None:
            return False
        self._connections[descriptor] = peer
        self.present.add(peer)
        return True

    def look(self) -> None:
        """Read all events; ``gone`` has who left."""
        while True:
            try:
                frames = self._monitor.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            event, descriptor = _event.unpack(frames[0])
            peer = self._connections.pop(descriptor, None)
            if peer is not None:
                self.present.discard(peer)
                self.gone.append(peer)
            if event == zmq.EVENT_ACCEPTED:
                self._connections[descriptor] = None

    def close(self) -> None:
        """Stop watching; the ROUTER is closed after this."""
        self._router.monitor(None, 0)
        self._monitor.close()
