"""One conversation of two peers, as one of them sees it.

The engine says of every message whether it may be sent or received now, and keeps what follows
from it. It reads no socket and no clock: who drives it passes frames and ``now``, in seconds of any
clock that never goes back. One thread at a time uses it.

* What we may not say raises LocalProtocolError, and nothing has changed.
* What the peer may not say raises RemoteProtocolError. It closes the conversation, except where
  only one call is spoilt. What the error lists as ``answers`` is to be encoded and sent as it is.
* The server skips messages about calls that are over: they crossed its last message. The client
  knows each of its calls until the server's last message has come, so there an unknown call is a
  violation.
* A cancelled call is a debt until its last message has come; what comes for it is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from .codec import decode, encode
from .credit import NO_CREDIT, CreditError, Stream
from .errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from .limits import (
    DEFAULT_LIMITS,
    MAX_CREDIT_BYTES,
    MAX_CREDIT_ITEMS,
    MAX_PINGS,
    MIN_MESSAGE,
    VERSIONS,
    Limits,
)
from .messages import (
    KINDS,
    Busy,
    Call,
    CallId,
    Chunk,
    Credit,
    Frames,
    GoAway,
    GrantCredit,
    Hello,
    Kind,
    Message,
    Ping,
    Pong,
    Welcome,
)
from .parts import ABOUT_ALL
from .states import TABLES, Role, State

# Bound once: an enum's attribute costs as much as a dictionary, on the way of every message.
_CALL: Final = Kind.CALL
_CHUNK: Final = Kind.CHUNK
_CREDIT: Final = Kind.CREDIT
_CANCEL: Final = Kind.CANCEL
_END: Final = Kind.END
_GOAWAY: Final = Kind.GOAWAY


_TAKEN: Final = "CALL with the id of a call that is open"


class Skipped(NamedTuple):
    """A message about a call that is over for us; nothing is to be done."""

    call_id: CallId
    kind: Kind


class Refused(NamedTuple):
    """A call that the conversation itself refuses, unexecuted: encode and send ``answers``."""

    call_id: CallId
    answers: tuple[Message, ...]


Event: TypeAlias = Message | Skipped | Refused


class _Forbidden(ValueError):
    """A message that the rules do not allow; whose mistake that is depends on who said it."""


class _OpenCall:
    """The two halves of one call. Streams are made when first needed: most calls need none."""

    __slots__ = ("answer", "answer_stream", "granted", "input", "input_stream")

    def __init__(self, answer: State, input_: State, granted: Credit):
        self.answer = answer
        self.input = input_
        self.granted = granted
        self.answer_stream: Stream | None = None
        self.input_stream: Stream | None = None


class Conversation:
    """One end of one conversation.

    A client is given its ``hello`` and sends it first: ``send(conversation.hello, now)``. A server
    is given ``welcome``, which makes the Welcome for a Hello; when ``receive`` has returned the
    Hello, it sends ``conversation.welcome()``, or a GoAway.
    """

    def __init__(
        self,
        role: Role,
        limits: Limits = DEFAULT_LIMITS,
        *,
        hello: Hello | None = None,
        welcome: Callable[[Hello], Welcome] | None = None,
    ):
        self.role = role
        self.limits = limits
        self.hello = hello  # ours, or the client's once it came
        self.version: int | None = None
        self.reason = ""  # why it is closed
        self.heard: float | None = None  # when the peer last said anything
        self._make_welcome = welcome
        tables = TABLES[role]
        self._state = tables.conversation.first
        self._closed = tables.conversation["CLOSED"]
        self._calls: dict[CallId, _OpenCall] = {}
        self._debt = 0
        self._peer_accepts = MIN_MESSAGE
        self._greeted: float | None = None
        self._idle_timeout = 0.0
        self._asked: set[bytes] = set()  # tokens of our PINGs that have no PONG yet
        self._owed: set[bytes] = set()  # tokens of the peer's PINGs that we owe a PONG
        self._client = role is Role.CLIENT
        self._first_answer = tables.answer.first
        self._first_input = tables.input.first
        self._no_input = tables.input["ABSENT"]
        self._over = tables.answer["OVER"]
        self._abandoned = tables.answer.get("ABANDONED")  # a client's only

    def __repr__(self) -> str:
        return f"<Conversation {self.role.value} {self._state.name} calls={len(self._calls)}>"

    # What it knows

    @property
    def state(self) -> State:
        """The state of the conversation, of the role's table."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether the conversation is over; ``reason`` says why."""
        return self._state is self._closed

    @property
    def finished(self) -> bool:
        """Whether nothing can come of it any more: closed, or retired with no call left open."""
        return self.closed or (
            not self._calls and self._state.name in ("RETIRED", "LEAVING", "LEFT")
        )

    @property
    def calls(self) -> frozenset[CallId]:
        """The calls that are open: for a client without those that it cancelled."""
        if not self._debt:
            return frozenset(self._calls)
        return frozenset(
            call_id for call_id, call in self._calls.items() if call.answer is not self._abandoned
        )

    @property
    def debt(self) -> int:
        """How many calls this client cancelled whose last message has not come."""
        return self._debt

    def is_open(self, call_id: CallId) -> bool:
        """Say whether a call is among ``calls``, at once."""
        call = self._calls.get(call_id)
        return call is not None and call.answer is not self._abandoned

    def credit(self, call_id: CallId) -> Credit:
        """Return what we may still send on a call: a client of its input, a server of its answer.

        A chunk may be sent while its items are covered and the bytes are above zero. Raise KeyError
        if the call is not open.
        """
        call = self._calls[call_id]
        if self._client:
            return call.input_stream.balance if call.input_stream else NO_CREDIT
        return call.answer_stream.balance if call.answer_stream else call.granted

    def welcome(self) -> Welcome:
        """Make the Welcome that answers the Hello received, with the version to be spoken."""
        if self._make_welcome is None or self.hello is None or self.version is None:
            raise LocalProtocolError("there is no HELLO to answer")
        return self._make_welcome(self.hello)._replace(version=self.version)

    # Time

    def next_timeout(self) -> float | None:
        """Return when ``expire`` wants to be called, or None; it changes with each event."""
        if self._greeted is not None:
            return self._greeted + self.limits.hello_timeout
        if self._idle_timeout and not self._calls and self.heard is not None and not self.closed:
            return self.heard + self._idle_timeout
        return None

    def expire(self, now: float) -> bool:
        """Close the conversation if its time is over; say whether it is closed."""
        due = self.next_timeout()
        if due is not None and now >= due:
            waited = "no answer to HELLO" if self._greeted is not None else "idle"
            self.close(f"{waited} for {now - due + self._patience():.1f} s")
        return self.closed

    def _patience(self) -> float:
        return self._idle_timeout if self._greeted is None else self.limits.hello_timeout

    def close(self, reason: str = "closed") -> None:
        """End the conversation, and with it whatever is open; nothing more is sent or received."""
        if not self.closed:
            self.reason = reason
        self._state = self._closed
        self._calls.clear()
        self._debt = 0
        self._greeted = None
        self._asked.clear()
        self._owed.clear()

    @property
    def peer_accepts(self) -> int:
        """Bytes of a message that the peer accepts; before it said so, what every peer must."""
        return self._peer_accepts

    # Sending and receiving

    def send(self, message: Message, now: float) -> Frames:
        """Return the frames of ``message``, which is then taken as sent.

        Raise MessageTooLarge if the peer accepts none of that size, LocalProtocolError if the
        message may not be sent now; in both cases nothing has changed.
        """
        kind = KINDS[type(message)]
        following = self._state.send.get(kind)
        if following is None:
            raise LocalProtocolError(f"{kind.name} may not be sent in {self._state.name}")
        frames = encode(message)
        if len(frames) > 1:
            size = sum(map(len, frames))
            if size > self._peer_accepts:
                raise MessageTooLarge(
                    f"{kind.name} of {size} bytes; the peer accepts at most {self._peer_accepts}"
                )
        try:
            if kind is _CALL:
                if len(self._calls) >= self.limits.max_calls:
                    raise _Forbidden(f"more than {self.limits.max_calls} calls at once")
                self._open(message)  # type: ignore[arg-type]
            elif kind in ABOUT_ALL:
                self._sent_about_all(message, now)
            else:
                self._move(kind, message, sending=True)
        except (_Forbidden, CreditError) as error:
            raise LocalProtocolError(str(error)) from None
        if following is not self._state or kind is _GOAWAY:
            self._become(following, message)
        return frames

    def receive(self, frames: Sequence[bytes], now: float) -> Event:
        """Return what the frames say.

        Raise RemoteProtocolError if they may not come now or cannot be read; unless it is
        ``fatal`` the conversation goes on.
        """
        try:
            message = decode(frames, self.limits)
        except RemoteProtocolError as error:
            self.heard = now
            if error.fatal:
                raise self._broken(error.reason, error.call_id) from error
            if _CALL not in self._state.receive:
                raise self._untimely(_CALL, error.call_id) from error
            if error.call_id in self._calls:
                raise self._broken(_TAKEN, error.call_id) from error
            raise
        self.heard = now
        kind = KINDS[type(message)]
        following = self._state.receive.get(kind)
        if following is None:
            raise self._untimely(kind, getattr(message, "call_id", None))
        try:
            event: Event = message
            if kind is _CALL:
                event = self._called(message)  # type: ignore[arg-type]
            elif kind in ABOUT_ALL:
                self._heard_about_all(message)
            elif not self._move(kind, message, sending=False):
                event = Skipped(message.call_id, kind)  # type: ignore[union-attr]
        except (_Forbidden, CreditError) as error:
            raise self._broken(str(error), getattr(message, "call_id", None)) from None
        if following is not self._state or kind is _GOAWAY:
            self._become(following, message)
        return event

    def _untimely(self, kind: Kind, call_id: CallId | None) -> RemoteProtocolError:
        reason = f"{kind.name} may not come in {self._state.name}"
        if kind is _CALL and call_id is not None and self._state.name in ("NEW", "CLOSED"):
            # Perhaps from a client that we forgot for being idle. It must learn that nothing was
            # done, and that this connection is of no more use.
            refusals = (Busy(call_id, "HELLO must come first"), GoAway(reason, over=True))
            self.close(reason)
            return RemoteProtocolError(reason, call_id=call_id, answers=refusals)
        return self._broken(reason, call_id)

    def _broken(self, reason: str, call_id: CallId | None) -> RemoteProtocolError:
        """Close the conversation for the peer's fault and return the error to raise."""
        if self.closed:  # then the peer has been told
            return RemoteProtocolError(reason, call_id=call_id)
        self.close(reason)
        return RemoteProtocolError(reason, call_id=call_id, answers=(GoAway(reason, over=True),))

    def _become(self, following: State, message: Message) -> None:
        """Move the conversation after ``message``, which may end it whatever the table says."""
        if type(message) is GoAway and (message.over or following.final):
            self.close(message.reason or "one side ended the conversation")
        else:
            self._state = following

    # About the conversation as a whole

    def _sent_about_all(self, message: Message, now: float) -> None:
        match message:
            case Hello():
                if message.max_message > self.limits.max_message:
                    raise _Forbidden("HELLO promises to accept more than the limits do")
                self.hello = message
                self._greeted = now
            case Welcome():
                if message.version != self.version:
                    raise _Forbidden(f"WELCOME must choose version {self.version}")
                if message.max_message > self.limits.max_message:
                    raise _Forbidden("WELCOME promises to accept more than the limits do")
                self._idle_timeout = message.idle_timeout
            case Ping():
                self._ask(self._asked, message.token)
            case Pong():
                self._settle(self._owed, message.token)

    def _heard_about_all(self, message: Message) -> None:
        match message:
            case Hello():
                common = set(message.versions).intersection(VERSIONS)
                if not common:
                    ours = ", ".join(map(str, VERSIONS))
                    raise _Forbidden(f"no version in common; this server speaks {ours}")
                self.hello = message
                self.version = max(common)
                self._peer_accepts = message.max_message
            case Welcome():
                if self.hello is None or message.version not in self.hello.versions:
                    raise _Forbidden(f"WELCOME chooses version {message.version}, not offered")
                self.version = message.version
                self._peer_accepts = message.max_message
                self._greeted = None
            case Ping():
                self._ask(self._owed, message.token)
            case Pong():
                self._settle(self._asked, message.token)

    @staticmethod
    def _ask(tokens: set[bytes], token: bytes) -> None:
        if token in tokens:
            raise _Forbidden("PING with the token of one that has no PONG yet")
        if len(tokens) >= MAX_PINGS:
            raise _Forbidden(f"more than {MAX_PINGS} PINGs without a PONG")
        tokens.add(token)

    @staticmethod
    def _settle(tokens: set[bytes], token: bytes) -> None:
        if token not in tokens:
            raise _Forbidden("PONG without a PING")
        tokens.remove(token)

    # About calls

    def _open(self, call: Call) -> None:
        if call.call_id in self._calls:
            raise _Forbidden(_TAKEN)
        credit = call.credit
        if credit.items > MAX_CREDIT_ITEMS or credit.bytes > MAX_CREDIT_BYTES:
            raise _Forbidden("CALL with credit over the cap")
        self._calls[call.call_id] = _OpenCall(
            self._first_answer, self._first_input if call.input else self._no_input, credit
        )

    def _called(self, call: Call) -> Event:
        if call.call_id in self._calls:
            raise _Forbidden(_TAKEN)
        if self._state.name == "RETIRING":
            return Refused(call.call_id, (Busy(call.call_id, "this server is going away"),))
        if len(self._calls) >= self.limits.max_calls:
            return Refused(call.call_id, (Busy(call.call_id, "too many calls on one connection"),))
        self._open(call)
        return call

    def _move(self, kind: Kind, message: Any, *, sending: bool) -> bool:
        """Move the half of a call that a message is about; say whether it is news to us."""
        call_id: CallId = message.call_id
        call = self._calls.get(call_id)
        if call is None:
            if self._client or sending:
                raise _Forbidden(f"{kind.name} for a call that is not open")
            return False
        said_by_client = sending is self._client
        if kind in (_INPUT_BY_CLIENT if said_by_client else _INPUT_BY_SERVER):
            state = call.input
            following = (state.send if sending else state.receive).get(kind)
            if following is None:
                raise _Forbidden(f"{kind.name} may not follow: the input is {state.name}")
            if kind is not _END:
                if call.input_stream is None:
                    call.input_stream = Stream()
                _account(call.input_stream, message)
            call.input = following
            return following.name != "STOPPED" or sending
        state = call.answer
        following = (state.send if sending else state.receive).get(kind)
        if following is None:
            raise _Forbidden(f"{kind.name} may not follow: the answer is {state.name}")
        if kind is _CHUNK or kind is _CREDIT:
            if call.answer_stream is None:
                call.answer_stream = Stream(call.granted)
            _account(call.answer_stream, message)
        elif kind is _CANCEL:
            call.input = (call.input.send if sending else call.input.receive)[kind]
            self._debt += sending
        call.answer = following
        abandoned = state is self._abandoned
        if following is self._over:
            del self._calls[call_id]
            self._debt -= abandoned
        return not abandoned


def _account(stream: Stream, message: Chunk | GrantCredit) -> None:
    if isinstance(message, Chunk):
        stream.take(message)
    else:
        stream.grant(message.credit)


_INPUT_BY_CLIENT: Final = frozenset({Kind.CHUNK, Kind.END})
"""What a client says about the input of a call; the rest of what it says is about the answer."""

_INPUT_BY_SERVER: Final = frozenset({Kind.CREDIT})
