"""Calls that nobody waits for while they are under way: submit and acall."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from chunnel.client import multiplexer as module
from chunnel.client.calling import Caller
from chunnel.client.lanes import Lane
from chunnel.client.lines import CALLS_PER_LINE
from chunnel.client.multiplexer import Pending
from chunnel.client.options import CallOptions
from chunnel.exceptions import (
    CallCancelled,
    CallTimeout,
    ConnectionLost,
    NotExposed,
    PoolExhausted,
    SerializationError,
    ServerBusy,
)

from .conftest import Child, MakeCaller, aeventually, descriptors, eventually
from .echo import EchoServer, serving
from .faulty import fault

SOON = CallOptions(timeout=0.05)


def test_submitted_calls_run_side_by_side(caller: Caller, server: EchoServer) -> None:
    """One connection carries them all."""
    held = [caller.submit("t.hold") for _ in range(10)]
    eventually(lambda: len(server.held) == 10)
    assert not any(pending.done() for pending in held)
    assert caller.submit("t.echo", (1,)).result(10) == 1
    server.release()
    assert [pending.result(10) for pending in held] == ["released"] * 10
    assert server.link.peers == 1


def test_a_result_can_be_asked_for_again_and_by_many(caller: Caller, server: EchoServer) -> None:
    """Every thread that waits gets the value, and the error where it is one."""
    pending = caller.submit("t.hold")
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(pending.result(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: server.held)
    server.release()
    for thread in threads:
        thread.join(10)
    assert got == ["released"] * 4
    failed = caller.submit("t.nothing")
    for _ in range(2):
        with pytest.raises(NotExposed):
            failed.result(10)
    assert isinstance(failed.exception(), NotExposed)
    assert pending.exception() is None


def test_waiting_for_a_result_may_be_bounded(caller: Caller, server: EchoServer) -> None:
    """The call goes on when the waiting ends."""
    pending = caller.submit("t.hold")
    for ask in (pending.result, pending.exception):
        with pytest.raises(TimeoutError, match="not done"):
            ask(0.01)
    eventually(lambda: server.held)
    server.release()
    assert pending.result(10) == "released"


def test_a_call_can_be_cancelled(caller: Caller, server: EchoServer) -> None:
    """The server is told; cancelling what is done does nothing."""
    pending = caller.submit("t.hold")
    eventually(lambda: server.held)
    assert pending.cancel()
    with pytest.raises(CallCancelled) as caught:
        pending.result(10)
    assert caught.value.maybe_executed
    assert pending.cancelled()
    assert not pending.cancel()
    eventually(lambda: server.cancelled)


def test_callbacks_are_called_once(caller: Caller) -> None:
    """Before or after the end."""
    seen: list[Pending] = []
    pending = caller.submit("t.echo", (1,))
    pending.add_done_callback(seen.append)
    pending.result(10)
    eventually(lambda: seen == [pending])
    pending.add_done_callback(seen.append)
    assert seen == [pending, pending]


def test_a_settled_pending_is_done() -> None:
    """For fakes: a value or an error without a call."""
    assert Pending.settled(5).result() == 5
    with pytest.raises(ValueError, match="no"):
        Pending.settled(error=ValueError("no")).result()


def test_timeouts_and_errors_are_those_of_synchronous_calls(
    caller: Caller, server: EchoServer
) -> None:
    """A timeout cancels over there; too large arguments do not leave."""
    assert caller.submit("t.echo", (1,)).result(10) == 1  # it is connected
    with pytest.raises(CallTimeout) as caught:
        caller.submit("t.hold", options=CallOptions(timeout=1)).result(10)
    assert caught.value.maybe_executed
    assert caught.value.call is not None
    assert caught.value.call.endpoint == server.address
    eventually(lambda: server.cancelled)
    with pytest.raises(SerializationError, match="args"):
        caller.submit("t.echo", ("x" * 20_000_000,)).result(10)
    text = "x" * 12_000_000
    assert caller.submit("t.large", (text,)).result(10) == text


def test_no_server_is_told(make_caller: MakeCaller) -> None:
    """The error names each endpoint, as for synchronous calls."""
    caller = make_caller("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    with pytest.raises(ConnectionLost) as caught:
        caller.submit("t.echo", (1,)).result(10)
    assert "tcp://127.0.0.1:1: refused" in str(caught.value)
    assert "tcp://127.0.0.1:2: refused" in str(caught.value)
    assert not caught.value.maybe_executed


def test_round_robin_busy_and_loss(make_caller: MakeCaller) -> None:
    """The same rules as for synchronous calls."""
    with serving(instance="a") as first:
        with serving(instance="b") as second:
            caller = make_caller(first.address, second.address)
            calls = [caller.submit("t.where") for _ in range(100)]
            counts = Counter(pending.result(10) for pending in calls)
            assert counts == {"a": 50, "b": 50}
            second.busy = True
            assert {caller.submit("t.where").result(10) for _ in range(6)} == {"a"}
            first.busy = True
            with pytest.raises(ServerBusy):
                caller.submit("t.where").result(10)
            first.busy = second.busy = False
            held = [caller.submit("t.hold") for _ in range(2)]
            repeatable = [
                caller.submit("t.hold", options=CallOptions(effect="read")) for _ in range(2)
            ]
            eventually(lambda: len(first.held) == len(second.held) == 2)
        lost = eventually(lambda: [one for one in held if one.done()])
        assert len(lost) == 1
        with pytest.raises(ConnectionLost) as caught:
            lost[0].result()
        assert caught.value.maybe_executed
        eventually(lambda: len(first.held) == 3)
        first.release()
        assert [one.result(10) for one in repeatable] == ["released"] * 2


def test_goaway_moves_new_calls_to_a_new_connection(caller: Caller, server: EchoServer) -> None:
    """Those under way are finished on the old one."""
    held = caller.submit("t.hold")
    eventually(lambda: server.held)
    server.do(lambda: server.link.goaway("restarting"))
    server.link._retiring = None
    for number in range(5):
        assert caller.submit("t.echo", (number,)).result(10) == number
    assert server.link.peers == 2
    server.release()
    assert held.result(10) == "released"
    eventually(lambda: server.link.peers == 1)


def test_more_calls_than_a_line_carries_wait_their_turn(caller: Caller, server: EchoServer) -> None:
    """They are sent as others end, in order."""
    held = [caller.submit("t.hold") for _ in range(CALLS_PER_LINE + 10)]
    eventually(lambda: len(server.held) == CALLS_PER_LINE)
    late = caller.submit("t.echo", (1,), options=SOON)
    with pytest.raises(CallTimeout) as caught:
        late.result(10)
    assert not caught.value.maybe_executed
    server.release()
    eventually(lambda: len(server.held) == 10)
    server.release()
    assert {pending.result(10) for pending in held} == {"released"}


def test_past_the_bound_calls_are_refused(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and surely not executed."""
    monkeypatch.setattr(module, "MAX_PENDING", 0)
    with pytest.raises(PoolExhausted) as caught:
        caller.submit("t.echo", (1,))
    assert not caught.value.maybe_executed


def test_a_wedged_server_is_given_up(make_caller: MakeCaller) -> None:
    """PING decides here too."""
    with serving() as server:
        caller = make_caller(server.address, timeout=None, options={"unresponsive_after": 1.5})
        assert caller.submit("t.echo", (1,)).result(10) == 1
        server.paused.clear()
        try:
            with pytest.raises(CallTimeout, match="wedged"):
                caller.submit("t.hold").result(10)
        finally:
            server.paused.set()


def test_closing_ends_the_thread(make_caller: MakeCaller) -> None:
    """Calls under way end as cancelled; the next call starts anew."""
    with serving() as server:
        caller = make_caller(server.address)
        pending = caller.submit("t.hold")
        eventually(lambda: server.held)
        caller.close()
        with pytest.raises(CallCancelled):
            pending.result(10)
        eventually(lambda: not any("multiplexer" in one.name for one in threading.enumerate()))
        assert caller.submit("t.echo", (1,)).result(10) == 1


@pytest.mark.parametrize("where", ["Bell", "start_native"])
def test_a_thread_that_cannot_be_started_refuses_the_call(
    make_caller: MakeCaller, server: EchoServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Surely, so that it is not made later either."""

    def fail(*args: object) -> None:
        raise OSError("Too many open files") if where == "Bell" else RuntimeError("no thread")

    eventually(lambda: not any("multiplexer" in one.name for one in threading.enumerate()))
    caller = make_caller(server.address)
    with monkeypatch.context() as patch:
        patch.setattr(module, where, fail)
        with pytest.raises(PoolExhausted) as caught:
            caller.submit("t.where")
        assert not caught.value.maybe_executed
    assert caller.submit("t.echo", (1,)).result(10) == 1
    assert not server.count["t.where"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_the_thread_dies_all_calls_end(
    caller: Caller,
    server: EchoServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those under way and those that were just submitted; the next call starts a new thread."""
    held = caller.submit("t.hold")
    eventually(lambda: server.held)
    late: list[Pending] = []
    real = Lane.close

    def close(lane: Lane) -> None:
        late.append(caller.submit("t.echo", (1,)))  # comes when nothing is begun any more
        real(lane)

    def fail(self: object, now: float) -> None:
        raise ZeroDivisionError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(Lane, "look", fail)
        patch.setattr(Lane, "close", close)
        held.cancel()  # which rings the bell
        with pytest.raises(CallCancelled):
            held.result(10)
        eventually(lambda: not any("multiplexer" in one.name for one in threading.enumerate()))
    for pending in late:
        with pytest.raises(CallCancelled) as caught:
            pending.result(10)
        assert not caught.value.maybe_executed
    assert len(late) == 1
    assert "a mistake" in caplog.text
    assert not module.multiplexer()._polled
    assert caller.submit("t.echo", (2,)).result(10) == 2


def test_a_task_that_fails_ends_no_other_call(
    caller: Caller, server: EchoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the thread goes on."""
    held = caller.submit("t.hold")
    eventually(lambda: server.held)
    module.multiplexer().post(lambda: 1 / 0)
    eventually(lambda: "A task of the multiplexer failed" in caplog.text)
    server.release()
    assert held.result(10) == "released"


def test_what_is_posted_while_the_thread_ends_is_done() -> None:
    """It looks for the last time under the lock that who posts takes."""
    multiplexer = module.Multiplexer()
    done = threading.Event()
    real = multiplexer._lock

    class Hasty:
        """Lets somebody post just before the lock is taken, when told to."""

        armed = False

        def __enter__(self) -> None:
            if Hasty.armed:
                Hasty.armed = False
                multiplexer.post(done.set)
            real.acquire()

        def __exit__(self, *_: object) -> None:
            real.release()

    multiplexer._lock = Hasty()
    multiplexer.post(lambda: setattr(Hasty, "armed", True))
    assert done.wait(10)
    assert not Hasty.armed
    eventually(lambda: multiplexer._bell is None)


def test_a_remote_whose_balancer_cannot_be_made(
    make_caller: MakeCaller, server: EchoServer
) -> None:
    """Its calls end with the error, and count no more."""
    caller = make_caller(server.address, balancer="tests.client.faulty.FaultyBalancer")
    with fault("balancer", ValueError("no weights")):
        pendings = [caller.submit("t.echo", (number,)) for number in range(3)]
        for pending in pendings:
            with pytest.raises(ValueError, match="no weights"):
                pending.result(10)
    eventually(lambda: module.multiplexer()._open == 0)
    assert caller.submit("t.echo", (1,)).result(10) == 1


def test_a_pipe_that_cannot_be_polled_is_looked_at_again_and_again(
    make_caller: MakeCaller,
) -> None:
    """As those of the memory transport, which have no descriptor."""
    with serving("memory://multiplexer-unpollable") as server:
        caller = make_caller(server.address)
        held = caller.submit("t.hold")
        assert caller.submit("t.echo", (1,)).result(10) == 1
        server.release()
        assert held.result(10) == "released"
        caller.close()


# In event loops


def test_acall_in_several_loops(caller: Caller, server: EchoServer) -> None:
    """Loops one after the other, and side by side in threads, share the connections."""

    async def several(thread: int) -> list[Any]:
        calls = [caller.acall("t.echo", ([thread, number],)) for number in range(50)]
        return await asyncio.gather(*calls)

    for number in range(3):
        assert asyncio.run(several(number)) == [[number, i] for i in range(50)]
    results: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        results[number] = asyncio.run(several(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {number: [[number, i] for i in range(50)] for number in range(4)}
    assert server.link.peers == 1


def test_cancelling_a_task_cancels_the_call(caller: Caller, server: EchoServer) -> None:
    """The server is told that nobody waits."""

    async def cancel() -> None:
        task = asyncio.ensure_future(caller.acall("t.hold"))
        await aeventually(lambda: server.held)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    eventually(lambda: server.cancelled)
    assert caller.submit("t.echo", (1,)).result(10) == 1


def test_a_loop_that_was_closed_is_not_woken(caller: Caller, server: EchoServer) -> None:
    """An answer for a loop that is gone harms nobody."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(caller.acall("t.hold"))

    async def started() -> None:
        await aeventually(lambda: server.held)

    loop.run_until_complete(started())
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    pending = caller.submit("t.hold")
    waiting = loop.create_task(pending._wait())
    loop.run_until_complete(asyncio.sleep(0.01))
    waiting.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
    assert caller.submit("t.echo", (1,)).result(10) == 1


def test_waiting_synchronously_in_a_loop_is_refused(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Django's ORM does, and permitted by the same variable."""

    async def wait() -> None:
        with pytest.raises(SynchronousOnlyOperation, match=r"economy\.t\.echo.*echo\.acall\(…\)"):
            caller.call("t.echo", (1,))
        with pytest.raises(SynchronousOnlyOperation):
            next(caller.stream("t.numbers", (1,)))
        pending = caller.submit("t.hold", options=SOON)
        for ask in (pending.result, pending.exception):
            with pytest.raises(SynchronousOnlyOperation):
                ask()
        with pytest.raises(CallTimeout):
            await pending
        assert isinstance(pending.exception(), CallTimeout)
        monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        assert caller.call("t.echo", (1,)) == 1

    asyncio.run(wait())


def test_asynchronous_middleware(
    make_caller: MakeCaller, server: EchoServer, settings: Any
) -> None:
    """A middleware that can only be called is adapted."""
    settings.CHUNNEL_CLIENT = {"MIDDLEWARE": ["tests.client.test_calling.doubling"]}
    caller = make_caller(server.address)
    assert asyncio.run(caller.acall("t.echo", (2,))) == ["t.echo", 4]


def test_killing_a_server_under_load(
    make_caller: MakeCaller, start_child: Callable[..., Child]
) -> None:
    """Executions are the answers, or said to be doubtful; nothing hangs."""
    children = [start_child(), start_child()]
    caller = make_caller(*(child.address for child in children))

    async def load() -> Counter[str]:
        counts: Counter[str] = Counter()

        async def work() -> None:
            for number in range(100):
                try:
                    await caller.acall("t.echo", (number,))
                    counts["answered"] += 1
                except ConnectionLost as error:
                    counts["doubtful" if error.maybe_executed else "refused"] += 1

        async def kill() -> None:
            await aeventually(lambda: children[0].executed >= 100)
            children[0].process.kill()

        await asyncio.gather(kill(), *[work() for _ in range(16)])
        return counts

    counts = asyncio.run(load())
    executed = sum(child.executed for child in children)
    assert counts.total() == 1600
    assert not counts["refused"]
    assert counts["doubtful"] <= 16
    assert counts["answered"] <= executed <= counts["answered"] + counts["doubtful"]


def test_descriptors_do_not_leak(make_caller: MakeCaller) -> None:
    """Calls, timeouts and closing leave none."""
    before = descriptors()
    with serving() as server:
        caller = make_caller(server.address)
        for number in range(100):
            caller.submit("t.echo", (number,)).result(10)
        for _ in range(20):
            with pytest.raises(CallTimeout):
                caller.submit("t.hold", options=CallOptions(timeout=0.001)).result(10)
        caller.close()
    eventually(lambda: descriptors() <= before)
