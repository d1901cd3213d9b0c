"""A stream without a server has the manners of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chunnel.test.streams import FakeStream


def counting(closed: list[str]) -> Iterator[int]:
    try:
        yield from range(3)
    finally:
        closed.append("closed")


async def acounting(closed: list[str]) -> AsyncIterator[int]:
    try:
        for number in range(3):
            yield number
    finally:
        closed.append("closed")


def test_it_ends_the_generator_behind() -> None:
    closed: list[str] = []
    with FakeStream(counting(closed)) as stream:
        assert next(stream) == 0
        assert closed == []
    assert closed == ["closed"]
    assert list(FakeStream(iter([1, 2]))) == [1, 2]


@pytest.mark.parametrize("make", [counting, acounting])
def test_in_asynchronous_code(make: Any) -> None:
    """Both kinds of generators are read and ended there."""

    async def read() -> list[int]:
        closed: list[str] = []
        found = []
        async with FakeStream(make(closed)) as stream:
            async for number in stream:
                found.append(number)
                if number == 1:
                    break
        assert closed == ["closed"]
        return found

    assert asyncio.run(read()) == [0, 1]
