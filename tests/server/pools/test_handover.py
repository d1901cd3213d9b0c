"""The rules (a), (b), (c) and (f) of the default pool, each with what would break it; and learning.

Threads are stopped at the pool's scheduling points and released in the order that a test wants. For
(d), (e), (g) and (h) see test_sentinel.
"""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import pytest

from chunnel.server.pools import handover, placement
from chunnel.server.pools.handover import HandoverPool
from chunnel.server.pools.placement import YOUNG

from .contract import Gate, serving
from .sources import Work, eventually
from .stage import stage


@pytest.fixture(autouse=True)
def _no_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sentinel doze for ever, so that a lost wake-up is not mended by its next look."""
    monkeypatch.setattr(handover, "LOOK", 1000.0)


class TestThreads:
    """(a) CONCURRENCY calls need CONCURRENCY + 1 threads, and one is always left to read."""

    def test_one_more_thread_than_calls(self) -> None:
        with stage(concurrency=3) as s:
            s.ping()
            names = [t.name for t in threading.enumerate() if t.name.startswith("chunnel-worker-")]
            assert sorted(names) == [f"chunnel-worker-{n}" for n in (1, 2, 3, 4)]

    def test_the_last_free_thread_queues_even_what_is_pinned_inline(self) -> None:
        """With every other thread busy, the reader runs nothing itself and goes on reading."""
        gate = Gate()
        with stage(concurrency=2) as s:
            busy = [s.aside(gate) for _ in range(2)]
            gate.holds(2)
            quick = s.inline()
            s.ping()
            assert quick.number not in s.line.replies
            reader = s.reader
            gate.open()
            s.reply(quick)
            assert quick.thread != reader
            for work in busy:
                s.reply(work)

    def test_the_last_of_many_depositions_leaves_a_reader(self) -> None:
        """CONCURRENCY calls that all surprise are run, each deposing its reader, and no more."""
        gate = Gate()
        with stage(concurrency=3) as s:
            works = [s.inline(gate) for _ in range(4)]
            gate.holds(3)
            s.ping()
            assert gate.entered == 3
            gate.open()
            for work in works:
                assert s.reply(work) == "through"
            assert gate.most == 3

    def test_a_deposed_thread_may_have_no_reply(self) -> None:
        gate = Gate()

        class Silent(Work):
            def run(self) -> Any:
                super().run()

        with stage() as s:
            silent = Silent(gate, blocking=False)
            s.line.incoming.append(silent)
            s.line.wake()
            gate.holds(1)
            s.ping()
            assert s.reader != silent.thread
            gate.open()
            s.all_idle()
            assert silent.number not in s.line.replies


class TestGiving:
    """(b) Giving away and going idle are decided in one section each: no call is forgotten."""

    def test_a_call_given_while_a_thread_is_about_to_look(self) -> None:
        """The thread has ended a call and not yet looked for another: it finds the new one."""
        with stage(concurrency=1) as s, s.points.at("ended", "chunnel-worker-2") as stop:
            first = s.aside()
            stop.reached()
            second = s.aside()
            s.ping()
            assert second.number not in s.line.replies
            stop.release()
            s.reply(first)
            s.reply(second)
            assert second.thread == first.thread == "chunnel-worker-2"

    def test_a_call_given_while_a_thread_is_about_to_wait(self) -> None:
        """The thread is on the idle stack and does not wait yet: it is woken all the same."""
        with stage(concurrency=1) as s, s.points.at("idle", "chunnel-worker-2") as stop:
            s.aside()
            stop.reached()
            second = s.aside()
            s.ping()
            stop.release()
            s.reply(second)

    def test_a_call_taken_by_a_thread_that_just_ended_another(self) -> None:
        """The thread woken for it finds the backlog empty and is idle again, for the next."""
        gate = Gate()
        with stage(concurrency=2) as s:
            first = s.aside(gate)
            gate.holds(1)
            with s.points.at("woken") as stop:
                second = s.aside()
                stop.reached()
                gate.open()
                s.reply(second)
                assert second.thread == first.thread
            s.all_idle()
            assert s.pool._roster.waking is None
            gate = Gate()
            works = [s.aside(gate), s.aside(gate)]
            gate.holds(2)
            gate.open()
            for work in works:
                s.reply(work)

    def test_calls_given_while_a_thread_is_waking(self) -> None:
        """No second thread is woken beside it; it wakes the next one, and that the next."""
        gate = Gate()
        with stage(concurrency=3) as s, s.points.at("woken") as stop:
            works = [s.aside(gate)]
            stop.reached()
            works += [s.aside(gate) for _ in range(2)]
            s.ping()
            assert gate.entered == 0
            assert len(s.pool._roster.idle) == 2
            stop.release()
            gate.holds(3)
            gate.open()
            for work in works:
                s.reply(work)

    def test_a_thread_ends_while_the_reader_has_not_yet_woken_another(self) -> None:
        """The reader stands between its section and the wake-up: both threads may come."""
        gate = Gate()
        with stage(concurrency=2) as s:
            first = s.aside(gate)
            gate.holds(1)
            with s.points.at("taken") as stop:
                second = s.aside()
                stop.reached()
                gate.open()
                eventually(lambda: second.thread)
                assert second.thread == first.thread
            s.reply(second)
            s.all_idle()
            s.reply(s.aside())

    def test_the_bound_counts_calls_that_wait_for_a_busy_thread(self) -> None:
        """Calls that a free thread is on its way to do not fill the queue."""
        gate = Gate()
        with stage(concurrency=3, queue=1) as s:
            with s.points.at("woken") as stop:
                works = [s.aside(gate) for _ in range(5)]
                stop.reached()
                assert s.reply(works[4]) == "BUSY"
                assert len(s.line.replies) == 1
            gate.holds(3)
            gate.open()
            for work in works[:4]:
                assert s.reply(work) == "through"


class TestPromotion:
    """(c) Promotion never queues behind work."""

    def test_a_call_waits_for_a_waking_thread(self) -> None:
        """The reader is deposed while the thread for a call is on its way: an idle one reads."""
        gate = Gate()
        with stage(concurrency=2) as s, s.points.at("woken") as stop:
            waiting = s.aside()
            stop.reached()
            slow = s.inline(gate)
            gate.holds(1)
            s.ping()
            assert waiting.number not in s.line.replies
            stop.release()
            s.reply(waiting)
            gate.open()
            s.reply(slow)

    def test_every_free_thread_is_spoken_for(self) -> None:
        """With as many calls waiting as threads free, the reader does not run one itself."""
        gate = Gate()
        with stage(concurrency=2) as s, s.points.at("woken") as stop:
            works = [s.aside(gate)]
            stop.reached()
            works.append(s.aside(gate))
            s.ping()
            quick = s.inline(gate)
            s.ping()
            assert gate.entered == 0
            stop.release()
            gate.holds(2)
            s.ping()
            gate.open()
            for work in [*works, quick]:
                s.reply(work)

    def test_a_full_backlog(self) -> None:
        """The office changes hands twice while threads end calls and take new ones."""
        gates = [Gate() for _ in range(4)]
        with stage(concurrency=3) as s:
            works = [s.inline(gate) for gate in gates[:3]]
            for gate in gates[:3]:
                gate.holds(1)
            works += [s.aside(gates[3]) for _ in range(3)]
            s.ping()
            for gate in gates:
                gate.open()
                s.ping()
            for work in works:
                assert s.reply(work) == "through"


class TestWarmth:
    """(f) The idle stack is last in, first out."""

    def test_one_call_after_another_meets_the_same_thread(self) -> None:
        with stage(concurrency=8) as s:
            names = set()
            for _ in range(10):
                work = s.aside()
                s.reply(work)
                s.all_idle()
                names.add(work.thread)
            assert names == {"chunnel-worker-2"}

    def test_who_ended_last_goes_first(self) -> None:
        one, two = Gate(), Gate()
        with stage(concurrency=4) as s:
            first, second = s.aside(one), s.aside(two)
            one.holds(1)
            two.holds(1)
            two.open()
            s.reply(second)
            eventually(lambda: len(s.pool._roster.idle) == 3)
            one.open()
            s.reply(first)
            s.all_idle()
            third = s.aside()
            s.reply(third)
            assert third.thread == first.thread


@pytest.fixture
def _nothing_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every call for one that computes, however long a busy machine makes it wait."""
    monkeypatch.setattr(placement, "THRESHOLD", 1000.0)


class TestLearning:
    @pytest.mark.usefixtures("_nothing_blocks")
    def test_a_name_that_computes_comes_to_the_reader(self) -> None:
        """Its first call runs aside, and the next by the thread that reads."""
        with stage() as s, s.dozing():  # nobody deposes the reader
            first = s.call()
            s.reply(first)
            assert first.thread != s.reader
            s.all_idle()
            second = s.call()
            s.reply(second)
            assert second.thread == s.reader

    def test_a_name_that_blocks_stays_aside(self) -> None:
        """The reader is deposed for none of its calls."""
        with stage() as s:
            deposed: list[str] = []
            s.pool._points = lambda place: deposed.append(place) if place == "promoted" else None
            for _ in range(YOUNG + 40):
                s.reply(s.call(lambda: time.sleep(0.0005), name="blocks"))
            assert s.pool._placement.habits["blocks"].aside
            assert deposed == []

    @pytest.mark.usefixtures("_nothing_blocks")
    def test_a_surprise_sends_the_name_aside_at_once(self) -> None:
        """After a deposition the next call of the name leaves the reader alone."""
        gate = Gate()
        with stage() as s:
            with s.dozing():
                for _ in range(YOUNG + 1):
                    s.reply(s.call(name="moody"))
                    s.all_idle()
                assert not s.pool._placement.habits["moody"].aside
                surprise = s.call(gate, name="moody")
                gate.holds(1)
            s.ping()
            work = s.call(gate, name="moody")
            gate.holds(2)
            assert s.reader not in (work.thread, surprise.thread)
            gate.open()
            s.reply(work)
            s.reply(surprise)


class TestMemory:
    @pytest.mark.parametrize("blocking", [True, False])
    def test_an_answered_call_is_not_kept(self, blocking: bool) -> None:
        """While the pool waits for the next call, it holds nothing of the last."""

        class Result:
            pass

        with stage() as s:
            work = s.call(Result, blocking=blocking)
            result = weakref.ref(s.reply(work))
            job = weakref.ref(work)
            s.line.replies.clear()
            del work
            s.all_idle()
            s.ping()
            gc.collect()
            assert job() is None
            assert result() is None


def test_stress() -> None:
    """Callers of every kind at once: each call is answered once, by a thread that may."""
    rounds = 150
    kinds: list[dict[str, Any]] = [
        {"name": "quick"},
        {"name": "blocks", "function": lambda: time.sleep(0.0003)},
        {"name": "surprises", "function": lambda: time.sleep(0.003), "blocking": False},
        {"name": "aside", "blocking": True},
        {"name": "stream", "style": "stream"},
    ]
    with serving(HandoverPool, concurrency=4, queue=3) as served:
        answers: list[Any] = []

        def caller(kind: dict[str, Any]) -> None:
            for _ in range(rounds):
                answers.append(served.reply(served.call(**kind)))

        callers = [threading.Thread(target=caller, args=(kind,)) for kind in kinds * 2]
        for thread in callers:
            thread.start()
        for thread in callers:
            thread.join()
        assert len(answers) == rounds * len(callers)
        eventually(lambda: len(served.pool._roster.idle) == 4)  # type: ignore[attr-defined]
