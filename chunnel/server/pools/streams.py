"""Threads for streams: a sync generator owns its thread from the first item to the last.

Streams wait for credit most of their life, so they have threads and a bound of their own and never
starve calls. The threads are kept for a while, the warmest first, for the sake of their database
connections; they are daemons, because a generator that never ends must not keep the process.
"""

from __future__ import annotations

import itertools
import threading
from _thread import allocate_lock
from collections.abc import Callable

from .base import Job, Source, end_thread, perform

#: Seconds an idle thread is kept: as long as a paginating client may think between two pages.
IDLE = 60.0


class _Worker:
    """One thread, with ``job`` to run or idle behind its gate."""

    __slots__ = ("gate", "job")

    def __init__(self, job: Job):
        self.gate = allocate_lock()  # a binary semaphore: released once for each task
        self.gate.acquire()
        self.job: Job | None = job


class StreamThreads:
    """Runs jobs, a thread each, at most ``limit`` at once; replies are posted to ``source``."""

    def __init__(self, source: Source, limit: int, on_thread_end: Callable[[], None] | None = None):
        self._source = source
        self._limit = limit
        self._on_thread_end = on_thread_end
        self._numbers = itertools.count(1)
        self._lock = allocate_lock()  # guards all below
        self._idle: list[_Worker] = []
        self._active = 0
        self._closed = False

    @property
    def active(self) -> int:
        """How many jobs are under way."""
        return self._active

    def start(self, job: Job) -> bool:
        """Start ``job``; return False where there is no room, and then it was not started."""
        with self._lock:
            if self._active >= self._limit or self._closed:
                return False
            self._active += 1
            worker = self._idle.pop() if self._idle else None
        if worker is not None:
            worker.job = job
            worker.gate.release()
            return True
        thread = threading.Thread(
            target=self._serve,
            args=(_Worker(job),),
            name=f"chunnel-stream-{next(self._numbers)}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            with self._lock:
                self._active -= 1
            return False
        return True

    def close(self) -> None:
        """Let idle threads end now and the others after their jobs. Waits for none of them."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.gate.release()

    def _serve(self, me: _Worker) -> None:
        try:
            while me.job is not None:
                perform(me.job, self._source)
                me.job = None
                self._rest(me)
        finally:
            end_thread(self._on_thread_end)

    def _rest(self, me: _Worker) -> None:
        """Wait until ``me`` is given its next job; return without one where it shall end."""
        with self._lock:
            self._active -= 1
            if self._closed:
                return
            self._idle.append(me)
        if me.gate.acquire(timeout=IDLE):
            return
        with self._lock:
            if me in self._idle:
                self._idle.remove(me)
                return
        me.gate.acquire()  # a job came at the last moment
