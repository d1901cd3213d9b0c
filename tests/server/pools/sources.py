"""A link without a network, and jobs to put through it.

``Line`` is a real source in miniature: calls go in at one end and replies come out at the other. It
notes in ``faults`` when a thread that does not own it reads or sends.
"""

from __future__ import annotations

import itertools
import os
import select
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE = 20.0  # seconds a test waits for what must come


def eventually(condition: Callable[[], Any], what: str = "") -> Any:
    """Poll ``condition`` until it holds; fail the test when it does not come to."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"never came: {what or condition}"
        time.sleep(0.001)
    return result


class Work:
    """A job: calls ``function`` (or awaits it) and replies (number, what it returned)."""

    numbers = itertools.count(1)

    def __init__(
        self,
        function: Callable[[], Any] = lambda: None,
        *,
        name: str = "work",
        style: str = "call",
        blocking: bool | None = None,
        deadline: float | None = None,
    ):
        self.number = next(self.numbers)
        self.function = function
        self.name = name
        self.style: Any = style
        self.blocking = blocking
        self.deadline = deadline
        self.thread = ""

    def run(self) -> Any:
        self.thread = threading.current_thread().name
        return (self.number, self.function())

    async def run_async(self) -> Any:
        self.thread = threading.current_thread().name
        awaitable: Awaitable[Any] = self.function()
        return (self.number, await awaitable)

    def refuse(self, message: str) -> Any:
        return (self.number, "BUSY")


class Line:
    """A source. ``call`` puts a job in and ``reply`` waits for its reply, on the test's side."""

    def __init__(self) -> None:
        self.incoming: deque[Work | str] = deque()
        self.outbox: deque[Any] = deque()
        self.replies: dict[int, Any] = {}
        self.sent_by: dict[int, str] = {}  # the thread that sent a reply
        self.pongs: list[str] = []
        self.retired: list[str] = []
        self.faults: list[str] = []
        self.broken: BaseException | None = None
        self.owner = ""
        self._using = threading.Lock()
        self._end, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._end, False)

    # the pool's side

    def receive(self, timeout: float | None) -> Any:
        self._claim("receive")
        try:
            while True:
                if self.broken is not None:
                    raise self.broken
                self._flush()
                while self.incoming:
                    item = self.incoming.popleft()
                    if not isinstance(item, str):
                        return item
                    self.pongs.append(item)
                if not select.select([self._end], [], [], timeout)[0]:
                    return None
                while True:
                    try:
                        os.read(self._end, 4096)
                    except BlockingIOError:
                        break
                if not self.incoming:
                    return None  # what was posted is sent by the next receive, as the contract says
        finally:
            self._using.release()

    def send(self, reply: Any) -> None:
        if threading.current_thread().name != self.owner:
            self.faults.append(f"{threading.current_thread().name} sent, {self.owner} owns")
        self._claim("send")
        try:
            self._put(reply)
        finally:
            self._using.release()

    def post(self, reply: Any) -> None:
        self.outbox.append(reply)
        self.wake()

    def wake(self) -> None:
        try:
            os.write(self._bell, b"!")
        except BlockingIOError:
            pass

    def retire(self, reason: str) -> None:
        self.retired.append(reason)

    def _claim(self, what: str) -> None:
        if not self._using.acquire(blocking=False):
            self.faults.append(f"{threading.current_thread().name}: {what} beside {self.owner}")
            self._using.acquire()
        self.owner = threading.current_thread().name

    def _flush(self) -> None:
        while self.outbox:
            self._put(self.outbox.popleft())

    def _put(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            raise reply
        number, value = reply
        if number in self.replies:
            self.faults.append(f"{number} was answered twice")
        self.sent_by[number] = threading.current_thread().name
        self.replies[number] = value

    # the test's side

    def call(self, *args: Any, **kwargs: Any) -> Work:
        work = Work(*args, **kwargs)
        self.incoming.append(work)
        self.wake()
        return work

    def ping(self, token: str = "ping") -> None:
        """Have the owner of the link answer something that is no job."""
        self.incoming.append(token)
        self.wake()
        eventually(lambda: token in self.pongs, f"pong {token}")
        self.pongs.remove(token)

    def reply(self, work: Work) -> Any:
        eventually(lambda: work.number in self.replies, f"reply to {work.name} {work.number}")
        return self.replies[work.number]

    def close(self) -> None:
        os.close(self._end)
        os.close(self._bell)
