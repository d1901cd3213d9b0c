"""What ``runrpcserver`` decides; that it serves is tried in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chunnel.management.commands import runrpcserver
from chunnel.management.commands.runrpcserver import _with_gevent, read_settings

GIVEN_NOTHING = {"address": None, "workers": None, "pool": None, "concurrency": None}


def read(**options: Any) -> Any:
    return read_settings({**GIVEN_NOTHING, **options})


def test_options_come_before_settings(settings: Any) -> None:
    """What is not given stays as it is set."""
    settings.CHUNNEL_SERVER = {"BIND": ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"], "WORKERS": 3}
    assert [bind.address for bind in read().binds] == ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]
    assert read().workers == 3
    changed = read(address="7071", workers="2", pool="gevent", concurrency="5")
    assert [bind.address for bind in changed.binds] == ["tcp://127.0.0.1:7071"]
    assert (changed.workers, changed.pool, changed.concurrency) == (2, "gevent", 5)


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", ""])
def test_numbers_are_whole_and_positive(number: str) -> None:
    with pytest.raises(CommandError, match="--workers must be a whole number of at least 1"):
        read(workers=number)


def test_a_faulty_setting_is_a_sentence(settings: Any) -> None:
    settings.CHUNNEL_SERVER = {"WORKERS": "many"}
    with pytest.raises(CommandError, match=r"CHUNNEL_SERVER\['WORKERS'\]"):
        read()


def test_a_missing_gevent_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setattr(runrpcserver, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r"pip install chunnel\[gevent\]"):
        call_command("runrpcserver", "0", pool="gevent", use_reloader=False)


@pytest.mark.parametrize(
    ("arguments", "patched"),
    [
        (["manage.py", "x"], ["-m", "gevent.monkey", "manage.py", "x"]),
        (["-Werror", "manage.py"], ["-Werror", "-m", "gevent.monkey", "manage.py"]),
        (
            ["-Xdev", "-m", "django", "x"],
            ["-Xdev", "-m", "gevent.monkey", "--module", "django", "x"],
        ),
    ],
)
def test_the_same_program_runs_patched(arguments: list[str], patched: list[str]) -> None:
    """Interpreter options stay in front of it."""
    assert _with_gevent(arguments) == patched
