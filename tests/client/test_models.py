"""Instances of remote models."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template

from chunnel import FieldNotFetched, UnsavedChanges, remote, remotes
from chunnel.client.models import instances_class, make_instance, reference
from chunnel.client.unsupported import ATTRIBUTES, DUCKS
from chunnel.schema.steps import NOT_STEPS
from chunnel.test import assertNumRPCs
from chunnel.values import InstanceRef

from .bank import OPENED, bank  # noqa: F401 - a fixture

economy = remote.economy


def _account(key: Any = 1, **fields: Any) -> Any:
    fields = fields or {"uid": 5, "owner": "Ann"}
    account = economy.money.Account
    return make_instance(
        account, key, tuple(fields), fields.values(), "Ann (5)", methods=("deposit",)
    )


def test_fields_are_attributes() -> None:
    """Reading one makes no request; the key is ``pk``."""
    with assertNumRPCs(0):
        account = _account()
        assert (account.uid, account.owner, account.pk) == (5, "Ann", 1)
        assert account.serializable_value("owner") == "Ann"


def test_kind_of_object() -> None:
    """An instance is of its model, and is no exception."""
    account = _account()
    assert isinstance(account, economy.money.Account)
    assert not isinstance(account, economy.money.Branch)
    assert not isinstance(account, BaseException)
    assert not isinstance(3, economy.money.Account)
    assert type(account) is instances_class(economy.money.Account)
    assert account.DoesNotExist is economy.money.Account.DoesNotExist
    assert account.MultipleObjectsReturned is economy.money.Account.MultipleObjectsReturned
    assert type(account)._meta == economy.money.Account._meta
    assert type(account)._default_manager == type(account).objects == economy.money.Account.objects
    assert type(account).DoesNotExist is economy.money.Account.DoesNotExist


def test_equality_and_hash() -> None:
    """By model and key, as Django's."""
    assert _account() == _account(owner="other")
    assert hash(_account()) == hash(_account(owner="other"))
    assert _account(1) != _account(2)
    assert _account() != make_instance(economy.money.Branch, 1, (), ())
    assert _account() != 1
    fresh = _account(None)
    assert fresh == fresh
    assert fresh != _account(None)
    with pytest.raises(TypeError, match="unhashable"):
        hash(fresh)


def test_text() -> None:
    """As the server gave it, else as Django would without one."""
    assert (str(_account()), repr(_account())) == ("Ann (5)", "<Account: Ann (5)>")
    assert str(make_instance(economy.money.Account, 7, (), ())) == "Account object (7)"


def test_pickle_and_copy() -> None:
    """Without a request, with fields, edits and text."""
    account = _account(uid=5, tags=["a"])
    account.uid = 6
    for again in (pickle.loads(pickle.dumps(account)), copy.copy(account), copy.deepcopy(account)):
        assert again == account
        assert type(again) is type(account)
        assert (again.uid, again.tags, str(again)) == (6, ["a"], "Ann (5)")
        with pytest.raises(UnsavedChanges):
            again.deposit()
        assert not hasattr(again, "wipe")
    assert copy.copy(account).tags is account.tags
    assert copy.deepcopy(account).tags is not account.tags


@pytest.mark.parametrize("name", ["Upper", "_x", "__html__", "resolve_expression", "as_sql"])
def test_ducks(name: str) -> None:
    """What others look for on any object is not there."""
    assert not hasattr(_account(), name)


def test_attributes_are_a_closed_set(bank: str) -> None:  # noqa: F811
    """Without a schema too: nothing that others feel for is there, and to ask makes no request."""
    accounts = economy.bank.Account.objects
    instances = [
        accounts.get(uid=1),  # as a single row,
        accounts.filter(uid=1)[0],  # from columns,
        economy.bank.account(1),  # as a result,
        economy.bank.rich(Decimal(0))[0],  # from a queryset as a result
        economy.bank.Branch.objects.first(),  # and from one of a model that shows no text
    ]
    felt_for = DUCKS - {"pk"} | NOT_STEPS | ATTRIBUTES
    unknown = ("objects", "relate", "full_clean", "wipe", "secret", "anything")
    assert remotes["economy"].held_schema is None
    with assertNumRPCs(0):
        for instance in instances:
            assert [name for name in (*felt_for, *unknown) if hasattr(instance, name)] == []
            with pytest.raises(TypeError, match="not JSON serializable"):
                json.dumps(instance)
            with pytest.raises(AttributeError, match="isoformat"):
                json.dumps(instance, default=lambda value: value.isoformat())
        for instance in instances[:4]:
            assert callable(instance.deposit)
            assert {"deposit", "withdraw", "history", "describe", "uid", "pk"} <= set(dir(instance))
            with pytest.raises(AttributeError, match=r"'wipe'; it has uid, .*, deposit, describe"):
                instance.wipe
        assert not hasattr(instances[4], "deposit")


def test_the_key_of_what_was_not_fetched(bank: str) -> None:  # noqa: F811
    """Of a foreign key only the key is there; the other instance is not a method."""
    account = economy.bank.Account.objects.get(uid=1)
    with assertNumRPCs(0), pytest.raises(FieldNotFetched, match=r"'branch'.*key.*'branch_id'"):
        account.branch
    assert not hasattr(account, "branch")
    assert account.branch_id


def test_unknown_attribute_with_a_schema(bank: str) -> None:  # noqa: F811
    """The schema says what is a method, a field, or nothing."""
    remotes["economy"].schema()
    account = make_instance(economy.bank.Account, 1, ("uid",), (1,))
    assert account.deposit.__doc__ == "Add ``amount`` and return the new balance."
    assert str(account.deposit.__signature__).startswith("(amount: Decimal")
    with pytest.raises(FieldNotFetched, match=r"'owner'.*took uid"):
        account.owner
    with pytest.raises(AttributeError, match=r"'wipe'.*deposit"):
        account.wipe
    assert not hasattr(account, "secret")
    assert {"deposit", "uid", "pk"} <= set(dir(account))
    assert not {"_key", "_methods"} & set(dir(account))


def test_templates_read_and_never_call(bank: str) -> None:  # noqa: F811
    """A page shows fields; a method in it shows nothing and is not called."""
    account = economy.bank.Account.objects.get(uid=1)
    with assertNumRPCs(0):
        text = Template("{{ a.owner }},{{ a.pk }},{{ a }},{{ a.describe }},{{ a.wipe }}").render(
            Context({"a": account})
        )
    assert text == f"o1,{account.pk},o1 (1),,"


def test_instances_as_arguments(bank: str) -> None:  # noqa: F811
    """They travel as model and key, and are loaded again."""
    accounts = economy.bank.Account.objects
    assert reference(_account()) == InstanceRef("money.Account", 1)
    left = economy.bank.transfer(accounts.get(uid=4), accounts.get(uid=1), Decimal(15))
    assert left == Decimal(25)
    assert accounts.get(uid=1).balance == Decimal(25)


def test_instances_as_results(bank: str) -> None:  # noqa: F811
    """They arrive with their readable fields, and nothing else."""
    account = economy.bank.account(2)
    assert isinstance(account, economy.bank.Account)
    assert account == economy.bank.Account.objects.get(uid=2)
    assert (account.owner, account.balance) == ("o2", Decimal(20))
    assert "secret" not in vars(account)
