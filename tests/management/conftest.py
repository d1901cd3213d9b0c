"""A real server of the bank for the tests of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chunnel import remotes

from ..live import Process, address_of, run

ACCOUNTS = """
import django; django.setup()
from django.utils import timezone
from tests.apps.bank.models import Account
for uid, balance in ((1, "100.10"), (2, "1.00")):
    Account.objects.create(uid=uid, owner="Ada", balance=balance, opened=timezone.now())
"""


def manage(*arguments: str) -> tuple[str, ...]:
    """Return a command of Django with the settings of the tests."""
    return ("-W", "error", "-m", "django", *arguments, "--settings", "tests.settings")


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the bank, which has the accounts 1 and 2."""
    database = str(tmp_path_factory.mktemp("bank") / "bank.sqlite3")
    env = {"CHUNNEL_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    for command in (manage("migrate", "-v0"), ("-c", ACCOUNTS)):
        ended = run(*command, env=env)
        assert ended.returncode == 0, ended.stderr
    server = Process(*manage("runrpcserver", "0", "--noreload"), env=env)
    try:
        yield address_of(server)
    finally:
        server.close()


@pytest.fixture
def economy(bank: str, settings: Any) -> Iterator[str]:
    """The server as the remote ``economy`` of this process."""
    settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [bank], "TIMEOUT": 20}}
    yield bank
    remotes["economy"].close()


@pytest.fixture
def nobody(settings: Any) -> Iterator[None]:
    """A remote ``economy`` where nothing listens."""
    settings.CHUNNEL_REMOTES = {"economy": "zmq://127.0.0.1:1/?timeout=3"}
    yield
    remotes["economy"].close()
