"""The event loop's thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chunnel.server.pools import loop
from chunnel.server.pools.loop import LoopThread

from .contract import until
from .sources import Line, Work, eventually


def receive(line: Line, work: Work) -> Any:
    """Be the owner of the line until the reply has come."""
    eventually(lambda: line.receive(0) or work.number in line.replies)
    return line.replies[work.number]


def coroutine(function: Any) -> Work:
    return Work(function, style="async")


def test_no_thread_before_the_first_job() -> None:
    line = Line()
    thread = LoopThread(line, 10)
    assert not [t for t in threading.enumerate() if t.name == "chunnel-loop"]
    thread.close()
    line.close()


def test_jobs_that_come_while_the_thread_starts() -> None:
    """None is forgotten between the first start and the loop."""

    async def one() -> int:
        return 1

    for _ in range(20):
        line = Line()
        thread = LoopThread(line, 10)
        works = [coroutine(one) for _ in range(5)]
        for work in works:
            assert thread.start(work)
        assert [receive(line, work) for work in works] == [1] * 5
        eventually(lambda t=thread: t.active == 0)
        thread.close()
        line.close()


def test_each_job_has_a_context_of_its_own() -> None:
    """What one coroutine sets, another does not see."""
    from contextvars import ContextVar

    variable: ContextVar[int] = ContextVar("variable", default=0)

    async def increment() -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    line = Line()
    thread = LoopThread(line, 10)
    works = [coroutine(increment) for _ in range(3)]
    for work in works:
        thread.start(work)
    assert [receive(line, work) for work in works] == [1, 1, 1]
    thread.close()
    line.close()


def test_close_cancels_and_cleans_up() -> None:
    """Tasks are cancelled, async generators closed, the hook called; then nothing starts."""
    seen: list[str] = []
    started = threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            seen.append("generator closed")

    async def endless() -> None:
        generator = numbers()
        await anext(generator)
        started.set()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    line = Line()
    thread = LoopThread(line, 10, lambda: seen.append(threading.current_thread().name))
    work = coroutine(endless)
    thread.start(work)
    assert started.wait(10)
    thread.close()
    assert sorted(seen) == ["cancelled", "chunnel-loop", "generator closed"]
    assert not thread.start(work)
    assert not line.outbox
    line.close()


def test_a_loop_that_is_blocked_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that never yields cannot keep the process from stopping."""
    monkeypatch.setattr(loop, "FAREWELL", 0.01)
    go, blocked = threading.Event(), threading.Event()

    async def block() -> None:
        blocked.set()
        go.wait(20)

    line = Line()
    thread = LoopThread(line, 10)
    thread.start(coroutine(block))
    assert blocked.wait(10)
    thread.close()
    assert "blocks the event loop" in caplog.text
    go.set()
    eventually(lambda: not [t for t in threading.enumerate() if t.name == "chunnel-loop"])
    line.close()


def test_the_bound() -> None:
    done = threading.Event()

    async def wait() -> None:
        await until(done.is_set)

    line = Line()
    thread = LoopThread(line, 2)
    assert [thread.start(coroutine(wait)) for _ in range(3)] == [True, True, False]
    done.set()
    eventually(lambda: thread.active == 0)
    assert thread.start(coroutine(wait))
    eventually(lambda: thread.active == 0, str(time.monotonic()))
    thread.close()
    line.close()
