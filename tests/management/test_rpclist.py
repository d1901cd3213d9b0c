from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command


def test_without_an_alias_it_lists_this_project(capsys: pytest.CaptureFixture[str]) -> None:
    """Each function with its signature and the first line of its docstring."""
    call_command("rpclist")
    lines = capsys.readouterr().out.splitlines()
    assert (
        "bank.balance(uid: int) -> Decimal  # Return the balance of a citizen's account." in lines
    )


@pytest.mark.usefixtures("economy")
def test_with_an_alias_it_lists_the_remote(capsys: pytest.CaptureFixture[str]) -> None:
    """The same names with the alias before them; methods stand below their model."""
    call_command("rpclist", "economy")
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("economy.bank.balance(uid: int) -> Decimal") for line in lines)
    model = next(n for n, line in enumerate(lines) if line.startswith("economy.bank.Account("))
    assert any(line.startswith("    .deposit(") for line in lines[model + 1 :])
    assert any(line.startswith("economy.bank.InsufficientFunds: ") for line in lines)


def test_a_model_shows_what_it_has_beside_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each kind, and none for what it does not have."""
    call_command("rpclist")
    lines = capsys.readouterr().out.splitlines()
    (author,) = [n for n, line in enumerate(lines) if line.startswith("library.Author(")]
    assert lines[author].startswith(
        "library.Author(id, name, alias, born, rating, active, joined, mentor)"
    )
    relations, properties, writable, allowed = lines[author + 1 : author + 5]
    assert relations.startswith(
        "    relations: mentor → library.Author, pupils → many library.Author, profile → "
        "library.Profile, books → many library.Book"
    )
    assert properties == "    properties: shouted"
    assert writable.startswith("    writable: name, alias, born, rating, active, joined, mentor")
    assert allowed == "    allows: create, delete"
    assert "    annotations: size" in lines
    branch = next(n for n, line in enumerate(lines) if line.startswith("bank.Branch("))
    assert not lines[branch + 1].startswith("    ")


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(("alias", "text"), [("nowhere", "economy"), ("economy", "127.0.0.1:1")])
def test_what_cannot_be_had_is_a_sentence(alias: str, text: str) -> None:
    """An unknown alias names the known ones, a dead remote its endpoints."""
    with pytest.raises(CommandError, match=text):
        call_command("rpclist", alias)


@pytest.mark.parametrize(
    ("alias", "setting", "value"),
    [
        ("economy", "CHUNNEL_REMOTES", {"economy": "zmq://user:secret@127.0.0.1"}),
        (None, "CHUNNEL_SERVER", {"NAME": 5}),
    ],
)
def test_a_broken_setting_is_a_sentence(
    settings: Any, alias: str | None, setting: str, value: Any
) -> None:
    """Not a traceback, and what may be secret is not in it."""
    setattr(settings, setting, value)
    with pytest.raises(CommandError, match=setting) as raised:
        call_command("rpclist", *filter(None, [alias]))
    assert "secret" not in str(raised.value)
