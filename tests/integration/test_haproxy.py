"""The configuration that the how-to shows, with a real HAProxy before two real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from chunnel import CallError, remote, remotes

from ..docs.blocks import rst_blocks
from ..live import ROOT, Process, address_of, free_port, running, until
from .conftest import serve

pytestmark = pytest.mark.leaks("the client keeps its connections; they are closed by the fixture")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Process]]:
    env = {"CHUNNEL_TEST_DATABASE": str(tmp_path / "bank.sqlite3")}
    with ExitStack() as stack:
        found = [stack.enter_context(running(*serve("0", "--noreload"), env=env)) for _ in range(2)]
        for server in found:
            address_of(server)
        yield found


@pytest.fixture
def bank(servers: list[Process], tmp_path: Path, settings: Any) -> Iterator[Any]:
    """The bank through the proxy; skip where there is none, except in CI."""
    program = shutil.which("haproxy")
    if program is None:
        reason = "HAProxy is not installed (apt install haproxy)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    [text] = [
        block.code
        for block in rst_blocks((ROOT / "docs" / "howto" / "haproxy.rst").read_text())
        if block.caption == "haproxy.cfg"
    ]
    port = free_port()
    places = [address_of(server).removeprefix("tcp://") for server in servers]
    text = text.replace("10.0.0.2:7070", f"127.0.0.1:{port}")
    for shown, place in zip(("10.0.0.5:7070", "10.0.0.6:7070"), places, strict=True):
        text = text.replace(shown, place)
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)
    proxy = subprocess.Popen([program, "-db", "-q", "-f", str(config)])
    settings.CHUNNEL_REMOTES = {"economy": f"zmq://127.0.0.1:{port}/?timeout=20"}
    bank = remote.economy.bank
    try:
        until(lambda: answers(bank))
        yield bank
    finally:
        remotes["economy"].close()
        proxy.terminate()
        proxy.wait(10)


def answers(bank: Any) -> bool:
    try:
        return bool(bank.echo(1) == 1)
    except CallError:
        return False


def test_calls_pass_and_spread(bank: Any, servers: list[Process]) -> None:
    """Calls at the same time use several connections, which go to both servers."""
    threads = [threading.Thread(target=bank.nap, args=(0.3,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    instances: set[str | None] = set()

    def both() -> bool:
        remotes["economy"].close()
        instances.update(status.instance for status in remotes["economy"].ping())
        return len(instances) == 2

    until(both)
    assert list(bank.statement(3)) == [0, 1, 2]


def test_a_dead_server_is_left_out(bank: Any, servers: list[Process]) -> None:
    """When one of the two is killed the other answers."""
    servers[0].process.kill()
    until(lambda: all(answers(bank) for _ in range(10)))
