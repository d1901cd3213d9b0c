"""Large results between real processes: whole, given up by their callers, and at the very end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chunnel import CallTimeout, SerializationError, remotes
from chunnel.exceptions import CallCancelled

from ..live import address_of, running, until
from .conftest import serve
from .test_serving import connect, env, make_app

__all__ = ["connect", "env"]

pytestmark = pytest.mark.leaks("the client keeps its connections; they are closed by the fixture")

LARGE = """
import pathlib, threading
from chunnel import expose

@expose
def blob(size):
    return b"x" * size

@expose
def blobs(count, size):
    return {number: bytes([number]) * size for number in range(count)}

@expose
def text_after(go, size):
    while not pathlib.Path(go).exists():
        threading.Event().wait(0.01)
    return "x" * size

@expose
def blob_items(count, size):
    for _ in range(count):
        yield b"x" * size

@expose
def length(data):
    return len(data)
"""
MEGABYTE = 10**6


def resident(process: int) -> int:
    """Return how many bytes of memory a process has."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096


def test_binaries_over_one_message(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    """As a result of any shape, from any kind of call; an item of a stream must fit a message."""
    make_app(tmp_path, LARGE, debug=False)
    with running(*serve("0", "--noreload", settings="shop_settings"), env=env) as server:
        shop = connect(address_of(server)).shop
        assert shop.blob(50 * MEGABYTE) == b"x" * 50 * MEGABYTE
        assert shop.blob.submit(20 * MEGABYTE).result() == b"x" * 20 * MEGABYTE
        found = shop.blobs(4, 17 * MEGABYTE)
        assert found == {number: bytes([number]) * 17 * MEGABYTE for number in range(4)}
        assert list(shop.blob_items(2, 10 * MEGABYTE)) == [b"x" * 10 * MEGABYTE] * 2
        with pytest.raises(SerializationError, match=r"one message at most \d+; yield it"):
            list(shop.blob_items(2, 20 * MEGABYTE))
        with pytest.raises(SerializationError, match=r"args: CALL of \d+ bytes; .* 16777216"):
            shop.length(b"x" * 17 * MEGABYTE)
        assert shop.length(b"x" * 16 * MEGABYTE) == 16 * MEGABYTE


def test_a_client_that_takes_smaller_frames(
    env: dict[str, str], connect: Callable[[str], Any], settings: Any, tmp_path: Path
) -> None:
    """``max_frame`` of a remote is announced: no connection is cut over a result or an item."""
    make_app(tmp_path, LARGE, debug=False)
    with running(*serve("0", "--noreload", settings="shop_settings"), env=env) as server:
        address = address_of(server)
        shop = connect(address).shop
        settings.CHUNNEL_REMOTES = {
            "economy": {"ENDPOINTS": [address], "OPTIONS": {"max_frame": 100_000}}
        }
        assert shop.blob(5 * MEGABYTE) == b"x" * 5 * MEGABYTE
        assert list(shop.blob_items(2, 90_000)) == [b"x" * 90_000] * 2
        with pytest.raises(SerializationError, match=r"one message at most \d{5}; yield"):
            list(shop.blob_items(2, 150_000))
        assert shop.length(b"x" * 15 * MEGABYTE) == 15 * MEGABYTE


def test_what_nobody_waits_for_is_let_go(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    """Results of calls that timed out or were cancelled, before they were made or in the middle."""
    make_app(tmp_path, LARGE, debug=False)
    with running(*serve("0", "--noreload", settings="shop_settings"), env=env) as server:
        shop = connect(address_of(server)).shop
        status = remotes["economy"].status
        shop.blob(40 * MEGABYTE)
        before = resident(server.process.pid)
        for number in range(6):
            go = tmp_path / f"go{number}"
            if number % 2:
                with pytest.raises(CallTimeout):
                    shop.text_after.using(timeout=0.2)(str(go), 40 * MEGABYTE)
            else:
                pending = shop.text_after.submit(str(go), 40 * MEGABYTE)
                until(lambda: status()["open"] > 1)
                pending.cancel()
                with pytest.raises(CallCancelled):
                    pending.result()
            go.touch()
            until(lambda: status()["open"] == 1)
        for _ in range(4):
            try:
                shop.blob.using(timeout=0.01)(40 * MEGABYTE)
            except CallTimeout:
                continue
        until(lambda: status()["open"] == 1)
        assert resident(server.process.pid) < before + 150 * MEGABYTE


def test_the_last_answer_arrives_though_it_is_large(
    env: dict[str, str], connect: Callable[[str], Any], tmp_path: Path
) -> None:
    """A process that was told to stop sends what it began, to the last byte, before it exits."""
    make_app(tmp_path, LARGE, debug=False)
    go = tmp_path / "go"
    with running(*serve("0", "--noreload", settings="shop_settings"), env=env) as server:
        shop = connect(address_of(server)).shop
        status = remotes["economy"].status
        waiting = [shop.text_after.submit(str(go), 30 * MEGABYTE) for _ in range(3)]
        until(lambda: status()["open"] == 4)
        server.signal(signal.SIGTERM)
        go.touch()
        for pending in waiting:
            assert len(pending.result()) == 30 * MEGABYTE
        assert server.wait() == 0, server.output
