"""``prefetch_remote``: on querysets, on lists, and who may be fetched."""

from __future__ import annotations

import asyncio

import pytest
from django.db.models import Prefetch, QuerySet

import chunnel
from chunnel import prefetch_remote, remote
from chunnel.test import assertNumRPCs
from tests.apps.bank.models import Branch as LocalBranch
from tests.apps.library import seed
from tests.apps.town.models import Citizen, CitizenQuerySet, Deed, Street

from .conftest import Town

Account = remote.economy.bank.Account


def test_on_a_queryset(town: Town) -> None:
    """Chaining asks nobody; the rows come with what they lead to."""
    with assertNumRPCs(0):
        queryset = Citizen.objects.prefetch_remote("account").rich()
    assert isinstance(queryset, CitizenQuerySet)
    with assertNumRPCs(1):
        citizens = list(queryset)
    with assertNumRPCs(0):
        assert [each.account.owner for each in citizens[:3]] == ["o0", "o1", "o1"]


def test_several_fields(town: Town) -> None:
    """Each is one request; no two remote models can be asked in one."""
    seed.fill("default")
    book = remote.economy.library.Book.objects.first()
    Citizen.objects.update(reads=book)
    with assertNumRPCs(2):
        citizens = list(Citizen.objects.prefetch_remote("account", "reads"))
    with assertNumRPCs(0):
        assert citizens[0].account.owner == "o0"
        assert {each.reads for each in citizens} == {book}
        assert citizens[0].reads.title == book.title


def test_with_a_remote_queryset(town: Town) -> None:
    thin = Account.objects.only("uid", "owner", "branch").select_related("branch")
    with assertNumRPCs(1):
        citizens = list(Citizen.objects.prefetch_remote(Prefetch("account", thin)))
    with assertNumRPCs(0):
        assert citizens[0].account.branch.city == "Ulm"
        assert "balance" not in citizens[0].account.__dict__


def test_an_iterator_fetches_in_parts(town: Town) -> None:
    with assertNumRPCs(2):
        found = list(Citizen.objects.rich().prefetch_remote("account").iterator(chunk_size=2))
        assert found[0].account.owner == "o0"


def test_a_list(town: Town) -> None:
    """What is there already is not fetched again."""
    with assertNumRPCs(1):
        assert prefetch_remote([town.ada, town.dora], "account") == [town.ada, town.dora]
    with assertNumRPCs(1) as calls:
        prefetch_remote(iter([town.ada, town.bela]), "account")
    assert "'uid__in', [1]" in repr(calls[0].args)
    with assertNumRPCs(0):
        assert prefetch_remote([], "account") == []
        assert (town.ada.account.uid, town.bela.account.uid) == (0, 1)


def test_a_queryset_is_evaluated(town: Town) -> None:
    """It may be one of Django's own, and then has the rows."""
    queryset = Deed.objects.all()
    with assertNumRPCs(1):
        prefetch_remote(queryset, "branch")
    with assertNumRPCs(0):
        assert [each.branch.city for each in queryset] == ["Ulm"]


def test_asynchronously(town: Town) -> None:
    with assertNumRPCs(1):
        [ada] = asyncio.run(chunnel.aprefetch_remote([town.ada], "account"))
    assert ada.account.owner == "o0"


@pytest.mark.parametrize("lookup", ["name", "nothing", "account_id", "street__name", "account__x"])
def test_what_is_no_remote_key(town: Town, lookup: str) -> None:
    expected = f"{lookup!r} is no RemoteForeignKey of town.Citizen, which has account, reads"
    for asked in (lookup, Prefetch(lookup)):
        with pytest.raises(ValueError, match=expected):
            Citizen.objects.prefetch_remote(asked)
        with pytest.raises(ValueError, match=expected):
            prefetch_remote([town.ada], asked)
    with pytest.raises(ValueError, match=r"of town\.Street, which has none"):
        prefetch_remote([Street()], "account")


def test_the_manager_and_the_queryset() -> None:
    """For models that have none of their own."""
    manager = chunnel.PrefetchRemoteManager()
    manager.model = Deed
    assert isinstance(manager.prefetch_remote("branch"), chunnel.PrefetchRemoteQuerySet)
    assert issubclass(chunnel.PrefetchRemoteQuerySet, QuerySet)


def test_models_without_remote_keys(town: Town) -> None:
    """The mixin is of no account to them."""
    queryset = chunnel.PrefetchRemoteQuerySet(LocalBranch)
    assert {each.city for each in queryset} == {"Ulm", "Bonn"}
