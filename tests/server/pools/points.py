"""Scheduling points: stop a pool's threads at exact places, and let them go on in any order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .sources import PATIENCE


class Stop:
    """One thread, stopped at one place."""

    def __init__(self, place: str, thread: str):
        self.place = place
        self.thread = thread
        self._reached = threading.Event()
        self._go = threading.Event()

    def reached(self) -> None:
        """Wait until the thread stands there."""
        assert self._reached.wait(PATIENCE), f"nobody came to {self.place!r}"

    @property
    def is_reached(self) -> bool:
        """Whether the thread came there."""
        return self._reached.is_set()

    def release(self) -> None:
        """Let it go on."""
        self._go.set()


class Points:
    """Called by the pool with the name of a place. ``at`` stops whoever comes there next."""

    def __init__(self) -> None:
        self._stops: dict[str, Stop] = {}
        self._lock = threading.Lock()

    def __call__(self, place: str) -> None:
        with self._lock:
            stop = self._stops.get(place)
            if stop is None or not threading.current_thread().name.startswith(stop.thread):
                return
            del self._stops[place]
        stop._reached.set()
        assert stop._go.wait(2 * PATIENCE), f"left standing at {place!r}"

    @contextmanager
    def at(self, place: str, thread: str = "") -> Iterator[Stop]:
        """Stop the first thread (whose name begins with ``thread``) that comes to ``place``.

        It is released at the end of the block at the latest.
        """
        stop = Stop(place, thread)
        with self._lock:
            assert place not in self._stops
            self._stops[place] = stop
        try:
            yield stop
        finally:
            with self._lock:
                if self._stops.get(place) is stop:
                    del self._stops[place]
            stop.release()
