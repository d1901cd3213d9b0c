"""Which endpoints are worth asking: a dead one is left out, probed with back-off and taken back.

The rules:

* Only a connection that could not be made, or a server that was proven wedged, ejects an endpoint.
  A lost connection alone does not (the next dial tells), and a failure that the server sent never
  does: who answers is healthy.
* While one endpoint at least is healthy, no caller waits for an ejected one: a short-lived thread
  of its own dials it when its time has come, and what it opened is used by the next caller.
* When none is healthy, callers try them all the same, in the balancer's order, each within its
  share of the time: an error that names every endpoint is worth more than a refusal to look.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from .balancers import Balancer, Target
from .connections import EndpointPool, Place, Unreachable
from .threads import native_rlock, start_native, start_thread

if TYPE_CHECKING:
    from .streams import Feed

logger = logging.getLogger("chunnel.client")

FIRST_BACKOFF = 0.1  # seconds: a server that restarts is missed for no longer
MAX_BACKOFF = 10.0  # seconds: one refused dial in so long costs nothing
DIAL_TIMEOUT = 3.0  # seconds: TCP tries again after 1 s, so one lost packet is not a dead server


class Health:
    """What is known of one endpoint. Times are readings of the clock."""

    __slots__ = ("failures", "probing", "reason", "retry_at")

    def __init__(self) -> None:
        self.failures = 0
        self.reason = ""
        self.retry_at = 0.0
        self.probing = False

    def failed(self, reason: str, now: float) -> None:
        """Note a failure: the next probe is due after a time that doubles."""
        self.reason = reason
        self.retry_at = now + min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(self.failures, 10))
        self.failures += 1

    def recovered(self) -> None:
        """Note that the endpoint answers."""
        self.failures = 0
        self.reason = ""

    @property
    def healthy(self) -> bool:
        """Whether the endpoint takes part in the rotation."""
        return self.failures == 0


class Endpoints:
    """The pools of one remote in one process (and one gevent hub), and the balancer over them.

    ``native`` is for native threads under gevent: no lock or thread is then the hub's.
    """

    def __init__(
        self,
        pools: Sequence[EndpointPool],
        balancer: Balancer,
        clock: Callable[[], float] = time.monotonic,
        *,
        native: bool = False,
    ):
        self.pools = {pool.endpoint: pool for pool in pools}
        self.health = {pool.endpoint: Health() for pool in pools}
        self.balancer = balancer
        self.closed = False
        self.abandoned: deque[Feed] = deque()  # streams dropped unfinished
        self._clock = clock
        self._lock = native_rlock() if native else threading.Lock()
        self._start = start_native if native else start_thread
        self.ejected = False
        self._targets: tuple[Place, ...] = ()
        for pool in pools:
            pool.on_change(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Work out anew who takes part in the rotation."""
        with self._lock:
            healthy = [one for one in self.pools.values() if self.health[one.endpoint].healthy]
            self.ejected = len(healthy) < len(self.pools)
            self._targets = tuple(place for pool in healthy for place in pool.places)

    def pick(self, tried: Collection[str | Place] = (), only: str | None = None) -> Place | None:
        """Return where the next try goes, or None when every endpoint was tried.

        ``tried`` are endpoints, or places, not to ask again; with ``only`` no other endpoint is
        asked.
        """
        targets: Sequence[Place] = self._targets
        if self.ejected:
            self._probe_what_is_due()
        if only is not None:
            if only in tried:
                return None
            targets = [place for place in self.pools[only].places if place not in tried]
        else:
            if tried:
                targets = _untried(targets, tried)
            if not targets:
                targets = _untried([p for pool in self.pools.values() for p in pool.places], tried)
        if not targets:
            return None
        chosen: Target = targets[0] if len(targets) == 1 else self.balancer.pick(targets)
        assert isinstance(chosen, Place)
        return chosen

    def failed(self, endpoint: str, reason: str) -> None:
        """Eject an endpoint that could not be reached or does not answer."""
        health = self.health[endpoint]
        with self._lock:
            first = health.healthy
            health.failed(reason, self._clock())
        if first:
            which = reason if reason.startswith(endpoint) else f"{endpoint}: {reason}"
            logger.warning("An endpoint is left out until it answers: %s", which)
            self.refresh()

    def recovered(self, endpoint: str) -> None:
        """Take an endpoint back."""
        health = self.health[endpoint]
        if health.healthy:
            return
        with self._lock:
            health.recovered()
        logger.info("Endpoint %s is back", endpoint)
        self.refresh()

    def _probe_what_is_due(self) -> None:
        if not self._targets:  # the callers themselves try
            return
        now = self._clock()
        for endpoint, health in self.health.items():
            if health.healthy or now < health.retry_at or not self._may_probe(health):
                continue
            try:
                self._start(partial(self._probe, endpoint), "chunnel-probe")
            except RuntimeError as error:  # no more threads
                health.probing = False
                self.failed(endpoint, str(error))

    def _may_probe(self, health: Health) -> bool:
        """Take the right to probe an endpoint, if nobody has it."""
        with self._lock:
            taken, health.probing = health.probing, True
        return not taken

    def _probe(self, endpoint: str) -> None:
        try:
            if self.pools[endpoint].fill(DIAL_TIMEOUT):
                self.recovered(endpoint)
            else:
                # All slots are taken, which says nothing: their calls may wait for a dead server.
                self.failed(endpoint, self.health[endpoint].reason)
        except Unreachable as error:
            self.failed(endpoint, str(error))
        except Exception as error:
            logger.exception("Endpoint %s cannot be probed", endpoint)
            self.failed(endpoint, str(error) or type(error).__name__)
        finally:
            self.health[endpoint].probing = False

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they are given back."""
        self.closed = True
        cancel_all(self.abandoned)
        for pool in self.pools.values():
            pool.flush()


def cancel_all(abandoned: deque[Feed]) -> None:
    """Cancel the streams that were dropped unfinished."""
    while True:
        try:
            feed = abandoned.popleft()
        except IndexError:  # none is left, or another thread took the last one
            return
        feed.cancel()


def _untried(places: Sequence[Place], tried: Collection[str | Place]) -> list[Place]:
    return [one for one in places if one not in tried and one.endpoint not in tried]
