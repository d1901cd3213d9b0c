"""The messages of the protocol, as frozen tuples.

A message is what one peer says to the other in one multipart transmission. This file does not know
how messages become frames (``codec``) nor when they are allowed (``states``).

Call ids are eight random bytes, made by the caller; messages about the conversation as a whole have
none. Times are seconds as floats here and milliseconds on the wire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

Frames: TypeAlias = list[bytes]
CallId: TypeAlias = bytes
Metadata: TypeAlias = Mapping[str, Any]

NO_METADATA: Metadata = MappingProxyType({})


class Kind(IntEnum):
    """The kinds of messages; the numbers are the wire's and never change."""

    __hash__ = int.__hash__  # kinds are keys of every table; Enum's own hash is ten times slower

    HELLO = 1
    WELCOME = 2
    CALL = 3
    RESULT = 4
    FAILURE = 5
    CHUNK = 6
    END = 7
    CREDIT = 8
    CANCEL = 9
    PING = 10
    PONG = 11
    BUSY = 12
    GOAWAY = 13


class FailureCode(IntEnum):
    """Why a call failed; a code for programs, beside the prose for people.

    Below 100 the call was surely not executed. From 100 on it was, in part or whole.
    """

    MALFORMED = 1  # the body could not be read
    NOT_EXPOSED = 2  # nothing has this name
    WRONG_ARGUMENTS = 3  # the arguments do not fit the signature
    DENIED = 4  # the caller may not
    REFUSED = 5  # the server does not execute it: hops, a metadata key, an unknown serializer
    EXPIRED = 6  # its time was over before it began
    QUERY_REFUSED = 7  # the plan asks for what the model does not declare
    TOO_MANY_ROWS = 8
    RAISED = 100  # the function raised
    UNSERIALIZABLE = 101  # the result cannot travel
    CANCELLED = 102
    DEADLINE = 103  # its time was over while it ran
    UPSTREAM = 104  # a call it made to another project failed


class Credit(NamedTuple):
    """How much more a peer may send on one stream: items and bytes, additive."""

    items: int
    bytes: int


class Hello(NamedTuple):
    """The client's first message. Its layout is frozen for all versions."""

    versions: tuple[int, ...]
    max_message: int  # bytes of a whole message that this peer accepts
    agent: str  # library and version, for people
    project: str  # the name of the calling project, for the log and for hops
    meta: Metadata = NO_METADATA


class Welcome(NamedTuple):
    """The server's answer to Hello: the version spoken from here on, and what the server is."""

    version: int
    max_message: int
    agent: str
    project: str
    instance: str  # names this server process, new at each start
    workers: int  # processes behind this address
    fingerprint: str  # of the schema
    idle_timeout: float  # seconds after which the server may drop a silent connection; 0: never
    serializers: tuple[str, ...]
    meta: Metadata = NO_METADATA


class Call(NamedTuple):
    """Execute ``name`` with the arguments in ``body``.

    ``credit`` is what the server may send at once. With ``input`` the caller will follow with
    chunks of its own, under the server's credit, up to an End.
    """

    call_id: CallId
    name: str
    serializer: str
    body: bytes
    blobs: tuple[bytes, ...] = ()
    credit: Credit = Credit(0, 0)
    input: bool = False
    meta: Metadata = NO_METADATA


class Result(NamedTuple):
    """The call ended well; the body is its value."""

    call_id: CallId
    body: bytes
    blobs: tuple[bytes, ...] = ()
    meta: Metadata = NO_METADATA


class Failure(NamedTuple):
    """The call ended badly. The body, if any, is a map made by the call's serializer."""

    call_id: CallId
    code: int
    message: str
    body: bytes = b""
    meta: Metadata = NO_METADATA


class Chunk(NamedTuple):
    """Part of a stream: ``items`` items in a list, or with ``part`` a slice of one large result.

    The first chunk of an answer has no items (OPEN): it says that the call was accepted. With
    ``more`` the last blob of a part is itself only a slice: it goes on in the next blob that comes.
    """

    call_id: CallId
    items: int = 0
    body: bytes = b""
    blobs: tuple[bytes, ...] = ()
    part: bool = False
    meta: Metadata = NO_METADATA
    more: bool = False


class End(NamedTuple):
    """The sender's stream ended well."""

    call_id: CallId
    meta: Metadata = NO_METADATA


class GrantCredit(NamedTuple):
    """The receiver may take this much more."""

    call_id: CallId
    credit: Credit


class Cancel(NamedTuple):
    """The caller no longer wants the answer."""

    call_id: CallId
    reason: str = ""


class Ping(NamedTuple):
    """Is anybody there? Answer with Pong and the same token, whatever the calls are doing."""

    token: bytes


class Pong(NamedTuple):
    """The answer to a Ping."""

    token: bytes
    meta: Metadata = NO_METADATA


class Busy(NamedTuple):
    """The server has no room; the call was not executed and may be tried elsewhere."""

    call_id: CallId
    message: str = ""


class GoAway(NamedTuple):
    """No new calls on this connection; those under way will be finished.

    With ``over`` the conversation is at its end, and those under way will not be answered either.
    """

    reason: str = ""
    over: bool = False


Message: TypeAlias = (
    Hello
    | Welcome
    | Call
    | Result
    | Failure
    | Chunk
    | End
    | GrantCredit
    | Cancel
    | Ping
    | Pong
    | Busy
    | GoAway
)

KINDS: Mapping[type, Kind] = {
    Hello: Kind.HELLO,
    Welcome: Kind.WELCOME,
    Call: Kind.CALL,
    Result: Kind.RESULT,
    Failure: Kind.FAILURE,
    Chunk: Kind.CHUNK,
    End: Kind.END,
    GrantCredit: Kind.CREDIT,
    Cancel: Kind.CANCEL,
    Ping: Kind.PING,
    Pong: Kind.PONG,
    Busy: Kind.BUSY,
    GoAway: Kind.GOAWAY,
}


def unknown_required(meta: Metadata, known: Collection[str] = ()) -> list[str]:
    """Return the keys that must be understood (they begin with ``!``) and that are not ``known``.

    A call with any of them is refused, surely unexecuted. Nothing is known by being reserved: only
    who does what a key demands may list it.
    """
    return [key for key in meta if key.startswith("!") and key not in known]
