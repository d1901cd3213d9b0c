"""The closed table of exceptions that arrive as themselves: Python's built-in ones and Django's.

Both peers read this one table, so a name on the wire can only ever mean a class that stands here; a
peer never chooses what is imported. What is missing on purpose:

* What ends a generator, a task or a process (``StopIteration``, ``GeneratorExit``, ``SystemExit``,
  ``KeyboardInterrupt``, ``CancelledError``): raised here, it would end one of ours.
  ``may_be_rebuilt`` tells them apart.
* ``Exception`` and ``BaseException``, which say nothing, and exception groups, which hold others.
"""

from __future__ import annotations

import asyncio
import builtins
import decimal
import zoneinfo
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.core import exceptions as core
from django.core import paginator, signing
from django.db import models
from django.db import utils as database
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError
from django.urls.exceptions import NoReverseMatch, Resolver404
from django.utils.connection import ConnectionDoesNotExist
from django.utils.datastructures import MultiValueDictKeyError

NEVER_REBUILT: tuple[type[BaseException], ...] = (
    StopIteration,
    StopAsyncIteration,
    GeneratorExit,
    SystemExit,
    KeyboardInterrupt,
    asyncio.CancelledError,
)

_SILENT = {"Exception", "BaseException", "ExceptionGroup", "BaseExceptionGroup"}

_DJANGO: tuple[type[Exception], ...] = (
    core.AppRegistryNotReady,
    core.BadRequest,
    core.DisallowedHost,
    core.DisallowedRedirect,
    core.EmptyResultSet,
    core.FieldDoesNotExist,
    core.FieldError,
    core.FullResultSet,
    core.ImproperlyConfigured,
    core.MiddlewareNotUsed,
    core.MultipleObjectsReturned,
    core.ObjectDoesNotExist,
    core.PermissionDenied,
    core.RequestAborted,
    core.RequestDataTooBig,
    core.SuspiciousFileOperation,
    core.SuspiciousMultipartForm,
    core.SuspiciousOperation,
    core.SynchronousOnlyOperation,
    core.TooManyFieldsSent,
    core.TooManyFilesSent,
    core.ValidationError,
    core.ViewDoesNotExist,
    database.DataError,
    database.DatabaseError,
    database.IntegrityError,
    database.InterfaceError,
    database.InternalError,
    database.NotSupportedError,
    database.OperationalError,
    database.ProgrammingError,
    database.Error,
    ConnectionDoesNotExist,
    models.ProtectedError,
    models.RestrictedError,
    Http404,
    MultiPartParserError,
    RawPostDataException,
    UnreadablePostError,
    TemplateDoesNotExist,
    TemplateSyntaxError,
    NoReverseMatch,
    Resolver404,
    MultiValueDictKeyError,
    paginator.InvalidPage,
    paginator.PageNotAnInteger,
    paginator.EmptyPage,
    signing.BadSignature,
    signing.SignatureExpired,
)

_OTHERS: tuple[type[Exception], ...] = (
    decimal.DecimalException,
    decimal.InvalidOperation,
    decimal.DivisionByZero,
    decimal.Overflow,
    decimal.Underflow,
    decimal.Inexact,
    zoneinfo.ZoneInfoNotFoundError,
)


def _table() -> dict[str, type[Exception]]:
    found: dict[str, type[Exception]] = {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and not issubclass(value, NEVER_REBUILT)
        and name not in _SILENT
        and value.__name__ == name  # IOError and EnvironmentError are second names of OSError
    }
    for cls in (*_DJANGO, *_OTHERS):
        found[f"{cls.__module__}.{cls.__qualname__}"] = cls
    return found


EXCEPTIONS: Mapping[str, type[Exception]] = MappingProxyType(_table())
_NAMES: dict[type[BaseException], str] = {cls: name for name, cls in EXCEPTIONS.items()}


def may_be_rebuilt(cls: type[BaseException]) -> bool:
    """Say whether an exception of this class may be raised again by another project."""
    return issubclass(cls, Exception) and not issubclass(cls, NEVER_REBUILT)


def table_name(cls: type[BaseException]) -> str | None:
    """Return the name of exactly this class in the table, or None."""
    return _NAMES.get(cls)


def nearest_base(cls: type[BaseException]) -> str | None:
    """Return the name of the nearest class of the table that ``cls`` is or inherits, or None.

    None as well for what is never rebuilt.
    """
    if not may_be_rebuilt(cls):
        return None
    for base in cls.__mro__:
        name = _NAMES.get(base)
        if name is not None:
            return name
    return None


def qualified_name(cls: type[BaseException]) -> str:
    """Return ``module.Class``, for a built-in class ``Class`` alone."""
    if cls.__module__ == "builtins":
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def validation_to_plain(error: core.ValidationError) -> dict[str, Any]:
    """Return a ValidationError as plain values: its messages, codes and parameters.

    ``{"dict": {field: [item, …]}}``, ``{"list": [item, …]}`` or one item, which is
    ``{"message", "code", "params"}``. Lazy messages become text.
    """
    if hasattr(error, "error_dict"):
        fields = error.error_dict.items()
        return {"dict": {str(name): [_item(one) for one in errors] for name, errors in fields}}
    if not hasattr(error, "message"):
        return {"list": [_item(one) for one in error.error_list]}
    return _item(error)


def _item(error: core.ValidationError) -> dict[str, Any]:
    params = error.params
    if isinstance(params, Mapping):
        params = {str(key): _plain(value) for key, value in params.items()}
    else:
        params = None
    message = str(error.message)
    if error.params and params is None:
        message = str(message % error.params)
    elif error.params and not message:  # a lazy plural, which has no text before it has its number
        message = str(error.message % error.params).replace("%", "%%")
    return {"message": message, "code": error.code, "params": params}


def _plain(value: Any) -> Any:
    if value is None or type(value) in {bool, int, float, str, bytes, decimal.Decimal}:
        return value
    # Django puts the instance and its class among the parameters of what must be unique. Nobody
    # said that its text may be read.
    if isinstance(value, models.Model):
        return str(value._meta.verbose_name)
    if isinstance(value, type):
        return value.__qualname__
    if isinstance(value, list | tuple | set | frozenset):
        return str([_plain(each) for each in value])
    return str(value)


def validation_arguments(data: Any) -> tuple[Any, ...]:
    """Return the arguments that make the ValidationError that ``validation_to_plain`` described.

    Also takes the plain forms, ``{field: [message, …]}``, ``[message, …]`` and one message.
    Raise ValueError for anything else.
    """
    if isinstance(data, str):
        return (data,)
    if isinstance(data, list | tuple):
        return ([_single(item) for item in data],)
    if not isinstance(data, Mapping):
        raise ValueError("not a description of a ValidationError")  # noqa: TRY004
    if isinstance(data.get("dict"), Mapping):
        data = data["dict"]
    elif isinstance(data.get("list"), list | tuple):
        return ([_single(item) for item in data["list"]],)
    elif isinstance(data.get("message"), str):
        return (data["message"], data.get("code"), data.get("params"))
    fields: dict[str, list[Any]] = {}
    for name, items in data.items():
        if not isinstance(name, str):
            raise ValueError("a field name is not text")  # noqa: TRY004
        many = items if isinstance(items, list | tuple) else [items]
        fields[name] = [_single(item) for item in many]
    return (fields,)


def _single(item: Any) -> core.ValidationError:
    if isinstance(item, str):
        return core.ValidationError(item)
    if isinstance(item, Mapping) and isinstance(item.get("message"), str):
        params = item.get("params")
        return core.ValidationError(
            item["message"], item.get("code"), dict(params) if isinstance(params, Mapping) else None
        )
    raise ValueError("not a description of a ValidationError")
