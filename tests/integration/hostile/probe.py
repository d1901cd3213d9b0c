"""What the server under attack exposes beside the bank: probes of its own state.

Copied into an app of the server's project, so that it is exposed as ``probe``.
"""

import os
import pathlib
import threading
import time

from chunnel import expose
from tests.apps.bank.models import Account, Branch
from tests.integration.hostile.attacker import SECRET

_lock = threading.Lock()
_state = {"open": 0, "yielded": 0}


@expose
def seed() -> None:
    """Make accounts with secrets, one of which ``get_queryset`` hides."""
    branch = Branch.objects.create(city="Bern", code="BE")
    for uid, owner in enumerate(["Ada", "Bob", "nobody"], 1):
        Account.objects.create(
            uid=uid,
            owner=owner,
            balance=100,
            opened="2026-01-01T00:00Z",
            branch=branch,
            secret=SECRET,
        )


@expose
def mark(text: str) -> None:
    """Write a line into the log."""
    print(text, flush=True)  # noqa: T201 - the log is what the test reads


@expose
def state() -> dict[str, int]:
    """Return the process id, its memory in KiB, and what its generators do."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    with _lock:
        return {"pid": os.getpid(), "memory": pages * 4, **_state}


@expose(effect="read")
def endless(size: int = 100):
    """Yield for ever; ``state`` tells how many of these run."""
    with _lock:
        _state["open"] += 1
    try:
        while True:
            with _lock:
                _state["yielded"] += 1
            yield b"x" * size
    finally:
        with _lock:
            _state["open"] -= 1


@expose(effect="read")
async def endless_async(size: int = 100):
    """The same on the event loop."""
    with _lock:
        _state["open"] += 1
    try:
        while True:
            with _lock:
                _state["yielded"] += 1
            yield b"x" * size
    finally:
        with _lock:
            _state["open"] -= 1


@expose(effect="read")
def large(size: int) -> bytes:
    """Return so many bytes, which travel in parts."""
    return bytes(size)


@expose(blocking=True)
def hold(path: str) -> str:
    """Return when the file exists."""
    deadline = time.monotonic() + 60
    while not pathlib.Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return "held"


@expose(blocking=True)
def touch(path: str) -> None:
    """Make the file, as proof of having been called."""
    pathlib.Path(path).touch()


class _Breach(Exception):
    """Not exposed: its name is private."""


@expose
def breach() -> None:
    """Raise what nobody registered, with a secret in its message."""
    password = SECRET
    raise _Breach(f"the password is {password}")
