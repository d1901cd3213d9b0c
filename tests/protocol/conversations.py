"""Pairs of engines that talk to each other without anything between them."""

from __future__ import annotations

from chunnel.protocol.engine import Conversation, Event
from chunnel.protocol.limits import DEFAULT_LIMITS, Limits
from chunnel.protocol.messages import (
    Busy,
    Call,
    CallId,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    FailureCode,
    GoAway,
    GrantCredit,
    Hello,
    Kind,
    Message,
    Ping,
    Pong,
    Result,
    Welcome,
)
from chunnel.protocol.states import Role

AMPLE = Credit(100, 100_000)


def hello(limits: Limits = DEFAULT_LIMITS) -> Hello:
    return Hello((1,), limits.max_message, "chunnel/test", "government")


def welcome(limits: Limits = DEFAULT_LIMITS, *, idle_timeout: float = 0.0) -> Welcome:
    return Welcome(
        1, limits.max_message, "chunnel/test", "economy", "i1", 1, "f1", idle_timeout, ("msgpack",)
    )


class Pair:
    """A client and a server; ``say`` passes a message from one to the other at once."""

    def __init__(
        self,
        *,
        client_limits: Limits = DEFAULT_LIMITS,
        server_limits: Limits = DEFAULT_LIMITS,
        idle_timeout: float = 0.0,
        greet: bool = True,
    ):
        self.client = Conversation(Role.CLIENT, client_limits, hello=hello(client_limits))
        self.server = Conversation(
            Role.SERVER,
            server_limits,
            welcome=lambda _: welcome(server_limits, idle_timeout=idle_timeout),
        )
        if greet:
            self.ask(self.client.hello)
            self.answer(self.server.welcome())

    def ask(self, message: Message, now: float = 0.0) -> Event:
        """Send from the client to the server."""
        return self.server.receive(self.client.send(message, now), now)

    def answer(self, message: Message, now: float = 0.0) -> Event:
        """Send from the server to the client."""
        return self.client.receive(self.server.send(message, now), now)

    def __getitem__(self, role: Role) -> Conversation:
        return self.client if role is Role.CLIENT else self.server


def identity(number: int) -> CallId:
    return number.to_bytes(8, "big")


def call(number: int = 1, *, credit: Credit = AMPLE, input: bool = False) -> Call:
    return Call(identity(number), "money.balance", "msgpack", b"args", (), credit, input)


def example(kind: Kind, number: int = 1, *, token: bytes = b"token") -> Message:
    """Return a message of ``kind`` that nothing but its kind could make wrong."""
    call_id = identity(number)
    return {
        Kind.HELLO: hello(),
        Kind.WELCOME: welcome(),
        Kind.CALL: call(number),
        Kind.RESULT: Result(call_id, b"value"),
        Kind.FAILURE: Failure(call_id, FailureCode.RAISED, "why"),
        Kind.CHUNK: Chunk(call_id, 1, b"item"),
        Kind.END: End(call_id),
        Kind.CREDIT: GrantCredit(call_id, Credit(1, 1)),
        Kind.CANCEL: Cancel(call_id),
        Kind.PING: Ping(token),
        Kind.PONG: Pong(token),
        Kind.BUSY: Busy(call_id),
        Kind.GOAWAY: GoAway("why"),
    }[kind]
