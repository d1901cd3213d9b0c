"""Rules that a held schema gives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chunnel import QueryRefused, remote, remotes
from chunnel.client import rules
from chunnel.client.rules import rules_for
from chunnel.schema import schema_to_wire
from chunnel.test import assertNumRPCs

from .bank import bank  # noqa: F401 - a fixture


def test_nothing_is_known_without_a_schema() -> None:
    """Then the server alone judges."""
    assert rules_for(remotes["economy"], "bank.Account") is None


def test_made_once_for_a_schema(bank: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """They are kept, up to a bound; of a model that is not exposed nothing is known."""
    economy = remotes["economy"]
    economy.schema()
    found = rules_for(economy, "bank.Account")
    assert found is not None
    assert found is rules_for(economy, "bank.Account")
    assert rules_for(economy, "bank.Nothing") is None
    monkeypatch.setattr(rules, "_MOST", 0)
    assert rules_for(economy, "bank.Branch") is not None
    assert rules_for(economy, "bank.Account") is not found


def _hold_an_older_schema() -> None:
    """Let the client hold what the server was before ``balance`` could be filtered by."""
    economy = remotes["economy"]
    schema = economy.schema()
    (bank_app,) = (app for app in schema.apps if app.label == "bank")
    models = tuple(
        model._replace(filter_fields=(), ordering_fields=()) for model in bank_app.models
    )
    old = schema._replace(apps=(bank_app._replace(models=models),), fingerprint="old")
    economy.caller.keep_schema(schema_to_wire(old))
    economy.caller._schemas.saw("old")


def test_a_schema_that_is_out_of_date(
    bank: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once it is not confirmed, a server is asked before anything is refused, and then judges."""
    _hold_an_older_schema()
    accounts = remote.economy.bank.Account.objects
    with assertNumRPCs(0), pytest.raises(QueryRefused, match="balance"):
        accounts.filter(balance__gt=20)
    monkeypatch.setattr(rules, "CONFIRMED", -1.0)
    assert [each.uid for each in accounts.filter(balance__gt=20).order_by("-balance")] == [4, 3]
    current = remotes["economy"].current_schema
    assert current is not None
    assert current.fingerprint != "old"
    with assertNumRPCs(0), pytest.raises(QueryRefused, match="secret"):
        accounts.filter(secret="")


def test_a_schema_that_is_out_of_date_in_an_event_loop(
    bank: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There nobody can be asked in passing, so the server judges at evaluation."""
    _hold_an_older_schema()
    accounts = remote.economy.bank.Account.objects
    monkeypatch.setattr(rules, "CONFIRMED", -1.0)

    async def count() -> Any:
        return await accounts.filter(balance__gt=20).acount()

    async def refused() -> Any:
        return await accounts.filter(secret="").acount()

    assert asyncio.run(count()) == 2
    with pytest.raises(QueryRefused, match="secret"):
        asyncio.run(refused())
