"""Native threads, and waking who waits. Under gevent: see ``test_lifecycle``."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable

import pytest

from chunnel.client.threads import native_poll, new_alarm, start_native, start_thread


@pytest.mark.parametrize("start", [start_native, start_thread])
def test_a_thread_is_named_and_does_not_keep_the_process(
    start: Callable[[Callable[[], object], str], None],
) -> None:
    """It is a daemon."""
    seen: list[threading.Thread] = []
    done = new_alarm()

    def run() -> None:
        seen.append(threading.current_thread())
        done.set()

    start(run, "chunnel-test")
    assert done.wait(10)
    assert (seen[0].name, seen[0].daemon) == ("chunnel-test", True)


def test_an_alarm_is_heard_before_and_after_it_is_waited_for() -> None:
    """And waiting may end in vain."""
    early = new_alarm()
    early.set()
    assert early.wait(None)
    assert not new_alarm().wait(0.001)


def test_the_native_poll_is_one() -> None:
    """Without gevent it is select's own."""
    assert isinstance(native_poll(), type(select.poll()))
