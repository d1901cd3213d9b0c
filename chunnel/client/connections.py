"""The connections of synchronous callers: a LIFO pool for each endpoint.

The rules:

* A caller borrows a connection, sends, reads its own answer and gives the connection back. In
  between no one else touches it, so no thread stands between a caller and its socket.
* One lock guards everything a pool counts. Nothing that can wait happens inside it: connections are
  dialled, drained and closed outside, by whoever the lock told to do so. The idle ones stand
  outside it: to append to a list and to pop from it are single steps, so no two get the same.
* A slot is taken before a connection is dialled and given up when the connection is closed, so
  ``open`` never passes ``limit``. Streams hold connections for long and have a bound of their own.
* Last in, first out: the warm connections stay warm, the others grow old and are closed.
* A connection that sat in the pool is drained before it is used: what the server said meanwhile
  (GOAWAY) and what happened to it (the server died) must come out before a call goes in. One that
  was used a moment ago is not: draining costs as much as half a call, and a loss so recent shows in
  sending as well, as a message that did not leave.
* One loss flushes: the generation is raised, and whatever belongs to an older one is closed instead
  of being used again.
* Behind one address may stand several processes. Each connection belongs to a ``Place``, the
  process that answered when it was dialled. As long as fewer places are known than WELCOME said
  there are workers, one more place with an unknown process takes part in the rotation, and
  choosing it dials. The kernel picks the process, so this ends after three dials for each worker,
  found or not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..protocol.errors import ProtocolError
from ..transports.base import PipeClosed

if TYPE_CHECKING:
    from ..links import ClientLink

MAX_CONNECTIONS = 64  # per endpoint: more threads than this in one process gain nothing from more
MAX_STREAMS = 64  # connections that streams may hold, per endpoint
MAX_DEBT = 8  # answers still to be skipped; past it a new connection is cheaper than skipping
DRAIN_AFTER = (
    0.02  # seconds; a loss is noticed no faster than this, so looking sooner tells nothing
)
TIDY_EVERY = 5.0  # seconds between two looks for connections that are idle for too long
MAX_IDLE = 60.0  # seconds: shorter than what firewalls and balancers commonly allow
DIALS_PER_WORKER = 3  # finds each of 4 workers with a probability above 0.96


class Unreachable(Exception):
    """No connection could be made; nothing was sent."""


class NoRoom(Exception):
    """No connection became free in time; nothing was sent."""


class Place:
    """A process behind an endpoint, as a balancer sees it, and the idle connections to it."""

    __slots__ = ("connections", "endpoint", "idle", "instance", "pool")

    def __init__(self, pool: EndpointPool, instance: str | None = None):
        self.pool = pool
        self.endpoint = pool.endpoint
        self.instance = instance
        self.idle: list[Connection] = []
        self.connections = 0

    @property
    def in_use(self) -> int:
        """How many connections are busy with calls."""
        return self.connections - len(self.idle)

    def __repr__(self) -> str:
        return f"<Place {self.endpoint} {self.instance or 'unknown'}>"


class Connection:
    """A link that was opened, and what its pool knows of it."""

    __slots__ = (
        "generation",
        "idle_since",
        "link",
        "max_idle",
        "owed",
        "place",
        "streaming",
        "used",
    )

    def __init__(self, link: ClientLink, place: Place, generation: int):
        self.link = link
        self.place = place
        self.generation = generation
        self.idle_since = 0.0
        self.streaming = False
        self.owed = 0  # answers to skip, when it was given back
        self.used = False  # whether it ever carried a call
        # The server may drop a connection that was silent for so long; be sure to be first.
        allowed = link.welcome.idle_timeout
        self.max_idle = min(MAX_IDLE, allowed * 0.8) if allowed > 0 else MAX_IDLE


class EndpointPool:
    """The connections to one endpoint. ``dial`` opens a link within so many seconds or raises."""

    def __init__(
        self,
        endpoint: str,
        dial: Callable[[str, float], ClientLink],
        *,
        limit: int = MAX_CONNECTIONS,
        stream_limit: int = MAX_STREAMS,
        clock: Callable[[], float] = time.monotonic,
        lock: Callable[[], Any] = threading.Lock,
    ):
        self.endpoint = endpoint
        self.limit = limit
        self.stream_limit = stream_limit
        self.open = 0
        # Held here too: collecting a stream in a cycle must not collect its sockets with it.
        self.streaming: set[Connection] = set()
        self.generation = 0
        self.places: list[Place] = [Place(self)]
        self._dial = dial
        self._dials = 0  # since a process was last found or lost
        self._workers = 1
        self._changed: Callable[[], None] = lambda: None
        self._clock = clock
        self._waiting = 0
        self._next_tidying = clock() + TIDY_EVERY
        self._lock = lock()
        self._freed = threading.Condition(self._lock)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called, outside the lock, when ``places`` is another list."""
        self._changed = changed

    def take(self, place: Place, now: float) -> Connection | None:
        """Return a connection to ``place`` that was used a moment ago, or None: then ``borrow``."""
        try:
            found = place.idle.pop()
        except IndexError:
            return None
        if (
            now - found.idle_since < DRAIN_AFTER
            and found.generation == self.generation
            and not found.owed
        ):
            return found
        self._lay_down(found)
        return None

    def borrow(self, place: Place, deadline: float | None, dial_timeout: float) -> Connection:
        """Return a connection that is nobody else's, to ``place`` where there is one.

        Raise NoRoom if all are in use until ``deadline`` and Unreachable if the endpoint cannot be
        reached within ``dial_timeout`` seconds; in both cases nothing was sent.
        """
        while True:
            try:
                found = place.idle.pop()
            except IndexError:
                other = self._other(deadline)
                if other is None:
                    return self._dialled(dial_timeout)
                found = other
            if self._drained(found):
                return found

    def _other(self, deadline: float | None) -> Connection | None:
        """Take a slot and return None, or, where there is none, a connection to any place."""
        with self._lock:
            while True:
                if self.open < self.limit:
                    self.open += 1
                    return None
                found = self._any_idle() or self._wait(deadline)
                if found is not None:
                    return found

    def _any_idle(self) -> Connection | None:
        for place in self.places:
            try:
                return place.idle.pop()
            except IndexError:
                continue
        return None

    def _wait(self, deadline: float | None) -> Connection | None:
        """Wait, under the lock, for a connection or a slot; return None if it is a slot."""
        self._waiting += 1
        try:
            while True:
                found = self._any_idle()
                if found is not None or self.open < self.limit:
                    return found
                left = None if deadline is None else deadline - self._clock()
                if left is not None and left <= 0:
                    raise NoRoom(f"all {self.limit} connections to {self.endpoint} are in use")
                self._freed.wait(left)
        except BaseException:
            # An interrupt may come just when we were told of a connection: tell another.
            self._freed.notify()
            raise
        finally:
            self._waiting -= 1

    def _drained(self, connection: Connection) -> bool:
        """Read what came while it was idle; close it and return False if it is of no more use."""
        link = connection.link
        if connection.generation != self.generation:
            self.close(connection)
            return False
        try:
            while link.receive(0) is not None:
                pass
        except (PipeClosed, ProtocolError):
            self.lost(connection)
            return False
        if link.retired:
            self.close(connection)
            return False
        return True

    def _dialled(self, timeout: float) -> Connection:
        """Fill the slot that was taken under the lock."""
        try:
            link = self._dial(self.endpoint, timeout)
        except BaseException:
            with self._lock:
                self.open -= 1
                self._notify()
            raise
        with self._lock:
            before = self.places
            connection = Connection(link, self._place_of(link), self.generation)
            connection.place.connections += 1
        if self.places is not before:
            self._changed()
        return connection

    def _place_of(self, link: ClientLink) -> Place:
        """Return the place of the process that answered, under the lock."""
        instance = link.welcome.instance
        self._workers = max(1, link.welcome.workers)
        self._dials += 1
        found = next((one for one in self.places if one.instance == instance), None)
        unknown = next((one for one in self.places if one.instance is None), None)
        if found is None:
            found = unknown
            if found is None:
                found = Place(self)
                self.places = [*self.places, found]
            unknown = None
            found.instance = instance
        if len(self.places) - (unknown is not None) >= self._workers or (
            self._dials >= DIALS_PER_WORKER * self._workers
        ):
            if unknown is not None:
                self.places = [one for one in self.places if one is not unknown]
        elif unknown is None:
            self.places = [*self.places, Place(self)]
        return found

    def give_back(self, connection: Connection) -> None:
        """Take a connection back for the next caller, or close it if it is not fit for one."""
        link = connection.link
        owed = link.debt
        if (
            link.retired
            or owed > MAX_DEBT
            or connection.generation != self.generation
            or (connection.streaming and not self._ends_stream(connection))
        ):
            self.close(connection)
            return
        connection.owed = owed
        connection.used = True
        connection.idle_since = now = self._clock()
        self._lay_down(connection)
        if now >= self._next_tidying:
            self._next_tidying = now + TIDY_EVERY
            self.close_idle(now)

    def _lay_down(self, connection: Connection) -> None:
        """Leave a connection to whoever comes next, or waits."""
        connection.place.idle.append(connection)
        # Who waits has counted himself before he looked at the idle ones, so either he saw this
        # one or we see him.
        if self._waiting:
            with self._lock:
                self._freed.notify()

    def _ends_stream(self, connection: Connection) -> bool:
        """Count the connection of a stream as one for calls again, if there is a slot."""
        with self._lock:
            if self.open >= self.limit:
                return False
            connection.streaming = False
            self.streaming.discard(connection)
            self.open += 1
        return True

    def close(self, connection: Connection) -> None:
        """Close a borrowed connection and free its slot."""
        forgotten = False
        with self._lock:
            place = connection.place
            place.connections -= 1
            if connection.streaming:
                self.streaming.discard(connection)
            else:
                self.open -= 1
            if place.connections == 0:
                forgotten = self._forget(place)
            self._notify()
        connection.link.close()
        if forgotten:
            self._changed()

    def _forget(self, place: Place) -> bool:
        """Look for processes anew, under the lock: there is no connection to this one any more."""
        self._dials = 0
        place.instance = None
        if any(one is not place and one.instance is None for one in self.places):
            self.places = [one for one in self.places if one is not place]
            return True
        return False

    def _notify(self) -> None:
        if self._waiting:
            self._freed.notify()

    def lost(self, connection: Connection) -> None:
        """Close a borrowed connection that broke, and every idle one to the same endpoint."""
        self.flush()
        self.close(connection)

    def close_idle(self, now: float) -> None:
        """Close the connections that were idle for too long.

        One that is not is only looked at: out of the list for a moment, it would be missing to who
        begins to wait just then.
        """
        for place in self.places:
            idle = place.idle
            while idle:
                try:
                    oldest = idle[0]
                    if now - oldest.idle_since < oldest.max_idle:
                        break
                    idle.remove(oldest)
                except (IndexError, ValueError):  # another thread took it
                    break
                self.close(oldest)

    def flush(self) -> None:
        """Close the idle connections, and those in use as they come back."""
        with self._lock:
            self.generation += 1
            places = self.places
        for place in places:
            while True:
                try:
                    connection = place.idle.pop()
                except IndexError:
                    break
                self.close(connection)

    def becomes_stream(self, connection: Connection) -> bool:
        """Move a borrowed connection to the streams' bound; return False if that is reached."""
        with self._lock:
            if len(self.streaming) >= self.stream_limit:
                return False
            self.streaming.add(connection)
            self.open -= 1
            connection.streaming = True
            self._notify()
        return True

    def fill(self, timeout: float) -> bool:
        """Dial one connection more and leave it idle; return False if all slots are taken.

        Raise what ``dial`` raises. For probes: no caller waits for it.
        """
        with self._lock:
            if self.open >= self.limit:
                return False
            self.open += 1
        self.give_back(self._dialled(timeout))
        return True
