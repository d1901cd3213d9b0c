"""An attacker: a bare DEALER that knows the protocol and keeps to none of it.

It makes its frames by hand, so that it can say what our own codec would refuse to. What it hears is
read with our decoder, since the server's answers must be sound whatever was asked.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import msgpack
import zmq

from chunnel.protocol.codec import decode
from chunnel.protocol.limits import DEFAULT_LIMITS, Limits
from chunnel.protocol.messages import (
    Busy,
    Chunk,
    End,
    Failure,
    FailureCode,
    GoAway,
    Message,
    Pong,
    Result,
    Welcome,
)
from chunnel.serializers import load

PATIENCE = 20.0  # seconds
SECRET = "hunter2"  # in every row of the victim, and never in an answer
GENEROUS = Limits(max_message=2**26)
PLENTY = [10_000, 2**24]
HELLO, WELCOME, CALL, RESULT, FAILURE, CHUNK, END, CREDIT, CANCEL, PING, PONG, BUSY, GOAWAY = range(
    1, 14
)

_numbers = itertools.count(1)
_serializers = {name: load(name)() for name in ("msgpack", "json")}


def control(kind: Any, call_id: Any, fields: Any, version: Any = 1) -> bytes:
    """Return a control frame with whatever is in it."""
    return b"\xc1" + bytes(msgpack.packb([version, kind, call_id, fields], use_bin_type=True))


def new_id() -> bytes:
    return next(_numbers).to_bytes(8, "big")


def arguments(*args: Any, **kwargs: Any) -> bytes:
    """Return the body of a CALL in msgpack, as an honest client makes it."""
    return _serializers["msgpack"].dumps([list(args), kwargs], roots=("args", "kwargs")).body


class Attacker:
    """One connection. ``say`` sends frames as they are; ``hear`` returns the next message."""

    def __init__(self, address: str, *, greet: bool = True, takes: int = 0):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.set(zmq.RECONNECT_IVL, -1)
        self.socket.set(
            zmq.RCVHWM, takes
        )  # messages that are taken off the wire before they are read
        self.socket.connect(address)
        if greet:
            self.greet()

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()
        self.context.term()

    def say(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def greet(self) -> Welcome:
        self.say(control(HELLO, None, hello(), 0))
        welcome = self.hear()
        assert isinstance(welcome, Welcome), welcome
        return welcome

    def hear(self, timeout: float = PATIENCE) -> Message:
        assert self.socket.poll(int(timeout * 1000)), "no answer came"
        return decode(self.socket.recv_multipart(), GENEROUS)

    def is_quiet(self) -> bool:
        """Say whether nothing was sent to us before the answer to a PING."""
        self.say(control(PING, None, {"token": b"still there?"}))
        return isinstance(self.hear(), Pong)

    def call(
        self,
        name: Any,
        /,
        *args: Any,
        _body: bytes | None = None,
        _ser: Any = "msgpack",
        _meta: Any = None,
        _credit: Any = PLENTY,
        _id: bytes | None = None,
        **kwargs: Any,
    ) -> bytes:
        """Send a CALL and return its id."""
        call_id = _id or new_id()
        body = _body
        if body is None:
            packer = _serializers.get(_ser, _serializers["msgpack"])
            body = packer.dumps([list(args), kwargs], roots=("args", "kwargs")).body
        fields = {"name": name, "ser": _ser, "credit": _credit, "meta": _meta or {}}
        self.say(control(CALL, call_id, fields), body)
        return call_id

    def ending(self, call_id: bytes, timeout: float = PATIENCE) -> Message:
        """Return the message that ends a call; chunks before it are skipped."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.hear(timeout)
            if isinstance(message, GoAway):
                return message
            if getattr(message, "call_id", None) == call_id and not isinstance(message, Chunk):
                assert isinstance(message, Result | Failure | End | Busy), message
                return message
        raise AssertionError("the call never ended")

    def packed(self, body: Any) -> bytes:
        """Return a body in msgpack, whatever its shape."""
        return _serializers["msgpack"].dumps(body, roots=("args", "kwargs", "refining")).body

    def loads(self, body: bytes, blobs: Any = ()) -> Any:
        """Return what a body in msgpack holds."""
        return _serializers["msgpack"].loads(body, blobs)

    def failure(self, name: Any, /, *args: Any, **options: Any) -> Failed:
        """Call, and return how it failed."""
        ending = self.ending(self.call(name, *args, **options))
        assert isinstance(ending, Failure), ending
        return Failed(ending, options.get("_ser", "msgpack"))

    def result(self, name: Any, /, *args: Any, **options: Any) -> Any:
        """Call, and return the value."""
        ending = self.ending(self.call(name, *args, **options))
        assert isinstance(ending, Result), ending
        return _serializers["msgpack"].loads(ending.body, ending.blobs)


class Failed:
    """A FAILURE as a client reads it."""

    def __init__(self, failure: Failure, serializer: str):
        self.code = FailureCode(failure.code)
        self.message = failure.message
        self.body = failure.body
        packer = _serializers.get(serializer, _serializers["msgpack"])
        self.details: dict[str, Any] = packer.loads(failure.body) if failure.body else {}

    def __repr__(self) -> str:
        return f"<{self.code.name}: {self.message} {self.details}>"


def hello(**changes: Any) -> dict[str, Any]:
    """Return the fields of a HELLO; ``None`` leaves one out."""
    fields = {
        "versions": [1],
        "max_message": DEFAULT_LIMITS.max_message,
        "agent": "attack",
        "project": "mallory",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


CALL_ID = b"\xab" * 8
CALL_FIELDS = {"name": "bank.echo", "ser": "msgpack", "credit": [10, 1000]}
A_CALL = control(CALL, CALL_ID, CALL_FIELDS)


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
