"""The way of a synchronous call: its connection is accounted for, however it ends."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chunnel.client.calling import Caller
from chunnel.client.options import CallOptions
from chunnel.exceptions import (
    CallTimeout,
    ConnectionLost,
    PoolExhausted,
    ProtocolViolation,
    RemoteError,
)
from chunnel.protocol.errors import LocalProtocolError
from chunnel.protocol.messages import (
    Call,
    Chunk,
    End,
    Failure,
    FailureCode,
    Hello,
    Message,
)

from .conftest import MakeCaller, eventually
from .echo import EchoServer, serving
from .rogue import rogue, to_calls


def pool_of(caller: Caller) -> Any:
    return next(iter(caller._endpoints.get().pools.values()))


def test_want_of_descriptors_is_a_lost_connection(caller: Caller, server: EchoServer) -> None:
    """It names the reason, the slot is free again, and the next call is made as ever."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    held: list[int] = []

    def is_told() -> bool:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        try:
            caller.call("t.echo", (1,))
        except ConnectionLost as error:
            return not error.maybe_executed and "Too many open files" in str(error)
        caller.close()  # sockets of earlier tests were closed only now
        return False

    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 8, hard))
    try:
        eventually(is_told)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    assert pool_of(caller).open == 0
    assert caller.call("t.echo", (1,)) == 1


def test_a_stream_that_is_late_says_how(caller: Caller) -> None:
    """It paused for too long, or took too long in all."""
    for options, text in (
        (CallOptions(idle=0.05), r"the stream from .* sent nothing for 0\.05 s"),
        (CallOptions(timeout=1.1), r"the stream from .* did not end within 1\.1"),
    ):
        caller.call("t.echo", (1,))
        stream = caller.call("t.numbers", (5,), {"stall": True}, options)
        with pytest.raises(CallTimeout, match=text) as caught:
            list(stream)
        assert caught.value.maybe_executed


def test_abandoned_streams_are_cancelled_by_whoever_calls_next(
    caller: Caller, server: EchoServer
) -> None:
    """Also by one who has the multiplexer carry his call."""
    stream = caller.call("t.numbers", (100_000,))
    assert next(stream) == 0
    del stream
    assert len(caller._endpoints.get().abandoned) == 1
    assert caller.submit("t.echo", (1,)).result(10) == 1
    assert not caller._endpoints.get().abandoned
    eventually(lambda: server.cancelled)


def test_without_room_the_slots_stay_as_they_are(make_caller: MakeCaller) -> None:
    """Streams over their bound are cancelled, and their connection serves the next call."""
    with serving() as server:
        caller = make_caller(server.address, options={"max_streams": 1})
        stream = caller.call("t.numbers", (100_000,))
        with pytest.raises(PoolExhausted, match="1 streams"):
            caller.call("t.numbers", (100_000,))
        eventually(lambda: server.cancelled)
        assert caller.call("t.echo", (1,)) == 1
        assert (pool_of(caller).open, len(pool_of(caller).streaming)) == (1, 1)
        stream.close()
        caller.close()


def test_a_new_connection_that_takes_no_call_ejects_its_endpoint(make_caller: MakeCaller) -> None:
    """The call was not sent, so it is made at the next one."""

    def say(message: Message) -> Iterable[None]:
        return [None] if isinstance(message, Hello) else []

    with rogue(say) as server, serving() as alive:
        caller = make_caller(server.address, alive.address)
        assert caller.call("t.echo", (1,)) == 1
        assert alive.metas[0]["attempt"] == 2
        assert not caller._endpoints.get().health[server.address].healthy
        caller.close()


def test_an_old_connection_that_takes_no_call_says_nothing_of_its_endpoint(
    make_caller: MakeCaller,
) -> None:
    """Another process may serve there now, so it is asked again."""
    with serving("memory://synchronous-old") as server:
        caller = make_caller(server.address)
        assert caller.call("t.echo", (1,)) == 1
    (idle,) = pool_of(caller).places[0].idle
    with serving("memory://synchronous-old") as again:
        idle.idle_since = time.monotonic() + 60  # as one that was in use this very moment
        assert caller.call("t.echo", (2,)) == 2
        assert again.metas[0]["attempt"] == 2
        assert all(one.healthy for one in caller._endpoints.get().health.values())
        assert pool_of(caller).open == 1
        caller.close()


def test_a_call_that_cannot_be_packed_leaves_no_connection_in_doubt(caller: Caller) -> None:
    """Its own is closed, and the next call is made as ever."""
    with pytest.raises(LocalProtocolError, match="object"):
        caller.call("t.echo", (1,), options=CallOptions(meta={"trace": object()}))
    assert pool_of(caller).open == 0
    assert caller.call("t.echo", (1,)) == 1


def test_a_call_whose_time_is_over_is_not_sent(caller: Caller, server: EchoServer) -> None:
    """Nothing is dialled for it either."""
    with pytest.raises(CallTimeout, match="could not be sent within") as caught:
        caller.call("t.echo", (1,), options=CallOptions(timeout=1e-9))
    assert not caught.value.maybe_executed
    assert not server.count
    assert pool_of(caller).open == 0


def test_an_answer_against_the_protocol_is_told(make_caller: MakeCaller) -> None:
    """END says nothing where nothing was begun; the connection is not used again."""
    with rogue(to_calls(lambda call: [End(call.call_id)])) as server:
        caller = make_caller(server.address)
        with pytest.raises(ProtocolViolation, match="END") as caught:
            caller.call("t.echo", (1,))
        assert caught.value.maybe_executed
        assert server.address in str(caught.value)
        assert pool_of(caller).open == 0
        caller.close()


@pytest.mark.parametrize("how", ["before the credit", "after the credit", "failure"])
def test_a_large_result_that_does_not_end_well(make_caller: MakeCaller, how: str) -> None:
    """It is not made again, as its call was executed; a failure is what the server says."""

    def answer(call: Call) -> Iterable[Message | None]:
        part = Chunk(call.call_id, 0, b"part", part=True)
        if how == "failure":
            code = int(FailureCode.RAISED)
            return [part, Failure(call.call_id, code, "disk full", b"")]
        return [part, None] if how == "before the credit" else [part]

    def say(message: Message) -> Iterable[Message | None]:
        if isinstance(message, Call):
            return answer(message)
        return [None] if how == "after the credit" and not isinstance(message, Hello) else []

    with rogue(say) as server, serving() as other:
        caller = make_caller(server.address, other.address)
        expected = RemoteError if how == "failure" else ConnectionLost
        with pytest.raises(expected, match=r"disk full|connection broke") as caught:
            caller.call("t.large", ("x",), options=CallOptions(effect="read"))
        assert caught.value.maybe_executed
        assert not other.count
        pool = caller._endpoints.get().pools[server.address]
        assert pool.open == (1 if how == "failure" else 0)
        caller.close()


def test_an_interrupt_while_dialling_closes_the_connection(make_caller: MakeCaller) -> None:
    """Ctrl-C between HELLO and WELCOME; the slot is free again."""
    main = threading.get_ident()

    class Interrupt(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupt

    def say(message: Message) -> Iterable[Message]:
        if isinstance(message, Hello) and len(server.heard) == 1:
            signal.pthread_kill(main, signal.SIGUSR1)
            gone.wait(20)
        elif isinstance(message, Call):
            return [End(message.call_id)]
        return []

    gone = threading.Event()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with rogue(say) as server:
            caller = make_caller(server.address)
            with pytest.raises(Interrupt):
                caller.call("t.echo", (1,))
            assert pool_of(caller).open == 0
            assert not server.listener.pipes
            gone.set()
            with pytest.raises(ProtocolViolation):  # by which we see that it is dialled anew
                caller.call("t.echo", (1,))
            caller.close()
    finally:
        gone.set()
        signal.signal(signal.SIGUSR1, before)
