"""What Django does around a request, done around a call.

The rules:

* Each call runs in a copy of a base context. What it sets there (language, time zone, context
  variables) is gone with the copy, so nothing has to be put back. The base was made after every
  cache handler had been touched: in a fresh context each call would make cache clients anew.
* Cache clients are one per thread, as Django promises their authors, so there is a base per thread.
  Greenlets come and go with their calls and share one base.
* Before and after a call, connections are closed if they are unusable or too old, and before it the
  log of queries is emptied. Which connections a thread has opened we learn from Django's signal, so
  a call that needs no database pays nothing.
* In a borrowed thread (the memory transport runs calls in their caller's) the connections are the
  caller's, perhaps within a transaction: they are left alone.
* Whatever goes wrong here is logged. It must neither keep a call from its answer nor fail it.
* Coroutines reach the database through asgiref's threads; where that happened, the same is done
  there.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextvars import Context
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache, InvalidCacheBackendError
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ..context import current_call

logger = logging.getLogger(__name__)


class Base:
    """A base context and the caches touched in it that want closing after each call."""

    __slots__ = ("closers", "context", "generation")

    def __init__(self, generation: int):
        self.generation = generation
        self.context = Context()
        self.closers: tuple[Callable[[], Any], ...] = self.context.run(_touch_caches)


class _Thread(threading.local):
    """What this module knows of a thread (under gevent, of a greenlet)."""

    def __init__(self) -> None:
        self.base: Base | None = None
        # The first call may find connections that were opened before anybody listened.
        self.connections: list[BaseDatabaseWrapper] | None = None
        self.serving = False


_thread = _Thread()
_generation = 0  # of the CACHES setting
_shared: Base | None = None  # for greenlets
_elsewhere = False  # some coroutine opened a connection in a thread of asgiref's


def base() -> Base:
    """Return the base of this thread."""
    global _shared  # noqa: PLW0603
    found = _thread.base
    if found is not None and found.generation == _generation:
        return found
    if _threads_are_greenlets():
        if _shared is None or _shared.generation != _generation:
            _shared = Base(_generation)
        found = _shared
    else:
        found = Base(_generation)
    _thread.base = found
    return found


def before() -> None:
    """Prepare this thread, which is the server's own, for a call."""
    _thread.serving = True
    found = _thread.connections
    if found is None:
        fresh = _threads_are_greenlets()  # a greenlet is made for its call
        found = [] if fresh else list(connections.all(initialized_only=True))
        _thread.connections = found
    if found:
        for connection in found:
            connection.queries_log.clear()
            _look_after(connection)


def after(used: Base) -> None:
    """Tidy up after a call in this thread, which is the server's own."""
    _thread.serving = False
    found = _thread.connections
    if found:
        for connection in found:
            _look_after(connection)
        if any(connection.connection is None for connection in found):
            found[:] = [each for each in found if each.connection is not None]
    for close in used.closers:
        try:
            close()
        except Exception:
            logger.exception("a cache could not be closed")


def end_thread() -> None:
    """Close what a thread (or greenlet) of the server's holds, for it is about to end."""
    found = _thread.connections
    if found is None:
        connections.close_all()
    else:
        for connection in found:
            connection.close()
    _thread.connections = None


async def tidy_elsewhere() -> None:
    """Tidy up in the thread in which coroutines use the database, if any does."""
    if _elsewhere:
        await sync_to_async(_tidy_this_thread, thread_sensitive=True)()


def enter_task(used: Base) -> None:
    """Make the base the context of the running task, which has a context of its own."""
    for variable, value in used.context.items():
        variable.set(value)


def _tidy_this_thread() -> None:
    for connection in connections.all(initialized_only=True):
        connection.queries_log.clear()
        _look_after(connection)


def _look_after(connection: BaseDatabaseWrapper) -> None:
    """Close a connection that is unusable or too old; what fails is no call's fault."""
    try:
        connection.close_if_unusable_or_obsolete()
    except Exception:
        logger.exception("the connection %r could not be looked after", connection.alias)
        connection.connection = None  # the next query makes another


def _touch_caches() -> tuple[Callable[[], Any], ...]:
    closers = []
    for alias in caches:
        try:
            cache = caches[alias]
        except (ImportError, InvalidCacheBackendError, ImproperlyConfigured):
            continue  # whoever uses this cache will be told
        if type(cache).close is not BaseCache.close:
            closers.append(cache.close)
    return tuple(closers)


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _note_connection(*, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:  # noqa: ARG001
    global _elsewhere  # noqa: PLW0603
    if _thread.serving:
        found = _thread.connections
        if found is not None and connection not in found:
            found.append(connection)
    elif current_call() is not None:
        _elsewhere = True


def _note_setting(*, setting: str, **kwargs: Any) -> None:  # noqa: ARG001
    global _generation  # noqa: PLW0603
    if setting == "CACHES":
        _generation += 1


connection_created.connect(_note_connection, dispatch_uid="chunnel.server.hygiene")
setting_changed.connect(_note_setting, dispatch_uid="chunnel.server.hygiene")
