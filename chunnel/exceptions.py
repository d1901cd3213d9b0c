"""Every exception that Chunnel raises.

Three families, told apart because callers act on them differently:

* ``RemoteError`` and its subclasses were raised by the remote project and arrive here.
* ``CallError`` and its subclasses are verdicts of this client alone: nobody answered, or nobody
  could be asked. ``maybe_executed`` says whether the call may nevertheless have been executed.
* The rest are mistakes in this project's own use of Chunnel, raised where the mistake is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a call: the endpoint tried, and when (seconds since the call began)."""

    endpoint: str
    started: float
    ended: float | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What an error knows about the call that ended with it.

    ``elapsed`` is in seconds. ``call_id`` stands in the server's log as well. ``hops`` lists the
    projects the call came through, the first caller first.
    """

    alias: str
    name: str
    endpoint: str | None = None
    instance: str | None = None
    call_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    elapsed: float = 0.0
    hops: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f" at {self.endpoint}" if self.endpoint else ""
        number = f" (call {self.call_id})" if self.call_id else ""
        return f"{self.alias}.{self.name}{place}{number}"


class RemoteError(Exception):
    """The remote project raised an exception while it served the call.

    ``type`` is the qualified name of the exception's class over there, ``call`` tells which call it
    was. Built-in and Django exceptions arrive as subclasses of both themselves and this class.
    """

    call: CallInfo | None = None
    type: str = ""
    maybe_executed: bool = True


class WrongArguments(RemoteError, TypeError):
    """The arguments do not fit the function's signature; the function was not executed."""

    maybe_executed = False


class NotExposed(RemoteError):
    """The remote project exposes nothing by this name; nothing was executed."""

    maybe_executed = False


class QueryRefused(RemoteError):
    """The query asks for a field, lookup or method that the remote model does not declare."""

    maybe_executed = False


class TooManyRows(RemoteError):
    """The query would return more rows than the remote model allows; none was sent."""

    maybe_executed = False


class CallRefused(RemoteError):
    """The server refused to execute the call, for the reason the message gives."""

    maybe_executed = False


class ServerBusy(RemoteError):
    """The server had no room for the call and refused it at once; it was not executed."""

    maybe_executed = False


class UpstreamFailure(RemoteError):
    """The remote project's own call to a third project failed on the way.

    It is never a verdict on the endpoint that answered, which is healthy. ``chain`` names the
    projects on the way, the one we called first.
    """

    chain: tuple[str, ...] = ()


class CallError(Exception):
    """This client could not bring the call to an end; nobody answered it."""

    call: CallInfo | None = None
    maybe_executed: bool = False

    def __init__(self, *args: Any, call: CallInfo | None = None, maybe_executed: bool = False):
        super().__init__(*args)
        self.call = call
        self.maybe_executed = maybe_executed

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self.args, self.__dict__.copy())


class CallTimeout(CallError, TimeoutError):
    """No answer came within the call's timeout."""


class ConnectionLost(CallError, ConnectionError):
    """The endpoint could not be reached, or the connection broke before the answer came."""


class PoolExhausted(CallError, TimeoutError):
    """No connection became free within the call's timeout; the call was never sent."""


class CallCancelled(CallError):
    """The caller cancelled the call before its answer came."""


class ProtocolViolation(CallError):
    """The peer sent what the protocol forbids, and its connection was closed."""


class SerializationError(ValueError):
    """A value cannot travel; ``path`` says where in the arguments or the result it sits."""

    def __init__(self, message: str, path: str = ""):
        super().__init__(f"{path}: {message}" if path else message)
        self.reason = message
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.reason, self.path), self.__dict__.copy())


class UnknownRemote(AttributeError, LookupError):
    """CHUNNEL_REMOTES has no such alias; the message lists those it has."""


class UnsavedChanges(Exception):
    """A method was called on a remote instance whose fields were edited and not saved."""


class FieldNotFetched(AttributeError):
    """The field of a remote instance was not part of what the query fetched."""


class AlreadyExposed(Exception):
    """Two definitions claim the same remote name; the message names both places."""


@dataclass(frozen=True, slots=True)
class _Unset:
    """The type of UNSET: an option that was not given, where None has a meaning of its own."""

    name: str = field(default="UNSET")

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name  # there is one, also after pickling and copying


UNSET = _Unset()
