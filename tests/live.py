"""Servers of this project's commands as child processes, for tests that need the real thing."""

from __future__ import annotations

import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 40.0  # seconds; a slow machine starts Django in a few

# Below those from which systems choose the near ends of connections, and each is given out once.
_ports = itertools.count(20_000 + os.getpid() % 10_000)


def until(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait until ``condition`` holds; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        select.select([], [], [], 0.02)


def free_port() -> int:
    """Return a port for a server that is about to start: nobody listens, and none is given it."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):  # in use
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """A command that runs; its output is collected line by line."""

    def __init__(
        self,
        *command: str,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        inherit: bool = True,
    ):
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env={**(os.environ if inherit else {}), "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._descriptor = self.process.stdout.fileno()
        self._rest = b""
        self.lines: list[str] = []

    def _read(self, timeout: float) -> bool:
        """Take what came; return False at the end of the output."""
        if not select.select([self._descriptor], [], [], timeout)[0]:
            return True
        data = os.read(self._descriptor, 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        return bool(data)

    def line_with(self, text: str, timeout: float = PATIENCE) -> str:
        """Return the first line that holds ``text``; fail if the output ends or nothing comes."""
        deadline = time.monotonic() + timeout
        going = True
        while True:
            for line in self.lines:
                if text in line:
                    return line
            assert going, f"ended without {text!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {text!r} came:\n{self.output}"
            going = self._read(0.2)

    def has_said(self, text: str) -> bool:
        """Say whether a line so far holds ``text``."""
        self._read(0)
        return any(text in line for line in self.lines)

    @property
    def output(self) -> str:
        return "\n".join([*self.lines, self._rest.decode()])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the end, collecting the output; return the exit code."""
        deadline = time.monotonic() + timeout
        while self._read(0.2):
            assert time.monotonic() < deadline, f"it goes on:\n{self.output}"
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def close(self) -> None:
        """End the process and all it started, by force if it must be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def running(
    *command: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    inherit: bool = True,
) -> Iterator[Process]:
    """Run a Python command until the block ends; without ``inherit``, with nothing but ``env``."""
    process = Process(*command, env=env, cwd=cwd, inherit=inherit)
    try:
        yield process
    finally:
        process.close()


def address_of(server: Process) -> str:
    """Return where a ``runrpcserver`` serves, once it says so."""
    server.line_with("Quit the server")
    return server.line_with("Serving ").split(" at ")[1].split(",")[0]


def run(*command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a Python command to its end."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
