"""The way of a synchronous call: borrow, send, read one's own answer, give back.

Everything here is done by the calling thread. What may be tried again and what an end means is
decided in ``exchanges``; which endpoint comes next in ``endpoints``. This file only walks.

However a call ends, the connection it borrowed is accounted for exactly once: given back, closed,
lost, or handed to a stream that does so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..exceptions import CallError, RemoteError, SerializationError
from ..protocol.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from ..protocol.messages import Busy, Chunk, Failure, GrantCredit, Result
from ..transports.base import PipeClosed
from .answers import Answer, Late, Wedged, receive
from .connections import Connection, NoRoom, Unreachable
from .endpoints import Endpoints, cancel_all
from .inquiries import effect_of
from .streams import PooledFeed, Stream, abandon

if TYPE_CHECKING:
    from ..schema import Schema
    from .calling import Caller
    from .connections import Place
    from .exchanges import Exchange


def perform(caller: Caller, endpoints: Endpoints, exchange: Exchange) -> Any:
    """Carry the call out and return its value or its Stream; raise what ended it."""
    if endpoints.abandoned:
        cancel_all(endpoints.abandoned)
    while True:
        place = endpoints.pick(exchange.tried, exchange.options.endpoint)
        if place is None:
            raise exchange.unreachable()
        now = exchange.began
        connection = None if exchange.attempts else place.pool.take(place, now)
        if connection is None:
            connection = _borrow(caller, endpoints, exchange, place)
            if connection is None:
                continue
            now = time.monotonic()
        link = connection.link
        try:
            link.send(exchange.message(connection.place, now))
        except PipeClosed as error:
            _not_sent(endpoints, exchange, connection, error.reason)
            continue
        except MessageTooLarge as error:
            connection.place.pool.give_back(connection)
            raise SerializationError(str(error), "args") from None
        except BaseException:
            connection.place.pool.close(connection)
            raise
        answer = _answer(caller, endpoints, exchange, connection, now)
        if type(answer) is Result:
            connection.place.pool.give_back(connection)
            return caller.serializer.loads(answer.body, answer.blobs, lift=exchange.lift)
        if answer is None:
            continue
        if type(answer) is Busy:
            _refused(endpoints, exchange, connection, answer)
            continue
        return _conclude(caller, endpoints, exchange, connection, answer)


def _borrow(
    caller: Caller, endpoints: Endpoints, exchange: Exchange, place: Place
) -> Connection | None:
    """Return a connection, or None if the endpoint is dead and the next one is to be asked."""
    deadline = exchange.first_deadline
    dial_timeout = caller.dial_timeout
    began = time.monotonic()
    if deadline is not None:
        left = deadline - began
        if left <= 0:
            raise exchange.timed_out(began - exchange.began, sent=False)
        # Each endpoint gets an equal part of what is left, so that one that never answers does not
        # use up the time of the others.
        others = len(endpoints.pools) - len(exchange.tried)
        dial_timeout = min(dial_timeout, left / max(1, others))
    try:
        connection = place.pool.borrow(place, deadline, dial_timeout)
        if endpoints.ejected:
            endpoints.recovered(place.endpoint)
        return connection
    except Unreachable as error:
        endpoints.failed(place.endpoint, str(error))
        exchange.note(place.endpoint, str(error), began)
        return None
    except NoRoom as error:
        raise exchange.no_room(str(error)) from None


def _not_sent(
    endpoints: Endpoints, exchange: Exchange, connection: Connection, reason: str
) -> None:
    """Account for a connection that took no message; an old one says nothing of its endpoint."""
    place = connection.place
    place.pool.lost(connection)
    if connection.used:
        exchange.note_stale(place.endpoint, reason, exchange.sent)
    else:
        exchange.note(place.endpoint, reason, exchange.sent)
        endpoints.failed(place.endpoint, reason)


def _refused(endpoints: Endpoints, exchange: Exchange, connection: Connection, busy: Busy) -> None:
    """Let the call be made elsewhere, if there is an elsewhere; else raise ServerBusy."""
    place = connection.place
    retired = connection.link.retired
    place.pool.give_back(connection)
    if retired:
        # It crossed a GOAWAY, which is about the connection and not about the endpoint.
        exchange.note_stale(place.endpoint, busy.message, exchange.sent)
        return
    exchange.note(place.endpoint, "busy", exchange.sent, again=place)
    if endpoints.pick(exchange.tried, exchange.options.endpoint) is None:
        raise exchange.busy(busy.message)


def _answer(
    caller: Caller, endpoints: Endpoints, exchange: Exchange, connection: Connection, now: float
) -> Answer | None:
    """Return the next message about the call, or None if the call may be made again elsewhere.

    Otherwise raise, with the connection accounted for.
    """
    place = connection.place
    pool = place.pool
    try:
        return receive(
            connection.link,
            exchange.call_id,
            exchange.first_deadline,
            caller.unresponsive_after,
            now,
        )
    except Late:
        abandon(connection, exchange.call_id)
        raise exchange.timed_out(time.monotonic() - exchange.began, sent=True) from None
    except Wedged as error:
        pool.lost(connection)
        endpoints.failed(place.endpoint, "wedged")
        raise exchange.wedged(error.seconds) from None
    except PipeClosed as error:
        # The call has left, whatever ``error.sent`` says of a PING or PONG after it.
        pool.lost(connection)
        exchange.note_lost(place.endpoint, error.reason)
        if not _may_repeat(caller, endpoints, exchange):
            raise exchange.lost(error.reason) from None
        return None
    except (RemoteProtocolError, LocalProtocolError) as error:
        pool.lost(connection)
        raise exchange.violated(str(error)) from None
    except BaseException:
        # A KeyboardInterrupt or a greenlet's Timeout: nobody waits for the answer any more.
        abandon(connection, exchange.call_id)
        raise


def _may_repeat(caller: Caller, endpoints: Endpoints, exchange: Exchange) -> bool:
    """Say whether a call that was lost may be made elsewhere, and whether there is an elsewhere.

    What the called function does is looked up in the schema, which is fetched if it is not held.
    """
    if exchange.has_parts or exchange.repeatable is False:
        return False
    if endpoints.pick(exchange.tried, exchange.options.endpoint) is None:
        return False
    if exchange.repeatable is None:
        schema = caller.current_schema or fetch_schema(caller, endpoints, exchange.inquiry())
        if schema is not None:
            exchange.effect = effect_of(schema, exchange.name)
    return bool(exchange.repeatable)


def fetch_schema(caller: Caller, endpoints: Endpoints, inquiry: Exchange) -> Schema | None:
    """Return the schema that the inquiry brings, or None if it brings none."""
    try:
        return caller.keep_schema(perform(caller, endpoints, inquiry))
    except (CallError, RemoteError, ValueError):
        return None


def _conclude(
    caller: Caller,
    endpoints: Endpoints,
    exchange: Exchange,
    connection: Connection,
    answer: Answer,
) -> Any:
    """End a call whose first answer was no RESULT."""
    pool = connection.place.pool
    if type(answer) is Failure:
        pool.give_back(connection)
        raise exchange.failed(answer)
    assert type(answer) is Chunk
    if answer.part:
        return _assemble(caller, endpoints, exchange, connection, answer)
    if not pool.becomes_stream(connection):
        abandon(connection, exchange.call_id)
        raise exchange.no_room(f"{pool.stream_limit} streams from {pool.endpoint} are open")
    feed = PooledFeed(connection, exchange, endpoints, caller.unresponsive_after)
    return Stream.opened(exchange, feed, answer)


def _assemble(
    caller: Caller,
    endpoints: Endpoints,
    exchange: Exchange,
    connection: Connection,
    answer: Answer,
) -> Any:
    """Read a large result to its end, granting credit for each part as it comes."""
    pool = connection.place.pool
    # The server has begun to answer: only a deadline for the whole call counts from now on.
    exchange.first_deadline = exchange.deadline
    while type(answer) is Chunk:
        grant = exchange.add_part(answer)
        if grant is None:
            abandon(connection, exchange.call_id)
            raise exchange.too_large()
        try:
            connection.link.send(GrantCredit(exchange.call_id, grant))
        except PipeClosed as error:
            pool.lost(connection)
            raise exchange.lost(error.reason) from None
        following = _answer(caller, endpoints, exchange, connection, time.monotonic())
        assert following is not None  # what has begun to come is never asked for again
        answer = following
    pool.give_back(connection)
    if type(answer) is Failure:
        raise exchange.failed(answer)
    return exchange.whole()
