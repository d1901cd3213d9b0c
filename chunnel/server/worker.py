"""A worker: one process's server, from its listeners to the pools that run its calls.

Addresses that one transport serves with the same options share a listener, and a listener has a
pool; mostly there is one of each. The first pool runs in the thread that calls ``run``.

``Lent`` is the other kind of server: without a thread, for the memory transport, it runs calls in
the threads of their callers.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from .. import __version__
from ..conf.options import SERVER
from ..conf.options import chosen as chosen_options
from ..links import ServerLink
from ..protocol.limits import Limits
from ..protocol.messages import Welcome
from ..registry import Registry, registry
from ..transports import Listener, for_endpoint
from . import hygiene, pools
from .dispatcher import Dispatcher
from .pools.base import COROUTINES, EXIT_STUCK, Pool, PoolStuck
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

    def take_leave(self) -> None:
        """Refuse what was sent before its sender heard that we are leaving: it was not executed."""
        if not self.link.peers:
            return
        until = time.monotonic() + LONGEST_FAREWELL
        while time.monotonic() < until and (job := self.source.receive(FAREWELL)) is not None:
            self.source.send(job.refuse("the server is stopping"))

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
        kind = pools.load(settings.pool)
        self._pools: list[Pool] = [
            kind(
                service.source,
                concurrency=settings.concurrency,
                streams=settings.streams,
                queue=settings.queue,
                options=settings.options,
                on_thread_end=hygiene.end_thread,
            )
            for service in self._services
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
                listeners.append(transport.listen(addresses, first.options, reuse_port=reuse_port))
            return cls(settings, listeners, registry=registry, instance=instance)
        except BaseException as error:
            for listener in listeners:
                listener.close()
            if isinstance(error, ValueError | ImportError):
                raise ImproperlyConfigured(str(error)) from error
            raise

    @property
    def dispatchers(self) -> list[Dispatcher]:
        """One for each listener."""
        return [service.dispatcher for service in self._services]

    def run(self) -> None:
        """Serve until ``stop``; then close everything. Blocks.

        A process whose threads are all stuck past their deadlines ends here, at once and with the
        exit code EXIT_STUCK, because a regular exit would wait for them.
        """
        others = [
            threading.Thread(
                target=self._run_beside, args=(pool, service), name=f"chunnel-pool-{number}"
            )
            for number, (pool, service) in enumerate(
                zip(self._pools[1:], self._services[1:], strict=True), 2
            )
        ]
        for thread in others:
            thread.start()
        try:
            self._pools[0].run()
            self._services[0].take_leave()
        except PoolStuck as error:
            logger.critical("%s; this process ends", error)
            os._exit(EXIT_STUCK)
        finally:
            for pool in self._pools[1:]:
                pool.stop(0)
            for thread in others:
                thread.join()
            self.close()

    def _run_beside(self, pool: Pool, service: _Service) -> None:
        try:
            pool.run()
            service.take_leave()
        except BaseException:
            logger.critical("a pool broke; this worker stops", exc_info=True)
            self._pools[0].stop(0)
            raise

    def stop(self, grace: float = 10.0) -> None:
        """Make ``run`` return after at most ``grace`` seconds for calls under way. Any thread."""
        for pool in self._pools:
            pool.stop(grace)

    def close(self) -> None:
        """Close what ``open`` opened, for a worker that does not run (any more)."""
        for service in self._services:
            service.close()


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
