"""The client's link, over a listener that says what a test wants to hear."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chunnel.links import ClientLink
from chunnel.protocol.codec import decode, encode
from chunnel.protocol.errors import LocalProtocolError, RemoteProtocolError
from chunnel.protocol.limits import DEFAULT_LIMITS
from chunnel.protocol.messages import (
    Call,
    Cancel,
    GoAway,
    Hello,
    Message,
    Ping,
    Pong,
    Result,
    Welcome,
)
from chunnel.transports import Listener, PipeClosed, for_endpoint

PATIENCE = 20.0
HELLO = Hello((1,), 2**20, "tests", "government")
WELCOME = Welcome(1, 2**20, "tests", "economy", "instance", 1, "f", 0.0, ("msgpack",))
CALL = Call(b"12345678", "money.balance", "msgpack", b"body")
_numbers = itertools.count(1)


class Script:
    """The other end, without an engine."""

    def __init__(self) -> None:
        address = f"memory://client-link-{next(_numbers)}"
        self.transport = for_endpoint(address)
        self.listener: Listener = self.transport.listen([address], {})
        self.peer = b""
        self.link = ClientLink(self.transport.dial(address, {}, timeout=PATIENCE), hello=HELLO)

    def hear(self) -> Message:
        received = self.listener.receive(PATIENCE)
        assert received is not None
        self.peer = received[0]
        return decode(received[1], DEFAULT_LIMITS)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.listener.send(self.peer, encode(message))

    def greet(self, answer: Message = WELCOME) -> Welcome:
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(self.link.open, PATIENCE)
            assert self.hear() == HELLO
            self.say(answer)
            return opening.result(PATIENCE)

    def close(self) -> None:
        self.link.close()
        self.listener.close()


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    yield script
    script.close()


def test_open_returns_the_welcome(script: Script) -> None:
    assert script.greet() == WELCOME
    assert script.link.welcome == WELCOME
    assert script.link.heard is not None


def test_open_gives_up_on_a_server_that_says_nothing(script: Script) -> None:
    with pytest.raises(PipeClosed, match="no answer to HELLO") as caught:
        script.link.open(0.01)
    assert caught.value.sent is False


def test_open_tells_why_the_server_will_not_talk(script: Script) -> None:
    with pytest.raises(PipeClosed, match="too many peers") as caught:
        script.greet(GoAway("too many peers", over=True))
    assert caught.value.sent is False


def test_open_refuses_another_first_message(script: Script) -> None:
    with pytest.raises(RemoteProtocolError):
        script.greet(Result(b"12345678", b""))


def test_call_is_answered(script: Script) -> None:
    script.greet()
    script.link.send(CALL)
    assert script.hear() == CALL
    script.say(Result(CALL.call_id, b"42"))
    assert script.link.receive(PATIENCE) == Result(CALL.call_id, b"42")
    assert script.link.receive(0) is None


def test_ping_is_answered_without_anybody_noticing(script: Script) -> None:
    script.greet()
    script.say(Ping(b"token"))
    assert script.link.receive(0) is None
    assert script.hear() == Pong(b"token")


def test_ping_that_cannot_be_answered_says_nothing_about_the_call(script: Script) -> None:
    """The answer of the call had arrived; and were it lost, the call might have been executed."""
    script.greet()
    script.link.send(CALL)
    script.hear()
    script.say(Ping(b"token"), Result(CALL.call_id, b"42"))
    script.listener.close()
    assert script.link.receive(PATIENCE) == Result(CALL.call_id, b"42")
    with pytest.raises(PipeClosed) as caught:
        script.link.receive(PATIENCE)
    assert caught.value.sent is True


def test_cancelled_call_is_a_debt_until_its_answer_was_skipped(script: Script) -> None:
    script.greet()
    script.link.send(CALL)
    script.link.send(Cancel(CALL.call_id))
    assert script.link.debt == 1
    script.hear()
    script.say(Result(CALL.call_id, b"late"), Ping(b"t"))
    second = CALL._replace(call_id=b"abcdefgh")
    script.link.send(second)
    script.say(Result(second.call_id, b"42"))
    assert script.link.receive(PATIENCE) == Result(second.call_id, b"42")
    assert script.link.debt == 0


def test_goaway_retires_the_link_and_open_calls_go_on(script: Script) -> None:
    script.greet()
    script.link.send(CALL)
    script.hear()
    script.say(GoAway("restart"), Result(CALL.call_id, b"42"))
    assert script.link.receive(PATIENCE) == GoAway("restart")
    assert script.link.retired
    assert script.link.receive(PATIENCE) == Result(CALL.call_id, b"42")
    with pytest.raises(LocalProtocolError):
        script.link.send(CALL)


def test_conversation_that_the_server_ended_is_over(script: Script) -> None:
    script.greet()
    script.link.send(CALL)
    script.hear()
    script.say(GoAway("you broke it", over=True))
    with pytest.raises(PipeClosed, match="you broke it") as caught:
        script.link.receive(PATIENCE)
    assert caught.value.sent is True


def test_server_that_breaks_the_protocol_is_told(script: Script) -> None:
    script.greet()
    script.listener.send(script.peer, [b"garbage"])
    with pytest.raises(RemoteProtocolError) as caught:
        script.link.receive(PATIENCE)
    assert caught.value.fatal
    assert isinstance(script.hear(), GoAway)


def test_broken_pipe_is_reported(script: Script) -> None:
    script.greet()
    script.link.send(CALL)
    script.listener.close()
    with pytest.raises(PipeClosed):
        script.link.receive(PATIENCE)


def test_wake_ends_a_wait(script: Script) -> None:
    script.greet()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(script.link.receive, None)
        script.link.wake()
        assert waiting.result(PATIENCE) is None


def test_server_that_breaks_the_protocol_and_hangs_up_is_not_told(script: Script) -> None:
    """What it did is what is raised, not that nobody hears the answer."""
    script.greet()
    script.listener.send(script.peer, [b"garbage"])
    script.listener.close()
    with pytest.raises(RemoteProtocolError) as caught:
        script.link.receive(PATIENCE)
    assert caught.value.fatal


def test_repr_names_the_endpoint(script: Script) -> None:
    assert script.listener.endpoint in repr(script.link)
