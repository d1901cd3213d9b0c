"""The pool of one endpoint: who gets which connection, and what is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chunnel.client.connections import (
    DIALS_PER_WORKER,
    EndpointPool,
    NoRoom,
    Unreachable,
)
from chunnel.links import ClientLink
from chunnel.protocol.messages import Hello
from chunnel.transports import for_endpoint

from .conftest import eventually
from .echo import EchoServer, serving


class Watched(list[Any]):
    """Idle connections that let something happen when somebody looks at the oldest."""

    def __init__(self, items: Any, happen: Callable[[], None]):
        super().__init__(items)
        self.happen = happen

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        self.happen()
        return found

    def pop(self, index: Any = -1) -> Any:
        found = super().pop(index)
        if index == 0:
            self.happen()
        return found


class Clock:
    """Seconds that pass when the test says so, on top of those that do."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def dial(endpoint: str, timeout: float) -> ClientLink:
    pipe = for_endpoint(endpoint).dial(endpoint, {}, timeout=timeout)
    link = ClientLink(pipe, hello=Hello((1,), 2**24, "test", "test"))
    link.open(timeout)
    return link


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(server: EchoServer, clock: Clock) -> Iterator[EndpointPool]:
    pool = EndpointPool(server.address, dial, limit=3, stream_limit=1, clock=clock)
    yield pool
    pool.flush()


def borrow(pool: EndpointPool, timeout: float = 0.0) -> Any:
    return pool.borrow(pool.places[0], time.monotonic() + timeout, 5.0)


def test_last_in_first_out(pool: EndpointPool) -> None:
    """The warm connection is used again; the others grow old."""
    first, second = borrow(pool), borrow(pool)
    pool.give_back(first)
    pool.give_back(second)
    assert borrow(pool) is second
    assert borrow(pool) is first
    assert pool.places[0].in_use == 2
    pool.close(first)
    pool.close(second)
    assert (pool.open, pool.places[0].in_use) == (0, 0)


def test_the_limit_holds_and_a_slot_that_failed_is_free_again(pool: EndpointPool) -> None:
    """A dial that fails and a connection that is closed give their slots back."""
    taken = [borrow(pool) for _ in range(3)]
    with pytest.raises(NoRoom, match="all 3 connections"):
        borrow(pool)
    pool.close(taken.pop())

    def refuse(endpoint: str, timeout: float) -> ClientLink:
        raise Unreachable("refused")

    pool._dial = refuse
    for _ in range(5):
        with pytest.raises(Unreachable):
            borrow(pool)
    pool._dial = dial
    taken.append(borrow(pool))
    assert pool.open == 3
    for one in taken:
        pool.give_back(one)
    assert pool.places[0].connections == 3


def test_idle_connections_are_closed(pool: EndpointPool, clock: Clock, server: EchoServer) -> None:
    """Those at the bottom, which nobody uses, when somebody gives one back."""
    first, second = borrow(pool), borrow(pool)
    pool.give_back(first)
    pool.give_back(second)
    clock.ahead += 45
    pool.give_back(borrow(pool))
    assert pool.open == 2
    clock.ahead += 30
    pool.give_back(borrow(pool))
    assert pool.open == 1
    assert borrow(pool) is second
    eventually(lambda: server.link.peers == 1)
    pool.close(second)


@pytest.mark.parametrize("age", [1, 100])
def test_who_begins_to_wait_while_idle_connections_are_looked_at_misses_none(
    server: EchoServer, clock: Clock, age: float
) -> None:
    """A borrower comes just when the only connection is judged: he gets it, or its slot."""
    pool = EndpointPool(server.address, dial, limit=1, clock=clock)
    place = pool.places[0]
    pool.give_back(borrow(pool))
    got: list[Any] = []
    other = threading.Thread(target=lambda: got.append(borrow(pool, 60)))

    def come() -> None:
        if other.ident is None:
            other.start()
            eventually(lambda: got or pool._waiting)

    place.idle = Watched(place.idle, come)
    pool.close_idle(clock() + age)
    other.join(10)
    assert len(got) == 1
    assert pool.open == 1
    pool.give_back(got[0])
    pool.flush()


def test_a_connection_laid_down_again_wakes_who_waits(pool: EndpointPool) -> None:
    """Whoever takes a connection, finds it too old to use at once and turns away, says so."""
    taken = [borrow(pool) for _ in range(3)]
    place = pool.places[0]
    got: list[Any] = []
    other = threading.Thread(target=lambda: got.append(borrow(pool, 60)))
    other.start()
    eventually(lambda: pool._waiting)
    with pool._lock:  # the waiter cannot look while it is laid down, only when told
        place.idle.append(taken.pop())
        held = place.idle.pop()
    held.idle_since = 0.0
    place.idle.append(held)
    assert pool.take(place, pool._clock()) is None
    other.join(10)
    assert got == [held]
    for one in [*taken, *got]:
        pool.give_back(one)


def test_who_waits_gets_the_slot_of_a_connection_that_is_closed(pool: EndpointPool) -> None:
    """And dials on it."""
    taken = [borrow(pool) for _ in range(3)]
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(borrow(pool, 20)))
    waiting.start()
    eventually(lambda: pool._waiting)
    pool.close(taken.pop())
    waiting.join(20)
    assert len(got) == 1
    assert got[0] not in taken
    assert pool.open == 3
    for one in (*taken, *got):
        pool.close(one)


def test_a_connection_given_back_in_the_midst_of_a_flush_is_not_used(pool: EndpointPool) -> None:
    """It was judged before the loss, and laid down when the idle ones had been closed already."""

    class Late(list[Any]):
        def append(self, item: Any) -> None:
            pool.flush()
            super().append(item)

    first = borrow(pool)
    pool.places[0].idle = Late()
    pool.give_back(first)
    assert list(pool.places[0].idle) == [first]
    second = borrow(pool)
    assert second is not first
    assert pool.open == 1
    pool.close(second)


def test_a_place_says_where_it_is(pool: EndpointPool) -> None:
    """And whether the process there is known."""
    place = pool.places[0]
    assert repr(place) == f"<Place {pool.endpoint} unknown>"
    connection = borrow(pool)
    assert repr(place) == f"<Place {pool.endpoint} one>"
    pool.close(connection)


def test_one_loss_flushes(pool: EndpointPool, server: EchoServer) -> None:
    """Idle ones are closed at once, those in use when they come back."""
    lost, idle, used = borrow(pool), borrow(pool), borrow(pool)
    pool.give_back(idle)
    pool.lost(lost)
    assert pool.open == 1
    pool.give_back(used)
    assert pool.open == 0
    eventually(lambda: server.link.peers == 0)


def test_a_server_that_went_away_is_noticed_before_a_call_is_sent(clock: Clock) -> None:
    """Draining finds the loss, flushes, and dials anew."""
    with serving() as server:
        pool = EndpointPool(server.address, dial, clock=clock)
        one, two = borrow(pool), borrow(pool)
        pool.give_back(one)
        pool.give_back(two)
        address = server.address
    clock.ahead += 1

    def is_refused() -> bool:
        try:
            pool.give_back(borrow(pool))
        except Exception:
            return pool.open == 0
        clock.ahead += 1
        return False

    eventually(is_refused)
    with serving(address):
        fresh = borrow(pool)
        assert fresh not in (one, two)
        pool.close(fresh)


def test_a_stream_leaves_its_slot_to_calls(pool: EndpointPool) -> None:
    """It has a bound of its own, and comes back as a connection for calls if there is room."""
    taken = [borrow(pool) for _ in range(3)]
    assert pool.becomes_stream(taken[0])
    assert not pool.becomes_stream(taken[1])
    taken.append(borrow(pool))
    assert (pool.open, len(pool.streaming)) == (3, 1)
    pool.give_back(taken[0])  # no slot is free
    assert (pool.open, len(pool.streaming)) == (3, 0)
    assert pool.becomes_stream(taken[1])
    pool.give_back(taken[1])
    assert (pool.open, len(pool.streaming)) == (3, 0)
    for one in taken[2:]:
        pool.give_back(one)
    assert pool.places[0].connections == 3


def test_a_process_behind_the_address_is_sought_until_all_are_known() -> None:
    """One more place is offered while some are missing, for three dials each at most."""
    with serving(instance="a", workers=2) as server:
        changes: list[int] = []
        pool = EndpointPool(server.address, dial)
        pool.on_change(lambda: changes.append(len(pool.places)))
        for _ in range(3 * DIALS_PER_WORKER):
            pool.give_back(pool.borrow(pool.places[-1], None, 5.0))
        assert [place.instance for place in pool.places] == ["a"]
        assert pool.open == 2 * DIALS_PER_WORKER
        assert changes == [2, 1]
        pool.flush()
        assert [place.instance for place in pool.places] == [None]
