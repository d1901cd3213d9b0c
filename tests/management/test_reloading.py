"""What is looked at; that a broken server comes back is tried in tests/integration."""

from __future__ import annotations

from pathlib import Path

import chunnel.management.reloading
import tests.apps.bank
from chunnel.management.reloading import CodeFiles

from ..live import running

SERVER = """
import pathlib, sys, time
restarted = pathlib.Path({restarted!r})
if not restarted.exists():
    restarted.touch()
    sys.exit(3)  # code changed
time.sleep(60)
"""

WATCHER = """
import os, pathlib, signal, sys
import django
django.setup()
from django.utils import autoreload
from chunnel.management import reloading

def times_while_a_signal_comes(self, times=reloading.CodeFiles.times):
    if pathlib.Path({restarted!r}).exists():
        os.kill(os.getpid(), signal.SIGTERM)
    return times(self)

reloading.CodeFiles.times = times_while_a_signal_comes
autoreload.get_child_arguments = lambda: [sys.executable, "-c", {server!r}]
sys.exit(reloading.watch_over_reloads(print))
"""


def test_imported_files_and_those_beside_them_are_code() -> None:
    """A module that nobody imported yet may be the one that is broken."""
    found = set(CodeFiles().times())
    bank = Path(tests.apps.bank.__file__).parent
    assert Path(chunnel.management.reloading.__file__) in found
    assert set(bank.glob("**/*.py")) <= found
    assert Path(__file__).parent.parent / "settings_for_types.py" in found


def test_a_signal_between_two_servers_ends_the_next_one(tmp_path: Path) -> None:
    """The one before has ended already when it comes, and the next has not begun."""
    restarted = str(tmp_path / "restarted")
    server = SERVER.format(restarted=restarted)
    watcher = WATCHER.format(restarted=restarted, server=server)
    env = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    with running("-c", watcher, env=env) as process:
        assert process.wait() == 0, process.output
