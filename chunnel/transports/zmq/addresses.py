"""Addresses of the zmq transport: tcp://host:port and ipc:///path.

libzmq looks up a name again at each connection but tries only its first address, so names are
resolved here, and what libzmq is given is always a number.
"""

from __future__ import annotations

import socket
from typing import NamedTuple


class TcpAddress(NamedTuple):
    """One resolved address."""

    host: str  # a number, never a name
    port: int
    v6: bool

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if self.v6 else f"tcp://{self.host}:{self.port}"


def split(endpoint: str) -> tuple[str, int]:
    """Return host and port of tcp://host:port, where an IPv6 host stands in brackets.

    Raise ValueError, which quotes the address, if it is anything else.
    """
    place = endpoint.partition("://")[2].rstrip("/")
    host, colon, port = place.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(
            f"{endpoint!r}: write an IPv6 address in brackets, as in tcp://[::1]:7070."
        )
    if not colon or not host or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ValueError(f"{endpoint!r} is not of the form tcp://host:port.")
    return host, int(port)


def resolve(endpoint: str, *, passive: bool = False) -> list[TcpAddress]:
    """Return all addresses of ``endpoint`` in the resolver's order; raise OSError if it has none.

    ``passive`` is for listening, where ``*`` means every IPv4 interface.
    """
    host, port = split(endpoint)
    if passive and host == "*":
        host = "0.0.0.0"  # noqa: S104
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE if passive else 0
    )
    return list(
        dict.fromkeys(
            TcpAddress(str(sockaddr[0]), port, family == socket.AF_INET6)
            for family, _, _, _, sockaddr in found
            if family in {socket.AF_INET, socket.AF_INET6}
        )
    )


def ipc_path(endpoint: str) -> str:
    """Return the path of ipc:///path; raise ValueError if it has none."""
    path = endpoint.partition("://")[2]
    if not path:
        raise ValueError(f"{endpoint!r} is not of the form ipc:///path.")
    return path
