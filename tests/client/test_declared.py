"""What a schema that is held says of fields."""

from __future__ import annotations

import pytest

from chunnel import remote
from chunnel.client.declared import attname, columns, find_field, held_model, is_forward
from chunnel.schema import FieldSchema, ModelSchema
from chunnel.test import assertNumRPCs

KEY = FieldSchema("id", "AutoField", "id")
BRANCH = FieldSchema("branch", "ForeignKey", "branch", kind="forward", attname="branch_id")
HIDDEN = FieldSchema("owner", "OneToOneField", "owner")
CARDS = FieldSchema("cards", "ManyToOneRel", "cards", kind="many")
SIZE = FieldSchema("size", "IntegerField", "size", kind="annotation")
FIELDS = (KEY, BRANCH, HIDDEN, CARDS, SIZE)
ACCOUNT = ModelSchema("Account", "", "account", "accounts", "id", FIELDS, (), (), ())


def test_not_held() -> None:
    """Nothing is asked for it."""
    with assertNumRPCs(0):
        assert held_model(remote.economy.money.Account) is None


@pytest.mark.parametrize(
    ("field", "name", "forward"),
    [(KEY, "id", False), (BRANCH, "branch_id", True), (HIDDEN, "owner_id", True)],
)
def test_names_of_columns(field: FieldSchema, name: str, forward: bool) -> None:
    """A foreign key's has its key, also where what it leads to is not exposed."""
    assert (attname(field), is_forward(field)) == (name, forward)


def test_finding() -> None:
    """By name, by that of the column, and the key as ``pk``."""
    assert find_field(ACCOUNT, "branch") is find_field(ACCOUNT, "branch_id") is BRANCH
    assert find_field(ACCOUNT, "pk") is KEY
    assert find_field(ACCOUNT, "cards") is CARDS
    assert find_field(ACCOUNT, "nothing") is None
    assert find_field(None, "branch") is None
    assert columns(ACCOUNT) == [KEY, BRANCH, HIDDEN]
