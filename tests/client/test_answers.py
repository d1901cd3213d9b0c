"""Noticing that a server says nothing at all."""

from __future__ import annotations

import pytest

from chunnel.client.answers import Patience, Wedged


def test_a_ping_after_a_third_and_the_verdict_at_the_end() -> None:
    """One PING for each silence, not one for each look."""
    patience = Patience(15.0, 100.0)
    assert patience.next_look() == 105.0
    assert patience.look(104.9) is None
    ping = patience.look(105.0)
    assert ping is not None
    assert len(ping.token) == 8
    assert patience.look(110.0) is None
    assert patience.next_look() == 115.0
    with pytest.raises(Wedged) as caught:
        patience.look(115.5)
    assert caught.value.seconds == 15.5


def test_any_word_starts_the_wait_anew() -> None:
    """Also one about another call; the next PING is another one."""
    patience = Patience(15.0, 100.0)
    first = patience.look(106.0)
    patience.heard_something(107.0)
    assert patience.next_look() == 112.0
    second = patience.look(112.0)
    assert first is not None
    assert second is not None
    assert first.token != second.token
