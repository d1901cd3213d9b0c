"""What a pool is: the threads (or greenlets) that read a server's link and run its calls.

A pool knows nothing of frames or functions. It reads ``Job``s from a ``Source`` and decides where
each runs; a job returns its reply, and the pool hands it back to the source: directly if this thread
still owns the link, else through ``post``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol


class Job(Protocol):
    """One call, decoded and ready to run."""

    name: str  # learned placement is kept per name
    style: str  # "call", "stream" (a sync generator), or "async" (coroutine or async generator)
    blocking: bool | None  # pinned by @expose(blocking=…); None: learn
    deadline: float | None  # monotonic

    def run(self) -> Any:
        """Run in this thread; return the reply for ``Source.send``, or None if nothing is to be sent.

        Never raises: failures are replies too. A stream posts its chunks itself.
        """

    async def run_async(self) -> Any:
        """The same for style "async", on the event loop."""

    def refuse(self, message: str) -> Any:
        """Return the BUSY reply for a job that was not and will not be run."""


class Source(Protocol):
    """The server's link as the pool sees it. Only the thread that owns it reads and sends."""

    def receive(self, timeout: float | None) -> Job | None:
        """Return the next job; None after ``timeout`` or a wake.

        Answers everything that is not a job, and sends what was posted.
        """

    def send(self, reply: Any) -> None:
        """Send now. For the thread that owns the link only."""

    def post(self, reply: Any) -> None:
        """Queue ``reply`` and wake the owner. For any thread."""

    def wake(self) -> None:
        """Make ``receive`` return in the thread that waits in it. For any thread."""


class Pool(ABC):
    """Runs jobs. ``run`` blocks until ``stop``."""

    name: ClassVar[str]

    @abstractmethod
    def run(self) -> None:
        """Read and run jobs until stopped; return when every started job has ended."""

    @abstractmethod
    def stop(self, grace: float) -> None:
        """Ask ``run`` to return after at most ``grace`` seconds for the jobs under way. Any thread."""
