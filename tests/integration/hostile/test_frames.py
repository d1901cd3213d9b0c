"""Frames that are no messages, and messages where they do not belong."""

from __future__ import annotations

import os
import random
import socket
import struct
from typing import Any

import msgpack
import pytest
import zmq

from chunnel.protocol.limits import MAX_CONTROL, MAX_CREDIT_ITEMS, MAX_ENTRIES, MAX_INT
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
    BUSY,
    CALL,
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
    new_id,
)
from .conftest import Victim

CALL_ID = b"\xab" * 8
CALL_FIELDS = {"name": "bank.echo", "ser": "msgpack", "credit": [10, 1000]}


def sent_away(attacker: Attacker) -> str:
    """Return why the server ended the conversation; all it still sends is that."""
    message = attacker.hear()
    assert isinstance(message, GoAway), message
    assert message.over
    assert message.reason
    return message.reason


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# Bytes on a bare TCP connection ------------------------------------------------------------------

GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + b"\x00" * 48
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 500,
        b"\xff" * 10_000,
        b"\x00" * 10_000,
        b"\xc1\x94\x01\x03" * 1000,
        GREETING[:11],
        GREETING[:20] + b"PLAIN" + GREETING[25:],
        GREETING,
        GREETING + READY[:10],
        GREETING + READY,
        GREETING + READY + b"\x02\xff\xff\xff\xff\xff\xff\xff\xff",
        GREETING + READY + b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff" + b"x" * 1000,
        GREETING + READY + b"\x02" + (65 * 1024 * 1024).to_bytes(8, "big") + b"x" * 1000,
        GREETING + READY + b"\x01\x05hello",
        GREETING + READY + b"\x00\x05hell",
        GREETING + READY + b"\xf7\x05hello",
        GREETING + READY + b"\x04\x7fERROR" + b"\xff" * 200,
        GREETING + b"\x04\xffSUBSCRIBE" + b"\x00" * 200,
        b"\x01\x00",
        b"\x01\x00" + b"\x05hello" * 100,
    ],
    ids=lambda data: repr(data[:24] + data[-8:]),
)
def test_bytes_that_are_not_zmtp(victim: Victim, data: bytes) -> None:
    """And ZMTP that breaks off: with a reset, with a close, and with the connection kept open."""
    host, _, port = victim.address.removeprefix("tcp://").rpartition(":")
    with victim.attack(lines=3):
        kept = socket.create_connection((host, int(port)), timeout=20)
        kept.sendall(data)
        for abrupt in (True, False):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(data)
                if abrupt:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        kept.close()


def test_random_frames(victim: Victim) -> None:
    """Whatever the frames of a valid ZMTP hold, a peer is sent away once and then ignored."""
    dice = random.Random(7)
    with victim.attack(lines=40):
        for _ in range(40):
            with Attacker(victim.address, greet=dice.random() < 0.5) as other:
                for _ in range(10):
                    frames = [
                        dice.randbytes(dice.randrange(60)) for _ in range(dice.randrange(1, 5))
                    ]
                    other.say(*frames)
                sent_away(other)


# What is no message ------------------------------------------------------------------------------

A_CALL = control(CALL, CALL_ID, CALL_FIELDS)
NO_MESSAGES: dict[str, list[bytes]] = {
    "an empty frame": [b""],
    "empty frames": [b"", b"", b""],
    "an empty first frame, as REQ sends": [b"", A_CALL],
    "magic alone": [b"\xc1"],
    "other magic": [b"\xc0" + A_CALL[1:]],
    "no magic": [A_CALL[1:]],
    "zerorpc": [bytes(msgpack.packb([{"message_id": b"1", "v": 3}, "echo", [1]]))],
    "pickle": [b"\x80\x04cos\nsystem\n(S'true'\ntR."],
    "json": [b'{"jsonrpc": "2.0", "method": "bank.echo", "id": 1}'],
    "truncated within the array": [A_CALL[:3]],
    "truncated within the id": [A_CALL[:9]],
    "text in place of the array": [b"\xc1" + bytes(msgpack.packb("hello"))],
    "a map in place of the array": [b"\xc1" + bytes(msgpack.packb({}))],
    "an array of three": [b"\xc1" + bytes(msgpack.packb([1, CALL, CALL_ID]))],
    "an array of five": [b"\xc1" + bytes(msgpack.packb([1, CALL, CALL_ID, {}, 1]))],
    "something behind a PING": [control(PING, None, {"token": b""}) + b"\x00"],
    "a version too new": [control(CALL, CALL_ID, CALL_FIELDS, 2)],
    "a frozen version": [control(CALL, CALL_ID, CALL_FIELDS, 0)],
    "a version below zero": [control(CALL, CALL_ID, CALL_FIELDS, -1)],
    "a huge version": [control(CALL, CALL_ID, CALL_FIELDS, 2**64 - 1)],
    "a version of text": [control(CALL, CALL_ID, CALL_FIELDS, "1")],
    "a version of true": [control(CALL, CALL_ID, CALL_FIELDS, True)],
    "kind 0": [control(0, CALL_ID, {})],
    "kind 14": [control(14, CALL_ID, {})],
    "kind 2**63": [control(2**63, CALL_ID, {})],
    "kind -1": [control(-1, CALL_ID, {})],
    "kind of text": [control("CALL", CALL_ID, {})],
    "kind of a list": [control([CALL], CALL_ID, {})],
    "kind true": [control(True, None, hello())],
    "an id of seven": [control(CALL, CALL_ID[1:], CALL_FIELDS)],
    "an id of nine": [control(CALL, CALL_ID + b"1", CALL_FIELDS)],
    "an id of text": [control(CALL, "12345678", CALL_FIELDS)],
    "an id that is a number": [control(CALL, 7, CALL_FIELDS)],
    "no id": [control(CALL, None, CALL_FIELDS)],
    "an id for a PING": [control(PING, CALL_ID, {"token": b"x"})],
    "a PING without a token": [control(PING, None, {})],
    "a PING with a token of text": [control(PING, None, {"token": "x"})],
    "a PING with a long token": [control(PING, None, {"token": bytes(65)})],
    "a PING with a body": [control(PING, None, {"token": b"x"}), b"body"],
    "a CREDIT without credit": [control(CREDIT, CALL_ID, {})],
    "a CREDIT below zero": [control(CREDIT, CALL_ID, {"credit": [-1, 1]})],
    "a CREDIT of infinity": [control(CREDIT, CALL_ID, {"credit": [float("inf"), 1]})],
    "a CREDIT of 2**60": [control(CREDIT, CALL_ID, {"credit": [2**60, 1]})],
    "a CREDIT of three": [control(CREDIT, CALL_ID, {"credit": [1, 1, 1]})],
    "a CREDIT of true": [control(CREDIT, CALL_ID, {"credit": [True, True]})],
    "a CANCEL with a number for its text": [control(CANCEL, CALL_ID, {"text": 1})],
    "a CANCEL with a long text": [control(CANCEL, CALL_ID, {"text": "x" * 8193})],
    "a CHUNK with a number of text": [control(CHUNK, CALL_ID, {"items": "1"})],
    "a CHUNK with a flag of text": [control(CHUNK, CALL_ID, {"part": "yes"})],
    "a GOAWAY with a flag of text": [control(GOAWAY, None, {"over": "yes"}, 0)],
    "a huge control frame": [b"\xc1" + bytes(MAX_CONTROL + 1)],
    "a control frame that is all brackets": [b"\xc1" + b"\x91" * 60_000 + b"\xc0"],
    "a control frame that is all maps": [b"\xc1" + b"\x81\x01" * 30_000 + b"\xc0"],
    "an array that claims 2**32 items": [b"\xc1\xdd\xff\xff\xff\xff"],
    "a map that claims 2**32 entries": [b"\xc1\x94\x01\x0a\xc0\xdf\xff\xff\xff\xff"],
    "a binary that claims 2**32 bytes": [b"\xc1\x94\x01\x0a\xc0\x81\xa5token\xc6\xff\xff\xff\xff"],
    "an extension": [b"\xc1\x94\x01\x0a\xc0\x81\xa5token\xd4\x05\x00"],
    "a timestamp": [b"\xc1\x94\x01\x0a\xc0\x81\xa5token\xd6\xff\x00\x00\x00\x00"],
    "text that is not UTF-8": [b"\xc1\x94\x01\x09\xc4\x08" + CALL_ID + b"\x81\xa4text\xa2\xff\xfe"],
    "metadata with numbers for keys": [
        control(CALL, CALL_ID, {**CALL_FIELDS, "meta": {1: 2}}),
        b"",
    ],
    "too much metadata": [
        control(CALL, CALL_ID, {"meta": {str(i): 1 for i in range(MAX_ENTRIES + 1)}}),
        b"",
    ],
    "a key that is a list": [b"\xc1\x94\x01\x0a\xc0\x81\x91\x01\x01"],
}


@pytest.mark.parametrize("greeted", [True, False], ids=["greeted", "before HELLO"])
@pytest.mark.parametrize("name", NO_MESSAGES)
def test_what_is_no_message(victim: Victim, name: str, greeted: bool) -> None:
    """Its sender is told once and then ignored, be it a new HELLO."""
    with victim.attack():
        with Attacker(victim.address, greet=greeted) as attacker:
            attacker.say(*NO_MESSAGES[name])
            sent_away(attacker)
            attacker.say(control(HELLO, None, hello(), 0))
            attacker.say(A_CALL, arguments(1))
            attacker.say(control(PING, None, {"token": b"?"}))
            # Another connection's round trip is behind all that; nothing came back here.
            with Attacker(victim.address) as other:
                assert other.result("bank.echo", 1) == 1
            assert not attacker.socket.poll(0)


SPOILT_CALLS: dict[str, Any] = {
    "no name": {"ser": "msgpack"},
    "no serializer": {"name": "bank.echo"},
    "a name that is a number": {**CALL_FIELDS, "name": 7},
    "a name of bytes": {**CALL_FIELDS, "name": b"bank.echo"},
    "a name that is a list": {**CALL_FIELDS, "name": ["bank", "echo"]},
    "a name that is nil": {**CALL_FIELDS, "name": None},
    "a long name": {**CALL_FIELDS, "name": "x" * 256},
    "a serializer that is a number": {**CALL_FIELDS, "ser": 1},
    "a long serializer": {**CALL_FIELDS, "ser": "x" * 256},
    "credit that is a number": {**CALL_FIELDS, "credit": 7},
    "credit below zero": {**CALL_FIELDS, "credit": [-1, -1]},
    "credit of floats": {**CALL_FIELDS, "credit": [1.0, 1.0]},
    "credit beyond integers": {**CALL_FIELDS, "credit": [MAX_INT + 1, 0]},
    "input of text": {**CALL_FIELDS, "input": "yes"},
    "input that is a number": {**CALL_FIELDS, "input": 1},
    "metadata that is a list": {**CALL_FIELDS, "meta": []},
    "metadata nested too deep": {**CALL_FIELDS, "meta": {"trace": nested(8)}},
    "metadata nested much too deep": {**CALL_FIELDS, "meta": {"trace": nested(200)}},
    "metadata with binaries for keys": {**CALL_FIELDS, "meta": {b"1": 2}},
    "metadata within, with binaries for keys": {**CALL_FIELDS, "meta": {"trace": {b"1": 2}}},
    "blobs without a frame": {**CALL_FIELDS, "blobs": [1]},
    "blobs that are a number": {**CALL_FIELDS, "blobs": 1},
    "no fields but a list": [],
    "no fields but nil": None,
    "fields that are text": "name",
}


@pytest.mark.parametrize("name", SPOILT_CALLS)
def test_a_call_that_is_spoilt(victim: Victim, name: str) -> None:
    """It is refused by its id, unexecuted, and the conversation goes on."""
    with victim.attack() as attacker:
        call_id = new_id()
        attacker.say(control(CALL, call_id, SPOILT_CALLS[name]), arguments(1))
        failure = attacker.ending(call_id)
        assert isinstance(failure, Failure), failure
        assert failure.code == FailureCode.MALFORMED
        assert failure.message
        assert attacker.result("bank.echo", 2) == 2


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({}, [b"", b"", b"", b""]),
        ({}, [b""] * 1000),
        ({}, [b"x", b"y"]),
        ({"blobs": []}, [b"", b"x"]),
        ({"blobs": [0]}, [b"", b"x"]),
        ({"blobs": [2**40]}, [b"", b"x"]),
        ({"blobs": [2, -1]}, [b"", b"x"]),
        ({"blobs": [1] * 1024}, [b"", bytes(1025)]),
        ({"blobs": [True]}, [b"", b"x"]),
        ({"blobs": ["1"]}, [b"", b"x"]),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_call_with_wrong_frames(
    victim: Victim, fields: dict[str, Any], frames: list[bytes]
) -> None:
    with victim.attack() as attacker:
        call_id = new_id()
        attacker.say(control(CALL, call_id, {**CALL_FIELDS, **fields}), *frames)
        failure = attacker.ending(call_id)
        assert isinstance(failure, Failure), failure
        assert failure.code == FailureCode.MALFORMED
        assert attacker.result("bank.echo", 2) == 2


def test_a_message_larger_than_was_agreed(victim: Victim) -> None:
    with victim.attack() as attacker:
        call_id = attacker.call("bank.echo", _body=bytes(2**24 + 1))
        failure = attacker.ending(call_id)
        assert isinstance(failure, Failure)
        assert failure.code == FailureCode.MALFORMED
        assert "bytes" in failure.message


def test_a_frame_larger_than_the_socket_takes(victim: Victim) -> None:
    """The connection is cut; nobody has allocated the frame."""
    with victim.attack() as attacker:
        monitor = attacker.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        memory = victim.state()["memory"]
        attacker.call("bank.echo", _body=bytes(65 * 1024 * 1024))
        cut = monitor.poll(20_000)
        attacker.socket.disable_monitor()
        monitor.close()
        assert cut
        assert victim.state()["memory"] - memory < 30_000


def test_a_message_without_an_end(victim: Victim) -> None:
    """Frame after frame, each with MORE: it is never read, and gone with its connection."""
    with victim.attack() as attacker:
        memory = victim.state()["memory"]
        for _ in range(300):
            attacker.socket.send(bytes(10_000), zmq.SNDMORE)
        assert remote_echo(victim) == "there"
        assert victim.state()["memory"] - memory < 50_000
        # A multipart message that was not ended is dropped with its socket.


def remote_echo(victim: Victim) -> Any:
    with Attacker(victim.address) as other:
        return other.result("bank.echo", "there")


# What may not come where it comes ----------------------------------------------------------------


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
