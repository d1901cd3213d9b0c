"""The calls on and before the lines of one remote: each ends, whatever goes wrong on its way."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from chunnel.client import lanes, undecided
from chunnel.client.balancers import RoundRobin
from chunnel.client.calling import Caller
from chunnel.client.options import CallOptions
from chunnel.exceptions import CallCancelled, CallTimeout, ConnectionLost
from chunnel.protocol.errors import LocalProtocolError
from chunnel.transports.base import Pipe
from chunnel.transports.zmq import ZmqTransport

from .conftest import Child, MakeCaller, eventually
from .echo import EchoServer, serving

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
