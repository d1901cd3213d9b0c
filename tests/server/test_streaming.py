"""Streams under credit, in threads of their own, borrowed, and on the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from chunnel.plans import Plan
from chunnel.protocol.messages import Call, Chunk, Credit, End, FailureCode, Result
from chunnel.registry import Registry, expose
from chunnel.server import outflow, streaming
from chunnel.server.dispatcher import Dispatcher
from chunnel.signals import call_finished
from tests.apps.bank.models import Account

from .caller import Caller, Failed, lent, served, server_settings, until
from .conftest import make_accounts


class Probe:
    """Functions that tell how far they came."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.yielded = 0
        self.closed = threading.Event()
        self.go_on = threading.Event()
        for function in (self.count, self.count_async, self.reuse, self.dribble, self.big):
            expose(function, app_label="probe", registry=self.registry)

    def count(self, length: int) -> Iterator[int]:
        try:
            for number in range(length):
                self.yielded += 1
                yield number
        finally:
            self.closed.set()

    async def count_async(self, length: int) -> AsyncIterator[int]:
        try:
            for number in range(length):
                self.yielded += 1
                yield number
        finally:
            self.closed.set()

    def reuse(self) -> Iterator[Any]:
        row: dict[str, int] = {}
        for number in range(10):
            row["number"] = number
            yield row

    def dribble(self) -> Iterator[int]:
        yield from range(10)
        self.go_on.wait(20)
        yield 10

    def big(self, size: int) -> Iterator[bytes]:
        yield b"x"
        yield b"x" * size


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture(params=["lent", "served"])
def call(request: pytest.FixtureRequest, probe: Probe) -> Iterator[Caller]:
    make = lent if request.param == "lent" else served
    with make(registry=probe.registry) as caller:
        yield caller


STREAMS = ["probe.count", "probe.count_async"]


@pytest.mark.parametrize("name", STREAMS)
class TestBothKinds:
    def test_all_items_in_order(self, call: Caller, name: str) -> None:
        assert call(name, 5000) == list(range(5000))

    def test_none(self, call: Caller, name: str) -> None:
        assert call(name, 0) == []

    def test_it_opens_first(self, call: Caller, name: str) -> None:
        """The first chunk is empty, whatever credit there is."""
        call_id = call.send(name, 3, _credit=Credit(0, 0))
        assert call.receive() == Chunk(call_id)
        assert call.nothing_comes()
        call.grant(call_id, 2, 1000)
        assert call_items(call, 2) == [0, 1]
        assert call.nothing_comes()
        call.grant(call_id, 5, 1000)
        assert call_items(call, 1) == [2]
        assert isinstance(call.receive(), End)

    def test_credit_holds_the_generator_back(self, call: Caller, name: str, probe: Probe) -> None:
        call_id = call.send(name, 100_000, _credit=Credit(100, 2**20))
        call.receive()
        assert len(call_items(call, 100)) == 100
        assert call.nothing_comes()
        assert probe.yielded < 1000
        call.cancel(call_id)
        until(lambda: _turn(call, lambda: call.link.debt == 0))
        assert probe.closed.wait(20)
        assert call.dispatcher.open == 0

    def test_credit_in_bytes(self, call: Caller, name: str) -> None:
        call_id = call.send(name, 1000, _credit=Credit(10_000, 1))
        call.receive()
        assert len(call_items(call, 1)) == 1
        assert call.nothing_comes()
        call.grant(call_id, 0, 2**20)
        assert len(call.finish(call_id)) == 999

    def test_the_end_waits_for_the_items_before_it(self, call: Caller, name: str) -> None:
        """Though the generator has ended when the credit for its last item comes."""
        call_id = call.send(name, 2, _credit=Credit(1, 1000))
        call.receive()
        assert call_items(call, 1) == [0]
        assert call.nothing_comes()
        call.grant(call_id, 1, 1000)
        assert call_items(call, 1) == [1]
        assert isinstance(call.receive(), End)

    def test_a_lost_caller_ends_it(self, call: Caller, name: str, probe: Probe) -> None:
        other = Caller(call.link.endpoint, call.dispatcher)
        other.send(name, 100_000, _credit=Credit(10, 1000))
        other.receive()
        call_items(other, 10)
        other.close()
        until(lambda: _turn(call, probe.closed.is_set))
        until(lambda: _turn(call, lambda: call.dispatcher.open == 0))


def _turn(call: Caller, condition: Any) -> Any:
    """Let a server without a thread of its own read what came."""
    assert call.link.receive(0.01) is None
    return condition()


def call_items(call: Caller, count: int) -> list[Any]:
    """Return ``count`` items, without granting more."""
    found: list[Any] = []
    while len(found) < count:
        message = call.receive()
        assert isinstance(message, Chunk), message
        found += call.serializer.loads(message.body, message.blobs)
    return found


class TestBatches:
    def test_they_grow(self, call: Caller) -> None:
        call_id = call.send("probe.count", 2000)
        sizes = []
        while isinstance(message := call.receive(), Chunk):
            sizes.append(message.items)
            if message.items:
                call.grant(call_id, message.items, len(message.body))
        assert sizes[:2] == [0, 1]
        assert max(sizes) <= streaming.MOST_ITEMS
        assert len(sizes) < 100

    def test_one_object_yielded_again_and_again(self, call: Caller) -> None:
        """Each state of it arrives, as if each item had left at once."""
        assert call("probe.reuse") == [{"number": number} for number in range(10)]

    def test_an_item_larger_than_a_message(self, call: Caller) -> None:
        with pytest.raises(Failed, match="An item of the stream takes") as raised:
            call("probe.big", 2**24)
        assert raised.value.code == FailureCode.UNSERIALIZABLE
        assert raised.value.items == [b"x"]

    def test_large_items_leave_alone(self, call: Caller) -> None:
        assert call("probe.big", 2**20) == [b"x", b"x" * 2**20]


def test_what_a_slow_generator_yielded_does_not_wait(probe: Probe) -> None:
    """Items that were yielded before the generator blocks arrive while it blocks."""
    with served(registry=probe.registry) as call:
        call_id = call.send("probe.dribble")
        call.receive()
        assert call_items(call, 10) == list(range(10))
        probe.go_on.set()
        assert call.finish(call_id) == [10]


def test_what_a_slow_generator_yielded_leaves_as_credit_comes(probe: Probe) -> None:
    with served(registry=probe.registry) as call:
        call_id = call.send("probe.dribble", _credit=Credit(5, 2**20))
        call.receive()
        assert call_items(call, 5) == list(range(5))
        assert call.nothing_comes()
        call.grant(call_id, 5, 2**20)
        assert call_items(call, 5) == list(range(5, 10))
        assert call.nothing_comes()
        probe.go_on.set()
        call.grant(call_id, 1, 2**20)
        assert call.finish(call_id) == [10]


def test_what_a_blocked_generator_yielded_leaves_as_credit_comes(probe: Probe) -> None:
    """The flusher sends it, for the generator's own thread is in the generator."""

    def numbers() -> Iterator[int]:
        yield 0
        yield 1  # gathered with the next
        probe.go_on.wait(20)
        yield 2

    expose(numbers, app_label="probe", registry=probe.registry)
    with served(registry=probe.registry) as call:
        call_id = call.send("probe.numbers", _credit=Credit(1, 2**20))
        call.receive()
        assert call_items(call, 1) == [0]
        assert call.nothing_comes()
        call.grant(call_id, 1, 2**20)
        assert call_items(call, 1) == [1]
        probe.go_on.set()
        call.grant(call_id, 1, 2**20)
        assert call.finish(call_id) == [2]


def test_a_stream_nobody_gives_credit_is_given_up(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "IDLE", 0.05)
    with served(registry=probe.registry) as call:
        for name in STREAMS:
            call_id = call.send(name, 100, _credit=Credit(1, 1000))
            with pytest.raises(Failed, match="no credit") as raised:
                call.finish(call_id, grant=False)
            assert raised.value.code == FailureCode.DEADLINE
            assert probe.closed.wait(20)
            probe.closed.clear()


class Bare:
    """An iterator of both kinds that is no generator: it cannot be closed."""

    def __init__(self, items: Any):
        self.items = items

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self.items)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await anext(self.items)


@sync_and_async_middleware
def bare(get_response: Any) -> Any:
    """Return middleware that hides the generator."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: Any) -> Any:
            return Bare(await get_response(request))

        return respond_async
    return lambda request: Bare(get_response(request))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("make", [lent, served])
def test_middleware_may_return_what_cannot_be_closed(probe: Probe, name: str, make: Any) -> None:
    """It is let go instead, at the end and when the caller has enough."""
    with make(registry=probe.registry, middleware=(f"{__name__}.bare",)) as call:
        assert call(name, 50) == list(range(50))
        call_id = call.send(name, 100_000, _credit=Credit(10, 1000))
        call.receive()
        assert len(call_items(call, 10)) == 10
        call.cancel(call_id)
        until(lambda: _turn(call, lambda: call.link.debt == 0))
        assert call.dispatcher.open == 0


class TestJobs:
    """What comes from the reader of the link at a moment that the tests above cannot choose."""

    def make(self, function: Any, *, borrowed: bool, credit: Credit) -> tuple[Any, Any, list[Any]]:
        """Return a dispatcher, a job, and the list of what it posts."""
        registry = Registry()
        expose(function, name="function", app_label="x", registry=registry)
        posted: list[Any] = []
        owner = Dispatcher(
            registry,
            server_settings(),
            post=lambda reply: posted.append(reply.answer),
            borrowed=borrowed,
        )
        body = owner.serializers["msgpack"].dumps([[], {}]).body
        job = owner.job(b"peer", Call(b"12345678", "x.function", "msgpack", body, credit=credit))
        return owner, job, posted

    def test_credit_while_a_borrowed_stream_runs(self) -> None:
        """It runs in one thread at a time: what granted the credit does not run it as well."""

        def function() -> Iterator[int]:
            yield 0
            owner.grant(b"peer", b"12345678", Credit(10, 1000))
            yield 1

        owner, job, posted = self.make(function, borrowed=True, credit=Credit(1, 1000))
        assert job.run().answer == End(b"12345678")
        assert [chunk.items for chunk in posted] == [0, 1, 1]
        assert not owner.ready

    def test_credit_before_a_stream_on_the_loop_began(self) -> None:
        async def function() -> AsyncIterator[int]:
            yield 0
            yield 1

        owner, job, posted = self.make(function, borrowed=False, credit=Credit(0, 0))
        owner.grant(b"peer", b"12345678", Credit(10, 1000))
        assert asyncio.run(job.run_async()).answer == End(b"12345678")
        assert sum(chunk.items for chunk in posted) == 2


class TestFailures:
    def test_items_before_an_exception_arrive(self, away: Caller) -> None:
        with pytest.raises(Failed) as raised:
            away("bank.statement", 100, fail_at=50)
        assert raised.value.items == list(range(50))
        assert raised.value.details["names"][0] == "bank.InsufficientFunds"

    def test_on_the_loop_as_well(self) -> None:
        async def numbers() -> AsyncIterator[int]:
            for number in range(50):
                yield number
            raise KeyError("in the middle")

        registry = Registry()
        expose(numbers, app_label="probe", registry=registry)
        with served(registry=registry) as call:
            with pytest.raises(Failed) as raised:
                call("probe.numbers")
            assert raised.value.items == list(range(50))
            assert raised.value.details["base"] == "KeyError"

    @pytest.mark.parametrize("name", ["numbers", "numbers_async"])
    def test_an_item_that_fails_when_it_is_sent_while_the_generator_rests(self, name: str) -> None:
        """What sends it meanwhile fails of it, not even by SystemExit, and the call then does."""
        tried = threading.Event()

        class Late(str):
            __slots__ = ()

            def __str__(self) -> str:
                tried.set()
                raise SystemExit(3)

        def numbers() -> Iterator[Any]:
            yield 0
            yield Late()
            assert tried.wait(20)
            yield 1

        async def numbers_async() -> AsyncIterator[Any]:
            yield 0
            yield Late()
            while not tried.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.001)

        registry = Registry()
        for function in (numbers, numbers_async):
            expose(function, app_label="probe", registry=registry)
        with served(registry=registry) as call:
            with pytest.raises(Failed) as raised:
                call(f"probe.{name}")
            assert raised.value.items == [0]
            assert raised.value.message.startswith("SystemExit")
            call_id = call.send("chunnel.schema")
            assert call.finish(call_id)

    def test_an_item_that_cannot_travel(self, db: None) -> None:
        registry = Registry()

        def objects() -> Iterator[Any]:
            yield 1
            yield object()

        async def objects_async() -> AsyncIterator[Any]:
            yield 1
            yield object()

        expose(objects, app_label="probe", registry=registry)
        expose(objects_async, app_label="probe", registry=registry)
        with served(registry=registry) as call:
            for name in ("objects", "objects_async"):
                with pytest.raises(Failed) as raised:
                    call(f"probe.{name}")
                assert raised.value.code == FailureCode.UNSERIALIZABLE
                assert "items[0]" in raised.value.message


class TestLargeResults:
    def test_parts(self, away: Caller) -> None:
        text = "x" * 3_000_000
        assert away("bank.echo", text) == text

    def test_blobs(self, away: Caller) -> None:
        value = {"data": b"x" * 2_000_000, "more": [b"y" * 100_000]}
        assert away("bank.echo", value) == value

    def test_they_leave_under_credit(self, away: Caller) -> None:
        call_id = away.send("bank.echo", "x" * 3_000_000, _credit=Credit(0, 300_000))
        chunks = [away.receive() for _ in range(3)]
        sizes = [len(each.body) for each in chunks if isinstance(each, Chunk)]
        assert sizes == [0, outflow.PART, outflow.PART]
        assert away.nothing_comes()
        away.cancel(call_id)
        until(lambda: _turn(away, lambda: away.link.debt == 0))
        until(lambda: away.dispatcher.open == 0)

    def test_a_coroutines(self, away: Caller) -> None:
        text = "x" * 2_000_000
        assert away("bank.later", text) == text


def test_rows_in_a_thread(away: Caller) -> None:
    """The pool's threads have connections of their own, and see what was committed."""
    make_accounts([10, 20])
    assert away("bank.balance", 1) == Account.objects.get(uid=1).balance
    assert away.refine("bank.rich", Plan("bank.Account"), "rows", 5).columns[1] == [1, 2]


def test_cancelled_before_it_began(away: Caller) -> None:
    """A call that waits for a thread when it is cancelled is never executed."""
    ended = []

    def note(**kwargs: Any) -> None:
        ended.append((kwargs["outcome"], kwargs["elapsed"]))

    call_finished.connect(note)
    try:
        naps = [away.send("bank.nap", 0.3) for _ in range(4)]
        waiting = away.send("bank.nap", 100)
        away.cancel(waiting)
        for _ in naps:
            assert isinstance(away.receive(), Result)
        until(lambda: _turn(away, lambda: away.link.debt == 0))
    finally:
        call_finished.disconnect(note)
    assert sorted(outcome for outcome, _ in ended) == ["cancelled", *["result"] * 4]
