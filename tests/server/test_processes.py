"""The parent and its children: real processes that serve nothing of Chunnel."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from chunnel.server import processes
from chunnel.server.processes import CannotShare, ChildRole, hold
from chunnel.transports import AddressInUse

from ..live import ROOT, Process, run, until

CHILD = """
    import os, signal, socket, sys, time
    sys.path.insert(0, {root!r})
    from chunnel.server.processes import EXIT_UNUSABLE, child_role

    role = child_role()
    role.follow_parent()
    if os.path.exists({unusable!r}):
        sys.exit(EXIT_UNUSABLE)
    if os.path.exists({fleeting!r}):
        if not os.fork():  # whoever is left holds the pipe open
            while os.path.exists({fleeting!r}):
                time.sleep(0.01)
            os._exit(0)
        os._exit(3)
    host, _, port = role.addresses[0].removeprefix("tcp://").rpartition(":")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, int(port)))
    listener.listen()
    if os.path.exists({stubborn!r}):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *args: sys.exit(0))
    role.report_ready()
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(f"{{role.index}} {{os.getpid()}}".encode())
"""

PARENT = """
    import sys
    sys.path.insert(0, {root!r})
    from chunnel.server import processes
    from chunnel.server.processes import Parent, hold

    def report(line):
        print(line, flush=True)
        if line == {fatal!r}:
            raise OSError("on purpose")

    processes.KILL_AFTER = 0.1
    processes.SETTLED_AFTER = {settled}
    held = hold("tcp://127.0.0.1:0")
    print(held.address, flush=True)
    parent = Parent(
        [{python!r}, {child!r}], 2, [held.address], grace={grace}, report=report
    )
    sys.exit(parent.run())
"""


class Running:
    """A parent that runs."""

    def __init__(self, tmp_path: Path, *, grace: float = 5, settled: float = 10, fatal: str = ""):
        # Files that children look for as they start, and the interpreter they are started with.
        self.unusable, self.fleeting = tmp_path / "unusable", tmp_path / "fleeting"
        self.stubborn, self.python = tmp_path / "stubborn", tmp_path / "python"
        self.python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        self.python.chmod(0o755)
        child, parent = tmp_path / "child.py", tmp_path / "parent.py"
        values = {
            "root": str(ROOT),
            "unusable": str(self.unusable),
            "fleeting": str(self.fleeting),
            "stubborn": str(self.stubborn),
            "python": str(self.python),
            "child": str(child),
            "grace": grace,
            "settled": settled,
            "fatal": fatal,
        }
        child.write_text(textwrap.dedent(CHILD.format(**values)))
        parent.write_text(textwrap.dedent(PARENT.format(**values)))
        self.process = Process("-W", "error", str(parent))
        address = self.process.line_with("tcp://")
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        self.place = host, int(port)

    def ask(self) -> tuple[int, int]:
        """Return index and process id of the child that the kernel chose."""
        with socket.create_connection(self.place, timeout=5) as connection:
            index, pid = connection.recv(64).split()
        return int(index), int(pid)

    def pids(self, number: int) -> set[int]:
        """Return the ids of the ``number`` children that answer."""
        found: set[int] = set()

        def all_found() -> bool:
            found.add(self.ask()[1])
            return len(found) >= number

        until(all_found)
        return found


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    parent = Running(tmp_path)
    try:
        parent.process.line_with("All 2 workers serve.")
        yield parent
    finally:
        parent.process.close()


def test_children_share_the_address(running: Running) -> None:
    """The kernel spreads connections over both children."""
    assert len(running.pids(2)) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_parent_and_children(running: Running, number: signal.Signals) -> None:
    """The parent passes the signal on, waits, and exits with 0."""
    pids = running.pids(2)
    running.process.signal(number)
    assert running.process.wait(20) == 0
    assert not any(map(is_running, pids))


def test_a_killed_child_is_started_again(running: Running) -> None:
    """A child that dies comes back, and the parent says which one it was."""
    before = running.pids(2)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    running.process.line_with(f"(process {victim}) was ended by SIGKILL; starting it again")
    survivors = before - {victim}
    until(lambda: running.ask()[1] not in before)
    assert survivors <= running.pids(2)


def test_a_child_that_served_for_long_is_started_again_at_once(tmp_path: Path) -> None:
    parent = Running(tmp_path, settled=0)
    try:
        parent.process.line_with("All 2 workers serve.")
        victim = parent.ask()[1]
        os.kill(victim, signal.SIGKILL)
        line = parent.process.line_with(f"(process {victim}) was ended by SIGKILL")
        assert line.endswith("; starting it again.")
        assert len(parent.pids(2)) == 2
    finally:
        parent.process.close()


def test_a_signal_without_a_name_is_told_by_its_number(running: Running) -> None:
    victim = running.ask()[1]
    os.kill(victim, signal.SIGRTMIN + 1)
    running.process.line_with(f"was ended by signal {signal.SIGRTMIN + 1}; starting it again")


def test_a_child_that_died_early_is_started_again(running: Running) -> None:
    """Also where somebody it had started holds its pipe to the parent open."""
    descriptors = Path(f"/proc/{running.process.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    running.fleeting.touch()
    victim = running.ask()[1]
    os.kill(victim, signal.SIGKILL)
    try:
        running.process.line_with("ended with exit code 3; starting it again")
        until(lambda: len(list(descriptors.iterdir())) == before)  # it is being started at times
    finally:
        running.fleeting.unlink()
    assert len(running.pids(2)) == 2


def test_a_child_that_cannot_be_started_is_tried_again(running: Running) -> None:
    """The one that serves goes on, and a reload waits for better times as well."""
    before = running.pids(2)
    victim = min(before)
    away = running.python.rename(running.python.with_name("away"))
    os.kill(victim, signal.SIGKILL)
    running.process.line_with(" could not be started (")
    running.process.signal(signal.SIGHUP)
    for number in (1, 2):
        running.process.line_with(f"Worker {number} could not be started (")
    assert running.pids(1) == before - {victim}
    away.rename(running.python)
    until(lambda: not is_running(max(before)))
    assert not running.pids(2) & before


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """The exit code tells of it."""
    (tmp_path / "stubborn").touch()
    parent = Running(tmp_path, grace=0.1)
    try:
        parent.process.line_with("All 2 workers serve.")
        pids = parent.pids(2)
        parent.process.signal(signal.SIGTERM)
        assert parent.process.wait(20) == 1
        for pid in pids:
            parent.process.line_with(f"Process {pid} did not end; killing it.")
            assert not is_running(pid)
    finally:
        parent.process.close()


def test_no_child_outlives_a_parent_that_failed(tmp_path: Path) -> None:
    (tmp_path / "stubborn").touch()
    parent = Running(tmp_path, fatal="All 2 workers serve.")
    try:
        assert parent.process.wait(20) == 1
        assert "OSError: on purpose" in parent.process.output
        with pytest.raises(ConnectionRefusedError):
            parent.ask()
    finally:
        parent.process.close()


def test_hangup_replaces_every_child(running: Running) -> None:
    """After SIGHUP new processes serve and the old ones are gone."""
    before = running.pids(2)
    running.process.signal(signal.SIGHUP)
    running.process.line_with("Reloading: starting new workers.")
    until(lambda: not any(map(is_running, before)))
    assert not running.pids(2) & before


def test_a_reload_that_cannot_serve_keeps_the_old_children(running: Running) -> None:
    """New code that refuses its settings does not take the service down."""
    before = running.pids(2)
    running.unusable.touch()
    running.process.signal(signal.SIGHUP)
    running.process.line_with("Reloading: starting new workers.")
    running.process.line_with("The new workers cannot serve; the old ones stay.")
    assert running.pids(2) == before


def test_a_first_start_that_cannot_serve_ends_the_parent(tmp_path: Path) -> None:
    """Starting it again would end the same way."""
    (tmp_path / "unusable").touch()
    parent = Running(tmp_path)
    try:
        assert parent.process.wait(20) == 1
    finally:
        parent.process.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_children_end_with_a_killed_parent(running: Running) -> None:
    """No child stays behind on the address when the parent is killed."""
    pids = running.pids(2)
    running.process.process.kill()
    running.process.process.wait(10)
    until(lambda: not any(map(is_running, pids)))


def test_a_child_whose_parent_is_gone_does_not_begin() -> None:
    code = (
        "import os; from chunnel.server.processes import ChildRole\n"
        "ChildRole(0, 1, (), os.getppid() + 1, 9).follow_parent()\n"
        "print('serves')"
    )
    ended = run("-c", code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_an_address_in_use_is_noticed() -> None:
    """Even where the other one listens with SO_REUSEPORT and would share it silently."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"^tcp://127.0.0.1:{port} is in use$"):
            hold(f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_what_is_no_address_of_this_machine_is_named(host: str) -> None:
    with pytest.raises(OSError, match=host) as caught:
        hold(f"tcp://{host}:7070")
    assert caught.value.filename == f"tcp://{host}:7070"


def test_a_held_port_cannot_be_taken() -> None:
    """Nobody who does not share can bind it, and no connection goes to the holder."""
    held = hold("tcp://127.0.0.1:0")
    host, _, port = held.address.removeprefix("tcp://").rpartition(":")
    with held.socket, socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.parametrize("address", ["ipc:///tmp/chunnel.sock", "memory://"])
def test_what_is_not_tcp_cannot_be_shared(address: str) -> None:
    """The sentence names the address and the way out."""
    with pytest.raises(CannotShare, match=f"cannot share {address}; serve it with one worker"):
        hold(address)


def test_ipv6_is_held_in_brackets() -> None:
    """The real port takes the place of 0."""
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    held = hold("tcp://[::1]:0")
    held.socket.close()
    assert held.address.startswith("tcp://[::1]:")
    assert not held.address.endswith(":0")


def test_a_role_survives_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parent writes is what the child reads."""
    role = ChildRole(1, 3, ("tcp://127.0.0.1:7070",), 4711, 9)
    monkeypatch.setenv(processes.ENVIRONMENT_KEY, role.to_environment())
    assert processes.child_role() == role


def test_without_a_parent_there_is_no_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process started by hand is nobody's child."""
    monkeypatch.delenv(processes.ENVIRONMENT_KEY, raising=False)
    assert processes.child_role() is None
