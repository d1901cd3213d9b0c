"""From the registry to the schema."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from django.db import models
from django.db.models import F
from django.test.utils import isolate_apps
from django.utils.translation import gettext_lazy

from chunnel.registry import ModelRPC, Registry, build_schema, expose, register, registry
from chunnel.schema import FieldSchema, FunctionSchema, ModelSchema, ParameterSchema
from tests.apps.bank.models import Account, Branch

from .variety import Variety, exposed


class Level(Enum):
    HIGH = Decimal("9.5")


def described(function: Any, **options: Any) -> FunctionSchema:
    own = Registry()
    expose(function, app_label="x", name="described", registry=own, **options)
    (app,) = build_schema(own, "test").apps
    (found,) = app.functions
    return found


def bank_model(name: str) -> ModelSchema:
    (bank,) = [app for app in build_schema(registry, "p").apps if app.label == "bank"]
    return {model.name: model for model in bank.models}[name]


class TestFunctions:
    def test_parameters(self) -> None:
        def function(a: int, /, b: Decimal = Decimal(1), *args: Any, c: str = "x", **k: Any) -> int:
            """Do it."""
            return a

        found = described(function, effect="read")
        assert found.doc == "Do it."
        assert found.returns == "int"
        assert found.effect == "read"
        assert found.parameters == (
            ParameterSchema("a", "POSITIONAL_ONLY", None, "int"),
            ParameterSchema("b", "POSITIONAL_OR_KEYWORD", "Decimal('1')", "Decimal"),
            ParameterSchema("args", "VAR_POSITIONAL", None, "Any"),
            ParameterSchema("c", "KEYWORD_ONLY", "'x'", "str"),
            ParameterSchema("k", "VAR_KEYWORD", None, "Any"),
        )

    def test_defaults_never_show_what_they_hold(self) -> None:
        """A repr may hold a secret or an address in memory."""

        class Key:
            def __repr__(self) -> str:
                return "Key('secret')"

        def function(a: Any = Key(), b: Any = (), c: Any = gettext_lazy("Yes")) -> None: ...

        defaults = [each.default for each in described(function).parameters]
        assert defaults == ["...", "()", "'Yes'"]

    def test_defaults_of_plain_types_are_shown_as_source(self) -> None:
        """Also None, times and empty containers; others may hold what is nobody's business."""

        def function(
            a: Any = None,
            b: Any = datetime.date(2026, 1, 2),
            c: Any = datetime.timedelta(1),
            d: Any = {},
            e: Any = [Decimal(1)],
        ) -> None: ...

        defaults = [each.default for each in described(function).parameters]
        assert defaults == [
            "None",
            "datetime.date(2026, 1, 2)",
            "datetime.timedelta(days=1)",
            "{}",
            "...",
        ]

    def test_without_a_signature(self) -> None:
        assert [each.kind for each in described(math.hypot).parameters] == [
            "VAR_POSITIONAL",
            "VAR_KEYWORD",
        ]

    def test_streams(self) -> None:
        (bank,) = [app for app in build_schema(registry, "p").apps if app.label == "bank"]
        streams = {each.name for each in bank.functions if each.stream}
        assert streams == {"statement", "ticks"}


class TestModels:
    def test_fields(self) -> None:
        account = bank_model("Account")
        fields = {field.name: field for field in account.fields}
        assert list(fields) == ["uid", "owner", "balance", "opened", "kind", "branch"]
        assert "secret" not in repr(account)
        assert fields["branch"].relation == "bank.Branch"
        assert fields["branch"].null
        assert fields["kind"].choices == (
            ("current", "Current account"),
            ("savings", "Savings account"),
        )
        assert fields["uid"] == FieldSchema(
            "uid",
            "PositiveIntegerField",
            "uid",
            help_text="The citizen's number.",
            unique=True,
        )

    def test_the_rest(self) -> None:
        account = bank_model("Account")
        assert account.doc == "An account of a citizen."
        assert account.pk == "id"
        assert account.ordering == ("uid",)
        assert [each.name for each in account.methods] == [
            "deposit",
            "describe",
            "history",
            "withdraw",
        ]
        assert [each.name for each in account.methods[0].parameters] == ["amount", "note"]
        assert [each.name for each in account.manager_methods] == ["overdrawn", "richest", "total"]
        assert bank_model("Branch").verbose_name_plural == "branches"

    def test_a_relation_to_a_model_that_is_not_exposed(self) -> None:
        own = Registry()
        register(Account, app_label="x", registry=own)(
            type("AccountRPC", (ModelRPC,), {"fields": ["branch"]})
        )
        (app,) = build_schema(own, "p").apps
        assert app.models[0].fields[0].relation is None

    @isolate_apps("tests.apps.bank")
    def test_choices_of_other_types_are_text(self) -> None:
        """A schema travels in more formats than one."""

        class Rate(models.Model):
            kind = models.DecimalField(
                max_digits=3,
                decimal_places=1,
                choices=[(Decimal("1.5"), "low"), (Level.HIGH, "high"), (None, "none")],
                null=True,
            )

            class Meta:
                app_label = "tests"

        own = Registry()
        register(Rate, app_label="x", registry=own)(
            type("RateRPC", (ModelRPC,), {"fields": ["kind"]})
        )
        (app,) = build_schema(own, "p").apps
        choices = app.models[0].fields[0].choices
        assert choices == (("1.5", "low"), ("9.5", "high"), (None, "none"))

    def test_models_know_each_other_in_any_order(self) -> None:
        own = Registry()
        for model in (Account, Branch):
            fields = ["branch"] if model is Account else ["city"]
            rpc = type("RPC", (ModelRPC,), {"fields": fields})
            register(model, app_label="x", registry=own)(rpc)
        (app,) = build_schema(own, "p").apps
        assert app.models[0].fields[0].relation == "x.Branch"


class TestExceptions:
    def test_the_nearest_base(self) -> None:
        (bank,) = [app for app in build_schema(registry, "p").apps if app.label == "bank"]
        (found,) = bank.exceptions
        assert (found.name, found.base) == ("InsufficientFunds", "bank.BankError")


def test_the_fingerprint_names_the_description() -> None:
    first = build_schema(registry, "p")
    assert first.fingerprint == build_schema(registry, "p").fingerprint
    assert first.fingerprint != build_schema(registry, "q").fingerprint


class TestFieldsOfAllKinds:
    @pytest.fixture
    def shop(self) -> dict[str, ModelSchema]:
        own, made = Registry(), Variety()
        exposed(made.label, own, fields=["word", "things"], can_delete=True)
        exposed(made.maker, own, fields=["name", "thing_set"], can_create=True)
        exposed(
            made.thing,
            own,
            fields=[
                "title",
                "price",
                "maker",
                "labels",
                "box",
                "boxed",
                "shout",
                "whisper",
                "worth",
                "made",
            ],
            annotations={"worth": F("price") * 2},
            writable_fields=["labels", "title"],
        )
        (app,) = build_schema(own, "p").apps
        return {model.name: model for model in app.models}

    def test_columns(self, shop: dict[str, ModelSchema]) -> None:
        fields = {field.name: field for field in shop["Thing"].fields}
        assert fields["title"] == FieldSchema(
            "title", "CharField", "title", writable=True, has_default=True, max_length=50
        )
        assert fields["price"] == FieldSchema(
            "price", "DecimalField", "what it costs", max_digits=8, decimal_places=2
        )
        assert fields["made"].blank

    def test_relations(self, shop: dict[str, ModelSchema]) -> None:
        fields = {field.name: field for field in shop["Thing"].fields}
        assert fields["labels"] == FieldSchema(
            "labels",
            "ManyToManyField",
            "labels",
            relation="shop.Label",
            writable=True,
            kind="many",
            blank=True,
        )
        assert fields["boxed"] == FieldSchema(
            "boxed",
            "OneToOneRel",
            "thing",
            null=True,
            relation="shop.Thing",
            kind="reverse",
            blank=True,
        )
        box = fields["box"]
        assert (box.kind, box.attname, box.unique) == ("forward", "box_id", True)
        (_, things) = shop["Label"].fields
        assert (things.type, things.verbose_name, things.kind) == (
            "ManyToManyRel",
            "things",
            "many",
        )

    def test_a_relation_that_queries_name_in_their_own_way(
        self, shop: dict[str, ModelSchema]
    ) -> None:
        fields = {field.name: field for field in shop["Maker"].fields}
        assert (fields["thing_set"].kind, fields["thing_set"].query_name) == ("many", "thing")
        assert {field.query_name for field in shop["Thing"].fields} == {""}

    def test_the_key_that_a_foreign_key_holds_is_named_where_it_is_seen(
        self, shop: dict[str, ModelSchema]
    ) -> None:
        """Else the name of a hidden field would show."""
        (maker,) = [field for field in shop["Thing"].fields if field.name == "maker"]
        assert (maker.relation, maker.target) == ("shop.Maker", "")
        own, made = Registry(), Variety()
        exposed(made.maker, own, fields=["code"])
        found = exposed(made.thing, own, fields=["maker", "box"])
        assert [field.target for field in found.schema.fields] == ["code", "pk"]

    def test_what_is_computed(self, shop: dict[str, ModelSchema]) -> None:
        fields = {field.name: field for field in shop["Thing"].fields}
        assert fields["worth"] == FieldSchema(
            "worth", "DecimalField", "worth", null=True, kind="annotation", blank=True
        )
        assert fields["shout"] == FieldSchema(
            "shout",
            "str",
            "shout",
            null=True,
            help_text="The title in capitals, for all to hear.",
            kind="property",
            blank=True,
        )
        assert fields["whisper"].type == "str"

    def test_what_may_be_done(self, shop: dict[str, ModelSchema]) -> None:
        assert [(each.can_create, each.can_delete) for each in shop.values()] == [
            (False, True),
            (True, False),
            (False, False),
        ]
        assert shop["Maker"].get_latest_by == ("name",)
        assert shop["Thing"].get_latest_by == ()
