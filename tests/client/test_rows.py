"""Rows that arrived, in the form their plan asks for."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel import remote
from chunnel.client.prefetched import Prefetched
from chunnel.client.rows import instances, named_row, read_row, read_rows
from chunnel.plans import Plan, Values, ValuesList
from chunnel.values import InstanceRow, Related, Relation, RowSet

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


class TestRelated:
    """Rows of other models that came along."""

    BRANCHES = RowSet(
        "money.Branch", ("pk", "city", "__str__"), ([7, 8], ["Ulm", "Bonn"], ["U", "B"])
    )

    def _accounts(self, *related: Related) -> list[Any]:
        columns = ([1, 2, 3], [7, 8, 7])
        relations = (Relation("cards", "money.Card", many=True),)
        rows = RowSet("money.Account", ("pk", "branch_id"), columns, (), relations, related)
        return list(instances(Account, rows))

    def test_one(self) -> None:
        """Owners share the instance that they lead to; None is none."""
        branch = Related("branch", False, False, self.BRANCHES, [0, None, 0])
        first, second, third = self._accounts(branch)
        assert first.branch is third.branch
        assert (first.branch.city, str(first.branch), second.branch) == ("Ulm", "U", None)

    def test_many(self) -> None:
        """They are what the manager then has, in order."""
        cards = RowSet("money.Card", ("pk",), ([4, 5],))
        first, second, third = self._accounts(
            Related("cards", True, False, cards, [[1, 0], [], [0]])
        )
        assert [card.pk for card in first.cards.all()] == [5, 4]
        assert list(second.cards.all()) == []
        assert first.cards.all()[1] is third.cards.all()[0]

    def test_listed(self) -> None:
        """A plain list under a name of its own, beside the relation."""
        cards = RowSet("money.Card", ("pk",), ([4, 5],))
        first, *_ = self._accounts(Related("valid", True, True, cards, [[1], [], []]))
        assert [card.pk for card in first.valid] == [5]
        assert isinstance(first.valid, list)
        one, *_ = self._accounts(Related("home", False, True, self.BRANCHES, [1, None, None]))
        assert one.home.city == "Bonn"

    def test_listed_leads_back(self) -> None:
        """Where the plan says which relation it was, and a foreign key makes that relation."""
        cards = RowSet("money.Card", ("pk",), ([4, 5],))
        columns = ([1, 2], ["a", "b"])
        relations = (Relation("cards", "money.Card", many=True, back="account"),)
        related = (Related("valid", True, True, cards, [[1], [0]]),)
        rows = RowSet("money.Account", ("pk", "uid"), columns, (), relations, related)
        tree = {"valid": Prefetched("cards", None, {})}
        first, second = instances(Account, rows, None, tree)
        assert first.valid[0].account is first
        assert second.valid[0].account is second

    def test_deeper(self) -> None:
        """Related rows have related rows, and several relations come at once."""
        cards = RowSet("money.Card", ("pk",), ([4],))
        home = Related("branch", False, False, self.BRANCHES, [0, 1, 0])
        branches = self.BRANCHES._replace(related=(Related("cards", True, True, cards, [[0], []]),))
        first, second, _ = self._accounts(
            home._replace(rows=branches), Related("cards", True, False, cards, [[0], [], []])
        )
        assert [card.pk for card in first.branch.cards] == [4]
        assert second.branch.cards == []
        assert len(first.cards.all()) == 1

    def test_no_model(self) -> None:
        """A name that cannot be a model's is refused."""
        bad = Related("branch", False, False, self.BRANCHES._replace(model="x.y"), [0, 0, 0])
        with pytest.raises(ValueError, match=r"'x\.y', which names no model"):
            self._accounts(bad)

    def test_peers(self) -> None:
        """Instances of one result are peers, also those that came along."""
        branch = Related("branch", False, False, self.BRANCHES, [0, 1, 0])
        rows = RowSet(
            "money.Account", ("pk", "branch_id"), ([1, 2, 3], [7, 8, 7]), related=(branch,)
        )
        found = list(read_rows(Account, rows, None, "peers"))
        assert found[0]._peers.alive() == found
        assert found[0].branch._peers.alive() == [found[0].branch, found[1].branch]
        one = read_row(Account, InstanceRow("money.Account", 1, (), ()), None, "peers")
        assert one._peers.alive() == [one]
        assert read_row(Account, InstanceRow("money.Account", 1, (), ()), None)._peers is None

    def test_one_row_with_related_ones(self) -> None:
        """It comes as a row set of one."""
        branch = Related("branch", False, False, self.BRANCHES, [1])
        rows = RowSet("money.Account", ("pk",), ([1],), related=(branch,))
        assert read_row(Account, rows, None).branch.city == "Bonn"
