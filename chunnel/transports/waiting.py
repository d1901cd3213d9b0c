"""Waiting for descriptors: a thread in poll(), a greenlet in its hub.

A ZeroMQ socket's descriptor is edge-triggered in disguise: it becomes readable when libzmq has
news, and any call on the socket may take the news away. So whoever waits here for a socket has just
had EAGAIN from its ``recv``, and nobody used the socket since.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from typing import Any, Protocol


def patched() -> bool:
    """Say whether gevent has patched this process, so that waiting must be left to the hub."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def native_rlock() -> Any:
    """Return a lock of real threads, also under gevent.

    It is held for a few instructions that never switch greenlets. It is reentrant because a signal
    handler may wake what the interrupted code is just waking.
    """
    if patched():
        from gevent import monkey

        # Not threading's: even the original function makes locks of what gevent left there.
        return monkey.get_original("_thread", "RLock")()
    return threading.RLock()


class Waiter(Protocol):
    """Waits for any of the descriptors it was made with."""

    def wait(self, timeout: float | None) -> bool:
        """Return True when one is readable, False after ``timeout`` seconds."""


class ThreadWaiter:
    """Blocks the calling thread."""

    def __init__(self, *descriptors: int):
        self._poll = select.poll()
        for descriptor in descriptors:
            self._poll.register(descriptor, select.POLLIN)

    def wait(self, timeout: float | None) -> bool:
        # Rounded up: with 0.4 ms left, poll(0) in a loop would burn the CPU.
        return bool(self._poll.poll(None if timeout is None else -int(-timeout * 1000 // 1)))


class HubWaiter:
    """Blocks the calling greenlet; the others go on.

    The watchers are made for each wait, because a pipe may be used in one thread's hub now and in
    another's later.
    """

    def __init__(self, *descriptors: int):
        from gevent import monkey

        self._descriptors = descriptors
        self._poll = monkey.get_original("select", "poll")()
        for descriptor in descriptors:
            self._poll.register(descriptor, select.POLLIN)

    def wait(self, timeout: float | None) -> bool:
        from gevent.hub import Waiter, get_hub

        if timeout == 0:  # a glance, for which no one has to be let go
            return bool(self._poll.poll(0))
        hub = get_hub()
        waiter: Any = Waiter(hub)
        watchers = [hub.loop.io(descriptor, 1) for descriptor in self._descriptors]
        timer = None if timeout is None else hub.loop.timer(max(timeout, 0))
        try:
            for watcher in watchers:
                watcher.start(waiter.switch, True)
            if timer is not None:
                timer.start(waiter.switch, False)
            return bool(waiter.get())
        finally:
            for watcher in watchers:
                watcher.stop()
                watcher.close()
            if timer is not None:
                timer.stop()
                timer.close()


def waiter_for(*descriptors: int) -> Waiter:
    """Return the kind of waiter that this process needs."""
    return HubWaiter(*descriptors) if patched() else ThreadWaiter(*descriptors)


class Bell:
    """A descriptor that any thread can make readable: an eventfd, else a pair of sockets.

    Ringing twice before it is hushed is ringing once. ``rung`` is True from before the descriptor
    becomes readable until it is hushed, and costs nothing to look at.
    """

    def __init__(self) -> None:
        self.rung = False
        self._lock = native_rlock()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        if hasattr(os, "eventfd"):
            self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)
            self.descriptor = self._pair[0].fileno()

    def ring(self) -> None:
        """Make the descriptor readable; do nothing if it is closed. Any thread."""
        with self._lock:
            if self.rung or self.descriptor < 0:
                return
            self.rung = True
            if self._pair is None:
                os.eventfd_write(self.descriptor, 1)
            else:
                self._pair[1].send(b"\0")

    def hush(self) -> None:
        """Make it unreadable again. The owner then looks at what it was rung for."""
        with self._lock:
            if not self.rung or self.descriptor < 0:
                return
            self.rung = False
            if self._pair is None:
                os.eventfd_read(self.descriptor)
            else:
                self._pair[0].recv(1)

    def close(self) -> None:
        """Close the descriptor. A late ``ring`` then does nothing, rather than write elsewhere."""
        with self._lock:
            if self.descriptor < 0:
                return
            if self._pair is None:
                os.close(self.descriptor)
            else:
                for end in self._pair:
                    end.close()
            self.descriptor = -1
