"""Rows written through a dispatcher, on each database, and each test's rows put back after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from chunnel.plans import Expression, Plan, Step
from chunnel.plans.expressions import named_to_wire
from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef
from tests.parity.databases import database, settings_of
from tests.parity.normal import Rows
from tests.parity.world import Router, fill, restore

from .caller import Caller, Failed, lent, served


class Shelf(NamedTuple):
    """A database with the library in it; ``rows`` are those of the beginning."""

    kind: str
    alias: str
    rows: Rows


class Shelves(ExitStack):
    """The databases of this session, each made when the first test asks for it."""

    def __init__(self, factory: pytest.TempPathFactory, blocker: Any):
        super().__init__()
        self._factory = factory
        self._blocker = blocker
        self._made: dict[str, Shelf] = {}

    def __getitem__(self, kind: str) -> Shelf:
        if kind not in self._made:
            made = _made(kind, self._factory.mktemp("shelf"), self._blocker)
            self._made[kind] = self.enter_context(made)
        return self._made[kind]


@contextmanager
def _made(kind: str, folder: Path, blocker: Any) -> Iterator[Shelf]:
    """Make a database; ``blocker`` keeps tests from databases that they do not ask for."""
    with ExitStack() as stack:
        with blocker.unblock():
            found = stack.enter_context(_filled(kind, folder))
        yield found
        with blocker.unblock():
            stack.close()


@contextmanager
def _filled(kind: str, folder: Path) -> Iterator[Shelf]:
    """Make the tables in an empty database and fill them."""
    alias = f"written_{kind}"
    with database(kind, folder) as url:
        connections.settings[alias] = {
            **connections.settings["default"],
            "OPTIONS": {},
            **settings_of(url),
        }
        try:
            call_command("migrate", "library", database=alias, verbosity=0)
            rows = fill(alias)
            connections[alias].close()
            yield Shelf(kind, alias, rows)
        finally:
            connections[alias].close()
            del connections[alias]
            del connections.settings[alias]


class Writes:
    """What a caller writes into a shelf, with bodies made by hand."""

    def __init__(self, caller: Caller, shelf: Shelf):
        self.caller = caller
        self.shelf = shelf

    def __call__(self, name: str, *args: Any) -> Any:
        """Call an entry; a failure leaves the test's own transaction as it was."""
        if not connections[self.shelf.alias].in_atomic_block:
            return self.caller(name, *args)
        with transaction.atomic(self.shelf.alias):
            return self.caller(name, *args)

    def refused(
        self, name: str, *args: Any, code: FailureCode = FailureCode.QUERY_REFUSED
    ) -> Failed:
        """Call an entry that must refuse; return the failure."""
        with pytest.raises(Failed) as raised:
            self(name, *args)
        assert raised.value.code == code, raised.value.message
        return raised.value

    def raised(self, kind: str, name: str, *args: Any) -> Failed:
        """Call an entry that must raise what ``kind`` names or is based on."""
        found = self.refused(name, *args, code=FailureCode.RAISED)
        names = {found.details.get("base"), found.details.get("type"), *found.details["names"]}
        assert kind in names, (names, found.message)
        return found

    def invalid(self, name: str, *args: Any) -> dict[str, list[str]]:
        """Call an entry that must find values invalid; return the codes by field."""
        found = self.raised("django.core.exceptions.ValidationError", name, *args)
        return {
            field: [each["code"] for each in errors]
            for field, errors in found.details["data"]["dict"].items()
        }

    def on(self, model: str, operation: str, *args: Any, steps: tuple[Step, ...] = ()) -> Any:
        """Return the arguments of a call to an operation of ``library.<model>.objects``."""
        name = f"library.{model}"
        return (f"{name}.objects.{operation}", Plan(name, steps).to_wire(), *args)

    def statements(self, run: Callable[[], Any]) -> list[str]:
        """Return the SQL of a call, without savepoints."""
        with CaptureQueriesContext(connections[self.shelf.alias]) as queries:
            run()
        return [
            each["sql"]
            for each in queries
            if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT"))
        ]


def changes(**named: Expression) -> list[Any]:
    """Return what ``update`` sets, as it travels."""
    return named_to_wire(named)


def ref(model: str, pk: Any) -> InstanceRef:
    return InstanceRef(f"library.{model}", pk)


@contextmanager
def writing(shelf: Shelf) -> Iterator[Writes]:
    """Yield what writes in a transaction that is taken back at the end."""
    with override_settings(DATABASE_ROUTERS=[Router(shelf.alias)]), lent() as caller:
        with transaction.atomic(shelf.alias):
            yield Writes(caller, shelf)
            transaction.set_rollback(True, shelf.alias)
        connections[shelf.alias].close()


@contextmanager
def writing_for_good(shelf: Shelf) -> Iterator[Writes]:
    """Yield what writes through a worker with threads of its own; fill the tables anew after it."""
    with override_settings(DATABASE_ROUTERS=[Router(shelf.alias)]):
        try:
            with served() as caller:
                yield Writes(caller, shelf)
        finally:
            restore(shelf.alias, shelf.rows)
            connections[shelf.alias].close()
