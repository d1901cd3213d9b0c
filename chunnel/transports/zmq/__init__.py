"""Messages over ZeroMQ: tcp and ipc.

* A client's pipe is one DEALER, which is one connection, once (``pipe``).
* A server's listener is one ROUTER, whatever the number of its addresses (``listener``).
* The contexts of a process, which no forked child touches, are in ``process``.
* Threads wait inside libzmq or in poll(); greenlets wait in their hub (``waiting``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..base import Listener, Pipe, Transport


class ZmqTransport(Transport):
    """ZeroMQ's DEALER and ROUTER. The options are those of ``ZmqOptions``; others are ignored."""

    schemes: ClassVar[tuple[str, ...]] = ("tcp", "ipc")

    def dial(self, endpoint: str, options: Mapping[str, Any], *, timeout: float) -> Pipe:
        from .options import ZmqOptions
        from .pipe import dial

        return dial(endpoint, ZmqOptions.read(options), timeout)

    def listen(
        self, endpoints: Sequence[str], options: Mapping[str, Any], *, reuse_port: bool = False
    ) -> Listener:
        from .listener import listen
        from .options import ZmqOptions

        return listen(endpoints, ZmqOptions.read(options), reuse_port=reuse_port)
