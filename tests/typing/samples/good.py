"""What a user writes, as a type checker sees it under ``--strict``."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.views.generic import ListView

from chunnel import (
    CallTimeout,
    ConnectionLost,
    ModelRPC,
    RemoteError,
    current_call,
    expose,
    register,
    remote,
    remotes,
)
from chunnel.conf import parse_remote_url
from chunnel.test import assertNumRPCs, override_remote
from tests.apps.bank.models import Account as LocalAccount

economy = remote.economy
Account = economy.money.Account


def call(uid: int) -> Decimal:
    try:
        found: Decimal = economy.money.balance(uid)
    except economy.money.InsufficientFunds as error:
        print(error.call)
        raise
    except (Account.DoesNotExist, economy.money.Frozen):
        return Decimal(0)
    except (RemoteError, CallTimeout, ConnectionLost) as error:
        print(error.call, error.maybe_executed)
        raise
    return found


async def acall(uid: int) -> Any:
    async for row in economy.money.statement.stream(uid):
        print(row)
    return await economy.money.balance.using(timeout=2).acall(uid)


def others(uid: int) -> None:
    pending = economy.money.balance.submit(uid)
    print(pending.result(timeout=3))
    economy.money.balance.on_commit(uid)
    for account in Account.objects.filter(balance__gt=10).order_by("-balance")[:20]:
        account.deposit(5)
    if isinstance(uid, Account):
        print(Account._meta.verbose_name)
    print(remotes["economy"].ping(), remotes["economy"].schema().fingerprint)
    print(parse_remote_url("zmq://h")["ENDPOINTS"])


class AccountList(ListView[Any]):
    model = Account

    def get_queryset(self) -> Any:
        return Account.objects.order_by("uid")


@expose
def balance(uid: int) -> Decimal:
    call = current_call()
    print(call.id if call is not None else "")
    found: Decimal = LocalAccount.objects.get(uid=uid).balance
    return found


@expose(effect="read")
def statement(uid: int) -> Iterator[Decimal]:
    yield balance(uid)


@register(LocalAccount)
class AccountRPC(ModelRPC):
    fields = ("uid", "balance")

    def get_queryset(self, context: Any) -> Any:
        return LocalAccount.objects.all()


@override_remote("economy", {"money.balance": Decimal(3)})
def test_balance() -> None:
    with assertNumRPCs(1) as calls:
        assert call(1) == 3
    assert calls[0].name == "money.balance"
