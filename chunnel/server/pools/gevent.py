"""The pool "gevent": a greenlet a call, in a process that gevent has patched.

The greenlet that called ``run`` reads the link and starts a greenlet for each job; replies are
posted, because two greenlets must not be in the link at once. Everything here but the event loop
happens in one thread and between two switches, so nothing is locked. A call that computes holds up
all others; no pool of greenlets can help that.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from typing import Any, ClassVar

import gevent
from greenlet import greenlet

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

logger = logging.getLogger(__name__)

#: Seconds between two looks at deadlines while no greenlet is free.
LOOK = 1.0

#: Seconds that greenlets killed at the end of the grace get for their own cleaning up.
FAREWELL = 1.0


class GeventPool(Pool):
    """A greenlet a call, ``concurrency`` at once, and as many more as ``streams`` allows.

    Options: ``stuck_after`` (seconds), ``coroutines`` (jobs of style "async" at once). What
    outlives the grace is killed by GreenletExit, so that ``finally`` clauses run.
    """

    name: ClassVar[str] = "gevent"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = chosen_options(POOL, self.options)
        self._stuck_after: float = chosen.get("stuck_after", STUCK_AFTER)
        self._loop_thread = LoopThread(
            self.source, chosen.get("coroutines", COROUTINES), self.on_thread_end
        )
        self._calls: dict[greenlet, Job] = {}
        self._streams: dict[greenlet, Job] = {}
        self._backlog: deque[Job] = deque()
        self._stopping = False
        self._until = math.inf  # when the grace ends, once stopping

    def run(self) -> None:
        if not threads_are_patched():
            raise RuntimeError(
                'the pool "gevent" needs a process started by "python -m gevent.monkey"'
            )
        stuck: list[str] = []
        try:
            while not (self._stopping or stuck):
                stuck = self._read()
            self.source.retire("stuck" if stuck else "stopping")
            if stuck:
                logger.critical("all greenlets are stuck past their deadlines: %s", stuck)
                if self.on_stuck is not None:
                    self.on_stuck(stuck)
                raise PoolStuck(stuck)
            self._drain()
        finally:
            self._stopping = True
            self._end()

    def stop(self, grace: float) -> None:
        self._until = min(self._until, time.monotonic() + grace)
        self._stopping = True
        self.source.wake()

    def _read(self) -> list[str]:
        """Wait for a job and start it; return the names of the calls that are stuck, if all are."""
        full = len(self._calls) >= self.concurrency
        job = self.source.receive(LOOK if full else None)
        if job is None:
            return all_stuck(list(self._calls.values()), self._stuck_after) if full else []
        if self._stopping:
            self._refuse(job, "the server is stopping")
        else:
            self._start(job)
        return []

    def _start(self, job: Job) -> None:
        if job.style == "call":
            if len(self._calls) < self.concurrency:
                self._spawn(job, self._calls)
            elif len(self._backlog) < self.queue:
                self._backlog.append(job)
            else:
                self._refuse(job, f"{self.concurrency} calls run and {self.queue} wait")
        elif job.style == "stream":
            if len(self._streams) < self.streams:
                self._spawn(job, self._streams)
            else:
                self._refuse(job, f"{self.streams} streams are under way")
        elif not self._loop_thread.start(job):
            self._refuse(job, "too many coroutines are under way")

    def _spawn(self, job: Job, group: dict[greenlet, Job]) -> None:
        started = gevent.Greenlet(self._serve, job, group)
        group[started] = job
        started.start()

    def _serve(self, job: Job, group: dict[greenlet, Job]) -> None:
        try:
            perform(job, self.source)
        finally:
            end_thread(self.on_thread_end)
            del group[gevent.getcurrent()]
            if group is self._calls and self._backlog:
                self._spawn(self._backlog.popleft(), group)
            if self._stopping:
                self.source.wake()  # it waits for this end

    def _refuse(self, job: Job, message: str) -> None:
        try:
            self.source.send(job.refuse(message))
        except Exception:  # noqa: BLE001 - the reader is worth more
            complain(job)

    def _drain(self) -> None:
        """Finish what was accepted, refuse the rest, until the grace ends."""
        while self._calls or self._streams or self._loop_thread.active:
            left = self._until - time.monotonic()
            if left <= 0:
                return
            # a coroutine without a reply does not wake the reader: hence LOOK
            if (job := self.source.receive(min(left, LOOK))) is not None:
                self._refuse(job, "the server is stopping")

    def _end(self) -> None:
        waiting = list(self._backlog)
        self._backlog.clear()
        self._loop_thread.close()
        for job in waiting:
            self._refuse(job, "the server is stopping")
        try:
            while (late := self.source.receive(0)) is not None:  # sends what was posted last
                self._refuse(late, "the server is stopping")
        finally:
            left = self._calls | self._streams
            if left:
                names = ", ".join(job.name for job in left.values())
                logger.warning("%d calls outlived the grace: %s", len(left), names)
                gevent.killall(list(left), timeout=FAREWELL)
