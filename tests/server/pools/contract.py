"""What every pool promises, whoever wrote it. Subclass ``PoolContract`` and name the pool.

All waiting in here is for events, of the kind that the pool's process uses: under gevent these
tests run in a patched child process (``gevent_child``).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from chunnel.server.pools.base import Pool, PoolStuck

from .sources import PATIENCE, Line, Work, eventually

#: How the names of a pool's threads begin. Clients of other tests have threads that stay.
POOLS_OWN = ("chunnel-worker-", "chunnel-stream-", "chunnel-loop")


class Served:
    """A pool that runs in a thread of its own, and its line."""

    def __init__(self, pool: Pool, line: Line):
        self.pool = pool
        self.line = line
        self.raised: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="runner")
        self.call, self.reply, self.ping = line.call, line.reply, line.ping

    def _run(self) -> None:
        try:
            self.pool.run()
        except BaseException as error:
            self.raised = error

    def ended(self) -> None:
        """Wait until ``run`` has returned or raised."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "run() did not return"


@contextmanager
def serving(pool_class: Callable[..., Pool], **options: Any) -> Iterator[Served]:
    """Run a pool; stop it at the end, and see that its threads kept to their places."""
    line = Line()
    served = Served(pool_class(line, **options), line)
    served.thread.start()
    try:
        yield served
    finally:
        served.pool.stop(0.0 if served.raised else PATIENCE)
        served.ended()
    assert line.faults == []
    line.close()


class Gate:
    """A function for jobs that waits until it is opened, and counts who is in it."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = 0
        self.most = 0
        self.entered = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)
        assert self.opened.wait(PATIENCE)
        with self._lock:
            self.inside -= 1
        return "through"

    def open(self) -> None:
        self.opened.set()

    def holds(self, count: int) -> None:
        """Wait until so many are inside."""
        eventually(lambda: self.inside == count, f"{count} inside, {self.inside} are")


async def until(condition: Callable[[], bool]) -> None:
    """Wait on an event loop for something that other threads do."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


class PoolContract:
    pool: ClassVar[type[Pool]]
    reports: ClassVar[bool] = (
        True  # it names what outlives the grace, and notices that all is stuck
    )

    def serving(self, **options: Any) -> Any:
        return serving(self.pool, **options)

    def test_calls_are_answered(self) -> None:
        """Every call gets the reply that is its own."""
        with self.serving() as served:
            works = [served.call(lambda n=n: n * n) for n in range(200)]
            assert [served.reply(work) for work in works] == [n * n for n in range(200)]

    @pytest.mark.parametrize("style", ["call", "stream", "async"])
    def test_a_call_may_have_no_reply(self, style: str) -> None:
        """A job that returns None is done, and the pool goes on."""

        class Silent(Work):
            def run(self) -> Any:
                super().run()

            async def run_async(self) -> Any:
                self.thread = threading.current_thread().name

        with self.serving() as served:
            silent = Silent(style=style)
            served.line.incoming.append(silent)
            assert served.reply(served.call(lambda: 1)) == 1
            eventually(lambda: silent.thread, "the silent job ran")
            assert silent.number not in served.line.replies

    def test_as_many_calls_run_as_concurrency_says(self) -> None:
        """CONCURRENCY calls run at once, the next one waits, and the link is read meanwhile."""
        gate = Gate()
        with self.serving(concurrency=3) as served:
            works = [served.call(gate) for _ in range(5)]
            gate.holds(3)
            served.ping()
            assert gate.entered == 3
            gate.open()
            assert {served.reply(work) for work in works} == {"through"}
            assert gate.most == 3

    def test_a_single_place_still_leaves_a_reader(self) -> None:
        """With a concurrency of 1 the link is read while the one call runs."""
        gate = Gate()
        with self.serving(concurrency=1) as served:
            work = served.call(gate)
            gate.holds(1)
            served.ping()
            gate.open()
            served.reply(work)

    def test_what_the_queue_cannot_hold_is_refused_at_once(self) -> None:
        """Past CONCURRENCY + QUEUE calls the answer is BUSY, at once, and those never run."""
        gate = Gate()
        with self.serving(concurrency=2, queue=3) as served:
            works = [served.call(gate) for _ in range(9)]
            eventually(lambda: len(served.line.replies) == 4)
            assert set(served.line.replies.values()) == {"BUSY"}
            gate.open()
            replies = [served.reply(work) for work in works]
            assert replies.count("through") == gate.entered == 5

    def test_without_a_queue_calls_run_or_are_refused(self) -> None:
        """A queue of 0 takes what can run at once, and no more."""
        gate = Gate()
        with self.serving(concurrency=2, queue=0) as served:
            works = [served.call(gate) for _ in range(3)]
            assert served.reply(works[2]) == "BUSY"
            gate.holds(2)
            gate.open()
            assert [served.reply(work) for work in works[:2]] == ["through", "through"]

    def test_streams_have_places_of_their_own(self) -> None:
        """Streams never take the place of calls, nor calls that of streams; past STREAMS BUSY."""
        streams, calls = Gate(), Gate()
        with self.serving(concurrency=2, streams=3) as served:
            started = [served.call(streams, style="stream") for _ in range(4)]
            assert served.reply(started[3]) == "BUSY"
            works = [served.call(calls) for _ in range(2)]
            streams.holds(3)
            calls.holds(2)
            served.ping()
            streams.open()
            assert [served.reply(work) for work in started[:3]] == ["through"] * 3
            calls.open()
            assert [served.reply(work) for work in works] == ["through"] * 2
            # the places of those that ended can be had again
            for _ in range(5):
                assert served.reply(served.call(lambda: 1, style="stream")) == 1

    def test_coroutines_share_one_loop(self) -> None:
        """Coroutines run at once, on one loop, while calls fill all threads."""
        gate = Gate()
        loops = set()
        met: list[int] = []

        async def meet() -> int:
            loops.add(asyncio.get_running_loop())
            met.append(1)
            await until(lambda: len(met) == 3)
            return len(loops)

        with self.serving(concurrency=1) as served:
            call = served.call(gate)
            gate.holds(1)
            works = [served.call(meet, style="async") for _ in range(3)]
            assert [served.reply(work) for work in works] == [1, 1, 1]
            gate.open()
            served.reply(call)

    def test_too_many_coroutines_are_refused(self) -> None:
        """Coroutines are bounded too."""
        go = threading.Event()

        async def wait() -> str:
            await until(go.is_set)
            return "done"

        with self.serving(options={"coroutines": 2}) as served:
            works = [served.call(wait, style="async") for _ in range(3)]
            assert served.reply(works[2]) == "BUSY"
            go.set()
            assert [served.reply(work) for work in works[:2]] == ["done", "done"]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
    @pytest.mark.parametrize("style", ["call", "stream", "async"])
    def test_a_job_that_raises_costs_no_place(
        self, error: type[BaseException], style: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What a job must not raise is logged; its place is free again, and the pool goes on."""

        def fail() -> None:
            raise error("must not leave a job")

        gate = Gate()
        with self.serving(concurrency=2, streams=2) as served:
            for number in range(1, 6):
                served.call(fail, name="failing", style=style)
                complaints = lambda: caplog.text.count("failing failed in the pool")  # noqa: E731
                eventually(lambda n=number: complaints() == n)
            works = [served.call(gate) for _ in range(2)]
            works += [served.call(gate, style="stream") for _ in range(2)]
            gate.holds(4)
            gate.open()
            assert [served.reply(work) for work in works] == ["through"] * 4

    @pytest.mark.parametrize("blocking", [None, False, True])
    def test_a_reply_that_cannot_be_sent_costs_no_place(
        self, blocking: bool | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A source that raises while it sends or posts is logged, and the pool goes on."""

        class Unsendable(Line):
            def _put(self, reply: Any) -> None:
                if reply[1] == "unsendable":
                    raise OverflowError("too large")
                super()._put(reply)

            def post(self, reply: Any) -> None:
                if reply[1] == "unsendable":
                    raise OverflowError("too large")
                super().post(reply)

        line = Unsendable()
        served = Served(self.pool(line, concurrency=2), line)
        served.thread.start()
        for _ in range(20):
            line.call(lambda: "unsendable", name="huge", blocking=blocking)
        eventually(lambda: caplog.text.count("huge failed in the pool") == 20)
        assert line.reply(line.call(lambda: 1)) == 1
        served.pool.stop(PATIENCE)
        served.ended()
        line.close()

    def test_stop_finishes_what_was_accepted(self) -> None:
        """Calls under way and queued, streams and coroutines end well; new ones are refused."""
        gate = Gate()

        async def wait() -> str:
            await until(gate.opened.is_set)
            return "through"

        with self.serving(concurrency=1) as served:
            works = [served.call(gate) for _ in range(2)]
            works += [served.call(gate, style="stream"), served.call(wait, style="async")]
            gate.holds(2)
            served.ping()
            served.pool.stop(PATIENCE)
            eventually(lambda: served.line.retired)
            assert served.reply(served.call(lambda: 1)) == "BUSY"
            served.ping()
            gate.open()
            assert [served.reply(work) for work in works] == ["through"] * 4
            served.ended()
            assert served.raised is None
            assert served.line.retired == ["stopping"]

    def test_stop_waits_no_longer_than_its_grace(self) -> None:
        """What outlives the grace is abandoned; what waits is refused."""
        gate = Gate()
        try:
            with self.serving(concurrency=1) as served:
                served.call(gate, name="endless")
                waiting = served.call(gate)
                gate.holds(1)
                served.ping()
                served.pool.stop(0.01)
                served.ended()
                assert served.reply(waiting) == "BUSY"
                assert gate.entered == 1
        finally:
            gate.open()

    def test_a_second_stop_only_shortens_the_grace(self) -> None:
        """Ctrl-C twice ends at once; a later, longer grace changes nothing."""
        gate = Gate()
        try:
            with self.serving(concurrency=1) as served:
                served.call(gate)
                gate.holds(1)
                served.pool.stop(0.01)
                served.pool.stop(1000)
                served.ended()
        finally:
            gate.open()

    def test_stop_before_run(self) -> None:
        """A signal that arrives early is not lost."""
        line = Line()
        served = Served(self.pool(line), line)
        served.pool.stop(PATIENCE)
        served.thread.start()
        served.ended()
        assert line.retired == ["stopping"]
        line.close()

    def test_coroutines_are_cancelled_after_the_grace(self) -> None:
        """A coroutine that outlives the grace is cancelled, and may clean up."""
        started, cleaned = threading.Event(), []

        async def endless() -> None:
            started.set()
            try:
                await asyncio.sleep(1000)
            finally:
                cleaned.append(True)

        with self.serving() as served:
            served.call(endless, style="async")
            assert started.wait(PATIENCE)
            served.pool.stop(0.01)
            served.ended()
            assert cleaned == [True]

    def test_no_thread_is_left(self) -> None:
        """When run has returned and no call is stuck, the pool's threads end."""
        with self.serving() as served:
            for style in ("call", "stream"):
                served.reply(served.call(lambda: 1, style=style))
        eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith(POOLS_OWN)])

    def test_a_broken_link_ends_the_pool(self, caplog: pytest.LogCaptureFixture) -> None:
        """What the source raises while it reads leaves run(), calls under way or not."""
        caplog.set_level(logging.CRITICAL)
        gate = Gate()
        with self.serving(concurrency=2) as served:
            served.call(gate)
            gate.holds(1)
            served.line.broken = OSError("no more link")
            served.line.wake()
            gate.open()
            served.ended()
            assert served.raised is served.line.broken

    def test_threads_say_when_they_end(self) -> None:
        """on_thread_end runs where jobs ran, so that connections can be closed there."""
        ended: list[int] = []
        ran: list[int] = []
        with self.serving(on_thread_end=lambda: ended.append(threading.get_ident())) as served:
            for style in ("call", "stream"):
                served.reply(served.call(lambda: ran.append(threading.get_ident()), style=style))
        eventually(lambda: set(ran) <= set(ended))


class ShippedPoolContract(PoolContract):
    """What the pools that come with Chunnel promise beyond that."""

    def test_what_outlives_the_grace_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        """The log says which calls were abandoned."""
        gate = Gate()
        try:
            with self.serving(concurrency=1) as served:
                served.call(gate, name="endless")
                gate.holds(1)
                served.pool.stop(0.01)
                served.ended()
            assert "1 calls outlived the grace: endless" in caplog.text
        finally:
            gate.open()

    def test_streams_that_outlive_the_grace_are_told_of(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        gate = Gate()
        try:
            with self.serving(streams=1) as served:
                served.call(gate, name="endless", style="stream")
                gate.holds(1)
                served.pool.stop(0.01)
                served.ended()
            assert "outlived the grace" in caplog.text
        finally:
            gate.open()

    def test_what_comes_at_the_last_moment_is_refused(self) -> None:
        """Also the call that is found by the look which sends what was posted last."""

        class Crowded(Line):
            last: Work | None = None

            def receive(self, timeout: float | None) -> Any:
                if timeout == 0 and self.last is None:
                    self.last = Work()
                    self.incoming.append(self.last)
                return super().receive(timeout)

        line = Crowded()
        served = Served(self.pool(line), line)
        served.thread.start()
        line.ping()
        served.pool.stop(0.0)
        served.ended()
        assert line.last is not None
        assert line.replies[line.last.number] == "BUSY"
        line.close()

    def test_what_cannot_even_be_refused_harms_nobody_else(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Stubborn(Work):
            def refuse(self, message: str) -> Any:
                raise OverflowError(message)

        gate = Gate()
        with self.serving(concurrency=1, queue=0) as served:
            work = served.call(gate)
            gate.holds(1)
            served.line.incoming.append(Stubborn(name="stubborn"))
            served.ping()
            assert "stubborn failed in the pool" in caplog.text
            gate.open()
            assert served.reply(work) == "through"

    def test_all_stuck(self, caplog: pytest.LogCaptureFixture) -> None:
        """Where every place is taken by a call past its deadline, only a new process helps."""
        gate = Gate()
        told: list[Any] = []
        try:
            with self.serving(
                concurrency=2, on_stuck=told.append, options={"stuck_after": 0.01}
            ) as served:
                works = [served.call(gate, name=name) for name in ("one", "two")]
                waiting = served.call(gate)
                gate.holds(2)
                served.ping()
                for work in works:
                    work.deadline = time.monotonic()
                served.ended()
                assert isinstance(served.raised, PoolStuck)
                assert sorted(served.raised.names) == ["one", "two"]
                assert sorted(told[0]) == ["one", "two"]
                assert served.line.retired == ["stuck"]
                assert served.reply(waiting) == "BUSY"
            assert "stuck past their" in caplog.text
        finally:
            gate.open()
