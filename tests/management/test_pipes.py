"""Commands whose output is read by a program that ends before them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chunnel import remote, remotes
from chunnel.management.pipes import EXIT_PIPE

from ..live import PATIENCE, ROOT
from .conftest import manage


@contextmanager
def piped(*arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *manage(*arguments)],
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def rest_of_errors(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["rpccall", "economy.bank.statement", "1000000"], 1),
        (["rpccall", "economy.bank.echo", "text"], 0),
        (["rpclist"], 0),
        (["rpclist", "economy"], 0),
        (["rpcping"], 0),
    ],
)
def test_a_reader_who_has_read_enough_ends_it_without_a_word(
    bank: str, arguments: list[str], lines: int
) -> None:
    """As in ``rpccall … | head``."""
    with piped(*arguments, CHUNNEL_TEST_ECONOMY=bank.replace("tcp://", "zmq://")) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.stdout.close()
        assert rest_of_errors(process) == ""
        assert process.wait(PATIENCE) == EXIT_PIPE


@pytest.mark.leaks("the client keeps its connections; they are closed at the end")
def test_a_server_goes_on_without_its_reader(settings: Any) -> None:
    """As in ``runrpcserver -v2 | head``: it serves, and a signal ends it as ever."""
    with piped("runrpcserver", "0", "--noreload", "-v2") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Serving " in line:
                address = line.split(" at ")[1].strip()
            if "Quit the server" in line:
                break
        process.stdout.close()
        settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [address], "TIMEOUT": 20}}
        try:
            for number in range(3):
                assert remote.economy.bank.echo(number) == number
            numbers = remote.economy.bank.statement(100_000)
            assert next(numbers) == 0
            process.send_signal(signal.SIGTERM)
            assert sum(1 for _ in numbers) == 99_999
        finally:
            remotes["economy"].close()
        assert rest_of_errors(process) == ""
        assert process.wait(PATIENCE) == 0
