"""Call a function of a remote project from the command line.

The result goes to standard output as JSON, a stream as one line of JSON for each item. What went
wrong goes to standard error, and the exit code says what kind it was, for scripts.
"""

from __future__ import annotations

import inspect
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from ... import remote, remotes
from ...client.options import DEFAULT_OPTIONS
from ...client.signature import ANYTHING, find_function, signature_of
from ...exceptions import UNSET, CallError, CallTimeout, RemoteError, SerializationError
from ..pipes import PipedCommand
from ..plain import read_arguments, split_arguments, to_json


class Exit(IntEnum):
    """Exit codes; 1 is Django's for a wrong use of the command, 2 that of a wrong option."""

    RAISED = 3  # the function was executed and raised
    REFUSED = 4  # it was not executed: not exposed, wrong arguments, busy
    UNREACHABLE = 5  # no connection, or it broke
    TIMEOUT = 6


class Command(PipedCommand):
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

    def handle(self, *_: Any, **options: Any) -> None:
        timeout = UNSET if options["timeout"] is None else options["timeout"]
        try:
            function = find(options["name"]).using(timeout=timeout)
        except ValueError as error:
            raise CommandError(f"--{error}.") from None
        try:
            positional, named = split_arguments(options["arguments"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        try:
            args, kwargs = read_arguments(
                positional, named, self._signature(options["name"], options["arguments"], timeout)
            )
            result = function(*args, **kwargs)
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

    def _signature(self, path: str, arguments: list[str], timeout: Any) -> inspect.Signature:
        """Return the signature of the function where it matters what it says."""
        if not any(map(re.compile(r"\d").search, arguments)):
            return ANYTHING
        alias, app, name = path.split(".")
        options = DEFAULT_OPTIONS.replace(timeout=timeout, effect="read")
        try:
            function = find_function(remotes[alias].caller.schema(options), app, name)
        except (RemoteError, ValueError):  # no answer is one to the call as well
            return ANYTHING
        return ANYTHING if function is None else signature_of(function)

    def _print(self, value: Any, indent: int | None = None) -> None:
        self.stdout.write(to_json(value, indent))
        self.stdout.flush()

    def _fail(self, message: str, code: Exit) -> None:
        self.stderr.write(message)
        sys.exit(code)


def find(path: str) -> Any:
    """Return the callable name that a dotted path of three steps stands for."""
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
