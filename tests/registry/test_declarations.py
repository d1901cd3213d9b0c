"""What a ModelRPC may declare, and how a mistake is named."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Model
from django.test.utils import isolate_apps

from chunnel import ModelRPC
from chunnel.registry import ExposedModel, Registry, register
from tests.apps.bank.models import Account


def expose_account(**declared: Any) -> ExposedModel:
    return expose_model(Account, **declared)


def expose_model(model: type[Model], **declared: Any) -> ExposedModel:
    registry = Registry()
    rpc = type(f"{model.__name__}RPC", (ModelRPC,), declared)
    register(model, app_label="bank", registry=registry)(rpc)
    found = registry.model(model)
    assert found is not None
    return found


class TestDefaults:
    def test_nothing_declared(self) -> None:
        exposed = expose_account()
        assert exposed.names == ()
        assert exposed.filter_fields == ()
        assert exposed.ordering_fields == ()
        assert exposed.max_rows == 100_000

    def test_filters_of_readable_fields(self) -> None:
        exposed = expose_account(fields=["uid", "branch"])
        lookups = ("exact", "in", "isnull")
        assert exposed.filter_fields == (("uid", lookups), ("branch", lookups))

    def test_declared_filters_are_all(self) -> None:
        exposed = expose_account(fields=["uid"], filter_fields={"owner": ["icontains"]})
        assert exposed.filter_fields == (("owner", ("icontains",)),)
        assert expose_account(fields=["uid"], filter_fields={}).filter_fields == ()

    def test_attributes_and_text(self) -> None:
        exposed = expose_account(fields=["__str__", "branch"])
        assert (exposed.names, exposed.attributes) == (("branch",), ("branch_id",))
        assert exposed.shows_text

    def test_options_of_methods(self) -> None:
        exposed = expose_account(
            methods={"deposit": {"atomic": True, "effect": "idempotent"}, "history": {}}
        )
        deposit, history = (each for each in exposed.entries if each.kind == "method")
        assert (deposit.atomic, deposit.effect, deposit.style) == (True, "idempotent", "call")
        assert history.style == "stream"

    def test_transforms(self) -> None:
        expose_account(filter_fields={"opened": ["year", "date__gte", "year__in"], "pk": ["gt"]})


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"fields": ["balanse"]}, r"AccountRPC\.fields: Account has no field 'balanse'; it has "),
        ({"fields": "uid"}, r"AccountRPC\.fields: this is a list of names, not 'uid'"),
        ({"fields": "__all__"}, r"AccountRPC\.fields: this is a list of names"),
        ({"fields": [5]}, r"5 is not a name"),
        ({"fields": ["uid", "uid"]}, r"'uid' stands there twice"),
        ({"fields": ["branch_id"]}, r"'branch_id' is spelled 'branch' here"),
        ({"fields": ["branch__city"]}, r"has no field 'branch__city'"),
        ({"filter_fields": ["uid"]}, r"AccountRPC\.filter_fields: this is a dict"),
        ({"filter_fields": {"uid": "exact"}}, r"filter_fields\['uid'\]: this is a list"),
        ({"filter_fields": {"uid": []}}, r"filter_fields\['uid'\]"),
        (
            {"filter_fields": {"uid": ["almost"]}},
            r"filter_fields\['uid'\]: PositiveIntegerField has no lookup 'almost'",
        ),
        ({"filter_fields": {"branch__town": ["exact"]}}, r"\['branch__town'\]: Branch has no"),
        (
            {"filter_fields": {"uid__gt": ["exact"]}},
            r"\['uid__gt'\]: 'uid' is no relation, so the path ends there",
        ),
        ({"filter_fields": {"opened": ["date__almost"]}}, "has no lookup 'date__almost'"),
        ({"filter_fields": {"opened": ["almost__gte"]}}, "has no lookup 'almost__gte'"),
        ({"filter_fields": {"_connector": ["exact"]}}, "is not a lower_case field path"),
        ({"ordering_fields": ["-uid"]}, r"AccountRPC\.ordering_fields: '-uid'"),
        ({"ordering_fields": ["?"]}, r"'\?' is not a lower_case field path"),
        ({"writable_fields": ["owner"]}, r"writable_fields: 'owner' is not among the readable"),
        ({"methods": ["missing"]}, r"AccountRPC\.methods: Account has no method 'missing'"),
        ({"methods": ["_meta"]}, r"'_meta' cannot be a remote name"),
        ({"methods": ["uid"]}, r"'uid' is not a method"),
        ({"methods": ["objects"]}, "'objects' has a meaning of its own"),
        ({"methods": ["pk"]}, "'pk' has a meaning of its own"),
        ({"methods": ["delete"]}, r"'delete' is Django's own"),
        ({"methods": {"deposit": {"fast": 1}}}, r"methods\['deposit'\]: no option is named 'fast'"),
        ({"methods": {"deposit": 5}}, r"methods\['deposit'\]: the options of a method are a dict"),
        ({"methods": {"deposit": {"effect": "no"}}}, "an effect is one of"),
        ({"methods": {"history": {"atomic": True}}}, "generator and cannot be atomic"),
        (
            {"manager_methods": ["poorest"]},
            r"AccountRPC\.manager_methods: AccountQuerySet or AccountManager has no method",
        ),
        ({"manager_methods": ["bulk_create"]}, "Django's own"),
        ({"manager_methods": ["delete"]}, "Django's own"),
        (
            {"filter_field": {"uid": ["exact"]}},
            r"AccountRPC\.filter_field: no such declaration; did you mean filter_fields\?",
        ),
        ({"orderings_fields": ["uid"]}, "did you mean ordering_fields"),
        ({"method": ["deposit"]}, r"AccountRPC\.method: no such declaration; did you mean methods"),
        ({"methods": {"deposit": {"atomic": "elsewhere"}}}, r"\['deposit'\]: .*no database"),
        ({"methods": {"deposit": {"blocking": 1}}}, r"\['deposit'\]: .*True, False or None"),
        ({"max_rows": 0}, r"AccountRPC\.max_rows: this is a whole number from 1, not 0"),
        ({"max_rows": True}, r"max_rows"),
    ],
)
def test_mistakes_name_the_class_and_the_culprit(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        expose_account(**declared)


def test_attributes_of_its_own() -> None:
    """A ModelRPC may have what is not mistaken for a declaration: helpers, and what it inherits."""

    class Base(ModelRPC):
        currency = "EUR"

        def visible(self) -> None: ...

    rpc = type("AccountRPC", (Base,), {"fields": ["uid"], "_field": 1, "METHOD": 2, "help": "x"})
    registry = Registry()
    register(Account, app_label="bank", registry=registry)(rpc)
    assert registry.model(Account) is not None


@pytest.mark.parametrize(("model", "field"), [(User, "groups"), (Group, "user")])
def test_relations_to_many_in_paths(model: type[Model], field: str) -> None:
    """Queries name them in their own way, also where instances have another name for them."""
    expose_model(model, filter_fields={field: ["exact", "in"]}, ordering_fields=[field])


@isolate_apps("django.contrib.contenttypes")
def test_what_no_caller_could_use_is_refused() -> None:
    """A name that no remote name can have, and a relation that no query can follow."""

    class Tag(models.Model):
        content_type = models.ForeignKey(ContentType, models.CASCADE)
        object_id = models.IntegerField()
        target = GenericForeignKey()
        Shout = models.CharField(max_length=10)

        class Meta:
            app_label = "tests"

    with pytest.raises(ImproperlyConfigured, match="'Shout' cannot be a remote name"):
        expose_model(Tag, fields=["Shout"])
    with pytest.raises(ImproperlyConfigured, match="'target' is a generic relation"):
        expose_model(Tag, fields=["target"])
    for declared in ({"filter_fields": {"target": ["exact"]}}, {"ordering_fields": ["target"]}):
        with pytest.raises(ImproperlyConfigured, match="'target' is a generic relation"):
            expose_model(Tag, **declared)


class Named(models.Manager[Any]):
    """Has methods under names of its own and of querysets."""

    def by_name(self) -> Any:
        return self.order_by("name")

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        return super().filter(*args, **kwargs)


@isolate_apps("tests.apps.bank")
@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("methods", "save"),
        ("methods", "refresh_from_db"),
        ("methods", "relate"),
        ("manager_methods", "filter"),
        ("manager_methods", "iterator"),
        ("manager_methods", "only"),
    ],
)
def test_names_that_remote_models_have_themselves(attribute: str, name: str) -> None:
    """A method of the project's own that overrides one of Django's would never be reached."""

    class Person(models.Model):
        name = models.CharField(max_length=10)
        objects = Named()

        class Meta:
            app_label = "bank"

        def save(self, *args: Any, **kwargs: Any) -> None:
            super().save(*args, **kwargs)

        def relate(self) -> None: ...

    expose_model(Person, manager_methods=["by_name"])
    with pytest.raises(ImproperlyConfigured, match=f"{attribute}: '{name}' has a meaning"):
        expose_model(Person, **{attribute: [name]})
