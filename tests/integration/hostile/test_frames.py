"""Frames that are no messages, and messages where they do not belong."""

from __future__ import annotations

import random
import socket
import struct
from typing import Any

import msgpack
import pytest
import zmq

from chunnel.protocol.limits import MAX_CONTROL, MAX_ENTRIES, MAX_INT
from chunnel.protocol.messages import (
    Failure,
    FailureCode,
)

from .attacker import (
    A_CALL,
    CALL,
    CALL_FIELDS,
    CALL_ID,
    CANCEL,
    CHUNK,
    CREDIT,
    GOAWAY,
    HELLO,
    PING,
    Attacker,
    arguments,
    control,
    hello,
    nested,
    new_id,
    sent_away,
)
from .conftest import Victim

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
