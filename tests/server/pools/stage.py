"""A default pool whose threads a test stops at the pool's scheduling points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chunnel.server.pools.handover import HandoverPool

from .contract import Served, serving
from .points import Points, Stop
from .sources import Work, eventually

SENTINEL = "runner"  # the name of the thread that called ``run``


class Stage(Served):
    """A running pool and its points; ``inline`` and ``aside`` calls are pinned to their places."""

    pool: HandoverPool
    points: Points

    def inline(self, function: Any = lambda: None, **kwargs: Any) -> Work:
        return self.call(function, blocking=False, **kwargs)

    def aside(self, function: Any = lambda: None, **kwargs: Any) -> Work:
        return self.call(function, blocking=True, **kwargs)

    @property
    def reader(self) -> str:
        reader = self.pool._roster.reader
        assert reader is not None
        return reader.thread.name

    @contextmanager
    def dozing(self) -> Iterator[Stop]:
        """Stop the sentinel as it begins to doze; one that sleeps already is woken before."""

        def stands() -> bool:
            if not stop.is_reached and self.pool._dozing:
                self.pool._ring()
            return stop.is_reached

        with self.points.at("dozing", SENTINEL) as stop:
            eventually(stands, "dozing")
            yield stop

    def all_idle(self) -> None:
        """Wait until nobody but the reader has anything to do."""
        eventually(lambda: len(self.pool._roster.idle) == self.pool.concurrency, "all idle")


@contextmanager
def stage(**options: Any) -> Iterator[Stage]:
    points = Points()
    with serving(HandoverPool, points=points, **options) as served:
        served.__class__ = Stage
        assert isinstance(served, Stage)
        served.points = points
        served.ping()  # the first reader reads
        yield served
