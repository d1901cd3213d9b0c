"""Callers and servers for the client's tests; all sockets are real."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chunnel.client.calling import Caller
from chunnel.conf import RemoteSettings

from .echo import EchoServer, serving

MakeCaller = Callable[..., Caller]


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Poll until the condition holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail("It did not come about in time.")
        time.sleep(0.005)
    return found


async def aeventually(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """The same in an event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("It did not come about in time.")
        await asyncio.sleep(0.005)


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def make_caller() -> Iterator[MakeCaller]:
    made: list[Caller] = []

    def make(*endpoints: str, **changes: Any) -> Caller:
        resolve = changes.pop("resolve", None)
        changes.setdefault("timeout", 10)
        settings = RemoteSettings("economy", tuple(endpoints), **changes)
        made.append(Caller(settings, resolve=resolve))
        return made[-1]

    yield make
    for caller in made:
        caller.close()


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with serving() as server:
        yield server


@pytest.fixture
def caller(server: EchoServer, make_caller: MakeCaller) -> Caller:
    return make_caller(server.address)


class Child:
    """An echo server in a process of its own."""

    def __init__(self, *arguments: str, log: Path | None = None):
        extra = ["--log", str(log)] if log else []
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.client.echo", *arguments, *extra],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent.parent,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the child did not start"

    @property
    def executed(self) -> int:
        """How many calls it executed."""
        assert self.log is not None
        return self.log.stat().st_size if self.log.exists() else 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start_child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(address: str = "tcp://127.0.0.1:0", *arguments: str) -> Child:
        log = tmp_path / f"executed-{len(children)}"
        children.append(Child(address, *arguments, log=log))
        return children[-1]

    yield start
    for child in children:
        child.stop()
