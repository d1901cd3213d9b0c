"""What the multiplexer keeps of one remote: its lines, and the calls on and before them.

A *line* is one connection that carries many calls at once; there is one to each process behind the
remote's endpoints. A call is in exactly one place at a time: on a line, parked until a connection
was dialled, waiting for room, or undecided (its line broke, and whether it may be made again
depends on a schema that is being fetched); or it has ended. Only the multiplexer's thread uses
what is defined here.

Whatever goes wrong while a call is brought to its next place ends this call with that error, and no
other: a call that is nowhere would be waited for in vain.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections import deque
from typing import TYPE_CHECKING

from ..exceptions import SerializationError
from ..protocol.errors import MessageTooLarge, ProtocolError
from ..protocol.messages import Busy, Cancel, Chunk, Credit, GrantCredit, Message
from ..transports.base import PipeClosed
from .answers import Answer, Patience, Wedged
from .connections import NoRoom, Unreachable
from .lines import MAX_LINE_IDLE, Line
from .threads import start_native
from .undecided import Undecided

if TYPE_CHECKING:
    from .calling import Caller
    from .connections import Connection, Place
    from .exchanges import Exchange
    from .multiplexer import Multiplexer
    from .pending import Outcome, Pending

logger = logging.getLogger("chunnel.client")


class Lane:
    """The lines of one remote and all its calls that have not ended."""

    def __init__(self, caller: Caller, multiplexer: Multiplexer):
        self.caller = caller
        self.endpoints = caller.make_endpoints(native=True)
        self._multiplexer = multiplexer
        self._lines: dict[Place, Line] = {}  # that take new calls
        self._retiring: set[Line] = set()  # that only finish what they have
        self._parked: dict[Place, list[Pending]] = {}  # by the place that is dialled for them
        self._waiting: deque[Pending] = deque()  # for room on a line
        self._undecided = Undecided(self, multiplexer)
        self._touched: set[Line] = set()  # to be read before the next poll
        self._by_descriptor: dict[int, Line] = {}
        self._closed = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (
            self._lines or self._retiring or self._parked or self._waiting or self._undecided.calls
        )

    def _all_lines(self) -> list[Line]:
        return [*self._lines.values(), *self._retiring]

    # Calls

    def start(self, pending: Pending) -> None:
        """Send the call where the balancer says, or where else there is hope; or end it."""
        try:
            self._start(pending)
        except Exception as error:
            logger.exception("%r could not be started", pending)
            self.end(pending, error)

    def _start(self, pending: Pending) -> None:
        exchange = _exchange(pending)
        full = False
        while not pending.ended:
            place = self.endpoints.pick(exchange.tried, exchange.options.endpoint)
            if place is None:
                self.end(pending, exchange.unreachable())
                return
            line = self._lines.get(place)
            if line is None:
                self._park(pending, place)
                return
            if not line.has_room and not full:
                full = True
                line = next((one for one in self._lines.values() if one.has_room), line)
            if not line.has_room or exchange.options.endpoint not in {None, line.place.endpoint}:
                self._waiting.append(pending)
                return
            if self._send_call(pending, line):
                return

    def _send_call(self, pending: Pending, line: Line) -> bool:
        """Return False if the call did not leave and is to be started again."""
        exchange = _exchange(pending)
        message = exchange.message(line.place, time.monotonic())
        try:
            line.link.send(message)
        except PipeClosed as error:
            if line.calls or line.connection.used:
                exchange.note_stale(line.place.endpoint, error.reason, exchange.sent)
            else:
                exchange.note(line.place.endpoint, error.reason, exchange.sent)
            self._lost(line, error.reason)
            return False
        except MessageTooLarge as error:
            self.end(pending, SerializationError(str(error), "args"))
            return True
        line.connection.used = True
        line.calls[message.call_id] = pending
        pending.line = line
        if line.patience is None:
            line.patience = Patience(self.caller.unresponsive_after, exchange.sent)
        self._touched.add(line)
        return True

    def end(self, pending: Pending, outcome: Outcome) -> None:
        """Put the last message into the call's mailbox."""
        if pending.ended:
            return
        pending.ended = True
        self._take_off(pending)
        self._multiplexer.ended()
        pending.mailbox.put(outcome)

    def _take_off(self, pending: Pending) -> None:
        """Take the call from wherever it is."""
        line = pending.line
        if line is not None:
            pending.line = None
            line.calls.pop(_exchange(pending).call_id, None)
            if not line.calls:
                line.patience = None
                line.idle_since = time.monotonic()
                if line.link.retired:
                    self._touched.add(line)  # whose reading closes it
            if self._waiting and line.has_room:
                self.start(self._waiting.popleft())
            return
        for parked in self._parked.values():
            if pending in parked:
                parked.remove(pending)
                return
        if pending in self._waiting:
            self._waiting.remove(pending)
        self._undecided.calls.discard(pending)

    def cancel(self, pending: Pending) -> None:
        """End a call that nobody waits for any more and that has not ended."""
        line = pending.line
        exchange = _exchange(pending)
        if line is not None:
            self._say(line, Cancel(exchange.call_id))
        self.end(pending, exchange.cancelled(sent=line is not None))

    def expire(self, pending: Pending) -> None:
        """End a call whose deadline has passed, unless its answer has begun."""
        if pending.streaming:
            return
        exchange = _exchange(pending)
        now = time.monotonic()
        if exchange.first_deadline is None or now < exchange.first_deadline:
            self._multiplexer.watch(pending)  # an answer in parts moved it
            return
        line = pending.line
        if line is not None:
            self._say(line, Cancel(exchange.call_id))
        self.end(pending, exchange.timed_out(now - exchange.began, sent=line is not None))

    def grant(self, pending: Pending, credit: Credit) -> None:
        """Allow the server so much more of a stream that is still open."""
        if not pending.ended and pending.line is not None:
            self._say(pending.line, GrantCredit(_exchange(pending).call_id, credit))

    def _say(self, line: Line, message: Message) -> None:
        """Send a message that may be lost: if the line is gone, its reading tells."""
        self._touched.add(line)
        try:
            line.link.send(message)
        except (PipeClosed, ProtocolError):
            return

    # Lines

    def _park(self, pending: Pending, place: Place) -> None:
        """Keep the call until a connection for it is there, and have one dialled."""
        parked = self._parked.get(place)
        if parked is not None:
            parked.append(pending)
            return
        self._parked[place] = [pending]
        pool, timeout, began = place.pool, self.caller.dial_timeout, time.monotonic()

        def dial() -> None:
            try:
                connection = pool.borrow(place, began + timeout, timeout)
            except (Unreachable, NoRoom) as error:
                reason = str(error)
                self._multiplexer.post(lambda: self._not_dialled(place, reason, began))
            except Exception as error:  # noqa: BLE001 - it is raised to those who wait
                failure = error
                self._multiplexer.post(lambda: self._cannot_dial(place, failure))
            except BaseException as error:
                reason = repr(error)
                self._multiplexer.post(lambda: self._not_dialled(place, reason, began))
                raise
            else:
                self._multiplexer.post(lambda: self._dialled(place, connection))

        try:
            start_native(dial, "chunnel-dial")
        except RuntimeError as error:  # no more threads
            self._not_dialled(place, str(error), began)

    def _dialled(self, wanted: Place, connection: Connection) -> None:
        try:
            self._lay(connection)
        except Exception as error:
            logger.exception("A connection to %s is of no use", wanted.endpoint)
            self._cannot_dial(wanted, error)
            connection.place.pool.close(connection)
            return
        self.endpoints.recovered(wanted.endpoint)
        line = self._lines.get(connection.place)
        for pending in self._parked.pop(wanted, ()):
            self._start_on(pending, line)

    def _start_on(self, pending: Pending, line: Line | None) -> None:
        """Start a call that was dialled for: it does not ask the balancer again."""
        try:
            if line is not None and line.has_room and self._send_call(pending, line):
                return
        except Exception as error:
            logger.exception("%r could not be sent", pending)
            self.end(pending, error)
            return
        self.start(pending)

    def _lay(self, connection: Connection) -> None:
        """Make a line of a connection, if there is none to its place."""
        place = connection.place
        line = self._lines.get(place)
        if self._closed:
            place.pool.close(connection)
        elif line is not None:
            place.pool.give_back(connection)
        else:
            line = self._lines[place] = Line(connection)
            for descriptor in line.descriptors:
                self._by_descriptor[descriptor] = line
            self._multiplexer.polls(self, line.descriptors)
            self._touched.add(line)

    def _not_dialled(self, wanted: Place, reason: str, began: float) -> None:
        if not self._closed:
            self.endpoints.failed(wanted.endpoint, reason)
        for pending in self._parked.pop(wanted, ()):
            _exchange(pending).note(wanted.endpoint, reason, began)
            self.start(pending)

    def _cannot_dial(self, wanted: Place, error: Exception) -> None:
        """End the calls that were dialled for with an error that is not the network's."""
        for pending in self._parked.pop(wanted, ()):
            self.end(pending, error)

    def touch(self, descriptor: int) -> None:
        """Have the line of this descriptor read."""
        line = self._by_descriptor.get(descriptor)
        if line is not None:
            self._touched.add(line)

    def has_unpollable_calls(self) -> bool:
        """Whether a line must be looked at again and again."""
        return any(line.calls and not line.descriptors for line in self._all_lines())

    def touch_unpollable(self) -> None:
        """Have the lines that cannot be polled read."""
        self._touched.update(line for line in self._all_lines() if not line.descriptors)

    def read_touched(self) -> None:
        """Read until there is nothing to read on any line that was used."""
        while self._touched:
            self._read(self._touched.pop())

    def _read(self, line: Line) -> None:
        link = line.link
        try:
            while (event := link.receive(0)) is not None:
                if isinstance(event, Answer):
                    self._answered(line, event)
        except PipeClosed as error:
            self._lost(line, error.reason)
            return
        except ProtocolError as error:
            self._violated(line, str(error))
            return
        except Exception as error:
            logger.exception("%r cannot be read", line)
            for pending in self._break(line):
                self.end(pending, error)
            return
        if link.retired:
            self._retire(line)

    def _answered(self, line: Line, answer: Answer) -> None:
        pending = line.calls.get(answer.call_id)
        if pending is None:
            return
        exchange = _exchange(pending)
        if type(answer) is Chunk:
            if not answer.part:
                pending.streaming = True
                pending.mailbox.put(answer)
                return
            exchange.first_deadline = exchange.deadline
            granted = exchange.add_part(answer)
            if granted is None:
                self._say(line, Cancel(answer.call_id))
                self.end(pending, exchange.too_large())
            elif granted.bytes:
                self._say(line, GrantCredit(answer.call_id, granted))
        elif type(answer) is Busy:
            self._take_off(pending)
            if line.link.retired:
                # It crossed a GOAWAY, which is about the connection and not about the endpoint.
                self._retire(line)
                exchange.note_stale(line.place.endpoint, answer.message, exchange.sent)
                self.start(pending)
                return
            exchange.note(line.place.endpoint, "busy", exchange.sent, again=line.place)
            if not self._has_elsewhere(exchange):
                self.end(pending, answer)
            else:
                self.start(pending)
        else:
            self.end(pending, answer)

    def _retire(self, line: Line) -> None:
        """Give the line no more calls, and close it when it has none."""
        if self._lines.get(line.place) is line:
            del self._lines[line.place]
            self._retiring.add(line)
            self._restart_waiting()
        if not line.calls and line in self._retiring:
            self._drop(line)
            line.place.pool.close(line.connection)

    def _drop(self, line: Line) -> None:
        """Forget a line; its connection is to be closed next."""
        self._multiplexer.polls_no_more(line.descriptors)
        for descriptor in line.descriptors:
            self._by_descriptor.pop(descriptor, None)
        if self._lines.get(line.place) is line:
            del self._lines[line.place]
        self._retiring.discard(line)
        self._touched.discard(line)

    def _lost(self, line: Line, reason: str) -> None:
        """End the calls of a line that broke, or make them again where that does no harm."""
        unknown = []
        for pending in self._break(line):
            exchange = _exchange(pending)
            exchange.note_lost(line.place.endpoint, reason)
            begun = pending.streaming or exchange.has_parts
            if begun or exchange.repeatable is False or not self._has_elsewhere(exchange):
                self.end(pending, exchange.lost(reason))
            elif exchange.repeatable:
                self.start(pending)
            else:
                unknown.append(pending)
        if unknown:
            self._undecided.add(unknown, reason)

    def _has_elsewhere(self, exchange: Exchange) -> bool:
        return self.endpoints.pick(exchange.tried, exchange.options.endpoint) is not None

    def _violated(self, line: Line, reason: str) -> None:
        for pending in self._break(line):
            self.end(pending, _exchange(pending).violated(reason))

    def _break(self, line: Line) -> list[Pending]:
        calls = list(line.calls.values())
        line.calls.clear()
        for pending in calls:
            pending.line = None
        self._drop(line)
        line.place.pool.lost(line.connection)
        self._restart_waiting()
        return calls

    def _restart_waiting(self) -> None:
        """A line is gone: who waited for room on it is to look elsewhere."""
        waiting, self._waiting = self._waiting, deque()
        for pending in waiting:
            self.start(pending)

    # Time

    def next_look(self) -> float:
        """Return when ``look`` wants to be called."""
        waits = [one.patience.next_look() for one in self._all_lines() if one.patience is not None]
        return min(waits, default=math.inf)

    def look(self, now: float) -> None:
        """Send the PINGs that are due, and give up on servers that do not answer theirs."""
        for line in self._all_lines():
            patience = line.patience
            if patience is None:
                continue
            if line.link.heard is not None and line.link.heard > patience.heard:
                patience.heard_something(line.link.heard)
            try:
                ping = patience.look(now)
            except Wedged as error:
                self.endpoints.failed(line.place.endpoint, "wedged")
                for pending in self._break(line):
                    self.end(pending, _exchange(pending).wedged(error.seconds))
                continue
            if ping is not None:
                self._say(line, ping)

    def close_idle(self, now: float) -> None:
        """Close the lines that had no call for long."""
        for line in list(self._lines.values()):
            if not line.calls and now - line.idle_since >= min(
                MAX_LINE_IDLE, line.connection.max_idle
            ):
                self._drop(line)
                line.place.pool.close(line.connection)
        for pool in self.endpoints.pools.values():
            pool.close_idle(now)

    def close(self) -> None:
        """Close all lines; the calls under way end as cancelled."""
        self._closed = True
        for pending in [
            *self._waiting,
            *itertools.chain(*self._parked.values()),
            *self._undecided.calls,
        ]:
            self.end(pending, _exchange(pending).cancelled(sent=False))
        for line in self._all_lines():
            for pending in list(line.calls.values()):
                self.end(pending, _exchange(pending).cancelled(sent=True))
            self._drop(line)
            line.place.pool.close(line.connection)
        self.endpoints.close()


def _exchange(pending: Pending) -> Exchange:
    assert pending.exchange is not None
    return pending.exchange
