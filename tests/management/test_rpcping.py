from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chunnel import remotes


def test_an_endpoint_that_is_up(economy: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says how fast it answered, who it is and what it runs."""
    call_command("rpcping", "economy")
    line = capsys.readouterr().out
    assert line.startswith(f"economy {economy} up ")
    assert " ms, tests, chunnel/" in line


def test_one_that_is_down_fails_the_probe(
    bank: str, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """All endpoints are told, and the exit code is 1; without an alias all remotes are asked."""
    settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": [bank, "tcp://127.0.0.1:1"], "TIMEOUT": 3}}
    with pytest.raises(SystemExit) as caught:
        call_command("rpcping")
    remotes["economy"].close()
    assert caught.value.code == 1
    up, down = capsys.readouterr().out.splitlines()
    assert up.startswith(f"economy {bank} up ")
    assert down.startswith("economy tcp://127.0.0.1:1 down: ")


@pytest.mark.usefixtures("nobody")
def test_an_unknown_alias_is_a_wrong_use() -> None:
    with pytest.raises(CommandError, match="economy") as caught:
        call_command("rpcping", "nowhere")
    assert caught.value.returncode == 2


def test_no_remotes_is_a_wrong_use(settings: Any) -> None:
    settings.CHUNNEL_REMOTES = {}
    with pytest.raises(CommandError, match="names no remote"):
        call_command("rpcping")
