"""A server's listener: one ROUTER, whatever the number of its addresses.

* Nothing is queued for a peer that is gone, and no peer holds up another: MANDATORY and DONTWAIT
  turn both cases into PeerGone.
* The bell is one more peer: waking sends an empty message through an inproc connection whose name
  no one can guess. So the reader waits in one blocking ``recv``, not in poll() over two things,
  and an answer costs two system calls less.
* Peers that left are found by the monitor, which is read every LOOK seconds (see ``departures``).
* A peer's name is the ROUTER's own, made when it connects; it means nothing elsewhere.
* With ``reuse_port`` we make the listening socket and hand it over; from then on it is libzmq's,
  and is never touched here again.
* An address in use is noticed: tcp by bind itself, which never sets SO_REUSEPORT; ipc by asking
  whether somebody answers, since libzmq would remove another server's path.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import socket
import time
from collections.abc import Sequence

import zmq
from zmq.backend import Socket as CSocket

from ..base import AddressInUse, Listener, PeerGone
from ..waiting import native_rlock, patched, waiter_for
from . import process
from .addresses import TcpAddress, ipc_path, resolve
from .departures import Departures
from .options import ZmqOptions
from .pipe import MAX_FRAMES

# Milliseconds that close waits for answers already sent to leave: the process may end behind it,
# and what is left then is lost. It is a caller's window at most, which takes a slow line that long.
LINGER = 3000

# Messages kept for a peer that takes none, which may have granted credit all the same. Chunks of a
# stream have 64 KiB, so this is what one such peer can cost; twice the calls that it can have open,
# so that a network which halts for a moment drops nobody.
MAX_UNSENT = 2048

# Seconds after which a peer that left is noticed at the latest.
LOOK = 1.0

_LAST = int(zmq.DONTWAIT)
_MORE = int(zmq.DONTWAIT | zmq.SNDMORE)

_numbers = itertools.count(1)
_send = CSocket.send


class ZmqListener(Listener):
    """Made by ``listen``."""

    def __init__(self, options: ZmqOptions):
        self._context = context = process.new_context()
        self.endpoints: tuple[str, ...] = ()
        self.closed = False
        self._options = options
        self._socket = router = context.socket(zmq.ROUTER)
        router.linger = LINGER
        router.router_mandatory = 1
        router.maxmsgsize = options.max_frame
        router.rcvhwm = options.high_water_mark
        router.sndhwm = min(options.high_water_mark, MAX_UNSENT)
        router.heartbeat_ivl = int(options.heartbeat_interval * 1000)
        router.heartbeat_timeout = int(options.heartbeat_timeout * 1000)
        router.backlog = options.backlog
        self._recv = router.recv
        self._departures = departures = Departures(router)
        self._gone = departures.gone
        self._present = departures.present
        self._next_look = 0.0
        self._rcvtimeo = -1.0  # seconds, as set on the socket; never, for a hub
        self._waiter = waiter_for(int(router.fd)) if patched() else None

        address = f"inproc://chunnel-bell-{next(_numbers)}"
        self._bell_name = b"bell" + secrets.token_bytes(16)
        self._bell_lock = native_rlock()
        self._rung = False
        router.bind(address)
        self._bell = context.socket(zmq.DEALER)
        self._bell.linger = 0
        self._bell.routing_id = self._bell_name
        self._bell.connect(address)
        process.adopt(self)

    def bind(self, endpoint: str, *, reuse_port: bool) -> None:
        """Listen on one more address."""
        router = self._socket
        if endpoint.startswith("ipc:"):
            if reuse_port:
                raise ValueError(f"{endpoint}: an ipc address cannot be shared by several workers.")
            _refuse_if_answered(endpoint)
            address = f"ipc://{ipc_path(endpoint)}"
        else:
            found = resolve(endpoint, passive=True)
            target = next((each for each in found if not each.v6), found[0])
            router.ipv6 = target.v6
            address = str(target)
            if reuse_port:
                address, descriptor = _listening_socket(target, self._options.backlog)
                router.use_fd = descriptor
        try:
            router.bind(address)
        except zmq.ZMQError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(errno.EADDRINUSE, f"{endpoint} is in use") from None
            # Not its own text, which names the address again.
            reason = zmq.strerror(error.errno or 0)
            raise OSError(error.errno, reason, endpoint) from None
        finally:
            router.use_fd = -1
        bound = address if reuse_port else str(router.get_string(zmq.LAST_ENDPOINT)).rstrip("\0")
        self.endpoints += (bound,)

    def send(self, peer: bytes, frames: Sequence[bytes]) -> None:
        router = self._socket
        try:
            _send(router, peer, _MORE)
        except zmq.Again:
            # The peer's queue was full when the socket last looked; asking for its state looks
            # again.
            router.get(zmq.EVENTS)
            try:
                _send(router, peer, _MORE)
            except zmq.ZMQError:
                raise PeerGone("the peer's queue is full") from None
        except zmq.ZMQError as error:
            raise PeerGone(str(error)) from None
        for frame in frames[:-1]:
            _send(router, frame, _MORE)
        _send(router, frames[-1], _LAST)

    def receive(self, timeout: float | None) -> tuple[bytes, list[bytes]] | None:
        now = time.monotonic()
        deadline = None if timeout is None else now + timeout
        left = LOOK if timeout is None or timeout > LOOK else timeout
        try:
            while True:
                if now >= self._next_look:
                    self._departures.look()
                    self._next_look = now + LOOK
                if self._gone:
                    return self._gone.popleft(), []
                try:
                    return self._message(0 if left == self._rcvtimeo else self._flags(left))
                except zmq.Again:
                    if self._waiter is not None and left > 0:
                        self._waiter.wait(left)
                    now = time.monotonic()
                    if deadline is not None:
                        if now >= deadline:
                            return None
                        left = min(LOOK, deadline - now)
        except zmq.ZMQError as error:
            raise OSError(error.errno, "the listener was closed") from None

    def _flags(self, timeout: float) -> int:
        """Return the flags with which ``recv`` waits so long; for a hub, which waits itself, 0."""
        if timeout <= 0 or self._waiter is not None:
            return _LAST
        if timeout != self._rcvtimeo:
            self._socket.rcvtimeo = int(timeout * 1000) + 1
            self._rcvtimeo = timeout
        return 0

    def _message(self, flags: int) -> tuple[bytes, list[bytes]] | None:
        """Return a message, or None for the bell; raise Again if there is none."""
        recv = self._recv
        while True:
            peer = recv(flags, False).bytes
            frame = recv(0, False)
            if peer in self._present:
                break
            if peer == self._bell_name:
                self._rung = False
                return None
            if self._departures.arrived(peer, frame):
                break
            while frame.more:
                frame = recv(0, False)
        frames = [frame.bytes]
        while frame.more:
            frame = recv(0, False)
            if len(frames) <= MAX_FRAMES:
                frames.append(frame.bytes)
        return peer, frames

    def wake(self) -> None:
        with self._bell_lock:
            if not self._rung and not self.closed:
                self._rung = True
                _send(self._bell, b"", _LAST)

    def close(self) -> None:
        with self._bell_lock:
            if self.closed:
                return
            self.closed = True
            self._bell.close()
        self._departures.close()
        self._socket.close()
        self._context.term()

    def orphan(self) -> object:
        kept = dict(self.__dict__)
        self.__dict__ = {"endpoints": self.endpoints}
        self.__class__ = OrphanListener  # type: ignore[assignment]
        return kept


class OrphanListener(Listener):
    """What becomes of a ZmqListener in a forked child."""

    closed = True

    def send(self, peer: bytes, frames: Sequence[bytes]) -> None:
        raise PeerGone("the listener belongs to the parent process")

    def receive(self, timeout: float | None) -> tuple[bytes, list[bytes]] | None:
        raise OSError(errno.EBADF, "the listener belongs to the parent process")

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass


def listen(endpoints: Sequence[str], options: ZmqOptions, *, reuse_port: bool) -> ZmqListener:
    """Listen on all of ``endpoints``; AddressInUse, OSError or ValueError name a bad one."""
    if not endpoints:
        raise ValueError("There is no address to listen on.")
    listener = ZmqListener(options)
    try:
        for endpoint in endpoints:
            try:
                listener.bind(endpoint, reuse_port=reuse_port)
            except socket.gaierror as error:
                raise OSError(error.errno, error.strerror, endpoint) from None
    except BaseException:
        listener.close()
        raise
    return listener


def _listening_socket(target: TcpAddress, backlog: int) -> tuple[str, int]:
    """Return (address, descriptor) of a socket that shares its port with other processes' own."""
    family = socket.AF_INET6 if target.v6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listening.bind((target.host, target.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(errno.EADDRINUSE, f"{target} is in use") from None
            raise OSError(error.errno, error.strerror, str(target)) from None
        listening.setblocking(False)
        listening.listen(backlog)
        port = listening.getsockname()[1]
        return str(target._replace(port=port)), listening.detach()


def _refuse_if_answered(endpoint: str) -> None:
    path = ipc_path(endpoint)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect("\0" + path[1:] if path.startswith("@") else os.fspath(path))
        except OSError:
            return
    raise AddressInUse(errno.EADDRINUSE, f"{endpoint} is in use")
