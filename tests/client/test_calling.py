"""Synchronous calls over real sockets."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chunnel.client.answers import Patience
from chunnel.client.calling import Caller
from chunnel.client.connections import MAX_DEBT
from chunnel.client.options import CallOptions
from chunnel.context import ServedCall, _current
from chunnel.exceptions import (
    CallTimeout,
    ConnectionLost,
    PoolExhausted,
    SerializationError,
    ServerBusy,
)
from chunnel.protocol.messages import Ping

from .conftest import Child, MakeCaller, descriptors, eventually
from .echo import EchoServer, serving

SOON = CallOptions(timeout=0.05)  # where it does not matter how far the call came
SENT = CallOptions(timeout=1)  # where the call must have been sent by then, on a busy machine too


def _pools(caller: Caller) -> list[Any]:
    return list(caller._endpoints.get().pools.values())


def test_a_value_travels_both_ways(caller: Caller) -> None:
    """The value comes back equal and of the same type."""
    for value in (None, 1, 2**80, 1.5, "a", b"b", [1, (2, 3)], {"a": {1, 2}}):
        found = caller.call("t.echo", (value,))
        assert found == value
        assert type(found) is type(value)


def test_one_connection_serves_one_caller(caller: Caller) -> None:
    """Calls one after the other use the same connection."""
    for number in range(20):
        assert caller.call("t.echo", (number,)) == number
    assert [pool.open for pool in _pools(caller)] == [1]


def test_threads_share_a_caller(caller: Caller, server: EchoServer) -> None:
    """Sixteen threads get each its own answers, over at most sixteen connections."""
    wrong: list[Any] = []

    def work(thread: int) -> None:
        for number in range(100):
            sent = [thread, number]
            if (got := caller.call("t.echo", (sent,))) != sent:
                wrong.append((sent, got))

    _in_threads(work, 16)
    assert not wrong
    assert server.count["t.echo"] == 1600
    assert _pools(caller)[0].open <= 16


def _in_threads(work: Callable[[int], None], count: int) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def test_round_robin_is_exact_over_threads(make_caller: MakeCaller) -> None:
    """Sixteen threads together give each of two endpoints exactly half of the calls."""
    with serving(instance="a") as first, serving(instance="b") as second:
        caller = make_caller(first.address, second.address)
        _in_threads(lambda _: [caller.call("t.where") for _ in range(50)] and None, 16)
        assert first.count["t.where"] == second.count["t.where"] == 400


def test_instances_behind_one_address_share_the_calls(
    make_caller: MakeCaller, start_child: Callable[..., Child]
) -> None:
    """With two workers behind one address the client finds both and alternates."""
    first = start_child("tcp://127.0.0.1:0", "--reuse-port", "--workers", "2")
    second = start_child(first.address, "--reuse-port", "--workers", "2")
    caller = make_caller(first.address)
    for _ in range(100):  # the kernel deals the connections; it may take some dials to meet both
        caller.call("t.pid")
        if {place.instance for place in _pools(caller)[0].places} == {
            str(first.process.pid),
            str(second.process.pid),
        }:
            break
        if len(_pools(caller)[0].places) == 1 and _pools(caller)[0].places[0].instance:
            caller.close()
    counts = Counter(caller.call("t.pid") for _ in range(40))
    assert counts == {first.process.pid: 20, second.process.pid: 20}


# Deadlines


def test_a_timeout_gives_the_connection_back_with_a_debt(
    caller: Caller, server: EchoServer
) -> None:
    """The call is cancelled over there, and the next call uses the same connection."""
    caller.call("t.echo", (1,))
    with pytest.raises(CallTimeout) as caught:
        caller.call("t.hold", options=SENT)
    assert caught.value.maybe_executed
    assert caught.value.call is not None
    assert caught.value.call.endpoint == server.address
    assert isinstance(caught.value, TimeoutError)
    assert caller.call("t.echo", (1,)) == 1
    assert _pools(caller)[0].open == 1
    eventually(lambda: server.cancelled)
    eventually(lambda: caller.call("t.echo", (1,)) == 1 and not _idle(caller).link.debt)


def _idle(caller: Caller) -> Any:
    return _pools(caller)[0].places[0].idle[-1]


def test_a_connection_deep_in_debt_is_closed(caller: Caller, server: EchoServer) -> None:
    """A server that answers nothing costs a connection, not a growing heap of old answers."""
    caller.call("t.echo", (1,))
    used = _idle(caller)
    server.paused.clear()
    try:
        for _ in range(MAX_DEBT):
            with pytest.raises(CallTimeout):
                caller.call("t.hold", options=SOON)
            assert _idle(caller) is used
        with pytest.raises(CallTimeout):
            caller.call("t.hold", options=SOON)
        assert _pools(caller)[0].open == 0
    finally:
        server.paused.set()


def test_the_time_that_remains_is_sent(caller: Caller, server: EchoServer) -> None:
    """The server learns how long the caller will wait, and who calls."""
    caller.call("t.echo", (1,))
    caller.call("t.echo", (1,), options=CallOptions(timeout=None))
    first, second = server.metas
    assert 0 < first["remaining"] <= 10_000
    assert "remaining" not in second
    assert first["hops"] == ["tests"]


@pytest.mark.parametrize("left", [60, 0.05])
def test_a_served_call_bounds_the_calls_it_makes(
    caller: Caller, server: EchoServer, left: float
) -> None:
    """A call made while serving another says how it came here and keeps that call's deadline."""
    served = ServedCall("1", "x.y", "peer", deadline=time.monotonic() + left, hops=("first",))
    token = _current.set(served)
    try:
        if left < 1:
            with pytest.raises(CallTimeout):
                caller.call("t.hold", options=CallOptions(timeout=600))
        else:
            caller.call("t.echo", (1,), options=CallOptions(timeout=600))
            assert server.metas[0]["hops"] == ["first", "tests"]
            assert 0 < server.metas[0]["remaining"] <= left * 1000
    finally:
        _current.reset(token)


def test_a_wedged_server_is_told_from_a_slow_one(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers no PING is given up without any timeout; one that does is not."""
    pings: list[Ping] = []
    look = Patience.look

    def note(patience: Patience, now: float) -> Ping | None:
        ping = look(patience, now)
        if ping is not None:
            pings.append(ping)
        return ping

    monkeypatch.setattr(Patience, "look", note)
    with serving() as server:
        # A PING is sent after a third of it; a busy machine may take a second for the answer.
        caller = make_caller(server.address, timeout=None, options={"unresponsive_after": 1.5})
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(caller.call("t.hold")))
        thread.start()
        eventually(lambda: len(pings) == 5, 30)  # more than 1.5 seconds
        server.release()
        thread.join(10)
        assert results == ["released"]
        server.paused.clear()
        try:
            with pytest.raises(CallTimeout, match="wedged") as caught:
                caller.call("t.hold")
            assert caught.value.maybe_executed
        finally:
            server.paused.set()


# What is tried again


def test_a_dead_endpoint_is_passed_over_and_taken_back(make_caller: MakeCaller) -> None:
    """No call fails while one endpoint lives; the other takes part again when it is back."""
    with serving() as alive:
        with serving() as other:
            address = other.address
        caller = make_caller(address, alive.address)
        for number in range(20):
            assert caller.call("t.echo", (number,)) == number
        assert alive.count["t.echo"] == 20
        with serving(address) as back:
            eventually(lambda: caller.call("t.where") and back.count["t.where"])
            caller.close()


def test_all_endpoints_recover_from_a_common_failure(make_caller: MakeCaller) -> None:
    """When none was healthy, the first call that succeeds takes its endpoint back."""
    with serving() as server:
        address = server.address
        caller = make_caller(address)
        caller.call("t.echo", (1,))
    eventually(lambda: not _ends_well(caller) and caller._endpoints.get().ejected)
    with serving(address):
        eventually(lambda: _ends_well(caller))
        assert not caller._endpoints.get().ejected
        caller.close()


def test_no_server_is_told_in_bounded_time(make_caller: MakeCaller) -> None:
    """The error names the alias, each endpoint and its reason, and says nothing was executed."""
    caller = make_caller("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    with pytest.raises(ConnectionLost) as caught:
        caller.call("t.echo", (1,))
    text = str(caught.value)
    assert "'economy'" in text
    assert "tcp://127.0.0.1:1: refused" in text
    assert "tcp://127.0.0.1:2: refused" in text
    assert not caught.value.maybe_executed
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.call is not None
    assert len(caught.value.call.attempts) == 2


def test_busy_goes_to_the_next_endpoint(make_caller: MakeCaller) -> None:
    """BUSY was surely not executed; where all are busy the caller is told so."""
    with serving() as first, serving() as second:
        caller = make_caller(first.address, second.address)
        first.busy = True
        for number in range(10):
            assert caller.call("t.echo", (number,)) == number
        assert second.count["t.echo"] == 10
        second.busy = True
        with pytest.raises(ServerBusy) as caught:
            caller.call("t.echo", (1,))
        assert not caught.value.maybe_executed
        assert caught.value.call is not None


def test_goaway_retires_the_connection_not_the_endpoint(caller: Caller, server: EchoServer) -> None:
    """After GOAWAY the next call dials anew, to the same endpoint."""
    caller.call("t.echo", (1,))
    before = _idle(caller)
    server.do(lambda: server.link.goaway("restarting"))
    server.link._retiring = None
    for number in range(5):
        assert caller.call("t.echo", (number,)) == number
    assert _idle(caller) is not before
    assert all(one.healthy for one in caller._endpoints.get().health.values())


def test_a_restarted_server_is_met_without_an_error(make_caller: MakeCaller) -> None:
    """Connections that died in the pool are noticed before, or while, a call is sent on them."""
    with serving() as server:
        address = server.address
        caller = make_caller(address)
        _in_threads(lambda _: caller.call("t.echo", (1,)), 4)
    with serving(address) as again:
        eventually(lambda: _ends_well(caller))
        assert again.count["t.echo"]
        caller.close()


def _ends_well(caller: Caller) -> bool:
    try:
        return caller.call("t.echo", (1,)) == 1
    except ConnectionLost:  # libzmq had not noticed the loss when the call was sent
        return False


def test_a_call_is_never_repeated_wrongly_when_a_server_is_killed(
    make_caller: MakeCaller, start_child: Callable[..., Child]
) -> None:
    """Under load, with kill -9 of one of two, executions are answered or said to be doubtful."""
    children = [start_child(), start_child()]
    caller = make_caller(*(child.address for child in children))
    answered, doubtful, refused = [], [], []
    started = threading.Barrier(9)

    def work(_: int) -> None:
        started.wait(20)
        for number in range(200):
            try:
                caller.call("t.echo", (number,))
                answered.append(number)
            except ConnectionLost as error:
                (doubtful if error.maybe_executed else refused).append(number)

    def kill() -> None:
        started.wait(20)
        eventually(lambda: children[0].executed > 100)
        children[0].process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    _in_threads(work, 8)
    killer.join(20)
    executed = sum(child.executed for child in children)
    assert len(answered) + len(doubtful) + len(refused) == 1600
    assert not refused
    assert len(doubtful) <= 8
    assert len(answered) <= executed <= len(answered) + len(doubtful)


@pytest.mark.parametrize("effect", ["read", "idempotent", "write"])
def test_only_a_repeatable_call_is_repeated_after_a_loss(
    make_caller: MakeCaller, start_child: Callable[..., Child], effect: str
) -> None:
    """Where a second execution does no harm the next endpoint is asked; else the error is told."""
    child = start_child()
    with serving() as alive:
        caller = make_caller(child.address, alive.address)
        option = CallOptions(effect=effect)
        if effect == "write":
            with pytest.raises(ConnectionLost) as caught:
                caller.call("t.exit", (child.process.pid,), options=option)
            assert caught.value.maybe_executed
            assert not alive.count
        else:
            assert caller.call("t.exit", (child.process.pid,), options=option) == "alive"
            assert alive.metas[0]["attempt"] == 2


def test_a_stopped_server_is_noticed(
    make_caller: MakeCaller, start_child: Callable[..., Child]
) -> None:
    """SIGSTOP: the transport's heartbeat ends the call, though it has no timeout."""
    child = start_child()
    caller = make_caller(
        child.address,
        timeout=None,
        # As long as another process may have to wait for the processor before it answers.
        options={"heartbeat_interval": 0.1, "heartbeat_timeout": 2, "dial_timeout": 2},
    )
    caller.call("t.echo", (1,))
    os.kill(child.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ConnectionLost) as caught:
            caller.call("t.echo", (1,))
        assert caught.value.maybe_executed
        with pytest.raises(ConnectionLost) as caught:
            caller.call("t.echo", (1,))
        assert not caught.value.maybe_executed
    finally:
        os.kill(child.process.pid, signal.SIGCONT)


# Bounds


def test_waiting_for_a_connection_is_bounded_by_the_deadline(make_caller: MakeCaller) -> None:
    """With all connections in use the call was surely not executed; a freed one is handed on."""
    with serving() as server:
        caller = make_caller(server.address, options={"max_connections": 1})
        results: list[Any] = []
        first = threading.Thread(target=lambda: results.append(caller.call("t.hold")))
        first.start()
        eventually(lambda: server.held)
        with pytest.raises(PoolExhausted) as caught:
            caller.call("t.echo", (1,), options=SOON)
        assert not caught.value.maybe_executed
        second = threading.Thread(target=lambda: results.append(caller.call("t.echo", (2,))))
        second.start()
        eventually(lambda: _pools(caller)[0]._waiting)
        server.release()
        first.join(10)
        second.join(10)
        assert sorted(map(str, results)) == ["2", "released"]
        assert server.count["t.echo"] == 1


def test_descriptors_do_not_leak(make_caller: MakeCaller) -> None:
    """Five hundred calls and a hundred timeouts leave as many descriptors as before."""
    with serving() as server:
        caller = make_caller(server.address)
        caller.call("t.echo", (1,))
        before = descriptors()
        for number in range(500):
            caller.call("t.echo", (number,))
        for _ in range(100):
            with pytest.raises(CallTimeout):
                caller.call("t.hold", options=CallOptions(timeout=0.001))
        caller.call("t.echo", (1,))
        eventually(lambda: descriptors() <= before)


def test_a_large_result_comes_in_parts(make_caller: MakeCaller) -> None:
    """Parts arrive under credit and are joined; past the limit they are refused."""
    with serving() as server:
        caller = make_caller(server.address)
        text = "x" * 12_000_000
        assert caller.call("t.large", (text,)) == text
        small = make_caller(server.address, options={"max_result": 1_000_000})
        with pytest.raises(SerializationError, match="1000000 bytes"):
            small.call("t.large", (text,))
        assert small.call("t.echo", (1,)) == 1


def test_too_large_arguments_are_refused_here(caller: Caller, server: EchoServer) -> None:
    """What the server would not accept does not leave, and costs no connection."""
    with pytest.raises(SerializationError, match="args"):
        caller.call("t.echo", ("x" * 20_000_000,))
    assert not server.count
    assert caller.call("t.echo", (1,)) == 1


def test_an_endpoint_can_be_chosen(make_caller: MakeCaller) -> None:
    """One endpoint is asked and no other; an unknown one is a mistake."""
    with serving(instance="a") as first, serving(instance="b") as second:
        caller = make_caller(first.address, second.address)
        option = CallOptions(endpoint=second.address)
        assert {caller.call("t.where", options=option) for _ in range(4)} == {"b"}
        with pytest.raises(ValueError, match=r"no endpoint .*it has tcp"):
            caller.call("t.where", options=CallOptions(endpoint="tcp://127.0.0.1:9"))


def test_an_endpoint_that_was_chosen_is_the_only_one_asked(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """If it cannot be reached, that is the answer."""
    dead = "tcp://127.0.0.1:1"
    caller = make_caller(server.address, dead)
    for _ in range(2):  # also once it is known to be dead
        with pytest.raises(ConnectionLost) as caught:
            caller.call("t.echo", (1,), options=CallOptions(endpoint=dead))
        assert caught.value.call is not None
        assert [one.endpoint for one in caught.value.call.attempts] == [dead]
    assert not server.count


def test_an_interrupted_call_is_abandoned(caller: Caller, server: EchoServer) -> None:
    """Ctrl-C in the middle of a call cancels it and leaves a usable connection."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            caller.call("t.hold")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caller.call("t.echo", (1,)) == 1
    assert eventually(lambda: server.cancelled)


def test_middleware_stands_around_every_call(
    make_caller: MakeCaller, server: EchoServer, settings: Any
) -> None:
    """It sees and may change the arguments, the metadata and the result of every call."""
    settings.CHUNNEL_CLIENT = {"MIDDLEWARE": [f"{__name__}.doubling"]}
    caller = make_caller(server.address)
    assert caller.call("t.echo", (2,)) == ["t.echo", 4]
    assert server.metas[0]["trace"] == {"id": "7"}
    assert caller.submit("t.echo", (2,)).result(10) == 4
    assert list(caller.stream("t.numbers", (2,))) == [0, 1, 2, 3]
    assert [meta["trace"] for meta in server.metas] == [{"id": "7"}] * 3


def test_repr_names_the_remote(make_caller: MakeCaller) -> None:
    """And makes no connection."""
    assert repr(make_caller("tcp://127.0.0.1:1")) == "<Caller 'economy'>"


def doubling(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def middleware(request: Any) -> Any:
        request.args = [request.args[0] * 2]
        request.meta["trace"] = {"id": "7"}
        found = get_response(request)
        return [request.name, found] if isinstance(found, int) else found

    return middleware
