"""Django's hygiene around calls: connections, caches, language, time zone, context."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection, connections, reset_queries
from django.db.backends.signals import connection_created
from django.test import override_settings
from django.utils import timezone, translation

from chunnel.protocol.messages import Call, Result
from chunnel.registry import Registry, expose
from chunnel.server import hygiene
from chunnel.server.dispatcher import Dispatcher
from tests.apps.bank.models import Account

from .caller import Caller, lent, served, server_settings, until

mark: ContextVar[str] = ContextVar("mark", default="none")


class CountingCache(LocMemCache):
    """A cache that tells when it is closed."""

    closed = 0

    def close(self, **kwargs: Any) -> None:
        type(self).closed += 1


class StubbornCache(LocMemCache):
    def close(self, **kwargs: Any) -> None:
        raise OSError("the cache is gone")


def stain() -> dict[str, str]:
    """Tell the state of Django's globals, then leave dirt behind."""
    found = {
        "language": translation.get_language(),
        "zone": timezone.get_current_timezone_name(),
        "mark": mark.get(),
    }
    translation.activate("de")
    timezone.activate("Asia/Tokyo")
    mark.set("stained")
    return found


async def stain_async() -> dict[str, str]:
    return stain()


def stain_stream() -> Iterator[dict[str, str]]:
    yield stain()
    yield stain()


def cache_id(name: str = "default") -> tuple[int, int]:
    return id(caches[name]), threading.get_ident()


async def cache_id_async(name: str = "default") -> tuple[int, int]:
    return cache_id(name)


def connection_id() -> tuple[int, int]:
    connection.ensure_connection()
    return id(connection.connection), threading.get_ident()


def touch_nothing() -> int:
    return len(connections.all(initialized_only=True))


def query_log() -> int:
    list(Account.objects.all())
    return len(connection.queries_log)


def break_connection() -> None:
    connection.ensure_connection()
    connection.errors_occurred = True
    connection.connection.close()


async def count_async() -> int:
    return await Account.objects.acount()


FUNCTIONS: list[Callable[..., Any]] = [
    stain,
    stain_async,
    stain_stream,
    cache_id,
    cache_id_async,
    connection_id,
    touch_nothing,
    query_log,
    break_connection,
    count_async,
]


@pytest.fixture
def registry() -> Registry:
    found = Registry()
    for function in FUNCTIONS:
        # In the reading thread, so that all calls share one.
        expose(function, app_label="x", blocking=False, registry=found)
    return found


@pytest.fixture
def call(registry: Registry) -> Iterator[Caller]:
    with served(registry=registry) as caller:
        yield caller


CLEAN = {"language": "en", "zone": "UTC", "mark": "none"}


class TestContext:
    def test_each_call_begins_clean(self, call: Caller) -> None:
        for _ in range(3):
            assert call("x.stain") == CLEAN
            assert call("x.stain_async") == CLEAN

    def test_a_stream_keeps_its_own(self, call: Caller) -> None:
        first, second = call("x.stain_stream")
        assert first == CLEAN
        assert second == {"language": "de", "zone": "Asia/Tokyo", "mark": "stained"}

    def test_borrowed(self, registry: Registry) -> None:
        """A call in its caller's thread neither sees nor changes the caller's."""
        with lent(registry=registry) as caller, translation.override("fr"):
            mark.set("the caller's")
            assert caller("x.stain") == CLEAN
            assert caller("x.stain_stream")[0] == CLEAN
            assert translation.get_language() == "fr"
            assert timezone.get_current_timezone_name() == "UTC"
            assert mark.get() == "the caller's"


class TestCaches:
    def test_clients_live_as_long_as_their_thread(self, call: Caller) -> None:
        found = [tuple(call("x.cache_id")) for _ in range(20)]
        assert len(set(found)) == len({thread for _, thread in found})
        assert len({tuple(call("x.cache_id_async")) for _ in range(5)}) == 1

    def test_closed_after_each_call(self, call: Caller) -> None:
        """Also after those that never used them, for the base has them all."""
        backend = f"{__name__}.CountingCache"
        with override_settings(CACHES={"default": {"BACKEND": backend}}):
            CountingCache.closed = 0
            call("x.cache_id")
            call("x.touch_nothing")
            call("x.touch_nothing")
        assert CountingCache.closed >= 2  # the last may be under way

    def test_one_that_cannot_be_closed_fails_no_call(
        self, call: Caller, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nor does it keep the others open."""
        module = __name__
        stubborn = {
            "default": {"BACKEND": f"{module}.StubbornCache"},
            "other": {"BACKEND": f"{module}.CountingCache"},
        }
        with override_settings(CACHES=stubborn):
            CountingCache.closed = 0
            assert call("x.touch_nothing") == 0
            until(lambda: CountingCache.closed)
        assert "a cache could not be closed" in caplog.text
        assert "the cache is gone" in caplog.text

    def test_a_cache_that_cannot_be_had_harms_nobody_else(self, call: Caller) -> None:
        broken = {
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "broken": {"BACKEND": "nowhere.Cache"},
        }
        with override_settings(CACHES=broken):
            assert call("x.cache_id")


@pytest.mark.django_db(transaction=True)
class TestConnections:
    def test_kept_between_calls(self, call: Caller) -> None:
        """As many as threads, never as many as calls."""
        found = [call("x.connection_id") for _ in range(20)]
        assert len({tuple(each) for each in found}) == len({thread for _, thread in found})

    @pytest.fixture
    def opened(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
        """A list that grows with each connection opened; those in memory close like others."""
        found: list[Any] = []

        def note(**kwargs: Any) -> None:
            found.append(kwargs["connection"])

        monkeypatch.setattr(type(connections["default"]), "is_in_memory_db", lambda self: False)
        connection_created.connect(note)
        yield found
        connection_created.disconnect(note)

    @pytest.fixture
    def run(self, registry: Registry) -> Iterator[Callable[[str], None]]:
        """Run calls in one thread of the server's own, and no other."""
        dispatcher = Dispatcher(registry, server_settings(), post=lambda reply: None)
        body = dispatcher.serializers["msgpack"].dumps([[], {}]).body

        def run_one(name: str) -> None:
            reply = dispatcher.job(b"peer", Call(b"12345678", name, "msgpack", body)).run()
            assert reply is not None
            assert isinstance(reply.answer, Result)

        with ThreadPoolExecutor(1) as executor:
            yield lambda name: executor.submit(run_one, name).result()
            executor.submit(hygiene.end_thread).result()

    def test_closed_when_their_time_is_over(
        self, run: Callable[[str], None], opened: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("x.query_log")
        run("x.query_log")
        assert len(opened) == 1
        monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 0)
        opened[0].close_at = 0
        for count in (1, 2, 3):
            run("x.query_log")
            assert len(opened) == count + 1
            assert opened[-1].connection is None

    def test_an_unusable_one_is_replaced(
        self, run: Callable[[str], None], opened: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(type(connections["default"]), "is_usable", lambda self: False)
        run("x.break_connection")
        run("x.query_log")
        assert len(opened) == 2

    def test_the_log_of_queries_is_emptied(self, call: Caller, settings: Any) -> None:
        settings.DEBUG = True
        assert call("x.query_log") == call("x.query_log") > 0

    def test_coroutines(self, call: Caller) -> None:
        assert call("x.count_async") == 0
        assert call("x.count_async") == 0

    def test_borrowed_ones_are_left_alone(self, registry: Registry) -> None:
        """Not closed, not even if they are broken, and their log is kept."""
        with lent(registry=registry) as caller:
            reset_queries()
            with override_settings(DEBUG=True):
                list(Account.objects.all())
                caller("x.query_log")
            assert len(connection.queries_log) >= 2
            assert caller("x.connection_id")[0] == id(connection.connection)


@pytest.mark.django_db
def test_the_end_of_a_thread() -> None:
    """A thread knows the connections it opened, and none after its end."""
    seen: list[Any] = []

    def run() -> None:
        used = hygiene.base()
        hygiene.before()
        connection.ensure_connection()
        seen.append(list(hygiene._thread.connections or []))
        hygiene.after(used)
        hygiene.end_thread()
        seen.append(hygiene._thread.connections)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [each.alias for each in seen[0]] == ["default"]
    assert seen[1] is None


def test_what_fails_here_fails_no_call(
    call: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Any) -> None:
        raise OSError("the database is gone")

    wrapper = type(connections["default"])
    with monkeypatch.context() as patch:
        patch.setattr(wrapper, "close_if_unusable_or_obsolete", fail)
        patch.setattr(wrapper, "ensure_connection", lambda self: None)
        patch.setattr(hygiene, "_elsewhere", True)
        assert call("x.stain_async") == CLEAN
    assert call("x.stain") == CLEAN


def test_the_base_of_a_thread() -> None:
    assert hygiene.base() is hygiene.base()
    found = []
    thread = threading.Thread(target=lambda: found.append(hygiene.base()))
    thread.start()
    thread.join()
    assert found[0] is not hygiene.base()


def test_sync_to_async_is_known() -> None:
    """The thread that coroutines use for the database is asgiref's thread-sensitive one."""
    assert sync_to_async(connection_id)._thread_sensitive
