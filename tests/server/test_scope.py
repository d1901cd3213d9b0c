"""How long the database works for a call."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from chunnel.context import ServedCall
from chunnel.plans import DEFAULT_LIMITS
from chunnel.registry import registry
from chunnel.server.scope import Scope


def scope(deadline: float | None) -> Scope:
    served = ServedCall("01", "bank.Account.objects", "peer", "", deadline, (), {})
    return Scope(served, registry, replace(DEFAULT_LIMITS, query_seconds=60))


@pytest.mark.parametrize("given", [None, 2.0**62, 3600.0])
def test_whatever_the_caller_says(given: float | None) -> None:
    before = time.monotonic()
    found = scope(None if given is None else before + given).deadline
    assert before + 60 <= found <= time.monotonic() + 60


def test_the_callers_time_where_it_is_shorter() -> None:
    until = time.monotonic() + 5
    assert scope(until).deadline == until
