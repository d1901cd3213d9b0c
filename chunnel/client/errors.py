"""From a Failure that arrived to the exception a caller sees.

The rules:

* The peer chooses names, never classes. A name means something only if it stands in the closed
  table (``values.exceptions``) or if ``resolve`` gives the remote class for it; any other name is
  text.
* What arrives is a RemoteError and, where the table knows it, also the built-in or Django class,
  so that ``except ValueError`` and ``except RemoteError`` both work. Such a class is made once for
  each combination of bases and kept, up to a bound.
* ``str()`` is the text of the original whatever the base does with its arguments (``KeyError``
  quotes them, ``OSError`` counts them).
* A base that refuses the arguments, or that cannot be joined with the others, costs the error that
  base or those arguments, never the message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from django.core.exceptions import PermissionDenied, ValidationError

from ..exceptions import (
    CallCancelled,
    CallError,
    CallInfo,
    CallRefused,
    CallTimeout,
    NotExposed,
    QueryRefused,
    RemoteError,
    SerializationError,
    TooManyRows,
    UpstreamFailure,
    WrongArguments,
)
from ..protocol.messages import Failure, FailureCode
from ..values.exceptions import EXCEPTIONS, validation_arguments

Resolve: TypeAlias = Callable[[str], type[Any] | None]
"""Gives the remote class of an exposed name ("money.InsufficientFunds"), or None."""

MAX_CLASSES = 1024  # a peer that makes up names must not fill this process with classes
MAX_NAMES = 16  # exposed names of one exception that we look up; nobody inherits deeper

_CODES: dict[int, type[RemoteError]] = {
    FailureCode.MALFORMED: CallRefused,
    FailureCode.NOT_EXPOSED: NotExposed,
    FailureCode.WRONG_ARGUMENTS: WrongArguments,
    FailureCode.REFUSED: CallRefused,
    FailureCode.QUERY_REFUSED: QueryRefused,
    FailureCode.TOO_MANY_ROWS: TooManyRows,
}


class _Arrived:
    """What the classes made here add to a RemoteError and its other bases."""

    _chunnel_bases: tuple[type[Any], ...]
    _chunnel_text: str

    def __str__(self) -> str:
        return self._chunnel_text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._chunnel_text!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            _restore,
            (self._chunnel_bases, self.args, self._chunnel_text),  # type: ignore[attr-defined]
            self.__dict__.copy(),
        )


_classes: dict[tuple[type[Any], ...], type[RemoteError]] = {}


def _class_for(bases: tuple[type[Any], ...]) -> type[RemoteError]:
    """Return the class that joins ``bases``, the first of which is a RemoteError."""
    found = _classes.get(bases)
    if found is not None:
        return found
    joined = _joined(bases)
    if len(_classes) < MAX_CLASSES:
        # Of two threads that got here at once, both use the class of the first.
        joined = _classes.setdefault(bases, joined)
    return joined


def _joined(bases: tuple[type[Any], ...]) -> type[RemoteError]:
    named = bases[-1] if bases[0] is RemoteError else bases[0]
    namespace = {
        "__module__": named.__module__,
        "__qualname__": named.__qualname__,
        # Not that of a base: to read a remote class's docstring is to fetch the schema.
        "__doc__": "An exception that a remote project raised.",
        "_chunnel_bases": bases,
    }
    # A remote class has a metaclass whose call is a remote call, and its own idea of how a class
    # statement makes a class; what we make is an ordinary class of that metaclass.
    metaclass: type = type
    for base in bases:
        if issubclass(type(base), metaclass):
            metaclass = type(base)
    made: type[RemoteError] = type.__new__(metaclass, named.__name__, (_Arrived, *bases), namespace)
    return made


def _make(bases: tuple[type[Any], ...], args: tuple[Any, ...], text: str) -> RemoteError:
    try:
        cls = _class_for(bases)
    except TypeError:  # the layouts or the orders of these bases do not go together
        cls = _class_for((RemoteError,))
    try:
        error: RemoteError = type.__call__(cls, *args)
    except Exception:  # noqa: BLE001 - what any constructor makes of a peer's arguments
        error = cls.__new__(cls, text)
        error.args = (text,)
    error.__dict__["_chunnel_text"] = text
    return error


def _restore(bases: tuple[type[Any], ...], args: tuple[Any, ...], text: str) -> RemoteError:
    """Make the error again when it is unpickled or copied."""
    # The attributes of a ValidationError come back with its state.
    error = _make(bases, (text,) if bases[-1] is ValidationError else args, text)
    error.args = args
    return error


def exception_for(
    failure: Failure,
    call: CallInfo | None = None,
    resolve: Resolve | None = None,
    details: Mapping[str, Any] | None = None,
) -> RemoteError | CallError:
    """Return the exception to raise for ``failure``; ``details`` is its body, unpacked.

    Everything in ``failure`` and ``details`` was chosen by the peer: what is not of the expected
    type is left out.
    """
    error = _exception_for(failure, resolve, details if isinstance(details, Mapping) else {})
    error.call = call
    return error


def _exception_for(
    failure: Failure, resolve: Resolve | None, details: Mapping[str, Any]
) -> RemoteError | CallError:
    code, message = failure.code, failure.message
    if code in {FailureCode.EXPIRED, FailureCode.DEADLINE}:
        # The server kept our own deadline: the verdict is the one this client was about to give.
        return CallTimeout(
            message or "The call's time was over.", maybe_executed=code == FailureCode.DEADLINE
        )
    if code == FailureCode.CANCELLED:
        return CallCancelled(message or "The call was cancelled.", maybe_executed=True)
    if code in _CODES:
        plain = _CODES[code](message)
        plain.type = _text(details.get("type"))
        return plain
    if code == FailureCode.UPSTREAM:
        return _upstream(message, details)
    if code == FailureCode.DENIED:
        error = _make((RemoteError, PermissionDenied), (message,), message)
    elif code == FailureCode.UNSERIALIZABLE:
        error = _make((RemoteError, SerializationError), (message,), message)
    else:
        error = _raised(message, resolve, details)
    error.type = _text(details.get("type"))
    error.maybe_executed = code >= FailureCode.RAISED
    traceback = details.get("traceback")
    if isinstance(traceback, str) and traceback:
        error.add_note(f"Traceback of the remote project:\n{traceback.rstrip()}")
    return error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _upstream(message: str, details: Mapping[str, Any]) -> UpstreamFailure:
    chain = details.get("chain")
    names: tuple[str, ...] = ()
    if isinstance(chain, Sequence) and not isinstance(chain, str):
        names = tuple(name for name in chain if isinstance(name, str))
    if names:
        message = f"{message} (by way of {' → '.join(names)})"
    error = UpstreamFailure(message)
    error.chain = names
    error.type = _text(details.get("type"))
    return error


def _raised(message: str, resolve: Resolve | None, details: Mapping[str, Any]) -> RemoteError:
    bases: list[type[Any]] = []
    names = details.get("names")
    if resolve is not None and isinstance(names, Sequence) and not isinstance(names, str):
        for name in names[:MAX_NAMES]:
            cls = resolve(name) if isinstance(name, str) else None
            if cls is not None and issubclass(cls, RemoteError) and cls not in bases:
                bases.append(cls)
    # Nearest first: a class that a later one inherits from would be out of order.
    bases = [cls for cls in bases if not any(o is not cls and issubclass(o, cls) for o in bases)]
    base = EXCEPTIONS.get(_text(details.get("base")))
    if base is None and not bases:
        return _plain(message, details)
    arguments = _arguments(base, message, details)
    joined = (*(bases or [RemoteError]), *([base] if base is not None else []))
    error = _make(joined, arguments, message)
    if base is ValidationError and (text := _validation_text(error)) is not None:
        error.__dict__["_chunnel_text"] = text
    return error


def _validation_text(error: Any) -> str | None:
    """Return the text that a ValidationError makes of what it holds, as it does over there."""
    if not (hasattr(error, "error_list") or hasattr(error, "error_dict")):
        return None
    try:
        return str(ValidationError.__str__(error))
    except (TypeError, ValueError, LookupError):  # parameters that do not fit their message
        return None


def _plain(message: str, details: Mapping[str, Any]) -> RemoteError:
    arguments = details.get("args")
    args = tuple(arguments) if isinstance(arguments, list | tuple) else ()
    if len(args) == 1 and str(args[0]) == message:
        return RemoteError(*args)
    return RemoteError(message)


def _arguments(
    base: type[Exception] | None, message: str, details: Mapping[str, Any]
) -> tuple[Any, ...]:
    if base is ValidationError:
        try:
            return validation_arguments(details["data"])
        except (KeyError, ValueError):
            return (message,)
    arguments = details.get("args")
    if isinstance(arguments, list | tuple):
        return tuple(arguments)
    return (message,)
