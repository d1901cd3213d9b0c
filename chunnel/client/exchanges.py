"""What is known of one call from its first attempt to its end, whoever carries it.

A synchronous caller and the multiplexer both drive an Exchange: it makes the messages, judges what
came back and says whether another attempt is allowed. It does no I/O.

The rules:

* Another attempt is made only when the call surely was not executed: no connection, BUSY, a message
  that did not leave. After a loss in the middle only a call whose effect is known to be "read" or
  "idempotent" is made again; where the effect is not known, the schema is fetched from another
  endpoint first, within the time that the call has.
* The timeout that stands in the settings bounds the wait for the first answer. One that was given
  for this call bounds all of it, and so does the deadline of the call being served, if there is
  one.
* A failure that the server sent is final, whatever it is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..context import current_call
from ..exceptions import (
    UNSET,
    Attempt,
    CallCancelled,
    CallError,
    CallInfo,
    CallTimeout,
    ConnectionLost,
    PoolExhausted,
    ProtocolViolation,
    RemoteError,
    SerializationError,
    ServerBusy,
)
from ..protocol.credit import cost
from ..protocol.messages import Call, Chunk, Credit, Failure, Result
from .errors import exception_for
from .options import CallOptions

if TYPE_CHECKING:
    from ..serializers.base import Lift, Packed
    from .calling import Caller
    from .connections import Place

WINDOW = Credit(4096, 4 * 2**20)
"""What a server may send of a stream before we consumed any: what one slow reader may cost."""

MAX_RESULT = 256 * 2**20  # bytes of one result that comes in parts, unless OPTIONS say otherwise

_REPEATABLE = frozenset({"read", "idempotent"})
_numbers = random.Random()  # noqa: S311 - ids only tell the calls of one connection apart


def reseed() -> None:
    """Draw other call ids than the parent process does; called after a fork."""
    _numbers.seed()


def new_call_id() -> bytes:
    """Return eight random bytes."""
    return _numbers.getrandbits(64).to_bytes(8, "big")


class Exchange:
    """One call of one remote. Not shared by threads, except as its driver hands it on."""

    call_id = b""
    endpoint: str | None = None
    instance: str | None = None
    attempts: list[Attempt] | None = None  # made when the first one fails
    tried: set[str | Place] | tuple[()] = ()
    deadline: float | None = None  # of the whole call
    was_lost = False  # with a connection, once or more: it may have been executed
    _parts: list[bytes] | None = None
    _blobs: list[bytes]  # with ``_parts``
    _slices: list[bytes] | None = None  # of a blob that goes on
    _size = 0

    def __init__(
        self,
        caller: Caller,
        name: str,
        packed: Packed,
        options: CallOptions,
        lift: Lift | None = None,
    ):
        self.caller = caller
        self.name = name
        self.packed = packed
        self.options = options
        self.effect = options.effect
        self.lift = lift
        self.begin()

    def begin(self) -> None:
        """Start the clock: the deadlines count from now."""
        options, caller = self.options, self.caller
        self.began = self.sent = now = time.monotonic()
        timeout = options.timeout
        if timeout is UNSET:
            timeout = caller.settings.timeout
        elif timeout is not None:
            self.deadline = now + timeout  # type: ignore[operator]
        first: float | None = None if timeout is None else now + timeout  # type: ignore[operator]
        hops = caller.hops
        served = current_call()
        if served is not None:
            hops = [*served.hops, *hops]
            limit = served.deadline
            if limit is not None:
                first = limit if first is None else min(first, limit)
                self.deadline = limit if self.deadline is None else min(self.deadline, limit)
        self.first_deadline = first
        self.meta: dict[str, Any] = {"hops": hops}
        if options.meta:
            self.meta.update(options.meta)

    @property
    def alias(self) -> str:
        """The remote's alias."""
        return self.caller.alias

    # Attempts

    def message(self, place: Place, now: float) -> Call:
        """Return the CALL for an attempt at ``place``, with the time that remains ``now``."""
        self.call_id = call_id = new_call_id()
        self.endpoint = place.endpoint
        self.instance = place.instance
        self.sent = now
        meta = self.meta
        if self.first_deadline is not None:
            left = self.first_deadline - now
            meta["remaining"] = int(left * 1000) if left > 0 else 0
        if self.attempts:
            meta["attempt"] = len(self.attempts) + 1
        packed, serializer = self.packed, self.caller.serializer.name
        return Call(call_id, self.name, serializer, packed[0], packed[1], WINDOW, False, meta)

    def note(
        self, endpoint: str, outcome: str, began: float, *, again: Place | None = None
    ) -> None:
        """Remember an attempt that failed. Nobody asks its endpoint again for this call.

        With ``again`` only that one process behind it is left out.
        """
        if self.attempts is None:
            self.attempts = []
            self.tried = set()
        now = time.monotonic()
        self.attempts.append(Attempt(endpoint, began - self.began, now - self.began, outcome))
        assert isinstance(self.tried, set)
        self.tried.add(endpoint if again is None else again)

    def note_stale(self, endpoint: str, outcome: str, began: float) -> None:
        """Remember an attempt on a connection that had died in the pool; its endpoint may live."""
        if self.attempts is None:
            self.attempts = []
            self.tried = set()
        now = time.monotonic()
        self.attempts.append(Attempt(endpoint, began - self.began, now - self.began, outcome))

    def note_lost(self, endpoint: str, outcome: str) -> None:
        """Remember that the connection was lost after the call was sent."""
        self.was_lost = True
        self.note(endpoint, outcome, self.sent)

    @property
    def repeatable(self) -> bool | None:
        """Whether a second execution does no harm; None if that is not known."""
        return None if self.effect is None else self.effect in _REPEATABLE

    def inquiry(self) -> Exchange:
        """Return a call for the schema, to where this one may go next, in the time this one has."""
        options = CallOptions(effect="read", meta=self.options.meta)
        inquiry = self.caller.exchange("chunnel.schema", (), {}, options)
        inquiry.attempts, inquiry.tried = [], set(self.tried)
        limits = [one for one in (self.first_deadline, inquiry.first_deadline) if one is not None]
        inquiry.first_deadline = inquiry.deadline = min(limits, default=None)
        return inquiry

    # Ends

    def info(self) -> CallInfo:
        """Return what an error says of this call."""
        return CallInfo(
            alias=self.alias,
            name=self.name,
            endpoint=self.endpoint,
            instance=self.instance,
            call_id=self.call_id.hex() or None,
            attempts=tuple(self.attempts or ()),
            elapsed=time.monotonic() - self.began,
            hops=tuple(self.meta["hops"]),
        )

    def value(self, result: Result) -> Any:
        """Return the value of an answer in one message."""
        return self.caller.serializer.loads(result.body, result.blobs, lift=self.lift)

    def items(self, chunk: Chunk) -> list[Any]:
        """Return the items of a chunk. One that is no list (a row set) is itself one item."""
        value = self.caller.serializer.loads(chunk.body, chunk.blobs, lift=self.lift)
        return value if type(value) is list else [value]

    def add_part(self, chunk: Chunk) -> Credit | None:
        """Keep a slice of a large result; return the credit to grant, None if it is too large."""
        if self._parts is None:
            self._parts, self._blobs = [], []
        size = cost(chunk).bytes
        self._size += size
        if self._size > self.caller.max_result:
            self._parts = self._slices = None
            self._blobs = []
            return None
        if chunk.body:
            self._parts.append(chunk.body)
        if chunk.blobs:
            *complete, last = chunk.blobs
            for blob in complete:
                self._blobs.append(self._ended_by(blob))
            if not chunk.more:
                self._blobs.append(self._ended_by(last))
            elif self._slices is None:
                self._slices = [last]
            else:
                self._slices.append(last)
        return Credit(0, size)

    def _ended_by(self, blob: bytes) -> bytes:
        """Return the binary whose last slice, or all, is ``blob``."""
        slices, self._slices = self._slices, None
        return blob if slices is None else b"".join((*slices, blob))

    @property
    def has_parts(self) -> bool:
        """Whether a large result has begun to come."""
        return self._parts is not None

    def whole(self) -> Any:
        """Return the value whose parts have all come."""
        parts, blobs = self._parts or (), self._blobs
        self._parts, self._blobs = None, []
        if self._slices is not None:
            raise SerializationError("the result ended in the middle of a binary", "result")
        return self.caller.serializer.loads(b"".join(parts), blobs, lift=self.lift)

    def failed(self, failure: Failure) -> Exception:
        """Return the exception for the server's FAILURE."""
        details: Mapping[str, Any] | None = None
        if failure.body:
            try:
                details = self.caller.serializer.loads(failure.body)
            except SerializationError:
                details = None  # the message still says what happened
        return exception_for(failure, self.info(), self.caller.resolve, details)

    def busy(self, message: str) -> RemoteError:
        """Return the exception for a BUSY that could not be tried elsewhere."""
        error = ServerBusy(message or "The server had no room for the call.")
        error.call = self.info()
        error.maybe_executed = self.was_lost
        return error

    def timed_out(self, seconds: float, *, sent: bool) -> CallError:
        """Return the exception for an answer that did not come, or not whole, in time."""
        if not sent:
            text = f"it could not be sent within {seconds:.3g} s{self._reasons()}"
        elif self.has_parts:
            text = f"the result from {self.endpoint} was not complete within {seconds:.3g} s"
        else:
            text = f"no answer from {self.endpoint} within {seconds:.3g} s"
        return CallTimeout(
            f"{self.alias}.{self.name}: {text}",
            call=self.info(),
            maybe_executed=sent or self.was_lost,
        )

    def stalled(self, seconds: float, *, idle: bool) -> CallError:
        """Return the exception for a stream that paused for so long, or took so long in all."""
        said = "sent nothing for" if idle else "did not end within"
        return CallTimeout(
            f"{self.alias}.{self.name}: the stream from {self.endpoint} {said} {seconds:.3g} s",
            call=self.info(),
            maybe_executed=True,
        )

    def wedged(self, seconds: float) -> CallError:
        """Return the exception for a server whose process lives and answers not even a PING."""
        return CallTimeout(
            f"{self.alias}.{self.name}: the server at {self.endpoint} is wedged: it has not said "
            f"anything for {seconds:.3g} s, not even to a PING",
            call=self.info(),
            maybe_executed=True,
        )

    def lost(self, reason: str) -> CallError:
        """Return the exception for a connection that broke while we waited."""
        return ConnectionLost(
            f"{self.alias}.{self.name}: the connection was lost before the answer came: {reason}",
            call=self.info(),
            maybe_executed=True,
        )

    def unreachable(self) -> CallError:
        """Return the exception for a call that no endpoint took; it names each one's reason."""
        return ConnectionLost(
            f"No endpoint of {self.alias!r} could be reached{self._reasons()}",
            call=self.info(),
            maybe_executed=self.was_lost,
        )

    def _reasons(self) -> str:
        """Return each endpoint's latest reason in brackets, or nothing if there is none."""
        reasons = {one.endpoint: one.outcome for one in self.attempts or ()}
        listed = "; ".join(
            reason if endpoint in reason else f"{endpoint}: {reason}"
            for endpoint, reason in reasons.items()
        )
        return f" ({listed})" if listed else ""

    def no_room(self, reason: str) -> CallError:
        """Return the exception for a call that found no free connection."""
        return PoolExhausted(
            f"{self.alias}.{self.name}: {reason}", call=self.info(), maybe_executed=self.was_lost
        )

    def violated(self, reason: str) -> CallError:
        """Return the exception for a peer that left the protocol."""
        return ProtocolViolation(
            f"{self.endpoint} broke the protocol: {reason}", call=self.info(), maybe_executed=True
        )

    def cancelled(self, *, sent: bool) -> CallError:
        """Return the exception for a call whose caller no longer wants the answer."""
        return CallCancelled(
            f"{self.alias}.{self.name} was cancelled",
            call=self.info(),
            maybe_executed=sent or self.was_lost,
        )

    def too_large(self) -> SerializationError:
        """Return the exception for a result over MAX_RESULT."""
        return SerializationError(
            f"{self.alias}.{self.name} returned more than {self.caller.max_result} bytes", "result"
        )
