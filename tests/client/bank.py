"""A bank that is served over a real socket, and calls itself "economy"."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

import pytest

from chunnel.test import live_server
from tests.apps.bank.models import Account, Branch

OPENED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.fixture
def bank(transactional_db: None) -> Iterator[str]:
    """Five accounts with balances of 0 to 40 in Ulm, one overdrawn in Bonn, one of nobody."""
    ulm = Branch.objects.create(city="Ulm", code="u")
    bonn = Branch.objects.create(city="Bonn", code="b")
    for number in range(5):
        Account.objects.create(
            uid=number, owner=f"o{number}", balance=10 * number, opened=OPENED, branch=ulm
        )
    Account.objects.create(uid=7, owner="poor", balance=Decimal(-5), opened=OPENED, branch=bonn)
    Account.objects.create(uid=9, owner="nobody", balance=90, opened=OPENED, branch=bonn)
    with live_server("economy") as address:
        yield address
