"""Workers: addresses, settings, starting and stopping, over memory and real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chunnel.conf import Bind
from chunnel.protocol.messages import Busy, Credit
from chunnel.registry import Registry, expose, registry
from chunnel.server.pools.base import PoolStuck
from chunnel.server.worker import Lent, Worker, new_instance, protocol_limits
from chunnel.transports import AddressInUse
from chunnel.transports.base import PipeClosed

from .caller import PATIENCE, Caller, Failed, dispatchers, lent, served, server_settings, until


def run(worker: Worker) -> threading.Thread:
    thread = threading.Thread(target=worker.run)
    thread.start()
    return thread


class TestOpening:
    def test_the_address_as_bound(self) -> None:
        worker = Worker.open(server_settings(binds=(Bind("tcp://127.0.0.1:0"),)))
        try:
            (endpoint,) = worker.endpoints
            assert not endpoint.endswith(":0")
            with pytest.raises(AddressInUse, match=endpoint.rpartition(":")[2]):
                Worker.open(server_settings(binds=(Bind(endpoint),)))
        finally:
            worker.close()

    def test_nothing_is_left_open(self) -> None:
        """Neither after an address that is taken nor after one that makes no sense."""
        first = Bind("memory://opening")
        for second in (Bind("carrier://pigeon"), Bind("memory://x", "nowhere.Transport")):
            with pytest.raises(ImproperlyConfigured):
                Worker.open(server_settings(binds=(first, second)))
        with pytest.raises(ImproperlyConfigured, match="POOL 'none'"):
            Worker.open(server_settings(binds=(first,), pool="none"))
        Worker.open(server_settings(binds=(first,))).close()

    def test_faulty_limits(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="LIMITS"):
            protocol_limits(server_settings(limits={"MAX_MESSAGE": 1}))
        limits = protocol_limits(server_settings(limits={"MAX_MESSAGE": 2**20, "QUERY_LIST": 5}))
        assert limits.max_message == 2**20

    def test_frames_are_as_large_as_messages(self) -> None:
        """A larger ``max_message`` raises ``max_frame`` with it, unless that was set too low."""
        limits = {"max_message": 80_000_000}
        bind = Bind("tcp://127.0.0.1:0", options={"max_frame": 70_000_000})
        with pytest.raises(ImproperlyConfigured, match="max_frame is 70000000 bytes, less than"):
            Worker.open(server_settings(binds=(bind,), limits=limits))
        Worker.open(
            server_settings(
                binds=(replace(bind, options={"max_frame": 80_000_000}),), limits=limits
            )
        ).close()
        worker = Worker.open(server_settings(binds=(replace(bind, options={}),), limits=limits))
        thread = run(worker)
        try:
            call = Caller(worker.endpoints[0], dispatchers(worker)[0])
            data = b"x" * 79_000_000
            assert call("bank.length", data) == len(data)
            call.close()
        finally:
            worker.stop(1)
            thread.join(PATIENCE)

    def test_instances_differ(self) -> None:
        assert new_instance() != new_instance()


class TestServing:
    def test_welcome(self) -> None:
        with served() as call:
            welcome = call.link.welcome
            assert welcome.project == "economy"
            assert welcome.serializers == ("msgpack", "json")
            assert welcome.fingerprint == call.dispatcher.schema.fingerprint
            assert welcome.instance == call.dispatcher.instance

    def test_several_addresses(self) -> None:
        """One transport's share a listener; another's has one of its own."""
        binds = (
            Bind("tcp://127.0.0.1:0"),
            Bind("memory://several"),
            Bind("tcp://127.0.0.1:0"),
        )
        worker = Worker.open(server_settings(binds=binds))
        thread = run(worker)
        try:
            assert len(worker.endpoints) == 3
            assert len(dispatchers(worker)) == 2
            for endpoint in worker.endpoints:
                call = Caller(endpoint, dispatchers(worker)[0])
                assert call("bank.echo", endpoint) == endpoint
                assert call.link.welcome.instance == worker.instance
                call.close()
        finally:
            worker.stop(1)
            thread.join(PATIENCE)
        assert not thread.is_alive()

    def test_stopping_waits_for_calls(self) -> None:
        settings = server_settings(binds=(Bind("memory://stopping"),))
        worker = Worker.open(settings)
        thread = run(worker)
        call = Caller("memory://stopping", dispatchers(worker)[0])
        call_id = call.send("bank.nap", 0.2)
        until(lambda: dispatchers(worker)[0].open == 1)
        worker.stop(10)
        assert call.finish(call_id) == 0.2
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert call.link.retired
        call.close()

    def test_past_the_bounds_it_is_busy(self) -> None:
        with served(concurrency=1, queue=0, streams=0) as call:
            first = call.send("bank.nap", 0.3)
            until(lambda: call.dispatcher.open == 1)
            with pytest.raises(AssertionError, match="Busy"):
                call("bank.nap", 0)
            with pytest.raises(AssertionError, match="Busy"):
                call("bank.statement", 1)
            assert call.finish(first) == 0.3
            assert call("chunnel.status")["open"] == 1

    def test_tracebacks(self) -> None:
        for allowed in (True, False, None):
            with served(expose_tracebacks=allowed) as call:
                with pytest.raises(Failed) as raised:
                    call("bank.fail", "value")
                assert ("traceback" in raised.value.details) is (allowed is True)

    def test_tracebacks_in_debug(self, settings: Any) -> None:
        settings.DEBUG = True
        with served() as call:
            with pytest.raises(Failed) as raised:
                call("bank.fail", "value")
            assert "in fail" in raised.value.details["traceback"]


TWO = (Bind("tcp://127.0.0.1:0"), Bind("tcp://127.0.0.1:0", options={"backlog": 50}))


class TestTwoListeners:
    """What one of them does is not without the other, whichever runs in the first thread."""

    @pytest.mark.parametrize("number", [0, 1])
    def test_calls_of_both_are_finished(self, number: int) -> None:
        worker = Worker.open(server_settings(binds=TWO))
        owner = dispatchers(worker)[number]
        thread = run(worker)
        call = Caller(worker.endpoints[number], owner)
        call_id = call.send("bank.nap", 0.5)
        until(lambda: owner.open == 1)
        worker.stop(PATIENCE)
        assert call.finish(call_id) == 0.5
        thread.join(PATIENCE)
        assert not thread.is_alive()
        call.close()

    @pytest.mark.parametrize("number", [0, 1])
    def test_a_link_that_breaks_ends_both(self, number: int) -> None:
        worker = Worker.open(server_settings(binds=TWO))
        with pytest.raises(OSError, match="on purpose"), ThreadPoolExecutor() as threads:
            running = threads.submit(worker.run)
            call = Caller(worker.endpoints[1 - number], dispatchers(worker)[1 - number])
            assert call("bank.echo", 1) == 1
            break_link(worker, number)
            running.result(PATIENCE)
        with pytest.raises(PipeClosed):
            call("bank.echo", 1)
        call.close()

    @pytest.mark.parametrize("number", [0, 1])
    def test_a_pool_that_is_stuck_ends_both(self, number: int) -> None:
        free, own = threading.Event(), Registry()
        expose(lambda: free.wait(PATIENCE), name="wait", app_label="x", registry=own)
        options = {"stuck_after": 0.01}
        settings = server_settings(binds=TWO, concurrency=1, options=options)
        worker = Worker.open(settings, registry=own)
        with pytest.raises(PoolStuck, match=r"x\.wait"), ThreadPoolExecutor() as threads:
            running = threads.submit(worker.run)
            call = Caller(worker.endpoints[number], dispatchers(worker)[number])
            call.send("x.wait", _meta={"remaining": 2_000})
            try:
                running.result(PATIENCE)
            finally:
                free.set()
        call.close()

    def test_where_the_system_gives_no_thread_all_is_closed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also what another listener had begun."""
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "chunnel-pool-3":
                raise RuntimeError("can't start new thread")
            start(thread)

        third = Bind("tcp://127.0.0.1:0", options={"backlog": 51})
        worker = Worker.open(server_settings(binds=(*TWO, third)))
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            worker.run()
        binds = tuple(map(Bind, worker.endpoints))
        Worker.open(server_settings(binds=binds)).close()


def break_link(worker: Worker, number: int) -> None:
    """Have the link of one listener fail."""

    def fail(timeout: float | None) -> None:
        raise OSError("on purpose")

    link = worker._services[number].link
    link.receive = fail  # type: ignore[method-assign]
    link.wake()


class TestTakingLeave:
    def test_a_large_answer_is_sent_to_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However long its caller takes, within the grace."""
        monkeypatch.setattr("chunnel.server.worker.LONGEST_FAREWELL", 0.0)
        monkeypatch.setattr("chunnel.server.worker.FAREWELL", 0.01)
        worker = Worker.open(server_settings(binds=(Bind("tcp://127.0.0.1:0"),)))
        thread = run(worker)
        call = Caller(worker.endpoints[0], dispatchers(worker)[0])
        value = b"x" * 20_000_000
        call_id = call.send("bank.blob", len(value), _credit=Credit(0, 0))
        until(lambda: dispatchers(worker)[0].flowing)
        worker.stop(PATIENCE)
        while not call.link.retired:
            call.receive()
        call.grant(call_id, 0, 300_000)
        assert call.finish(call_id) == value
        thread.join(PATIENCE)
        assert not thread.is_alive()
        call.close()

    def test_until_the_grace_is_over(self) -> None:
        worker = Worker.open(server_settings(binds=(Bind("tcp://127.0.0.1:0"),)))
        thread = run(worker)
        call = Caller(worker.endpoints[0], dispatchers(worker)[0])
        call.send("bank.blob", 20_000_000, _credit=Credit(0, 1))
        until(lambda: dispatchers(worker)[0].flowing)
        worker.stop(0.3)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        call.close()

    def test_a_call_that_was_on_its_way_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also when something woke the link first; and once the caller has left, it is over."""
        monkeypatch.setattr("chunnel.server.worker.LONGEST_FAREWELL", PATIENCE)
        monkeypatch.setattr("chunnel.server.worker.FAREWELL", PATIENCE)
        worker = Worker.open(server_settings(binds=(Bind("tcp://127.0.0.1:0"),)))
        service = worker._services[0]
        with ThreadPoolExecutor() as threads:
            connecting = threads.submit(Caller, worker.endpoints[0], service.dispatcher)
            until(lambda: service.source.receive(0.01) or connecting.done())
            call = connecting.result()
            service.source.wake()
            leaving = threads.submit(service.take_leave, 0.0)
            for _ in range(2):
                call_id = call.send("bank.echo", 1)
                assert call.receive() == Busy(call_id, "the server is stopping")
                service.source.wake()
            call.close()
            until(lambda: service.source.wake() or leaving.done())
        worker.close()


class TestLent:
    def test_coroutines_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chunnel.server.worker.COROUTINES", 1)
        go, own = threading.Event(), Registry()

        async def wait() -> str:
            while not go.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.001)
            return "through"

        expose(wait, app_label="x", registry=own)
        with lent(registry=own) as call:
            first = call.send("x.wait")
            second = call.send("x.wait")
            assert call.receive() == Busy(second, "too many coroutines are under way")
            go.set()
            assert call.finish(first) == "through"

    def test_all_streams_of_a_caller_who_left_are_closed(self) -> None:
        """Whoever waits in this server next does it for him."""
        own = Registry()
        closed: list[int] = []

        def numbers(stream: int) -> Iterator[int]:
            try:
                yield from range(100)
            finally:
                closed.append(stream)

        expose(numbers, app_label="x", registry=own)
        with lent(registry=own) as call:
            other = Caller(call.link.endpoint, call.dispatcher)
            for stream in range(3):
                other.send("x.numbers", stream, _credit=Credit(1, 1000))
                other.receive()
                other.receive()
            other.close()
            until(lambda: call.nothing_comes() and len(closed) == 3)
            assert call.dispatcher.open == 0

    def test_in_the_callers_thread(self) -> None:
        registry_ = type(registry)()
        from chunnel.registry import expose

        expose(threading.get_ident, name="ident", app_label="x", registry=registry_)
        server = Lent(server_settings(), ("memory://ident",), registry=registry_)
        call = Caller("memory://ident", server.dispatcher)
        try:
            assert call("x.ident") == threading.get_ident()
        finally:
            call.close()
            server.close()

    def test_a_call_may_call_its_own_project(self) -> None:
        """Through the same endpoint, as deep as it likes, from functions and from streams."""
        from chunnel.registry import expose

        own = type(registry)()

        def ask(depth: int) -> list[int]:
            if not depth:
                return [0]
            caller = Caller("memory://nested", server.dispatcher)
            try:
                return [depth, *caller("x.ask", depth - 1), *caller("x.stream", depth - 1)]
            finally:
                caller.close()

        def stream(depth: int) -> Iterator[int]:
            for _ in range(3):
                yield from ask(depth)

        expose(ask, app_label="x", registry=own)
        expose(stream, app_label="x", registry=own)
        server = Lent(server_settings(), ("memory://nested",), registry=own)
        call = Caller("memory://nested", server.dispatcher)
        try:
            assert call("x.ask", 1) == [1, 0, 0, 0, 0]
            assert call("x.stream", 2) == 3 * ask(2)
        finally:
            call.close()
            server.close()
