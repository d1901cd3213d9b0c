"""What all pools share: their options, loading by name, and helpers."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chunnel.server.pools import load
from chunnel.server.pools.base import Pool, all_stuck, end_thread, perform
from chunnel.server.pools.handover import HandoverPool

from .sources import Line, Work


class OwnPool(Pool):
    name = "own"

    def run(self) -> None: ...

    def stop(self, grace: float) -> None: ...


def test_load_a_shipped_pool() -> None:
    assert load("threads") is HandoverPool
    assert load("gevent").name == "gevent"


def test_load_ones_own() -> None:
    assert load(f"{__name__}.OwnPool") is OwnPool


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("thread", "'thread' is neither one of 'threads', 'gevent' nor the dotted path"),
        ("nowhere.Pool", "'nowhere.Pool' cannot be imported"),
        (f"{__name__}.Nothing", "cannot be imported"),
        (f"{__name__}.Line", "is not a subclass of chunnel.server.pools.base.Pool"),
        (f"{__name__}.test_load_ones_own", "is not a subclass"),
    ],
)
def test_load_says_what_is_wrong(name: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        load(name)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "concurrency must be at least 1, not 0"),
        ({"streams": -1}, "streams must be at least 0, not -1"),
        ({"queue": -1}, "queue must be at least 0, not -1"),
    ],
)
def test_bounds_are_checked(options: dict[str, Any], words: str) -> None:
    line = Line()
    with pytest.raises(ValueError, match=words):
        OwnPool(line, **options)
    line.close()


def test_all_stuck() -> None:
    """Every job must be late; a job without a deadline, or no job at all, is none of them."""
    now = time.monotonic()
    late, early, endless = (Work(name=str(d), deadline=d) for d in (now - 10, now + 10, None))
    assert all_stuck([late, late], 5) == [late.name] * 2
    assert all_stuck([late, late], 15) == []
    assert all_stuck([late, early], 5) == []
    assert all_stuck([late, endless], 5) == []
    assert all_stuck([late, None], 5) == []
    assert all_stuck([], 5) == []


def test_perform_logs_what_a_job_must_not_raise(caplog: pytest.LogCaptureFixture) -> None:
    def leave() -> None:
        raise SystemExit(3)

    line = Line()
    perform(Work(leave, name="leaver"), line)
    assert "call to leaver failed in the pool" in caplog.text
    assert not line.outbox
    line.close()


def test_a_hook_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("hook")

    end_thread(fail)
    end_thread(None)
    assert "on_thread_end failed" in caplog.text
