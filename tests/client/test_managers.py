"""Managers of remote models, and the methods they have over there."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template

from chunnel import ConnectionLost, QueryRefused, remote, remotes
from chunnel.client.managers import RemoteManager
from chunnel.client.unsupported import ATTRIBUTES, DUCKS
from chunnel.test import assertNumRPCs, override_remote

from .bank import bank  # noqa: F401 - a fixture

Account = remote.economy.bank.Account


def test_values() -> None:
    """Managers are equal and pickle by their model."""
    assert Account.objects == Account._default_manager
    assert hash(Account.objects) == hash(Account.objects)
    assert Account.objects != remote.economy.bank.Branch.objects
    assert pickle.loads(pickle.dumps(Account.objects)) == Account.objects
    assert copy.deepcopy(Account.objects) == Account.objects
    assert repr(Account.objects) == "<RemoteManager of bank.Account>"


def test_begins_a_queryset_each_time() -> None:
    """A manager keeps nothing."""
    first, second = Account.objects.all(), Account.objects.get_queryset()
    assert first is not second
    assert isinstance(Account.objects, RemoteManager)
    for attribute in ("__iter__", "__len__", "query", "evaluated", "is_evaluated", "_plan", "X"):
        assert not hasattr(Account.objects, attribute)


@pytest.mark.parametrize("begin", [Account.objects, Account.objects.filter(uid=1)])
def test_ducks(begin: Any) -> None:
    """What libraries feel for is not there; a list would do as well as the rows."""
    with assertNumRPCs(0):
        assert [name for name in DUCKS | ATTRIBUTES if hasattr(begin, name)] == []
        with pytest.raises(AttributeError, match="isoformat"):
            json.dumps(begin, default=lambda value: value.isoformat())


def test_methods_are_named_without_a_request() -> None:
    """To name one costs nothing, to call it is the request."""
    with assertNumRPCs(0):
        method = Account.objects.filter(uid=1).overdrawn
        assert repr(method) == "<remote manager method Account.objects.overdrawn>"
        assert method.__name__ == "overdrawn"
        again = pickle.loads(pickle.dumps(method.using(timeout=2)))
        assert again._queryset._plan == method._queryset._plan
        assert method == method
        assert method != Account.objects.filter(uid=1).overdrawn
        assert method.__doc__ is None
    with pytest.raises(ConnectionLost):
        again()


def test_options_of_the_queryset_hold() -> None:
    """A method is called with the options of the queryset it is asked of."""
    assert Account.objects.using(timeout=2).total._options.timeout == 2


def test_templates_never_call() -> None:
    """A page that names a method of a manager shows nothing."""
    with assertNumRPCs(0):
        text = Template("{{ objects.overdrawn }}").render(Context({"objects": Account.objects}))
    assert text == ""


def test_called_on_the_rows_of_a_queryset(bank: str) -> None:  # noqa: F811
    """The plan travels with the call."""
    assert Account.objects.total() == Decimal(100)
    assert Account.objects.filter(uid__gt=2).total(above=Decimal(30)) == Decimal(40)
    assert Account.objects.total.submit().result(10) == Decimal(100)
    remotes["economy"].schema()
    assert Account.objects.total.__doc__ == "Return the sum of the balances over ``above``."
    with pytest.raises(QueryRefused, match="secret"):
        Account.objects.filter(secret="x").total()


def test_faked() -> None:
    """A fake takes the arguments alone."""
    with override_remote("economy", {"bank.Account.objects.total": 3}):
        assert Account.objects.total() == 3
