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
from collections import deque
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
        self._source = source
        self._limit = limit
        self._on_thread_end = on_thread_end
        self._inbox: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop's thread only
        self._begun = 0  # written by who calls start()
        self._ended = 0  # written by the loop's thread
        self._running = False  # False again as the thread's last act
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    @property
    def active(self) -> int:
        """How many jobs are under way."""
        return self._begun - self._ended

    def start(self, job: Job) -> bool:
        """Start ``job``; return False where there is no room, and then it was not started."""
        if self.active >= self._limit or self._closing:
            return False
        self._begun += 1
        self._inbox.append(job)
        if not self._running:
            self._running = True
            _start_real_thread(self._main, "chunnel-loop")
        elif self._loop is not None:  # else the thread, just starting, will look into the inbox
            self._loop.call_soon_threadsafe(self._look)
        return True

    def close(self) -> None:
        """Cancel what is under way, let it clean up for a moment, end the thread."""
        self._closing = True
        deadline = time.monotonic() + 2 * FAREWELL
        told = False
        while self._running:
            if self._loop is not None and not told:
                self._loop.call_soon_threadsafe(self._loop.stop)
                told = True
            if time.monotonic() > deadline:
                logger.warning("a coroutine blocks the event loop; it is abandoned")
                return
            time.sleep(0.001)

    def _look(self) -> None:
        assert self._loop is not None
        while self._inbox:
            task = self._loop.create_task(self._perform(self._inbox.popleft()))
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
        loop = _new_event_loop()
        asyncio.set_event_loop(loop)
        self._loop = loop  # first this, then a look into the inbox; start() does the reverse
        try:
            self._look()
            loop.run_forever()
            loop.run_until_complete(self._wind_up())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            end_thread(self._on_thread_end)
            self._running = False

    async def _wind_up(self) -> None:
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=FAREWELL)


def threads_are_patched() -> bool:
    """Return whether gevent has replaced the threads of this process by greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _new_event_loop() -> asyncio.AbstractEventLoop:
    if threads_are_patched():
        # gevent's selector would wait in a hub of this thread that nothing ever wakes
        from gevent.monkey import get_original

        return asyncio.SelectorEventLoop(get_original("selectors", "DefaultSelector")())
    return asyncio.new_event_loop()


def _start_real_thread(target: Callable[[], Any], name: str) -> None:
    if threads_are_patched():
        from gevent.monkey import get_original

        get_original("_thread", "start_new_thread")(target, ())
    else:
        threading.Thread(target=target, name=name, daemon=True).start()
