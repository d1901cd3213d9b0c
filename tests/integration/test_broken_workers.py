"""Workers that cannot go on: they say so by their exit code, and the parent starts others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chunnel import CallError
from chunnel.server.pools.base import EXIT_BROKEN, EXIT_STUCK

from ..live import address_of, run, running, until
from .conftest import serve
from .test_serving import PRICE, children, connect, env, make_app

__all__ = ["connect", "env"]

pytestmark = pytest.mark.leaks("the client keeps its connections; they are closed by the fixture")

FRAGILE = """
import gc, threading
from chunnel import expose
from chunnel.server.worker import Worker

@expose
def hang():
    threading.Event().wait()

@expose
def lose_the_second_link():
    def fail(timeout):
        raise OSError("on purpose")

    [worker] = [each for each in gc.get_objects() if isinstance(each, Worker)]
    link = worker._services[1].link
    link.receive = fail
    link.wake()

@expose(effect="read")
def price():
    return 1
"""
SETTINGS = """
CHUNNEL_SERVER = {
    "BIND": [
        "tcp://127.0.0.1:0",
        {"ADDRESS": "tcp://127.0.0.1:0", "OPTIONS": {"backlog": 50}},
    ],
    "CONCURRENCY": 1,
    "OPTIONS": {"stuck_after": 0.01},
}
"""


@pytest.mark.parametrize(
    ("name", "code"), [("hang", EXIT_STUCK), ("lose_the_second_link", EXIT_BROKEN)]
)
def test_a_worker_of_two_listeners_is_started_again(
    env: dict[str, str],
    connect: Callable[[str], Any],
    tmp_path: Path,
    name: str,
    code: int,
) -> None:
    make_app(tmp_path, FRAGILE, debug=False)
    with (tmp_path / "shop_settings.py").open("a") as settings:
        settings.write(SETTINGS)
    options = ("--noreload", "--workers", "2")
    with running(*serve(*options, settings="shop_settings"), env=env) as server:
        shop = connect(address_of(server)).shop
        server.line_with("All 2 workers serve.")
        with suppress(CallError):  # its connection may be cut, or the answer not come
            getattr(shop, name).using(timeout=2)()
        server.line_with(f"ended with exit code {code}; starting it again")

        def serves() -> bool:
            try:
                return bool(shop.price() == 1)
            except CallError:
                return False

        until(serves)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.output


def test_workers_that_cannot_serve_end_their_parent(env: dict[str, str]) -> None:
    """They say why; to start them again would be of no use."""
    options = ("0", "--noreload", "--workers", "2", "--pool", "nowhere.Pool", "-v0")
    ended = run(*serve(*options), env=env)
    assert ended.returncode == 1
    assert {line.partition(":")[0] for line in ended.stderr.splitlines()} == {
        "POOL 'nowhere.Pool' cannot be imported"
    }


def test_a_developers_server_that_was_killed_is_not_started_again(
    env: dict[str, str], tmp_path: Path
) -> None:
    """The exit code is what a shell shows for such an end."""
    make_app(tmp_path, PRICE)
    with running(*serve("0", settings="shop_settings", dev=False), env=env) as server:
        address_of(server)
        [serving] = children(server.process.pid)
        os.kill(serving, signal.SIGKILL)
        assert server.wait() == 128 + signal.SIGKILL
