"""Fixtures of the server's tests."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from chunnel.server import hygiene
from tests.apps.bank.models import Account, Branch
from tests.apps.library.seed import fill

from .caller import Caller, lent, served
from .writes import Shelf, Shelves, Writes, writing, writing_for_good


@pytest.fixture(autouse=True)
def _connections_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep jobs that a test runs in its own thread off the connection that the tests share.

    To them the thread is the server's, whose connections they look after and close. Nor shall a
    coroutine look after what one of an earlier test opened.
    """
    monkeypatch.setattr(hygiene._thread, "connections", [])
    monkeypatch.setattr(hygiene, "_elsewhere", False)


@pytest.fixture
def call(db: None) -> Iterator[Caller]:
    """A caller whose calls run in this thread, within the test's transaction."""
    with lent() as caller:
        yield caller


@pytest.fixture
def away(transactional_db: None) -> Iterator[Caller]:
    """A caller of a worker that has threads and connections of its own."""
    with served() as caller:
        yield caller


def make_accounts(balances: list[int]) -> list[Account]:
    """Return accounts with the uids 1, 2, …, at two branches in turn."""
    branches = [Branch.objects.create(city=city, code=city[:2]) for city in ("Bern", "Chur")]
    opened = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return Account.objects.bulk_create(
        Account(
            uid=uid,
            owner=f"Citizen {uid}",
            balance=Decimal(balance),
            opened=opened + datetime.timedelta(days=uid),
            branch=branches[uid % 2],
            secret=f"secret {uid}",
        )
        for uid, balance in enumerate(balances, 1)
    )


@pytest.fixture
def accounts(request: pytest.FixtureRequest) -> list[Account]:
    request.getfixturevalue("call" if "call" in request.fixturenames else "away")
    return make_accounts([50, -20, 300, 120, 0])


@pytest.fixture
def library(request: pytest.FixtureRequest) -> None:
    """The rows of the library's tables."""
    request.getfixturevalue("call" if "call" in request.fixturenames else "away")
    fill("default")


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Shelves]:
    with Shelves(tmp_path_factory, django_db_blocker) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, shelves: Shelves) -> Shelf:
    """A database of either kind, with the library in it."""
    return shelves[request.param]


@pytest.fixture
def writes(shelf: Shelf, django_db_blocker: Any) -> Iterator[Writes]:
    """The library on each database, written to in a transaction that is taken back."""
    with django_db_blocker.unblock(), writing(shelf) as found:
        yield found


@pytest.fixture
def for_good(shelf: Shelf, django_db_blocker: Any) -> Iterator[Writes]:
    """The library on each database, written to by a worker whose transactions end."""
    with django_db_blocker.unblock(), writing_for_good(shelf) as found:
        yield found
