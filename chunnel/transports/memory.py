"""Messages between two ends in one process: the same path as over a socket, without the socket.

* A listener, its pipes and all their queues share one condition; what one end changes under it, the
  other finds when it wakes.
* The server's side may have a thread of its own, which waits in ``receive`` as with any listener.
  Or it has none: then ``lend`` names a function that serves what has come, and a pipe that waits
  runs it in the caller's thread, one caller at a time.
* Queues are bounded. A message for a full queue breaks the pipe, as it does on a network.
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from .base import AddressInUse, Listener, PeerGone, Pipe, PipeClosed, Transport

QUEUE = 10_000
"""Messages that may wait on one pipe in each direction; credit keeps honest peers far below."""

Serve: TypeAlias = Callable[[], Callable[[], None] | None]

_listeners: dict[str, MemoryListener] = {}
_lock = threading.Lock()


class MemoryPipe(Pipe):
    """The client's end; ``MemoryTransport.dial`` makes it."""

    def __init__(self, endpoint: str, listener: MemoryListener, name: bytes):
        self.endpoint = endpoint
        self._listener = listener
        self._changed = listener.changed
        self._name = name
        self._broken = ""
        self._woken = False
        self._inbox: deque[list[bytes]] = deque()
        self._waiting_there = 0  # messages of ours that the listener has not taken

    def send(self, frames: Sequence[bytes]) -> None:
        with self._changed:
            if not self._broken and self._waiting_there >= QUEUE:
                self._break(f"the peer takes no more ({QUEUE} messages wait)")
            if self._broken:
                raise PipeClosed(f"{self.endpoint}: {self._broken}", sent=False)
            self._waiting_there += 1
            self._listener.inbox.append((self, list(frames)))
            self._changed.notify_all()

    def receive(self, timeout: float | None) -> list[bytes] | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._changed:
                if self._woken:
                    self._woken = False
                    return None
                if self._inbox:
                    return self._inbox.popleft()
                if self._broken:
                    raise PipeClosed(f"{self.endpoint}: {self._broken}", sent=True)
                serve = self._listener.begin_serving()
                if serve is None:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        return None
                    self._changed.wait(left)
                    continue
            try:
                work = serve()
            finally:
                self._listener.end_serving()
            if work is not None:
                work()

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            if not self._broken:
                self._listener.gone.append(self._name)
            self._break("the pipe was closed")
            self._inbox.clear()

    # For the listener, which holds ``changed``.

    def taken(self) -> None:
        """Count one message that the listener took."""
        self._waiting_there -= 1

    def deliver(self, frames: list[bytes]) -> None:
        """Queue a message from the listener; raise PeerGone if it is for nobody."""
        if not self._broken and len(self._inbox) >= QUEUE:
            self._break("it did not read its messages")
        if self._broken:
            raise PeerGone(self._broken)
        self._inbox.append(frames)
        self._changed.notify_all()

    def hang_up(self) -> None:
        """Break, from the listener's end."""
        self._break("the connection broke")

    def _break(self, reason: str) -> None:
        if not self._broken:
            self._broken = reason
            self._listener.pipes.pop(self._name, None)
            self._changed.notify_all()

    def orphan(self, changed: threading.Condition) -> None:
        """Become closed in a forked child, whose condition may be held by a thread it lacks."""
        self._changed = changed
        self._broken = "the pipe belongs to the parent process"
        self._inbox.clear()


class MemoryListener(Listener):
    """The server's end; ``MemoryTransport.listen`` and ``lend`` make it."""

    def __init__(self, endpoints: Sequence[str], serve: Serve | None = None):
        self.endpoints = tuple(endpoints)
        self.changed = threading.Condition()
        self.inbox: deque[tuple[MemoryPipe, list[bytes]]] = deque()
        self.gone: deque[bytes] = deque()  # peers that left, after what they sent
        self.pipes: dict[bytes, MemoryPipe] = {}
        self._names = itertools.count(int.from_bytes(os.urandom(4)))
        self._orphans: weakref.WeakSet[MemoryPipe] = weakref.WeakSet()
        self._serve = serve
        self._serving = False
        self._woken = False
        self._closed = ""

    def accept(self, endpoint: str) -> MemoryPipe:
        """Return a new pipe to this listener."""
        with self.changed:
            if self._closed:
                raise PipeClosed(f"{endpoint}: refused", sent=False)
            name = next(self._names).to_bytes(8)
            pipe = self.pipes[name] = MemoryPipe(endpoint, self, name)
            self._orphans.add(pipe)
            return pipe

    def send(self, peer: bytes, frames: Sequence[bytes]) -> None:
        with self.changed:
            pipe = self.pipes.get(peer)
            if pipe is None:
                raise PeerGone(self._closed or "the peer closed its pipe")
            pipe.deliver(list(frames))

    def receive(self, timeout: float | None) -> tuple[bytes, list[bytes]] | None:
        with self.changed:
            if not self._ready():
                self.changed.wait_for(self._ready, timeout)
            if self._closed:
                raise OSError(self._closed)
            if self.inbox:  # first, so that who is woken all the time still hears
                pipe, frames = self.inbox.popleft()
                pipe.taken()
                return pipe._name, frames  # noqa: SLF001
            if self.gone:
                return self.gone.popleft(), []
            self._woken = False
            return None

    def _ready(self) -> bool:
        return bool(self.inbox or self.gone or self._woken or self._closed)

    def wake(self) -> None:
        with self.changed:
            self._woken = True
            self.changed.notify_all()

    def close(self) -> None:
        with _lock:
            for endpoint in self.endpoints:
                if _listeners.get(endpoint) is self:
                    del _listeners[endpoint]
        with self.changed:
            self._closed = self._closed or "the listener was closed"
            for pipe in list(self.pipes.values()):
                pipe.hang_up()
            self.inbox.clear()
            self.changed.notify_all()

    def begin_serving(self) -> Serve | None:
        """Return what a waiting pipe is to run now, if there is anything; ``changed`` is held."""
        if self._serve is None or self._serving or not (self.inbox or self.gone or self._woken):
            return None
        self._serving = True
        return self._serve

    def end_serving(self) -> None:
        """Let the next pipe serve what has come since."""
        with self.changed:
            self._serving = False
            self.changed.notify_all()

    def orphan(self) -> None:
        """Become closed in a forked child."""
        self.changed = threading.Condition()
        self._closed = "the listener belongs to the parent process"
        for pipe in list(self._orphans):
            pipe.orphan(self.changed)
        self.pipes.clear()
        self.inbox.clear()


class MemoryTransport(Transport):
    """``memory://name``: reaches a listener of that name in this process, and no other."""

    schemes: ClassVar[tuple[str, ...]] = ("memory",)

    def dial(self, endpoint: str, options: Mapping[str, Any], *, timeout: float) -> Pipe:
        listener = _listeners.get(endpoint)
        if listener is None:
            raise PipeClosed(f"{endpoint}: refused", sent=False)
        return listener.accept(endpoint)

    def listen(
        self, endpoints: Sequence[str], options: Mapping[str, Any], *, reuse_port: bool = False
    ) -> Listener:
        if reuse_port:
            raise ValueError(f"{endpoints[0]}: several processes cannot share a memory address.")
        return _open(endpoints, None)


def lend(endpoints: Sequence[str], serve: Serve) -> MemoryListener:
    """Listen without a thread: a client that waits for its answer runs ``serve`` in its own thread.

    ``serve`` takes what ``receive(0)`` of the returned listener gives, and answers it. What takes
    longer, or may itself wait for this listener, it returns as a callable, which the same thread
    runs when others may serve again.
    No two clients run it at once. Raise AddressInUse as ``listen`` does.
    """
    return _open(endpoints, serve)


def _open(endpoints: Sequence[str], serve: Serve | None) -> MemoryListener:
    if not endpoints:
        raise ValueError("There is no address to listen on.")
    with _lock:
        for endpoint in endpoints:
            if endpoint in _listeners:
                raise AddressInUse(errno.EADDRINUSE, f"{endpoint} is in use")
        listener = MemoryListener(endpoints, serve)
        _listeners.update(dict.fromkeys(endpoints, listener))
    return listener


def _after_in_child() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    for listener in set(_listeners.values()):
        listener.orphan()
    _listeners.clear()


os.register_at_fork(after_in_child=_after_in_child)
