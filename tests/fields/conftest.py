"""A town here, and its bank served over a real socket as another project would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.test import override_settings

from tests.apps.bank.models import Account, Branch
from tests.apps.town.models import Citizen, Deed, Street

from ..client.bank import bank  # noqa: F401 - a fixture


class Town(NamedTuple):
    """The rows of this side: Ada, Bela and Cem have accounts, Dora has none, Emil's is gone."""

    ada: Citizen
    bela: Citizen
    cem: Citizen
    dora: Citizen
    emil: Citizen
    deed: Deed


GONE = 404


@pytest.fixture
def town(bank: str) -> Town:  # noqa: F811
    street = Street.objects.create(name="Main Street")
    accounts = {"Ada": 0, "Bela": 1, "Cem": 1, "Dora": None, "Emil": GONE}
    made = [
        Citizen.objects.create(name=name, street=street, account_id=uid)
        for name, uid in accounts.items()
    ]
    return Town(*made, Deed.objects.create(branch_id=Branch.objects.get(code="u").pk))


def remotes(**options: Any) -> dict[str, Any]:
    """Return CHUNNEL_REMOTES as they are, with other options."""
    return {"economy": {**settings.CHUNNEL_REMOTES["economy"], **options}}


@pytest.fixture
def peers(bank: str) -> Iterator[None]:  # noqa: F811
    """The fetch mode of the remote."""
    with override_settings(CHUNNEL_REMOTES=remotes(FETCH_MODE="peers")):
        yield


@pytest.fixture
def down(town: Town) -> Iterator[None]:
    """Nobody answers any longer."""
    address = "tcp://127.0.0.1:1"
    with override_settings(CHUNNEL_REMOTES=remotes(ENDPOINTS=[address], TIMEOUT=5)):
        yield


def account(uid: int) -> Account:
    """Return the row over there."""
    return Account.objects.get(uid=uid)
