"""Instances as arguments and in conditions."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chunnel.plans import Filter, Leaf, Plan, Subquery
from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef, InstanceRow
from tests.apps.bank.models import Account, Branch
from tests.apps.bank.rpc import AccountRPC

from .caller import Caller, Failed
from .test_querying import local, uids

ACCOUNTS = Plan("bank.Account")


@pytest.mark.usefixtures("accounts")
class TestReferences:
    def test_instances_as_arguments(self, call: Caller) -> None:
        source, target = Account.objects.get(uid=3), Account.objects.get(uid=1)
        refs = [InstanceRef("bank.Account", each.pk) for each in (source, target)]
        with CaptureQueriesContext(connection) as queries:
            assert call("bank.transfer", *refs, Decimal(100)) == Decimal(200)
        loads = [each["sql"] for each in queries if "IN (" in each["sql"]]
        assert len(loads) == 1
        assert Account.objects.get(uid=1).balance == 150

    def test_inside_containers(self, call: Caller) -> None:
        ref = InstanceRef("bank.Branch", Branch.objects.get(city="Bern").pk)
        row = call("bank.echo", {"a": [ref, (ref, 1)]})
        assert isinstance(row["a"][0], InstanceRow)
        assert row["a"][0] == row["a"][1][0]

    def test_in_a_condition(self, call: Caller) -> None:
        branch = Branch.objects.get(city="Bern")
        ref = InstanceRef("bank.Branch", branch.pk)
        expected = local(Account.objects.filter(branch=branch))
        assert uids(call.query(ACCOUNTS.then(Filter(Leaf("branch", ref))))) == expected
        assert uids(call.query(ACCOUNTS.then(Filter(Leaf("branch__in", [ref]))))) == expected
        assert uids(call.query(ACCOUNTS.then(Filter(Leaf("branch_id", branch.pk))))) == expected

    @pytest.mark.parametrize("pk", [999, None, "x", [1], {"a": 1}, datetime.date(2026, 1, 1)])
    def test_a_missing_one(self, call: Caller, pk: Any) -> None:
        with pytest.raises(Failed) as raised:
            call("bank.echo", InstanceRef("bank.Branch", pk))
        assert raised.value.details["names"] == ["bank.Branch.DoesNotExist"]

    def test_of_an_unknown_model(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call("bank.echo", InstanceRef("auth.User", 1))
        assert raised.value.code == FailureCode.NOT_EXPOSED

    def test_scoped(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            AccountRPC, "get_queryset", lambda self, context: Account.objects.none()
        )
        with pytest.raises(Failed, match="does not exist"):
            call("bank.echo", InstanceRef("bank.Account", Account.objects.get(uid=1).pk))

    def test_in_a_subquery(self, call: Caller) -> None:
        """Wherever in a plan a reference stands it means the instance."""
        branch = Branch.objects.get(city="Bern")
        inner = ACCOUNTS.then(Filter(Leaf("branch", InstanceRef("bank.Branch", branch.pk))))
        asked = ACCOUNTS.then(Filter(Leaf("pk__in", Subquery(inner, "rows"))))
        assert uids(call.query(asked)) == local(Account.objects.filter(branch=branch))
        hidden = ACCOUNTS.then(Filter(Leaf("branch", InstanceRef("bank.Branch", 999))))
        with pytest.raises(Failed, match="does not exist"):
            call.query(ACCOUNTS.then(Filter(Leaf("pk__in", Subquery(hidden, "rows")))))

    def test_permission_is_asked_of_each(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            AccountRPC,
            "has_view_permission",
            lambda self, context, obj=None: obj is None or obj.uid != 2,
        )
        first, second = (Account.objects.get(uid=uid).pk for uid in (1, 2))
        call("bank.echo", InstanceRef("bank.Account", first))
        with pytest.raises(Failed) as raised:
            call("bank.echo", [InstanceRef("bank.Account", pk) for pk in (first, second)])
        assert raised.value.code == FailureCode.DENIED

    def test_permission_is_asked(self, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            AccountRPC, "has_view_permission", lambda self, context, obj=None: False
        )
        with pytest.raises(Failed) as raised:
            call("bank.echo", InstanceRef("bank.Account", Account.objects.get(uid=1).pk))
        assert raised.value.code == FailureCode.DENIED
