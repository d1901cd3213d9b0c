"""Methods of instances, through the whole server and a real database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef
from tests.apps.bank.models import Account
from tests.apps.bank.rpc import AccountRPC

from .caller import Caller, Failed


@pytest.mark.usefixtures("accounts")
class TestInstanceMethods:
    def test_result_and_what_changed(self, call: Caller) -> None:
        pk = Account.objects.get(uid=1).pk
        result, changed = call.method("bank.Account", pk, "deposit", Decimal(5), note="hidden")
        assert result == Decimal(55)
        assert changed == {"balance": Decimal(55)}  # the secret changed as well, and is not told
        assert Account.objects.get(uid=1).balance == 55
        assert Account.objects.get(uid=1).secret == "hidden"

    def test_nothing_changed(self, call: Caller) -> None:
        pk = Account.objects.get(uid=1).pk
        assert call.method("bank.Account", pk, "describe") == ["Citizen 1 has 50.00", None]

    def test_what_the_database_computes_is_read_back(
        self, call: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from django.db.models import F

        def describe(self: Account) -> None:
            self.balance = F("balance") * 2  # type: ignore[assignment]
            self.save()

        monkeypatch.setattr(Account, "describe", describe)
        pk = Account.objects.get(uid=1).pk
        assert call.method("bank.Account", pk, "describe") == [None, {"balance": Decimal(100)}]

    def test_an_exception(self, call: Caller) -> None:
        pk = Account.objects.get(uid=1).pk
        with pytest.raises(Failed) as raised:
            call.method("bank.Account", pk, "withdraw", Decimal(500))
        assert raised.value.details["names"][0] == "bank.InsufficientFunds"
        assert raised.value.details["args"] == ["The balance does not cover it.", Decimal(500)]

    def test_wrong_arguments_in_the_words_of_a_local_call(self, call: Caller) -> None:
        account = Account.objects.get(uid=1)
        for args, kwargs in (((), {}), ((1, 2), {}), ((1,), {"memo": 1}), ((1,), {"self": 1})):
            with pytest.raises(TypeError) as expected:
                account.deposit(*args, **kwargs)
            with pytest.raises(Failed) as raised:
                call.method("bank.Account", account.pk, "deposit", *args, **kwargs)
            assert raised.value.message == str(expected.value)

    def test_a_stream(self, call: Caller) -> None:
        pk = Account.objects.get(uid=1).pk
        assert call.method("bank.Account", pk, "history", 2) == [Decimal(50), Decimal(49)]

    def test_an_undeclared_method(self, call: Caller) -> None:
        pk = Account.objects.get(uid=1).pk
        for name in ("wipe", "save", "delete", "__init__", "objects.delete"):
            with pytest.raises(Failed) as raised:
                call.method("bank.Account", pk, name)
            assert raised.value.code == FailureCode.NOT_EXPOSED

    @pytest.mark.parametrize("subject", [None, 5, InstanceRef("bank.Branch", 1), "x"])
    def test_called_on_something_else(self, call: Caller, subject: Any) -> None:
        with pytest.raises(Failed) as raised:
            call("bank.Account.deposit", subject, 5)
        assert raised.value.code == FailureCode.MALFORMED

    def test_a_hidden_instance_does_not_exist(self, call: Caller) -> None:
        Account.objects.filter(uid=3).update(owner="nobody")
        pk = Account.objects.get(uid=3).pk
        with pytest.raises(Failed) as raised:
            call.method("bank.Account", pk, "deposit", Decimal(5))
        assert raised.value.details["names"] == ["bank.Account.DoesNotExist"]
        assert Account.objects.get(uid=3).balance == 300


@pytest.mark.usefixtures("accounts")
class TestPermissions:
    """Each door asks its hook, and of the instance itself."""

    @pytest.fixture
    def pk(self) -> int:
        return Account.objects.get(uid=1).pk

    def test_viewing(self, call: Caller, pk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Any] = []

        def may_view(self: Any, context: Any, obj: Any = None) -> bool:
            asked.append((context.name, obj))
            return obj is None

        monkeypatch.setattr(AccountRPC, "has_view_permission", may_view)
        with pytest.raises(Failed) as raised:
            call.method("bank.Account", pk, "describe")
        assert raised.value.code == FailureCode.DENIED
        assert asked[-1] == ("bank.Account.describe", Account.objects.get(uid=1))

    def test_changing(self, call: Caller, pk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only methods that write ask for that."""
        monkeypatch.setattr(
            AccountRPC, "has_change_permission", lambda self, context, obj: obj.uid != 1
        )
        with pytest.raises(Failed) as raised:
            call.method("bank.Account", pk, "deposit", Decimal(5))
        assert raised.value.code == FailureCode.DENIED
        assert Account.objects.get(uid=1).balance == 50
        assert call.method("bank.Account", pk, "describe")[0] == "Citizen 1 has 50.00"
        other = Account.objects.get(uid=3).pk
        assert call.method("bank.Account", other, "deposit", Decimal(5))[0] == 305
