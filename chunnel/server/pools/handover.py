"""The default pool: the thread that reads the link also runs the calls, until one takes too long.

A call that only computes thus costs no switch of threads. Names known to block go straight to an
idle thread (``placement``); a *sentinel* deposes a reader whose call surprises by running over a
tick: an idle thread takes the link over, and the slow one posts its reply when it ends. It is what
Go's scheduler does with a goroutine stuck in a system call.

The rules, each of which has tests that force its interleavings:

(a) CONCURRENCY calls need CONCURRENCY + 1 threads: one is always left to read, so that pings and
    cancels are answered and surplus calls refused whatever the calls do. Hence a reader runs a call
    itself only while another thread is free; else it queues the call for whoever comes free.
(b) One lock guards the reader's office, the idle stack and the backlog (``roster``). A call that is
    given away goes into the backlog, and whoever gives it takes a thread off the idle stack in the
    same section to wake it, unless one is waking already: that one takes a call and, in the same
    section, wakes the next while calls wait beside idle threads. A thread becomes idle only in the
    section in which it saw the backlog empty. So a call waits only for a thread that is on its way,
    and often a thread that just ended another call is there before it: a wake-up is dear, and to
    wake a thread for each call costs a third of the throughput of short sleepers.
(c) Promotion never queues behind work: the office goes to an idle thread by hand, never through
    the backlog. A reader runs a call only while there are more threads free (idle or waking) than
    calls waiting. That difference shrinks no more, since only a reader adds calls; and the last
    idle thread is woken for work only while a call waits for each free one. So there is an idle
    thread when the sentinel wants one.
(d) The reader publishes ``since``, then looks at ``_dozing``; the sentinel sets ``_dozing``, then
    looks at ``since``. In whichever order these fall, one of the two notices the other.
(e) A deposed thread never touches the link: it posts its reply, and the new reader sends it.
(f) The idle stack is last in, first out: a few threads do most of the work, and the database
    connections of those few stay warm.
(g) The sentinel is the thread that called ``run``; if it dies, so does ``run``, and the worker.
(h) Where all threads are stuck in calls whose deadlines are over, peers are told to go away and
    ``run`` raises PoolStuck: only a new process helps.

Signal handlers may call ``stop`` in the very thread that is the sentinel, even while it holds the
lock. So ``stop`` takes no lock, and all waiting is for bare locks used as binary semaphores, which
can be released from anywhere.

Threads are daemons: a call that never ends must not keep the process after its grace. Those that
have no call to end are joined.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from _thread import LockType, allocate_lock
from collections.abc import Callable
from typing import Any, ClassVar, Final

from ...conf.options import POOL
from ...conf.options import chosen as chosen_options
from .base import (
    COROUTINES,
    STUCK_AFTER,
    Job,
    Pool,
    PoolStuck,
    all_stuck,
    complain,
    end_thread,
    perform,
)
from .loop import LoopThread, threads_are_patched
from .placement import TICK, Habit, Placement
from .roster import Roster, Worker
from .streams import StreamThreads

logger = logging.getLogger(__name__)

#: Ticks without a call run in-line after which the sentinel dozes.
QUIET: Final = 20

#: Seconds between two looks at deadlines, and the longest doze.
LOOK: Final = 1.0

#: Beside threads that compute, each switch of threads costs up to this (option "switch_interval").
#: Python's own 5 ms would make every answer wait that long.
SWITCH_INTERVAL: Final = 0.0005

RUNNING, DRAINING, CLOSED = range(3)


class HandoverPool(Pool):
    """Hand-over with learned placement.

    Options: ``tick`` (seconds after which a reader is deposed), ``switch_interval`` (seconds; the
    interpreter's, set while the pool runs), ``stuck_after`` (seconds), ``coroutines`` (jobs of
    style "async" at once). ``points`` is for tests: it is called with the name of each place at
    which the order of threads matters, and may block there.
    """

    name: ClassVar[str] = "threads"

    def __init__(
        self, *args: Any, points: Callable[[str], None] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        chosen = chosen_options(POOL, self.options)
        self._tick: float = chosen.get("tick", TICK)
        self._stuck_after: float = chosen.get("stuck_after", STUCK_AFTER)
        self._switch_interval: float = chosen.get("switch_interval", SWITCH_INTERVAL)
        self._points = points
        self._placement = Placement()
        self._stream_threads = StreamThreads(self.source, self.streams, self.on_thread_end)
        self._loop_thread = LoopThread(self.source, chosen.get("coroutines", COROUTINES))

        self._roster = Roster(self.queue)
        self._workers: list[Worker] = []
        self._habit: Habit | None = None  # of that call
        self._dozing = False
        self._bell: LockType = allocate_lock()  # ends the sentinel's doze; a binary semaphore
        self._bell.acquire()

        self._phase = RUNNING
        self._until = 0.0  # when the grace ends, while DRAINING
        self._retired = False  # the reader's
        self._stuck: list[str] = []
        self._broken: BaseException | None = None  # what a reader died of

    # What the worker calls

    def run(self) -> None:
        if threads_are_patched():
            raise RuntimeError('gevent has patched this process; its pool is "gevent"')
        before = sys.getswitchinterval()
        sys.setswitchinterval(self._switch_interval)
        try:
            self._start()
            self._watch()
        except Exception:
            logger.critical("the sentinel died; the pool cannot go on", exc_info=True)
            raise
        finally:
            self._close()
            self._end()
            sys.setswitchinterval(before)
        if self._broken is not None:
            raise self._broken
        if self._stuck:
            raise PoolStuck(self._stuck)

    def stop(self, grace: float) -> None:
        until = time.monotonic() + grace
        self._until = min(self._until, until) if self._until else until
        if self._phase == RUNNING:
            self._phase = DRAINING
        self._ring()
        self.source.wake()

    # The threads

    def _start(self) -> None:
        numbers = range(1, self.concurrency + 2)
        self._workers = [Worker(number, self._serve) for number in numbers]
        roster = self._roster
        roster.reader = reader = self._workers[0]
        roster.idle.extend(self._workers[:0:-1])  # number 2 on top
        try:
            for worker in self._workers:
                worker.thread.start()
        finally:  # where the system gives no more threads, the reader is needed to take leave
            reader.gate.release()

    def _serve(self, me: Worker) -> None:
        """The life of a thread: wait for a task, do it, look for more, until the end."""
        try:
            more = self._wait(me)
            while more:
                if me.job is not None:
                    self._run_aside(me.job)
                    me.job = None
                else:
                    self._read(me)
                more = self._next(me)
        except BaseException as error:  # noqa: BLE001 - run() raises it
            self._break(error)
        finally:
            end_thread(self.on_thread_end)

    def _next(self, me: Worker) -> bool:
        """Find the next task of ``me``, who just ended one; False: there will be none."""
        if self._points:
            self._points("ended")
        more = self._roster.rest(me)
        if more is None:
            if self._points:
                self._points("idle")
            more = self._wait(me)
        return more

    def _wait(self, me: Worker) -> bool:
        """Wait, off or on the idle stack, for the office or a call; False: the pool is closed."""
        more = None
        while more is None:
            me.gate.acquire()
            if self._points:
                self._points("woken")
            more, wake = self._roster.arrive(me)
            if wake is not None:
                wake.release()
        return more

    def _run_aside(self, job: Job) -> None:
        habit = self._placement.habits.get(job.name) if job.blocking is None else None
        if habit is None or not habit.measured():
            perform(job, self.source)
            return
        busy = time.thread_time()
        wall = time.monotonic()
        perform(job, self.source)
        habit.learn(time.monotonic() - wall, time.thread_time() - busy)

    def _read(self, me: Worker) -> None:
        """Read the link and run what may be run in-line, until deposed or closed.

        This is the one hot loop of the server; hence the local names, and calls avoided.
        """
        receive, send = self.source.receive, self.source.send
        roster, points = self._roster, self._points
        idle, backlog = roster.idle, roster.backlog
        habits, meet = self._placement.habits, self._placement.meet
        clock, cpu_clock = time.monotonic, time.thread_time
        while True:
            job = reply = None  # not kept alive while waiting
            job = receive(None)
            if self._phase:
                if not self._wind_up(job):
                    return
                continue
            if job is None:
                continue
            if job.style != "call":
                self._divert(job)
                continue
            habit: Habit | None = None
            if job.blocking is None:
                habit = habits.get(job.name) or meet(job.name)
                aside = habit.aside and not (idle and habit.due())
            else:
                aside = job.blocking
            if aside or not idle or (backlog and not roster.can_spare()):
                self._give(job)
                continue

            measured = habit is not None and (habit.measured() or habit.aside)
            busy = cpu_clock() if measured else 0.0
            me.job = job
            self._habit = habit
            roster.since = since = clock()
            if points:
                points("published")
            if self._dozing:
                self._dozing = False
                self._ring()
            try:
                reply = job.run()
            except BaseException:  # noqa: BLE001 - the thread is worth more than the job
                complain(job)
                reply = None
            if points:
                points("ran")
            if measured:
                assert habit is not None
                habit.learn_inline(clock() - since, cpu_clock() - busy)
            reading = roster.ended(me, since)
            me.job = None
            if not reading:
                if points:
                    points("deposed")
                if reply is not None:
                    self._post(job, reply)
                return
            if reply is not None:
                try:
                    send(reply)
                except Exception:  # noqa: BLE001 - one reply; a broken link will tell in receive
                    complain(job)

    def _post(self, job: Job, reply: Any) -> None:
        try:
            self.source.post(reply)
        except Exception:  # noqa: BLE001 - the thread is worth more
            complain(job)

    def _refuse(self, job: Job, message: str) -> None:
        try:
            self.source.send(job.refuse(message))
        except Exception:  # noqa: BLE001 - the reader is worth more
            complain(job)

    def _give(self, job: Job) -> None:
        """Leave ``job`` to the other threads, or refuse it where too many wait."""
        room, wake = self._roster.give(job)
        if not room:
            self._refuse(job, f"{self.concurrency} calls run and {self.queue} wait")
        elif wake is not None:
            if self._points:
                self._points("taken")
            wake.release()

    def _divert(self, job: Job) -> None:
        if job.style == "stream":
            if not self._stream_threads.start(job):
                self._refuse(job, f"{self.streams} streams are under way")
        elif not self._loop_thread.start(job):
            self._refuse(job, "too many coroutines are under way")

    def _wind_up(self, job: Job | None) -> bool:
        """The reader's part of stopping; False: it is over."""
        if not self._retired:
            self.source.retire("stuck" if self._stuck else "stopping")
            self._retired = True
        if job is not None:
            self._refuse(job, "the server is stopping")
        if self._phase != CLOSED:
            return True
        for job in self._roster.clear():
            self._refuse(job, "the server is stopping")
        while (job := self.source.receive(0)) is not None:  # sends what was posted last
            self._refuse(job, "the server is stopping")
        return False

    def _break(self, error: BaseException) -> None:
        logger.critical("the link broke; the pool cannot go on", exc_info=error)
        self._broken = error
        self._close()
        self._ring()

    # The sentinel

    def _watch(self) -> None:
        """Depose readers, until stopped and drained, or broken."""
        roster = self._roster
        quiet = 0
        last = 0.0
        looked = time.monotonic()
        while True:
            if self._points:
                self._points("tick")
            now = time.monotonic()
            if self._phase and self._over(now):
                return
            since = roster.since
            if since:
                quiet = 0
                if now - since >= self._tick:
                    self._depose(since)
            elif roster.last != last:
                quiet = 0
                last = roster.last
            else:
                quiet += 1
            if now - looked >= LOOK:
                looked = now
                if self._all_stuck():
                    return
            if quiet < QUIET or self._phase:
                time.sleep(self._tick)
            elif self._doze():
                quiet = 0

    def _doze(self) -> bool:
        """Wait for work; return False if none came in the longest doze."""
        self._dozing = True
        if self._points:
            self._points("dozing")
        rung = True
        if not self._roster.since and not self._phase:
            rung = self._bell.acquire(timeout=LOOK)
        self._dozing = False
        return rung

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:  # it has been rung already
            pass

    def _depose(self, since: float) -> None:
        """Give the office of the reader that began its call at ``since`` to an idle thread."""
        if self._points:
            self._points("deposing")
        habit = self._habit
        gate = self._roster.depose(since)
        if gate is None:
            return
        if habit is not None:
            habit.deposed()
        if self._points:
            self._points("promoted")
        gate.release()

    def _all_stuck(self) -> bool:
        """Return whether every thread but the reader is stuck; say so to all who must know."""
        roster = self._roster
        if roster.idle or self._phase:
            return False
        # a thread that is waking, or between two calls, has no job and so is not stuck
        busy = [worker.job for worker in self._workers if worker is not roster.reader]
        if not (names := all_stuck(busy, self._stuck_after)):
            return False
        logger.critical("all threads are stuck past their calls' deadlines\n%s", self._stacks())
        self._stuck = names
        if self.on_stuck is not None:
            self.on_stuck(names)
        return True

    def _stacks(self) -> str:
        frames = sys._current_frames()  # noqa: SLF001 - documented
        lines = []
        for worker in self._workers:
            job, frame = worker.job, frames.get(worker.thread.ident or 0)
            if job is not None and frame is not None:
                lines.append(f"{worker.thread.name}, {job.name}:\n")
                lines.extend(traceback.format_stack(frame)[-8:])
        return "".join(lines)

    def _over(self, now: float) -> bool:
        """Return whether stopping is done: all jobs ended, or the grace did."""
        if self._phase == CLOSED or now >= self._until:
            return True
        resting = len(self._roster.idle) == self.concurrency and self._retired
        return resting and not self._stream_threads.active and not self._loop_thread.active

    def _close(self) -> None:
        self._roster.closed = True
        self._phase = CLOSED

    def _end(self) -> None:
        """Close. The reader takes leave of the peers; idle threads end; stuck ones are left."""
        self._loop_thread.close()
        self._stream_threads.close()
        self.source.wake()
        while (reader := self._roster.reader) is not None and reader.thread.is_alive():
            since = self._roster.since
            if since and time.monotonic() - since >= self._tick:
                self._depose(since)  # it is in a call
            reader.thread.join(self._tick)
        idle = self._roster.disband()
        for worker in idle:
            worker.gate.release()
        for worker in idle:
            if worker.thread.ident is not None:  # it was started
                worker.thread.join()
        left = [job.name for worker in self._workers if (job := worker.job) is not None]
        if left:
            logger.warning("%d calls outlived the grace: %s", len(left), ", ".join(left))
        if streams := self._stream_threads.active:
            logger.warning("%d streams outlived the grace", streams)
