"""When what may be said, as tables.

* A table gives, for each state, the kinds of messages that we may send and that we may receive in
  it, and the state that follows. What is not there is a mistake: ours if we were to send it, the
  peer's if we received it.
* A conversation has one state. Each call has two more, one for each half: the *answer* travels from
  server to client, the *input* from client to server. A call is over when its answer is.
* Each role has tables of its own. They mirror each other except for messages under way, which the
  one has sent and the other has not yet seen; where such messages may cross, the prose says so.
* A CALL opens its two halves in the first state of their tables (a call without input: in ABSENT).
* Credit, the contents of chunks, call ids and time are not the tables' business but the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from .messages import Kind

K: TypeAlias = Kind  # the tables are read more easily with short names

Moves: TypeAlias = Mapping[Kind, str]
_NOTHING: Final[Moves] = MappingProxyType({})


class Role(Enum):
    """Which end of the conversation we are: the one that calls or the one that answers."""

    CLIENT = "client"
    SERVER = "server"


class Row(NamedTuple):
    """One state as written down: what it waits for, and the moves out of it, by name."""

    prose: str
    send: Moves = _NOTHING
    receive: Moves = _NOTHING


class State:
    """One state, with the states that follow each move. Compared by identity."""

    __slots__ = ("name", "prose", "receive", "send")

    def __init__(self, name: str, prose: str):
        self.name = name
        self.prose = prose
        self.send: dict[Kind, State] = {}
        self.receive: dict[Kind, State] = {}

    def __repr__(self) -> str:
        return f"<State {self.name}>"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return not self.send and not self.receive


class Table(Mapping[str, State]):
    """The states of one subject as one role sees it, by name, the first one first."""

    def __init__(self, subject: str, role: Role, rows: Mapping[str, Row]):
        self.subject = subject
        self.role = role
        self._states = {name: State(name, row.prose) for name, row in rows.items()}
        for name, row in rows.items():
            state = self._states[name]
            state.send.update({kind: self._states[to] for kind, to in row.send.items()})
            state.receive.update({kind: self._states[to] for kind, to in row.receive.items()})

    def __getitem__(self, name: str) -> State:
        return self._states[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)

    @property
    def first(self) -> State:
        """The state in which the subject begins."""
        return next(iter(self._states.values()))


def _stay(state: str, *kinds: Kind) -> dict[Kind, str]:
    return dict.fromkeys(kinds, state)


_ASKING = (K.CANCEL, K.CREDIT, K.CHUNK, K.END, K.PING, K.PONG)
"""What a client may say about calls that are open, and to be sure that the server lives."""

_ANSWERING = (K.RESULT, K.FAILURE, K.CHUNK, K.END, K.CREDIT, K.BUSY, K.PING, K.PONG)
"""What a server may say while calls are open, and to be sure that the client lives."""

CLIENT_CONVERSATION: Final = Table(
    "conversation",
    Role.CLIENT,
    {
        "NEW": Row(
            "The connection stands and nothing was said. HELLO must come first, and from us.",
            send={K.HELLO: "GREETING"},
        ),
        "GREETING": Row(
            "HELLO was sent. We wait for WELCOME; a server that will not talk to us says GOAWAY. "
            "If neither comes within the time for greetings, the conversation is closed.",
            receive={K.WELCOME: "READY", K.GOAWAY: "CLOSED"},
        ),
        "READY": Row(
            "Both know each other. Calls may be made, any number at once.",
            send=_stay("READY", K.CALL, *_ASKING) | {K.GOAWAY: "LEAVING"},
            receive=_stay("READY", *_ANSWERING) | {K.GOAWAY: "RETIRED"},
        ),
        "RETIRED": Row(
            "The server takes no new calls on this connection; those that are open will be "
            "answered. A CALL that crossed the GOAWAY is answered BUSY.",
            send=_stay("RETIRED", *_ASKING) | {K.GOAWAY: "LEAVING"},
            receive=_stay("RETIRED", *_ANSWERING, K.GOAWAY),
        ),
        "LEAVING": Row(
            "We said that we make no new calls. When those that are open are over, both sides may "
            "forget the conversation.",
            send=_stay("LEAVING", *_ASKING),
            receive=_stay("LEAVING", *_ANSWERING, K.GOAWAY),
        ),
        "CLOSED": Row("The conversation is over, and whatever was open in it is lost."),
    },
)

SERVER_CONVERSATION: Final = Table(
    "conversation",
    Role.SERVER,
    {
        "NEW": Row(
            "Nothing was heard from this client. HELLO must come first. To a CALL that comes "
            "instead (from a client that we have forgotten) we say BUSY and GOAWAY.",
            receive={K.HELLO: "GREETED"},
        ),
        "GREETED": Row(
            "HELLO was heard and offers a version that we speak. We owe WELCOME, or GOAWAY if we "
            "will not talk to this client, who meanwhile says nothing.",
            send={K.WELCOME: "READY", K.GOAWAY: "CLOSED"},
        ),
        "READY": Row(
            "Both know each other. We wait for calls and answer them in any order.",
            send=_stay("READY", *_ANSWERING) | {K.GOAWAY: "RETIRING"},
            receive=_stay("READY", K.CALL, *_ASKING) | {K.GOAWAY: "LEFT"},
        ),
        "RETIRING": Row(
            "We said that we take no new calls. A CALL that crossed our GOAWAY is answered BUSY, "
            "surely not executed; calls that are open are answered as ever.",
            send=_stay("RETIRING", *_ANSWERING, K.GOAWAY),
            receive=_stay("RETIRING", K.CALL, *_ASKING) | {K.GOAWAY: "LEFT"},
        ),
        "LEFT": Row(
            "The client makes no new calls. When those that are open are over, both sides may "
            "forget the conversation.",
            send=_stay("LEFT", *_ANSWERING, K.GOAWAY),
            receive=_stay("LEFT", *_ASKING),
        ),
        "CLOSED": Row("The conversation is over, and whatever was open in it is lost."),
    },
)

CLIENT_ANSWER: Final = Table(
    "answer",
    Role.CLIENT,
    {
        "WAITING": Row(
            "The CALL was sent and nothing has come. We may grant more credit in advance.",
            send={K.CREDIT: "WAITING", K.CANCEL: "ABANDONED"},
            receive={K.RESULT: "OVER", K.FAILURE: "OVER", K.BUSY: "OVER", K.CHUNK: "STREAMING"},
        ),
        "STREAMING": Row(
            "A first CHUNK has come, so the call is being executed and is no longer answered by "
            "RESULT or BUSY. Chunks come as far as our credit goes.",
            send={K.CREDIT: "STREAMING", K.CANCEL: "ABANDONED"},
            receive={K.CHUNK: "STREAMING", K.END: "OVER", K.FAILURE: "OVER"},
        ),
        "ABANDONED": Row(
            "We sent CANCEL: for our caller the call is over, for the server not yet. Whatever was "
            "under way, and the one message that ends the call, is skipped. Until that comes the "
            "call is a debt of this connection.",
            receive={
                K.CHUNK: "ABANDONED",
                K.RESULT: "OVER",
                K.FAILURE: "OVER",
                K.BUSY: "OVER",
                K.END: "OVER",
            },
        ),
        "OVER": Row("The last message has come. The call is forgotten; nothing more may follow."),
    },
)

SERVER_ANSWER: Final = Table(
    "answer",
    Role.SERVER,
    {
        "CALLED": Row(
            "The CALL has come and nothing was said to it. It ends with RESULT or FAILURE, with "
            "BUSY if it was not executed, or becomes a stream with a first CHUNK.",
            send={K.RESULT: "OVER", K.FAILURE: "OVER", K.BUSY: "OVER", K.CHUNK: "STREAMING"},
            receive={K.CREDIT: "CALLED", K.CANCEL: "CANCELLED"},
        ),
        "STREAMING": Row(
            "A first CHUNK was sent. More follow as far as the client's credit goes, up to END or "
            "FAILURE.",
            send={K.CHUNK: "STREAMING", K.END: "OVER", K.FAILURE: "OVER"},
            receive={K.CREDIT: "STREAMING", K.CANCEL: "CANCELLED"},
        ),
        "CANCELLED": Row(
            "The client wants no answer, but the call must still be ended by exactly one message: "
            "FAILURE with the code CANCELLED, or whatever was on its way to it.",
            send={
                K.CHUNK: "CANCELLED",
                K.RESULT: "OVER",
                K.FAILURE: "OVER",
                K.BUSY: "OVER",
                K.END: "OVER",
            },
        ),
        "OVER": Row(
            "The last message was sent. The call is forgotten; what the client said before it saw "
            "that (CREDIT, CANCEL, CHUNK, END) is skipped."
        ),
    },
)

CLIENT_INPUT: Final = Table(
    "input",
    Role.CLIENT,
    {
        "SENDING": Row(
            "The CALL announced input. We send chunks as far as the server's credit goes, which is "
            "none until its first CREDIT, and then END.",
            send={K.CHUNK: "SENDING", K.END: "SENT", K.CANCEL: "STOPPED"},
            receive={K.CREDIT: "SENDING"},
        ),
        "SENT": Row(
            "END was sent. Credit that crossed it is of no use.",
            send={K.CANCEL: "STOPPED"},
            receive={K.CREDIT: "SENT"},
        ),
        "STOPPED": Row(
            "CANCEL was sent, which ends the input too. Credit that crossed it is of no use.",
            receive={K.CREDIT: "STOPPED"},
        ),
        "ABSENT": Row("The CALL announced no input.", send={K.CANCEL: "ABSENT"}),
    },
)

SERVER_INPUT: Final = Table(
    "input",
    Role.SERVER,
    {
        "RECEIVING": Row(
            "The CALL announced input. We grant credit and chunks come as far as it goes.",
            send={K.CREDIT: "RECEIVING"},
            receive={K.CHUNK: "RECEIVING", K.END: "RECEIVED", K.CANCEL: "STOPPED"},
        ),
        "RECEIVED": Row(
            "END has come, and no chunk may follow. Credit may still be granted by who has not yet "
            "noticed.",
            send={K.CREDIT: "RECEIVED"},
            receive={K.CANCEL: "STOPPED"},
        ),
        "STOPPED": Row(
            "CANCEL has come, which ends the input too. Credit may still be granted by who has not "
            "yet noticed.",
            send={K.CREDIT: "STOPPED"},
        ),
        "ABSENT": Row("The CALL announced no input.", receive={K.CANCEL: "ABSENT"}),
    },
)


class Tables(NamedTuple):
    """The three tables of one role."""

    conversation: Table
    answer: Table
    input: Table


TABLES: Final[Mapping[Role, Tables]] = {
    Role.CLIENT: Tables(CLIENT_CONVERSATION, CLIENT_ANSWER, CLIENT_INPUT),
    Role.SERVER: Tables(SERVER_CONVERSATION, SERVER_ANSWER, SERVER_INPUT),
}
