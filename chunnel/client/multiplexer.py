"""One native thread for all calls of this process that nobody waits for while they are under way.

``submit`` and ``acall`` hand their call to it and look into a mailbox later. The rules:

* Only its own thread touches its lines. Others leave a task in the inbox and ring the bell.
* It never waits for one endpoint: connections are dialled by short-lived threads, which leave what
  they opened in the inbox.
* It owns no event loop and knows none: an answer goes into a mailbox, and the mailbox wakes who
  waits.
* It packs and unpacks nothing, so one large answer does not hold up the others.
* The descriptors of a line tell news only to who has read everything before: a line on which
  anything was sent is read until nothing is left before the thread polls again.
* It ends when it has no lines and nothing to do, and starts again when there is.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import select
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..transports.waiting import Bell
from . import lifecycle
from .lanes import Lane
from .pending import Pending
from .threads import native_poll, native_rlock, start_native

if TYPE_CHECKING:
    from ..protocol.messages import Credit
    from .calling import Caller
    from .exchanges import Exchange

__all__ = ["Multiplexer", "Pending", "multiplexer"]

logger = logging.getLogger("chunnel.client")

MAX_PENDING = 10_000  # calls of this process that have not ended; each holds its packed arguments
SWEEP = 15.0  # seconds between two looks for lines that nobody uses
TICK = 0.002  # seconds between two looks at a line that cannot be polled, while it has calls


class Multiplexer:
    """The thread, its inbox and the lanes, one for each remote."""

    def __init__(self) -> None:
        self.lanes: dict[Caller, Lane] = {}
        self.deadlines: list[tuple[float, int, Pending]] = []
        self._order = itertools.count()
        self._open = 0
        self._inbox: deque[Callable[[], object]] = deque()
        self._bell: Bell | None = None
        self._lock = native_rlock()
        self._poll: Any = None
        self._polled: dict[int, Lane] = {}
        self._next_sweep = 0.0
        self._aborting = False

    # For any thread

    def submit(self, caller: Caller, exchange: Exchange) -> Pending:
        """Send the call as soon as may be; raise PoolExhausted if too many are under way."""
        if self._open + len(self._inbox) >= MAX_PENDING:
            raise exchange.no_room(f"{MAX_PENDING} calls of this process are under way")
        pending = Pending(exchange, self, caller)
        try:
            self.post(lambda: self._begin(pending, caller, exchange))
        except (OSError, RuntimeError) as error:
            raise exchange.no_room(f"the thread for calls cannot be started: {error}") from error
        return pending

    def cancel(self, pending: Pending) -> None:
        """Tell the server that nobody wants the answer, or the rest of it."""

        def cancel() -> None:
            if not pending.ended:
                self._lane_of(pending).cancel(pending)

        self.post(cancel)

    def grant(self, pending: Pending, credit: Credit) -> None:
        """Allow the server so much more of a stream."""

        def grant() -> None:
            if not pending.ended:
                self._lane_of(pending).grant(pending, credit)

        self.post(grant)

    def close(self, caller: Caller) -> None:
        """Close the lines of one remote; its calls under way end as cancelled."""
        with self._lock:
            if self._bell is None:
                return
        self.post(lambda: self._close(caller))

    def post(self, task: Callable[[], object]) -> None:
        """Have the thread do something; start it if there is none.

        Raise OSError or RuntimeError, and do nothing, if it cannot be started.
        """
        with self._lock:
            if self._bell is None:
                self._bell = bell = Bell()
                try:
                    start_native(self._run, "chunnel-multiplexer")
                except BaseException:
                    self._bell = None
                    bell.close()
                    raise
            self._inbox.append(task)
            self._bell.ring()

    # In the thread

    def _run(self) -> None:
        with self._lock:
            bell = self._bell
        assert bell is not None
        self._poll = native_poll()
        self._poll.register(bell.descriptor, select.POLLIN)
        self._next_sweep = time.monotonic() + SWEEP
        try:
            while True:
                while self._inbox:
                    self._do(self._inbox.popleft())
                self._expire()
                for lane in list(self.lanes.values()):
                    self._do(lane.read_touched)
                if self._inbox:
                    continue
                if not self.lanes:
                    with self._lock:
                        if not self._inbox:
                            self._bell = None
                            return
                self._wait(bell)  # not at all if the inbox was filled meanwhile: the bell rang
        except BaseException:
            logger.critical("The multiplexer's thread ended; its calls are lost", exc_info=True)
            self._abort()
            raise
        finally:
            bell.close()

    def _do(self, task: Callable[[], object]) -> None:
        """Do one task; a mistake of ours in one must not end the calls of the others."""
        try:
            task()
        except Exception:
            logger.exception("A task of the multiplexer failed")

    def _wait(self, bell: Bell) -> None:
        now = time.monotonic()
        until = self._next_sweep
        if self.deadlines:
            until = min(until, self.deadlines[0][0])
        for lane in self.lanes.values():
            until = min(until, lane.next_look())
            if lane.has_unpollable_calls():
                until = min(until, now + TICK)
        for descriptor, _ in self._poll.poll(max(0, -int(-(until - now) * 1000 // 1))):
            if descriptor == bell.descriptor:
                bell.hush()
            else:
                lane = self._polled[descriptor]
                lane.touch(descriptor)
        for lane in self.lanes.values():
            lane.touch_unpollable()

    def _expire(self) -> None:
        now = time.monotonic()
        while self.deadlines and self.deadlines[0][0] <= now:
            pending = heapq.heappop(self.deadlines)[2]
            if not pending.ended:
                self._do(partial(self._lane_of(pending).expire, pending))
        for lane in self.lanes.values():
            lane.look(now)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            for caller, lane in list(self.lanes.items()):
                lane.close_idle(now)
                if lane.is_empty:
                    del self.lanes[caller]

    def _lane(self, caller: Caller) -> Lane:
        lane = self.lanes.get(caller)
        if lane is None:
            lane = self.lanes[caller] = Lane(caller, self)
        return lane

    def _lane_of(self, pending: Pending) -> Lane:
        assert pending.caller is not None
        return self._lane(pending.caller)

    def _begin(self, pending: Pending, caller: Caller, exchange: Exchange) -> None:
        self._open += 1
        if self._aborting:
            self._refuse(pending, exchange.cancelled(sent=False))
            return
        try:
            lane = self._lane(caller)
        except Exception as error:
            logger.exception("%r cannot be begun", pending)
            self._refuse(pending, error)
            return
        self.watch(pending)
        lane.start(pending)

    def _refuse(self, pending: Pending, error: Exception) -> None:
        """End a call that never came to a lane."""
        pending.ended = True
        self.ended()
        pending.mailbox.put(error)

    def _close(self, caller: Caller) -> None:
        lane = self.lanes.pop(caller, None)
        if lane is not None:
            lane.close()

    def _abort(self) -> None:
        """End all calls as cancelled, also those in the inbox; the next one starts a new thread."""
        self._aborting = True
        lanes, self.lanes = self.lanes, {}
        for lane in lanes.values():
            self._do(lane.close)
        while True:
            with self._lock:
                if not self._inbox:
                    self._bell = None
                    self._polled, self.deadlines, self._open = {}, [], 0
                    self._aborting = False
                    return
                task = self._inbox.popleft()
            self._do(task)

    # For the lanes

    def watch(self, pending: Pending) -> None:
        """Have the call end at its deadline, if it has one."""
        assert pending.exchange is not None
        deadline = pending.exchange.first_deadline
        if deadline is not None:
            heapq.heappush(self.deadlines, (deadline, next(self._order), pending))

    def ended(self) -> None:
        """Count one call less."""
        self._open -= 1
        if len(self.deadlines) > 64 + 2 * self._open:
            # What has ended would keep its result in memory up to its deadline.
            self.deadlines = [one for one in self.deadlines if not one[2].ended]
            heapq.heapify(self.deadlines)

    def polls(self, lane: Lane, descriptors: tuple[int, ...]) -> None:
        """Poll these for the lane."""
        for descriptor in descriptors:
            self._polled[descriptor] = lane
            self._poll.register(descriptor, select.POLLIN)

    def polls_no_more(self, descriptors: tuple[int, ...]) -> None:
        """Do not poll these any more; called before they are closed."""
        for descriptor in descriptors:
            if self._polled.pop(descriptor, None) is not None:
                self._poll.unregister(descriptor)


_only: Multiplexer | None = None
_lock = native_rlock()


def multiplexer() -> Multiplexer:
    """Return the one of this process."""
    global _only  # noqa: PLW0603
    with _lock:
        if _only is None:
            _only = Multiplexer()
        return _only


def _forget() -> object:
    global _only, _lock  # noqa: PLW0603
    inherited, _only = (_only, _lock), None
    _lock = native_rlock()
    return inherited


lifecycle.after_fork(_forget)
