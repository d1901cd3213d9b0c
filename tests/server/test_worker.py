"""Workers: addresses, settings, starting and stopping, over memory and real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chunnel.conf import Bind
from chunnel.registry import registry
from chunnel.server.worker import Lent, Worker, new_instance, protocol_limits
from chunnel.transports import AddressInUse

from .caller import PATIENCE, Caller, Failed, served, server_settings, until


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
            assert len(worker.dispatchers) == 2
            for endpoint in worker.endpoints:
                call = Caller(endpoint, worker.dispatchers[0])
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
        call = Caller("memory://stopping", worker.dispatchers[0])
        call_id = call.send("bank.nap", 0.2)
        until(lambda: worker.dispatchers[0].open == 1)
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


class TestLent:
    def test_in_the_callers_thread(self) -> None:
        registry_ = type(registry)()
        from chunnel.registry import expose

        expose(threading.get_ident, name="ident", app_label="x", registry=registry_)
        lent = Lent(server_settings(), ("memory://ident",), registry=registry_)
        call = Caller("memory://ident", lent.dispatcher)
        try:
            assert call("x.ident") == threading.get_ident()
        finally:
            call.close()
            lent.close()

    def test_a_call_may_call_its_own_project(self) -> None:
        """Through the same endpoint, as deep as it likes, from functions and from streams."""
        from chunnel.registry import expose

        own = type(registry)()

        def ask(depth: int) -> list[int]:
            if not depth:
                return [0]
            caller = Caller("memory://nested", lent.dispatcher)
            try:
                return [depth, *caller("x.ask", depth - 1), *caller("x.stream", depth - 1)]
            finally:
                caller.close()

        def stream(depth: int) -> Iterator[int]:
            for _ in range(3):
                yield from ask(depth)

        expose(ask, app_label="x", registry=own)
        expose(stream, app_label="x", registry=own)
        lent = Lent(server_settings(), ("memory://nested",), registry=own)
        call = Caller("memory://nested", lent.dispatcher)
        try:
            assert call("x.ask", 1) == [1, 0, 0, 0, 0]
            assert call("x.stream", 2) == 3 * ask(2)
        finally:
            call.close()
            lent.close()
