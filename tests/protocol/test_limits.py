"""Limits are checked when they are set, not when a message meets them."""

from __future__ import annotations

import dataclasses

import pytest

from chunnel.protocol import limits
from chunnel.protocol.limits import Limits


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_message", 65_535), ("max_calls", 0), ("hello_timeout", 0), ("hello_timeout", -1)],
)
def test_a_limit_that_cannot_work_is_refused(name, value):
    """The message names the limit and the value."""
    with pytest.raises(ValueError, match=rf"{name} must be .*{value}"):
        Limits(**{name: value})


def test_limits_do_not_change_under_a_conversation():
    """They are frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().max_calls = 2


def test_any_control_frame_fits_into_the_smallest_message():
    """So that errors and prose always travel, whatever the peer accepts."""
    assert limits.MAX_CONTROL <= limits.MIN_MESSAGE
    assert limits.MAX_TEXT * 4 < limits.MAX_CONTROL  # UTF-8 takes four bytes at most
    assert Limits().max_message >= limits.MIN_MESSAGE


def test_frozen_version_is_no_version():
    """HELLO and GOAWAY bear a number that no version ever has."""
    assert limits.FROZEN not in limits.VERSIONS
    assert list(limits.VERSIONS) == sorted(limits.VERSIONS)
