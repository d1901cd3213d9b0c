"""The caller's side of a submitted call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chunnel.client.calling import Caller
from chunnel.client.pending import Mailbox, Pending
from chunnel.exceptions import CallCancelled, NotExposed
from chunnel.protocol.messages import End

from .conftest import eventually
from .echo import EchoServer

THE_END = End(b"12345678")


def test_a_mailbox_wakes_who_waits_and_who_comes_late() -> None:
    """Each once; who gave up is not woken."""
    mailbox = Mailbox()
    woken: list[str] = []
    forgotten = lambda: woken.append("forgotten")  # noqa: E731
    mailbox.when_filled(lambda: woken.append("early"))
    mailbox.when_filled(forgotten)
    mailbox.forget(forgotten)
    mailbox.forget(forgotten)
    assert not mailbox.wait(0)
    mailbox.put(THE_END)
    mailbox.put(THE_END)
    mailbox.when_filled(lambda: woken.append("late"))
    assert woken == ["early", "late"]
    assert mailbox.wait(0)


def test_a_mailbox_is_filled_between_looking_and_waiting() -> None:
    """A message that comes just before the waker is left behind is not missed."""

    class Hasty(Mailbox):
        def when_filled(self, wake: Callable[[], object]) -> None:
            self.put(THE_END)
            super().when_filled(wake)

    assert Hasty().wait(10)
    assert asyncio.run(Hasty().await_(None))


def test_a_mailbox_of_a_closed_loop_wakes_nobody() -> None:
    """Nobody waits in it any more, and who puts is not troubled."""
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()
    waiting = mailbox.await_(None)
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    assert len(mailbox._wakers) == 1
    loop.close()
    mailbox.put(THE_END)
    assert list(mailbox.messages) == [THE_END]
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    waiting.close()


def test_the_value_is_finished_once(caller: Caller, server: EchoServer) -> None:
    """By the first thread that asks, for all of them; it stays a Pending in every way."""
    finished: list[Any] = []

    def finish(value: Any) -> str:
        finished.append(value)
        return f"<{value}>"

    pending = caller.submit("t.hold").finish_with(finish)
    seen: list[Pending] = []
    pending.add_done_callback(seen.append)
    assert repr(pending) == "<Pending economy.t.hold, under way>"
    eventually(lambda: server.held)
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(pending.result(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    server.release()
    for thread in threads:
        thread.join(10)

    async def wait() -> Any:
        return await pending

    assert [*got, asyncio.run(wait())] == ["<released>"] * 5
    assert finished == ["released"]
    assert seen == [pending]
    assert not pending.cancelled()


def test_an_error_is_not_finished_but_finishing_may_be_one(caller: Caller) -> None:
    """What ``finish`` raises is what the call ended with."""
    failed = caller.submit("t.nothing").finish_with(lambda value: 1 / 0)
    assert isinstance(failed.exception(10), NotExposed)
    broken = caller.submit("t.echo", (0,)).finish_with(lambda value: 1 / value)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            broken.result(10)
    assert isinstance(broken.exception(), ZeroDivisionError)
    assert Pending.settled(3).finish_with(lambda value: value + 1).result() == 4


def test_a_finished_call_can_be_cancelled(caller: Caller, server: EchoServer) -> None:
    """As any other."""
    pending = caller.submit("t.hold").finish_with(str)
    eventually(lambda: server.held)
    assert pending.cancel()
    assert isinstance(pending.exception(10), CallCancelled)
    assert pending.cancelled()
