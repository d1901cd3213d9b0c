"""Messages where they do not belong: before HELLO, about others' calls, beyond what was agreed."""

from __future__ import annotations

import os
from typing import Any

import pytest

from chunnel.protocol.limits import MAX_CREDIT_ITEMS
from chunnel.protocol.messages import (
    Busy,
    Chunk,
    End,
    Failure,
    FailureCode,
    GoAway,
    Pong,
    Result,
    Welcome,
)

from ...live import until
from .attacker import (
    A_CALL,
    BUSY,
    CALL,
    CALL_FIELDS,
    CALL_ID,
    CANCEL,
    CHUNK,
    CREDIT,
    END,
    FAILURE,
    GOAWAY,
    HELLO,
    PING,
    PONG,
    RESULT,
    WELCOME,
    Attacker,
    arguments,
    control,
    hello,
    nested,
    new_id,
    sent_away,
)
from .conftest import Victim


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("WELCOME", control(WELCOME, None, {})),
        ("RESULT", control(RESULT, CALL_ID, {})),
        ("FAILURE", control(FAILURE, CALL_ID, {"code": 1})),
        ("BUSY", control(BUSY, CALL_ID, {})),
        ("PONG", control(PONG, None, {"token": b"never asked"})),
        ("a second HELLO", control(HELLO, None, hello(), 0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("open_call", [False, True], ids=["", "of a call"])
def test_what_a_client_may_not_say(
    victim: Victim, name: str, frame: bytes, open_call: bool
) -> None:
    """Answers are the server's to give; a peer that gives them is sent away."""
    with victim.attack() as attacker:
        if open_call:
            attacker.call("probe.endless", _credit=[0, 0], _id=CALL_ID)
            assert isinstance(attacker.hear(), Chunk)
        attacker.say(frame)
        sent_away(attacker)
    until(lambda: victim.state()["open"] == 0)


@pytest.mark.parametrize(
    "frame",
    [
        control(CHUNK, CALL_ID, {"items": 1}),
        control(END, CALL_ID, {}),
        control(CREDIT, CALL_ID, {"credit": [1, 1]}),
        control(CANCEL, CALL_ID, {}),
    ],
    ids=["CHUNK", "END", "CREDIT", "CANCEL"],
)
def test_messages_about_calls_nobody_made(victim: Victim, frame: bytes) -> None:
    """They may have crossed the last answer, so they are skipped."""
    with victim.attack(lines=0) as attacker:
        attacker.say(frame)
        assert attacker.is_quiet()


@pytest.mark.parametrize(
    "frame",
    [
        A_CALL,
        control(CREDIT, CALL_ID, {"credit": [1, 1]}),
        control(CANCEL, CALL_ID, {}),
        control(PING, None, {"token": b"x"}),
        control(GOAWAY, None, {}, 0),
    ],
    ids=["CALL", "CREDIT", "CANCEL", "PING", "GOAWAY"],
)
def test_before_hello(victim: Victim, frame: bytes) -> None:
    """Nothing is executed; a CALL is told so before its sender is sent away."""
    with victim.attack():
        with Attacker(victim.address, greet=False) as attacker:
            attacker.say(frame)
            answer = attacker.hear()
            if frame is A_CALL:
                assert isinstance(answer, Busy)
                answer = attacker.hear()
            assert isinstance(answer, GoAway)
            assert answer.over


HELLOS: dict[str, Any] = {
    "no versions": hello(versions=[]),
    "versions that are a number": hello(versions=1),
    "version 0": hello(versions=[0]),
    "versions of text": hello(versions=["1"]),
    "too many versions": hello(versions=list(range(1, 66))),
    "no common version": hello(versions=[7, 8]),
    "a small max_message": hello(max_message=100),
    "a max_message below zero": hello(max_message=-1),
    "a huge max_message": hello(max_message=2**63),
    "no project": {"versions": [1], "max_message": 2**20, "agent": "x"},
    "a project of bytes": hello(project=b"x"),
    "a long project": hello(project="x" * 256),
    "a long agent": hello(agent="x" * 256),
    "metadata too deep": hello(meta={"x": nested(20)}),
    "nothing": {},
}


@pytest.mark.parametrize("name", HELLOS)
def test_a_hello_that_is_none(victim: Victim, name: str) -> None:
    with victim.attack():
        with Attacker(victim.address, greet=False) as attacker:
            attacker.say(control(HELLO, None, HELLOS[name], 0))
            sent_away(attacker)


def test_names_of_peers_do_not_forge_lines(victim: Victim) -> None:
    """What a peer calls itself stands quoted in the log, on its line."""
    with victim.attack():
        with Attacker(victim.address, greet=False) as attacker:
            fields = hello(project="x\nCRITICAL: all is lost\x1b[31m\r")
            attacker.say(control(HELLO, None, fields, 0))
            assert isinstance(attacker.hear(), Welcome)
            attacker.say(b"nonsense")
            sent_away(attacker)


def test_the_id_of_a_call_that_is_open(victim: Victim) -> None:
    with victim.attack() as attacker:
        attacker.call("probe.endless", _credit=[0, 0], _id=CALL_ID)
        assert isinstance(attacker.hear(), Chunk)
        attacker.call("bank.echo", 1, _id=CALL_ID)
        sent_away(attacker)
    until(lambda: victim.state()["open"] == 0)


def test_the_id_of_a_call_that_is_over(victim: Victim) -> None:
    """It should not be used again, but the server has forgotten it."""
    with victim.attack(lines=0) as attacker:
        for number in range(3):
            ending = attacker.ending(attacker.call("bank.echo", number, _id=CALL_ID))
            assert isinstance(ending, Result)


def test_the_same_id_on_two_connections(victim: Victim) -> None:
    """Calls of different peers never meet: not to cancel, not to grant, not to answer."""
    with victim.attack(lines=0) as attacker, Attacker(victim.address) as other:
        attacker.call("probe.endless", _credit=[0, 0], _id=CALL_ID)
        assert isinstance(attacker.hear(), Chunk)
        other.say(control(CREDIT, CALL_ID, {"credit": [5, 10_000]}))
        other.say(control(CANCEL, CALL_ID, {}))
        assert other.is_quiet()
        assert attacker.is_quiet()
        assert isinstance(other.ending(other.call("bank.echo", 1, _id=CALL_ID)), Result)
        attacker.say(control(CREDIT, CALL_ID, {"credit": [1, 10_000]}))
        assert isinstance(attacker.hear(), Chunk)
    until(lambda: victim.state()["open"] == 0)


def test_input_for_a_call_that_takes_none(victim: Victim) -> None:
    """A call that announces input is refused; input that was not announced is a violation."""
    with victim.attack() as attacker:
        call_id = new_id()
        attacker.say(control(CALL, call_id, {**CALL_FIELDS, "input": True}), arguments(1))
        failure = attacker.ending(call_id)
        assert isinstance(failure, Failure)
        assert failure.code == FailureCode.REFUSED
    with victim.attack() as attacker:
        attacker.call("probe.endless", _credit=[0, 0], _id=CALL_ID)
        assert isinstance(attacker.hear(), Chunk)
        attacker.say(control(CHUNK, CALL_ID, {"items": 1}), b"\x91\x01")
        sent_away(attacker)
    until(lambda: victim.state()["open"] == 0)


def test_credit_that_overflows(victim: Victim) -> None:
    """Grants that add up to more than the cap are a violation, in CALL and in CREDIT."""
    with victim.attack() as attacker:
        attacker.call("probe.endless", _credit=[MAX_CREDIT_ITEMS, 0], _id=CALL_ID)
        assert isinstance(attacker.hear(), Chunk)
        attacker.say(control(CREDIT, CALL_ID, {"credit": [1, 0]}))
        sent_away(attacker)
    with victim.attack() as attacker:
        attacker.call("probe.endless", _credit=[MAX_CREDIT_ITEMS + 1, 0], _id=CALL_ID)
        sent_away(attacker)
    until(lambda: victim.state()["open"] == 0)


def test_pings_without_number(victim: Victim) -> None:
    """Each is answered at once, with its own token and nothing else."""
    with victim.attack(lines=0) as attacker:
        for number in range(500):
            attacker.say(control(PING, None, {"token": str(number).encode()}))
        heard = [attacker.hear() for _ in range(500)]
        assert heard == [Pong(str(number).encode()) for number in range(500)]


def test_goodbye_and_then_a_call(victim: Victim) -> None:
    """Who said GOAWAY makes no calls; who said it is over is not answered at all."""
    with victim.attack() as attacker:
        attacker.say(control(GOAWAY, None, {"over": True}, 0))
        attacker.call("bank.echo", 1)
        answers = [attacker.hear(), attacker.hear()]
        assert [type(each) for each in answers] == [Busy, GoAway]


def test_unknown_fields_are_ignored(victim: Victim) -> None:
    """As the protocol says, so that it can grow; be they large or odd."""
    with victim.attack(lines=0) as attacker:
        call_id = new_id()
        fields = {**CALL_FIELDS, "later": nested(50), "odd": "x" * 50_000, "": None}
        attacker.say(control(CALL, call_id, fields), arguments(5))
        assert isinstance(attacker.ending(call_id), Result)
        attacker.say(control(END, os.urandom(8), {"more": 1}))
        assert attacker.is_quiet()


def test_end_is_not_for_clients_without_input(victim: Victim) -> None:
    with victim.attack() as attacker:
        attacker.call("probe.endless", _credit=[0, 0], _id=CALL_ID)
        assert isinstance(attacker.hear(), Chunk)
        attacker.say(control(END, CALL_ID, {}))
        answer = attacker.hear()
        assert isinstance(answer, GoAway | End)
    until(lambda: victim.state()["open"] == 0)
