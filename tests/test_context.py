"""What a served function can know of its call, in every style."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chunnel.context import ServedCall, current_call
from chunnel.registry import Registry, expose

from .server.caller import Caller, lent, served


def told() -> list[Any]:
    call = current_call()
    assert call is not None
    left = call.remaining()
    return [call.id, call.name, call.project, call.hops, call.meta["own.key"], left is not None]


async def told_async() -> list[Any]:
    await asyncio.sleep(0)
    return told()


def stream() -> Iterator[list[Any]]:
    for _ in range(2):
        yield told()


async def stream_async() -> AsyncIterator[list[Any]]:
    for _ in range(2):
        await asyncio.sleep(0)
        yield told()


def registry() -> Registry:
    made = Registry()
    for function in (told, told_async, stream, stream_async):
        expose(function, app_label="x", registry=made)
    return made


def ask(call: Caller, name: str, remaining: int | None) -> tuple[str, Any]:
    """Return the id of a call and what it was answered; a stream's items must all be the same."""
    meta: dict[str, Any] = {"hops": ["tax", "government"], "own.key": 7}
    if remaining is not None:
        meta["remaining"] = remaining
    call_id = call.send(name, _meta=meta)
    found = call.finish(call_id)
    if isinstance(found[0], list):
        found, again = found
        assert found == again
    return call_id.hex(), found


@pytest.mark.parametrize("name", ["x.told", "x.told_async", "x.stream", "x.stream_async"])
@pytest.mark.parametrize("where", [lent, served])
def test_each_style_knows_its_own_call(name: str, where: Any) -> None:
    """In the caller's thread as in one of a pool; two calls are not mixed up."""
    with where(registry=registry()) as call:
        for remaining in (60_000, None):
            call_id, found = ask(call, name, remaining)
            hops = ("tax", "government")
            assert found == [call_id, name, "government", hops, 7, remaining is not None]
    assert current_call() is None


def test_outside_a_call_there_is_none() -> None:
    assert current_call() is None


def test_the_time_that_remains() -> None:
    """Never below zero, and None where the caller waits for ever."""
    assert ServedCall("1", "x.y", "peer").remaining() is None
    assert ServedCall("1", "x.y", "peer", deadline=time.monotonic() - 5).remaining() == 0
    left = ServedCall("1", "x.y", "peer", deadline=time.monotonic() + 100).remaining()
    assert left is not None
    assert 0 < left <= 100
