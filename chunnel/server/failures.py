"""From an exception to the Failure that tells the caller what it may know.

The rules:

* A ``Refusal`` is this server's own verdict; it has a code and a message made for the caller.
* A CallError, and a RemoteError that stands for nothing but the refusal of a third project, is that
  project's trouble or the way to it: UPSTREAM, with the chain of projects. Otherwise the caller
  would take the verdict for ours and eject a healthy server.
* An exception with a remote name, or one that is itself in the closed table, shows its message and
  its plain arguments. Of any other the caller learns the class's name; the message only where
  tracebacks are shown, for it was written for this project's own log. What writing rows makes of a
  database's error (``Told``) was written for the caller.
* Nothing is read from an exception but its class, ``str()`` and plain ``args``.
"""

from __future__ import annotations

import datetime
import traceback
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import FieldError, PermissionDenied, ValidationError
from django.db import DataError, Error, NotSupportedError

from .. import exceptions
from ..exceptions import CallError, RemoteError, SerializationError
from ..protocol.messages import Failure, FailureCode
from ..values.exceptions import nearest_base, qualified_name, table_name, validation_to_plain

if TYPE_CHECKING:
    from ..context import ServedCall
    from ..registry import Entry, Registry
    from ..serializers import Serializer

MAX_MESSAGE = 8_000  # characters; the control frame's own bound is a little above
MAX_TRACEBACK = 20_000  # characters of its end, which is where the cause stands
MAX_BODY = 48 * 1024  # bytes: with the control frame below what every peer accepts

_PLAIN = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    Decimal,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
)


# What Django says of unions and their like, on databases that cannot do it.
_COMPOUND = frozenset(
    f"{what} not allowed in subqueries of compound statements."
    for what in ("ORDER BY", "LIMIT/OFFSET")
)
_UNFIT = (TypeError, ValueError, ArithmeticError, FieldError, ValidationError, DataError)


class Refusal(Exception):
    """This server's verdict that a call is not executed, or its result not sent."""

    def __init__(self, code: FailureCode, message: str, chain: tuple[str, ...] = ()):
        super().__init__(message)
        self.code = code
        self.chain = chain


class Told:
    """Makes a class of exceptions one whose message was made for the caller.

    It comes before the class of the table that callers know it as.
    """


def failure_for(
    error: BaseException,
    call_id: bytes,
    served: ServedCall,
    *,
    registry: Registry,
    serializer: Serializer | None,
    project: str,
    show: bool,
    began: bool,
) -> Failure:
    """Return the Failure for ``error``.

    ``show``: tracebacks and hidden messages may be shown. ``began``: the function had been called.
    Without a serializer the failure has no body.
    """
    details: dict[str, Any] = {}
    if isinstance(error, Refusal):
        code, message = error.code, str(error)
        if error.chain:
            details["chain"] = list(error.chain)
    elif isinstance(error, SerializationError) and began:
        code, message = FailureCode.UNSERIALIZABLE, str(error)
        details["type"] = qualified_name(type(error))
    elif _is_upstream(error):
        code, message = FailureCode.UPSTREAM, _text(error)
        details["type"] = qualified_name(type(error))
        details["chain"] = _chain(error, served, project)
    else:
        code = FailureCode.RAISED
        if isinstance(error, PermissionDenied) and not began:
            code = FailureCode.DENIED
        message, details = _describe(error, registry, show)
    if show and not isinstance(error, Refusal):
        details["traceback"] = _traceback(error)
    body = _pack(details, serializer) if details and serializer is not None else b""
    return Failure(call_id, code, message[:MAX_MESSAGE], body)


def is_answer(error: BaseException, registry: Registry) -> bool:
    """Tell an exception that is part of what is exposed from one that somebody should look at."""
    return bool(registry.exception_names(type(error)))


def is_plans_fault(error: BaseException) -> bool:
    """Tell an error that Django raised over a plan from one that code of an app had part in.

    A value may not fit its field, or a step what came before it. That is the caller's to know.
    """
    if not isinstance(error, _UNFIT):
        return False
    for frame, _line in traceback.walk_tb(error.__traceback__):
        app = apps.get_containing_app_config(frame.f_globals.get("__name__", ""))
        if app is not None and app.name != "chunnel" and not app.name.startswith("django."):
            return False
    return True


def is_told(error: BaseException, entry: Entry) -> bool:
    """Tell an error that is the caller's to know who wrote what must not be."""
    return isinstance(error, Told) or (entry.kind == "write" and isinstance(error, ValidationError))


def _describe(error: BaseException, registry: Registry, show: bool) -> tuple[str, dict[str, Any]]:
    cls: Any = type(error)
    told = isinstance(error, Told)
    if told:
        cls = next(each for each in cls.__mro__ if table_name(each) is not None)
    names = registry.exception_names(cls)
    base = nearest_base(cls)
    details: dict[str, Any] = {"type": qualified_name(cls), "names": names}
    if base is not None:
        details["base"] = base
    if not told and not names and not show and (table_name(cls) is None or _by_database(error)):
        return f"{cls.__qualname__} (its message is in the server's log)", details
    if isinstance(error, FieldError) and not show:
        # Django goes on with the names of all fields there are, declared or not.
        message = _text(error).partition(" Choices are: ")[0]
        return message, {**details, "args": [message]}
    if isinstance(error, ValidationError):
        details["data"] = validation_to_plain(error)
    elif all(_is_plain(each) for each in error.args):
        details["args"] = list(error.args)
    return _text(error), details


def _by_database(error: BaseException) -> bool:
    """Tell an error in the words of the database or its driver, which may quote rows and names.

    That something is not supported Django itself says of most queries, before it asks anybody.
    """
    by_django = error.__cause__ is None and (
        isinstance(error, NotSupportedError) or str(error) in _COMPOUND
    )
    return isinstance(error, Error) and not by_django


def _is_upstream(error: BaseException) -> bool:
    if isinstance(error, CallError):
        return True
    if not isinstance(error, RemoteError):
        return False
    # A remote project's own exception is also a built-in or Django one, or of a remote class.
    if getattr(exceptions, type(error).__name__, None) is type(error):
        return True
    return nearest_base(type(error)) is None


def _chain(error: BaseException, served: ServedCall, project: str) -> list[str]:
    """Return the projects from the first caller to the one in trouble."""
    chain = [*served.hops, project]
    further = getattr(error, "chain", ())
    if isinstance(further, tuple) and further:
        # It begins with this project's own call, hops included.
        return [str(each) for each in further]
    call = getattr(error, "call", None)
    if call is not None:
        chain.append(str(call.alias))
    return chain


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list | tuple) and depth < 3:
        return all(_is_plain(each, depth + 1) for each in value)
    return type(value) in _PLAIN


def _text(error: BaseException) -> str:
    try:
        if isinstance(error, ValidationError):
            return "; ".join(error.messages)
        return str(error)
    except Exception:  # noqa: BLE001 - the exception's own __str__ is anybody's code
        return f"{type(error).__qualname__} (its text cannot be made)"


def _traceback(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"


def _pack(details: dict[str, Any], serializer: Serializer) -> bytes:
    """Pack what fits; arguments and data are the first to be left out."""
    for dropped in ((), ("args", "data"), ("args", "data", "traceback")):
        kept = {key: value for key, value in details.items() if key not in dropped}
        try:
            packed = serializer.dumps(kept)
        except SerializationError:
            continue
        if len(packed.body) <= MAX_BODY and not packed.blobs:
            return packed.body
    return b""
