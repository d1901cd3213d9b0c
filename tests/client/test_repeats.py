"""In DEBUG a line that makes the same request again and again is named, once."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.signals import request_finished, request_started
from django.template import Context, Engine
from django.test import override_settings

from chunnel import NotExposed, remote
from chunnel.client import repeats
from chunnel.client.repeats import MOST, RepeatedRequestWarning

from .bank import bank  # noqa: F401 - a fixture
from .books import library  # noqa: F401 - a fixture

economy = remote.economy
ROUNDS = 3 * MOST


@pytest.fixture(autouse=True)
def _debug() -> Iterator[None]:
    repeats.forget()
    with override_settings(DEBUG=True):
        yield
    repeats.forget()


@contextmanager
def told() -> Iterator[list[Any]]:
    """Collect the warnings of this kind."""
    found: list[Any] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    found += [each for each in caught if each.category is RepeatedRequestWarning]


def _line(function: Callable[..., Any], text: str) -> int:
    """Return the number of the line of ``function`` that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def _balances(count: int = ROUNDS) -> None:
    for uid in range(count):
        economy.bank.balance.using(effect="read")(uid % 5)  # the call


def _one_by_one(count: int = ROUNDS) -> None:
    accounts = economy.bank.Account.objects
    for uid in range(count):
        accounts.filter(uid=uid).first()  # the query


def _made_one_by_one(count: int = ROUNDS) -> None:
    for uid in range(count):
        with contextlib.suppress(NotExposed):
            economy.bank.Account.objects.create(uid=uid)  # the row


@pytest.mark.usefixtures("bank")
class TestLoops:
    @pytest.mark.parametrize(
        ("loop", "text", "name", "way"),
        [
            (_balances, "# the call", "economy.bank.balance ", "take a list"),
            (_one_by_one, "# the query", "economy.bank.Account.objects ", "in_bulk"),
            (_made_one_by_one, "# the row", "economy.bank.Account.objects.create ", "bulk_create"),
        ],
    )
    def test_the_line_is_named_once(self, loop: Any, text: str, name: str, way: str) -> None:
        """However long the loop, and however often it is run, as management commands do."""
        with told() as found:
            loop()
            loop()
        (warning,) = found
        assert (warning.filename, warning.lineno) == (__file__, _line(loop, text))
        message = str(warning.message)
        assert message.startswith(f"{__file__}:{warning.lineno} ")
        assert name in message
        assert f" {MOST} times" in message
        assert re.search(way, message)

    def test_few_are_no_loop(self) -> None:
        with told() as found:
            _balances(MOST - 1)
        assert found == []

    def test_other_lines_and_plans_are_other_requests(self) -> None:
        """A helper that many use is no loop; values alone make no difference."""
        accounts = economy.bank.Account.objects
        asked = [
            accounts.all(),
            accounts.filter(uid=1),
            accounts.filter(uid__in=[1, 2]),
            accounts.filter(uid__gt=1),
            accounts.order_by("uid"),
            accounts.values("uid"),
        ]
        assert len(asked) > MOST
        with told() as found:
            for each in asked:
                list(each)
        assert found == []

    def test_lists_of_values_are_alike(self) -> None:
        accounts = economy.bank.Account.objects
        with told() as found:
            for count in range(MOST):
                list(accounts.filter(uid__in=list(range(count + 1)))[: count + 1])
        assert len(found) == 1

    def test_not_without_debug(self) -> None:
        with override_settings(DEBUG=False), told() as found:
            _balances()
        assert found == []
        assert not repeats._counts

    def test_web_requests_begin_anew(self) -> None:
        """A line that runs once for each is no loop."""
        with told() as found:
            for _ in range(ROUNDS):
                request_started.send(sender=None)
                _balances(1)
                request_finished.send(sender=None)
        assert found == []

    def test_threads_are_counted_apart(self) -> None:
        with told() as found:
            for _ in range(ROUNDS):
                thread = threading.Thread(target=_balances, args=(1,))
                thread.start()
                thread.join()
            assert not found
            thread = threading.Thread(target=_balances)
            thread.start()
            thread.join()
        assert [each.lineno for each in found] == [_line(_balances, "# the call")]

    def test_many_lines_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(repeats, "MOST_KINDS", 2)
        monkeypatch.setattr(repeats, "MOST_LINES", 1)
        with told() as found:
            _balances()
            for _ in range(3):
                economy.bank.Account.objects.count()
                economy.bank.Account.objects.exists()
                economy.bank.Account.objects.first()
            _one_by_one()
            _balances()
        assert [each.lineno for each in found] == [
            _line(_balances, "# the call"),
            _line(_one_by_one, "# the query"),
            _line(_balances, "# the call"),
        ]
        (counts,) = repeats._counts.values()
        assert len(counts) <= 2
        assert len(repeats._told) == 1


async def _awaited(count: int = ROUNDS) -> None:
    for uid in range(count):
        await economy.bank.balance.using(effect="read").acall(uid % 5)  # the call


@pytest.mark.usefixtures("bank")
class TestAsyncio:
    def test_a_loop(self) -> None:
        with told() as found:
            asyncio.run(_awaited())
        assert [each.lineno for each in found] == [_line(_awaited, "# the call")]
        assert found[0].filename == __file__

    def test_tasks_are_counted_apart(self) -> None:
        """What many tasks do at once is not done in turn."""

        async def main() -> None:
            await asyncio.gather(*(_awaited(1) for _ in range(ROUNDS)))

        with told() as found:
            asyncio.run(main())
        assert found == []

    def test_in_a_thread_of_asyncio(self) -> None:
        with told() as found:
            asyncio.run(sync_to_async(_balances)())
        assert [each.lineno for each in found] == [_line(_balances, "# the call")]


@pytest.mark.usefixtures("library")
def test_a_template() -> None:
    """Its own line is named, not that of the view that rendered it."""
    source = "{% for book in books %}\n  {{ book.publisher.name }}\n{% endfor %}"
    template = Engine().from_string(source)
    books = economy.library.Book.objects.fetch_mode("peers").order_by("pk")
    with told() as found:
        shown = template.render(Context({"books": [books[at] for at in range(ROUNDS)]}))
    assert len(shown.split()) >= MOST
    lines = [(each.filename, each.lineno) for each in found]
    assert ("<unknown source>", 2) in lines
    assert 'fetch_mode("peers")' in str(found[-1].message)


def test_after_a_fork() -> None:
    """A child counts even where a thread of its parent was counting."""
    source = """
import os, signal, sys
sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django; django.setup()
from chunnel.client import repeats
repeats._lock.acquire()
child = os.fork()
if child == 0:
    signal.alarm(20)
    repeats.note("economy", "money.pay", ())
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source]
    done = subprocess.run(command, timeout=60, check=False, cwd=root, env=dict(os.environ))
    assert done.returncode == 0
