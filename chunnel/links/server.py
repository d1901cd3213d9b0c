"""A server's link: the conversations of all peers of one listener.

* Whatever a peer does costs that peer alone. Nothing that came from a peer, or that failed on its
  way to one, leaves ``receive`` as an exception.
* A peer that leaves the protocol gets one line in the log and the engine's last words. Then it is
  *ignored*: what it still sends is dropped unread. The list of the ignored is bounded; who fell off
  it begins anew, with HELLO.
* Malformed calls end only themselves, so a peer may send them for ever: each is answered, and the
  first ``COMPLAINTS`` of a peer are logged.
* A peer is forgotten when the transport says that it left, when a message cannot be delivered to
  it, when it was silent for the idle timeout that WELCOME named, or when it said GOAWAY and has no
  call open. Forgetting a peer that was greeted is an event, ``PeerLost``, so that its calls can be
  cancelled.
* The owner sends with ``send``. All others ``post``: the message is queued and the owner woken, who
  sends what is queued whenever it comes to ``receive``. No order is promised between the two.
* An answer that cannot be sent, because it is too large or not allowed any more, is replaced by a
  FAILURE, so that its caller is not left waiting.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ..protocol.codec import encode
from ..protocol.engine import Conversation, Event, Refused, Skipped
from ..protocol.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from ..protocol.limits import DEFAULT_LIMITS, MIN_MESSAGE, Limits
from ..protocol.messages import (
    Call,
    CallId,
    Credit,
    Failure,
    FailureCode,
    Frames,
    GoAway,
    Hello,
    Message,
    Ping,
    Pong,
    Welcome,
)
from ..protocol.states import Role
from ..transports.base import Listener, PeerGone

logger = logging.getLogger(__name__)

MAX_PEERS = 10_000
"""Conversations at once. Past it newcomers are turned away; each costs some kilobytes."""

MAX_IGNORED = 1_024
"""Peers remembered to be ignored. One is some hundred bytes, until it hangs up."""

COMPLAINTS = 10
"""Lines in the log about the malformed calls of one peer; more would tell nothing new."""

MAX_POSTED = 256
"""Messages that wait for the owner before who makes many shall rest: some milliseconds' work."""

SWEEP = 5.0
"""Seconds between looks for peers whose time is over; their timeouts are minutes."""


class PeerLost(NamedTuple):
    """The peer is gone, and nobody waits for the answers of its calls."""

    peer: bytes
    reason: str


Delivery: TypeAlias = tuple[bytes, Message | PeerLost]


class ServerLink:
    """What a worker reads its calls from and writes its answers to.

    ``welcome`` makes the Welcome for each new peer; its version is filled in here.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        welcome: Callable[[], Welcome],
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
        max_peers: int = MAX_PEERS,
    ):
        self.listener = listener
        self.limits = limits
        self._welcome = welcome
        self._clock = clock
        self._max_peers = max_peers
        self._peers: dict[bytes, Conversation] = {}
        self._ignored: OrderedDict[bytes, None] = OrderedDict()
        self._complaints: dict[bytes, int] = {}  # how many calls of a peer were malformed
        self._outbox: deque[tuple[bytes, Message]] = deque()
        self._lost: deque[Delivery] = deque()
        self._retiring: str | None = None
        self._next_sweep = clock() + SWEEP

    def __repr__(self) -> str:
        return f"<ServerLink {', '.join(self.endpoints)} peers={len(self._peers)}>"

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The addresses as bound."""
        return self.listener.endpoints

    @property
    def peers(self) -> int:
        """How many peers there are."""
        return len(self._peers)

    def peer_project(self, peer: bytes) -> str:
        """Return the name that the peer's project gave itself, or "" if it is not known."""
        conversation = self._peers.get(peer)
        return conversation.hello.project if conversation and conversation.hello else ""

    def is_open(self, peer: bytes, call_id: CallId) -> bool:
        """Say whether somebody still waits for the answer of this call, cancelled or not."""
        conversation = self._peers.get(peer)
        return conversation is not None and conversation.is_open(call_id)

    def credit(self, peer: bytes, call_id: CallId) -> Credit:
        """Return what may still be sent on a call; nothing, if it is not open. For the owner."""
        conversation = self._peers.get(peer)
        if conversation is None or not conversation.is_open(call_id):
            return Credit(0, 0)
        return conversation.credit(call_id)

    def accepts(self, peer: bytes) -> int:
        """Return how many bytes of a message the peer accepts. Any thread."""
        conversation = self._peers.get(peer)
        return MIN_MESSAGE if conversation is None else conversation.peer_accepts

    # Receiving

    def receive(self, timeout: float | None) -> Delivery | None:
        """Return (peer, message) or (peer, PeerLost); None after ``timeout`` seconds or a wake.

        HELLO, PING and whatever breaks the protocol are dealt with here. Also sends what was
        posted. Raise OSError if the link is closed.
        """
        if self._outbox:
            self._flush()
        if self._lost:
            return self._lost.popleft()
        started, left = self._clock(), timeout
        while True:
            received = self.listener.receive(left)
            now = self._clock()
            if now >= self._next_sweep:
                self._sweep(now)
            if received is None:
                if self._outbox:
                    self._flush()
                return self._lost.popleft() if self._lost else None
            peer, frames = received
            conversation = self._peers.get(peer)
            if conversation is None:
                conversation = self._meet(peer, frames, now)
            elif not frames:
                self._forget(peer, "it left")
                conversation = None
            if conversation is not None:
                try:
                    event = conversation.receive(frames, now)
                except RemoteProtocolError as error:
                    self._refuse(peer, error)
                else:
                    if type(event) is Call:
                        return peer, event
                    delivery = self._take(peer, conversation, event)
                    if delivery is not None:
                        return delivery
            if self._lost:
                return self._lost.popleft()
            if timeout is not None:
                left = max(0.0, started + timeout - now)

    def _take(self, peer: bytes, conversation: Conversation, event: Event) -> Delivery | None:
        """Return what is for the server; deal with what is not."""
        kind = type(event)
        if kind is Skipped:
            return None
        if kind is Ping:
            self.send(peer, Pong(event.token))  # type: ignore[union-attr]
            return None
        if kind is Refused:
            self._say(peer, event.answers)  # type: ignore[union-attr]
            return None
        if kind is Hello:
            self._greet(peer, conversation)
            return None
        if kind is GoAway:
            if conversation.finished:
                self._forget(peer, "it said goodbye")
            return None
        return peer, event  # type: ignore[return-value]

    def _meet(self, peer: bytes, frames: Frames, now: float) -> Conversation | None:
        """Return the conversation with a new peer, or None if there is to be none."""
        if peer in self._ignored:
            if not frames:
                del self._ignored[peer]
            return None
        if not frames:
            return None
        if len(self._peers) >= self._max_peers:
            self._sweep(now)
        if len(self._peers) >= self._max_peers:
            logger.warning("Turned away a peer: %d are connected.", len(self._peers))
            self._say(peer, (GoAway("too many peers", over=True),))
            self._ignore(peer)
            return None
        conversation = Conversation(
            Role.SERVER, self.limits, welcome=lambda _hello: self._welcome()
        )
        self._peers[peer] = conversation
        return conversation

    def _greet(self, peer: bytes, conversation: Conversation) -> None:
        if self._retiring is not None:
            self.send(peer, GoAway(self._retiring))
            self._forget(peer, "the server is leaving", known=False)
            return
        self.send(peer, conversation.welcome())

    def _refuse(self, peer: bytes, error: RemoteProtocolError) -> None:
        self._complain(peer, error)
        self._say(peer, error.answers)
        if error.fatal:
            self._forget(peer, error.reason)
            self._ignore(peer)

    def _complain(self, peer: bytes, error: RemoteProtocolError) -> None:
        count = 0
        if not error.fatal:
            count = self._complaints[peer] = self._complaints.get(peer, 0) + 1
        if count <= COMPLAINTS:
            logger.warning("Peer %s broke the protocol: %s", self._name(peer), error.reason)
        if count == COMPLAINTS:
            logger.warning("Malformed calls of peer %s are not logged any more.", self._name(peer))

    def _name(self, peer: bytes) -> str:
        project = self.peer_project(peer)
        return f"{peer.hex()} ({project!r})" if project else peer.hex()

    def _ignore(self, peer: bytes) -> None:
        self._ignored[peer] = None
        if len(self._ignored) > MAX_IGNORED:
            self._ignored.popitem(last=False)

    def _forget(self, peer: bytes, reason: str, *, known: bool = True) -> None:
        conversation = self._peers.pop(peer, None)
        self._complaints.pop(peer, None)
        if conversation is None:
            return
        conversation.close(reason)
        if known and conversation.hello is not None:
            self._lost.append((peer, PeerLost(peer, reason)))

    def _sweep(self, now: float) -> None:
        self._next_sweep = now + SWEEP
        for peer, conversation in list(self._peers.items()):
            if conversation.finished:
                self._forget(peer, "it said goodbye")
            elif conversation.expire(now):
                self._say(peer, (GoAway(conversation.reason, over=True),))
                self._forget(peer, conversation.reason)

    # Sending

    def send(self, peer: bytes, message: Message) -> None:
        """Send now, for the owner. A peer that is gone is reported by the next ``receive``."""
        conversation = self._peers.get(peer)
        if conversation is None:
            return
        try:
            frames = conversation.send(message, self._clock())
        except LocalProtocolError as error:
            self._replace(peer, conversation, message, error)
            return
        try:
            self.listener.send(peer, frames)
        except PeerGone as error:
            self._forget(peer, str(error))

    def post(self, peer: bytes, message: Message) -> None:
        """Queue ``message`` and wake the owner, who sends it. Any thread."""
        self._outbox.append((peer, message))
        self.listener.wake()

    @property
    def congested(self) -> bool:
        """Whether so much is queued that a stream shall wait before it posts more. Any thread."""
        return len(self._outbox) > MAX_POSTED

    def _flush(self) -> None:
        """Send what is queued now. What comes meanwhile must not keep the owner from reading."""
        outbox = self._outbox
        for _ in range(len(outbox)):
            self.send(*outbox.popleft())

    def _replace(
        self, peer: bytes, conversation: Conversation, message: Message, error: LocalProtocolError
    ) -> None:
        """End a call whose answer cannot be sent as it is."""
        call_id: CallId | None = getattr(message, "call_id", None)
        if call_id is None or not conversation.is_open(call_id):
            # Its peer left, or it was answered already: two verdicts on one call may cross.
            logger.debug("Not sent: %s", error.reason)
            return
        too_large = isinstance(error, MessageTooLarge)
        if not too_large:
            logger.error("An answer could not be sent: %s", error.reason, exc_info=error)
        code = FailureCode.UNSERIALIZABLE
        failure = Failure(call_id, code, error.reason if too_large else "the answer was lost")
        try:
            self.listener.send(peer, conversation.send(failure, self._clock()))
        except PeerGone as gone:
            self._forget(peer, str(gone))

    def _say(self, peer: bytes, answers: tuple[Message, ...]) -> None:
        """Send what the engine has accounted for."""
        try:
            for answer in answers:
                self.listener.send(peer, encode(answer))
        except PeerGone as error:
            self._forget(peer, str(error))

    def goaway(self, reason: str = "") -> None:
        """Take no new calls: say so to all peers, and to those that come. For the owner."""
        self._retiring = reason
        for peer in list(self._peers):
            conversation = self._peers.get(peer)
            if conversation is not None and conversation.hello is not None:
                self.send(peer, GoAway(reason))

    def wake(self) -> None:
        """Make a ``receive`` that waits return None, now or when it is next called. Any thread."""
        self.listener.wake()

    def close(self) -> None:
        """Stop listening and forget all peers, without error if closed already."""
        self._peers.clear()
        self._lost.clear()
        self._outbox.clear()
        self.listener.close()
