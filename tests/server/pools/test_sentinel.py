"""The rules (d), (e), (g) and (h) of the default pool, in which its sentinel has a part.

Threads are stopped at the pool's scheduling points and released in the order that a test wants.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chunnel.server.pools import handover
from chunnel.server.pools.handover import HandoverPool

from .contract import Gate, Served
from .sources import PATIENCE, Line, eventually
from .stage import SENTINEL, stage


@pytest.fixture(autouse=True)
def _no_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sentinel doze for ever, so that a lost wake-up is not mended by its next look."""
    monkeypatch.setattr(handover, "LOOK", 1000.0)


class TestDozing:
    """(d) Either the reader sees the sentinel doze, or the sentinel sees the reader's call."""

    def test_the_sentinel_looks_while_the_reader_is_between(self) -> None:
        """The call is published; the reader has not looked whether anybody dozes."""
        gate = Gate()
        with stage() as s:
            with s.dozing() as dozing:
                with s.points.at("published") as published:
                    work = s.inline(gate)
                    published.reached()
                    dozing.release()
                    # it does not wait: it sees the call, and interrupts it where it stands
                    eventually(lambda: s.reader != "chunnel-worker-1")
                gate.holds(1)
                s.ping()
            gate.open()
            s.reply(work)

    def test_the_reader_looks_while_the_sentinel_is_between(self) -> None:
        """The sentinel has said that it dozes, and has not looked for a call."""
        gate = Gate()
        with stage() as s:
            with s.dozing():
                work = s.inline(gate)
                gate.holds(1)
            s.ping()
            gate.open()
            s.reply(work)

    def test_the_reader_rings_and_ends_while_the_sentinel_is_between(self) -> None:
        """A ring that nobody needed any more does no harm to the next doze."""
        gate = Gate()
        with stage() as s:
            with s.dozing():
                s.reply(s.inline())
            with s.dozing():
                pass
            work = s.inline(gate)
            gate.holds(1)
            s.ping()
            gate.open()
            s.reply(work)

    def test_a_sleeping_sentinel_is_woken(self) -> None:
        """Again and again."""
        with stage() as s:
            for _ in range(3):
                gate = Gate()
                eventually(lambda: s.pool._dozing)
                work = s.inline(gate)
                gate.holds(1)
                s.ping()
                gate.open()
                s.reply(work)

    def test_stop_wakes_a_sleeping_sentinel(self) -> None:
        """A stop between its look and its doze is not lost either."""
        with stage() as s, s.dozing() as dozing:
            s.pool.stop(PATIENCE)
            dozing.release()
            s.ended()


class TestDeposition:
    """(e) A deposed thread never touches the link. ``Line`` itself notes whoever does."""

    def test_it_posts_its_reply_and_the_new_reader_sends_it(self) -> None:
        gate = Gate()
        with stage() as s:
            work = s.inline(gate)
            gate.holds(1)
            s.ping()
            gate.open()
            s.reply(work)
            assert work.thread == "chunnel-worker-1"
            assert s.reader == s.line.sent_by[work.number] == "chunnel-worker-2"

    def test_deposed_after_its_call_before_it_looked(self) -> None:
        """The call has ended and its thread has not yet asked whether it still reads."""
        with stage() as s, s.points.at("ran", "chunnel-worker-1") as stop:
            work = s.inline()
            stop.reached()
            eventually(lambda: s.reader == "chunnel-worker-2")
            s.ping()
            stop.release()
            s.reply(work)
            assert s.line.sent_by[work.number] == "chunnel-worker-2"

    def test_deposed_while_the_successor_has_not_begun(self) -> None:
        """Nobody reads yet: the reply waits for the new reader."""
        with stage(concurrency=2) as s:
            gate = Gate()
            with s.points.at("promoted", SENTINEL) as promoted:
                work = s.inline(gate)
                promoted.reached()
                gate.open()
                eventually(lambda: len(s.line.outbox) == 1)
                eventually(lambda: len(s.pool._roster.idle) == 2)
                assert work.number not in s.line.replies
            s.reply(work)
            s.ping()

    def test_a_call_that_ends_just_before_it_would_be_deposed(self) -> None:
        """The sentinel has seen it run too long; when it has the lock, the call is over."""
        gate = Gate()
        with stage() as s, s.points.at("deposing", SENTINEL) as deposing:
            work = s.inline(gate)
            deposing.reached()
            gate.open()
            s.reply(work)
            s.ping()
            deposing.release()
            eventually(lambda: s.pool._dozing)
            assert s.reader == "chunnel-worker-1"

    def test_the_next_call_is_not_deposed_for_the_last(self) -> None:
        """Instead of the call that ran too long, the sentinel finds one that has just begun."""
        first, second = Gate(), Gate()
        with stage() as s:
            with s.points.at("deposing", SENTINEL) as deposing:
                work = s.inline(first)
                deposing.reached()
                first.open()
                s.reply(work)
                next_work = s.inline(second)
                second.holds(1)
                with s.points.at("tick", SENTINEL) as tick:
                    deposing.release()
                    tick.reached()
                    assert s.reader == "chunnel-worker-1"
            second.open()
            s.reply(next_work)

    def test_a_link_that_breaks_under_the_successor(self, caplog: Any) -> None:
        """The pool ends although the deposed thread still runs its call."""
        gate = Gate()
        with stage() as s:
            s.inline(gate)
            gate.holds(1)
            s.ping()
            s.line.broken = OSError("broken")
            s.line.wake()
            s.ended()
            assert s.raised is s.line.broken
            gate.open()


class TestSentinel:
    """(g) If the sentinel dies, run() raises what it died of."""

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_it_takes_the_pool_with_it(self, error: type[BaseException], caplog: Any) -> None:
        """Even while a call holds the reader; peers are told."""
        gate = Gate()
        line = Line()

        def die(place: str) -> None:
            if place == "deposing" and not line.retired and not died:
                died.append(place)
                raise error("the sentinel's own")

        died: list[str] = []
        served = Served(HandoverPool(line, points=die), line)
        served.thread.start()
        line.call(gate, blocking=False)
        served.ended()
        assert isinstance(served.raised, error)
        assert line.retired == ["stopping"]
        assert ("the sentinel died" in caplog.text) == (error is RuntimeError)
        gate.open()
        line.close()

    def test_where_the_system_gives_no_more_threads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those that there are take leave and end; ``run`` says why."""
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "chunnel-worker-3":
                raise RuntimeError("can't start new thread")
            start(thread)

        line = Line()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                HandoverPool(line, concurrency=4).run()
        assert line.retired == ["stopping"]
        assert not [t for t in threading.enumerate() if t.name.startswith("chunnel-worker-")]
        line.close()

    def test_the_interpreters_switch_interval_is_its_own(self) -> None:
        """It is set while the pool runs, and as before afterwards."""
        before = sys.getswitchinterval()
        with stage(options={"switch_interval": 0.002}) as s:
            s.ping()
            assert sys.getswitchinterval() == pytest.approx(0.002)
        assert sys.getswitchinterval() == before

    @pytest.mark.parametrize("place", ["tick", "dozing", "deposing", "promoted", "lock"])
    def test_stop_from_a_signal_handler(self, place: str) -> None:
        """A handler that interrupts the sentinel stops the pool, even within a locked section."""
        line = Line()

        def interrupt(here: str) -> None:
            in_sentinel = threading.current_thread() is threading.main_thread()
            if here == place and in_sentinel and gate.entered:
                signal.raise_signal(signal.SIGUSR1)

        gate = Gate()
        pool = HandoverPool(line, points=interrupt)
        pool._roster.lock = InterruptedLock(interrupt)  # type: ignore[assignment]
        work = line.call(gate, blocking=False)
        before = signal.signal(signal.SIGUSR1, lambda *_: pool.stop(PATIENCE))
        opener = threading.Thread(target=lambda: eventually(lambda: line.retired) and gate.open())
        opener.start()
        try:
            pool.run()
        finally:
            signal.signal(signal.SIGUSR1, before)
        opener.join()
        assert line.retired == ["stopping"]
        assert line.replies[work.number] == "through"
        line.close()

    def test_stop_waits_for_the_readers_own_call(self) -> None:
        """All others are idle and the call is not yet deposed: the sentinel goes on."""
        gate = Gate()
        with stage(options={"tick": 0.05}) as s:
            work = s.inline(gate)
            gate.holds(1)
            s.pool.stop(PATIENCE)
            for _ in range(2):
                with s.points.at("tick", SENTINEL) as tick:
                    tick.reached()
            gate.open()
            assert s.reply(work) == "through"


class InterruptedLock:
    """A lock within whose sections the sentinel is interrupted."""

    def __init__(self, interrupt: Callable[[str], None]):
        self._lock = threading.Lock()
        self._interrupt = interrupt

    def __enter__(self) -> None:
        self._lock.acquire()
        self._interrupt("lock")

    def __exit__(self, *exception: object) -> None:
        self._lock.release()


class TestStuck:
    """(h) All threads stuck past their deadlines; see the contract for what then happens."""

    def test_a_thread_that_is_on_its_way_is_not_stuck(self) -> None:
        gate = Gate()
        with stage(concurrency=2, options={"stuck_after": 0.0}) as s:
            late = time.monotonic()
            first = s.aside(gate, deadline=late)
            gate.holds(1)
            with s.points.at("woken") as stop:
                second = s.aside(gate, deadline=late)
                stop.reached()
                assert not s.pool._all_stuck()
                stop.release()
                gate.holds(2)
                with s.points.at("tick", SENTINEL) as tick:
                    tick.reached()
                    assert s.pool._all_stuck()
                    s.pool._stuck.clear()
            gate.open()
            s.reply(first)
            s.reply(second)
