"""What a ModelRPC declares where nothing is said, and what its subclasses change."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel import ModelRPC
from chunnel.context import ServedCall
from chunnel.registry import Registry, register
from chunnel.registry.modelrpc import DEFAULT_MAX_ROWS
from tests.apps.bank.models import Account, Branch

CALL = ServedCall("1", "bank.Account.objects", "peer")


def test_nothing_is_exposed_that_is_not_declared() -> None:
    """An empty declaration shows the key and lets nobody filter by anything else."""
    own = Registry()
    register(Account, app_label="x", registry=own)(type("RPC", (ModelRPC,), {}))
    exposed = own.model(Account)
    assert exposed is not None
    assert (exposed.names, exposed.attributes, exposed.methods) == ((), (), ())
    assert exposed.ordering_fields == ()
    assert exposed.writable_fields == ()
    assert not exposed.shows_text
    assert {name for name, _ in exposed.filter_fields} <= {"pk"}
    assert exposed.max_rows == DEFAULT_MAX_ROWS
    assert [each.name for each in exposed.entries] == [
        "x.Account",
        "x.Account.objects",
        "x.Account.objects.iterator",
    ]


def test_methods_are_named_in_order() -> None:
    """Their names travel with each row, so they are the same in every process."""
    own = Registry()
    rpc = type("RPC", (ModelRPC,), {"methods": {"withdraw": {}, "deposit": {"atomic": True}}})
    register(Account, app_label="x", registry=own)(rpc)
    exposed = own.model(Account)
    assert exposed is not None
    assert exposed.methods == ("deposit", "withdraw")


@pytest.mark.django_db
def test_all_rows_are_shown_unless_it_says_otherwise() -> None:
    """``get_queryset`` is of the default manager, and of the model it was made for."""
    Branch.objects.create(city="Ulm", code="u")
    Branch.objects.create(city="Bonn", code="b")
    assert ModelRPC(Branch).model is Branch
    assert ModelRPC(Branch).get_queryset(CALL).count() == 2

    class OnlyUlm(ModelRPC):
        def get_queryset(self, context: ServedCall) -> Any:
            return super().get_queryset(context).filter(city="Ulm")

    assert [branch.city for branch in OnlyUlm(Branch).get_queryset(CALL)] == ["Ulm"]


def test_what_is_declared_is_open_to_every_call_unless_it_says_otherwise() -> None:
    """The hooks narrow what the declaration opens."""
    rpc, branch = ModelRPC(Branch), Branch()
    assert rpc.has_view_permission(CALL) is True
    assert rpc.has_view_permission(CALL, branch) is True
    assert rpc.has_add_permission(CALL) is True
    assert rpc.has_change_permission(CALL, branch) is True
    assert rpc.has_delete_permission(CALL, branch) is True
