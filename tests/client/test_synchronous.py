"""The way of a synchronous call: its connection is accounted for, however it ends."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from chunnel.client.calling import Caller
from chunnel.client.options import CallOptions
from chunnel.exceptions import CallTimeout, ConnectionLost, PoolExhausted

from .conftest import MakeCaller, eventually
from .echo import EchoServer, serving


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
        (CallOptions(timeout=0.3), r"the stream from .* did not end within 0\.3"),
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
