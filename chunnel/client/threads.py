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
from typing import Any, Protocol

from ..transports.waiting import native_rlock, patched

__all__ = [
    "Alarm",
    "native_poll",
    "native_rlock",
    "new_alarm",
    "patched",
    "start_native",
    "start_thread",
]


def start_thread(target: Callable[[], object], name: str) -> None:
    """Run ``target`` in a daemon thread; under gevent in a greenlet."""
    threading.Thread(target=target, name=name, daemon=True).start()


def start_native(target: Callable[[], object], name: str) -> None:
    """Run ``target`` in a native daemon thread."""
    if patched():
        from gevent import get_hub, monkey

        def run() -> None:
            try:
                target()
            finally:  # the transport may have made a hub for this thread
                get_hub().destroy(destroy_loop=True)

        monkey.get_original("_thread", "start_new_thread")(run, ())
        return
    start_thread(target, name)


def native_poll() -> Any:
    """Return a poll object that blocks the thread, not a greenlet."""
    if patched():
        from gevent import monkey

        return monkey.get_original("select", "poll")()
    return select.poll()


class Alarm(Protocol):
    """Something one thread or greenlet waits for once, and any other thread sets."""

    def set(self) -> None:
        """Wake who waits. For any thread."""

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is set, or ``timeout`` seconds; return whether it is set. Only once."""


class HubAlarm:
    """Blocks the greenlet that waits; the others of its hub go on."""

    __slots__ = ("_hub", "_is_set", "_lock", "_watcher")

    def __init__(self) -> None:
        from gevent import get_hub

        self._is_set = False
        self._lock = native_rlock()
        self._hub = get_hub()
        self._watcher: Any = self._hub.loop.async_()

    def set(self) -> None:
        self._is_set = True
        with self._lock:
            if self._watcher is not None:
                self._watcher.send()

    def wait(self, timeout: float | None) -> bool:
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


def new_alarm() -> Alarm:
    """Return the kind of alarm that this process needs; who makes it is who waits."""
    return HubAlarm() if patched() else threading.Event()
