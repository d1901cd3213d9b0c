"""What may be declared as writable, and which doors follow from it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F
from django.test import override_settings

from chunnel.registry import Entry, ExposedModel, Registry

from .variety import Variety, exposed


@pytest.fixture(scope="module")
def shop() -> Variety:
    return Variety()


def doors(found: ExposedModel) -> dict[str, Entry]:
    prefix = f"{found.name}."
    return {each.name.removeprefix(prefix): each for each in found.entries if each.kind == "write"}


READABLE = ["title", "price", "maker", "labels", "boxed", "shout", "doubled", "worth"]


def declared(shop: Variety, **more: Any) -> ExposedModel:
    return exposed(shop.thing, fields=READABLE, annotations={"worth": F("price") * 2}, **more)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, set()),
        ({"can_delete": True}, {"delete", "objects.delete"}),
        (
            {"can_create": True},
            {"save", "objects.create", "objects.bulk_create", "objects.get_or_create"},
        ),
        (
            {"writable_fields": ["maker"]},
            {"save", "objects.update", "objects.bulk_update"},
        ),
        ({"writable_fields": ["labels"]}, {"relate"}),
        (
            {"writable_fields": ["title", "labels"], "can_create": True, "can_delete": True},
            {
                "save",
                "delete",
                "relate",
                "objects.create",
                "objects.bulk_create",
                "objects.get_or_create",
                "objects.update_or_create",
                "objects.update",
                "objects.bulk_update",
                "objects.delete",
            },
        ),
    ],
)
def test_a_door_for_what_is_declared_and_no_other(
    shop: Variety, more: dict[str, Any], expected: set[str]
) -> None:
    found = doors(declared(shop, **more))
    assert set(found) == expected
    for name, entry in found.items():
        assert entry.attribute == name.rpartition(".")[2]
        assert (entry.effect, entry.style, entry.atomic) == ("write", "call", True)
        assert entry.callable
        assert entry.target is shop.thing


def test_what_may_be_written_is_sorted(shop: Variety) -> None:
    found = declared(shop, writable_fields=["labels", "maker", "title"]).writable
    assert found.names == ("labels", "maker", "title")
    assert found.columns == ("maker", "title")
    assert found.many == ("labels",)


def test_both_ends_of_a_many_to_many(shop: Variety) -> None:
    found = exposed(shop.label, fields=["things"], writable_fields=["things"])
    assert found.writable.many == ("things",)


def test_the_other_end_of_a_foreign_key_is_open_where_its_column_is(shop: Variety) -> None:
    """The other model says so, which may be exposed later."""
    own = Registry()
    maker = exposed(shop.maker, own, fields=["thing_set", "code"])
    assert set(doors(maker)) == {"relate"}
    assert not maker.written_there("thing_set")
    assert "shop.Maker.relate" not in own
    assert own.find("shop.Maker.relate") is None
    exposed(shop.thing, own, fields=["maker"], writable_fields=["maker"])
    assert maker.written_there("thing_set")
    assert own.find("shop.Maker.relate") is doors(maker)["relate"]
    assert "shop.Maker.relate" in own.entries
    assert "shop.Maker.relate" in {entry.name for entry in own}
    assert [field.writable for field in maker.schema.fields] == [True, False]
    own.remove("shop.Thing")
    assert "shop.Maker.relate" not in own
    exposed(shop.thing, own, fields=["maker", "title"], writable_fields=["title"])
    assert not maker.written_there("thing_set")
    assert "shop.Maker.relate" not in own.entries
    assert len(own) == len(list(own)) == len(own.entries)
    assert not maker.written_there("code")
    assert not maker.written_there("nothing")


class Elsewhere:
    """A router that keeps everything in another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "ledger"


def test_the_transaction_is_of_the_models_own_database(shop: Variety) -> None:
    with override_settings(DATABASE_ROUTERS=[Elsewhere()]):
        found = doors(declared(shop, can_delete=True))
    assert found["delete"].atomic == "ledger"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"writable_fields": ["made"]},
            r"^ThingRPC\.writable_fields: 'made' is not .*written: title, price, maker, labels\.$",
        ),
        ({"writable_fields": "title"}, r"this is a list of names"),
        ({"writable_fields": ["doubled"]}, r"'doubled' cannot be written: the database computes"),
        ({"writable_fields": ["shout"]}, r"'shout' cannot be written: it is a property"),
        ({"writable_fields": ["worth"]}, r"'worth' cannot be written: it is an annotation"),
        ({"writable_fields": ["boxed"]}, r"'boxed' cannot be written: it is the other end of a"),
        ({"can_create": 1}, r"^ThingRPC\.can_create: this is True or False, not 1"),
        ({"can_delete": "yes"}, r"^ThingRPC\.can_delete: this is True or False, not 'yes'"),
    ],
)
def test_mistakes_name_the_culprit(shop: Variety, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        declared(shop, **more)


def test_other_ends_of_foreign_keys_are_written_there(shop: Variety) -> None:
    with pytest.raises(ImproperlyConfigured, match="'thing_set' cannot be written"):
        exposed(shop.maker, fields=["thing_set"], writable_fields=["thing_set"])
