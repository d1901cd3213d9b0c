"""Who may use which state: one for each process, and under gevent one for each hub.

The rules:

* After a fork the child replaces the whole state of every caller, and never closes what it
  inherited: those descriptors are the parent's conversation. What was inherited is kept for ever,
  out of reach, so that no garbage collector closes it either.
* Greenlets of different hubs (native threads) cannot wait for each other's sockets, so each hub
  has a state of its own. Without gevent there is one state, found without a look-up.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from asyncio.events import _get_running_loop
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.core.exceptions import SynchronousOnlyOperation

from ..transports.waiting import patched
from . import exchanges

T = TypeVar("T")

_inherited: list[object] = []
_all: weakref.WeakSet[PerHub[Any]] = weakref.WeakSet()
_after_fork: list[Callable[[], object]] = []


def after_fork(forget: Callable[[], object]) -> None:
    """Have ``forget`` called in each forked child; what it returns is kept for ever."""
    _after_fork.append(forget)


def _after_in_child() -> None:
    exchanges.reseed()
    _inherited.extend([one.abandon() for one in list(_all)])
    _inherited.extend([forget() for forget in _after_fork])


os.register_at_fork(after_in_child=_after_in_child)


class PerHub(Generic[T]):
    """A value made when first needed, for each process and gevent hub."""

    def __init__(self, make: Callable[[], T]):
        self._make = make
        self._lock = threading.Lock()
        self._gevent = patched()
        self._only: T | None = None
        self._by_hub: weakref.WeakKeyDictionary[Any, T] = weakref.WeakKeyDictionary()
        _all.add(self)

    def made(self) -> T | None:
        """Return the value of this process and hub, if there is one."""
        if self._gevent:
            from gevent import get_hub

            return self._by_hub.get(get_hub())
        return self._only

    def get(self) -> T:
        """Return the value of this process and hub."""
        if self._gevent:
            from gevent import get_hub

            hub = get_hub()
            made = self._by_hub.get(hub)
            if made is None:
                made = self._by_hub[hub] = self._make()
            return made
        found = self._only
        if found is not None:
            return found
        with self._lock:
            if self._only is None:
                self._only = self._make()
            return self._only

    def clear(self) -> list[T]:
        """Forget all values and return them; the next ``get`` makes a new one."""
        with self._lock:
            values = list(self._by_hub.values())
            if self._only is not None:
                values.append(self._only)
            self._only = None
            self._by_hub = weakref.WeakKeyDictionary()
        return values

    def abandon(self) -> object:
        """The same in a forked child, where another thread may have held the lock for ever."""
        kept = (self._only, list(self._by_hub.values()), self._lock)
        self._lock = threading.Lock()
        self._only = None
        self._by_hub = weakref.WeakKeyDictionary()
        return kept


def forbid_event_loop(alias: str, name: str) -> None:
    """Raise SynchronousOnlyOperation, as Django's ORM does, if waiting would stop an event loop.

    Under gevent every greenlet of a thread sees the loop that runs in one of them; only that one
    must not wait. DJANGO_ALLOW_ASYNC_UNSAFE permits it, as it does for the ORM.
    """
    loop = _get_running_loop()
    if loop is None or not _runs_here(loop) or os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE"):
        return
    raise SynchronousOnlyOperation(
        f"Waiting for {alias}.{name}() would stop this thread's event loop; {_instead(name)}, or "
        f"wait in a thread (sync_to_async)."
    )


def _instead(name: str) -> str:
    if name.endswith(".objects"):
        return "use async for or the queryset's asynchronous methods (aget, acount, afirst, …)"
    short = name.rpartition(".")[2]
    return (
        f"write await {short}.acall(…) for its value, or async for … in {short}.stream(…) for the "
        f"items of a generator"
    )


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    # An event loop remembers the thread that runs it; under gevent "the thread" is the greenlet.
    owner = getattr(loop, "_thread_id", None)
    return owner is None or owner == threading.get_ident()
