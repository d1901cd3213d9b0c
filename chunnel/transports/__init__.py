"""Ways to carry messages between projects; an address's scheme names the one that is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from .base import AddressInUse, Listener, PeerGone, Pipe, PipeClosed, Transport

__all__ = [
    "BUILT_IN",
    "AddressInUse",
    "Listener",
    "PeerGone",
    "Pipe",
    "PipeClosed",
    "Transport",
    "for_endpoint",
]

# By scheme, as dotted paths: ``import chunnel.transports`` imports neither zmq nor gevent.
BUILT_IN = {
    "tcp": "chunnel.transports.zmq.ZmqTransport",
    "ipc": "chunnel.transports.zmq.ZmqTransport",
    "memory": "chunnel.transports.memory.MemoryTransport",
}

_loaded: dict[str, Transport] = {}


def for_endpoint(address: str, backend: str | None = None) -> Transport:
    """Return the transport for ``address``: by its scheme, or the class at the path ``backend``.

    Raise ValueError, which lists the known schemes, for an address without a scheme or with one
    that the transport does not serve; raise ImportError where ``backend`` cannot be imported.
    """
    scheme, separator, rest = address.partition("://")
    if not separator or not scheme or not rest:
        raise ValueError(
            f"{address!r} is not an address of the form scheme://place; "
            f"the schemes are {_listing(BUILT_IN)}."
        )
    path = backend or BUILT_IN.get(scheme)
    if path is None:
        raise ValueError(
            f"No transport serves the scheme {scheme!r} of {address!r}; the schemes are "
            f"{_listing(BUILT_IN)}. Name the class of another one as its BACKEND."
        )
    transport = _loaded.get(path)
    if transport is None:
        transport = _loaded[path] = _load(path)
    if scheme not in transport.schemes:
        raise ValueError(
            f"{path} does not serve the scheme {scheme!r} of {address!r}; "
            f"its schemes are {_listing(transport.schemes)}."
        )
    return transport


def _load(path: str) -> Transport:
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise ImportError(f"{path!r} is not the dotted path of a transport class.")
    found = getattr(importlib.import_module(module_name), name, None)
    if not (isinstance(found, type) and issubclass(found, Transport)):
        raise ImportError(f"{path!r} is not a subclass of chunnel.transports.Transport.")  # noqa: TRY004
    return found()


def _listing(schemes: Iterable[str]) -> str:
    return ", ".join(sorted(schemes))
