"""Learned placement: what a habit makes of the times it is told."""

from __future__ import annotations

from chunnel.server.pools import placement
from chunnel.server.pools.placement import (
    CAP,
    MAX_PATIENCE,
    PATIENCE,
    PROOF,
    THRESHOLD,
    TICK,
    TRIAL,
    WINDOW,
    YOUNG,
    Habit,
    Placement,
)

FAST = 5e-6
QUERY = 500e-6


def learned(blocked: float, calls: int = WINDOW) -> Habit:
    """A habit that has seen so many calls, each of which blocked for so long."""
    habit = Habit()
    for _ in range(calls):
        habit.learn(blocked + FAST, FAST)
    return habit


def test_a_stranger_is_aside_and_measured() -> None:
    """The first calls import and connect; the reader is no place for them."""
    habit = Habit()
    assert habit.aside
    assert habit.measured()


def test_one_good_call_brings_it_to_the_reader() -> None:
    assert not learned(0.0, calls=1).aside


def test_blocked_time_counts_and_computing_does_not() -> None:
    """A call may compute for most of a tick and still be the reader's."""
    habit = Habit()
    habit.learn(0.9 * TICK, 0.9 * TICK)
    assert not habit.aside
    habit = Habit()
    habit.learn(0.9 * TICK, 0.1 * TICK)
    assert habit.aside


def test_a_call_over_a_tick_counts_whole() -> None:
    """It would be interrupted, computing or not."""
    habit = Habit()
    habit.learn(2 * TICK, 2 * TICK)
    assert habit.aside


def test_a_slow_first_call_is_forgotten_after_a_few() -> None:
    """Connecting to the database once does not send the name aside for long."""
    habit = learned(1.0, calls=1)
    calls = 0
    while habit.aside:
        assert habit.measured() or calls > YOUNG
        habit.learn(FAST, FAST)
        calls += 1
    assert calls <= WINDOW


def test_one_outlier_does_not_move_a_name() -> None:
    """Its cost counts for CAP at most."""
    habit = learned(0.0)
    habit.learn(10.0, FAST)
    assert not habit.aside
    assert habit.mean <= CAP / WINDOW


def test_a_name_that_begins_to_block_goes_aside() -> None:
    habit = learned(0.0)
    seen = 0
    while not habit.aside:
        habit.learn_inline(QUERY, FAST)
        seen += 1
    assert seen <= WINDOW


def test_a_name_that_stops_blocking_comes_back() -> None:
    habit = learned(QUERY)
    seen = 0
    while habit.aside:
        habit.learn(FAST, FAST)
        seen += 1
    assert seen <= 2 * WINDOW


def test_one_call_in_sixteen_is_measured() -> None:
    """Once it is no stranger."""
    habit = learned(0.0)
    assert sum(habit.measured() for _ in range(160)) == 10


def test_a_deposition_makes_it_a_stranger() -> None:
    """It is aside, measured at each call, and judged anew."""
    habit = learned(0.0)
    habit.deposed()
    assert habit.aside
    assert habit.measured()
    assert habit.measured()
    habit.learn(FAST, FAST)
    assert not habit.aside


def trial(habit: Habit) -> int:
    """Let calls pass until one is tried; return how many passed."""
    passed = 0
    while not habit.due():
        passed += 1
    return passed


def test_a_name_aside_is_tried_after_some_patience() -> None:
    habit = learned(QUERY)
    assert trial(habit) == PATIENCE - 1
    assert [habit.due() for _ in range(TRIAL)] == [True] * (TRIAL - 1) + [False]


def test_good_calls_in_a_row_end_a_trial_well() -> None:
    """The crowd of the first calls is no evidence against it."""
    habit = learned(QUERY)
    trial(habit)
    habit.learn_inline(QUERY, FAST)
    for _ in range(PROOF):
        assert habit.aside
        assert habit.due()
        habit.learn_inline(FAST, FAST)
    assert not habit.aside
    assert habit.mean <= THRESHOLD
    assert habit.trial == 0


def test_the_good_calls_of_a_trial_must_follow_each_other() -> None:
    habit = learned(QUERY)
    trial(habit)
    for wall in (FAST, QUERY, FAST, QUERY, FAST):
        habit.learn_inline(wall, FAST)
    assert habit.aside


def test_each_trial_that_fails_doubles_the_patience() -> None:
    """A name that does block pays for its trials less and less."""
    habit = learned(QUERY)
    waits = []
    for _ in range(12):
        waits.append(trial(habit) + 1)
        habit.learn_inline(QUERY, FAST)
        while habit.trial:
            assert habit.due()
            habit.learn_inline(QUERY, FAST)
            habit.deposed()
    assert waits[:3] == [PATIENCE, 2 * PATIENCE, 4 * PATIENCE]
    assert waits[-1] == MAX_PATIENCE


def test_a_trial_that_succeeds_restores_the_patience() -> None:
    habit = learned(QUERY)
    trial(habit)
    for _ in range(PROOF):
        habit.learn_inline(FAST, FAST)
    habit.deposed()
    habit.learn(QUERY, FAST)
    assert trial(habit) == PATIENCE - 1


def test_habits_are_bounded() -> None:
    """Names that a peer invents, should they get here, do not fill the memory."""
    known = Placement()
    first = known.meet("known")
    for number in range(placement.MAX_NAMES + 10):
        known.meet(f"invented{number}")
    assert len(known.habits) == placement.MAX_NAMES
    assert known.meet("one") is known.meet("two")
    assert known.habits["known"] is first
