"""Streams without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any


class FakeStream:
    """The items of a fake, with the manners of a stream: ``for``, ``async for``, ``with``."""

    def __init__(self, items: Iterable[Any] | AsyncIterator[Any]):
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._items)  # type: ignore[call-overload]

    def __aiter__(self) -> FakeStream:
        return self

    async def __anext__(self) -> Any:
        if hasattr(self._items, "__anext__"):
            return await self._items.__anext__()
        for item in self._items:
            return item
        raise StopAsyncIteration

    def close(self) -> None:
        """End the generator behind."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()

    async def aclose(self) -> None:
        """The same from asynchronous code."""
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()
        else:
            self.close()

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> FakeStream:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
