"""A client's link: one conversation over one pipe, once.

* ``open`` comes first: HELLO and WELCOME. A link that was not opened, or whose pipe broke, is of no
  more use than to be closed.
* What concerns nobody above is dealt with here: a PING is answered, and messages about calls that
  were cancelled are skipped. Both count as signs of life, which ``heard`` tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..protocol.codec import encode
from ..protocol.engine import Conversation, Event, Skipped
from ..protocol.errors import RemoteProtocolError
from ..protocol.limits import DEFAULT_LIMITS, Limits
from ..protocol.messages import GoAway, Hello, Message, Ping, Pong, Welcome
from ..protocol.states import Role
from ..transports.base import Pipe, PipeClosed

_OURS = frozenset({Ping, GoAway, Skipped})


class ClientLink:
    """A conversation with one server process. ``welcome`` is what it said of itself."""

    welcome: Welcome

    def __init__(
        self,
        pipe: Pipe,
        *,
        hello: Hello,
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.pipe = pipe
        self.endpoint = pipe.endpoint
        self.retired = False  # the server takes no new calls here
        self._hello = hello
        self._clock = clock
        self._conversation = Conversation(Role.CLIENT, limits, hello=hello)

    def __repr__(self) -> str:
        return f"<ClientLink {self.endpoint} {self._conversation!r}>"

    @property
    def debt(self) -> int:
        """How many calls were cancelled whose last message has not come."""
        return self._conversation.debt

    @property
    def heard(self) -> float | None:
        """When the server last said anything, by the link's clock."""
        return self._conversation.heard

    @property
    def conversation(self) -> Conversation:
        """The engine: for what is open and how much credit there is."""
        return self._conversation

    def open(self, timeout: float) -> Welcome:
        """Say HELLO and return the server's WELCOME.

        Raise PipeClosed, ``sent`` False, if none comes within ``timeout`` seconds or the server
        will not talk to us; RemoteProtocolError if it answers with something else.
        """
        deadline = self._clock() + timeout
        self.send(self._hello)
        while True:
            left = deadline - self._clock()
            if left <= 0:
                raise PipeClosed(f"{self.endpoint}: no answer to HELLO", sent=False)
            try:
                event = self.receive(left)
            except PipeClosed as error:
                raise PipeClosed(error.reason, sent=False) from None
            if isinstance(event, Welcome):
                self.welcome = event
                return event

    def send(self, message: Message) -> None:
        """Send; raise PipeClosed if the connection is gone, LocalProtocolError if we may not."""
        self.pipe.send(self._conversation.send(message, self._clock()))

    def receive(self, timeout: float | None) -> Event | None:
        """Return what the server says next, or None after ``timeout`` seconds or a wake.

        Raise PipeClosed when the connection broke or the server ended the conversation, and
        RemoteProtocolError when it left the protocol; after one that is ``fatal`` only ``close``
        may follow.
        """
        started, left = self._clock(), timeout
        while True:
            frames = self.pipe.receive(left)
            if frames is None:
                return None
            now = self._clock()
            try:
                event = self._conversation.receive(frames, now)
            except RemoteProtocolError as error:
                self._answer(error.answers)
                raise
            kind = type(event)
            if kind not in _OURS:
                return event
            if kind is Ping:
                self._pong(event.token)  # type: ignore[union-attr]
            elif kind is GoAway:
                self.retired = True
                if self._conversation.closed:
                    raise PipeClosed(
                        f"{self.endpoint}: the server ended the conversation: "
                        f"{self._conversation.reason}",
                        sent=True,
                    )
                return event
            if timeout is not None:
                left = max(0.0, started + timeout - now)

    def _pong(self, token: bytes) -> None:
        try:
            self.send(Pong(token))
        except PipeClosed:
            # Whoever waits asks about a call of its own, which may well have left. The pipe says
            # so, once it has delivered what arrived before.
            return

    def _answer(self, answers: tuple[Message, ...]) -> None:
        try:
            for answer in answers:
                self.pipe.send(encode(answer))
        except PipeClosed:
            return

    def wake(self) -> None:
        """Make a ``receive`` that waits return None, now or when it is next called. Any thread."""
        self.pipe.wake()

    def close(self) -> None:
        """Close the pipe; whatever is open is lost. Without error if closed already."""
        self._conversation.close()
        self.pipe.close()
