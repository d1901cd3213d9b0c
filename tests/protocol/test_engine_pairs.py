"""Every (state, kind) pair of every table, tried on real engines that were brought to the state.

What must come of each is read from the grids of test_states, not from the tables themselves.
"""

from __future__ import annotations

import pytest

from chunnel.protocol.codec import encode
from chunnel.protocol.engine import Refused, Skipped
from chunnel.protocol.errors import LocalProtocolError, RemoteProtocolError
from chunnel.protocol.messages import Cancel, Chunk, End, GoAway, GrantCredit, Kind, Ping, Result
from chunnel.protocol.states import Role

from .conversations import AMPLE, Pair, call, example, identity
from .test_states import CELLS

ABOUT_CALLS = frozenset(Kind) - {Kind.HELLO, Kind.WELCOME, Kind.PING, Kind.PONG, Kind.GOAWAY}
CLIENT, SERVER = Role.CLIENT, Role.SERVER
PLAIN, WITH_INPUT, STREAMING, FRESH = 1, 2, 3, 4  # the calls of the pairs below


def cells(*names: str, only=lambda role, direction, kind: True) -> list:
    """Return the cells of some grids, with the role in place of the table."""
    chosen = []
    for cell in CELLS:
        name, state, direction, kind, expected = cell.values
        role = CLIENT if name.startswith("CLIENT") else SERVER
        if name in names and only(role, direction, kind):
            chosen.append(pytest.param(role, state, direction, kind, expected, id=cell.id))
    return chosen


def attempt(pair: Pair, role: Role, direction: str, message):
    """Send or receive; return whether that was allowed, and the event if one came."""
    engine = pair[role]
    if direction == "send":
        try:
            engine.send(message, 0.0)
        except LocalProtocolError:
            return False, None
        return True, None
    try:
        return True, engine.receive(encode(message), 0.0)
    except RemoteProtocolError as error:
        return False, error


# Conversations


def conversation_in(role: Role, state: str) -> Pair:
    """Bring a pair to a state of ``role``, where possible with a call open for each purpose."""
    pair = Pair(greet=state not in ("NEW", "GREETING", "GREETED"))
    if state == "NEW":
        return pair
    if state in ("GREETING", "GREETED"):
        pair.ask(pair.client.hello)
        return pair
    pair.ask(call(PLAIN))
    pair.ask(call(WITH_INPUT, input=True))
    pair.answer(GrantCredit(identity(WITH_INPUT), AMPLE))
    pair.ask(call(STREAMING))
    pair.answer(Chunk(identity(STREAMING)))
    pair.ask(Ping(b"theirs"))
    pair.answer(Ping(b"ours"))
    if state in ("RETIRED", "RETIRING"):
        pair.answer(GoAway())
    elif state in ("LEAVING", "LEFT"):
        pair.ask(GoAway())
    elif state == "CLOSED":
        pair.client.close()
        pair.server.close()
    assert pair[role].state.name == state
    return pair


def fitting(role: Role, direction: str, kind: Kind):
    """Return a message of ``kind`` about that call of the pair for which it is in order."""
    by_client = (role is CLIENT) == (direction == "send")
    if kind is Kind.CALL:
        return example(kind, FRESH)
    if kind is Kind.PING:
        return example(kind, token=b"fresh")
    if kind is Kind.PONG:
        return example(kind, token=b"ours" if by_client else b"theirs")
    if kind in (Kind.CHUNK, Kind.END):
        return example(kind, WITH_INPUT if by_client else STREAMING)
    if kind is Kind.CREDIT:
        return example(kind, PLAIN if by_client else WITH_INPUT)
    return example(kind, PLAIN)


@pytest.mark.parametrize(
    ("role", "state", "direction", "kind", "expected"),
    cells("CLIENT_CONVERSATION", "SERVER_CONVERSATION"),
)
def test_a_conversation_allows_what_its_state_does(role, state, direction, kind, expected):
    """What is allowed moves the conversation; what is not leaves it, or ends it if it came."""
    pair = conversation_in(role, state)
    allowed, outcome = attempt(pair, role, direction, fitting(role, direction, kind))
    assert allowed is (expected != ".")
    if allowed:
        assert pair[role].state.name == (state if expected == "=" else expected)
        refused = (role, state, direction, kind) == (SERVER, "RETIRING", "receive", Kind.CALL)
        assert isinstance(outcome, Refused) is refused
        assert not isinstance(outcome, Skipped)
    elif direction == "send":
        assert pair[role].state.name == state
    else:
        assert outcome.fatal
        assert pair[role].closed
        if state != "CLOSED":
            assert outcome.answers[-1] == GoAway(outcome.reason, over=True)


# The answer of a call


def answer_in(role: Role, state: str) -> Pair:
    pair = Pair()
    pair.ask(call(PLAIN))
    if state in ("STREAMING", "OVER"):
        pair.answer(Chunk(identity(PLAIN)))
    if state in ("ABANDONED", "CANCELLED"):
        pair.ask(Cancel(identity(PLAIN)))
    if state == "OVER":
        pair.answer(End(identity(PLAIN)))
    assert answer_of(pair, role) == state
    return pair


def answer_of(pair: Pair, role: Role) -> str:
    open_call = pair[role]._calls.get(identity(PLAIN))
    return open_call.answer.name if open_call else "OVER"


@pytest.mark.parametrize(
    ("role", "state", "direction", "kind", "expected"),
    cells(
        "CLIENT_ANSWER",
        "SERVER_ANSWER",
        only=lambda role, direction, kind: kind in ABOUT_CALLS,
    ),
)
def test_an_answer_allows_what_its_state_does(role, state, direction, kind, expected):
    """A call without input goes as its answer does; a call that is over may be made anew."""
    pair = answer_in(role, state)
    allowed, outcome = attempt(pair, role, direction, example(kind, PLAIN))
    by_client = (role is CLIENT) == (direction == "send")
    if state == "OVER" and kind is Kind.CALL and by_client:
        assert allowed  # the id is free again, though nobody sane uses it twice
    elif (role, state, direction) == (SERVER, "OVER", "receive") and kind in (
        Kind.CHUNK, Kind.END, Kind.CREDIT, Kind.CANCEL,
    ):  # fmt: skip
        assert outcome == Skipped(identity(PLAIN), kind)
    else:
        assert allowed is (expected != ".")
        if allowed:
            assert answer_of(pair, role) == (state if expected == "=" else expected)
            skipped = role is CLIENT and state == "ABANDONED"
            assert isinstance(outcome, Skipped) is (skipped and direction == "receive")
        elif direction == "send":
            assert answer_of(pair, role) == state


# The input of a call


def input_in(role: Role, state: str) -> Pair:
    pair = Pair()
    pair.ask(call(PLAIN, input=state != "ABSENT"))
    if state != "ABSENT":
        pair.answer(GrantCredit(identity(PLAIN), AMPLE))
    if state in ("SENT", "RECEIVED"):
        pair.ask(End(identity(PLAIN)))
    elif state == "STOPPED":
        pair.ask(Cancel(identity(PLAIN)))
    assert pair[role]._calls[identity(PLAIN)].input.name == state
    return pair


def about_input(role: Role, direction: str, kind: Kind) -> bool:
    by_client = (role is CLIENT) == (direction == "send")
    return kind in ((Kind.CHUNK, Kind.END, Kind.CANCEL) if by_client else (Kind.CREDIT,))


@pytest.mark.parametrize(
    ("role", "state", "direction", "kind", "expected"),
    cells("CLIENT_INPUT", "SERVER_INPUT", only=about_input),
)
def test_an_input_allows_what_its_state_does(role, state, direction, kind, expected):
    """While the answer waits, the input goes as its own table says."""
    pair = input_in(role, state)
    allowed, outcome = attempt(pair, role, direction, example(kind, PLAIN))
    assert allowed is (expected != ".")
    if allowed:
        following = pair[role]._calls[identity(PLAIN)].input.name
        assert following == (state if expected == "=" else expected)
        crossed = (role, state, direction) == (CLIENT, "STOPPED", "receive")
        assert isinstance(outcome, Skipped) is crossed


@pytest.mark.parametrize("kind", [Kind.CHUNK, Kind.END, Kind.CREDIT, Kind.CANCEL])
def test_what_crosses_the_last_message_is_skipped_by_the_server(kind):
    """The client could not know; its input, credit and cancel come to nothing."""
    pair = Pair()
    pair.ask(call(PLAIN, input=True))
    pair.answer(GrantCredit(identity(PLAIN), AMPLE))
    crossing = pair.client.send(example(kind, PLAIN), 0.0)
    last = pair.server.send(Result(identity(PLAIN), b""), 0.0)
    assert pair.server.receive(crossing, 0.0) == Skipped(identity(PLAIN), kind)
    event = pair.client.receive(last, 0.0)
    assert isinstance(event, Skipped if kind is Kind.CANCEL else Result)
    assert not pair.client.calls
    assert not pair.client.debt
