"""A worker: one process's server, from its listeners to the pools that run its calls.

Addresses that one transport serves with the same options share a listener, and a listener has a
pool; mostly there is one of each. The first pool runs in the thread that calls ``run``. They begin
and end together: where one breaks the others stop too, and ``run`` raises what it broke of, since
only a new process helps.

When a pool has ended its calls, large answers may still be on their way, and calls that were sent
before their senders heard of our leaving. So each listener takes leave: it goes on sending what
credit comes for, and refuses calls, until nothing is under way or the grace is over.

``Lent`` is the other kind of server: without a thread, for the memory transport, it runs calls in
the threads of their callers.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from .. import __version__
from ..conf.options import SERVER, ZMQ
from ..conf.options import chosen as chosen_options
from ..links import ServerLink
from ..protocol.limits import Limits
from ..protocol.messages import Welcome
from ..registry import Registry, registry
from ..transports import Listener, for_endpoint
from ..transports.zmq import ZmqTransport
from ..transports.zmq.options import ZmqOptions
from . import hygiene, pools
from .dispatcher import Dispatcher
from .pools.base import COROUTINES, EXIT_BROKEN, EXIT_STUCK, Pool, PoolStuck
from .pools.loop import LoopThread
from .source import LinkSource

if TYPE_CHECKING:
    from ..conf import Bind, ServerSettings
    from ..schema import Schema
    from .jobs import ServedJob

logger = logging.getLogger("chunnel.server")

FAREWELL = 0.25  # seconds of silence after which no call is on its way to us any more
LONGEST_FAREWELL = 2.0  # seconds: a client that never heard of our leaving does not hold us
IDLE_TIMEOUT = 600.0  # seconds a silent connection is kept: clients close theirs much earlier


def new_instance() -> str:
    """Return a name for a server process that no other has or will have."""
    return secrets.token_hex(8)


def protocol_limits(settings: ServerSettings) -> Limits:
    """Return the protocol's limits with those of ``CHUNNEL_SERVER["LIMITS"]`` in place."""
    known = {each.name for each in fields(Limits)}
    given = {name.lower(): value for name, value in settings.limits.items()}
    try:
        return Limits(**{name: value for name, value in given.items() if name in known})
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"CHUNNEL_SERVER['LIMITS']: {error}") from error


class _Service:
    """One listener with its link, source and dispatcher."""

    def __init__(
        self,
        settings: ServerSettings,
        listener: Listener,
        instance: str,
        registry: Registry,
        *,
        borrowed: bool = False,
    ):
        limits = protocol_limits(settings)
        self.link = ServerLink(listener, welcome=self._welcome, limits=limits)
        self.source = LinkSource(self.link)
        self.dispatcher = self.source.dispatcher = Dispatcher(
            registry,
            settings,
            post=self.source.post,
            borrowed=borrowed,
            instance=instance,
            status=lambda: {"peers": self.link.peers},
            accepts=self.link.accepts,
            congested=lambda: self.link.congested,
        )
        self._welcomed: tuple[Schema, Welcome] | None = None
        self._settings = settings

    def _welcome(self) -> Welcome:
        schema = self.dispatcher.schema
        if self._welcomed is None or self._welcomed[0] is not schema:
            self._welcomed = (schema, self._make_welcome(schema))
        return self._welcomed[1]

    def _make_welcome(self, schema: Schema) -> Welcome:
        settings = self._settings
        chosen = chosen_options(SERVER, settings.options)
        return Welcome(
            version=1,  # the link puts in the one that was agreed
            max_message=self.link.limits.max_message,
            agent=f"chunnel/{__version__}",
            project=settings.name,
            instance=self.dispatcher.instance,
            workers=settings.workers,
            fingerprint=schema.fingerprint,
            idle_timeout=chosen.get("idle_timeout", IDLE_TIMEOUT),
            serializers=tuple(self.dispatcher.serializers),
        )

    def take_leave(self, until: float) -> None:
        """Send what was begun, ``until`` then at most, and refuse what is still sent to us.

        It was sent before its sender heard that we are leaving, and is not executed.
        """
        source, dispatcher = self.source, self.dispatcher
        now = time.monotonic()
        longest, silent = now + LONGEST_FAREWELL, now + FAREWELL
        while self.link.peers:
            now = time.monotonic()
            if dispatcher.flowing and now < until:
                silent = now + FAREWELL
            elif now >= min(silent, longest):
                return
            # Without a call it was not silent until then: it may just have been woken.
            job = source.receive(silent - now)
            if job is not None:
                source.send(job.refuse("the server is stopping"))
                silent = time.monotonic() + FAREWELL

    def close(self) -> None:
        self.dispatcher.close_all()
        self.link.close()


class Worker:
    """Serves what this process exposes until it is stopped.

    ``listeners`` are open already; ``open`` makes them from the settings. ``endpoints`` are the
    addresses as bound, with real ports.
    """

    def __init__(
        self,
        settings: ServerSettings,
        listeners: list[Listener],
        *,
        registry: Registry = registry,
        instance: str | None = None,
    ):
        self.settings = settings
        self.instance = instance or new_instance()
        self.endpoints = [address for each in listeners for address in each.endpoints]
        self._services = [
            _Service(settings, listener, self.instance, registry) for listener in listeners
        ]
        self._until = math.inf  # when the grace ends, once stopping
        self._broken: list[BaseException] = []  # what pools broke of, the first one first
        kind = pools.load(settings.pool)
        self._pools: list[Pool] = [
            kind(
                service.source,
                concurrency=settings.concurrency,
                streams=settings.streams,
                queue=settings.queue,
                options=settings.options,
                on_stuck=partial(self._stop_others, number),
                on_thread_end=hygiene.end_thread,
            )
            for number, service in enumerate(self._services)
        ]

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        *,
        reuse_port: bool = False,
        registry: Registry = registry,
        instance: str | None = None,
    ) -> Worker:
        """Listen on all addresses of ``settings`` and return the worker for them.

        Raise OSError (AddressInUse) if an address cannot be had, ImproperlyConfigured if one or
        what is to serve it makes no sense; nothing is left open then.
        """
        listeners: list[Listener] = []
        try:
            for binds in _together(settings.binds):
                first = binds[0]
                transport = for_endpoint(first.address, first.backend)
                addresses = [bind.address for bind in binds]
                options = first.options
                if isinstance(transport, ZmqTransport):
                    options = _with_room(options, protocol_limits(settings).max_message)
                listeners.append(transport.listen(addresses, options, reuse_port=reuse_port))
            return cls(settings, listeners, registry=registry, instance=instance)
        except BaseException as error:
            for listener in listeners:
                listener.close()
            if isinstance(error, ValueError | ImportError):
                raise ImproperlyConfigured(str(error)) from error
            raise

    def run(self) -> None:
        """Serve until ``stop``; then close everything. Blocks.

        Raise PoolStuck, or whatever else a pool broke of. Threads that are stuck may be left, so
        the process should end; see ``run_to_exit``.
        """
        others = [
            threading.Thread(target=self._serve, args=(number,), name=f"chunnel-pool-{number + 1}")
            for number in range(1, len(self._pools))
        ]
        try:
            for thread in others:
                thread.start()
            self._serve(0)
        except BaseException:  # no thread could be started
            self.stop(0)
            raise
        finally:
            for thread in others:
                if thread.ident is not None:
                    thread.join()
            self.close()
        if self._broken:
            raise self._broken[0]

    def _serve(self, number: int) -> None:
        """Run one pool to its end."""
        try:
            self._pools[number].run()
            self._services[number].take_leave(self._until)
        except BaseException as error:  # noqa: BLE001 - run() raises it
            self._broken.append(error)
            self._stop_others(number)

    def _stop_others(self, number: int, names: Sequence[str] = ()) -> None:  # noqa: ARG002
        """Stop all pools but this one, at once."""
        self._until = 0.0
        for other, pool in enumerate(self._pools):
            if other != number:
                pool.stop(0)

    @property
    def under_way(self) -> int:
        """How many calls are under way."""
        return sum(service.dispatcher.open for service in self._services)

    def stop(self, grace: float = 10.0) -> None:
        """Make ``run`` return after at most ``grace`` seconds for calls under way. Any thread."""
        self._until = min(self._until, time.monotonic() + grace)
        for pool in self._pools:
            pool.stop(grace)

    def close(self) -> None:
        """Close what ``open`` opened, for a worker that does not run (any more)."""
        for service in self._services:
            service.close()


def run_to_exit(worker: Worker) -> None:
    """Run ``worker`` for the rest of this process's life; return when it was stopped.

    Where a pool broke the process ends here, at once and with the exit code for it, so that the
    parent starts another: a regular exit would wait for what is stuck.
    """
    try:
        worker.run()
    except BaseException as error:
        stuck = isinstance(error, PoolStuck)
        logger.critical("%s; this process ends", error, exc_info=None if stuck else error)
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EXIT_STUCK if stuck else EXIT_BROKEN)


def _together(binds: tuple[Bind, ...]) -> list[list[Bind]]:
    """Return the addresses in groups that one listener can serve."""
    groups: list[tuple[Any, list[Bind]]] = []
    for bind in binds:
        key = (type(for_endpoint(bind.address, bind.backend)), dict(bind.options))
        for known, group in groups:
            if known == key:
                group.append(bind)
                break
        else:
            groups.append((key, [bind]))
    return [group for _, group in groups]


def _with_room(options: Mapping[str, Any], max_message: int) -> Mapping[str, Any]:
    """Return an address's options, with frames allowed to be as large as messages are.

    Raise ValueError if they forbid that: the connection would be cut over what WELCOME invites to.
    """
    chosen = chosen_options(ZMQ, options)
    most = chosen.get("max_frame")
    if most is None:
        return {**options, "max_frame": max(max_message, ZmqOptions(**chosen).max_frame)}
    if most < max_message:
        raise ValueError(
            f"max_frame is {most} bytes, less than the {max_message} of max_message in LIMITS."
        )
    return options


class Lent:
    """Serves ``memory://`` addresses in the threads of those who call. Close it when done."""

    def __init__(
        self,
        settings: ServerSettings,
        endpoints: tuple[str, ...],
        *,
        registry: Registry = registry,
    ):
        from ..transports.memory import lend

        listener = lend(endpoints, self._serve)
        self._service = _Service(settings, listener, new_instance(), registry, borrowed=True)
        self._loop = LoopThread(self._service.source, COROUTINES)

    @property
    def dispatcher(self) -> Dispatcher:
        return self._service.dispatcher

    def _serve(self) -> Callable[[], None] | None:
        """Take what has come, in the thread of a caller who waits; return what it is to run.

        A call runs after other callers may serve again, so that it can make calls of its own here.
        """
        source, ready = self._service.source, self._service.dispatcher.ready
        while not ready:
            job = source.receive(0)
            if job is None:
                if not ready:
                    return None
            elif job.style != "async":
                ready.append(partial(self._run, job))
            elif not self._loop.start(job):
                source.send(job.refuse("too many coroutines are under way"))
        work = ready.popleft()
        if ready:
            source.wake()
        return work

    def _run(self, job: ServedJob) -> None:
        reply = job.run()
        if reply is not None:
            self._service.source.post(reply)

    def close(self) -> None:
        """Stop listening."""
        self._loop.close()
        self._service.close()
