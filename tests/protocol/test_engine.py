"""What a conversation does beyond its tables: versions, sizes, credit, pings, time, refusals."""

from __future__ import annotations

import msgpack
import pytest

from chunnel.protocol.codec import decode, encode
from chunnel.protocol.engine import Conversation, Refused, Skipped
from chunnel.protocol.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from chunnel.protocol.limits import (
    MAX_CREDIT_BYTES,
    MAX_CREDIT_ITEMS,
    MAX_PINGS,
    MIN_MESSAGE,
    Limits,
)
from chunnel.protocol.messages import (
    Busy,
    Call,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    FailureCode,
    GoAway,
    GrantCredit,
    Hello,
    Ping,
    Pong,
    Result,
    Welcome,
)
from chunnel.protocol.states import Role

from .conversations import Pair, call, hello, identity, welcome

ONE, TWO = identity(1), identity(2)
SMALL = Limits(max_message=MIN_MESSAGE)


def violation(conversation: Conversation, message, now: float = 0.0) -> RemoteProtocolError:
    frames = message if isinstance(message, list) else encode(message)
    with pytest.raises(RemoteProtocolError) as caught:
        conversation.receive(frames, now)
    return caught.value


# Greeting


def test_a_greeting_ends_with_both_knowing_each_other():
    """Each has the other's Hello or Welcome, and both the version."""
    pair = Pair(greet=False)
    assert pair.ask(pair.client.hello) == hello()
    assert pair.server.hello == hello()
    assert pair.answer(pair.server.welcome()) == welcome()
    assert (pair.client.version, pair.server.version) == (1, 1)
    assert (pair.client.state.name, pair.server.state.name) == ("READY", "READY")
    assert repr(pair.client) == "<Conversation client READY calls=0>"


def test_the_highest_common_version_is_chosen():
    """What the maker of the Welcome writes there does not matter."""
    server = Conversation(Role.SERVER, welcome=lambda _: welcome()._replace(version=9))
    server.receive(encode(Hello((3, 1, 2), MIN_MESSAGE, "a", "p")), 0.0)
    assert server.welcome().version == 1


def test_no_common_version_is_refused_in_the_frozen_layout():
    """The answer is a GOAWAY that a client of any version can read."""
    server = Conversation(Role.SERVER, welcome=lambda _: welcome())
    error = violation(server, Hello((2, 3), MIN_MESSAGE, "a", "p"))
    (answer,) = error.answers
    assert "no version in common; this server speaks 1" in answer.reason
    assert answer.over
    assert msgpack.unpackb(encode(answer)[0][1:])[0] == 0
    assert server.closed


def test_a_client_is_told_why_it_is_not_welcome():
    """GOAWAY instead of WELCOME closes the conversation, with the reason kept."""
    pair = Pair(greet=False)
    pair.ask(pair.client.hello)
    assert pair.answer(GoAway("under repair")) == GoAway("under repair")
    assert pair.client.closed
    assert pair.server.closed
    assert pair.client.reason == "under repair"


def test_a_version_that_was_not_offered_is_a_violation():
    """A server cannot choose for the client."""
    client = Conversation(Role.CLIENT, hello=hello())
    client.send(client.hello, 0.0)
    assert "not offered" in violation(client, welcome()._replace(version=2)).reason


def test_a_server_welcomes_only_whom_it_heard():
    """``welcome`` needs a Hello, and the version it negotiated."""
    server = Conversation(Role.SERVER, welcome=lambda _: welcome())
    with pytest.raises(LocalProtocolError, match="no HELLO"):
        server.welcome()
    server.receive(encode(hello()), 0.0)
    with pytest.raises(LocalProtocolError, match="version 1"):
        server.send(server.welcome()._replace(version=2), 0.0)
    assert server.state.name == "GREETED"


@pytest.mark.parametrize("role", Role)
def test_nobody_promises_to_accept_more_than_its_limits(role):
    """Else a peer that believes it would be punished for that."""
    conversation = Conversation(role, SMALL, welcome=lambda _: welcome())
    if role is Role.SERVER:
        conversation.receive(encode(hello()), 0.0)
    greeting = hello() if role is Role.CLIENT else conversation.welcome()
    with pytest.raises(LocalProtocolError, match="promises"):
        conversation.send(greeting, 0.0)


# Sizes


def test_a_message_that_the_peer_does_not_accept_is_not_sent():
    """Each peer's size is its own; the state does not move, so that another answer can be given."""
    pair = Pair(client_limits=SMALL)
    pair.ask(call())
    with pytest.raises(MessageTooLarge, match="at most 65536"):
        pair.server.send(Result(ONE, b"x" * MIN_MESSAGE), 0.0)
    assert pair.answer(Failure(ONE, FailureCode.UNSERIALIZABLE, "too large"))
    big = Call(TWO, "n", "json", b"x" * MIN_MESSAGE)
    assert pair.ask(big) == big


def test_a_call_that_is_too_large_fails_alone():
    """A client that ignores the server's size is told so; its other calls go on."""
    pair = Pair(server_limits=SMALL)
    pair.ask(call(1))
    error = violation(pair.server, Call(TWO, "n", "json", b"x" * MIN_MESSAGE))
    assert not error.fatal
    assert error.answers == (Failure(TWO, FailureCode.MALFORMED, error.reason),)
    assert pair.server.calls == {ONE}
    assert pair.answer(Result(ONE, b""))


# Calls


def test_calls_are_answered_in_any_order_and_end_once():
    """The open calls are known on both sides."""
    pair = Pair()
    for number in (1, 2, 3):
        pair.ask(call(number))
    assert pair.client.calls == pair.server.calls == {ONE, TWO, identity(3)}
    assert pair.client.is_open(TWO)
    assert pair.answer(Result(TWO, b"")) == Result(TWO, b"")
    assert pair.answer(Busy(ONE)) == Busy(ONE)
    assert pair.answer(Failure(identity(3), 100, "")).code == 100
    assert pair.client.calls == pair.server.calls == frozenset()
    assert not pair.client.is_open(TWO)


def test_a_second_result_is_a_violation_of_the_server():
    """Our own engine refuses to send it, and a client does not take it."""
    pair = Pair()
    pair.ask(call())
    pair.answer(Result(ONE, b""))
    with pytest.raises(LocalProtocolError, match="not open"):
        pair.server.send(Result(ONE, b""), 0.0)
    error = violation(pair.client, Result(ONE, b""))
    assert error.fatal
    assert error.call_id == ONE
    assert pair.client.closed


def test_an_answer_to_a_call_that_never_was_is_a_violation():
    """A client knows all of its calls."""
    assert "not open" in violation(Pair().client, Result(ONE, b"")).reason


def test_a_call_id_that_is_open_cannot_be_used_again():
    """Neither sent nor received, however well or badly the second call is made."""
    pair = Pair()
    pair.ask(call())
    with pytest.raises(LocalProtocolError, match="id of a call that is open"):
        pair.client.send(call(), 0.0)
    assert "id of a call that is open" in violation(pair.server, call()).reason
    pair = Pair()
    pair.ask(call())
    error = violation(pair.server, Call(ONE, "n", "json", b"x" * 2**24))
    assert error.fatal
    assert "id of a call that is open" in error.reason


def test_a_call_that_crosses_goaway_is_answered_busy():
    """The race is legal, the call surely not executed, and nothing else is disturbed."""
    pair = Pair()
    pair.ask(call(1))
    crossing = pair.client.send(call(2), 0.0)
    pair.answer(GoAway("restart"))
    refused = pair.server.receive(crossing, 0.0)
    assert refused == Refused(TWO, (Busy(TWO, "this server is going away"),))
    assert pair.client.receive(encode(refused.answers[0]), 0.0) == refused.answers[0]
    with pytest.raises(LocalProtocolError, match="RETIRED"):
        pair.client.send(call(3), 0.0)
    assert not pair.client.finished
    assert pair.answer(Result(ONE, b""))
    assert pair.client.finished


def test_more_calls_than_a_connection_may_hold_are_busy():
    """The limit is the server's own; the client's engine holds back by its own."""
    pair = Pair(server_limits=Limits(max_calls=1))
    pair.ask(call(1))
    assert pair.ask(call(2)).answers == (Busy(TWO, "too many calls on one connection"),)
    pair.answer(Result(ONE, b""))
    assert pair.client.receive(encode(Busy(TWO)), 0.0)
    assert pair.ask(call(3)) == call(3)
    pair = Pair(client_limits=Limits(max_calls=1))
    pair.ask(call(1))
    with pytest.raises(LocalProtocolError, match="more than 1 calls"):
        pair.client.send(call(2), 0.0)


@pytest.mark.parametrize("body", [b"", b"x" * 2**24], ids=["readable", "unreadable"])
def test_a_forgotten_client_learns_that_its_call_was_not_executed(body):
    """BUSY for the call, so that it may be tried elsewhere, and GOAWAY for the connection."""
    server = Conversation(Role.SERVER, welcome=lambda _: welcome())
    error = violation(server, Call(ONE, "n", "json", body))
    assert error.fatal
    assert [type(answer) for answer in error.answers] == [Busy, GoAway]
    assert error.answers[0].call_id == ONE
    pair = Pair()
    pair.client.send(call(), 0.0)
    assert pair.client.receive(encode(error.answers[0]), 0.0)
    assert pair.client.receive(encode(error.answers[1]), 0.0)
    assert pair.client.closed


# Cancel and debts


def test_a_cancelled_call_is_a_debt_until_its_last_message():
    """What comes for it meanwhile is skipped; other calls are not touched."""
    pair = Pair()
    pair.ask(call(1))
    pair.ask(call(2))
    chunks = [pair.server.send(Chunk(ONE, items, b"x" * items), 0.0) for items in (0, 3)]
    assert pair.ask(Cancel(ONE, "timeout")) == Cancel(ONE, "timeout")
    assert (pair.client.debt, pair.client.calls) == (1, {TWO})
    assert not pair.client.is_open(ONE)
    for chunk in chunks:
        assert isinstance(pair.client.receive(chunk, 0.0), Skipped)
    assert pair.client.debt == 1
    assert isinstance(pair.answer(Failure(ONE, FailureCode.CANCELLED, "")), Skipped)
    assert pair.client.debt == 0
    assert pair.answer(Result(TWO, b"")) == Result(TWO, b"")


def test_a_cancelled_call_can_still_break_the_rules():
    """A debt is no licence: credit counts on."""
    pair = Pair()
    pair.ask(call(1, credit=Credit(1, 1)))
    pair.ask(Cancel(ONE))
    assert "exceeds" in violation(pair.client, Chunk(ONE, 2, b"xx")).reason


def test_cancel_ends_the_input_as_well():
    """And the server's credit that crossed it is skipped."""
    pair = Pair()
    pair.ask(call(1, input=True))
    crossing = pair.server.send(GrantCredit(ONE, Credit(1, 1)), 0.0)
    pair.ask(Cancel(ONE))
    assert isinstance(pair.client.receive(crossing, 0.0), Skipped)
    with pytest.raises(LocalProtocolError, match="STOPPED"):
        pair.client.send(Chunk(ONE, 1, b"x"), 0.0)
    assert pair.server.send(GrantCredit(ONE, Credit(1, 1)), 0.0)  # who grants may be late


# Streams and credit


def test_an_answer_streams_as_far_as_credit_goes():
    """Credit comes with the call and with CREDIT; both ends count alike."""
    pair = Pair()
    pair.ask(call(1, credit=Credit(2, 100)))
    assert pair.server.credit(ONE) == Credit(2, 100)
    assert pair.answer(Chunk(ONE)) == Chunk(ONE)
    pair.answer(Chunk(ONE, 2, b"ab"))
    with pytest.raises(LocalProtocolError, match="exceeds"):
        pair.server.send(Chunk(ONE, 1, b"c"), 0.0)
    pair.ask(GrantCredit(ONE, Credit(1, 0)))
    assert pair.server.credit(ONE) == Credit(1, 98)
    assert pair.answer(Chunk(ONE, 1, b"c"))
    assert pair.answer(End(ONE)) == End(ONE)
    with pytest.raises(KeyError):
        pair.server.credit(ONE)


def test_a_chunk_beyond_credit_is_a_violation():
    """The receiver closes the conversation."""
    pair = Pair()
    pair.ask(call(1, credit=Credit(1, 10)))
    assert "exceeds" in violation(pair.client, Chunk(ONE, 2, b"ab")).reason
    assert pair.client.closed
    pair = Pair()
    pair.ask(call(1, input=True))
    assert "exceeds" in violation(pair.server, Chunk(ONE, 1, b"a")).reason


def test_input_streams_under_the_credit_of_the_server():
    """None at first; the answer's credit is another."""
    pair = Pair()
    pair.ask(call(1, credit=Credit(5, 5), input=True))
    assert pair.client.credit(ONE) == Credit(0, 0)
    with pytest.raises(LocalProtocolError, match="exceeds"):
        pair.client.send(Chunk(ONE, 1, b"a"), 0.0)
    pair.answer(GrantCredit(ONE, Credit(2, 10)))
    assert pair.client.credit(ONE) == Credit(2, 10)
    assert pair.ask(Chunk(ONE, 2, b"ab")) == Chunk(ONE, 2, b"ab")
    pair.answer(Chunk(ONE, 1, b"x"))
    assert pair.ask(End(ONE)) == End(ONE)
    with pytest.raises(LocalProtocolError, match="SENT"):
        pair.client.send(Chunk(ONE), 0.0)
    assert "RECEIVED" in violation(pair.server, Chunk(ONE)).reason


def test_a_call_without_input_takes_none():
    """Neither chunks nor credit for them."""
    pair = Pair()
    pair.ask(call(1))
    with pytest.raises(LocalProtocolError, match="ABSENT"):
        pair.server.send(GrantCredit(ONE, Credit(1, 1)), 0.0)
    assert "ABSENT" in violation(pair.server, Chunk(ONE)).reason


@pytest.mark.parametrize("credit", [Credit(MAX_CREDIT_ITEMS, 0), Credit(0, MAX_CREDIT_BYTES)])
def test_credit_over_the_cap_is_a_violation(credit):
    """By CALL, by CREDIT, and in both directions of streams."""
    more = Credit(*(amount + bool(amount) for amount in credit))
    with pytest.raises(LocalProtocolError, match="over the cap"):
        Pair().client.send(call(credit=more), 0.0)
    assert "over the cap" in violation(Pair().server, call(credit=more)).reason
    pair = Pair()
    pair.ask(call(credit=credit, input=True))
    pair.answer(GrantCredit(ONE, credit))
    one_more = GrantCredit(ONE, Credit(*(int(bool(amount)) for amount in credit)))
    for engine in (pair.client, pair.server):
        with pytest.raises(LocalProtocolError, match="over the cap"):
            engine.send(one_more, 0.0)
    for engine in (pair.client, pair.server):
        assert "over the cap" in violation(engine, one_more).reason


def test_a_large_result_travels_in_parts_under_the_same_credit():
    """Items do not count, bytes do; items and parts do not mix."""
    pair = Pair()
    pair.ask(call(1, credit=Credit(0, 10)))
    pair.answer(Chunk(ONE, 0, b"x" * 8, part=True))
    pair.answer(Chunk(ONE, 0, b"x" * 8, (b"blob",), part=True))
    with pytest.raises(LocalProtocolError, match="exceeds"):
        pair.server.send(Chunk(ONE, 0, b"x", part=True), 0.0)
    pair.ask(GrantCredit(ONE, Credit(0, 100)))
    with pytest.raises(LocalProtocolError, match="either items or parts"):
        pair.server.send(Chunk(ONE, 0, b"x"), 0.0)
    assert pair.answer(End(ONE))


def test_what_we_may_not_send_changes_nothing():
    """After any local error the same conversation goes on as if nothing had been tried."""
    pair = Pair()
    pair.ask(call(1, credit=Credit(1, 10)))
    for wrong in (Chunk(ONE, 2, b"xx"), End(ONE), Chunk(ONE, -1), Failure(ONE, 0, "")):
        with pytest.raises(LocalProtocolError):
            pair.server.send(wrong, 0.0)
    assert pair.server.credit(ONE) == Credit(1, 10)
    assert pair.answer(Result(ONE, b"still"))


# Liveness


def test_pings_are_answered_with_their_token():
    """In both directions, several at once, in any order."""
    pair = Pair()
    pair.ask(Ping(b"a"))
    pair.ask(Ping(b"b"))
    pair.answer(Ping(b"a"))
    assert pair.answer(Pong(b"b")) == Pong(b"b")
    assert pair.ask(Pong(b"a")) == Pong(b"a")
    assert pair.answer(Pong(b"a"))


def test_pongs_without_pings_and_floods_of_pings_are_violations():
    """Nobody can make a peer remember without bound."""
    pair = Pair()
    with pytest.raises(LocalProtocolError, match="without a PING"):
        pair.server.send(Pong(b"x"), 0.0)
    assert "without a PING" in violation(pair.client, Pong(b"x")).reason
    pair = Pair()
    for number in range(MAX_PINGS):
        pair.ask(Ping(identity(number)))
    with pytest.raises(LocalProtocolError, match="has no PONG yet"):
        pair.client.send(Ping(identity(0)), 0.0)
    with pytest.raises(LocalProtocolError, match="more than 64 PINGs"):
        pair.client.send(Ping(b"one more"), 0.0)
    assert "more than 64" in violation(pair.server, Ping(b"one more")).reason


def test_anything_heard_is_a_sign_of_life():
    """``heard`` is the time of the last message, good or bad."""
    pair = Pair()
    pair.ask(call(), now=5.0)
    assert pair.server.heard == 5.0
    violation(pair.server, [b"garbage"], now=6.0)
    assert pair.server.heard == 6.0


# Time


def test_a_greeting_that_nobody_answers_expires():
    """After ``hello_timeout``, not before."""
    client = Conversation(Role.CLIENT, Limits(hello_timeout=2.0), hello=hello())
    assert client.next_timeout() is None
    client.send(client.hello, 10.0)
    assert client.next_timeout() == 12.0
    assert not client.expire(11.9)
    assert client.expire(12.5)
    assert client.reason == "no answer to HELLO for 2.5 s"
    assert client.next_timeout() is None
    assert client.expire(13.0)


def test_an_answered_greeting_does_not_expire():
    """The time for greetings ends with WELCOME."""
    pair = Pair()
    assert pair.client.next_timeout() is None
    assert not pair.client.expire(1e9)


def test_a_server_may_forget_a_client_that_is_silent_and_has_no_calls():
    """An open call keeps the conversation for as long as it takes."""
    pair = Pair(idle_timeout=60.0)
    assert pair.server.next_timeout() == 60.0
    pair.ask(call(), now=10.0)
    assert pair.server.next_timeout() is None
    pair.answer(Result(ONE, b""), now=500.0)
    assert pair.server.next_timeout() == 70.0
    pair.ask(Ping(b"x"), now=501.0)
    assert not pair.server.expire(560.0)
    assert pair.server.expire(561.0)
    assert pair.server.reason == "idle for 60.0 s"
    assert [type(answer) for answer in violation(pair.server, call()).answers] == [Busy, GoAway]


# The end


def test_closing_forgets_everything_that_was_open():
    """What is sent then is our error, what comes is the peer's; the first reason is kept."""
    pair = Pair()
    pair.ask(call(1))
    pair.ask(call(2))
    pair.ask(Cancel(TWO))
    pair.client.close("done")
    pair.client.close("again")
    assert (pair.client.calls, pair.client.debt, pair.client.reason) == (frozenset(), 0, "done")
    assert pair.client.finished
    with pytest.raises(LocalProtocolError, match="CLOSED"):
        pair.client.send(call(3), 0.0)
    assert violation(pair.client, Result(ONE, b"")).answers == ()


def test_a_goaway_that_is_final_ends_the_conversation_on_both_sides():
    """Open calls will not be answered, and nobody waits for them."""
    pair = Pair()
    pair.ask(call(1))
    pair.answer(GoAway("killed", over=True))
    for engine in (pair.client, pair.server):
        assert engine.closed
        assert engine.calls == frozenset()
        assert engine.reason == "killed"


def test_a_client_that_leaves_is_finished_with_its_last_answer():
    """Then both sides may forget the conversation."""
    pair = Pair()
    pair.ask(call(1))
    pair.ask(GoAway())
    assert not pair.client.finished
    assert not pair.server.finished
    pair.answer(Result(ONE, b""))
    assert pair.client.finished
    assert pair.server.finished


def test_garbage_ends_its_own_conversation_with_an_answer():
    """The peer is told once, and then no more."""
    pair = Pair()
    error = violation(pair.server, [b"GET / HTTP/1.1"])
    assert error.fatal
    assert error.answers == (GoAway("not a message of Chunnel", over=True),)
    assert violation(pair.server, [b"again"]).answers == ()


def test_a_fault_of_the_server_is_told_to_it_as_well():
    """So that it need not keep what it knows about us."""
    error = violation(Pair().client, call())
    assert error.answers == (GoAway("CALL may not come in READY", over=True),)


def test_events_are_what_decode_returns():
    """The engine changes no message on its way."""
    pair = Pair()
    frames = pair.client.send(call(), 0.0)
    assert pair.server.receive(frames, 0.0) == decode(frames)
    assert isinstance(welcome(), Welcome)
