"""Streams: the items of a generator, batched into chunks under the caller's credit.

The rules:

* The first chunk is empty (OPEN): the call was accepted, and its timeout is over.
* Items are gathered and leave together, first one, then more and more while they come fast. An item
  that was gathered never waits long: where the generator is slow, a flusher sends what is there.
* A dict or list is copied when it is yielded: a generator that yields one object again and again,
  changed, means each state of it, though they are packed later.
* Without credit nothing leaves and the generator rests. In a thread of its own the job waits, for
  ``IDLE`` seconds at most; in a borrowed thread it returns, and the next grant goes on with it.
* Credit is the caller's to give, so it does not bound what waits to be sent. Where that is much the
  generator rests as well, until the owner of the link has caught up.
* When nobody wants the rest the generator is closed, in the context in which it ran.
* What was yielded before an exception arrives before the Failure.
* A row set is a chunk by itself, or several where it is large, and each of its rows is an item.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import transaction

from ..protocol.credit import Allowance
from ..protocol.messages import Chunk, Credit, End, FailureCode, Message
from ..values import RowSet
from . import hygiene
from .failures import Refusal
from .jobs import SMALL, CoroutineJob, Reply, ServedJob, may_be_refined
from .outflow import IDLE
from .rows import cut, length

if TYPE_CHECKING:
    from ..middleware import Request
    from ..registry import Entry
    from .outflow import Outflow
    from .pools.base import Style

ITERATOR = "iterator"  # the operation of a plan that asks for a stream
MOST_ITEMS = 500  # of one chunk: beyond it packing gains nothing
CHUNK_BYTES = 64 * 1024  # what a chunk's body aims at
PATIENCE = 0.01  # seconds an item may wait for company
REST = 0.001  # seconds between looks whether the owner of the link has caught up
LINGER = 1.0  # seconds the flusher's thread stays without work


class Batch:
    """Items that were yielded and not sent. Only list operations that are atomic touch ``items``.

    ``guard`` is held where the allowance is changed, and never while something is packed: who
    grants credit is the reader of the link.
    """

    __slots__ = ("allowance", "guard", "items", "job", "most", "since")

    def __init__(self, job: ServedJob, guard: AbstractContextManager[Any]):
        self.job = job
        self.guard = guard
        self.items: list[Any] = []
        self.most = 1
        self.since = 0.0  # when the oldest item began to wait, roughly; 0: none does
        self.allowance = Allowance(job.call.credit)

    def next_chunk(self) -> Chunk | None:
        """Return a chunk of what credit there is for, taken off the batch; None without."""
        job, allowance = self.job, self.allowance
        if self.items and type(self.items[0]) is RowSet:
            return self._next_rows(self.items[0])
        count = min(len(self.items), allowance.items, self.most)
        if count <= 0 or not allowance.covers(count, 1):
            return None
        assert job.serializer is not None
        body, blobs = job.serializer.dumps(
            self.items[:count], lower=job.dispatcher.lower, roots=("items",)
        )
        size = len(body) + sum(map(len, blobs))
        if size > SMALL and size > (room := job.dispatcher.room(job.peer)):
            if count > 1:
                self.most = count // 2
                return self.next_chunk()
            raise Refusal(
                FailureCode.UNSERIALIZABLE,
                f"An item of the stream takes {size} bytes, and one message at most {room}; "
                "yield it in pieces.",
            )
        fitting = max(1, min(MOST_ITEMS, CHUNK_BYTES * count // max(size, 1)))
        self.most = min(fitting, max(self.most, count * 2))
        with self.guard:
            allowance.spend(count, size)
        del self.items[:count]
        return Chunk(job.call.call_id, count, body, blobs)

    def _next_rows(self, rows: RowSet) -> Chunk | None:
        """Return a chunk of the rows at the front; each row counts as an item."""
        job, allowance = self.job, self.allowance
        count = min(length(rows), allowance.items)
        while True:
            if count <= 0 or not allowance.covers(count, 1):
                return None
            part = rows if count == length(rows) else cut(rows, 0, count)
            body, blobs = job.dump(part)
            size = len(body) + sum(map(len, blobs))
            if size <= SMALL or size <= job.dispatcher.room(job.peer):
                break
            count = job.half(count, size)
        with self.guard:
            allowance.spend(count, size)
        if part is rows:
            del self.items[0]
        else:
            self.items[0] = cut(rows, count, length(rows))
        return Chunk(job.call.call_id, count, body, blobs)


def wants_stream(entry: Entry, meta: Mapping[str, Any]) -> bool:
    """Say whether the rows of the queryset that a plain call returns are to be streamed."""
    return entry.style == "call" and may_be_refined(entry) and meta.get("stream") is True


def check_iterates(request: Request) -> None:
    """Raise the refusal if a plain call shall be a stream of anything but rows."""
    refining = request.refining
    if refining is None or len(refining) != 3 or refining[1] != ITERATOR:
        raise Refusal(
            FailureCode.MALFORMED,
            f"{request.name} is no stream; a plan with {ITERATOR!r} makes one of what it returns.",
        )


class StreamJob(ServedJob):
    """A call to a generator function, or one whose queryset is read as its caller takes it."""

    style: Style = "stream"

    __slots__ = (
        "_again",
        "_batch",
        "_context",
        "_credited",
        "_ending",
        "_error",
        "_iterator",
        "_running",
        "_sending",
    )

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._context: Context | None = None
        self._credited = threading.Condition()
        self._batch = Batch(self, self._credited)
        self._sending = threading.Lock()  # held by who takes chunks off the batch
        self._iterator: Iterator[Any] | None = None
        self._ending: Message | Outflow | None = None
        self._error: BaseException | None = None
        self._running = True  # in a borrowed thread; guarded by ``_credited``, like the next
        self._again = False  # there was news while it ran

    def run(self) -> Reply | None:
        self._context = hygiene.base().context.copy()
        reply = self._context.run(self._serve, hygiene.base())
        if reply is None and self.dispatcher.borrowed:
            reply = self._go_on_while_wanted()
        return reply

    def cancel(self, reason: str = "") -> None:  # noqa: ARG002
        with self._credited:
            self.served.cancelled = True
            self._credited.notify_all()
        self._resume()

    def grant(self, credit: Credit) -> None:
        with self._credited:
            self._batch.allowance.grant(credit)
            self._credited.notify_all()
        self._resume()

    def _resume(self) -> None:
        """Have a borrowed job go on, in the thread of whoever waits; it runs in one at a time."""
        if not self.dispatcher.borrowed:
            return
        with self._credited:
            self._again = True
            if self._running:
                return
            self._running = True
        self.dispatcher.ready.append(self._continue)

    def _continue(self) -> None:
        reply = self._go_on_while_wanted()
        if reply is not None:
            self._post(reply.answer)

    def _go_on_while_wanted(self) -> Reply | None:
        """Go on as often as there was news meanwhile; return what ends the stream, if it ended."""
        assert self._context is not None
        while True:
            with self._credited:
                if not self._again or self._iterator is None:
                    self._running = False
                    return None
                self._again = False
            reply = self._context.run(self._go_on)
            if reply is not None:
                return reply

    # In the job's thread and context

    def _serve(self, base: hygiene.Base) -> Reply | None:
        if self.dispatcher.borrowed:
            return super()._serve(base)
        try:
            return super()._serve(base)
        finally:
            self.dispatcher.flusher.remove(self)

    def _answer(self) -> Message | Outflow:
        request = self._admit()
        entry = request.target
        if entry.style != "stream":
            check_iterates(request)
        if entry.atomic:
            with transaction.atomic(using=None if entry.atomic is True else entry.atomic):
                self._iterator = iter(self.dispatcher.handle(request))
        else:
            self._iterator = iter(self.dispatcher.handle(request))
        self._post(Chunk(self.call.call_id))
        if not self.dispatcher.borrowed:
            self.dispatcher.flusher.add(self)
        return self._pump()  # type: ignore[return-value]

    def _go_on(self) -> Reply | None:
        """Return what ends the stream, or None if it rests again."""
        try:
            answer = self._pump()
        except BaseException as caught:  # noqa: BLE001
            self._error = caught
            answer = self._failed(caught)
        return self._finished(answer, self._error)

    def _finished(
        self, answer: Message | Outflow | None, error: BaseException | None
    ) -> Reply | None:
        if answer is None:  # it rests
            return None
        self._iterator = None
        return super()._finished(answer, error or self._error)

    def _pump(self) -> Message | Outflow | None:
        """Gather and send until the end; return the last message, or None if it has to rest."""
        batch = self._batch
        while True:
            if self.served.cancelled:
                self._close()
                raise Refusal(FailureCode.CANCELLED, "The stream was cancelled.")
            if self._ending is None:
                self._gather(batch.most - len(batch.items))
            if batch.items and not self._send(wait=not self.dispatcher.borrowed):
                if self._is_cancelled():
                    continue
                return None
            if self._ending is not None and not batch.items:
                return self._ending

    def _gather(self, count: int) -> None:
        """Take up to ``count`` items from the generator, or its end."""
        assert self._iterator is not None
        items, served, batch = self._batch.items, self.served, self._batch
        taken = 0
        try:
            for item in islice(self._iterator, count):
                kind = type(item)
                if kind is dict or kind is list:
                    item = item.copy()
                if not batch.since:
                    batch.since = time.monotonic()
                items.append(item)
                taken += 1
                if served.cancelled:
                    return
        except BaseException as error:  # noqa: BLE001 - it comes after what was yielded
            self._error = error
            self._ending = self._failed(error)
            return
        if taken < count:
            self._ending = End(self.call.call_id)

    def _send(self, *, wait: bool) -> bool:
        """Send all that was gathered; return False if the credit did not suffice."""
        batch = self._batch
        with self._sending:
            while batch.items:
                chunk = batch.next_chunk()
                if chunk is not None:
                    self._post(chunk)
                    while wait and self.dispatcher.congested() and not self.served.cancelled:
                        time.sleep(REST)
                    continue
                if not wait:
                    return False
                with self._credited:
                    credited = self._credited.wait_for(self._may_go_on, IDLE)
                if self.served.cancelled:
                    return False
                if not credited:
                    self._close()
                    raise Refusal(
                        FailureCode.DEADLINE,
                        f"The stream got no credit for {IDLE:.0f} seconds.",
                    )
            batch.since = 0.0
        return True

    def _is_cancelled(self) -> bool:
        return self.served.cancelled  # by another thread, meanwhile

    def _may_go_on(self) -> bool:
        allowance = self._batch.allowance
        return self.served.cancelled or (allowance.items > 0 and allowance.bytes > 0)

    def _close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()

    def _post(self, answer: Message | Outflow) -> None:
        self.dispatcher.post(Reply(self.peer, answer))

    # In the flusher's thread

    def flush(self, now: float) -> None:
        """Send what has waited too long, without waiting for anything."""
        batch = self._batch
        if not batch.since or now - batch.since < PATIENCE or self._context is None:
            return
        if not self._sending.acquire(blocking=False):
            return
        try:
            self._context.copy().run(self._flush)
        except BaseException:  # noqa: BLE001 - what was not sent the job's own thread meets again
            batch.since = 0.0  # and to try before it does is of no use
        finally:
            self._sending.release()

    def _flush(self) -> None:
        while True:
            chunk = self._batch.next_chunk()
            if chunk is None:
                break
            self._post(chunk)
        if not self._batch.items:
            self._batch.since = 0.0


class Flusher:
    """A thread that sends what slow generators have yielded. It ends when there is no stream."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: set[StreamJob] = set()
        self._running = False

    def add(self, job: StreamJob) -> None:
        with self._changed:
            self._jobs.add(job)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="chunnel-flusher", daemon=True).start()
            self._changed.notify()

    def remove(self, job: StreamJob) -> None:
        with self._changed:
            self._jobs.discard(job)

    def close(self) -> None:
        """Let the thread end now."""
        with self._changed:
            self._jobs.clear()
            self._running = False
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    self._changed.wait_for(lambda: self._jobs or not self._running, LINGER)
                if not self._jobs:
                    self._running = False
                    break
                jobs = list(self._jobs)
            now = time.monotonic()
            for job in jobs:
                job.flush(now)
            time.sleep(PATIENCE / 2)
        hygiene.end_thread()


class AsyncStreamJob(CoroutineJob):
    """A call to an async generator function. Everything but ``grant`` happens on the loop."""

    __slots__ = ("_batch", "_credited", "_grants", "_timer")

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._batch = Batch(self, nullcontext())  # the loop alone has it
        self._credited = asyncio.Event()
        self._grants: deque[Credit] = deque()  # that came from the reader of the link
        self._timer: asyncio.TimerHandle | None = None

    def grant(self, credit: Credit) -> None:
        self._grants.append(credit)
        if self._loop is not None:  # else the task, which is about to begin, will look
            self._tell(self._take_grants)

    def _take_grants(self) -> None:
        while self._grants:
            self._batch.allowance.grant(self._grants.popleft())
        self._credited.set()

    async def _answer_async(self) -> Message | Outflow | None:
        request = self._admit()
        self._take_grants()
        items = aiter(await self.dispatcher.handle_async(request))
        self._post(Chunk(self.call.call_id))
        try:
            await self._send_all(items)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            close: Callable[[], Any] | None = getattr(items, "aclose", None)
            if close is not None:
                await close()
        return End(self.call.call_id)

    async def _send_all(self, items: AsyncIterator[Any]) -> None:
        batch = self._batch
        try:
            async for item in items:
                kind = type(item)
                batch.items.append(item.copy() if kind is dict or kind is list else item)
                if len(batch.items) >= batch.most:
                    await self._flush()
                    await asyncio.sleep(0)  # a generator that never waits must not keep the loop
                elif self._timer is None:
                    assert self._loop is not None
                    self._timer = self._loop.call_later(PATIENCE, self._flush_soon)
        except Exception:
            await self._flush()
            raise
        await self._flush()

    def _flush_soon(self) -> None:
        self._timer = None
        try:
            while self._batch.items:
                chunk = self._batch.next_chunk()
                if chunk is None:
                    return
                self._post(chunk)
        except BaseException:  # noqa: BLE001 - the next flush of the task itself raises it again
            return

    async def _flush(self) -> None:
        while self._batch.items:
            self._credited.clear()
            chunk = self._batch.next_chunk()
            if chunk is not None:
                self._post(chunk)
                while self.dispatcher.congested():  # noqa: ASYNC110 - another thread decides it
                    await asyncio.sleep(REST)
                continue
            try:
                async with asyncio.timeout(IDLE):
                    await self._credited.wait()
            except TimeoutError:
                raise Refusal(
                    FailureCode.DEADLINE, f"The stream got no credit for {IDLE:.0f} seconds."
                ) from None

    def _post(self, answer: Message | Outflow) -> None:
        self.dispatcher.post(Reply(self.peer, answer))
