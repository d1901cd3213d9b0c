"""What a pool is: the threads (or greenlets) that read a server's link and run its calls.

A pool knows nothing of frames or functions. It reads ``Job``s from a ``Source`` and decides
where each runs; a job returns its reply, and the pool hands it back to the source: directly if this
thread still owns the link, else through ``post``.

The life of a pool, as the worker sees it::

    pool = pools.load("threads")(source, concurrency=32, streams=64, queue=1024, options={})
    pool.run()      # blocks; from here on the pool owns the source
    ...             # stop(grace) from a signal handler or another thread
    source.close()  # run has returned or raised: the source is the worker's again

While it stops, a pool goes on reading: it calls ``Source.retire`` once, answers new jobs BUSY at
once, finishes what it has accepted, and returns after ``grace`` seconds at the latest. What has not
been started by then is answered BUSY; what is still running is abandoned, and its reply dropped.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

logger = logging.getLogger(__name__)

Style: TypeAlias = Literal["call", "stream", "async"]
Stuck: TypeAlias = Callable[[Sequence[str]], None]

#: Coroutines under way at once in a process: they cost memory, not threads.
COROUTINES = 1000

#: Seconds past its deadline after which a call counts as stuck (option "stuck_after"): long enough
#: for a slow database, short against the age at which a human restarts the server.
STUCK_AFTER = 10.0

#: Exit codes of a worker whose ``run`` raised, from sysexits.h; the parent restarts it.
EXIT_BROKEN = 70  # anything but PoolStuck: the pool itself failed (EX_SOFTWARE)
EXIT_STUCK = 75  # PoolStuck (EX_TEMPFAIL)


class PoolStuck(Exception):
    """Every thread is stuck in a call whose deadline is long over; only a new process helps.

    ``names`` are the calls' names. Leave with ``os._exit(EXIT_STUCK)``: a stuck thread may hold
    locks that a regular exit would wait for.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__(f"all threads are stuck past their deadlines in {', '.join(names)}")
        self.names = tuple(names)


class Job(Protocol):
    """One call, decoded and ready to run."""

    @property
    def name(self) -> str:
        """The registered name: learned placement is kept per name."""

    @property
    def style(self) -> Style:
        """ "call", "stream" (a sync generator), or "async" (coroutine or async generator)."""

    @property
    def blocking(self) -> bool | None:
        """Pinned by ``@expose(blocking=…)``; None: learn."""

    @property
    def deadline(self) -> float | None:
        """A reading of ``time.monotonic()``, or None."""

    def run(self) -> Any:
        """Run in this thread; return the reply for ``Source.send``, or None to send nothing.

        Never raises, not even for SystemExit: failures are replies too, and so is a deadline that
        passed while the job waited. A stream posts its chunks itself. A job that raises all the
        same is logged and nothing is sent.
        """

    async def run_async(self) -> Any:
        """The same for style "async", on the event loop, in a task of its own.

        Only CancelledError may leave it: the pool cancels what outlives its grace, and then sends
        nothing. Who wants to cancel it earlier keeps ``asyncio.current_task()`` and its loop.
        """

    def refuse(self, message: str) -> Any:
        """Return the BUSY reply for a job that was not and will not be run."""


class Source(Protocol):
    """The server's link as the pool sees it. Only the thread that owns it reads and sends."""

    def receive(self, timeout: float | None) -> Job | None:
        """Return the next job; None after ``timeout`` seconds (0: at once) or a wake.

        Sends first what was posted, and answers everything that is not a job. An exception that
        leaves it is the end of the pool: ``run`` raises it.
        """

    def send(self, reply: Any) -> None:
        """Send now. For the thread that owns the link only."""

    def post(self, reply: Any) -> None:
        """Queue ``reply`` and wake the owner. For any thread; does nothing once closed."""

    def wake(self) -> None:
        """Make ``receive`` return, in the thread that waits in it or else in the next that comes.

        For any thread and for signal handlers; does nothing once closed.
        """

    def retire(self, reason: str) -> None:
        """Tell all peers that no new call is taken here (GOAWAY). Called once, by the owner."""


class Pool(ABC):
    """Runs jobs. ``run`` blocks until ``stop``.

    ``concurrency``: jobs of style "call" that run at once. ``queue``: how many more wait; past it
    BUSY. ``streams``: jobs of style "stream" at once; past it BUSY. ``options``: CHUNNEL_SERVER's
    OPTIONS, of which a pool takes what it knows. ``on_stuck`` is called with the names of the calls
    before ``run`` raises PoolStuck. ``on_thread_end`` is called in every thread (or greenlet) that
    ran jobs as it ends: the place to close its database connections.
    """

    name: ClassVar[str]

    def __init__(
        self,
        source: Source,
        *,
        concurrency: int = 32,
        streams: int = 64,
        queue: int = 1024,
        options: Mapping[str, Any] | None = None,
        on_stuck: Stuck | None = None,
        on_thread_end: Callable[[], None] | None = None,
    ):
        for label, value, least in (
            ("concurrency", concurrency, 1),
            ("streams", streams, 0),
            ("queue", queue, 0),
        ):
            if value < least:
                raise ValueError(f"{label} must be at least {least}, not {value}")
        self.source = source
        self.concurrency = concurrency
        self.streams = streams
        self.queue = queue
        self.options: Mapping[str, Any] = options or {}
        self.on_stuck = on_stuck
        self.on_thread_end = on_thread_end

    @abstractmethod
    def run(self) -> None:
        """Read and run jobs until stopped; return when every started job has ended.

        Raise PoolStuck where only a new process helps, and whatever broke the pool otherwise.
        """

    @abstractmethod
    def stop(self, grace: float) -> None:
        """Ask ``run`` to return after at most ``grace`` seconds for the jobs under way.

        For any thread and for signal handlers; returns at once. A second call may only shorten the
        grace.
        """


def all_stuck(jobs: Sequence[Job | None], after: float) -> list[str]:
    """Return the names of ``jobs``, provided all are ``after`` seconds past their deadlines."""
    limit = time.monotonic() - after
    names = []
    for job in jobs:
        if job is None or job.deadline is None or job.deadline > limit:
            return []
        names.append(job.name)
    return names


def perform(job: Job, source: Source) -> None:
    """Run ``job`` in this thread, which does not own ``source``, and post its reply; never raise.

    The thread is worth more than the job: what a job should not have raised is logged, be it
    SystemExit, and its caller hears nothing (BUSY would say that it was not executed).
    """
    try:
        reply = job.run()
        if reply is not None:
            source.post(reply)
    except BaseException:  # noqa: BLE001
        complain(job)


def complain(job: Job) -> None:
    """Log that ``job`` raised, from within the except clause that caught it."""
    logger.critical("call to %s failed in the pool; it stays unanswered", job.name, exc_info=True)  # noqa: LOG014


def end_thread(hook: Callable[[], None] | None) -> None:
    """Call ``on_thread_end``; log what it raises, since nobody is left to catch it."""
    if hook is not None:
        try:
            hook()
        except Exception:
            logger.exception("on_thread_end failed")
