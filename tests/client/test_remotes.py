"""Remotes: the door through which all calls pass."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import override_settings

from chunnel import ConnectionLost, UnknownRemote, remote, remotes
from chunnel.client.options import CallOptions
from chunnel.client.remotes import Remote, WriteInTransactionWarning, get_remote
from chunnel.test import assertNumRPCs, override_remote

from .bank import bank  # noqa: F401 - a fixture

economy = remote.economy


def test_mapping() -> None:
    """All remotes by alias, as the settings have them."""
    with override_settings(CHUNNEL_REMOTES={"a": "zmq://h:1", "b": "zmq://h:2"}):
        assert list(remotes) == ["a", "b"]
        assert len(remotes) == 2
        assert "a" in remotes
        assert "c" not in remotes
        assert isinstance(remotes["a"], Remote)
        assert remotes["a"] is remotes["a"] is get_remote("a")
        assert remotes.get("c") is None
        assert repr(remotes) == "<Remotes a, b>"
        assert repr(remotes["b"]) == "<Remote 'b' at tcp://h:2>"
        with pytest.raises(UnknownRemote, match="no 'c'; it has 'a', 'b'"):
            remotes["c"]
    with pytest.raises(UnknownRemote):
        remotes["a"]


def test_values() -> None:
    """Remotes pickle and copy by alias."""
    assert pickle.loads(pickle.dumps(remotes)) is remotes
    assert pickle.loads(pickle.dumps(remotes["economy"])) is remotes["economy"]
    assert copy.copy(remotes["economy"]) is remotes["economy"]


def test_no_secret_is_shown() -> None:
    """A remote's options may hold keys."""
    value = {"ENDPOINTS": ["tcp://h"], "BACKEND": "a.B", "OPTIONS": {"server_key": "hunter2"}}
    with override_settings(CHUNNEL_REMOTES={"a": value}):
        assert "hunter2" not in repr(remotes["a"])


def test_names_follow_the_settings(bank: str) -> None:  # noqa: F811
    """A name made before the settings changed leads where they lead now."""
    balance = economy.bank.balance
    assert balance(1) == 10
    with override_settings(CHUNNEL_REMOTES={"economy": "zmq://127.0.0.1:1/?timeout=2"}):
        with pytest.raises(ConnectionLost):
            balance(1)
    assert balance(1) == 10


def test_bad_settings_are_explained() -> None:
    """Whoever uses a remote that is not configured well is told why."""
    with override_settings(CHUNNEL_REMOTES={"a": {"ENDPOINT": ["tcp://h"]}}):
        with pytest.raises(ImproperlyConfigured, match="'ENDPOINT'"):
            remotes["a"]


def test_questions_about_the_remote(bank: str) -> None:  # noqa: F811
    """status, ping, schema, close."""
    found = remotes["economy"]
    assert found.status()["project"] == "tests"
    assert len(found.ping()) == 1
    held = found.held_schema
    assert held is None
    schema = found.schema()
    held = found.held_schema
    assert held == schema
    assert "bank" in {app.label for app in schema.apps}
    found.close()
    found.close()
    assert economy.bank.balance(1) == 10


def test_schema_or_none() -> None:
    """Where the schema cannot be fetched there is none, and no error."""
    assert remotes["economy"].schema_or_none() is None
    assert remotes["economy"].held_schema is None


def test_effects_are_known_from_the_schema(bank: str) -> None:  # noqa: F811
    """A call knows what it does once the schema is held."""
    found = remotes["economy"]
    assert found.function("bank.balance") is None
    assert found.function("bank.balance", fetch=True).effect == "read"  # type: ignore[union-attr]
    assert found.function("bank.Account.deposit").effect == "write"  # type: ignore[union-attr]
    assert found.function("bank.Account") is None
    assert found.function("bank.Nothing.deposit") is None
    assert found.function("bank.Account.objects.total") is None
    assert economy.bank.balance.using(timeout=5)(1) == 10
    assert economy.bank.echo(3) == 3


def test_locks_that_were_held_at_a_fork() -> None:
    """A child whose parent was in the middle of something is not stuck by it."""
    source = """
import os, signal, django
django.setup()
from chunnel import remote, remotes
from chunnel.client import classes
remotes["economy"]
for lock in (classes._lock, remotes._lock, remotes["economy"]._lock):
    lock.acquire()
child = os.fork()
if child == 0:
    signal.alarm(20)
    remote.economy.money.NeverNamedInTheParent.objects.filter(uid=1)
    remotes["economy"].close()
    remotes._forget()
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


class TestWritesInTransactions:
    """In DEBUG a call that a rollback will not undo draws a warning."""

    def _warned(self, call: Any, *args: Any) -> list[Any]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call(*args)
        return [each for each in caught if each.category is WriteInTransactionWarning]

    def test_write(self, bank: str) -> None:  # noqa: F811
        """It names the function, the way out, and the line of code."""
        with override_settings(DEBUG=True), transaction.atomic():
            found = self._warned(economy.bank.echo, 1)
            found += self._warned(economy.bank.echo.submit, 1)
            found += self._warned(economy.bank.echo.stream, 1)
        for each in found:
            assert str(each.message).startswith("economy.bank.echo() is called inside")
            assert "on_commit" in str(each.message)
            assert each.filename == __file__
        assert len(found) == 3

    def test_quiet(self, bank: str) -> None:  # noqa: F811
        """Reads, code outside transactions and production draw none."""
        with override_settings(DEBUG=True):
            assert self._warned(economy.bank.echo, 1) == []
            with transaction.atomic():
                assert self._warned(economy.bank.balance, 1) == []
                assert self._warned(economy.bank.Account.objects.count) == []
                assert self._warned(economy.bank.echo.using(effect="read"), 1) == []
        with transaction.atomic():
            assert self._warned(economy.bank.echo, 1) == []

    def test_silent_without_a_schema(self, transactional_db: None) -> None:
        """Where it cannot be known, nothing is said; the schema is asked for once."""
        with override_settings(DEBUG=True), transaction.atomic():
            found = remotes["economy"]
            for _ in range(2):
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    with pytest.raises(ConnectionLost):
                        economy.money.pay.using(timeout=2)(1)
            assert found._schema_failed


def test_fakes_answer_in_every_way() -> None:
    """Whatever way a call goes, a fake stands in it."""
    with override_remote("economy", {"money.one": 1, "money.items": lambda: iter([1, 2])}):
        with assertNumRPCs(4):
            assert economy.money.one() == 1
            assert economy.money.one.submit().result() == 1
            assert list(economy.money.items()) == [1, 2]
            assert list(economy.money.items.stream()) == [1, 2]


def test_fakes_answer_what_is_awaited() -> None:
    """Whether they are coroutine functions or not."""

    async def later(number: int) -> int:
        return number + 1

    async def ask() -> list[Any]:
        return [await economy.money.one.acall(), await economy.money.later.acall(1)]

    with override_remote("economy", {"money.one": 1, "money.later": later}), assertNumRPCs(2):
        assert asyncio.run(ask()) == [1, 2]


def test_an_effect_that_nobody_knows_changes_no_options(bank: str) -> None:  # noqa: F811
    """A function that the held schema lacks may do anything; other options stay as they are."""
    remotes["economy"].schema()
    for known, options in (("read", CallOptions(timeout=5)), (None, CallOptions(idle=5))):
        name = "bank.balance" if known else "bank.nothing"
        found = remotes["economy"]._known(name, options)
        assert (found.effect, found.timeout, found.idle) == (known, options.timeout, options.idle)
