"""The event loop for coroutines and async generators: one per process, in a real thread of its own.

Under gevent the thread must be a real one all the same: with a loop in one greenlet every other
greenlet would see it as running. No lock is used here, only what the GIL or asyncio make atomic,
since a patched lock cannot be shared with a real thread.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .base import Job, Source, complain, end_thread

logger = logging.getLogger(__name__)

#: Seconds that cancelled coroutines get for their own cleaning up.
FAREWELL = 1.0


class LoopThread:
    """Runs jobs of style "async", at most ``limit`` at once; replies are posted to ``source``.

    The thread starts with the first job. It is a daemon: a coroutine that blocks the loop must not
    keep the process. ``start`` and ``close`` are for one thread at a time.
    """

    def __init__(self, source: Source, limit: int, on_thread_end: Callable[[], None] | None = None):
        self._on_thread_end = on_thread_end
        self._source = source
        self._limit = limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the loop's thread only
        self._started = 0  # written by who calls start()
        self._ended = 0  # written by the loop's thread
        self._alive = False

    @property
    def active(self) -> int:
        """How many jobs are under way."""
        return self._started - self._ended

    def start(self, job: Job) -> bool:
        """Start ``job``; return False where there is no room, and then it was not started."""
        if self.active >= self._limit:
            return False
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._alive = True
            _start_real_thread(self._main, "chunnel-loop")
        self._started += 1
        self._loop.call_soon_threadsafe(self._begin, job)
        return True

    def close(self) -> None:
        """Cancel what is under way, let it clean up for a moment, end the thread."""
        if self._loop is None or not self._alive:
            return
        deadline = time.monotonic() + 2 * FAREWELL
        self._loop.call_soon_threadsafe(self._loop.stop)
        while self._alive and time.monotonic() < deadline:
            time.sleep(0.001)
        if self._alive:
            logger.warning("a coroutine blocks the event loop; it is abandoned")

    def _begin(self, job: Job) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._perform(job))
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended += 1

    async def _perform(self, job: Job) -> None:
        try:
            reply = await job.run_async()
            if reply is not None:
                self._source.post(reply)
        except asyncio.CancelledError:
            raise
        except BaseException:  # noqa: BLE001 - SystemExit would end the loop
            complain(job)

    def _main(self) -> None:
        loop = self._loop
        assert loop is not None
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(self._wind_up())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            end_thread(self._on_thread_end)
            self._alive = False

    async def _wind_up(self) -> None:
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=FAREWELL)


def threads_are_patched() -> bool:
    """Return whether gevent has replaced the threads of this process by greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _start_real_thread(target: Callable[[], Any], name: str) -> None:
    if threads_are_patched():
        from gevent.monkey import get_original

        get_original("_thread", "start_new_thread")(target, ())
    else:
        threading.Thread(target=target, name=name, daemon=True).start()
