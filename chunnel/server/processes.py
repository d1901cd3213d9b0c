"""Several workers on one address: a parent process and its children.

Rules of this file:

* The parent owns no socket of ZeroMQ, no thread and no database connection, so there is nothing in
  it that a child could inherit broken. Children are started anew (never forked off a running
  interpreter), so that a reload loads new code.
* Before the first child starts, the parent binds each address without SO_REUSEPORT: only so does it
  notice that somebody else has it. Then it holds the address with a bound socket that never
  listens; the kernel gives that one no connections, but nobody else can take the port in between.
* A child tells that it serves by closing its end of a pipe after one byte. A child that dies is
  started again, later each time it dies young.
* A reload starts new children first and retires the old ones when all new ones serve.
* SIGTERM and Ctrl-C let calls under way end; a second Ctrl-C, which becomes SIGQUIT for the
  children, does not. (A second SIGTERM is no sign of haste: a service manager may send one to all.)
* A signal handler only notes the signal; everything happens in the one loop below.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ..transports import AddressInUse

ENVIRONMENT_KEY = "CHUNNEL_CHILD"

EXIT_UNUSABLE = 78  # EX_CONFIG of sysexits.h: starting this child again would end the same way
SETTLED_AFTER = 10.0  # a child that served this long and then died is not one that cannot start
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before a child that died young is started again
KILL_AFTER = 5.0  # seconds beyond its grace until a child that does not end is killed

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class CannotShare(ValueError):
    """Several workers cannot share an address of this kind."""


# The address


class Held(NamedTuple):
    """An address that is held for the children; with the real port where 0 was asked for."""

    address: str
    socket: socket.socket


def hold(address: str) -> Held:
    """Hold a ``tcp://`` address for children that will listen there with SO_REUSEPORT.

    Raise AddressInUse if somebody listens there, CannotShare if several processes cannot, and
    OSError, with the address as its ``filename``, if the host is none of this machine's.
    """
    scheme, _, rest = address.partition("://")
    if scheme != "tcp" or not hasattr(socket, "SO_REUSEPORT"):
        raise CannotShare(f"Several workers cannot share {address}; serve it with one worker.")
    host, _, port = rest.rpartition(":")
    name = host.strip("[]")
    try:
        family, kind, proto, _, place = socket.getaddrinfo(
            None if name == "*" else name,
            int(port),
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
    except socket.gaierror as error:
        raise OSError(error.errno, error.strerror, address) from None
    probe = socket.socket(family, kind, proto)
    with probe:
        # Without SO_REUSEADDR connections that ended a moment ago would count as somebody else.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(error.errno, f"{address} is in use") from None
            raise OSError(error.errno, error.strerror, address) from None
        place = probe.getsockname()
    holder = socket.socket(family, kind, proto)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(place)
    return Held(f"tcp://{host}:{place[1]}", holder)


# The child's side


@dataclass(frozen=True, slots=True)
class ChildRole:
    """What a process knows about itself as a child."""

    index: int
    workers: int
    addresses: tuple[str, ...]
    parent: int
    ready: int  # the descriptor to report on

    def to_environment(self) -> str:
        return json.dumps([self.index, self.workers, self.addresses, self.parent, self.ready])

    def follow_parent(self) -> None:
        """Ask the kernel to end this process when its parent is gone; end at once if it is."""
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self.parent:
            raise SystemExit(0)

    def report_ready(self) -> None:
        """Tell the parent that this child serves."""
        with suppress(BrokenPipeError):  # the parent is going; its signal will come
            os.write(self.ready, b"1")
        os.close(self.ready)


def child_role() -> ChildRole | None:
    """Return the role of this process if a parent of this file started it, else None."""
    text = os.environ.get(ENVIRONMENT_KEY)
    if text is None:
        return None
    index, workers, addresses, parent, ready = json.loads(text)
    return ChildRole(index, workers, tuple(addresses), parent, ready)


# The parent's side


@dataclass(eq=False, slots=True)
class _Child:
    index: int
    process: subprocess.Popen[bytes]
    ready: int | None  # our end of the pipe, until it reported
    started: float
    serving: bool = False
    retired: bool = False
    kill_at: float | None = None


@dataclass(eq=False, slots=True)
class Parent:
    """Starts ``workers`` processes of ``command`` and keeps them running.

    ``grace`` is how many seconds a child has to finish its calls; ``report`` shows one line to the
    operator.
    """

    command: Sequence[str]
    workers: int
    addresses: Sequence[str]
    grace: float
    report: Callable[[str], object]
    _children: list[_Child] = field(default_factory=list)
    _due: dict[int, float] = field(default_factory=dict)  # by index: when to start it again
    _delays: dict[int, float] = field(default_factory=dict)
    _signals: list[int] = field(default_factory=list)
    _stopping: bool = False
    _interrupted: bool = False  # by Ctrl-C, once
    _announced: bool = False
    _code: int = 0

    def run(self) -> int:
        """Run until a signal ends it; return the exit code. For the main thread only."""
        wake_in, wake_out = os.pipe()
        os.set_blocking(wake_in, False)
        os.set_blocking(wake_out, False)
        old_wakeup = signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        old = {number: signal.signal(number, self._note) for number in _SIGNALS}
        try:
            for index in range(self.workers):
                self._start(index)
            while self._children or (self._due and not self._stopping):
                self._wait(wake_in)
                self._obey()
                self._reap()
                self._act(time.monotonic())
        finally:
            for child in self._children:  # only after an exception of our own
                child.process.kill()
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_wakeup)
            os.close(wake_in)
            os.close(wake_out)
        return self._code

    def _note(self, number: int, frame: object) -> None:  # noqa: ARG002 - a handler's signature
        self._signals.append(number)

    def _start(self, index: int) -> None:
        reading, writing = os.pipe()
        role = ChildRole(index, self.workers, tuple(self.addresses), os.getpid(), writing)
        try:
            process = subprocess.Popen(  # noqa: S603 - the command this process was started with
                list(self.command),
                env={**os.environ, ENVIRONMENT_KEY: role.to_environment()},
                pass_fds=[writing],
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._children.append(_Child(index, process, reading, time.monotonic()))

    def _try_to_start(self, index: int) -> None:
        """Start a child, now or later: those that serve do not end for one that cannot start."""
        try:
            self._start(index)
        except OSError as error:  # no more processes, memory or descriptors
            delay = self._next_delay(index)
            self._due[index] = time.monotonic() + delay
            self.report(
                f"Worker {index + 1} could not be started ({error}); trying again in {delay:g} s."
            )

    def _next_delay(self, index: int) -> float:
        """Return how long to wait before this start; the next one waits longer."""
        delay = self._delays.get(index, FIRST_DELAY)
        self._delays[index] = min(LONGEST_DELAY, delay * 2)
        return delay

    def _wait(self, wake: int) -> None:
        """Wait for a signal, a report or the next time something is due."""
        reports = {child.ready: child for child in self._children if child.ready is not None}
        times = [*self._due.values()] if not self._stopping else []
        times += [child.kill_at for child in self._children if child.kill_at is not None]
        timeout = max(0.0, min(times) - time.monotonic()) if times else None
        readable, _, _ = select.select([wake, *reports], [], [], timeout)
        for descriptor in readable:
            if descriptor == wake:
                with suppress(BlockingIOError):
                    os.read(wake, 4096)
                continue
            child = reports[descriptor]
            child.serving = os.read(descriptor, 1) == b"1"
            os.close(descriptor)
            child.ready = None

    def _obey(self) -> None:
        noted, self._signals = self._signals, []
        for number in noted:
            if number == signal.SIGQUIT or (number == signal.SIGINT and self._interrupted):
                self._stopping = True
                self._hurry()
            elif number in (signal.SIGINT, signal.SIGTERM):
                self._stopping = True
                self._interrupted = self._interrupted or number == signal.SIGINT
                self._retire(self._children)
            elif number == signal.SIGHUP and not self._stopping:
                self.report("Reloading: starting new workers.")
                self._due.clear()
                self._delays.clear()
                for child in self._children:
                    child.retired = True
                for index in range(self.workers):
                    self._try_to_start(index)

    def _retire(self, children: Iterable[_Child]) -> None:
        for child in children:
            child.retired = True
            if child.kill_at is None:
                child.kill_at = time.monotonic() + self.grace + KILL_AFTER
                child.process.terminate()

    def _hurry(self) -> None:
        """End all children now, whatever they still do."""
        self._retire(self._children)
        for child in self._children:
            child.kill_at = time.monotonic() + KILL_AFTER
            child.process.send_signal(signal.SIGQUIT)

    def _reap(self) -> None:
        for child in [child for child in self._children if child.process.poll() is not None]:
            self._children.remove(child)
            if child.ready is not None:
                os.close(child.ready)
            if child.retired or self._stopping:
                continue
            code = child.process.returncode
            if code == EXIT_UNUSABLE:
                self._give_up()
                continue
            now = time.monotonic()
            delay = 0.0
            if child.serving and now - child.started >= SETTLED_AFTER:
                self._delays.pop(child.index, None)
            else:
                delay = self._next_delay(child.index)
            self._due[child.index] = now + delay
            self.report(
                f"Worker {child.index + 1} (process {child.process.pid}) {_ended(code)}; "
                + (f"starting it again in {delay:g} s." if delay else "starting it again.")
            )

    def _give_up(self) -> None:
        """Stop what was just started: a child said that it cannot serve with what it was given."""
        previous = [child for child in self._children if child.retired and child.kill_at is None]
        self._retire([child for child in self._children if not child.retired])
        if previous:
            self.report("The new workers cannot serve; the old ones stay.")
            for child in previous:
                child.retired = False
        else:
            self._code = 1
            self._stopping = True

    def _act(self, now: float) -> None:
        """Do what is due: start, retire after a reload, kill what does not end."""
        if not self._stopping:
            for index in [index for index, due in self._due.items() if due <= now]:
                del self._due[index]
                self._try_to_start(index)
            current = [child for child in self._children if not child.retired]
            if len(current) == self.workers and all(child.serving for child in current):
                if not self._announced:
                    self._announced = True
                    self.report(f"All {self.workers} workers serve.")
                self._retire([child for child in self._children if child.retired])
        for child in self._children:
            if child.kill_at is not None and child.kill_at <= now:
                self.report(f"Process {child.process.pid} did not end; killing it.")
                self._code = 1
                child.kill_at = None
                child.process.kill()


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
