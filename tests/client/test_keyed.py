"""What ``in_bulk`` makes of rows that are no instances."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chunnel import remote
from chunnel.client.keyed import OF_VALUES, keyed
from chunnel.test import assertNumRPCs

from .bank import bank  # noqa: F401 - a fixture

accounts: Any = remote.economy.bank.Account.objects


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize(
    ("queryset", "found"),
    [
        (lambda: accounts.values("uid", "owner"), {7: {"uid": 7, "owner": "poor"}}),
        (lambda: accounts.values("owner"), {7: {"owner": "poor"}}),
        (lambda: accounts.values_list("owner", "uid"), {7: ("poor", 7)}),
        (lambda: accounts.values_list("owner"), {7: ("poor",)}),
        (lambda: accounts.values_list("owner", flat=True), {7: "poor"}),
        (lambda: accounts.values_list("uid", flat=True), {7: 7}),
        (lambda: accounts.values_list("owner", named=True), {7: (7, "poor")}),
    ],
)
def test_rows(queryset: Any, found: Any) -> None:
    """With the key that was chosen, or with one that comes along and is left out."""
    made = keyed(queryset().filter(uid=7), "uid")
    with assertNumRPCs(1):
        assert made.read(made.queryset) == found


@pytest.mark.usefixtures("bank")
def test_as_this_django() -> None:
    chosen = accounts.values_list("owner", flat=True)

    async def main() -> Any:
        return await chosen.ain_bulk([1, 2], field_name="uid")

    if not OF_VALUES:
        for call in (
            lambda: chosen.in_bulk([1], field_name="uid"),
            lambda: asyncio.run(main()),
        ):
            with assertNumRPCs(0), pytest.raises(TypeError, match="cannot be used with values"):
                call()
        return
    assert chosen.in_bulk([1, 2], field_name="uid") == {1: "o1", 2: "o2"}
    assert asyncio.run(main()) == {1: "o1", 2: "o2"}
    with pytest.raises(TypeError, match="in_bulk"):
        accounts.dates("opened", "day").in_bulk()
