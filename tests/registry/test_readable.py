"""What may stand among the readable fields, and how a name that may not is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count, Exists, F, OuterRef, Q, Sum

from chunnel.registry import Registry
from chunnel.values import Relation

from .variety import Variety, exposed


@pytest.fixture(scope="module")
def shop() -> Variety:
    return Variety()


def test_fields_of_all_kinds(shop: Variety) -> None:
    """Each kind stands where it belongs, in the order of the declaration."""
    own = Registry()
    exposed(shop.label, own, fields=["word", "things"])
    exposed(shop.maker, own, fields=["code", "thing_set"])
    found = exposed(
        shop.thing,
        own,
        fields=[
            "shout",
            "maker",
            "labels",
            "cheap",
            "title",
            "boxed",
            "__str__",
            "whisper",
            "box",
            "doubled",
        ],
        annotations={"cheap": Q(price__lt=5)},
    )
    assert found.order == (
        "shout",
        "maker",
        "labels",
        "cheap",
        "title",
        "boxed",
        "whisper",
        "box",
        "doubled",
    )
    assert found.names == ("maker", "title", "box", "doubled")
    assert found.attributes == ("maker_id", "title", "box_id", "doubled")
    assert found.shows_text
    assert found.properties == ("shout", "whisper")
    assert found.annotations == {"cheap": Q(price__lt=5)}
    assert found.relations == (
        Relation("labels", "shop.Label", True),
        Relation("boxed", "shop.Thing", False, "box"),
    )
    assert found.forward == (
        Relation("maker", "shop.Maker", False),
        Relation("box", "shop.Thing", False),
    )
    assert found.related("maker") is own.model(shop.maker)
    assert found.related("title") is None
    maker = own.model(shop.maker)
    assert maker is not None
    assert maker.relations == (Relation("thing_set", "shop.Thing", True, "maker"),)


def test_a_relation_to_a_model_that_is_not_exposed_leads_nowhere(shop: Variety) -> None:
    """Until it is exposed, which may come later."""
    own = Registry()
    found = exposed(shop.thing, own, fields=["labels", "maker"])
    assert (found.relations, found.forward) == ((), ())
    assert [(each.name, each.relation) for each in found.schema.fields] == [("maker", None)]
    before = found.rules()
    exposed(shop.label, own)
    exposed(shop.maker, own)
    assert [each.name for each in found.relations] == ["labels"]
    assert [each.name for each in found.forward] == ["maker"]
    assert [each.relation for each in found.schema.fields] == ["shop.Label", "shop.Maker"]
    assert found.rules() is not before
    own.remove("shop.Label")
    assert found.relations == ()


def test_annotations_may_be_filtered_and_ordered_by(shop: Variety) -> None:
    """With the lookups that values of their type have."""
    found = exposed(
        shop.maker,
        fields=["things", "worth"],
        annotations={"things": Count("thing"), "worth": Sum("thing__price")},
        filter_fields={"things": ["gt", "in"], "thing__price": ["exact"]},
        ordering_fields=["worth"],
    )
    assert dict(found.filter_fields)["things"] == ("gt", "in")
    assert found.ordering_fields == ("worth",)


def test_filters_that_nobody_declared_are_of_columns(shop: Variety) -> None:
    """What is computed costs the database more, and is filtered by where it is declared."""
    found = exposed(
        shop.thing,
        fields=["title", "labels", "shout", "worth"],
        annotations={"worth": F("price") * 2},
    )
    assert [name for name, _ in found.filter_fields] == ["title"]


def test_annotations_may_build_on_each_other(shop: Variety) -> None:
    found = exposed(
        shop.thing,
        fields=["twice", "boxes"],
        annotations={
            "twice": F("price") * 2,
            "boxes": Exists(shop.thing._default_manager.filter(box=OuterRef("pk"))),
        },
    )
    assert list(found.annotations) == ["twice", "boxes"]
    assert {name: type(each).__name__ for name, each in found.outputs.items()} == {
        "twice": "DecimalField",
        "boxes": "BooleanField",
    }


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"fields": ["pricee"]},
            r"^ThingRPC\.fields: Thing has no field 'pricee'; it has box, .*labels, .*, whisper\.$",
        ),
        ({"fields": ["maker_id"]}, r"'maker_id' is spelled 'maker' here"),
        ({"fields": ["pk"]}, r"'pk' has a meaning of its own on remote models"),
        ({"fields": ["objects"]}, r"'objects' has a meaning of its own"),
        ({"fields": ["refresh_from_db"]}, r"'refresh_from_db' has a meaning of its own"),
        ({"fields": ["speak"]}, r"'speak' is a method; name it in methods"),
        ({"fields": ["notes"]}, r"'notes' is a generic relation, which no query can follow"),
        ({"fields": ["Loud"]}, r"'Loud' cannot be a remote name"),
        ({"fields": ["maker__name"]}, r"Thing has no field 'maker__name'"),
        ({"fields": ["_state"]}, r"Thing has no field '_state'"),
        ({"annotations": ["a"]}, r"^ThingRPC\.annotations: this is a dict from names to Django's"),
        ({"annotations": {1: F("id")}}, r"1 cannot be a name"),
        ({"annotations": {"A": F("id")}}, r"'A' cannot be a name; those are lower_case"),
        ({"annotations": {"a__b": F("id")}}, r"'a__b' cannot be a name"),
        ({"annotations": {"a" * 201: F("id")}}, r"the name is too long"),
        ({"annotations": {"save": F("id")}}, r"'save' has a meaning of its own"),
        ({"annotations": {"a": "id"}}, r"annotations\['a'\]: this is an expression like .*'id'"),
        ({"annotations": {"title": F("id")}}, r"annotations\['title'\]: Thing has something of"),
        ({"annotations": {"shout": F("id")}}, r"annotations\['shout'\]: Thing has something of"),
        ({"annotations": {"maker_id": F("id")}}, r"\['maker_id'\]: Thing has something of"),
        ({"annotations": {"a": F("id")}}, r"annotations\['a'\]: it is not among the readable"),
        (
            {"annotations": {"a": F("pricee")}, "fields": ["a"]},
            r"annotations\['a'\]: it cannot be computed: Cannot resolve keyword 'pricee'",
        ),
        (
            {"annotations": {"a": F("id") + F("title")}, "fields": ["a"]},
            r"it cannot be computed: Cannot infer type of '\+' expression",
        ),
        (
            {"annotations": {"a": OuterRef("id")}, "fields": ["a"]},
            r"annotations\['a'\]: it cannot be computed: ",
        ),
        (
            {
                "annotations": {"a": F("id")},
                "fields": ["a"],
                "filter_fields": {"a": ["almost"]},
            },
            r"filter_fields\['a'\]: BigAutoField has no lookup 'almost'",
        ),
        ({"ordering_fields": ["shout"]}, r"ordering_fields: Thing has no field 'shout'"),
        ({"filter_fields": {"shout": ["exact"]}}, r"Thing has no field 'shout'"),
    ],
)
def test_mistakes_name_the_culprit(shop: Variety, declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        exposed(shop.thing, **declared)


def test_a_relation_under_the_name_that_queries_have_for_it(shop: Variety) -> None:
    """The message says what it is called on instances."""
    with pytest.raises(ImproperlyConfigured, match="on instances it is 'thing_set'"):
        exposed(shop.maker, fields=["thing"])
