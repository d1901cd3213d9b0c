"""What a database does for a call ends with the call's time.

The rules:

* On PostgreSQL the time that remains becomes the connection's ``statement_timeout``, unless a
  shorter one is set already, and what was set before is put back. If the transaction was aborted
  meanwhile, its end puts it back. These statements are the driver's: no log of queries has them.
* Where server-side cursors are disabled a pooler may give each transaction another connection;
  there the timeout is that of a transaction of our own, lest somebody else inherits it.
* A cursor that outlives its transaction is filled by PostgreSQL as part of the COMMIT, which
  no timeout of statements covers. A timer cancels it, and that connection is not used again.
* On SQLite a handler that runs every few instructions interrupts the query at the deadline.
* Other databases are left alone.
* The failure is the deadline's, not the database's. What the database ended earlier for a reason of
  its own stays its error.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..protocol.messages import FailureCode
from .failures import Refusal

INSTRUCTIONS = 1_000
"""Of SQLite's virtual machine between looks at the clock: some tens of microseconds, of which the
look takes one."""

_LIMIT = """
SELECT was, CASE WHEN was::interval = '0' OR was::interval > %(limit)s::text::interval
    THEN set_config('statement_timeout', %(limit)s::text, %(local)s) END
FROM (SELECT current_setting('statement_timeout') AS was OFFSET 0) AS setting
"""
_RESTORE = "SELECT set_config('statement_timeout', %s::text, false)"

_IN_ERROR = 3  # PQTRANS_INERROR, in every driver

_handlers: WeakKeyDictionary[BaseDatabaseWrapper, Callable[[], int]] = WeakKeyDictionary()


@contextmanager
def deadline(until: float | None, using: str, *, opens: bool = False) -> Iterator[None]:
    """End what the database ``using`` is asked within at ``until``, on the monotonic clock.

    ``opens``: a cursor that is read on is opened within. Raise the refusal with the code DEADLINE
    when something was ended, or when the time is over before.
    """
    if until is None:
        yield
        return
    connection = connections[using]
    limit = _LIMITS.get(connection.vendor, _unlimited)
    _check(until)
    try:
        with limit(connection, until), _cancelling(connection, until, wanted=opens):
            yield
    except OperationalError as error:
        if time.monotonic() < until or not _was_ended(error):
            raise
        raise _over() from error


def _check(until: float) -> None:
    if time.monotonic() >= until:
        raise _over()


def _over() -> Refusal:
    return Refusal(
        FailureCode.DEADLINE, "The call's time was over while the database worked for it."
    )


def _was_ended(error: OperationalError) -> bool:
    """Say whether the database was told to stop; the drivers' own codes for it."""
    cause: Any = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return code == "57014" or getattr(cause, "sqlite_errorname", None) == "SQLITE_INTERRUPT"


@contextmanager
def _in_postgresql(connection: BaseDatabaseWrapper, until: float) -> Iterator[None]:
    connection.ensure_connection()
    raw: Any = connection.connection
    limit = f"{max(1, math.ceil((until - time.monotonic()) * 1000))}ms"
    pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    if pooled and connection.get_autocommit():
        with transaction.atomic(connection.alias):
            _limit(connection, raw, limit, local=True)
            yield
        return
    before = _limit(connection, raw, limit, local=False)
    try:
        yield
    finally:
        # After an error within a transaction nothing can be said but ROLLBACK, which does it.
        if not raw.closed and raw.info.transaction_status != _IN_ERROR:
            with connection.wrap_database_errors, raw.cursor() as cursor:
                cursor.execute(_RESTORE, [before])


def _limit(connection: BaseDatabaseWrapper, raw: Any, limit: str, *, local: bool) -> str:
    """Set the timeout of statements and return what it was."""
    with connection.wrap_database_errors, raw.cursor() as cursor:
        cursor.execute(_LIMIT, {"limit": limit, "local": local})
        before: str = cursor.fetchone()[0]
    return before


@contextmanager
def _cancelling(connection: BaseDatabaseWrapper, until: float, *, wanted: bool) -> Iterator[None]:
    if not wanted or connection.vendor != "postgresql" or not connection.get_autocommit():
        yield
        return
    raw: Any = connection.connection
    timer = threading.Timer(until - time.monotonic(), raw.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if time.monotonic() >= until:  # it may have been sent, and hit whatever comes next
            connection.close()


@contextmanager
def _in_sqlite(connection: BaseDatabaseWrapper, until: float) -> Iterator[None]:
    connection.ensure_connection()
    raw: Any = connection.connection
    outer = _handlers.get(connection)

    def is_over() -> int:
        return time.monotonic() >= until or (outer is not None and outer())

    _handlers[connection] = is_over
    raw.set_progress_handler(is_over, INSTRUCTIONS)
    try:
        yield
    finally:
        if outer is None:
            del _handlers[connection]
        else:
            _handlers[connection] = outer
        if connection.connection is raw:
            raw.set_progress_handler(outer, INSTRUCTIONS)


@contextmanager
def _unlimited(connection: BaseDatabaseWrapper, until: float) -> Iterator[None]:  # noqa: ARG001
    yield


_LIMITS = {"postgresql": _in_postgresql, "sqlite": _in_sqlite}
