"""Fixtures for all tests, first of all the one that fails a test which leaks a thread or socket."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# Threads that belong to the process and not to a test: they are made once and stay.
_PROCESS_THREADS = (
    "ThreadPoolExecutor",
    "asyncio_",
    "pytest_timeout",
    "chunnel-client",
    "chunnel calls",
)
_SETTLE = 5.0  # seconds; what a test closed may take this long to be gone


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of this suite."""
    config.addinivalue_line(
        "markers", "leaks(reason): the test may leave threads or sockets behind"
    )


def pytest_collection_finish() -> None:
    """Leave what was imported out of the many collections to come: each would take 0.3 s."""
    gc.collect()
    gc.freeze()


def _threads() -> set[threading.Thread]:
    return {
        thread
        for thread in threading.enumerate()
        if thread.is_alive() and not thread.name.startswith(_PROCESS_THREADS)
    }


def _sockets() -> set[str]:
    """Return the open sockets of this process, each by its inode."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)  # noqa: PTH115 - the link's text is not a path
        except OSError:  # it was the directory's own descriptor, or closed meanwhile
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread or a socket behind.

    Connections that the process keeps for its remotes are closed first, as at the end of a process.
    ``@pytest.mark.leaks(reason)`` exempts a test.
    """
    if request.node.get_closest_marker("leaks") is not None or not Path("/proc/self/fd").is_dir():
        yield
        return
    threads, sockets = _threads(), _sockets()
    yield
    kept = sys.modules.get("chunnel.client.remotes")
    if kept is not None:
        kept.remotes.close()
    deadline = time.monotonic() + _SETTLE
    collected = False
    while True:
        new_threads, new_sockets = _threads() - threads, _sockets() - sockets
        if not new_threads and not new_sockets:
            return
        if not collected:
            gc.collect()
            collected = True
        elif time.monotonic() > deadline:
            break
        for thread in new_threads:
            thread.join(0.01)
        if not new_threads:
            threading.Event().wait(0.01)
    names = sorted(thread.name for thread in new_threads)
    pytest.fail(f"The test left threads {names} and {len(new_sockets)} sockets behind.")
