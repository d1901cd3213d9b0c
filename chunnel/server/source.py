"""The link as a pool reads it: calls become jobs, everything else goes where it belongs."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from ..links import PeerLost, ServerLink
from ..protocol.messages import Call, Cancel, GrantCredit
from .jobs import Reply, ServedJob
from .outflow import Outflow

if TYPE_CHECKING:
    from .dispatcher import Dispatcher


LOOK = 5.0  # seconds between looks for large answers that nobody takes; they may rest for minutes


class LinkSource:
    """Joins one ServerLink and a Dispatcher; see ``pools.base.Source`` for the contract."""

    def __init__(self, link: ServerLink):
        self.link = link
        self.dispatcher: Dispatcher  # which needs our ``post`` to be made
        self._outflows: deque[Reply] = deque()

    def receive(self, timeout: float | None) -> ServedJob | None:
        """Return the next job; None after ``timeout`` or a wake.

        Sooner while large answers are on their way, so that those nobody takes can be given up.
        """
        link, dispatcher = self.link, self.dispatcher
        while True:
            if self._outflows:
                self._start_outflows()
            if dispatcher.flowing:
                dispatcher.expire(time.monotonic())
                timeout = LOOK if timeout is None else min(timeout, LOOK)
            delivery = link.receive(timeout)
            if delivery is None:
                if self._outflows:
                    self._start_outflows()
                return None
            peer, message = delivery
            kind = type(message)
            if kind is Call:
                return dispatcher.job(peer, message)  # type: ignore[arg-type]
            if isinstance(message, GrantCredit):
                dispatcher.grant(peer, message.call_id, message.credit)
            elif isinstance(message, Cancel):
                dispatcher.cancel(peer, message.call_id, message.reason)
            elif isinstance(message, PeerLost):
                dispatcher.peer_lost(peer)
            # Anything else is input for a call that takes none, and was refused.
            if dispatcher.ready:
                return None

    def send(self, reply: Reply) -> None:
        """Send now, for the owner of the link."""
        peer, answer = reply
        if type(answer) is Outflow:
            self.dispatcher.start(reply, self.link.send)
        else:
            self.link.send(peer, answer)  # type: ignore[arg-type]

    def post(self, reply: Reply) -> None:
        """Leave a reply for the owner to send. Any thread."""
        peer, answer = reply
        if type(answer) is Outflow:
            self._outflows.append(reply)
            self.link.wake()
        else:
            self.link.post(peer, answer)  # type: ignore[arg-type]

    def wake(self) -> None:
        """Make ``receive`` return. Any thread."""
        self.link.wake()

    def retire(self, reason: str) -> None:
        """Tell all peers that no new call is taken here."""
        self.link.goaway(reason)

    def _start_outflows(self) -> None:
        while self._outflows:
            self.dispatcher.start(self._outflows.popleft(), self.link.send)
