"""The caller's side of a call that the multiplexer carries: waiting, in threads and in loops.

The multiplexer's thread only puts messages into a mailbox. Whoever waits unpacks them, in his own
thread: a loop that asks for large results pays for them itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeAlias

from django.core.exceptions import SynchronousOnlyOperation

from ..exceptions import CallCancelled
from ..protocol.messages import Busy, Chunk, Credit, End, Failure, Result
from .answers import Answer, Late
from .lifecycle import forbid_event_loop
from .streams import Stream
from .threads import native_rlock, new_alarm

if TYPE_CHECKING:
    from .calling import Caller
    from .exchanges import Exchange
    from .lines import Line
    from .multiplexer import Multiplexer

Outcome: TypeAlias = "Answer | Exception"


class Mailbox:
    """What came for one call. One thread puts; anyone waits."""

    __slots__ = ("_lock", "_wakers", "messages")

    def __init__(self) -> None:
        self.messages: deque[Outcome] = deque()
        self._lock = native_rlock()
        self._wakers: list[Callable[[], object]] = []

    def put(self, outcome: Outcome) -> None:
        """Add a message and wake everyone who waits."""
        with self._lock:
            self.messages.append(outcome)
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    def when_filled(self, wake: Callable[[], object]) -> None:
        """Have ``wake`` called once, by whichever thread, when there is a message."""
        with self._lock:
            if not self.messages:
                self._wakers.append(wake)
                return
        wake()

    def forget(self, wake: Callable[[], object]) -> None:
        """Do not call ``wake`` any more."""
        with self._lock:
            if wake in self._wakers:
                self._wakers.remove(wake)

    def wait(self, timeout: float | None) -> bool:
        """Wait for a message, in a thread or a greenlet; return whether there is one."""
        if self.messages:
            return True
        alarm = new_alarm()
        self.when_filled(alarm.set)
        try:
            alarm.wait(timeout)
        finally:
            self.forget(alarm.set)
        return bool(self.messages)

    async def await_(self, deadline: float | None) -> bool:
        """The same in an event loop, until ``deadline``."""
        if self.messages:
            return True
        loop = asyncio.get_running_loop()
        filled = loop.create_future()

        def settle() -> None:
            if not filled.done():
                filled.set_result(None)

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:  # the loop was closed; nobody waits in it any more
                return

        self.when_filled(wake)
        try:
            async with asyncio.timeout_at(None if deadline is None else _loop_time(loop, deadline)):
                await filled
        except TimeoutError:
            pass
        finally:
            self.forget(wake)
        return bool(self.messages)


def _loop_time(loop: asyncio.AbstractEventLoop, deadline: float) -> float:
    return loop.time() + deadline - time.monotonic()


class Pending:
    """A call that was submitted. Any thread may ask for its result, any number of times."""

    # The multiplexer's own notes, touched by its thread only.
    line: Line | None = None
    streaming = False
    ended = False

    def __init__(
        self,
        exchange: Exchange | None,
        multiplexer: Multiplexer | None,
        caller: Caller | None = None,
    ):
        self.exchange = exchange
        self.caller = caller
        self.mailbox = Mailbox()
        self._multiplexer = multiplexer
        self._lock = native_rlock()
        self._known = False
        self._taken = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._finish: Callable[[Any], Any] | None = None

    @classmethod
    def settled(cls, value: Any = None, error: BaseException | None = None) -> Pending:
        """Return a Pending that is done already; for fakes."""
        pending = cls(None, None)
        pending._known = True
        pending._value = value
        pending._error = error
        return pending

    def finish_with(self, finish: Callable[[Any], Any]) -> Pending:
        """Have the value passed through ``finish``, once, in the thread that first asks for it.

        For who has just submitted the call, before anyone else knows it.
        """
        self._finish = finish
        return self

    def __repr__(self) -> str:
        name = f"{self.exchange.alias}.{self.exchange.name}" if self.exchange else "settled"
        return f"<Pending {name}, {'done' if self.done() else 'under way'}>"

    def done(self) -> bool:
        """Say whether ``result`` would return or raise at once."""
        return self._known or self._taken or bool(self.mailbox.messages)

    def cancelled(self) -> bool:
        """Say whether the call ended because it was cancelled."""
        return self.done() and isinstance(self.exception(), CallCancelled)

    def cancel(self) -> bool:
        """Tell the server that nobody wants the answer; return False if it came already."""
        if self.done() or self._multiplexer is None:
            return False
        self._multiplexer.cancel(self)
        return True

    def result(self, timeout: float | None = None) -> Any:
        """Return the value, or a Stream, or raise what ended the call.

        Raise TimeoutError if that takes longer than ``timeout`` seconds; the call goes on.
        """
        if not self.done():
            assert self.exchange is not None
            forbid_event_loop(self.exchange.alias, self.exchange.name)
            self.mailbox.wait(timeout)
            if not self.done():
                raise TimeoutError(f"{self!r} is not done after {timeout} s")
        return self._settle()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what ended the call, or None if it ended well. Waits as ``result`` does."""
        try:
            self.result(timeout)
        except SynchronousOnlyOperation:
            raise
        except BaseException as error:
            if error is self._error:
                return error
            raise
        return None

    def add_done_callback(self, callback: Callable[[Pending], object]) -> None:
        """Have ``callback(self)`` called once it is done: at once, or in the I/O thread.

        There it must neither wait nor raise: all calls of this process wait for it.
        """
        if self._known:
            callback(self)
        else:
            self.mailbox.when_filled(lambda: callback(self))

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        if not self.done():
            try:
                await self.mailbox.await_(None)
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self._settle()

    def _settle(self) -> Any:
        with self._lock:
            if not self._known:
                try:
                    self._value = self._conclude()
                except Exception as error:  # noqa: BLE001 - kept, and raised to each who asks
                    self._error = error
                self._known = True
            if self._finish is not None:
                finish, self._finish = self._finish, None
                if self._error is None:
                    try:
                        self._value = finish(self._value)
                    except Exception as error:  # noqa: BLE001 - as above
                        self._error = error
        if self._error is not None:
            raise self._error
        return self._value

    def _conclude(self) -> Any:
        exchange = self.exchange
        assert exchange is not None
        self._taken = True  # before the mailbox is empty, so that others find this done
        outcome = self.mailbox.messages.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Result):
            return exchange.value(outcome)
        if isinstance(outcome, Failure):
            raise exchange.failed(outcome)
        if isinstance(outcome, Busy):
            raise exchange.busy(outcome.message)
        if isinstance(outcome, End):
            return exchange.whole()
        assert isinstance(outcome, Chunk)
        assert self._multiplexer is not None
        return Stream.opened(exchange, MultiplexedFeed(self, self._multiplexer), outcome)


class MultiplexedFeed:
    """The messages of one stream, as the multiplexer puts them into its mailbox."""

    def __init__(self, pending: Pending, multiplexer: Multiplexer):
        self._pending = pending
        self._multiplexer = multiplexer

    def next(self, deadline: float | None) -> Answer:
        mailbox = self._pending.mailbox
        if not mailbox.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
            raise Late
        return self._taken()

    async def anext(self, deadline: float | None) -> Answer:
        mailbox = self._pending.mailbox
        try:
            if not await mailbox.await_(deadline):
                raise Late
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self._taken()

    def _taken(self) -> Answer:
        outcome = self._pending.mailbox.messages.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def grant(self, credit: Credit) -> None:
        self._multiplexer.grant(self._pending, credit)

    def finish(self) -> None:
        """Nothing is left to do: the multiplexer saw the last message before we did."""

    def cancel(self) -> None:
        self._multiplexer.cancel(self._pending)

    forsake = cancel  # which takes only a lock that nobody holds while he can be interrupted
