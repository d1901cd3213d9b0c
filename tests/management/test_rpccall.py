from __future__ import annotations

import json
from threading import Thread
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from chunnel import RemoteError, remotes
from chunnel.conf import Bind
from chunnel.registry import registry
from chunnel.server.worker import Worker

from ..server.caller import PATIENCE, server_settings


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return exit code and standard error of a call that fails."""
    with pytest.raises(SystemExit) as caught:
        call_command("rpccall", *arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert isinstance(caught.value.code, int)
    return int(caught.value.code), captured.err


@pytest.mark.usefixtures("economy")
def test_a_result_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments are JSON, by place or by name."""
    call_command("rpccall", "economy.bank.echo", "42", '{"a": [1.5, null]}', "key=true", "text")
    args, kwargs = json.loads(capsys.readouterr().out)
    assert args == [42, {"a": [1.5, None]}, "text"]
    assert kwargs == {"key": True}


@pytest.mark.usefixtures("economy")
def test_a_stream_is_printed_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rpccall", "economy.bank.statement", "3")
    assert capsys.readouterr().out == "0\n1\n2\n"


@pytest.mark.usefixtures("economy")
def test_instances_and_querysets_are_printed_by_their_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A foreign key is printed as the key, under the name of its column."""
    call_command("rpccall", "economy.bank.account", "1")
    account = json.loads(capsys.readouterr().out)
    assert account["pk"]
    assert (account["uid"], account["owner"]) == (1, "Ada")
    assert account["balance"] == "100.10"
    assert account["branch_id"] is None
    call_command("rpccall", "economy.bank.rich", "10.5")
    [rich] = json.loads(capsys.readouterr().out)
    assert rich == account


@pytest.mark.usefixtures("economy")
def test_numbers_are_decimals_where_the_function_wants_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its signature says so: a float could not be added to a balance. The result cannot travel."""
    for arguments in (["1", "2.50"], ["uid=1", "amount=1e1"]):
        code, message = failing(capsys, "economy.bank.deposit_unsendable", *arguments)
        assert code == 3
        assert "object" in message
        assert "unsupported operand" not in message
    call_command("rpccall", "economy.bank.echo", "2.50", "3")
    assert json.loads(capsys.readouterr().out) == [[2.5, 3], {}]


@pytest.mark.usefixtures("economy")
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["economy.bank.fail", "value", "on purpose"], 3, "on purpose"),
        (["economy.bank.fail", "funds"], 3, "InsufficientFunds"),
        (["economy.bank.nothing"], 4, "nothing"),
        (["economy.bank.balance"], 4, "missing 1 required positional argument: 'uid'"),
        (["economy.bank.nap", "9", "--timeout=1.5"], 6, "economy.bank.nap"),
    ],
)
def test_the_exit_code_says_what_went_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    """The message goes to standard error alone."""
    found, message = failing(capsys, *arguments)
    assert found == code
    assert text in message


@pytest.mark.usefixtures("nobody")
def test_no_server_has_a_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names alias and endpoint."""
    code, message = failing(capsys, "economy.bank.echo")
    assert code == 5
    assert "economy" in message
    assert "tcp://127.0.0.1:1" in message


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["balance"], "'balance' is not of the form alias.app.function"),
        (["economy.bank"], "is not of the form"),
        (["economy.bank.Account.deposit"], "is not of the form"),
        (["nowhere.bank.balance"], "economy"),
        (["economy.bank.Account"], "economy.bank.Account is a class"),
        (["economy.bank.echo", "a=1", "a=2"], "'a' is given twice"),
        (["economy.bank.echo", "--timeout=0"], "--timeout must be above 0 seconds"),
        (["economy.bank.echo", "--timeout=nan"], "--timeout must be above 0 seconds"),
    ],
)
def test_a_wrong_use_is_a_sentence(arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        call_command("rpccall", *arguments)


@pytest.mark.usefixtures("economy")
def test_an_argument_that_cannot_travel_is_a_sentence() -> None:
    """JSON can write half a character, which no text holds that is sent."""
    with pytest.raises(CommandError, match=r"args\[0\]: a text with a lone surrogate"):
        call_command("rpccall", "economy.bank.echo", '"\\ud800"')


def hide_the_schema(get_response: Any) -> Any:
    """Middleware of a server that tells nobody what it exposes."""

    def respond(request: Any) -> Any:
        if request.name == "chunnel.schema":
            raise PermissionDenied
        return get_response(request)

    return respond


def test_without_the_schema_arguments_are_plain_json(
    capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    """It would only have told a Decimal from a float."""
    binds = (Bind("tcp://127.0.0.1:0"),)
    hiding = server_settings(binds=binds, middleware=(f"{__name__}.hide_the_schema",))
    worker = Worker.open(hiding, registry=registry)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        settings.CHUNNEL_REMOTES = {"economy": {"ENDPOINTS": worker.endpoints, "TIMEOUT": 20}}
        with pytest.raises(RemoteError):
            remotes["economy"].schema()
        call_command("rpccall", "economy.bank.echo", "1.5")
        assert capsys.readouterr().out == "1.5\n"
    finally:
        remotes["economy"].close()
        worker.stop(1)
        thread.join(PATIENCE)
