"""Jobs: one call each, from its arguments to its answer.

The life of a call, in every style: it is admitted (metadata, deadline, serializer, a name that
exists), its arguments are unpacked, middleware lets it pass, the shape judges the arguments,
references become instances, the function runs, the result is packed. Whatever goes wrong on the way
becomes a Failure; a job never raises.

A job is made by the thread that reads the link and runs in the thread, or on the loop, that the
pool chooses. ``cancel`` and ``grant`` are called by the reader while it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import transaction
from django.db.models import QuerySet

from ..context import ServedCall, _current
from ..middleware import Request
from ..protocol.limits import MIN_MESSAGE
from ..protocol.messages import (
    NO_METADATA,
    Busy,
    Call,
    Chunk,
    Credit,
    Failure,
    FailureCode,
    Message,
    Result,
)
from ..serializers import Packed, Serializer
from ..signals import call_finished, call_started
from . import hygiene
from .failures import Refusal
from .outflow import BESIDE, PART, WHOLE, Outflow, parts
from .rows import Batches, slices

if TYPE_CHECKING:
    from ..registry import Entry
    from ..values import RowSet
    from .dispatcher import Dispatcher
    from .pools.base import Style

SMALL = MIN_MESSAGE - BESIDE  # bytes of a result that any peer takes in one message
_ROWS = (Batches, QuerySet)
NOBODY = "?"  # the name under which calls to unknown names are placed: one for all of them


class Reply(NamedTuple):
    """What the link's owner is to send."""

    peer: bytes
    answer: Message | Outflow


class ServedJob:
    """A call to a plain function: one answer."""

    style: Style = "call"

    __slots__ = (
        "arrived",
        "blocking",
        "call",
        "deadline",
        "dispatcher",
        "entry",
        "name",
        "peer",
        "request",
        "serializer",
        "served",
    )

    def __init__(self, dispatcher: Dispatcher, peer: bytes, call: Call, entry: Entry | None):
        self.dispatcher = dispatcher
        self.peer = peer
        self.call = call
        self.entry = entry
        self.arrived = now = time.monotonic()
        self.request: Request | None = None
        self.serializer: Serializer | None = dispatcher.serializers.get(call.serializer)
        meta = call.meta
        remaining = meta.get("remaining")
        self.deadline = now + remaining / 1000 if type(remaining) is int else None
        # Who calls what does not exist is answered at once; to look is all it costs.
        self.name = NOBODY if entry is None else entry.name
        self.blocking = False if entry is None else entry.blocking
        hops = meta.get("hops")
        if type(hops) is not list and type(hops) is not tuple:
            hops = ()  # what else it is, ``_admit`` judges
        self.served = ServedCall(
            call.call_id.hex(),
            call.name,
            peer.hex(),
            hops[-1] if hops and type(hops[-1]) is str else "",
            self.deadline,
            tuple(hops),
            {} if meta is NO_METADATA else dict(meta),
        )

    # For the pool

    def run(self) -> Reply | None:
        """Run in this thread; see the pool's contract."""
        base = hygiene.base()
        return base.context.copy().run(self._serve, base)

    async def run_async(self) -> Reply | None:
        """Only calls of style "async" run on the loop."""
        raise NotImplementedError

    def refuse(self, message: str) -> Reply:
        """Return the BUSY that says that this call was not executed."""
        self.dispatcher.close(self)
        return Reply(self.peer, Busy(self.call.call_id, message))

    # For the reader of the link

    def cancel(self, reason: str = "") -> None:  # noqa: ARG002 - streams tell it
        """Note that nobody wants the answer: a call that did not begin will not."""
        self.served.cancelled = True

    def grant(self, credit: Credit) -> None:
        """Take note of more credit."""

    # The life of the call

    def _serve(self, base: hygiene.Base) -> Reply | None:
        dispatcher = self.dispatcher
        _current.set(self.served)
        own = not dispatcher.borrowed
        if own:
            hygiene.before()
        try:
            self._announce()
            try:
                answer = self._answer()
                error: BaseException | None = None
            except BaseException as caught:  # noqa: BLE001 - whatever it is, it is the caller's
                error = caught
                answer = self._failed(caught)
            return self._finished(answer, error)
        finally:
            if own:
                hygiene.after(base)

    def _announce(self) -> None:
        if call_started.receivers:
            call_started.send_robust(sender=self.call.name, call=self.served)

    def _answer(self) -> Message | Outflow:
        request = self._admit()
        entry = request.target
        if entry.atomic:
            with transaction.atomic(using=None if entry.atomic is True else entry.atomic):
                answer = self._pack_if_wanted(self.dispatcher.handle(request))
        else:
            answer = self._pack_if_wanted(self.dispatcher.handle(request))
        if answer is None:  # and not before: what was done stays done
            raise Refusal(FailureCode.CANCELLED, "The call was cancelled while it ran.")
        return answer

    def _admit(self) -> Request:
        """Return the request, or raise what keeps the call from being executed."""
        call, dispatcher = self.call, self.dispatcher
        if call.meta:
            dispatcher.judge_metadata(call.meta)
        if self.served.cancelled:
            raise Refusal(FailureCode.CANCELLED, "The call was cancelled before it began.")
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise Refusal(FailureCode.EXPIRED, "The call's time was over before it began.")
        serializer = self.serializer
        if serializer is None:
            raise dispatcher.unknown_serializer(call.serializer)
        entry = self.entry
        if entry is None:
            raise dispatcher.unknown_name(call.name)
        if call.input:
            raise Refusal(FailureCode.REFUSED, f"{call.name} takes no stream.")
        args, kwargs, refs, refining = dispatcher.arguments(serializer, call)
        request = Request(
            entry.name, args, kwargs, call=self.served, effect=entry.effect, target=entry
        )
        request.has_refs = refs
        if refining is not None:
            if not may_be_refined(entry):
                raise Refusal(
                    FailureCode.REFUSED,
                    f"{call.name} takes no plan for what it returns; that takes a plain function "
                    f'or method with effect="read" or "idempotent".',
                )
            request.refining = refining
        self.request = request
        return request

    def _pack_if_wanted(self, value: Any) -> Message | Outflow | None:
        return None if self.served.cancelled else self._pack(value)

    def _pack(self, value: Any) -> Message | Outflow:
        if isinstance(value, _ROWS):
            if type(value) is Batches:
                return self._row_chunks(value)
            assert self.entry is not None
            value = self.dispatcher.returned(self.entry, value)
        body, blobs = self.dump(value)
        size = len(body) + sum(map(len, blobs))
        if size <= SMALL:
            return Result(self.call.call_id, body, blobs)
        room = self.dispatcher.room(self.peer)
        if size <= min(WHOLE, room):
            return Result(self.call.call_id, body, blobs)
        chunks = parts(self.call.call_id, body, blobs, min(PART, room))
        return Outflow(self.peer, self.call, chunks, part=True)

    def dump(self, value: Any) -> Packed:
        """Pack what the call answers."""
        assert self.serializer is not None
        return self.serializer.dumps(value, lower=self.dispatcher.lower, roots=("result",))

    def _row_chunks(self, batches: Batches) -> Outflow:
        room = self.dispatcher.room(self.peer)
        chunks = [
            chunk
            for batch in slices(batches.whole, batches.size)
            for chunk in self._fitting(batch, room)
        ]
        return Outflow(self.peer, self.call, chunks, part=False)

    def _fitting(self, batch: RowSet, room: int) -> Iterator[Chunk]:
        """Pack a batch, in as many chunks as it takes for each to fit one message."""
        count = len(batch.columns[0])
        body, blobs = self.dump(batch)
        size = len(body) + sum(map(len, blobs))
        if size <= room:
            yield Chunk(self.call.call_id, count, body, blobs)
        else:
            for half in slices(batch, self.half(count, size)):
                yield from self._fitting(half, room)

    def half(self, count: int, size: int) -> int:
        """Return how many rows to try next where ``count`` of them take ``size`` bytes."""
        if count == 1:
            raise Refusal(
                FailureCode.UNSERIALIZABLE,
                f"A row of the result takes {size} bytes, and one message at most "
                f"{self.dispatcher.room(self.peer)}.",
            )
        return (count + 1) // 2

    def _failed(self, error: BaseException) -> Failure:
        began = self.request is not None and self.request.began
        return self.dispatcher.failure(error, self, began=began)

    def _finished(
        self, answer: Message | Outflow | None, error: BaseException | None
    ) -> Reply | None:
        """Tell who wants to know, forget the call, and return what is to be sent."""
        dispatcher = self.dispatcher
        if call_finished.receivers:
            outcome = "result" if error is None else "failure"
            if self.served.cancelled and error is not None:
                outcome = "cancelled"
            call_finished.send_robust(
                sender=self.call.name,
                call=self.served,
                outcome=outcome,
                exception=error,
                elapsed=time.monotonic() - self.arrived,
            )
        dispatcher.note(self, error)
        if type(answer) is not Outflow:  # that one is over when its last chunk has left
            dispatcher.close(self)
        return None if answer is None else Reply(self.peer, answer)


def may_be_refined(entry: Entry) -> bool:
    """Say whether a call may bring a plan for the queryset that it returns."""
    return (
        entry.kind in {"function", "manager", "method"}
        and entry.style in {"call", "coroutine"}
        and entry.effect != "write"
    )


class CoroutineJob(ServedJob):
    """A call to a coroutine function: one answer, made on the pool's loop."""

    style: Style = "async"

    __slots__ = ("_loop", "_task")

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def cancel(self, reason: str = "") -> None:  # noqa: ARG002
        self.served.cancelled = True
        if self._task is not None:
            self._tell(self._task.cancel)

    def _tell(self, act: Callable[..., object], *args: Any) -> None:
        """Have the loop call ``act``. Where it was closed meanwhile, nobody needs it any more."""
        assert self._loop is not None
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act, *args)

    async def run_async(self) -> Reply | None:
        self._loop = asyncio.get_running_loop()
        self._task = task = asyncio.current_task()
        assert task is not None
        hygiene.enter_task(hygiene.base())
        _current.set(self.served)
        self._announce()
        error: BaseException | None = None
        answer: Message | Outflow | None
        try:
            answer = await self._answer_async()
        except asyncio.CancelledError as caught:
            if self.served.cancelled:
                error = Refusal(FailureCode.CANCELLED, "The call was cancelled.")
                error.__cause__ = caught
            elif task.cancelling():
                self.dispatcher.close(self)
                raise  # the pool is closing
            else:  # something that the coroutine waited for was cancelled, not the coroutine
                error = caught
            answer = self._failed(error)
        except BaseException as caught:  # noqa: BLE001 - SystemExit would end the loop
            error = caught
            answer = self._failed(caught)
        await hygiene.tidy_elsewhere()
        return self._finished(answer, error)

    async def _answer_async(self) -> Message | Outflow | None:
        request = self._admit()
        left = self.served.remaining()
        try:
            async with asyncio.timeout(left) as scope:
                value = await self.dispatcher.handle_async(request)
                return await self._pack_async(value)
        except TimeoutError:
            if scope.expired():
                raise Refusal(
                    FailureCode.DEADLINE, "The call's time was over while it ran."
                ) from None
            raise

    async def _pack_async(self, value: Any) -> Message | Outflow:
        try:
            return self._pack(value)
        except SynchronousOnlyOperation:  # a queryset, say, that has to be evaluated
            found: Message | Outflow = await sync_to_async(self._pack)(value)
            return found
