"""Counting the statements that databases are asked: those that read or write rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

_KINDS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")  # not BEGIN, SAVEPOINT, SET


class Statements:
    """A wrapper of ``execute`` that counts. Threads may share it."""

    def __init__(self) -> None:
        self._counter = itertools.count()
        self._taken = 0

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        if str(sql).lstrip("( ").startswith(_KINDS):
            next(self._counter)
        return execute(sql, params, many, context)

    def take(self) -> int:
        """Return how many came since the last time."""
        now = next(self._counter)
        found, self._taken = now - self._taken, now + 1
        return found


of_this_process = Statements()


def watch(connection: Any, **_more: Any) -> None:
    """Count what a new connection is asked."""
    connection.execute_wrappers.append(of_this_process)
