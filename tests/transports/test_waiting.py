"""Bells and waiters of threads. Those of greenlets: see ``greenlets``."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chunnel.transports.waiting import Bell, ThreadWaiter, waiter_for

from .conftest import PATIENCE


@pytest.fixture(params=["eventfd", "socketpair"])
def bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    """One of each kind that there may be here."""
    if request.param == "socketpair":
        monkeypatch.delattr(os, "eventfd", raising=False)
    elif not hasattr(os, "eventfd"):
        pytest.skip("only Linux has eventfd")
    bell = Bell()
    yield bell
    bell.close()


def is_heard(bell: Bell) -> bool:
    return waiter_for(bell.descriptor).wait(0)


def test_a_bell_is_heard_until_it_is_hushed(bell: Bell) -> None:
    """However often it was rung; hushing it twice is hushing it once."""
    for _ in range(2):
        assert (bell.rung, is_heard(bell)) == (False, False)
        for _ in range(3):
            bell.ring()
            assert (bell.rung, is_heard(bell)) == (True, True)
        bell.hush()
        bell.hush()


def test_a_bell_wakes_who_waits_in_another_thread(bell: Bell) -> None:
    """A waiter of threads blocks only its own."""
    waiter = waiter_for(bell.descriptor)
    assert isinstance(waiter, ThreadWaiter)
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.append(waiter.wait(PATIENCE)))
    thread.start()
    bell.ring()
    thread.join(PATIENCE)
    assert heard == [True]


def test_a_closed_bell_is_silent(bell: Bell) -> None:
    """Its descriptor may be somebody else's by now; nothing is written there."""
    bell.ring()
    bell.close()
    bell.close()
    reader, writer = os.pipe()
    try:
        bell.ring()
        bell.hush()
        assert bell.descriptor == -1
        assert not ThreadWaiter(reader).wait(0)
    finally:
        os.close(reader)
        os.close(writer)
