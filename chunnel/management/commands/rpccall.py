"""Call a function of a remote project from the command line.

The result goes to standard output as JSON, a stream as one line of JSON for each item. What went
wrong goes to standard error, and the exit code says what kind it was, for scripts.
"""

from __future__ import annotations

import base64
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from ...exceptions import CallError, CallTimeout, RemoteError, SerializationError


class Exit(IntEnum):
    """Exit codes; 1 is Django's for a wrong use of the command, 2 that of a wrong option."""

    RAISED = 3  # the function was executed and raised
    REFUSED = 4  # it was not executed: not exposed, wrong arguments, busy
    UNREACHABLE = 5  # no connection, or it broke
    TIMEOUT = 6


class Command(BaseCommand):
    help = "Calls a function of a remote project and prints its result as JSON."
    requires_system_checks: list[str] = []  # noqa: RUF012 - a broken setting is told in a sentence

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Alias, app and function: economy.money.balance")
        parser.add_argument(
            "arguments",
            nargs="*",
            help="Each one JSON or key=JSON; what is not JSON is taken as text.",
        )
        parser.add_argument("--timeout", type=float, help="Seconds to wait for the answer.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        function = find(options["name"])
        if options["timeout"] is not None:
            function = function.using(timeout=options["timeout"])
        positional, named = parse_arguments(options["arguments"])
        try:
            result = function(*positional, **named)
            if isinstance(result, Iterator):
                for item in result:
                    self._print(item)
            else:
                self._print(result, indent=2)
        except RemoteError as error:
            kind = getattr(error, "type", "") or type(error).__name__
            self._fail(f"{kind}: {error}", Exit.RAISED if error.maybe_executed else Exit.REFUSED)
        except CallTimeout as error:
            self._fail(str(error), Exit.TIMEOUT)
        except CallError as error:
            self._fail(str(error), Exit.UNREACHABLE)
        except SerializationError as error:
            raise CommandError(str(error)) from None

    def _print(self, value: Any, indent: int | None = None) -> None:
        self.stdout.write(json.dumps(to_plain(value), indent=indent, ensure_ascii=False))
        self.stdout.flush()

    def _fail(self, message: str, code: Exit) -> None:
        self.stderr.write(message)
        sys.exit(code)


def find(path: str) -> Any:
    """Return the callable name that a dotted path of three steps stands for."""
    from ... import remote

    steps = path.split(".")
    if len(steps) != 3 or not all(steps):
        raise CommandError(
            f"{path!r} is not of the form alias.app.function, as in economy.money.balance."
        )
    alias, app, name = steps
    try:
        function = getattr(getattr(getattr(remote, alias), app), name)
    except (AttributeError, LookupError, ImproperlyConfigured) as error:
        raise CommandError(str(error)) from None
    if isinstance(function, type):
        raise CommandError(f"{path} is a class; rpccall calls functions.")
    return function


def parse_arguments(texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and named arguments; raise CommandError where one name is given twice."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (equals and key.isidentifier()):
            positional.append(_value(text))
        elif key in named:
            raise CommandError(f"The argument {key!r} is given twice.")
        else:
            named[key] = _value(value)
    return positional, named


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def to_plain(value: Any) -> Any:
    """Return ``value`` made of what JSON has: exact numbers and times as text, bytes as base64."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(key): to_plain(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    fields = getattr(value, "_meta", None)
    if fields is not None and hasattr(fields, "fields"):  # a remote instance
        return {field.name: to_plain(getattr(value, field.name)) for field in fields.fields}
    if hasattr(value, "__iter__"):  # a queryset
        return [to_plain(item) for item in value]
    return str(value)
