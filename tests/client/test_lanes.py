"""The calls on and before the lines of one remote: each ends, whatever goes wrong on its way."""

from __future__ import annotations

import errno
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from chunnel.client import lanes, undecided
from chunnel.client.balancers import RoundRobin
from chunnel.client.calling import Caller
from chunnel.client.lines import CALLS_PER_LINE, MAX_LINE_IDLE
from chunnel.client.multiplexer import Pending, multiplexer
from chunnel.client.options import CallOptions
from chunnel.exceptions import (
    CallCancelled,
    CallTimeout,
    ConnectionLost,
    ProtocolViolation,
    SerializationError,
)
from chunnel.protocol.errors import LocalProtocolError
from chunnel.protocol.messages import Call, Chunk, End, Hello, Message, Result
from chunnel.transports.base import Pipe
from chunnel.transports.zmq import ZmqTransport

from .conftest import Child, MakeCaller, eventually
from .echo import EchoServer, serializer, serving
from .faulty import FAULTY, fault, held_dial
from .rogue import rogue, to_calls

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"  # SystemExit is let through
)


class FaultyTransport(ZmqTransport):
    """Raises ``fault`` when it dials, as long as there is one."""

    fault: BaseException | None = None

    def dial(self, endpoint: str, options: Mapping[str, Any], *, timeout: float) -> Pipe:
        if FaultyTransport.fault is not None:
            raise FaultyTransport.fault
        return super().dial(endpoint, options, timeout=timeout)


class FaultyBalancer(RoundRobin):
    """Raises when it is to pick, as long as it is told to."""

    faulty = False

    def pick(self, targets: Sequence[Any]) -> Any:
        if FaultyBalancer.faulty:
            raise KeyError("balancer")
        return super().pick(targets)


@pytest.fixture(autouse=True)
def _without_faults() -> Iterator[None]:
    yield
    FaultyTransport.fault = None
    FaultyBalancer.faulty = False


def echoes(caller: Caller) -> bool:
    return bool(caller.submit("t.echo", (1,)).result(10) == 1 == caller.call("t.echo", (1,)))


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (ValueError("heartbeat_interval must be a number"), ValueError),
        (OSError(errno.EMFILE, "Too many open files"), ConnectionLost),
        (SystemExit(3), ConnectionLost),
    ],
)
def test_a_dial_that_fails_in_any_way_ends_its_calls_and_no_others(
    make_caller: MakeCaller, server: EchoServer, fault: BaseException, seen: type[Exception]
) -> None:
    """Those that were parked for it end with its error; later ones dial anew."""
    caller = make_caller(server.address, backend="tests.client.test_lanes.FaultyTransport")
    FaultyTransport.fault = fault
    for pending in [caller.submit("t.echo", (number,)) for number in range(3)]:
        with pytest.raises(seen, match=str(fault.args[-1])) as caught:
            pending.result(10)
        assert not getattr(caught.value, "maybe_executed", False)
    if isinstance(fault, Exception):
        with pytest.raises(seen, match=str(fault.args[-1])):
            caller.call("t.echo", (1,))
    FaultyTransport.fault = None
    eventually(lambda: echoes(caller))


def test_without_a_thread_to_dial_the_call_ends(
    make_caller: MakeCaller, server: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that reached no endpoint; and no endpoint is blocked afterwards."""

    def start(target: Callable[[], object], name: str) -> None:
        raise RuntimeError("can't start new thread")

    caller = make_caller(server.address)
    with monkeypatch.context() as patch:
        patch.setattr(lanes, "start_native", start)
        with pytest.raises(ConnectionLost, match="can't start new thread"):
            caller.submit("t.echo", (1,)).result(10)
    assert echoes(caller)


def test_a_call_that_cannot_be_started_ends_alone(
    make_caller: MakeCaller, caplog: pytest.LogCaptureFixture
) -> None:
    """A balancer that raises, or metadata that cannot be packed, cost this call only."""
    with serving() as first, serving() as second:
        caller = make_caller(
            first.address, second.address, balancer="tests.client.test_lanes.FaultyBalancer"
        )
        held = [caller.submit("t.hold") for _ in range(4)]
        eventually(lambda: len(first.held) + len(second.held) == 4)
        FaultyBalancer.faulty = True
        with pytest.raises(KeyError, match="balancer"):
            caller.submit("t.echo", (1,)).result(10)
        FaultyBalancer.faulty = False
        strange = CallOptions(meta={"trace": object()})
        with pytest.raises(LocalProtocolError, match="object"):
            caller.submit("t.echo", (1,), options=strange).result(10)
        assert echoes(caller)
        first.release()
        second.release()
        assert {pending.result(10) for pending in held} == {"released"}


def in_the_thread(task: Callable[[], object]) -> None:
    """Have the multiplexer's thread do something, and wait for it."""
    done = threading.Event()
    multiplexer().post(lambda: (task(), done.set()))
    assert done.wait(10)


def line_of(caller: Caller) -> Any:
    (line,) = multiplexer().lanes[caller]._all_lines()
    return line


def test_a_call_that_cannot_be_packed_ends_alone(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """Also where it is the first, and others wait for the same connection."""
    caller = make_caller(server.address, backend=FAULTY)
    with held_dial() as (held, go_on):
        strange = caller.submit("t.echo", (1,), options=CallOptions(meta={"trace": object()}))
        other = caller.submit("t.echo", (2,))
        assert held.wait(10)
        go_on.set()
        with pytest.raises(LocalProtocolError, match="object"):
            strange.result(10)
        assert other.result(10) == 2


def test_a_call_that_a_new_connection_does_not_take_goes_elsewhere(make_caller: MakeCaller) -> None:
    """It was not sent, so whatever it does, it is made at the next endpoint."""

    def say(message: Message) -> Iterable[None]:
        return [None] if isinstance(message, Hello) else []

    with rogue(say) as lost, serving() as alive:
        caller = make_caller(lost.address, alive.address)
        assert caller.submit("t.echo", (1,)).result(10) == 1
        assert alive.metas[0]["attempt"] == 2
        caller.close()


def test_a_connection_that_cannot_be_waited_for_ends_the_calls_it_was_dialled_for(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """It is closed, and the next call dials anew."""
    caller = make_caller(server.address, backend=FAULTY)
    with fault("descriptors", KeyError("descriptors")):
        pendings = [caller.submit("t.echo", (number,)) for number in range(3)]
        for pending in pendings:
            with pytest.raises(KeyError, match="descriptors"):
                pending.result(10)
    eventually(lambda: server.peers_lost)
    assert not server.count
    assert caller.submit("t.echo", (1,)).result(10) == 1


def test_a_connection_that_cannot_be_read_ends_its_calls(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """With what was raised; the next call dials anew."""
    caller = make_caller(server.address, backend=FAULTY)
    held = [caller.submit("t.hold") for _ in range(3)]
    eventually(lambda: len(server.held) == 3)
    line = line_of(caller)
    with fault("receive", KeyError("receive")):
        in_the_thread(lambda: multiplexer().lanes[caller]._touched.add(line))
        for pending in held:
            with pytest.raises(KeyError, match="receive"):
                pending.result(10)
    assert caller.submit("t.echo", (1,)).result(10) == 1
    assert server.link.peers == 1


def test_an_answer_that_nobody_waits_for_is_skipped(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """Its call was sent, although sending it raised, and ended with that."""
    caller = make_caller(server.address, backend=FAULTY)
    assert caller.submit("t.echo", (0,)).result(10) == 0
    with fault("send", KeyError("send")):
        with pytest.raises(KeyError, match="send"):
            caller.submit("t.echo", (1,)).result(10)
    assert caller.submit("t.echo", (2,)).result(10) == 2
    assert server.count["t.echo"] == 3
    assert server.link.peers == 1


def test_a_callback_that_raises_spoils_no_other_call(
    make_caller: MakeCaller, server: EchoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is called in the thread of all calls, which goes on; the call has ended as it did."""
    caller = make_caller(server.address, backend=FAULTY)

    def fail(pending: Pending) -> None:
        raise ZeroDivisionError("a careless callback")

    with held_dial() as (held, go_on), fault("dial", OSError(errno.ECONNREFUSED, "refused")):
        pending = caller.submit("t.echo", (1,))
        pending.add_done_callback(fail)
        assert held.wait(10)
        go_on.set()
        with pytest.raises(ConnectionLost, match="refused"):
            pending.result(10)
        eventually(lambda: "a careless callback" in caplog.text)
    assert len(pending.mailbox.messages) == 0
    eventually(lambda: echoes(caller))


def test_a_connection_that_comes_after_the_close_is_closed(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """Its call has ended as cancelled by then."""
    caller = make_caller(server.address, backend=FAULTY)
    with held_dial() as (held, go_on):
        pending = caller.submit("t.echo", (1,))
        assert held.wait(10)
        caller.close()
        with pytest.raises(CallCancelled) as caught:
            pending.result(10)
        assert not caught.value.maybe_executed
        go_on.set()
        eventually(lambda: server.peers_lost)
    assert not server.count


def test_a_second_connection_to_a_process_is_kept_for_later(make_caller: MakeCaller) -> None:
    """Where the server speaks of two workers and the same one answers each time."""
    with serving(workers=2) as server:
        caller = make_caller(server.address)
        assert [caller.submit("t.echo", (n,)).result(10) for n in range(20)] == list(range(20))
        (pool,) = multiplexer().lanes[caller].endpoints.pools.values()
        assert sum(len(place.idle) for place in pool.places) == pool.open - 1
        assert pool.open > 1
        assert len(multiplexer().lanes[caller]._all_lines()) == 1
        caller.close()


@pytest.mark.parametrize("way", ["call", "submit"])
def test_too_large_a_result_is_refused_and_cancelled(make_caller: MakeCaller, way: str) -> None:
    """In the middle, and the next call goes on."""
    with serving() as server:
        caller = make_caller(server.address, options={"max_result": 1000})
        with pytest.raises(SerializationError, match="returned more than 1000 bytes"):
            if way == "call":
                caller.call("t.large", ("x" * 500_000,))
            else:
                caller.submit("t.large", ("x" * 500_000,)).result(10)
        assert echoes(caller)
        caller.close()


def test_a_server_that_breaks_the_protocol_ends_the_calls_of_its_line(
    make_caller: MakeCaller,
) -> None:
    """Each may have been executed; the next call dials anew."""

    def answer(call: Call) -> Iterable[Message]:
        if call.name == "t.echo":
            return [Result(call.call_id, serializer.dumps(1).body)]
        return [End(call.call_id)] if call.name == "t.break" else []

    with rogue(to_calls(answer)) as server:
        caller = make_caller(server.address)
        held = caller.submit("t.hold")
        broken = caller.submit("t.break")
        for pending in (held, broken):
            with pytest.raises(ProtocolViolation, match="END") as caught:
                pending.result(10)
            assert caught.value.maybe_executed
        assert caller.submit("t.echo", (1,)).result(10) == 1
        assert len(set(server.peers)) == 2
        caller.close()


def test_calls_that_wait_for_room_go_elsewhere_when_their_line_retires(
    caller: Caller, server: EchoServer
) -> None:
    """The new line has room for them at once."""
    held = [caller.submit("t.hold") for _ in range(CALLS_PER_LINE + 10)]
    eventually(lambda: len(server.held) == CALLS_PER_LINE)
    server.do(lambda: server.link.goaway("restarting"))
    server.link._retiring = None
    eventually(lambda: len(server.held) == CALLS_PER_LINE + 10)
    server.release()
    assert {pending.result(10) for pending in held} == {"released"}


def test_idle_lines_are_closed(caller: Caller, server: EchoServer) -> None:
    """Not those with calls; the next call dials anew."""
    held = caller.submit("t.hold")
    eventually(lambda: server.held)
    lane = multiplexer().lanes[caller]
    in_the_thread(lambda: lane.close_idle(time.monotonic() + MAX_LINE_IDLE + 1))
    assert len(lane._all_lines()) == 1
    server.release()
    assert held.result(10) == "released"
    in_the_thread(lambda: lane.close_idle(time.monotonic()))
    assert len(lane._all_lines()) == 1
    in_the_thread(lambda: lane.close_idle(time.monotonic() + MAX_LINE_IDLE + 1))
    assert lane.is_empty
    eventually(lambda: server.peers_lost)
    assert caller.submit("t.echo", (1,)).result(10) == 1


def test_cancelling_on_a_line_that_broke_is_no_error(make_caller: MakeCaller) -> None:
    """The server hears nothing, and the call has ended as cancelled."""
    with rogue(lambda message: ()) as server:
        caller = make_caller(server.address)
        pending = caller.submit("t.hold")
        eventually(lambda: len(server.heard) == 2)
        lane = multiplexer().lanes[caller]

        def break_and_cancel() -> None:
            server.listener.close()
            lane.cancel(pending)

        in_the_thread(break_and_cancel)
        with pytest.raises(CallCancelled) as caught:
            pending.result(10)
        assert caught.value.maybe_executed
        eventually(lambda: lane.is_empty)
        caller.close()


def test_an_answer_that_has_begun_is_not_late(make_caller: MakeCaller) -> None:
    """The timeout of the settings bounds the wait for the first part, or chunk, only."""
    body = serializer.dumps("a large result").body

    def answer(call: Call) -> Iterable[Message]:
        if call.name == "t.numbers":
            return [Chunk(call.call_id, 1, serializer.dumps([7]).body)]
        return [Chunk(call.call_id, 0, body[:5], part=True)]

    with rogue(to_calls(answer)) as server:
        caller = make_caller(server.address, timeout=0.3)
        large, stream = caller.submit("t.large"), caller.submit("t.numbers")
        asked = eventually(lambda: [one for one in server.heard if isinstance(one, Call)][1:])
        assert asked
        eventually(lambda: not multiplexer().deadlines)
        assert not large.done()
        calls = {one.name: one.call_id for one in server.heard if isinstance(one, Call)}
        server.say(
            Chunk(calls["t.large"], 0, body[5:], part=True),
            End(calls["t.large"]),
            End(calls["t.numbers"]),
        )
        assert large.result(10) == "a large result"
        assert list(stream.result(10)) == [7]
        caller.close()


# What is made again after a loss


@pytest.mark.parametrize("way", ["call", "submit"])
@pytest.mark.parametrize("effect", ["read", "idempotent", "write", None])
def test_the_schema_says_what_may_be_made_again(
    make_caller: MakeCaller, start_child: Callable[..., Child], effect: str | None, way: str
) -> None:
    """It is fetched from another endpoint when it is first needed."""
    child = start_child()
    with serving(effects={"t.exit": effect} if effect else {}) as alive:
        caller = make_caller(child.address, alive.address)
        pid = child.process.pid

        def call() -> Any:
            if way == "call":
                return caller.call("t.exit", (pid,))
            return caller.submit("t.exit", (pid,)).result(10)

        if effect in {"read", "idempotent"}:
            assert call() == "alive"
            assert alive.metas[-1]["attempt"] == 2
        else:
            with pytest.raises(ConnectionLost) as caught:
                call()
            assert caught.value.maybe_executed
            assert not alive.count["t.exit"]
        assert alive.count["chunnel.schema"] == 1
        assert caller.held_schema is not None


@pytest.mark.parametrize("way", ["call", "submit"])
@pytest.mark.parametrize("effect", ["read", "write"])
def test_killing_a_server_loses_no_reading_call_and_repeats_no_writing_one(
    make_caller: MakeCaller, start_child: Callable[..., Child], effect: str, way: str
) -> None:
    """One of two endpoints is killed under load, and nobody had the schema before."""
    child = start_child()
    counts: Counter[str] = Counter()
    with serving(effects={"t.sleep": effect}) as alive:
        caller = make_caller(child.address, alive.address)

        def work() -> None:
            for _ in range(25):
                try:
                    if way == "call":
                        caller.call("t.sleep", (0.002,))
                    else:
                        caller.submit("t.sleep", (0.002,)).result(10)
                    counts["answered"] += 1
                except ConnectionLost as error:
                    counts["doubtful" if error.maybe_executed else "refused"] += 1

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        eventually(lambda: child.executed >= 20)
        child.process.kill()
        for thread in threads:
            thread.join(30)
        executed = child.executed + alive.count["t.sleep"]
    assert counts.total() == 200
    assert not counts["refused"]
    if effect == "read":
        assert counts["answered"] == 200
    else:
        assert counts["answered"] <= executed <= counts["answered"] + counts["doubtful"]


def test_a_call_whose_schema_does_not_come_ends_in_time(
    make_caller: MakeCaller, start_child: Callable[..., Child]
) -> None:
    """By its own deadline, as one that may have been executed; or cancelled, as any other."""
    child = start_child()
    with serving(effects={"t.exit": "read"}) as alive:
        caller = make_caller(child.address, alive.address)
        assert {caller.submit("t.echo", (n,)).result(10) for n in range(2)} == {0, 1}
        alive.paused.clear()
        try:
            pending = caller.submit(
                "t.exit", (child.process.pid,), options=CallOptions(timeout=0.5)
            )
            with pytest.raises((CallTimeout, ConnectionLost)) as caught:
                pending.result(10)
            assert caught.value.maybe_executed
        finally:
            alive.paused.set()


def test_a_schema_that_is_held_decides_at_once(
    make_caller: MakeCaller, start_child: Callable[..., Child]
) -> None:
    """It is not asked for again."""
    child = start_child()
    with serving(effects={"t.exit": "read"}) as alive:
        caller = make_caller(child.address, alive.address)
        caller.schema(CallOptions(endpoint=alive.address))
        answers = [caller.submit("t.exit", (child.process.pid,)) for _ in range(4)]
        assert {one.result(10) for one in answers} == {"alive"}
        assert alive.count["chunnel.schema"] == 1


def test_a_call_that_waits_for_the_schema_can_be_cancelled(
    make_caller: MakeCaller, start_child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where no thread can fetch it, the call ends as lost."""
    fetching = threading.Event()
    go_on = threading.Event()
    threads: list[threading.Thread] = []

    def start(target: Callable[[], object], name: str) -> None:
        fetching.set()
        if not go_on.is_set():
            threads.append(threading.Thread(target=lambda: (go_on.wait(10), target())))
            threads[-1].start()
            return
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(undecided, "start_native", start)
    with serving(effects={"t.exit": "read"}) as alive:
        child = start_child()
        caller = make_caller(child.address, alive.address)
        pending = caller.submit("t.exit", (child.process.pid,))
        assert fetching.wait(10)
        assert pending.cancel()
        with pytest.raises(CallCancelled) as cancelled:
            pending.result(10)
        assert cancelled.value.maybe_executed
        go_on.set()
        threads[0].join(10)
        assert caller.held_schema is not None
        assert not alive.count["t.exit"]
        child = start_child()
        other = make_caller(child.address, alive.address)
        with pytest.raises(ConnectionLost) as lost:
            other.submit("t.exit", (child.process.pid,)).result(10)
        assert lost.value.maybe_executed
