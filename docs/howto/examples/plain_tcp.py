"""A transport over plain TCP, with the framing that Python's multiprocessing brings along."""

import os
import socket
from multiprocessing import connection as mpc
from urllib.parse import urlsplit

from msgpack import packb, unpackb

from chunnel.transports import AddressInUse, Listener, PeerGone, Pipe, PipeClosed, Transport


class Plain:
    def __init__(self, source, **names):
        self.bell, self.rope = mpc.Pipe(duplex=False)
        self.sources = [self.bell, source]  # what a receive waits for
        vars(self).update(names)

    def wake(self):
        self.rope.send_bytes(b"")

    def close(self):
        for each in (self.rope, *self.sources):
            each.close()


class PlainPipe(Plain, Pipe):
    def send(self, frames):
        try:
            self.sources[1].send_bytes(packb(frames))
        except OSError as error:
            raise PipeClosed(str(error), sent=False) from None

    def receive(self, timeout):
        try:
            ready = mpc.wait(self.sources, timeout)
            received = ready and ready[0].recv_bytes()
        except (OSError, EOFError):
            raise PipeClosed("the connection broke", sent=True) from None
        return unpackb(received) if received else None  # the bell says nothing


class PlainListener(Plain, Listener):
    def send(self, peer, frames):
        try:
            self.peers[peer].send_bytes(packb(frames))
        except (OSError, KeyError):
            raise PeerGone("the peer hung up") from None

    def receive(self, timeout):
        while ready := mpc.wait(self.sources, timeout):
            if isinstance(source := ready[0], socket.socket):
                self.sources.append(mpc.Connection(source.accept()[0].detach()))
                self.peers[os.urandom(8)] = self.sources[-1]
            elif source is self.bell:
                return source.recv_bytes() or None
            else:
                peer = next(name for name, each in self.peers.items() if each is source)
                try:
                    return peer, unpackb(source.recv_bytes())
                except (OSError, EOFError):
                    self.sources.remove(self.peers.pop(peer))
                    return peer, []  # it is gone
        return None


class PlainTransport(Transport):
    schemes = ("plain",)

    def dial(self, endpoint, options, *, timeout):
        place = urlsplit(endpoint)
        try:
            dialled = socket.create_connection((place.hostname, place.port), timeout)
        except OSError as error:
            raise PipeClosed(f"{endpoint}: {error}", sent=False) from None
        dialled.settimeout(None)
        return PlainPipe(mpc.Connection(dialled.detach()), endpoint=endpoint)

    def listen(self, endpoints, options, *, reuse_port=False):
        place = urlsplit(endpoints[0])
        try:
            server = socket.create_server((place.hostname, place.port), reuse_port=reuse_port)
        except OSError as error:
            raise AddressInUse(error.errno, f"{endpoints[0]} is in use") from None
        bound = "plain://{}:{}".format(*server.getsockname())
        return PlainListener(server, endpoints=(bound,), peers={})
