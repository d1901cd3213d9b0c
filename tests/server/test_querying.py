"""Plans, methods and references, through the whole server and a real database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from chunnel.exceptions import CallInfo, QueryRefused
from chunnel.plans import (
    Distinct,
    Exclude,
    Filter,
    Leaf,
    Node,
    OrderBy,
    Plan,
    Reverse,
    Slice,
    Values,
    ValuesList,
)
from chunnel.protocol.messages import FailureCode
from chunnel.server import rows as server_rows
from chunnel.values import PK_COLUMN, TEXT_COLUMN, InstanceRow, RowSet
from tests.apps.bank.models import Account, Branch
from tests.apps.bank.rpc import BranchRPC

from .caller import Caller, Failed

ACCOUNTS = Plan("bank.Account")
BRANCHES = Plan("bank.Branch")


def column(rows: RowSet, name: str) -> list[Any]:
    return list(rows.columns[rows.names.index(name)])


def uids(rows: RowSet) -> list[int]:
    return column(rows, "uid")


def local(queryset: Any) -> list[int]:
    return list(queryset.values_list("uid", flat=True))


@pytest.mark.usefixtures("accounts")
class TestRows:
    def test_columns(self, call: Caller) -> None:
        """Rows of a model carry the key, the readable fields and the text, and nothing else."""
        rows = call.query(ACCOUNTS.then(Slice(0, 1)))
        first = Account.objects.get(uid=1)
        assert rows.model == "bank.Account"
        assert rows.names == (
            PK_COLUMN,
            "uid",
            "owner",
            "balance",
            "opened",
            "kind",
            "branch_id",
            TEXT_COLUMN,
        )
        assert rows.rows() == [
            (
                first.pk,
                1,
                "Citizen 1",
                Decimal("50.00"),
                first.opened,
                "current",
                first.branch_id,
                "Citizen 1 (1)",
            )
        ]

    def test_without_texts_no_instance_is_made(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A model that shows no text is read as columns."""
        monkeypatch.setattr(Branch, "from_db", None)
        rows = call.query(BRANCHES.then(OrderBy(())))
        assert rows.names == (PK_COLUMN, "id", "city", "code")
        assert column(rows, "city") == ["Bern", "Chur"]

    @pytest.mark.parametrize(
        ("steps", "queryset"),
        [
            ([Filter(Leaf("balance__gt", 10))], lambda: Account.objects.filter(balance__gt=10)),
            ([Exclude(Leaf("balance__gt", 10))], lambda: Account.objects.exclude(balance__gt=10)),
            ([OrderBy(("-balance",))], lambda: Account.objects.order_by("-balance")),
            ([OrderBy(("balance",)), Reverse()], lambda: Account.objects.order_by("-balance")),
            ([Reverse()], Account.objects.reverse),
            ([Slice(1, 3)], lambda: Account.objects.all()[1:3]),
            ([Slice(1, None), Slice(1, 2)], lambda: Account.objects.all()[1:][1:2]),
            ([Slice(2, 2)], Account.objects.none),
            (
                [Filter(Leaf("branch__city", "Bern")), Distinct()],
                lambda: Account.objects.filter(branch__city="Bern").distinct(),
            ),
            (
                [Filter(Node("or", False, (Leaf("uid", 1), Leaf("balance__lt", 0))))],
                lambda: Account.objects.filter(Q(uid=1) | Q(balance__lt=0)),
            ),
            (
                [Filter(Node("and", True, (Leaf("uid__in", [1, 2]), Leaf("balance__gt", 0))))],
                lambda: Account.objects.filter(~(Q(uid__in=[1, 2]) & Q(balance__gt=0))),
            ),
            (
                [Filter(Node("xor", False, (Leaf("uid__gt", 2), Leaf("balance__gt", 100))))],
                lambda: Account.objects.filter(Q(uid__gt=2) ^ Q(balance__gt=100)),
            ),
            ([Filter(Node("and", False, ()))], Account.objects.all),
            ([Filter(Leaf("opened__year", 2026))], Account.objects.all),
            (
                [OrderBy(("branch__city", "-uid"))],
                lambda: Account.objects.order_by("branch__city", "-uid"),
            ),
            ([Filter(Leaf("uid__in", []))], Account.objects.none),
        ],
    )
    def test_the_rows_are_those_of_the_local_queryset(
        self, call: Caller, steps: list[Any], queryset: Any
    ) -> None:
        assert uids(call.query(Plan("bank.Account", tuple(steps)))) == local(queryset())

    def test_one_evaluation_is_one_query(self, call: Caller) -> None:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            call.query(ACCOUNTS.then(Filter(Leaf("branch__city", "Bern"))))
        assert len(queries) == 1

    def test_what_may_not_follow_a_slice_is_djangos_error(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.query(ACCOUNTS.then(Slice(0, 2)).then(Filter(Leaf("uid", 1))))
        assert raised.value.details["base"] == "TypeError"
        assert raised.value.message == "Cannot filter a query once a slice has been taken."

    def test_values(self, call: Caller) -> None:
        """Rows of values are plain columns."""
        plan = ACCOUNTS.then(Values(("owner", "branch"))).then(Slice(0, 2))
        branches = list(Account.objects.values_list("branch", flat=True)[:2])
        rows = call.query(plan)
        assert rows == RowSet(None, ("owner", "branch"), (["Citizen 1", "Citizen 2"], branches))

    def test_values_without_names(self, call: Caller) -> None:
        """No names stand for every readable field, never for every field."""
        rows = call.query(ACCOUNTS.then(Values(())))
        assert rows.names == ("uid", "owner", "balance", "opened", "kind", "branch_id")

    def test_values_list(self, call: Caller) -> None:
        rows = call.query(ACCOUNTS.then(ValuesList(("uid",), flat=True)))
        assert rows == RowSet(None, ("uid",), ([1, 2, 3, 4, 5],))

    def test_no_rows(self, call: Caller) -> None:
        rows = call.query(ACCOUNTS.then(Filter(Leaf("uid", 99))))
        assert rows.rows() == []
        assert "uid" in rows.names

    def test_get_queryset_is_the_root(self, call: Caller) -> None:
        """Rows that get_queryset hides are nowhere."""
        Account.objects.filter(uid=3).update(owner="nobody")
        assert uids(call.query(ACCOUNTS)) == [1, 2, 4, 5]
        assert call.query(ACCOUNTS, "count") == 4
        assert not call.query(ACCOUNTS.then(Filter(Leaf("uid", 3))), "exists")

    def test_prefetching_does_no_harm(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            BranchRPC,
            "get_queryset",
            lambda self, context: Branch.objects.prefetch_related("accounts"),
        )
        assert column(call.query(BRANCHES), "city") == ["Bern", "Chur"]
        assert call.query(BRANCHES.then(Filter(Leaf("city", "Bern"))), "get").values[1] == "Bern"
        assert call.query(BRANCHES.then(Values(("city",)))).columns == (["Bern", "Chur"],)


@pytest.mark.usefixtures("accounts")
class TestManyRows:
    def test_more_rows_than_a_batch_come_in_several(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            server_rows.Batches, "__new__", _batches_of_two(server_rows.Batches.__new__)
        )
        monkeypatch.setattr(server_rows, "BATCH", 2)
        batches = call.query(ACCOUNTS)
        assert [uids(batch) for batch in batches] == [[1, 2], [3, 4], [5]]

    def test_too_many_rows_fail_before_the_first(self, call: Caller) -> None:
        exposed = call.dispatcher.registry.model(Account)
        assert exposed is not None
        before, exposed.max_rows = exposed.max_rows, 4
        try:
            for plan in (ACCOUNTS, ACCOUNTS.then(Values(("uid",)))):
                with pytest.raises(Failed) as raised:
                    call.query(plan)
                assert raised.value.code == FailureCode.TOO_MANY_ROWS
                assert "4 rows" in raised.value.message
                assert uids(call.query(plan.then(Slice(0, 4)))) == [1, 2, 3, 4]
            with pytest.raises(Failed, match="4 rows"):
                call.refine("bank.rich", ACCOUNTS, "rows", Decimal(-100))
        finally:
            exposed.max_rows = before


def _batches_of_two(new: Any) -> Any:
    return lambda cls, whole: new(cls, whole, 2)


@pytest.mark.usefixtures("accounts")
class TestOneRow:
    def test_get(self, call: Caller) -> None:
        row = call.query(ACCOUNTS.then(Filter(Leaf("uid", 3))), "get")
        assert isinstance(row, InstanceRow)
        assert row.pk == Account.objects.get(uid=3).pk
        assert dict(zip(row.names, row.values, strict=True))["balance"] == 300
        assert row.text == "Citizen 3 (3)"

    def test_does_not_exist(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.query(ACCOUNTS.then(Filter(Leaf("uid", 99))), "get")
        assert raised.value.details["names"] == ["bank.Account.DoesNotExist"]
        assert raised.value.details["base"] == "django.core.exceptions.ObjectDoesNotExist"
        assert raised.value.message == "Account matching query does not exist."

    def test_multiple_objects(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.query(ACCOUNTS, "get")
        assert raised.value.details["names"] == ["bank.Account.MultipleObjectsReturned"]

    def test_first_and_last(self, call: Caller) -> None:
        by_balance = ACCOUNTS.then(OrderBy(("balance",)))
        assert call.query(by_balance, "first").values[0] == 2
        assert call.query(by_balance, "last").values[0] == 3
        assert call.query(ACCOUNTS.then(OrderBy(())), "first").values[0] == 1
        assert call.query(ACCOUNTS.then(Filter(Leaf("uid", 99))), "first") is None

    def test_of_values(self, call: Caller) -> None:
        assert call.query(ACCOUNTS.then(Values(("uid",))), "first") == {"uid": 1}
        assert call.query(ACCOUNTS.then(ValuesList(("uid", "owner"))), "last") == (5, "Citizen 5")
        assert call.query(ACCOUNTS.then(ValuesList(("uid",), flat=True)), "first") == 1

    def test_without_text(self, call: Caller) -> None:
        plan = BRANCHES.then(Filter(Leaf("city", "Chur")))
        branch = Branch.objects.get(city="Chur")
        assert call.query(plan, "get") == InstanceRow(
            "bank.Branch", branch.pk, ("id", "city", "code"), (branch.pk, "Chur", "Ch"), None
        )

    def test_count_and_exists(self, call: Caller) -> None:
        assert call.query(ACCOUNTS.then(Slice(1, 3)), "count") == 2
        assert call.query(ACCOUNTS, "exists") is True


@pytest.mark.usefixtures("accounts")
class TestGate:
    @pytest.mark.parametrize("op", ["rows", "get", "first", "last", "count", "exists"])
    @pytest.mark.parametrize(
        "step",
        [
            Filter(Leaf("secret__startswith", "s")),
            Exclude(Leaf("branch__code", "Be")),
            Filter(Node("or", True, (Leaf("uid", 1), Leaf("_connector", "OR")))),
            OrderBy(("secret",)),
            OrderBy(("?",)),
            Values(("secret",)),
            ValuesList(("branch__accounts",)),
        ],
    )
    def test_what_is_not_declared_is_refused_at_every_door(
        self, call: Caller, op: str, step: Any
    ) -> None:
        with pytest.raises(Failed) as raised:
            call.query(ACCOUNTS.then(step), op)
        assert raised.value.code == FailureCode.QUERY_REFUSED
        with pytest.raises(Failed) as raised:
            call("bank.Account.objects.overdrawn", ACCOUNTS.then(step).to_wire())
        assert raised.value.code == FailureCode.QUERY_REFUSED

    def test_a_refusal_of_another_project_is_not_ours(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Code of a model may ask elsewhere, and be refused there."""

        def text(self: Account) -> str:
            error = QueryRefused("over there")
            error.call = CallInfo("elsewhere", "a.B.objects")
            raise error

        monkeypatch.setattr(Account, "__str__", text)
        with pytest.raises(Failed) as raised:
            call.query(ACCOUNTS)
        assert raised.value.code == FailureCode.UPSTREAM

    def test_an_operation_that_does_not_exist(self, call: Caller) -> None:
        for op in ("delete", "update", "raw", "__class__"):
            with pytest.raises(Failed) as raised:
                call.query(ACCOUNTS, op)
            assert raised.value.code == FailureCode.QUERY_REFUSED
        assert Account.objects.count() == 5

    def test_a_plan_for_another_model(self, call: Caller) -> None:
        with pytest.raises(Failed, match="another model"):
            call("bank.Account.objects", BRANCHES.to_wire(), "rows")

    @pytest.mark.parametrize(
        "args",
        [(), (1, 2, 3), ("x", "rows"), (["bank.Account", [["raw", "x"]]], "rows"), (None, 5)],
    )
    def test_malformed(self, call: Caller, args: Any) -> None:
        with pytest.raises(Failed) as raised:
            call("bank.Account.objects", *args)
        assert raised.value.code == FailureCode.MALFORMED


@pytest.mark.usefixtures("accounts")
class TestManagerMethods:
    def test_of_the_queryset(self, call: Caller) -> None:
        rows = call("bank.Account.objects.overdrawn", ACCOUNTS.to_wire())
        assert uids(rows) == [2]

    def test_on_a_refined_queryset(self, call: Caller) -> None:
        plan = ACCOUNTS.then(Filter(Leaf("uid__gt", 1)))
        total = call("bank.Account.objects.total", plan.to_wire(), above=Decimal(10))
        assert total == Decimal(420)

    def test_of_the_manager_alone(self, call: Caller) -> None:
        """A method that only the manager has is rooted at the same rows."""
        Account.objects.filter(uid=3).update(owner="nobody")
        row = call("bank.Account.objects.richest", ACCOUNTS.to_wire())
        assert row.values[0] == 4

    def test_wrong_arguments(self, call: Caller) -> None:
        with pytest.raises(TypeError) as expected:
            Account.objects.all().total(5)  # type: ignore[misc]
        with pytest.raises(Failed) as raised:
            call("bank.Account.objects.total", ACCOUNTS.to_wire(), 5)
        assert raised.value.code == FailureCode.WRONG_ARGUMENTS
        assert raised.value.message == str(expected.value)
