"""Rows that arrived, in the form their plan asks for."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel import remote
from chunnel.client.rows import instances, named_row, read_row, read_rows
from chunnel.plans import Plan, Values, ValuesList
from chunnel.values import InstanceRow, RowSet

Account = remote.economy.money.Account
PLAIN = RowSet(None, ("uid", "owner"), ([1, 2], ["a", "b"]))


def test_instances() -> None:
    """Key and text stand beside the fields, wherever their columns are."""
    columns = ([1, 2], ["one", "two"], [10, 20])
    rows = RowSet("money.Account", ("uid", "__str__", "pk"), columns, ("deposit",))
    found = list(instances(Account, rows))
    assert [(each.pk, each.uid, str(each)) for each in found] == [(10, 1, "one"), (20, 2, "two")]
    assert found[0]._fetched == ("uid",)
    assert all(hasattr(each, "deposit") and not hasattr(each, "wipe") for each in found)


def test_instances_without_fields_or_texts() -> None:
    """A model may show nothing but its key."""
    found = list(instances(Account, RowSet("money.Account", ("pk",), ([1, 2],))))
    assert [str(each) for each in found] == ["Account object (1)", "Account object (2)"]
    assert list(instances(Account, RowSet("money.Account", ("pk", "uid"), ([], [])))) == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Values(()), [{"uid": 1, "owner": "a"}, {"uid": 2, "owner": "b"}]),
        (ValuesList(()), [(1, "a"), (2, "b")]),
        (ValuesList((), flat=True), [1, 2]),
        (ValuesList((), named=True), [(1, "a"), (2, "b")]),
    ],
)
def test_plain_rows(step: Any, expected: list[Any]) -> None:
    """As dicts, tuples, single values or named tuples."""
    assert list(read_rows(Account, PLAIN, step)) == expected


def test_named_rows() -> None:
    """One class for the same names, so that rows are equal and cheap."""
    row = next(read_rows(Account, PLAIN, ValuesList((), named=True)))
    assert (row.uid, row.owner) == (1, "a")
    assert named_row(("a", "b")) is named_row(("a", "b"))


def test_single_rows() -> None:
    """What get, first and last gave."""
    plan = Plan("money.Account")
    row = InstanceRow("money.Account", 1, ("uid",), (5,), "text", ("deposit",))
    one = read_row(Account, row, plan)
    assert (one.pk, one.uid, str(one)) == (1, 5, "text")
    assert hasattr(one, "deposit")
    assert not hasattr(one, "wipe")
    assert read_row(Account, None, plan) is None
    assert read_row(Account, {"uid": 1}, plan.then(Values(("uid",)))) == {"uid": 1}
    named = plan.then(ValuesList(("uid",), named=True))
    assert read_row(Account, (1,), named).uid == 1
    assert read_row(Account, None, named) is None
