"""``_meta`` of remote models."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from chunnel import ConnectionLost, remote, remotes
from chunnel.client.meta import RemoteField
from chunnel.client.models import make_instance
from chunnel.schema import FieldSchema
from chunnel.test import assertNumRPCs
from tests.apps.library import models as local

from .bank import bank  # noqa: F401 - a fixture
from .books import library  # noqa: F401 - a fixture

economy = remote.economy
shelf = economy.library


def test_without_a_server() -> None:
    """What a page needs to say that nothing was found is known."""
    meta = economy.money.BigAccount._meta
    assert (meta.app_label, meta.model_name, meta.object_name) == (
        "money",
        "bigaccount",
        "BigAccount",
    )
    assert (meta.label, meta.label_lower) == ("money.BigAccount", "money.bigaccount")
    assert (meta.verbose_name, meta.verbose_name_plural) == ("big account", "big accounts")
    assert pickle.loads(pickle.dumps(meta)) == meta
    assert meta.model is meta.concrete_model is economy.money.BigAccount
    assert meta.default_manager == economy.money.BigAccount.objects
    assert not hasattr(meta, "db_table")
    with pytest.raises(ConnectionLost):
        meta.fields


@pytest.mark.usefixtures("bank")
class TestColumns:
    """Names, types, choices and help texts, of readable fields alone."""

    def test_fields(self) -> None:
        meta = economy.bank.Account._meta
        fields = {field.name: field for field in meta.fields}
        assert "secret" not in fields
        assert fields["balance"].get_internal_type() == "DecimalField"
        assert fields["uid"].help_text == "The citizen's number."
        assert ("current", "Current account") in fields["kind"].choices
        assert fields["owner"].verbose_name == "owner"
        assert (fields["owner"].max_length, fields["uid"].unique) == (100, True)
        assert (fields["kind"].has_default(), fields["owner"].has_default()) == (True, False)
        assert economy.bank.Branch._meta.verbose_name_plural == "branches"
        assert economy.bank.Branch._meta.pk.name == "id"
        assert economy.bank.Account._meta.pk is None
        assert (fields["branch"].attname, fields["owner"].attname) == ("branch_id", "owner")
        assert meta.ordering == ("uid",)
        assert meta.get_latest_by is None
        with pytest.raises(FieldDoesNotExist, match="secret"):
            meta.get_field("secret")

    def test_values(self) -> None:
        account = economy.bank.Account.objects.get(uid=1)
        values = {
            field.name: field.value_from_object(account) for field in account._meta.concrete_fields
        }
        assert (values["owner"], values["branch"]) == ("o1", account.branch_id)

    def test_not_exposed(self) -> None:
        """A model that the schema does not have has no fields to show."""
        with pytest.raises(LookupError, match=r"bank\.Nothing"):
            economy.bank.Nothing._meta.fields


def test_foreign_keys_to_what_is_not_exposed() -> None:
    """They are named as their keys, and lead nowhere."""
    for kind in ("ForeignKey", "OneToOneField"):
        hidden = RemoteField(
            economy.bank.Account, FieldSchema("owner", kind, "owner"), primary_key=False
        )
        assert (hidden.attname, hidden.is_relation, hidden.related_model) == (
            "owner_id",
            True,
            None,
        )
        account = make_instance(economy.bank.Account, 1, ("owner_id",), (3,))
        assert hidden.value_from_object(account) == 3


@pytest.mark.usefixtures("library")
class TestRelations:
    """The same kinds as the local model has, under the same names."""

    @pytest.mark.parametrize("name", ["Book", "Author", "Publisher", "Profile", "Tag", "Loan"])
    def test_as_local(self, name: str) -> None:
        ours, theirs = getattr(shelf, name)._meta, getattr(local, name)._meta
        exposed = {field.name: field for field in ours.get_fields()}
        assert len(exposed) > 2
        for field_name, field in exposed.items():
            there: Any = theirs.get_field(field_name)
            for attribute in (
                "name",
                "concrete",
                "is_relation",
                "many_to_many",
                "many_to_one",
                "one_to_many",
                "one_to_one",
                "auto_created",
                "null",
            ):
                if attribute == "null" and not field.concrete:
                    continue
                assert bool(getattr(field, attribute)) == bool(getattr(there, attribute)), (
                    field_name,
                    attribute,
                )
            if field.is_relation:
                assert field.related_model.__name__ == there.related_model.__name__
                assert field.remote_field.model is field.related_model
            if field.auto_created and field.is_relation:
                assert field.get_accessor_name() == there.get_accessor_name()

    def test_kinds(self) -> None:
        meta = shelf.Book._meta
        assert [field.name for field in meta.many_to_many] == ["authors", "tags"]
        assert {field.name for field in meta.related_objects} == {
            "authorships",
            "loans",
            "prequel",
        }
        assert meta.get_field("publisher_id") == meta.get_field("publisher")
        assert meta.get_field("publisher") != meta.get_field("sequel")
        assert len({meta.get_field("sequel"), meta.get_field("sequel")}) == 1
        assert shelf.Category._meta.get_field("parent").remote_field.field_name == "code"
        assert shelf.Author._meta.get_latest_by == "joined"
        assert shelf.Author._meta.verbose_name == "author"
        with pytest.raises(FieldDoesNotExist):
            shelf.Author._meta.get_field("shouted")


@pytest.mark.usefixtures("library")
class TestWhatLibrariesAsk:
    """How they choose what to make of a field, and what they need to know of it."""

    @pytest.mark.parametrize("model", [shelf.Book, shelf.Author, shelf.Loan, shelf.Publisher])
    def test_the_class_of_a_field(self, model: Any) -> None:
        """It passes for one of the class that it has over there, and for nothing else."""
        mine = {each.name: each for each in model._meta.get_fields()}
        assert mine
        for name, field in mine.items():
            theirs = getattr(local, model.__name__)._meta.get_field(name)
            for kind in (models.Field, models.DateTimeField, models.ForeignKey, type(theirs)):
                assert isinstance(field, kind) == isinstance(theirs, kind), (name, kind)
            assert isinstance(field, RemoteField)

    def test_a_class_that_django_has_not(self) -> None:
        """Nor is anything else in its module one of a field."""
        for name in ("StarField", "Model", "Q", "CASCADE"):
            field = RemoteField(shelf.Book, FieldSchema("x", name, "x"), primary_key=False)
            assert field.__class__ is RemoteField
            with pytest.raises(AttributeError, match="cannot be changed"):
                field.__class__ = RemoteField

    def test_pickles_and_copies(self) -> None:
        for field in shelf.Book._meta.get_fields():
            for same in (pickle.loads(pickle.dumps(field)), copy.deepcopy(field)):
                assert same == field
                assert vars(same).keys() == vars(field).keys()

    def test_the_order_of_fields(self) -> None:
        """They sort as they are declared; libraries sort them before they show them."""
        meta = shelf.Book._meta
        declared = [*meta.many_to_many, *meta.fields]
        names = [field.name for field in sorted(declared)]
        assert names[:5] == ["isbn", "title", "publisher", "authors", "tags"]
        assert len(names) == len(declared)
        with pytest.raises(TypeError):
            sorted([meta.pk, 5])

    def test_lookups_and_limits(self) -> None:
        field = shelf.Book._meta.get_field("added")
        assert field.get_lookup("gte").lookup_name == "gte"
        assert field.get_transform("year").lookup_name == "year"
        assert field.get_lookup("nothing") is None
        assert field.get_limit_choices_to() == {}
        price = shelf.Book._meta.get_field("price")
        assert (price.max_digits, price.decimal_places, field.max_digits) == (8, 2, None)

    def test_the_other_end(self) -> None:
        """Of relations that other models declare: libraries ask whether they lead to many rows."""
        fields = {each.name: each for each in shelf.Author._meta.related_objects}
        ends = {name: (each.field.many_to_many, each.multiple) for name, each in fields.items()}
        assert ends["books"] == (True, True)
        assert ends["profile"] == (False, False)
        assert ends["pupils"] == (False, True)
        assert not hasattr(shelf.Author._meta.get_field("mentor"), "field")


@pytest.mark.usefixtures("library")
class TestDisplay:
    """``get_FOO_display()``."""

    def test_text(self) -> None:
        """To name it asks nothing; to call it needs the schema, once."""
        book = shelf.Book.objects.get(isbn="9780000000001")
        with assertNumRPCs(0):
            show = book.get_genre_display
        assert show() == "Poetry" == pickle.loads(pickle.dumps(show))()
        with assertNumRPCs(0):
            assert book.get_genre_display() == "Poetry"
            book.genre = "other"
            assert book.get_genre_display() == "other"

    def test_fields_without_choices(self) -> None:
        """They have none; without a schema that is found when it is called."""
        book = shelf.Book.objects.get(isbn="9780000000001")
        with pytest.raises(AttributeError, match="no choices"):
            book.get_title_display()
        assert remotes["economy"].held_schema is not None
        assert not hasattr(book, "get_title_display")
        assert not hasattr(book, "get_nothing_display")
