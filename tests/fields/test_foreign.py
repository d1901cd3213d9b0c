"""The column of a RemoteForeignKey: queries, migrations, conversions."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import uuid
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import Count, F
from django.test.utils import isolate_apps

from chunnel import ModelRPC, RemoteForeignKey, prefetch_remote, register, remote, remotes
from chunnel.registry import registry
from chunnel.test import assertNumRPCs, override_remote
from tests.apps.town.models import Citizen, Deed

from .conftest import GONE, Town

Account = remote.economy.bank.Account
TO = "economy.bank.Account"


def names(queryset: Any) -> list[str]:
    return [each.name for each in queryset]


class TestQueries:
    """Whatever is asked of this database needs no one else."""

    def test_by_key(self, town: Town) -> None:
        with assertNumRPCs(0):
            assert names(Citizen.objects.filter(account=1)) == ["Bela", "Cem"]
            assert names(Citizen.objects.filter(account_id=1)) == ["Bela", "Cem"]
            assert names(Citizen.objects.filter(account__in=[0, GONE])) == ["Ada", "Emil"]
            assert names(Citizen.objects.exclude(account__lt=GONE)) == ["Dora", "Emil"]
            assert names(Citizen.objects.filter(account=None)) == ["Dora"]
            assert names(Citizen.objects.filter(account__isnull=True)) == ["Dora"]
            assert names(Citizen.objects.rich().filter(account_id__gte=1)) == [
                "Bela",
                "Cem",
                "Emil",
            ]

    def test_by_instance(self, town: Town) -> None:
        one, two = Account.objects.filter(uid__in=[0, 1]).order_by("uid")
        with assertNumRPCs(0):
            assert names(Citizen.objects.filter(account=two)) == ["Bela", "Cem"]
            assert names(Citizen.objects.filter(account__in=[one, two])) == ["Ada", "Bela", "Cem"]
            assert names(Citizen.objects.filter(account__in=[one, GONE])) == ["Ada", "Emil"]
            assert Citizen.objects.get_or_create(name="Ada", account=one)[1] is False

    def test_by_a_remote_queryset(self, town: Town) -> None:
        """It is fetched at once, in one request, unless it was already."""
        positive = Account.objects.filter(balance__gt=0)
        with assertNumRPCs(1):
            found = Citizen.objects.filter(account__in=positive)
        with assertNumRPCs(0):
            assert names(found) == names(found.all()) == ["Bela", "Cem"]
            assert names(Citizen.objects.exclude(account__in=positive)) == ["Ada", "Dora", "Emil"]

    def test_by_values_of_a_remote_queryset(self, town: Town) -> None:
        keys = Account.objects.filter(balance__gt=0).values_list("uid", flat=True)
        with assertNumRPCs(1):
            assert names(Citizen.objects.filter(account__in=keys)) == ["Bela", "Cem"]

    def test_order_values_and_aggregates(self, town: Town) -> None:
        everybody = Citizen.objects.rich()
        with assertNumRPCs(0):
            assert names(everybody.order_by("-account", "name")) == ["Emil", "Bela", "Cem", "Ada"]
            assert list(everybody.order_by("id").values("account")[:1]) == [{"account": 0}]
            assert list(
                everybody.order_by("account").values_list("account_id", flat=True).distinct()
            ) == [0, 1, GONE]
            counted = everybody.values("account").annotate(n=Count("id")).order_by("account")
            assert [each["n"] for each in counted] == [1, 2, 1]
            assert names(Citizen.objects.filter(account=F("account") + 0)) == [
                "Ada",
                "Bela",
                "Cem",
                "Emil",
            ]
            assert Citizen.objects.only("account").first().account_id == 0

    def test_writing(self, town: Town) -> None:
        found = Account.objects.get(uid=2)
        with assertNumRPCs(0):
            Citizen.objects.filter(name="Dora").update(account=found)
            assert Citizen.objects.get(name="Dora").account_id == 2
            town.ada.account = town.bela.account = found
            Citizen.objects.bulk_update([town.ada, town.bela], ["account"])
            Citizen.objects.bulk_create([Citizen(name="Fay", account=found)])
            assert names(Citizen.objects.filter(account=2)) == ["Ada", "Bela", "Dora", "Fay"]
            Citizen.objects.update(account=F("account") + 1)
            assert Citizen.objects.filter(account=3).count() == 4

    def test_no_way_across(self, town: Town) -> None:
        """The rows of another project cannot be joined."""
        with pytest.raises(FieldError, match="Unsupported lookup 'owner' for RemoteForeignKey"):
            Citizen.objects.filter(account__owner="o0")
        with pytest.raises(FieldError, match="Join on 'account' not permitted"):
            Citizen.objects.order_by("account__owner").first()
        with pytest.raises(FieldError, match="Non-relational field given in select_related"):
            Citizen.objects.select_related("account").first()


class TestPickling:
    def test_a_queryset(self, town: Town) -> None:
        """What it will fetch travels along."""
        queryset = Citizen.objects.filter(account=1).prefetch_remote("account")
        again = Citizen.objects.all()
        again.query = pickle.loads(pickle.dumps(queryset.query))
        assert names(again) == ["Bela", "Cem"]
        with assertNumRPCs(1):
            found = pickle.loads(pickle.dumps(queryset))
        with assertNumRPCs(0):
            assert [each.account.owner for each in found] == ["o1", "o1"]


class TestTypes:
    """The column is that of the field that says its type."""

    @pytest.mark.parametrize(
        ("key", "value", "python"),
        [
            (models.PositiveIntegerField(), "7", 7),
            (models.CharField(max_length=9), "x7", "x7"),
            (models.UUIDField(), "6f1ed002ab5595859014ebf0951522d9", uuid.UUID(int=0)),
            (None, "7", 7),
        ],
    )
    def test_conversions(self, key: Any, value: str, python: Any) -> None:
        if isinstance(python, uuid.UUID):
            python = uuid.UUID(value)
        with isolate_apps("tests.apps.town"):

            class Typed(models.Model):
                account = RemoteForeignKey(TO, to_field="uid", key=key)

                class Meta:
                    app_label = "town"

        field = Typed._meta.get_field("account")
        like = key or models.BigIntegerField()
        assert (field.name, field.attname, field.column) == ("account", "account_id", "account_id")
        assert field.to_python(value) == python
        assert field.get_prep_value(value) == like.get_prep_value(value)
        assert field.db_type(connection) == like.db_type(connection)
        assert field.cast_db_type(connection) == like.cast_db_type(connection)
        assert field.get_internal_type() == like.get_internal_type()
        assert field.value_to_string(Typed(account=python)) == str(python)
        assert not field.is_relation

    def test_validation(self, town: Town) -> None:
        """By type and options alone: nobody is asked."""
        with assertNumRPCs(0):
            Citizen(name="x", account=GONE).full_clean(exclude=["street"])
            with pytest.raises(ValidationError) as caught:
                Citizen(name="x", account=-1, reads="9" * 21).full_clean()
            assert set(caught.value.message_dict) == {"account", "reads", "street"}
            with pytest.raises(ValidationError, match="cannot be null"):
                Deed().full_clean()

    def test_fixtures(self, town: Town) -> None:
        """Rows travel to a file and back by their keys."""
        for name in ("json", "jsonl", "python"):
            data = serializers.serialize(name, [town.ada, town.dora])
            loaded = [each.object for each in serializers.deserialize(name, data)]
            assert [each.account_id for each in loaded] == [0, None]
        assert json.loads(serializers.serialize("json", [town.ada]))[0]["fields"]["account"] == 0


class TestInheritance:
    """The field and the row behind it are inherited like any other."""

    def test_of_an_abstract_model(self, town: Town) -> None:
        with isolate_apps("tests.apps.town"):

            class Owner(models.Model):
                account = RemoteForeignKey(TO, to_field="uid", key=models.IntegerField())

                class Meta:
                    abstract = True

            class Dog(Owner):
                class Meta:
                    app_label = "town"

            class Cat(Owner):
                class Meta:
                    app_label = "town"

        dog, cat = Dog._meta.get_field("account"), Cat._meta.get_field("account")
        assert (dog.key.model, cat.key.model) == (Dog, Cat)
        with assertNumRPCs(1):
            [rex] = prefetch_remote([Dog(account=1)], "account")
        assert rex.account.owner == "o1"

    def test_of_a_proxy_and_a_model_with_a_table(self, town: Town) -> None:
        with isolate_apps("tests.apps.town"):

            class Mayor(Citizen):
                class Meta:
                    proxy = True
                    app_label = "town"

            class Sheriff(Citizen):
                class Meta:
                    app_label = "town"

        with assertNumRPCs(1):
            assert Mayor.objects.prefetch_remote("account")[0].account.owner == "o0"
        with assertNumRPCs(1):
            [sheriff] = prefetch_remote([Sheriff(account=1)], "account")
        assert sheriff.account.owner == "o1"


class TestServing:
    """A project that points to another may itself be called."""

    def test_it_is_a_column_to_others(self, town: Town) -> None:
        declared = {
            "fields": ["name", "account"],
            "filter_fields": {"account": ["exact"]},
            "ordering_fields": ["account"],
            "writable_fields": ["account"],
        }
        register(Citizen, app_label="town")(type("CitizenRPC", (ModelRPC,), declared))
        try:
            remotes["economy"].close()
            found = remote.economy.town.Citizen.objects
            assert [each.name for each in found.filter(account=1)] == ["Bela", "Cem"]
            assert found.order_by("-account").values_list("account")[0] == (GONE,)
            ada = found.get(account=0)
            ada.account_id = 2
            ada.save()
        finally:
            registry.remove("town.Citizen")
        assert Citizen.objects.get(name="Ada").account_id == 2

    def test_fakes(self, db: None) -> None:
        """A test of a view needs no server."""
        Citizen.objects.create(name="Ada", account=7)
        with override_remote("economy", {"bank.Account": [{"uid": 7, "owner": "Ada"}]}):
            [ada] = Citizen.objects.prefetch_remote("account")
        assert ada.account.owner == "Ada"


class TestMigrations:
    def test_the_migration_is_complete(self, db: None, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("makemigrations", "town", check=True, dry_run=True)
        assert "No changes detected" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("args", "options", "expected"),
        [
            ((TO,), {}, {"to": TO}),
            ((TO,), {"key": models.BigIntegerField(), "to_field": "pk"}, {"to": TO}),
            ((Account,), {"db_index": False, "null": True}, {"to": TO, "db_index": False}),
            ((TO,), {"to_field": "uid", "unique": True}, {"to": TO, "to_field": "uid"}),
        ],
    )
    def test_deconstruction(
        self, args: tuple[Any, ...], options: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        kept = {name: options[name] for name in ("null", "unique") if name in options}
        field = RemoteForeignKey(*args, **options)
        assert field.deconstruct()[1:] == ("chunnel.RemoteForeignKey", [], {**expected, **kept})
        assert field.clone().deconstruct() == field.deconstruct()

    def test_the_type_is_written(self) -> None:
        field = RemoteForeignKey(TO, to_field="uid", key=models.CharField(max_length=9))
        written, imports = MigrationWriter.serialize(field)
        assert "key=models.CharField(max_length=9)" in written
        assert "import chunnel" in imports

    @pytest.mark.parametrize(
        ("change", "altered"),
        [
            ({}, False),
            ({"key": models.CharField(max_length=9)}, False),
            ({"key": models.CharField(max_length=10)}, True),
            ({"to": "economy.bank.Branch"}, True),
        ],
    )
    def test_changes_are_detected(self, change: dict[str, Any], altered: bool) -> None:
        def state(options: dict[str, Any]) -> ProjectState:
            given = {"to": TO, "key": models.CharField(max_length=9), **options}
            fields = [("id", models.BigAutoField(primary_key=True))]
            fields.append(("account", RemoteForeignKey(**given)))
            made = ProjectState()
            made.add_model(ModelState("town", "Some", fields))
            return made

        changes = MigrationAutodetector(state({}), state(change))._detect_changes()
        assert bool(changes) is altered

    def test_another_remote_model_changes_no_column(self, transactional_db: None) -> None:
        old = Deed._meta.get_field("branch")
        other, wider = old.clone(), old.clone()
        other.to, wider.db_index = TO, False
        for new in (other, wider):
            new.set_attributes_from_name("branch")
        with connection.schema_editor() as editor:
            assert not editor._field_should_be_altered(old, other)
            assert editor._field_should_be_altered(old, wider)

    def test_nobody_is_needed(self) -> None:
        """A migration imports neither the client nor ZeroMQ, and asks for no settings."""
        code = (
            "import sys, chunnel\n"
            "from django.db import models\n"
            f"field = chunnel.RemoteForeignKey({TO!r}, key=models.UUIDField())\n"
            "field.clone().deconstruct()\n"
            "print([name for name in ('zmq', 'chunnel.client') if name in sys.modules])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.strip() == "[]"
