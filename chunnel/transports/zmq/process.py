"""The contexts of this process's sockets, and what a fork does to them.

* All pipes share one. A listener has its own, so that it can wait until what it sent has left:
  libzmq does that only for a whole context.

* libzmq's threads do not survive a fork: an inherited socket silently loses messages. So a child
  starts with no context, and makes its own when it first needs one.
* The child neither uses nor closes what it inherited. Closing would speak to threads that are not
  there; so it is kept, out of reach, for as long as the child lives.
* Pipes and listeners that were open at the fork are *orphans* in the child: they answer every
  use as a closed one does.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Protocol

import zmq

# libzmq's own maximum. A pipe takes three sockets (itself and both ends of its monitor), and the
# default of 1,023 would end at 341 pipes.
MAX_SOCKETS = 65_535


class Owner(Protocol):
    """A pipe or listener: something that holds sockets of the context."""

    closed: bool

    def close(self) -> None:
        """Close its sockets."""

    def orphan(self) -> object:
        """Become closed without closing; return what must never be garbage collected."""


_context: zmq.Context[zmq.Socket[bytes]] | None = None
_lock = threading.Lock()
_owners: weakref.WeakSet[Any] = weakref.WeakSet()
_inherited: list[object] = []


def context() -> zmq.Context[zmq.Socket[bytes]]:
    """Return the context of this process's pipes, which is made now if there is none."""
    global _context  # noqa: PLW0603
    with _lock:
        if _context is None:
            _context = new_context()
        return _context


def new_context() -> zmq.Context[zmq.Socket[bytes]]:
    """Return a context for the sockets of one owner, who adopts itself and terminates it."""
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    made.max_sockets = MAX_SOCKETS
    return made


def adopt(owner: Owner) -> None:
    """Remember ``owner``, for as long as it lives, so that a fork can orphan it."""
    _owners.add(owner)


def owners() -> set[Owner]:
    """Return those adopted that still live, for tests of what was left open."""
    return set(_owners)


def _after_in_child() -> None:
    global _context, _lock, _owners  # noqa: PLW0603
    _lock = threading.Lock()  # another thread may have held it at the fork
    _inherited.append(_context)
    _inherited.extend([owner.orphan() for owner in list(_owners)])
    _context, _owners = None, weakref.WeakSet()


os.register_at_fork(after_in_child=_after_in_child)
