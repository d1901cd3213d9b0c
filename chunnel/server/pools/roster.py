"""Who reads, who is idle, which calls wait: what the hand-over's one lock guards.

Each method is one locked section, and decides purely: the gate of who is to be woken is returned,
and the caller releases it. The rules (b), (c) and (f) of ``handover`` are kept here.
"""

from __future__ import annotations

import threading
from _thread import LockType, allocate_lock
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from .base import Job


class Worker:
    """One thread of the pool: the reader, or busy with ``job``, or idle behind its gate."""

    __slots__ = ("gate", "job", "thread")

    def __init__(self, number: int, life: Callable[[Worker], None]):
        self.gate = allocate_lock()  # a binary semaphore: released once for each task
        self.gate.acquire()
        self.job: Job | None = None
        self.thread = threading.Thread(
            target=life, args=(self,), name=f"chunnel-worker-{number}", daemon=True
        )


class Given(NamedTuple):
    """What became of a call given away: was there ``room``, and whom to ``wake`` for it."""

    room: bool
    wake: LockType | None


class Roster:
    """The reader's office, the idle stack, the backlog, and the thread that is waking for it."""

    def __init__(self, queue: int):
        self.lock = allocate_lock()
        self.reader: Worker | None = None
        self.idle: list[Worker] = []
        self.waking: Worker | None = None  # taken off the stack to see to the backlog
        self.backlog: deque[Job] = deque()
        self.since = 0.0  # when the reader began its call, or 0: it runs none
        self.last = 0.0  # when the last call in-line began
        self.closed = False
        self._queue = queue

    # For threads that are not the reader

    def rest(self, me: Worker) -> bool | None:
        """Give ``me`` the next call (True), else make it idle (None), or end it (False)."""
        with self.lock:
            if self.closed:
                return False
            if self.backlog:
                me.job = self.backlog.popleft()
                return True
            self.idle.append(me)
            return None

    def arrive(self, me: Worker) -> tuple[bool | None, LockType | None]:
        """The same for a thread that was woken; and whom to wake next."""
        with self.lock:
            if self.waking is me:
                self.waking = None
            if self.reader is me:
                return True, None
            if self.closed:
                return False, None
            if self.backlog:
                me.job = self.backlog.popleft()
                return True, self._wake_one()
            self.idle.append(me)  # another thread was faster
            return None, None

    # For the reader

    def give(self, job: Job) -> Given:
        """Leave ``job`` to the other threads, unless too many wait for a busy one."""
        with self.lock:
            free = len(self.idle) + (self.waking is not None)
            if len(self.backlog) >= self._queue + free:
                return Given(room=False, wake=None)
            self.backlog.append(job)
            return Given(room=True, wake=self._wake_one())

    def can_spare(self) -> bool:
        """Return whether a thread is left for the office when all waiting calls have theirs.

        With an empty backlog and an idle thread this needs no asking: only the reader adds calls.
        """
        with self.lock:
            return len(self.idle) + (self.waking is not None) > len(self.backlog)

    def ended(self, me: Worker, since: float) -> bool:
        """Note the end of a call in-line; return whether ``me`` is still the reader."""
        with self.lock:
            if self.reader is not me:
                return False
            self.since = 0.0
            self.last = since
            return True

    def clear(self) -> list[Job]:
        """Take all waiting calls."""
        with self.lock:
            waiting = list(self.backlog)
            self.backlog.clear()
            return waiting

    # For the sentinel

    def depose(self, since: float) -> LockType | None:
        """Promote an idle thread and return its gate, if the call begun at ``since`` still runs."""
        with self.lock:
            if self.since != since:  # it ended just now
                return None
            self.reader = successor = self.idle.pop()  # there is one: rule (c)
            self.since = 0.0
            self.last = since
            return successor.gate

    def disband(self) -> list[Worker]:
        """Take all idle threads."""
        with self.lock:
            idle, self.idle[:] = self.idle[:], []
            return idle

    def _wake_one(self) -> LockType | None:
        """Return the gate of an idle thread to wake for the backlog, if none is waking."""
        if not self.backlog or not self.idle or self.waking is not None:
            return None
        self.waking = worker = self.idle.pop()
        return worker.gate
