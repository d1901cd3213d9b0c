"""The victim: a live server, and a client of it that must notice nothing."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chunnel import remote, remotes

from ...live import Process, address_of, run
from .attacker import Attacker

SETTINGS = """
from tests.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "tests.apps.vault", "probe"]
CHUNNEL_SERVER = {{**CHUNNEL_SERVER, **{changes!r}}}
DEBUG = {debug!r}
"""
_marks = itertools.count(1)


class Victim:
    """A server process of a project of its own. ``attack`` is what every attack runs within."""

    def __init__(self, folder: Path, *, debug: bool = False, **changes: Any):
        (folder / "probe").mkdir(exist_ok=True)
        (folder / "probe" / "__init__.py").touch()
        shutil.copy(Path(__file__).with_name("probe.py"), folder / "probe" / "rpc.py")
        (folder / "victim_settings.py").write_text(SETTINGS.format(debug=debug, changes=changes))
        env = {
            "CHUNNEL_TEST_DATABASE": str(folder / "bank.sqlite3"),
            "PYTHONPATH": str(folder),
            "DJANGO_SETTINGS_MODULE": "victim_settings",
            "PYTHONDEVMODE": "",  # in which asyncio logs what a loaded machine makes slow
        }
        migrated = run("-m", "django", "migrate", "-v0", env=env)
        assert migrated.returncode == 0, migrated.stderr
        command = ("-W", "error", "-m", "django", "runrpcserver", "0", "--noreload")
        self.process = Process(*command, env=env)
        self.address = address_of(self.process)
        with Attacker(self.address) as first:
            first.result("probe.seed")

    def close(self) -> None:
        self.process.close()

    def state(self) -> dict[str, int]:
        """Ask the server for its state, as the good client."""
        found: dict[str, int] = remote.economy.probe.state()
        return found

    def log(self) -> list[str]:
        """Return the lines that were logged since this was last asked."""
        mark = f"-- mark {next(_marks)} --"
        remote.economy.probe.mark(mark)
        self.process.line_with(mark)
        lines = list(self.process.lines)
        self.process.lines.clear()
        return [line for line in lines if not line.startswith("-- mark")]

    @contextmanager
    def attack(self, lines: int = 1) -> Iterator[Attacker]:
        """Yield an attacker while the good client goes on calling; check that it was only he.

        Afterwards the same process must serve, and have logged ``lines`` lines at most.
        """
        before = self.state()
        self.log()
        with _customer() as served:
            with Attacker(self.address) as attacker:
                yield attacker
            served()
        logged = self.log()
        assert self.state()["pid"] == before["pid"]
        assert len(logged) <= lines, "\n".join(logged)
        assert not any("Traceback" in line for line in logged)


@contextmanager
def _customer() -> Iterator[Callable[[], None]]:
    """Call the server again and again from another thread; yield what checks the answers so far."""
    over = threading.Event()
    errors: list[BaseException] = []
    answers: list[int] = []

    def call() -> None:
        try:
            for number in itertools.count():
                assert remote.economy.bank.echo(number) == number
                answers.append(number)
                if over.wait(0.005):
                    return
        except BaseException as error:  # raised again by ``check``
            errors.append(error)

    def check() -> None:
        over.set()
        thread.join(30)
        assert not thread.is_alive(), "the good client waits for ever"
        if errors:
            raise AssertionError(f"the good client noticed: {errors[0]!r}") from errors[0]
        assert answers

    thread = threading.Thread(target=call, name="customer")
    thread.start()
    try:
        yield check
    finally:
        over.set()
        thread.join(30)


@pytest.fixture(scope="session")
def session_victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    victim = Victim(tmp_path_factory.mktemp("victim"))
    try:
        yield victim
    finally:
        victim.close()


@pytest.fixture
def victim(session_victim: Victim, settings: Any) -> Iterator[Victim]:
    """The server that all attacks share, and the remote ``economy`` pointing at it."""
    with customers_of(session_victim, settings):
        yield session_victim


@contextmanager
def customers_of(victim: Victim, settings: Any) -> Iterator[None]:
    settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [victim.address], "TIMEOUT": 20}}
    try:
        yield
    finally:
        remotes["economy"].close()


@pytest.fixture
def start(tmp_path: Path, settings: Any) -> Iterator[Callable[..., Victim]]:
    """Return what starts a victim with settings of its own."""
    found: list[Victim] = []

    def start(**options: Any) -> Victim:
        victim = Victim(tmp_path, **options)
        found.append(victim)
        settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [victim.address], "TIMEOUT": 20}}
        return victim

    yield start
    remotes["economy"].close()
    for victim in found:
        victim.close()
