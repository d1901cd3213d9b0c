"""Calls whose line broke and of which nobody here knows what their functions do.

A call may be made again where its effect is declared as "read" or "idempotent", and the servers'
schema says so. It is fetched by a short-lived thread from another endpoint, within the time that
the most patient of the calls has, once for all calls of the line; one whose deadline comes before
it ends by that. Where nobody tells, the effect stays unknown, and the call is not made again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .inquiries import effect_of
from .synchronous import fetch_schema
from .threads import start_native

if TYPE_CHECKING:
    from ..schema import Schema
    from .lanes import Lane
    from .multiplexer import Multiplexer
    from .pending import Pending


class Undecided:
    """Those of one remote. Only the multiplexer's thread uses it."""

    def __init__(self, lane: Lane, multiplexer: Multiplexer):
        self.calls: set[Pending] = set()
        self._lane = lane
        self._multiplexer = multiplexer

    def add(self, calls: list[Pending], reason: str) -> None:
        """Find out about calls that were lost for ``reason``; then start or end each."""
        self.calls.update(calls)
        caller, endpoints = self._lane.caller, self._lane.endpoints
        schema = caller.current_schema
        if schema is not None:
            self._decide(calls, schema, reason)
            return
        exchanges = [one.exchange for one in calls if one.exchange is not None]
        most_patient = max(exchanges, key=lambda one: one.first_deadline or math.inf)
        inquiry = most_patient.inquiry()

        def fetch() -> None:
            found = None
            try:
                found = fetch_schema(caller, endpoints, inquiry)
            finally:
                self._multiplexer.post(lambda: self._decide(calls, found, reason))

        try:
            start_native(fetch, "chunnel-schema")
        except RuntimeError:  # no more threads
            self._decide(calls, None, reason)

    def _decide(self, calls: list[Pending], schema: Schema | None, reason: str) -> None:
        for pending in calls:
            if pending not in self.calls:  # it has ended meanwhile
                continue
            self.calls.discard(pending)
            exchange = pending.exchange
            assert exchange is not None
            if schema is not None:
                exchange.effect = effect_of(schema, exchange.name)
            if exchange.repeatable:
                self._lane.start(pending)
            else:
                self._lane.end(pending, exchange.lost(reason))
