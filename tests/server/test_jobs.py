"""The life of one call, in each style, and what the pool and the reader do to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from chunnel.context import current_call
from chunnel.protocol.messages import Busy, Call, Failure, FailureCode, Result
from chunnel.registry import Registry, expose
from chunnel.server.dispatcher import Dispatcher
from chunnel.server.jobs import NOBODY, CoroutineJob, Reply, ServedJob
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


class TestCoroutines:
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
                call.finish(call.send("x.wait", _meta={"remaining": 30}))
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
