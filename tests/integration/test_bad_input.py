"""Strangers at a live server: whatever they send, it goes on, and others notice nothing.

The strangers use bare sockets; nothing of our client stands between.
"""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import zmq

from chunnel import remote, remotes
from chunnel.protocol import codec
from chunnel.protocol.limits import Limits
from chunnel.protocol.messages import (
    Busy,
    Call,
    Credit,
    Failure,
    FailureCode,
    GoAway,
    Hello,
    Welcome,
)
from chunnel.serializers import load

from ..live import Process, address_of
from .conftest import serve

LIMITS = Limits()
CALL_ID = bytes(8)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    database = tmp_path_factory.mktemp("bank") / "bank.sqlite3"
    process = Process(*serve("0", "--noreload"), env={"CHUNNEL_TEST_DATABASE": str(database)})
    try:
        address_of(process)
        yield process
        assert process.process.poll() is None, process.output
    finally:
        process.close()


@pytest.fixture
def bystander(server: Process, settings: Any) -> Iterator[Any]:
    """Another client, connected before the stranger comes; it is served before and after."""
    settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [address_of(server)], "TIMEOUT": 20}}
    bank = remote.economy.bank
    assert bank.echo(1) == 1
    instance = remotes["economy"].ping()[0].instance
    yield bank
    assert bank.echo(2) == 2
    assert remotes["economy"].ping()[0].instance == instance, "the server was started again"
    remotes["economy"].close()


class Stranger:
    """A DEALER that says what it likes."""

    def __init__(self, address: str):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def say(self, message: Any) -> None:
        self.send(*codec.encode(message))

    def hear(self, timeout: float = 20) -> Any:
        assert self.socket.poll(timeout * 1000), "no answer came"
        return codec.decode(self.socket.recv_multipart(), LIMITS)

    def greet(self) -> Welcome:
        self.say(Hello((1,), LIMITS.max_message, "stranger", "nowhere"))
        welcome = self.hear()
        assert isinstance(welcome, Welcome)
        return welcome

    def close(self) -> None:
        self.socket.close()
        self.context.term()


@pytest.fixture
def stranger(server: Process) -> Iterator[Stranger]:
    found = Stranger(address_of(server))
    try:
        yield found
    finally:
        found.close()


def control(*parts: Any) -> bytes:
    return b"\xc1" + bytes(msgpack.packb(list(parts)))


GARBAGE = {
    "noise": [b"\x00\xff" * 50],
    "no magic": [msgpack.packb([1, 3, CALL_ID, {}])],
    "empty": [b""],
    "truncated": [codec.encode(Call(CALL_ID, "bank.echo", "msgpack", b""))[0][:-3]],
    "not an array": [control()[:1] + msgpack.packb({"a": 1})],
    "unknown version": [control(99, 3, CALL_ID, {})],
    "unknown kind": [control(1, 250, CALL_ID, {})],
    "a call before HELLO": [control(1, 3, CALL_ID, {})],
    "too many frames": [b"\xc1" + msgpack.packb([1, 3, CALL_ID, {}]), b"", b"", b"", b""],
    "a huge control frame": [b"\xc1" + b"\x93" + b"x" * 200_000],
    "nested too deep": [b"\xc1" + b"\x91" * 2000 + b"\xc0"],
    "a forged length": [b"\xc1\xdd\xff\xff\xff\xff"],
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.usefixtures("bystander")
def test_garbage_instead_of_hello(stranger: Stranger, name: str) -> None:
    """What cannot be read costs its sender the connection, or nothing at all."""
    stranger.send(*GARBAGE[name])
    if stranger.socket.poll(300):
        assert isinstance(stranger.hear(), GoAway | Busy | Failure)


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.usefixtures("bystander")
def test_garbage_after_hello(stranger: Stranger, name: str) -> None:
    """A conversation that began well is no shield."""
    stranger.greet()
    stranger.send(*GARBAGE[name])
    if stranger.socket.poll(300):
        assert isinstance(stranger.hear(), GoAway | Busy | Failure)


@pytest.mark.usefixtures("bystander")
def test_random_bytes(server: Process) -> None:
    """Of many lengths, from many strangers."""
    dice = random.Random(20)
    for _ in range(20):
        stranger = Stranger(address_of(server))
        for _ in range(10):
            stranger.send(
                *(dice.randbytes(dice.randrange(200)) for _ in range(dice.randrange(1, 4)))
            )
        stranger.close()


@pytest.mark.usefixtures("bystander")
def test_bytes_that_are_not_zeromq(server: Process) -> None:
    """A browser on the port, and one who hangs up in the middle of the greeting."""
    host, _, port = address_of(server).removeprefix("tcp://").rpartition(":")
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\x00\x00", os.urandom(4096)):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(data)
            # Close with a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def packed(*args: Any, **kwargs: Any) -> bytes:
    return load("msgpack")().dumps([list(args), kwargs], roots=("args", "kwargs")).body


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bank.nothing", FailureCode.NOT_EXPOSED),
        ("bank._Hidden", FailureCode.NOT_EXPOSED),
        ("bank.echo.__globals__", FailureCode.NOT_EXPOSED),
        ("bank.Account.delete", FailureCode.NOT_EXPOSED),
        ("bank.Account.__init__", FailureCode.NOT_EXPOSED),
        ("os.system", FailureCode.NOT_EXPOSED),
        ("__import__", FailureCode.NOT_EXPOSED),
        ("bank.calculator._reset", FailureCode.NOT_EXPOSED),
    ],
)
@pytest.mark.usefixtures("bystander")
def test_names_that_are_not_exposed(stranger: Stranger, name: str, code: FailureCode) -> None:
    """Nothing is looked up but what was declared, by its exact name."""
    stranger.greet()
    stranger.say(Call(CALL_ID, name, "msgpack", packed(), credit=Credit(10, 10_000)))
    answer = stranger.hear()
    assert isinstance(answer, Failure)
    assert answer.code == code


@pytest.mark.parametrize(
    ("body", "serializer", "code"),
    [
        (packed(), "msgpack", FailureCode.WRONG_ARGUMENTS),
        (packed(1, 2, 3), "msgpack", FailureCode.WRONG_ARGUMENTS),
        (packed(uid=1, more=2), "msgpack", FailureCode.WRONG_ARGUMENTS),
        (b"", "msgpack", FailureCode.MALFORMED),
        (b"\xc1\xc1", "msgpack", FailureCode.MALFORMED),
        (msgpack.packb(7), "msgpack", FailureCode.MALFORMED),
        (msgpack.packb([{}, []]), "msgpack", FailureCode.MALFORMED),
        (b"\x91" * 5000 + b"\xc0", "msgpack", FailureCode.MALFORMED),
        (b"\xdd\xff\xff\xff\xff", "msgpack", FailureCode.MALFORMED),
        (b"[" * 100_000, "json", FailureCode.MALFORMED),
        (b"{", "json", FailureCode.MALFORMED),
        (packed(1), "pickle", FailureCode.REFUSED),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.usefixtures("bystander")
def test_bodies_that_make_no_sense(
    stranger: Stranger, body: bytes, serializer: str, code: FailureCode
) -> None:
    """Each gets a defined answer and nothing is executed; the conversation goes on."""
    stranger.greet()
    stranger.say(Call(CALL_ID, "bank.balance", serializer, body, credit=Credit(10, 10_000)))
    answer = stranger.hear()
    assert isinstance(answer, Failure)
    assert answer.code == code, answer.message
    stranger.say(Call(b"12345678", "bank.nothing", "msgpack", packed(), credit=Credit(10, 10_000)))
    assert stranger.hear().code == FailureCode.NOT_EXPOSED


@pytest.mark.usefixtures("bystander")
def test_a_key_that_must_be_understood(stranger: Stranger) -> None:
    """Metadata that begins with an exclamation mark and is unknown: refused unexecuted."""
    stranger.greet()
    stranger.say(
        Call(
            CALL_ID,
            "bank.echo",
            "msgpack",
            packed(1),
            credit=Credit(10, 10_000),
            meta={"!launch": True},
        )
    )
    answer = stranger.hear()
    assert isinstance(answer, Failure)
    assert answer.code == FailureCode.REFUSED


@pytest.mark.usefixtures("bystander")
def test_a_message_beyond_the_limit(stranger: Stranger) -> None:
    """More bytes than the server announced that it takes."""
    welcome = stranger.greet()
    body = bytes(welcome.max_message + 1)
    stranger.say(Call(CALL_ID, "bank.echo", "msgpack", body, credit=Credit(10, 10_000)))
    if stranger.socket.poll(2000):
        assert isinstance(stranger.hear(), GoAway | Busy | Failure)


def test_the_log_has_a_line_for_each(server: Process) -> None:
    """No traceback of ours: what strangers send is no fault of the server."""
    other = Stranger(address_of(server))
    for _ in range(5):
        other.send(b"nonsense")
    other.close()
    server._read(0.5)
    assert "Traceback" not in server.output
