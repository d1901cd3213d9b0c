"""Threads that are threads, also in a process that gevent has patched, and waking who waits there.

Under gevent ``threading`` makes greenlets, which run only while their hub does. The multiplexer
answers event loops that may run in a native thread whose hub never does, so it needs a native
thread, locks that do not ask a hub for leave, and a way to wake a greenlet of another thread's
hub.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from typing import Any

from ..transports.waiting import native_rlock, patched

__all__ = ["Alarm", "native_poll", "native_rlock", "patched", "start_native", "start_thread"]


def start_thread(target: Callable[[], object], name: str) -> None:
    """Run ``target`` in a daemon thread; under gevent in a greenlet."""
    threading.Thread(target=target, name=name, daemon=True).start()


def start_native(target: Callable[[], object], name: str) -> None:
    """Run ``target`` in a native daemon thread."""
    if not patched():
        start_thread(target, name)
        return
    from gevent import monkey

    def run() -> None:
        from gevent import get_hub

        try:
            target()
        finally:
            get_hub().destroy(destroy_loop=True)  # the transport may have made one for this thread

    monkey.get_original("_thread", "start_new_thread")(run, ())


def native_poll() -> Any:
    """Return a poll object that blocks the thread, not a greenlet."""
    if patched():
        from gevent import monkey

        return monkey.get_original("select", "poll")()
    return select.poll()


class Alarm:
    """Something one thread or greenlet waits for once, and any other thread sets."""

    __slots__ = ("_event", "_hub", "_is_set", "_lock", "_watcher")

    def __init__(self) -> None:
        self._is_set = False
        self._event: threading.Event | None = None
        self._watcher: Any = None
        if patched():
            from gevent import get_hub

            self._hub = get_hub()
            self._watcher = self._hub.loop.async_()
            self._lock = native_rlock()
        else:
            self._event = threading.Event()

    def set(self) -> None:
        """Wake who waits. For any thread."""
        self._is_set = True
        if self._event is not None:
            self._event.set()
            return
        with self._lock:
            if self._watcher is not None:
                self._watcher.send()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is set, or ``timeout`` seconds; return whether it is set. Only once."""
        if self._event is not None:
            return self._event.wait(timeout)
        from gevent import Timeout
        from gevent.hub import Waiter

        waiter: Any = Waiter(self._hub)
        self._watcher.start(waiter.switch, None)
        try:
            with Timeout(timeout, False):  # type: ignore[arg-type]
                if not self._is_set:  # looked at after the watcher began to watch
                    waiter.get()
        finally:
            self._watcher.stop()
            with self._lock:
                self._watcher.close()
                self._watcher = None
        return self._is_set
