"""Streams under credit, read by threads and by event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from chunnel.client.calling import Caller
from chunnel.client.exchanges import WINDOW
from chunnel.client.options import CallOptions
from chunnel.client.streams import Stream
from chunnel.exceptions import (
    CallTimeout,
    ConnectionLost,
    PoolExhausted,
    ProtocolViolation,
    RemoteError,
    SerializationError,
)
from chunnel.protocol.messages import Call, Cancel, Chunk, Message, Result

from .conftest import MakeCaller, aeventually, eventually
from .echo import EchoServer, serializer, serving
from .faulty import FAULTY, fault
from .rogue import rogue, to_calls

MANY = WINDOW.items * 5


def _pool(caller: Caller) -> Any:
    return next(iter(caller._endpoints.get().pools.values()))


def test_all_items_come_in_order(caller: Caller) -> None:
    """Many times the window arrives whole, and the connection is used again."""
    stream = caller.call("t.numbers", (MANY,))
    assert isinstance(stream, Stream)
    assert list(stream) == list(range(MANY))
    assert list(stream) == []
    assert caller.call("t.echo", (1,)) == 1
    assert (_pool(caller).open, len(_pool(caller).streaming)) == (1, 0)


def test_a_server_never_sends_more_than_was_granted(caller: Caller, server: EchoServer) -> None:
    """Who does not read holds at most one window; reading grants more."""
    stream = caller.call("t.numbers", (MANY,))
    sending = next(iter(server.streams.values()))
    eventually(lambda: sending.items < sending.size)
    assert sending.next <= WINDOW.items
    for _ in range(WINDOW.items):
        next(stream)
    eventually(lambda: sending.next > WINDOW.items)
    stream.close()


def test_bytes_are_counted_as_well(caller: Caller) -> None:
    """Few large items are stopped and granted anew by their size."""
    with caller.call("t.numbers", (600_000,), {"size": 4000}) as stream:
        assert sum(stream) == sum(range(600_000))


def test_items_that_were_begun_are_not_lost(caller: Caller) -> None:
    """Leaving a loop and entering another goes on where the first stopped."""
    stream = caller.call("t.numbers", (100,))
    assert next(stream) == 0
    for number in stream:
        if number == 14:
            break
    assert next(stream) == 15
    assert list(stream) == list(range(16, 100))


def test_leaving_a_loop_cancels_the_rest(caller: Caller, server: EchoServer) -> None:
    """A stream that nobody holds is cancelled by whoever borrows a connection next."""
    for number in caller.call("t.numbers", (MANY,)):
        if number == 5:
            break
    assert len(caller._endpoints.get().abandoned) == 1
    assert caller.call("t.echo", (1,)) == 1
    eventually(lambda: server.cancelled)
    assert not server.streams
    assert not _pool(caller).streaming
    assert _pool(caller).open <= 2


def test_closing_twice_does_nothing(caller: Caller, server: EchoServer) -> None:
    """``close`` cancels once; a closed stream has no items."""
    stream = caller.call("t.numbers", (MANY,))
    stream.close()
    stream.close()
    assert list(stream) == []
    eventually(lambda: len(server.cancelled) == 1)


def test_collecting_a_stream_takes_no_lock(caller: Caller) -> None:
    """A stream in a cycle may be collected while its own pool's lock is held."""
    cycle: list[Any] = [caller.call("t.numbers", (MANY,))]
    cycle.append(cycle)
    with _pool(caller)._lock:
        del cycle
        # More than once: while another thread collects, ``collect`` returns at once.
        eventually(lambda: (gc.collect(), len(caller._endpoints.get().abandoned) == 1)[1])
    caller.call("t.echo", (1,))


def test_a_failure_comes_after_the_items_before_it(caller: Caller) -> None:
    """The remote error is raised in its place, and the connection goes on."""
    stream = caller.call("t.numbers", (25,), {"fail": True})
    got = []
    with pytest.raises(ValueError, match="no more") as caught:
        got.extend(iter(lambda: next(stream), None))
    assert got == list(range(25))
    assert isinstance(caught.value, RemoteError)
    assert caught.value.call is not None
    assert caught.value.call.name == "t.numbers"
    assert caller.call("t.echo", (1,)) == 1
    assert _pool(caller).open == 1


def test_a_stream_is_opened_by_its_first_consumer(caller: Caller, server: EchoServer) -> None:
    """``stream`` alone sends nothing; what does not stream says so."""
    stream = caller.stream("t.numbers", (30,))
    assert "not opened yet" in repr(stream)
    assert not server.count
    assert list(stream) == list(range(30))
    with pytest.raises(TypeError, match=r"economy.t.echo\(\) does not stream"):
        next(caller.stream("t.echo", (1,)))


def test_the_clock_of_a_stream_starts_when_it_is_opened(caller: Caller) -> None:
    """A stream may be made long before it is read."""
    stream = caller.stream("t.numbers", (30,), options=CallOptions(timeout=5))
    stream._exchange.began -= 60
    stream._exchange.first_deadline = stream._exchange.deadline = stream._exchange.began
    assert list(stream) == list(range(30))


def test_idle_bounds_the_wait_between_two_chunks(caller: Caller, server: EchoServer) -> None:
    """The default timeout does not bound an open stream; ``idle`` and ``timeout`` do."""
    # Long enough for the items to come, short enough for the test.
    for option in (CallOptions(idle=0.7), CallOptions(timeout=1)):
        stream = caller.call("t.numbers", (5,), {"stall": True}, option)
        assert [next(stream) for _ in range(5)] == list(range(5))
        with pytest.raises(CallTimeout) as caught:
            next(stream)
        assert caught.value.maybe_executed
        assert list(stream) == []
    eventually(lambda: len(server.cancelled) == 2)


def test_streams_have_a_bound_of_their_own(make_caller: MakeCaller) -> None:
    """Open streams take no connection from calls; past their bound a stream is refused."""
    with serving() as server:
        caller = make_caller(server.address, options={"max_connections": 1, "max_streams": 2})
        streams = [caller.call("t.numbers", (MANY,)) for _ in range(2)]
        assert caller.call("t.echo", (1,)) == 1
        with pytest.raises(PoolExhausted, match="2 streams"):
            caller.call("t.numbers", (MANY,))
        for stream in streams:
            stream.close()
        assert sum(caller.call("t.numbers", (10,))) == 45


def test_a_lost_connection_ends_the_stream(make_caller: MakeCaller) -> None:
    """What arrived is delivered first; then the loss is told."""
    with serving() as server:
        caller = make_caller(server.address)
        stream = caller.call("t.numbers", (20,), {"stall": True})
        assert next(stream) == 0
    with pytest.raises(ConnectionLost):
        list(stream)
    assert list(stream) == []


def test_threads_read_streams_side_by_side(caller: Caller) -> None:
    """Each thread reads its own."""
    sums: list[int] = []
    threads = [
        threading.Thread(target=lambda: sums.append(sum(caller.call("t.numbers", (MANY,)))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sums == [sum(range(MANY))] * 4


def test_next_ends_as_for_does(caller: Caller) -> None:
    """With StopIteration, each time."""
    stream = caller.call("t.numbers", (1,))
    assert next(stream) == 0
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(stream)


def test_a_server_that_is_wedged_in_the_middle_is_given_up(make_caller: MakeCaller) -> None:
    """A stream without any timeout does not wait for it for ever."""
    with serving() as server:
        caller = make_caller(server.address, timeout=None, options={"unresponsive_after": 0.3})
        stream = caller.call("t.numbers", (5,), {"stall": True})
        assert [next(stream) for _ in range(5)] == list(range(5))
        server.paused.clear()
        try:
            with pytest.raises(CallTimeout, match="wedged"):
                next(stream)
            assert (_pool(caller).open, len(_pool(caller).streaming)) == (0, 0)
            assert not caller._endpoints.get().health[server.address].healthy
        finally:
            server.paused.set()


def chunk(call: Call, *items: Any) -> Chunk:
    return Chunk(call.call_id, len(items), serializer.dumps(list(items)).body)


WRONG: dict[str, Callable[[Call], Message]] = {
    "RESULT": lambda call: Result(call.call_id, serializer.dumps(1).body),
    "items or parts": lambda call: Chunk(call.call_id, 0, b"part", part=True),
}


@pytest.mark.parametrize("way", ["call", "submit"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_may_not_come_in_a_stream_ends_it(
    make_caller: MakeCaller, wrong: str, way: str
) -> None:
    """After the items that came before it."""
    with rogue(to_calls(lambda call: [chunk(call, 1, 2), WRONG[wrong](call)])) as server:
        caller = make_caller(server.address)
        call = ("t.numbers", (5,))
        stream = caller.call(*call) if way == "call" else caller.submit(*call).result(10)
        assert [next(stream), next(stream)] == [1, 2]
        with pytest.raises(ProtocolViolation, match=wrong):
            next(stream)
        assert list(stream) == []
        caller.close()


def test_a_chunk_that_cannot_be_read_ends_the_stream(make_caller: MakeCaller) -> None:
    """The rest is cancelled."""

    def answer(call: Call) -> Iterable[Message]:
        return [chunk(call, 1), Chunk(call.call_id, 1, b"\xc1")]

    with rogue(to_calls(answer)) as server:
        caller = make_caller(server.address)
        stream = caller.call("t.numbers", (5,))
        assert next(stream) == 1
        with pytest.raises(SerializationError):
            next(stream)
        eventually(lambda: any(isinstance(one, Cancel) for one in server.heard))
        assert list(stream) == []
        caller.close()


def test_an_interrupted_stream_is_cancelled(make_caller: MakeCaller, server: EchoServer) -> None:
    """Ctrl-C while waiting for the next chunk; the connection can be used again."""
    caller = make_caller(server.address, backend=FAULTY)
    stream = caller.call("t.numbers", (5,), {"stall": True})
    assert [next(stream) for _ in range(5)] == list(range(5))
    with fault("receive", KeyboardInterrupt()), pytest.raises(KeyboardInterrupt):
        next(stream)
    assert list(stream) == []
    eventually(lambda: server.cancelled)
    assert caller.call("t.echo", (1,)) == 1
    assert (_pool(caller).open, len(_pool(caller).streaming)) == (1, 0)


def test_what_arrived_before_a_loss_is_read_although_no_credit_can_be_granted(
    make_caller: MakeCaller,
) -> None:
    """Half a window in each chunk, so that the first is granted anew when the second is read."""
    half = WINDOW.items // 2

    def answer(call: Call) -> Iterable[Message | None]:
        return [chunk(call, *range(half)), chunk(call, *range(half, 2 * half)), None]

    with rogue(to_calls(answer)) as server:
        caller = make_caller(server.address)
        stream = caller.call("t.numbers", (MANY,))
        assert [next(stream) for _ in range(2 * half)] == list(range(2 * half))
        with pytest.raises(ConnectionLost):
            next(stream)
        assert (_pool(caller).open, len(_pool(caller).streaming)) == (0, 0)
        caller.close()


def test_a_stream_dropped_after_the_close_closes_its_connection(
    caller: Caller, server: EchoServer
) -> None:
    """Nobody calls there any more who would cancel it."""
    stream = caller.call("t.numbers", (MANY,))
    assert next(stream) == 0
    caller.close()
    del stream
    gc.collect()
    eventually(lambda: server.peers_lost)


def test_closing_a_stream_whose_server_is_gone_is_no_error(make_caller: MakeCaller) -> None:
    """Its connection is closed instead of being cancelled and kept."""
    with rogue(to_calls(lambda call: [chunk(call, 1)])) as server:
        caller = make_caller(server.address)
        stream = caller.call("t.numbers", (5,))
        server.listener.close()
        stream.close()
        assert (_pool(caller).open, len(_pool(caller).streaming)) == (0, 0)
        caller.close()


# In event loops


def test_async_for_reads_a_stream(caller: Caller) -> None:
    """The multiplexer carries it, under the same credit."""

    async def read() -> list[int]:
        return [number async for number in caller.stream("t.numbers", (MANY,))]

    assert asyncio.run(read()) == list(range(MANY))


def test_an_awaited_call_may_stream(caller: Caller, server: EchoServer) -> None:
    """``async with`` and leaving early cancel it."""

    async def read() -> int:
        async with await caller.acall("t.numbers", (MANY,)) as stream:
            async for number in stream:
                if number == 7:
                    return number
        raise AssertionError

    assert asyncio.run(read()) == 7
    eventually(lambda: server.cancelled)
    assert not server.streams


def test_dropping_an_asynchronous_stream_cancels_it(caller: Caller, server: EchoServer) -> None:
    """As with the synchronous one."""

    async def read() -> None:
        async for _ in caller.stream("t.numbers", (MANY,)):
            break

    asyncio.run(read())
    gc.collect()
    eventually(lambda: server.cancelled)


def test_a_submitted_stream_is_read_by_a_thread(caller: Caller) -> None:
    """A Pending's result may be a stream."""
    assert sum(caller.submit("t.numbers", (MANY,)).result(10)) == sum(range(MANY))


def test_an_idle_asynchronous_stream_ends(caller: Caller) -> None:
    """``idle`` holds in event loops too."""

    async def read() -> None:
        stream = await caller.acall("t.numbers", (5,), {"stall": True}, CallOptions(idle=0.7))
        got = [await anext(stream) for _ in range(5)]
        assert got == list(range(5))
        with pytest.raises(CallTimeout):
            await anext(stream)

    asyncio.run(read())


def test_a_borrowed_stream_can_be_read_in_a_loop(caller: Caller) -> None:
    """A stream that a thread opened may be consumed by asynchronous code; a thread reads for it."""
    stream = caller.call("t.numbers", (100,))

    async def read() -> list[int]:
        return [number async for number in stream]

    assert asyncio.run(read()) == list(range(100))


def test_an_asynchronous_stream_ends_as_often_as_it_is_asked(caller: Caller) -> None:
    """And closing it then does nothing."""

    async def read() -> None:
        stream = caller.stream("t.numbers", (2,))
        assert [number async for number in stream] == [0, 1]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        await stream.aclose()

    asyncio.run(read())


def test_leaving_an_asynchronous_stream_cancels_it(caller: Caller, server: EchoServer) -> None:
    """By ``aclose``, or by cancelling who waits for its next item."""

    async def read() -> None:
        closed = await caller.acall("t.numbers", (MANY,))
        await closed.aclose()
        await aeventually(lambda: len(server.cancelled) == 1)
        stream = await caller.acall("t.numbers", (1,), {"stall": True})
        assert await anext(stream) == 0
        waiting = asyncio.ensure_future(anext(stream))
        mailbox = stream._feed._pending.mailbox
        await aeventually(lambda: mailbox._wakers)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await aeventually(lambda: len(server.cancelled) == 2)
        assert [item async for item in stream] == []

    asyncio.run(read())


def test_a_lost_connection_ends_asynchronous_and_submitted_streams(
    make_caller: MakeCaller,
) -> None:
    """What arrived is delivered first."""

    async def read(stream: Any) -> None:
        with pytest.raises(ConnectionLost):
            await anext(stream)
        assert [item async for item in stream] == []

    with serving() as server:
        caller = make_caller(server.address)
        call = ("t.numbers", (5,), {"stall": True})
        streams = [caller.submit(*call).result(10) for _ in range(2)]
        for stream in streams:
            assert [next(stream) for _ in range(5)] == list(range(5))
    asyncio.run(read(streams[0]))
    with pytest.raises(ConnectionLost):
        next(streams[1])


def test_an_idle_submitted_stream_ends(caller: Caller) -> None:
    """``idle`` holds for who reads it in a thread, too."""
    pending = caller.submit("t.numbers", (5,), {"stall": True}, CallOptions(idle=0.1))
    stream = pending.result(10)
    assert [next(stream) for _ in range(5)] == list(range(5))
    with pytest.raises(CallTimeout, match="sent nothing for"):
        next(stream)
