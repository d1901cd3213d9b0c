"""A client's pipe: one DEALER, which is one connection, once.

* libzmq would reconnect silently, and deliver a message meant for one process to its successor. So
  the interval before it reconnects is the longest there is, some 24 days, and a pipe that broke
  stays broken: nothing is sent or received through it any more, whatever its DEALER does.
  RECONNECT_IVL=-1 or IMMEDIATE=1 would be plainer, but with either libzmq throws away, at the
  break, what it had received and we had not yet read: of 1,000 answers to a busy reader 99 were
  left.
* A DEALER does not say that its connection ended; its monitor does. The monitor is looked at when a
  wait says so, never on the way of a message that arrives in time.
* A wait begins with a plain blocking ``recv`` of at most BRIEF, which spares a fast answer two
  system calls, and goes on with poll() over socket, monitor and bell. A pipe that is ever woken by
  another thread waits in poll() from the start.
* What arrived before the break is delivered before the break is reported. The monitor says
  DISCONNECTED somewhat too early for that, and CONNECT_RETRIED, which means that the wait of 24
  days has begun, when all that was read is in our hands.
* Before every poll() stands a ``recv`` that said EAGAIN (see ``waiting``).
"""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack

import zmq
from zmq.backend import Socket as CSocket

from ..base import Pipe, PipeClosed
from ..waiting import Bell, patched, waiter_for
from . import process
from .addresses import TcpAddress, ipc_path, resolve
from .options import ZmqOptions

# Seconds. Long enough for the answers of a busy server, since what follows a wait that was too
# brief costs several more turns at the interpreter lock; short enough to notice a break in no time.
BRIEF = 0.02

# A message of more frames is cut after this many, so that the codec refuses it.
MAX_FRAMES = 8

_EVENTS = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_CONNECT_RETRIED
)
_NEVER = 2**31 - 1  # milliseconds
_EVENTS_NOW = int(zmq.EVENTS)
_LAST = int(zmq.DONTWAIT)
_MORE = int(zmq.DONTWAIT | zmq.SNDMORE)

_event = struct.Struct("=HI")
_monitors = itertools.count(1)
_send = CSocket.send  # without the layer for draft sockets that zmq.Socket puts above it


class ZmqPipe(Pipe):
    """Made by ``dial``; open from the first moment its caller sees it."""

    def __init__(
        self, endpoint: str, address: str, options: ZmqOptions, *, v6: bool, timeout: float
    ):
        self.endpoint = endpoint
        self._broken = ""  # why, once it is
        self.closed = False
        # The connection was just seen to live, by a message or a look at the monitor, so the next
        # message is sent without looking again. One that is sent into a break nonetheless is
        # reported as perhaps sent, which can happen at any time.
        self._fresh = False
        self._connected = self._ready = False
        self._ended = False  # it is broken, and all that arrived before can be received
        context = process.context()
        milliseconds = int(timeout * 1000) + 1000  # only so that our own deadline comes first
        with ExitStack() as undo:  # where the process runs out of descriptors half-way
            self._bell = Bell()
            undo.callback(self._bell.close)
            self._socket = dealer = context.socket(zmq.DEALER)
            undo.callback(dealer.close)
            dealer.linger = 0
            dealer.reconnect_ivl = _NEVER
            dealer.connect_timeout = milliseconds
            dealer.handshake_ivl = milliseconds
            dealer.maxmsgsize = options.max_frame
            dealer.set_hwm(options.high_water_mark)
            dealer.heartbeat_ivl = int(options.heartbeat_interval * 1000)
            dealer.heartbeat_timeout = int(options.heartbeat_timeout * 1000)
            dealer.rcvtimeo = int(BRIEF * 1000)
            dealer.ipv6 = v6
            events = f"inproc://chunnel-monitor-{next(_monitors)}"
            dealer.monitor(events, _EVENTS)
            self._monitor = context.socket(zmq.PAIR)
            undo.callback(self._monitor.close)
            self._monitor.linger = 0
            self._monitor.connect(events)
            self._recv = dealer.recv
            self._brief = not patched()
            self._monitor_waiter = waiter_for(int(self._monitor.fd))
            self._waiter = waiter_for(int(dealer.fd), int(self._monitor.fd), self._bell.descriptor)
            process.adopt(self)
            dealer.connect(address)
            undo.pop_all()

    def shake_hands(self, deadline: float) -> None:
        """Wait until the connection stands; raise PipeClosed, naming the reason, if it does not."""
        while True:
            self._read_events()
            if self._ready:
                # The news that the connection can be written to may still be on its way to the
                # socket; asking for its state fetches it, which a ``send`` need not do.
                self._socket.get(zmq.EVENTS)
                return
            left = deadline - time.monotonic()
            if not self._broken and left <= 0:
                self._broken = "the handshake timed out" if self._connected else "timed out"
            if self._broken:
                raise PipeClosed(f"{self.endpoint}: {self._broken}", sent=False)
            self._monitor_waiter.wait(left)

    def send(self, frames: Sequence[bytes]) -> None:
        if self._fresh:
            self._fresh = False
        elif not self._broken and self._monitor_waiter.wait(0):
            self._read_events()
        if self._broken:
            raise PipeClosed(f"{self.endpoint}: {self._broken}", sent=False)
        dealer = self._socket
        first, more = frames[0], len(frames) > 1
        try:
            _send(dealer, first, _MORE if more else _LAST)
        except zmq.Again:
            # The queue was full when the socket last looked; asking for its state looks again.
            if not int(dealer.get(_EVENTS_NOW)) & zmq.POLLOUT:
                self._broken = f"the peer takes no more ({dealer.sndhwm} messages wait)"
                self._ended = True
                raise PipeClosed(f"{self.endpoint}: {self._broken}", sent=False) from None
            _send(dealer, first, _MORE if more else _LAST)
        if more:
            for frame in frames[1:-1]:
                _send(dealer, frame, _MORE)
            _send(dealer, frames[-1], _LAST)

    def receive(self, timeout: float | None) -> list[bytes] | None:
        if self._bell.rung:
            self._bell.hush()
            return None
        if self._brief and (timeout is None or timeout > BRIEF):
            try:
                return self._message(0)
            except zmq.Again:
                if timeout is not None:
                    timeout -= BRIEF
            except zmq.ZMQError:
                raise self._failure() from None
        elif timeout == 0 and not self._news():
            return None
        return self._wait(timeout)

    def _news(self) -> bool:
        """Say whether there may be something to receive or to report: cheaper than to try."""
        if self._broken or int(self._socket.get(_EVENTS_NOW)) & zmq.POLLIN:
            return True
        self._fresh = not self._monitor_waiter.wait(0)
        return not self._fresh

    def _message(self, flags: int) -> list[bytes]:
        frame = self._recv(flags, False)
        frames = [frame.bytes]
        while frame.more:
            frame = self._recv(0, False)
            if len(frames) <= MAX_FRAMES:
                frames.append(frame.bytes)
        self._fresh = True
        return frames

    def _wait(self, timeout: float | None) -> list[bytes] | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self._message(_LAST)
            except zmq.Again:
                pass
            except zmq.ZMQError:
                raise self._failure() from None
            if self._ended:
                raise self._failure()
            if self._bell.rung:
                self._bell.hush()
                return None
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self._waiter.wait(left):
                return None
            self._read_events()

    def _failure(self) -> PipeClosed:
        return PipeClosed(f"{self.endpoint}: {self._broken}", sent=True)

    def _read_events(self) -> None:
        """Take all the monitor has to say; it must be empty before its descriptor is waited for."""
        while True:
            try:
                frames = self._monitor.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            event, _ = _event.unpack(frames[0])
            if event == zmq.EVENT_CONNECTED:
                self._connected = True
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._ready = True
            elif event == zmq.EVENT_CONNECT_RETRIED:
                self._ended = True
            elif self._broken:
                continue
            elif self._ready:
                self._broken = "the connection broke"
            elif self._connected:
                self._broken = "the handshake failed"
            else:
                self._broken = "refused"

    def descriptors(self) -> tuple[int, ...]:
        return int(self._socket.fd), int(self._monitor.fd)

    def wake(self) -> None:
        self._brief = False
        self._bell.ring()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = self._ended = True
        self._broken = "the pipe was closed"
        self._socket.monitor(None, 0)
        self._monitor.close()
        self._socket.close()
        self._bell.close()

    def orphan(self) -> object:
        kept = dict(self.__dict__)
        self.__dict__ = {"endpoint": self.endpoint}
        self.__class__ = OrphanPipe  # type: ignore[assignment]
        return kept


class OrphanPipe(Pipe):
    """What becomes of a ZmqPipe in a forked child."""

    closed = True
    _reason = "the pipe belongs to the parent process"

    def send(self, frames: Sequence[bytes]) -> None:
        raise PipeClosed(f"{self.endpoint}: {self._reason}", sent=False)

    def receive(self, timeout: float | None) -> list[bytes] | None:
        raise PipeClosed(f"{self.endpoint}: {self._reason}", sent=True)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass


def dial(endpoint: str, options: ZmqOptions, timeout: float) -> ZmqPipe:
    """Connect to ``endpoint`` within ``timeout`` seconds; its addresses are tried in turn.

    Return a pipe whose handshake succeeded. Raise PipeClosed, which names the reason for each
    address (also where this process is out of descriptors), or ValueError for an address of the
    wrong form.
    """
    deadline = time.monotonic() + timeout
    targets: list[TcpAddress | str]
    if endpoint.startswith("ipc:"):
        targets = [f"ipc://{ipc_path(endpoint)}"]
    else:
        try:
            targets = list(resolve(endpoint))
        except OSError as error:
            raise PipeClosed(f"{endpoint}: {error.strerror or error}", sent=False) from None
    reasons = []
    for position, target in enumerate(targets):
        # Each address gets an equal part of what is left, so that one that never answers does not
        # use up the time of the others.
        now = time.monotonic()
        share = max(0.0, deadline - now) / (len(targets) - position)
        try:
            return _dial_one(endpoint, target, options, now + share, share)
        except PipeClosed as error:
            reasons.append(error.reason if len(targets) == 1 else f"{target} {error.reason}")
    raise PipeClosed("; ".join(reasons), sent=False)


def _dial_one(
    endpoint: str, target: TcpAddress | str, options: ZmqOptions, deadline: float, timeout: float
) -> ZmqPipe:
    v6 = isinstance(target, TcpAddress) and target.v6
    try:
        pipe = ZmqPipe(endpoint, str(target), options, v6=v6, timeout=timeout)
        try:
            pipe.shake_hands(deadline)
        except BaseException:
            pipe.close()
            raise
    except (zmq.ZMQError, OSError) as error:  # this process lacks something: files, memory
        raise PipeClosed(f"{endpoint}: {error.strerror or error}", sent=False) from error
    return pipe
