"""The life of one call, in each style, and what the pool and the reader do to it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from chunnel.context import current_call
from chunnel.plans import Plan
from chunnel.protocol.messages import Busy, Call, Chunk, Credit, End, Failure, FailureCode, Result
from chunnel.registry import ModelRPC, Registry, expose, register
from chunnel.serializers import load
from chunnel.server.dispatcher import Dispatcher
from chunnel.server.jobs import NOBODY, CoroutineJob, Reply, ServedJob
from chunnel.server.outflow import Outflow
from chunnel.server.rows import BATCH
from chunnel.server.streaming import AsyncStreamJob, StreamJob
from tests.apps.bank.models import Account, Branch

from .caller import Caller, Failed, served, server_settings, until
from .conftest import make_accounts


def dispatcher(**functions: Any) -> Dispatcher:
    registry = Registry()
    for name, function in functions.items():
        expose(function, name=name, app_label="x", registry=registry)
    return Dispatcher(registry, server_settings(), post=lambda reply: None)


def message(owner: Dispatcher, name: str, *args: Any, **changes: Any) -> Call:
    body = owner.serializers["msgpack"].dumps([list(args), {}]).body
    return Call(b"12345678", name, "msgpack", body)._replace(**changes)


def answer(reply: Reply | None) -> Any:
    assert reply is not None
    return reply.answer


class TestForThePool:
    def test_styles(self) -> None:
        def stream() -> Iterator[int]:
            yield 1

        async def coroutine() -> None: ...

        async def async_stream() -> Any:
            yield 1

        owner = dispatcher(call=len, stream=stream, coroutine=coroutine, async_stream=async_stream)
        kinds = {
            "call": (ServedJob, "call"),
            "stream": (StreamJob, "stream"),
            "coroutine": (CoroutineJob, "async"),
            "async_stream": (AsyncStreamJob, "async"),
        }
        for name, (cls, style) in kinds.items():
            job = owner.job(b"peer", message(owner, f"x.{name}"))
            assert type(job) is cls
            assert (job.style, job.name, job.blocking) == (style, f"x.{name}", None)

    def test_unknown_names_share_one_place(self) -> None:
        """What a peer makes up must not fill the pool's memory, nor wait for a thread."""
        owner = dispatcher()
        for name in ("a.b", "c.d"):
            job = owner.job(b"peer", message(owner, name))
            assert (job.name, job.blocking, job.style) == (NOBODY, False, "call")

    def test_the_deadline(self) -> None:
        owner = dispatcher(size=len)
        job = owner.job(b"peer", message(owner, "x.size", meta={"remaining": 5000}))
        assert job.deadline is not None
        assert 4 < job.deadline - job.arrived <= 5
        assert owner.job(b"peer", message(owner, "x.size")).deadline is None
        for remaining in ("5", 1.5, True, None):
            job = owner.job(b"peer", message(owner, "x.size", meta={"remaining": remaining}))
            assert job.deadline is None

    def test_refused_jobs_are_forgotten(self) -> None:
        owner = dispatcher(size=len)
        job = owner.job(b"peer", message(owner, "x.size", "abc"))
        assert owner.open == 1
        assert job.refuse("full") == Reply(b"peer", Busy(b"12345678", "full"))
        assert owner.open == 0

    def test_run(self) -> None:
        owner = dispatcher(size=len)
        reply = answer(owner.job(b"peer", message(owner, "x.size", "abc")).run())
        assert isinstance(reply, Result)
        assert owner.serializers["msgpack"].loads(reply.body) == 3
        assert (owner.open, owner.calls, owner.failures) == (0, 1, 0)

    def test_not_even_system_exit_leaves_it(self) -> None:
        def leave() -> None:
            raise SystemExit(3)

        owner = dispatcher(leave=leave)
        reply = answer(owner.job(b"peer", message(owner, "x.leave")).run())
        assert isinstance(reply, Failure)
        assert reply.code == FailureCode.RAISED

    def test_input_is_refused(self) -> None:
        owner = dispatcher(size=len)
        reply = answer(owner.job(b"peer", message(owner, "x.size", "abc", input=True)).run())
        assert reply.code == FailureCode.REFUSED


class TestCancelling:
    def test_before_it_began(self) -> None:
        ran: list[int] = []
        owner = dispatcher(note=ran.append)
        job = owner.job(b"peer", message(owner, "x.note", 1))
        owner.cancel(b"peer", b"12345678", "enough")
        assert answer(job.run()).code == FailureCode.CANCELLED
        assert ran == []

    @pytest.mark.django_db
    def test_while_it_runs(self) -> None:
        """What it did stays done, and what it returns is not even packed."""

        def work() -> object:
            Branch.objects.create(city="Bern", code="be")
            served = current_call()
            assert served is not None
            owner.cancel(b"peer", bytes.fromhex(served.id))
            return object()

        registry = Registry()
        expose(work, app_label="x", registry=registry, atomic=True)
        owner = Dispatcher(registry, server_settings(), post=lambda reply: None)
        found = answer(owner.job(b"peer", message(owner, "x.work")).run())
        assert (found.code, owner.open) == (FailureCode.CANCELLED, 0)
        assert Branch.objects.count() == 1

    def test_only_the_peers_own(self) -> None:
        owner = dispatcher(size=len)
        job = owner.job(b"peer", message(owner, "x.size", "abc"))
        owner.cancel(b"other", b"12345678")
        owner.peer_lost(b"other")
        assert not job.served.cancelled
        owner.peer_lost(b"peer")
        assert job.served.cancelled

    def test_a_coroutine_that_waits(self) -> None:
        seen: list[str] = []

        async def wait() -> None:
            seen.append("began")
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        registry = Registry()
        expose(wait, app_label="x", registry=registry)
        with served(registry=registry) as call:
            call_id = call.send("x.wait")
            until(lambda: seen == ["began"])
            call.cancel(call_id)
            until(lambda: call.link.receive(0.01) is None and call.link.debt == 0)
            assert seen == ["began", "cancelled"]


class Shutting:
    """A loop that was closed just before it was told something."""

    def call_soon_threadsafe(self, act: Any, *args: Any) -> None:
        raise RuntimeError("Event loop is closed")


class TestCoroutines:
    def run(self, function: Any, *, before: Any = None, during: Any = None) -> Any:
        """Return the answer of a job on a loop of its own; None where it has none."""
        owner = dispatcher(function=function)
        job = owner.job(b"peer", message(owner, "x.function"))
        if before is not None:
            before(owner)

        async def main() -> Any:
            task = asyncio.create_task(job.run_async())
            if during is not None:
                await during(task)
            return await task

        try:
            reply = asyncio.run(main())
        except asyncio.CancelledError:
            reply = None
        assert owner.open == 0
        return reply and reply.answer

    def test_cancelled_before_it_began(self) -> None:
        async def function() -> None:
            raise AssertionError

        found = self.run(function, before=lambda owner: owner.cancel(b"peer", b"12345678"))
        assert found.code == FailureCode.CANCELLED
        assert found.message == "The call was cancelled before it began."

    def test_what_the_pool_cancels_is_not_answered(self) -> None:
        """Its connection is closing too."""
        began = asyncio.Event()

        async def function() -> None:
            began.set()
            await asyncio.sleep(100)

        async def close(task: asyncio.Task[Any]) -> None:
            await began.wait()
            task.cancel()

        assert self.run(function, during=close) is None

    def test_what_cancels_itself_is_answered(self) -> None:
        """Something it waited for was cancelled; nobody cancelled the call."""

        async def forever() -> None:
            await asyncio.sleep(100)

        async def function() -> None:
            inner = asyncio.create_task(forever())
            inner.cancel()
            await inner

        found = self.run(function)
        assert (type(found), found.code) == (Failure, FailureCode.RAISED)
        assert found.message.startswith("CancelledError")

    def test_a_cancel_that_meets_a_closed_loop(self) -> None:
        """It comes from the reader of the link, which must not end of it."""
        owner = dispatcher()
        for cls in (CoroutineJob, AsyncStreamJob):
            job = cls(owner, b"peer", message(owner, "x.function"), None)
            job._loop = Shutting()  # type: ignore[assignment]
            job._task = asyncio.Future(loop=asyncio.new_event_loop())  # type: ignore[assignment]
            job.cancel()
            job.grant(Credit(1, 1))
            assert job.served.cancelled
            job._task.get_loop().close()

    def test_their_time(self) -> None:
        """A coroutine is stopped when its time is over; the answer says that it had begun."""

        async def wait() -> None:
            await asyncio.sleep(100)

        async def slow() -> None:
            raise TimeoutError("of its own")

        registry = Registry()
        expose(wait, app_label="x", registry=registry)
        expose(slow, app_label="x", registry=registry)
        with served(registry=registry) as call:
            with pytest.raises(Failed) as raised:
                call.finish(call.send("x.wait", _meta={"remaining": 1_000}))
            assert raised.value.code == FailureCode.DEADLINE
            with pytest.raises(Failed) as raised:
                call.finish(call.send("x.slow", _meta={"remaining": 30_000}))
            assert raised.value.details["base"] == "TimeoutError"

    def test_querysets_are_evaluated_elsewhere(self, transactional_db: None) -> None:
        """A coroutine may return a queryset, though the loop must not evaluate it."""
        make_accounts([10, 20])

        async def accounts() -> Any:
            with contextlib.suppress(SynchronousOnlyOperation):
                list(Account.objects.all())
                raise AssertionError
            assert current_call() is not None
            return Account.objects.order_by("-uid").values_list("uid", flat=True)

        registry = Registry()
        expose(accounts, app_label="x", registry=registry)
        with served(registry=registry) as call:
            assert call("x.accounts") == [2, 1]

    def test_references(self, transactional_db: None, away: Caller) -> None:
        from chunnel.values import InstanceRef

        (account,) = make_accounts([10])
        row = away("bank.later", InstanceRef("bank.Account", account.pk))
        assert row.pk == account.pk


class TestRows:
    """Rows that are too many for one message, and too long."""

    def chunks(self, owners: list[str]) -> list[Any]:
        """Return what is posted and answered where a message has room for 100,000 bytes."""
        plan = Plan("x.Account").to_wire()
        registry = Registry()
        register(Account, app_label="x", registry=registry)(
            type("AccountRPC", (ModelRPC,), {"fields": ["owner"]})
        )
        opened = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        Account.objects.bulk_create(
            Account(uid=uid, owner=owner, opened=opened) for uid, owner in enumerate(owners)
        )
        owner = Dispatcher(
            registry, server_settings(), post=lambda reply: None, accepts=lambda peer: 100_000
        )
        credit = Credit(10_000, 2**24)
        job = owner.job(b"peer", message(owner, "x.Account.objects", plan, "rows", credit=credit))
        reply = job.run()
        assert reply is not None
        if not isinstance(reply.answer, Outflow):
            return [reply.answer]
        sent: list[Any] = []
        owner.start(reply, lambda peer, message: sent.append(message))
        return sent

    @pytest.mark.django_db
    def test_each_chunk_fits_a_message(self) -> None:
        """However long some rows are, all arrive, in their order."""
        lengths = [10] * BATCH + [60_000, 60_000, 60_000, 10]
        opening, *chunks, end = self.chunks(["x" * length for length in lengths])
        assert (type(opening), opening.items, type(end)) == (Chunk, 0, End)
        assert all(len(chunk.body) <= 100_000 for chunk in chunks)
        rows = [load("msgpack")().loads(chunk.body, chunk.blobs) for chunk in chunks]
        assert [len(chunk.columns[1]) for chunk in rows] == [chunk.items for chunk in chunks]
        assert [len(owner) for chunk in rows for owner in chunk.columns[1]] == lengths

    @pytest.mark.django_db
    def test_a_row_that_fits_none_is_refused(self) -> None:
        [found] = self.chunks(["x" * 10] * BATCH + ["x" * 200_000])
        assert found.code == FailureCode.UNSERIALIZABLE
        assert "A row of the result takes 200" in found.message
