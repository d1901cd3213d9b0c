"""Streams: the answers that come piece by piece, under credit.

The rules:

* Nothing is read ahead of its consumer beyond the credit granted with the CALL. A chunk counts as
  consumed when the next one is asked for, and what was consumed is granted anew when it reaches
  half of the window: the server then always has the other half to send from, so neither side
  stalls.
* A stream ends once: with END, with a failure, by ``close()``, or because nobody holds it any
  more. The last may happen in any thread, at any moment, inside any lock; so ``__del__`` only puts
  the feed into a queue, and whoever calls the remote next, in any way, cancels it.
* One consumer at a time, synchronous or not. A stream that was not opened yet is opened by its
  first consumer in his own way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..exceptions import UNSET
from ..protocol.credit import cost
from ..protocol.errors import LocalProtocolError, RemoteProtocolError
from ..protocol.messages import Cancel, Chunk, Credit, End, Failure, GrantCredit
from ..transports.base import PipeClosed
from .answers import Answer, Late, Wedged, receive
from .exchanges import WINDOW, Exchange
from .lifecycle import forbid_event_loop

if TYPE_CHECKING:
    from .calling import Caller
    from .connections import Connection
    from .endpoints import Endpoints

_HALF: Final = Credit(WINDOW.items // 2, WINDOW.bytes // 2)
_NOTHING: Final = object()


class Feed(Protocol):
    """Where a stream's messages come from."""

    def next(self, deadline: float | None) -> Answer:
        """Return the next message; raise Late at ``deadline``, or what the caller is to see.

        After anything but Late the feed is finished.
        """

    async def anext(self, deadline: float | None) -> Answer:
        """The same in an event loop."""

    def grant(self, credit: Credit) -> None:
        """Allow the server so much more."""

    def finish(self) -> None:
        """The last message has come."""

    def cancel(self) -> None:
        """Tell the server that nobody wants the rest."""

    def forsake(self) -> None:
        """Have it cancelled later. For any thread at any moment: takes no lock, never waits."""


class PooledFeed:
    """Reads the messages of one call from a connection that was borrowed for it."""

    def __init__(
        self,
        connection: Connection,
        exchange: Exchange,
        endpoints: Endpoints,
        unresponsive_after: float,
    ):
        self._connection = connection
        self._exchange = exchange
        self._endpoints = endpoints
        self._unresponsive_after = unresponsive_after

    def next(self, deadline: float | None) -> Answer:
        connection = self._connection
        pool = connection.place.pool
        exchange = self._exchange
        try:
            return receive(
                connection.link,
                exchange.call_id,
                deadline,
                self._unresponsive_after,
                time.monotonic(),
            )
        except Late:
            raise
        except Wedged as error:
            pool.lost(connection)
            self._endpoints.failed(pool.endpoint, "wedged")
            raise exchange.wedged(error.seconds) from None
        except PipeClosed as error:
            pool.lost(connection)
            raise exchange.lost(error.reason) from None
        except (RemoteProtocolError, LocalProtocolError) as error:
            pool.lost(connection)
            raise exchange.violated(str(error)) from None
        except BaseException:
            self.cancel()
            raise

    async def anext(self, deadline: float | None) -> Answer:
        return await asyncio.to_thread(self.next, deadline)

    def grant(self, credit: Credit) -> None:
        try:
            self._connection.link.send(GrantCredit(self._exchange.call_id, credit))
        except PipeClosed:
            return  # what arrived before the loss is still to be read; then ``next`` reports it

    def finish(self) -> None:
        self._connection.place.pool.give_back(self._connection)

    def cancel(self) -> None:
        abandon(self._connection, self._exchange.call_id)

    def forsake(self) -> None:
        if self._endpoints.closed:  # nobody borrows there any more
            self._connection.link.close()
        else:
            self._endpoints.abandoned.append(self)


def abandon(connection: Connection, call_id: bytes) -> None:
    """Tell the server that nobody wants the answer, and give the connection back with that debt."""
    pool = connection.place.pool
    try:
        connection.link.send(Cancel(call_id))
    except (PipeClosed, LocalProtocolError):
        pool.close(connection)
    else:
        pool.give_back(connection)


class Stream:
    """The items of an answer that streams: iterate with ``for`` or ``async for``.

    Leaving early is fine: the rest is cancelled when the stream is closed (``close()``,
    ``aclose()``, ``with``, ``async with``) or no longer held. Iterating raises what the server
    raised, after the items that came before it, or a CallError.
    """

    __slots__ = ("__weakref__", "_caller", "_consumed", "_current", "_exchange", "_feed", "_last")

    def __init__(self, exchange: Exchange, caller: Caller | None, feed: Feed | None):
        self._exchange = exchange
        self._caller = caller  # until it is opened
        self._feed = feed  # while it is open
        self._current: Iterator[Any] = iter(())
        self._consumed = Credit(0, 0)
        self._last: Chunk | None = None

    @classmethod
    def later(cls, caller: Caller, exchange: Exchange) -> Stream:
        """Return a stream whose call is made when its first item is asked for."""
        return cls(exchange, caller, None)

    @classmethod
    def opened(cls, exchange: Exchange, feed: Feed, first: Chunk) -> Stream:
        """Return the stream of a call that was answered by ``first``."""
        stream = cls(exchange, None, feed)
        stream._take(first)
        return stream

    def __repr__(self) -> str:
        state = "open" if self._feed else "closed" if self._caller is None else "not opened yet"
        return f"<Stream {self._exchange.alias}.{self._exchange.name}, {state}>"

    # Iteration

    def __iter__(self) -> Iterator[Any]:
        # The chain steps from item to item without a call of Python code; it holds this stream, and
        # the stream does not hold it, so that leaving a loop drops both at once.
        return chain.from_iterable(self._lists())

    def _lists(self) -> Iterator[Iterator[Any]]:
        yield self._current
        while self._advance():
            yield self._current

    def __next__(self) -> Any:
        while True:
            item = next(self._current, _NOTHING)
            if item is not _NOTHING:
                return item
            if not self._advance():
                raise StopIteration

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while True:
            item = next(self._current, _NOTHING)
            if item is not _NOTHING:
                return item
            if not await self._aadvance():
                raise StopAsyncIteration

    def _advance(self) -> bool:
        """Fetch the next chunk; return False at the end."""
        if self._caller is not None:
            forbid_event_loop(self._exchange.alias, self._exchange.name)
            self._exchange.begin()
            self._open(self._caller.perform(self._exchange))
            return True
        feed = self._feed
        if feed is None:
            return False
        forbid_event_loop(self._exchange.alias, self._exchange.name)
        self._grant(feed)
        try:
            answer = feed.next(self._deadline())
        except Late:
            raise self._late(feed) from None
        except BaseException:
            self._feed = None
            raise
        return self._take(answer)

    async def _aadvance(self) -> bool:
        if self._caller is not None:
            self._exchange.begin()
            self._open(await self._caller.aperform(self._exchange))
            return True
        feed = self._feed
        if feed is None:
            return False
        self._grant(feed)
        try:
            answer = await feed.anext(self._deadline())
        except Late:
            raise self._late(feed) from None
        except BaseException:
            self._feed = None
            raise
        return self._take(answer)

    def _open(self, answer: Any) -> None:
        self._caller = None
        if not isinstance(answer, Stream):
            raise TypeError(
                f"{self._exchange.alias}.{self._exchange.name}() does not stream; it returned "
                f"{type(answer).__name__}"
            )
        answer.hand_over(self)

    def hand_over(self, other: Stream) -> None:
        """Let another stream go on where this one stands."""
        other._feed, self._feed = self._feed, None
        other._current, other._last = self._current, self._last

    def _take(self, answer: Answer) -> bool:
        feed = self._feed
        assert feed is not None
        if isinstance(answer, Chunk):
            self._last = answer
            if answer.items or answer.body:
                try:
                    self._current = iter(self._exchange.items(answer))
                except BaseException:
                    self.close()
                    raise
            return True
        # Nothing else ends a stream, and no part comes in one: the link would have refused it.
        self._feed = None
        feed.finish()
        if isinstance(answer, Failure):
            raise self._exchange.failed(answer)
        assert isinstance(answer, End)
        return False

    def _grant(self, feed: Feed) -> None:
        """Count the last chunk as consumed."""
        last, self._last = self._last, None
        assert last is not None  # a stream is open from its first chunk, and each replaces the last
        items, size = cost(last)
        items, size = self._consumed.items + items, self._consumed.bytes + size
        if items >= _HALF.items or size >= _HALF.bytes:
            feed.grant(Credit(items, size))
            items = size = 0
        self._consumed = Credit(items, size)

    def _deadline(self) -> float | None:
        deadline = self._exchange.deadline
        idle = self._exchange.options.idle
        if idle is UNSET or idle is None:
            return deadline
        until = time.monotonic() + idle  # type: ignore[operator]
        return until if deadline is None else min(until, deadline)

    def _late(self, feed: Feed) -> Exception:
        self._feed = None
        feed.cancel()
        exchange = self._exchange
        now = time.monotonic()
        idle = exchange.options.idle
        if isinstance(idle, int | float) and (exchange.deadline is None or now < exchange.deadline):
            return exchange.stalled(idle, idle=True)
        return exchange.stalled(now - exchange.began, idle=False)

    # The end

    def close(self) -> None:
        """Cancel what has not come yet. Closing twice does nothing."""
        feed, self._feed = self._feed, None
        self._caller = None
        self._current = iter(())
        if feed is not None:
            feed.cancel()

    async def aclose(self) -> None:
        """The same from asynchronous code; it never waits."""
        self.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        feed = getattr(self, "_feed", None)
        if feed is not None:
            self._feed = None
            feed.forsake()
