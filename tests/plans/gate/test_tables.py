"""What a declaration means, spelled out."""

from __future__ import annotations

from chunnel.plans.gate.tables import Join, Table, attname, is_forward, legal
from chunnel.schema import FieldSchema

from .declared import ACCOUNT, SCHEMAS, link, model

TABLE = Table("bank.Account", ACCOUNT, SCHEMAS.get, frozenset({"secret"}))


def test_columns_by_every_name() -> None:
    assert TABLE.columns.keys() == {
        *("pk", "id", "uid", "owner", "opened", "day", "at", "data"),
        *("branch", "branch_id", "vault", "vault_id", "zone", "zone_id"),
    }


def test_a_key_that_is_declared() -> None:
    """It is one column by three names, or four where it leads to a row."""
    card = Table("bank.Card", SCHEMAS["bank.Card"], SCHEMAS.get)
    assert card.columns["pk"] is card.columns["account"] is card.columns["account_id"]


def test_relations_on_instances_and_in_queries() -> None:
    """A relation to a model that is not exposed is a column and leads nowhere."""
    assert TABLE.relations.keys() == {"branch", "zone", "transfer_set", "tags", "card"}
    assert TABLE.ways.keys() == {"branch", "zone", "transfer", "tags", "card"}


def test_what_keys_cross() -> None:
    """A relation to many, or one that nobody knows, is joined anew by each filter."""
    assert TABLE.keys["uid__in"] == ()
    assert TABLE.keys["branch__isnull"] == TABLE.keys["branch_id__isnull"] == ()
    assert TABLE.keys["branch__city"] == (Join("branch", many=False),)
    assert TABLE.keys["transfer__amount__gt"] == (Join("transfer", many=True),)
    assert TABLE.ordering["rank"] == (Join("rank", many=True),)
    far = model("Far", filter_fields=(("a__b__c", ("exact",)),))
    assert Table("bank.Far", far, SCHEMAS.get).keys["a__b__c"] == (
        Join("a", many=True),
        Join("a__b", many=True),
    )
    near = model(
        "Near",
        link("branch", "forward", "bank.Branch"),
        filter_fields=(("branch__parent__account__uid", ("exact",)),),
    )
    assert Table("bank.Near", near, SCHEMAS.get).keys["branch__parent__account__uid"] == (
        Join("branch", many=False),
        Join("branch__parent", many=False),
        Join("branch__parent__account", many=True),
    )


def test_ordering_by_the_key() -> None:
    assert "pk" not in TABLE.ordering
    assert Table("b.A", model("A", ordering_fields=("id",)), SCHEMAS.get).ordering["pk"] == ()


def test_ordering_by_a_foreign_key() -> None:
    """Its name means the order of the rows it leads to, its column the keys themselves."""
    made = model("A", link("branch", "forward", "bank.Branch"), ordering_fields=("branch",))
    assert Table("b.A", made, SCHEMAS.get).ordering.keys() == {"branch", "branch_id"}
    assert "branch_id" not in TABLE.ordering


def test_what_is_declared_of_the_key_goes_for_pk() -> None:
    made = Table("b.A", model("A", filter_fields=(("id", ("gt",)),)), SCHEMAS.get)
    assert {"id__gt", "pk__gt", "pk__in", "pk"} <= made.keys.keys()
    assert "pk__gt" not in TABLE.keys


def test_what_may_be_written() -> None:
    """By ``update()``: columns, and no relation to many rows."""
    assert TABLE.writable.keys() == {"uid", "day", "branch"}


def test_names_that_are_taken() -> None:
    assert {"secret", "full", "total", "transfer_set", "branch_id", "pk"} <= TABLE.taken


def test_foreign_keys_of_older_schemas() -> None:
    """They were columns like others, with a type that tells."""
    field = FieldSchema("branch", "ForeignKey", "branch")
    assert is_forward(field)
    assert attname(field) == "branch_id"


def test_what_is_legal() -> None:
    assert legal(["a", "b"]) == "legal are: a, b"
    assert legal([]) == "nothing is declared"
