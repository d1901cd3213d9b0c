"""One database, the library in it, and a server process that exposes it.

``Sides`` runs a test body twice: on the local models, whose queries a router leads to that
database, and on the remote ones. It says what came of it, and counts requests and SQL statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import ConnectionHandler, connections, transaction
from django.test import override_settings

from chunnel import remote, remotes
from chunnel.test import record_calls

from ..apps.counting.statements import Statements
from ..apps.library import models, rpc, seed
from ..live import address_of, running
from .databases import settings_of
from .normal import Outcome, Rows, dump, normal, ordered, realised, told

ALIAS = "economy"  # of the remote; the settings of the tests have it


class Library:
    """The local models, and the functions beside them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(rpc if name[0].islower() else models, name)


class Router:
    """Leads every query of the local models to one database."""

    def __init__(self, alias: str):
        self.alias = alias

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.alias

    db_for_write = db_for_read


class World(NamedTuple):
    """``alias`` is the database's, ``address`` the server's; ``drain`` takes what it printed.

    ``rows`` are those of the beginning, by table.
    """

    kind: str
    alias: str
    address: str
    drain: Callable[[], object]
    rows: Rows


@contextmanager
def world(kind: str, url: str) -> Iterator[World]:
    """Make the tables in an empty database, fill them, and serve them from another process."""
    alias = f"parity_{kind}"
    connections.settings[alias] = ConnectionHandler(
        {"default": {}, alias: settings_of(url)}
    ).settings[alias]
    try:
        call_command("migrate", "library", database=alias, verbosity=0)
        rows = fill(alias)
        command = ("-W", "error", "-m", "django", "runrpcserver", "127.0.0.1:0", "--noreload")
        environment = {
            "CHUNNEL_TEST_DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "tests.parity.settings",
        }
        with running(*command, env=environment) as server:
            yield World(kind, alias, address_of(server), partial(server.has_said, ""), rows)
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def fill(alias: str) -> Rows:
    """Fill the empty tables of the library and return what they hold."""
    seed.fill(alias)
    _reset_sequences(alias)
    return dump(alias)


def restore(alias: str, then: Rows, now: Rows | None = None) -> None:
    """Make the tables what they were. ``now`` is what they hold, if that is known."""
    now = dump(alias) if now is None else now
    connection = connections[alias]
    quote = connection.ops.quote_name
    changed = [model for model in then if now[model] != then[model]]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        # What refers to other rows is checked when the transaction ends.
        for model in changed:
            cursor.execute(f"DELETE FROM {quote(model._meta.db_table)}")
        for model in changed:
            fields = model._meta.local_concrete_fields
            columns = ", ".join(quote(field.column) for field in fields)
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(
                f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})",
                [
                    [
                        field.get_db_prep_save(value, connection)
                        for field, value in zip(fields, row, strict=True)
                    ]
                    for row in then[model]
                ],
            )
    _reset_sequences(alias)


def _reset_sequences(alias: str) -> None:
    """Let the next keys be what they would be had nothing been made since the filling."""
    connection = connections[alias]
    every = list(apps.get_app_config("library").get_models(include_auto_created=True))
    statements = connection.ops.sequence_reset_sql(no_style(), every)
    with connection.cursor() as cursor:
        if statements:
            cursor.execute("".join(statements))
        elif connection.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_sequence")  # the largest key counts then


class Sides:
    """Both sides of one world, while a test runs."""

    def __init__(self, world: World):
        self.world = world

    def local(self, body: Callable[[Any], Any]) -> Outcome:
        """Return what comes of ``body`` with the local models."""
        statements = Statements()
        with (
            override_settings(DATABASE_ROUTERS=[Router(self.world.alias)]),
            connections[self.world.alias].execute_wrapper(statements),
        ):
            return _outcome(body, Library(), statements.take)

    def remote(self, body: Callable[[Any], Any]) -> Outcome:
        """Return what comes of ``body`` with the remote models."""
        counted = remote.economy.counting.statements
        counted()
        with record_calls() as calls:
            made = calls.__len__
            found = _outcome(body, remote.economy.library, made)
            shown = list(map(str, calls))
        self.world.drain()  # or the server would stop over a full pipe
        return found._replace(requests=tuple(shown), statements=counted())

    def changing(self, body: Callable[[Any], Any]) -> tuple[Outcome, Outcome, Any, Any]:
        """Run a body that writes on both sides; return what came of it and of the rows."""
        alias = self.world.alias
        with transaction.atomic(using=alias):
            local = self.local(lambda lib: _saved(alias, lambda: body(lib)))
            local_rows = dump(alias)
            transaction.set_rollback(True, using=alias)
        _reset_sequences(alias)
        try:
            found = self.remote(body)
        finally:
            remote_rows = dump(alias)
            restore(alias, self.world.rows, remote_rows)
        return local, found, told(local_rows), told(remote_rows)


def _saved(alias: str, body: Callable[[], Any]) -> Any:
    """Run ``body`` so that an error within leaves the transaction around it usable."""
    with transaction.atomic(using=alias):
        return realised(body())


def _outcome(body: Callable[[Any], Any], library: Any, count: Callable[[], int]) -> Outcome:
    try:
        found = body(library)
        in_order = ordered(found)
        found = realised(found)
    except Exception as error:
        return Outcome(None, error, count())
    number = count()
    return Outcome(normal(found), None, number, in_order=in_order)


@contextmanager
def sides(world: World) -> Iterator[Sides]:
    """Lead the remote to the world's server while a test runs."""
    with override_settings(CHUNNEL_REMOTES={ALIAS: {"ENDPOINTS": [world.address], "TIMEOUT": 20}}):
        remotes[ALIAS].schema()
        try:
            yield Sides(world)
        finally:
            remotes[ALIAS].close()
