"""The transports that the contract suite runs over, and what no test may leave behind."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from chunnel.transports import Listener, Pipe, Transport, for_endpoint
from chunnel.transports.zmq import process

EXAMPLES = Path(__file__).parents[2] / "docs" / "howto" / "examples"
PATIENCE = 20.0  # seconds; only a failing test waits so long

T = TypeVar("T")

_numbers = itertools.count(1)


def poll(condition: Callable[[], T | None], what: str) -> T:
    """Return the first true value of ``condition``, or fail at the deadline."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE} s in vain for {what}")
        threading.Event().wait(0.005)
    return value


def load_example(name: str) -> Any:
    """Import a file of the how-tos, which are no package."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Place:
    """A transport, and an address at which nobody listens yet."""

    transport: Transport
    address: str
    options: dict[str, Any] = field(default_factory=dict)
    _open: list[Pipe | Listener] = field(default_factory=list)

    def listen(self, address: str | None = None) -> Listener:
        listener = self.transport.listen([address or self.address], self.options)
        self._open.append(listener)
        return listener

    def dial(self, listener: Listener | str) -> Pipe:
        endpoint = listener if isinstance(listener, str) else listener.endpoint
        pipe = self.transport.dial(endpoint, self.options, timeout=PATIENCE)
        self._open.append(pipe)
        return pipe

    def close(self) -> None:
        for each in self._open:
            each.close()


SHIPPED = ("tcp", "tcp6", "ipc", "memory")


@pytest.fixture(params=[*SHIPPED, "plain"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Run the test over each transport, the user-written one of the how-to included."""
    match request.param:
        case "tcp":
            place = Place(for_endpoint("tcp://x:0"), "tcp://127.0.0.1:0")
        case "tcp6":
            place = Place(for_endpoint("tcp://x:0"), "tcp://[::1]:0")
        case "ipc":
            address = f"ipc://{tmp_path}/s"
            place = Place(for_endpoint(address), address)
        case "memory":
            address = f"memory://contract-{next(_numbers)}"
            place = Place(for_endpoint(address), address)
        case _:
            transport = load_example("plain_tcp").PlainTransport()
            place = Place(transport, "plain://127.0.0.1:0")
    yield place
    place.close()


def descriptors() -> set[str]:
    """Return what this process has open, each by its kind and number in the kernel."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(entry))  # noqa: PTH115 - the link's text is not a path
        except OSError:  # the directory's own
            continue
    return found


@pytest.fixture(autouse=True)
def no_open_pipes() -> Iterator[None]:
    """Fail the test that leaves a pipe or listener open; what libzmq closes may take a moment."""
    process.context()
    before = process.owners()
    yield
    left = [owner for owner in process.owners() - before if not owner.closed]
    for owner in left:
        owner.close()
    del before
    gc.collect()
    assert not left, "the test left pipes or listeners open"
