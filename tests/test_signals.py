"""The signals around each served call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chunnel.context import ServedCall, current_call
from chunnel.signals import call_finished, call_started

from .server.caller import Caller, Failed, lent, until


@contextmanager
def heard() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Yield the list of signals that were sent meanwhile."""
    found: list[tuple[str, dict[str, Any]]] = []

    def started(**said: Any) -> None:
        assert current_call() is said["call"]
        found.append(("started", said))

    def finished(**said: Any) -> None:
        found.append(("finished", said))

    call_started.connect(started)
    call_finished.connect(finished)
    try:
        yield found
    finally:
        call_started.disconnect(started)
        call_finished.disconnect(finished)


@pytest.fixture
def call() -> Iterator[Caller]:
    with lent() as caller:
        yield caller


@pytest.mark.parametrize(
    ("name", "args", "outcome", "exception"),
    [
        ("bank.echo", (1,), "result", None),
        ("bank.later", (1,), "result", None),
        ("bank.statement", (3,), "result", None),
        ("bank.ticks", (3,), "result", None),
        ("bank.fail", ("value",), "failure", ValueError),
    ],
)
def test_each_call_is_told_of_twice(
    call: Caller, name: str, args: Any, outcome: str, exception: type[Exception] | None
) -> None:
    """When it begins and when it has ended, with how it ended and how long it took."""
    with heard() as found:
        call_id = call.send(name, *args)
        try:
            call.finish(call_id)
        except Failed:
            assert outcome == "failure"
        until(lambda: len(found) == 2)
    (first, began), (second, ended) = found
    assert (first, second) == ("started", "finished")
    assert began["sender"] == ended["sender"] == name
    assert isinstance(began["call"], ServedCall)
    assert began["call"] is ended["call"]
    assert began["call"].id == call_id.hex()
    assert ended["outcome"] == outcome
    assert type(ended["exception"]) is (exception or type(None))
    assert ended["elapsed"] >= 0


def test_a_stream_that_is_cancelled(call: Caller) -> None:
    with heard() as found:
        call_id = call.send("bank.statement", 10**9)
        call.receive()
        call.cancel(call_id)
        until(lambda: call.link.receive(0.01) is None and len(found) == 2)
    assert found[1][1]["outcome"] == "cancelled"


def test_receivers_that_raise_do_not_hurt_the_call(call: Caller) -> None:
    def raises(**said: Any) -> None:
        raise ValueError("of a receiver")

    call_started.connect(raises)
    call_finished.connect(raises)
    try:
        with heard() as found:
            assert call("bank.echo", 5) == 5
        assert len(found) == 2
    finally:
        call_started.disconnect(raises)
        call_finished.disconnect(raises)
