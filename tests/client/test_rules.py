"""Rules that a held schema gives."""

from __future__ import annotations

import pytest

from chunnel import remotes
from chunnel.client import rules
from chunnel.client.rules import rules_for

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
