"""The roster, section by section; how its sections interleave is test_handover's matter."""

from __future__ import annotations

from chunnel.server.pools.roster import Roster, Worker

from .sources import Work


def roster_of(idle: int, queue: int = 0) -> tuple[Roster, list[Worker]]:
    """A roster with a reader and so many idle threads, the first of them on top."""
    workers = [Worker(number, lambda me: None) for number in range(idle + 1)]
    roster = Roster(queue)
    roster.reader = workers[0]
    roster.idle.extend(reversed(workers[1:]))
    return roster, workers[1:]


def test_one_thread_is_woken_at_a_time() -> None:
    roster, (first, second) = roster_of(2)
    one, two = Work(), Work()
    assert roster.give(one) == (True, first.gate)
    assert roster.give(two) == (True, None)
    assert roster.arrive(first) == (True, second.gate)
    assert first.job is one
    assert roster.arrive(second) == (True, None)
    assert second.job is two
    assert roster.waking is None


def test_calls_beyond_the_free_threads_and_the_queue_find_no_room() -> None:
    roster, _ = roster_of(1, queue=1)
    assert roster.give(Work()).room
    assert roster.give(Work()).room
    assert not roster.give(Work()).room
    assert len(roster.backlog) == 2


def test_a_thread_that_comes_too_late_is_idle_again() -> None:
    roster, (first, second) = roster_of(2)
    roster.idle.remove(second)  # busy
    roster.give(Work())
    assert roster.rest(second) is True
    assert roster.arrive(first) == (None, None)
    assert roster.rest(second) is None
    assert roster.idle == [first, second]


def test_a_thread_can_be_spared_while_fewer_calls_wait() -> None:
    roster, _ = roster_of(2)
    assert roster.can_spare()
    roster.give(Work())
    assert roster.can_spare()
    roster.give(Work())
    assert not roster.can_spare()


def test_only_the_call_that_was_seen_is_deposed() -> None:
    roster, (first, _) = roster_of(2)
    reader = roster.reader
    assert reader is not None
    roster.since = 5.0
    assert roster.depose(4.0) is None
    assert roster.ended(reader, 5.0)
    assert roster.depose(5.0) is None
    roster.since = 6.0
    assert roster.depose(6.0) is first.gate
    assert not roster.ended(reader, 6.0)
    assert roster.arrive(first) == (True, None)
    assert first.job is None


def test_a_closed_roster_sends_everybody_home() -> None:
    roster, (first, second) = roster_of(2)
    job = Work()
    roster.give(job)
    roster.closed = True
    assert roster.arrive(first) == (False, None)
    assert roster.rest(first) is False
    assert roster.clear() == [job]
    assert roster.disband() == [second]
    assert roster.idle == []
