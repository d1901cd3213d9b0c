"""What of a model leaves the project."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db.models import Count, FileField
from django.db.models.fields.files import FieldFile
from django.test.utils import isolate_apps

from chunnel import remote
from chunnel.registry import Registry, registry
from chunnel.server.failures import Refusal
from chunnel.server.lowering import Lowering
from chunnel.values import PK_COLUMN, TEXT_COLUMN, InstanceRow
from tests.apps.bank.models import Account, Branch
from tests.apps.library.models import Author, Publisher
from tests.apps.library.seed import fill

from .conftest import make_accounts

lower = Lowering(registry)
NAMES = ("uid", "owner", "balance", "opened", "kind", "branch_id")
METHODS = ("deposit", "describe", "history", "withdraw")


@pytest.mark.django_db
class TestInstances:
    def test_readable_fields_only(self) -> None:
        (account,) = make_accounts([5])
        row = lower(account)
        assert row == InstanceRow(
            "bank.Account",
            account.pk,
            NAMES,
            (1, "Citizen 1", Decimal(5), account.opened, "current", account.branch_id),
            "Citizen 1 (1)",
            METHODS,
        )

    def test_deferred_fields_are_not_fetched(self, django_assert_num_queries: object) -> None:
        make_accounts([5])
        account = Account.objects.only("uid", "secret", "owner").get()
        with django_assert_num_queries(0):  # type: ignore[operator]
            row = lower(account)
        assert row.names == ("uid", "owner")
        assert row.deferred == ("balance", "opened", "kind", "branch_id")

    def test_unsaved(self) -> None:
        row = lower(Account(uid=7, owner="x", opened=datetime.datetime(2026, 1, 1)))
        assert row.pk is None

    def test_a_model_that_is_not_exposed(self) -> None:
        with pytest.raises(TypeError, match=r"auth\.User is not exposed"):
            lower(User(username="x"))
        with pytest.raises(TypeError, match=r"auth\.User is not exposed"):
            lower(User.objects.all())

    @isolate_apps("tests.apps.bank")
    def test_a_proxy_travels_as_what_it_stands_for(self) -> None:
        class Kept(Branch):
            class Meta:
                proxy = True
                app_label = "bank"

        assert lower(Kept(city="Bern", code="B")).model == "bank.Branch"

    def test_files_travel_as_their_names(self) -> None:
        assert lower(FieldFile(None, FileField(), "a/b.txt")) == "a/b.txt"

    def test_anything_else(self) -> None:
        with pytest.raises(TypeError, match=r"^$"):
            lower(object())

    def test_a_queryset_of_another_project(self) -> None:
        with pytest.raises(TypeError, match="not a queryset of this project"):
            lower(remote.economy.bank.Account.objects.all())


@pytest.mark.django_db
class TestWhatIsDeclaredBesideColumns:
    @pytest.fixture(autouse=True)
    def library(self) -> None:
        fill("default")

    def test_properties_and_relations(self) -> None:
        row = lower(Author.objects.get(pk=1))
        assert dict(zip(row.names, row.values, strict=True))["shouted"] == "ADA"
        assert {each.name for each in row.relations} == {
            *("pupils", "profile", "books", "authorships"),
        }

    def test_annotations_that_are_there(self, django_assert_num_queries: object) -> None:
        assert "size" not in lower(Publisher.objects.all()).names
        annotated = Publisher.objects.annotate(size=Count("books"), other=Count("pk"))
        with django_assert_num_queries(1):  # type: ignore[operator]
            rows = lower(annotated)
        assert "size" in rows.names
        assert "other" not in rows.names
        evaluated = annotated.all()
        len(evaluated)
        assert lower(evaluated) == rows

    def test_columns_that_are_not_loaded_are_left_out(
        self, django_assert_num_queries: object
    ) -> None:
        loaded = list(Author.objects.defer("born", "rating"))
        queryset = Author.objects.defer("born", "rating")
        len(queryset)
        with django_assert_num_queries(0):  # type: ignore[operator]
            assert "born" not in lower(loaded[0]).names
            assert not {"born", "rating"} & {*lower(queryset).names}


@pytest.mark.django_db
class TestQuerysets:
    def test_not_evaluated(self, django_assert_num_queries: object) -> None:
        make_accounts([5, 6])
        with django_assert_num_queries(1):  # type: ignore[operator]
            rows = lower(Account.objects.order_by("-uid"))
        assert rows.model == "bank.Account"
        assert rows.names == (PK_COLUMN, *NAMES, TEXT_COLUMN)
        assert rows.methods == METHODS
        assert list(rows.columns[1]) == [2, 1]

    def test_evaluated(self, django_assert_num_queries: object) -> None:
        make_accounts([5, 6])
        for queryset in (Account.objects.all(), Branch.objects.order_by("city")):
            again = queryset.all()
            len(queryset)
            with django_assert_num_queries(0):  # type: ignore[operator]
                rows = lower(queryset)
            again_rows = lower(again)
            assert (rows.names, rows.methods) == (again_rows.names, again_rows.methods)
            assert rows.rows() == again_rows.rows()

    def test_values(self) -> None:
        """Plain rows are what the function's author chose, of any model."""
        make_accounts([5])
        assert lower(Account.objects.values("secret")) == [{"secret": "secret 1"}]
        assert lower(User.objects.values_list("username", flat=True)) == []

    def test_too_many(self) -> None:
        make_accounts([1, 2, 3])
        exposed = registry.model(Account)
        assert exposed is not None
        before, exposed.max_rows = exposed.max_rows, 2
        try:
            for queryset in (Account.objects.all(), Account.objects.all()):
                with pytest.raises(Refusal, match="more than 2 rows"):
                    lower(queryset)
                len(queryset)
            with pytest.raises(Refusal, match="more than 2 rows"):
                lower(queryset)
            assert len(lower(Account.objects.all()[:2]).columns[0]) == 2
        finally:
            exposed.max_rows = before


def test_an_empty_registry_knows_no_models() -> None:
    with pytest.raises(TypeError, match="is not exposed"):
        Lowering(Registry())(Branch())
