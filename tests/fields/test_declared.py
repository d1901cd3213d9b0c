"""System checks of what a RemoteForeignKey is declared with."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from chunnel import RemoteForeignKey, remote
from chunnel.checks import SUMMARIES

TO = "economy.bank.Account"
KEY = models.CharField(max_length=9)

CASES: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("E070", "'bank.Account'", ("bank.Account",), {}),
    ("E070", "'economy.bank.account'", ("economy.bank.account",), {}),
    ("E070", "'economy.bank.Account.x'", ("economy.bank.Account.x",), {}),
    ("E070", "'economy..Account'", ("economy..Account",), {}),
    ("E070", "'economy._b.Account'", ("economy._b.Account",), {}),
    ("E070", "<class 'int'>", (int,), {}),
    ("E070", "''", ("",), {}),
    ("E071", "'ecology'", ("ecology.bank.Account",), {}),
    ("E072", "7", (TO,), {"to_field": 7, "key": KEY}),
    ("E072", "None", (TO,), {"to_field": None, "key": KEY}),
    ("E072", "'branch__code'", (TO,), {"to_field": "branch__code", "key": KEY}),
    ("E073", "on_delete", (TO, models.CASCADE), {}),
    ("E073", "on_delete", (TO,), {"on_delete": models.CASCADE}),
    ("E073", "related_name", (TO,), {"related_name": "citizens"}),
    ("E073", "related_query_name", (TO,), {"related_query_name": "citizen"}),
    ("E073", "limit_choices_to", (TO,), {"limit_choices_to": {"kind": "savings"}}),
    ("E073", "db_constraint", (TO,), {"db_constraint": False}),
    ("E074", "<class", (TO,), {"key": models.CharField}),
    ("E074", "'CharField'", (TO,), {"key": "CharField"}),
    ("E074", "ForeignKey", (TO,), {"key": models.ForeignKey("auth.User", models.CASCADE)}),
    ("E074", "BigAutoField", (TO,), {"key": models.BigAutoField(primary_key=True)}),
    ("E074", "null, unique", (TO,), {"key": models.IntegerField(unique=True, null=True)}),
    ("W075", "'uid'", (TO,), {"to_field": "uid"}),
]


def check(*args: Any, **options: Any) -> list[CheckMessage]:
    """Return what the checks say of a model with such a field."""
    with isolate_apps("tests.apps.town"):

        class Checked(models.Model):
            account = RemoteForeignKey(*args, **options)

            class Meta:
                app_label = "town"

        return Checked.check()


@pytest.mark.parametrize(("code", "culprit", "args", "options"), CASES)
def test_bad(code: str, culprit: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """It shows its id alone, names the culprit and the field, and says what to do."""
    [found] = check(*args, **options)
    assert found.id == f"chunnel.{code}"
    assert found.id in SUMMARIES
    assert culprit in found.msg
    assert str(found.obj) == "town.Checked.account"
    assert found.hint


def test_the_type_is_checked_as_well() -> None:
    """By the field that says it."""
    [found] = check(TO, key=models.CharField(max_length="x"))
    assert (found.id, str(found.obj)) == ("fields.E121", "town.Checked.account")


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((TO,), {}),
        ((remote.economy.bank.Account,), {"null": True, "unique": True}),
        ((TO,), {"to_field": "uid", "key": models.UUIDField(), "db_column": "konto"}),
        ((TO,), {"key": models.CharField(max_length=9), "db_index": False, "default": "x"}),
    ],
)
def test_good(args: tuple[Any, ...], options: dict[str, Any]) -> None:
    assert check(*args, **options) == []


def test_no_remotes_at_all() -> None:
    with override_settings(CHUNNEL_REMOTES={}):
        [found] = check(TO)
    assert (found.id, found.hint) == ("chunnel.E071", "It is empty.")


def test_a_malformed_path_raises_where_it_is_followed() -> None:
    with pytest.raises(ValueError, match=r"'bank\.Account' names no remote model"):
        RemoteForeignKey("bank.Account").remote_model
