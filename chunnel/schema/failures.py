"""The closed table of exceptions that arrive as themselves.

A failure names the nearest class of this table among the bases of what was raised; the client looks
the name up here. Nothing is ever imported because a peer named it. Left out on purpose are those
that steer the interpreter (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration,
StopAsyncIteration, CancelledError), warnings, and groups, whose arguments are exceptions.
"""

from __future__ import annotations

import builtins
import decimal
import json
from collections.abc import Mapping
from types import MappingProxyType

from django.core import exceptions as core
from django.db import transaction, utils
from django.http import Http404

_NEVER = (StopIteration, StopAsyncIteration, Warning, BaseExceptionGroup)

_OTHERS: tuple[type[Exception], ...] = (
    core.AppRegistryNotReady,
    core.BadRequest,
    core.DisallowedHost,
    core.DisallowedRedirect,
    core.FieldDoesNotExist,
    core.FieldError,
    core.ImproperlyConfigured,
    core.MultipleObjectsReturned,
    core.ObjectDoesNotExist,
    core.PermissionDenied,
    core.SuspiciousFileOperation,
    core.SuspiciousOperation,
    core.ValidationError,
    core.ViewDoesNotExist,
    utils.DataError,
    utils.DatabaseError,
    utils.Error,
    utils.IntegrityError,
    utils.InterfaceError,
    utils.InternalError,
    utils.NotSupportedError,
    utils.OperationalError,
    utils.ProgrammingError,
    transaction.TransactionManagementError,
    Http404,
    decimal.DecimalException,
    decimal.DivisionByZero,
    decimal.InvalidOperation,
    json.JSONDecodeError,
)


def qualified_name(cls: type[BaseException]) -> str:
    """Return how a class is named on the wire: bare for built-ins, else with its module."""
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def _table() -> dict[str, type[Exception]]:
    found = [
        value
        for value in vars(builtins).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    # EnvironmentError and IOError are OSError by other names; the dict keeps each class once.
    return {
        qualified_name(cls): cls for cls in (*found, *_OTHERS) if not issubclass(cls, _NEVER)
    }


KNOWN_EXCEPTIONS: Mapping[str, type[Exception]] = MappingProxyType(_table())
"""Name on the wire to class."""


def nearest_known(cls: type[BaseException]) -> str | None:
    """Return the name of the nearest class in the table along the MRO of ``cls``.

    None for exceptions that are outside ``Exception`` or must never be rebuilt.
    """
    if issubclass(cls, _NEVER):
        return None
    for base in cls.__mro__:
        name = qualified_name(base) if issubclass(base, BaseException) else ""
        if KNOWN_EXCEPTIONS.get(name) is base:
            return name
    return None
