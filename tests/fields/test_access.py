"""The row behind a remote key: what is fetched, kept, assigned and missing."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Prefetch
from django.test import override_settings

from chunnel import FieldNotFetched, prefetch_remote, remote
from chunnel.plans import DEFAULT_LIMITS
from chunnel.test import assertNumRPCs
from tests.apps.town.models import Citizen, Deed, Street

from .conftest import GONE, Town, account, remotes

Account = remote.economy.bank.Account
Branch = remote.economy.bank.Branch


class TestRaise:
    """The default fetch mode: nothing is fetched in silence."""

    def test_what_was_not_fetched_raises(self, town: Town) -> None:
        ada = Citizen.objects.get(name="Ada")
        with assertNumRPCs(0), pytest.raises(FieldNotFetched) as caught:
            ada.account
        assert "prefetch_remote('account') fetches it" in str(caught.value)
        assert f"Citizen {ada.pk}" in str(caught.value)
        assert (caught.value.name, caught.value.obj) == ("account", ada)
        assert ada.account_id == 0

    def test_nobody_is_asked_for_a_text(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message shows no instance, whose text may need the very row."""
        monkeypatch.setattr(Deed, "__str__", lambda deed: f"deed at {deed.branch}")
        deed = Deed.objects.get()
        with pytest.raises(FieldNotFetched, match=f"'branch' of Deed {deed.pk} was not fetched"):
            str(deed)

    def test_no_key_leads_to_none(self, town: Town) -> None:
        with assertNumRPCs(0):
            assert Citizen.objects.get(name="Dora").account is None

    def test_no_key_where_there_must_be_one(self) -> None:
        """As in Django: it is as if the row was missing."""
        with pytest.raises(Branch.DoesNotExist, match="Deed None has no branch"):
            Deed().branch

    def test_libraries_feel_nothing(self, town: Town) -> None:
        assert not hasattr(Citizen.objects.get(name="Ada"), "account")


class TestPeers:
    """The remote's fetch mode "peers": one request for all rows of the same local queryset."""

    def test_all_peers_in_one_request(self, peers: None, town: Town) -> None:
        citizens = list(Citizen.objects.all())
        with assertNumRPCs(1) as calls:
            owners = [each.account.owner for each in citizens[:3]]
            assert citizens[3].account is None
        assert owners == ["o0", "o1", "o1"]
        assert calls[0].name == "bank.Account.objects"

    def test_a_missing_one_is_looked_for_once(self, peers: None, town: Town) -> None:
        citizens = list(Citizen.objects.all())
        with assertNumRPCs(1):
            for _ in range(2):
                with pytest.raises(Account.DoesNotExist):
                    citizens[4].account
            assert citizens[0].account.owner == "o0"

    def test_peers_do_not_keep_each_other(self, peers: None, town: Town) -> None:
        first, *rest = Citizen.objects.all()
        del rest
        with assertNumRPCs(1) as calls:
            assert first.account.owner == "o0"
        assert "'uid__in', [0]" in repr(calls[0].args)

    def test_one_row_alone(self, peers: None, town: Town) -> None:
        """Without the mixin there are no peers to be known."""
        deed = Deed.objects.get()
        with assertNumRPCs(1):
            assert deed.branch.city == "Ulm"

    def test_a_mode_for_each_model(self, town: Town) -> None:
        with override_settings(CHUNNEL_REMOTES=remotes(FETCH_MODE={"bank.Branch": "peers"})):
            assert Deed.objects.get().branch.city == "Ulm"
            with pytest.raises(FieldNotFetched):
                Citizen.objects.get(name="Ada").account

    def test_pickles_and_deep_copies_are_alone(self, peers: None, town: Town) -> None:
        citizens = list(Citizen.objects.all())
        for again in (copy.deepcopy(citizens[0]), pickle.loads(pickle.dumps(citizens[0]))):
            with assertNumRPCs(1):
                assert again.account.owner == "o0"
        assert not any(map(Citizen.account.is_cached, citizens))

    def test_a_copy_is_a_peer(self, peers: None, town: Town) -> None:
        citizens = list(Citizen.objects.all())
        again = copy.copy(citizens[0])
        with assertNumRPCs(1):
            assert again.account.owner == "o0"
            assert citizens[1].account.owner == "o1"

    def test_rows_of_an_iterator(self, peers: None, town: Town) -> None:
        """Those that somebody holds are peers."""
        citizens = list(Citizen.objects.iterator(chunk_size=2))
        with assertNumRPCs(1):
            assert [each.account.uid for each in citizens[:3]] == [0, 1, 1]

    def test_values_have_no_peers(self, peers: None, town: Town) -> None:
        with assertNumRPCs(0):
            assert list(Citizen.objects.values_list("account", flat=True)) == [0, 1, 1, None, GONE]


class TestAssigning:
    def test_an_instance(self, town: Town) -> None:
        """Its key is stored, and nothing is asked for again."""
        found = Account.objects.get(uid=2)
        with assertNumRPCs(0):
            town.dora.account = found
            town.dora.save()
            assert town.dora.account is found
            assert Citizen.objects.get(name="Dora").account_id == 2

    def test_a_key(self, town: Town) -> None:
        town.dora.account = 3
        assert town.dora.account_id == 3
        with pytest.raises(FieldNotFetched):
            town.dora.account

    def test_none(self, town: Town) -> None:
        [ada] = prefetch_remote([town.ada], "account")
        ada.account = None
        assert (ada.account_id, ada.account) == (None, None)

    def test_another_key_forgets(self, town: Town) -> None:
        [ada] = prefetch_remote([town.ada], "account")
        kept = ada.account
        ada.account_id = 0
        assert ada.account is kept
        ada.account_id = 1
        with pytest.raises(FieldNotFetched):
            ada.account

    def test_another_model(self, town: Town) -> None:
        wrong = Branch.objects.get(code="u")
        for other in (wrong, town.bela, account(0)):
            with pytest.raises(ValueError, match=r'"account" takes an instance of economy.bank'):
                town.ada.account = other
            with pytest.raises(ValueError, match=r'"account" takes an instance of economy.bank'):
                Citizen.objects.filter(account=other)

    def test_one_that_was_never_saved(self, town: Town) -> None:
        with pytest.raises(ValueError, match="takes rows that were saved"):
            town.ada.account = Account(uid=None, owner="new")

    def test_as_an_argument(self, town: Town) -> None:
        found = Account.objects.get(uid=2)
        with assertNumRPCs(0):
            assert Citizen(account=found).account is found
            assert Citizen.objects.create(name="Fay", account=found).account is found
            assert Citizen(account=2).account_id == 2

    def test_a_key_without_its_field(self, town: Town) -> None:
        """What was not fetched of the remote instance is not guessed."""
        thin = Account.objects.only("owner").get(uid=2)
        with pytest.raises(FieldNotFetched, match="'uid' of"):
            town.ada.account = thin


class TestMissing:
    """A key that leads nowhere."""

    def test_it_is_told_which(self, town: Town) -> None:
        [emil] = prefetch_remote([town.emil], "account")
        expected = (
            rf"economy\.bank\.Account with uid {GONE} does not exist \('account' of "
            rf"Citizen {emil.pk}\)"
        )
        with assertNumRPCs(0), pytest.raises(Account.DoesNotExist, match=expected) as caught:
            emil.account
        assert isinstance(caught.value, ObjectDoesNotExist)

    def test_a_row_that_is_hidden_is_missing(self, town: Town) -> None:
        town.emil.account_id = 9  # of nobody, whom the bank shows to no one
        prefetch_remote([town.emil], "account")
        with pytest.raises(Account.DoesNotExist):
            town.emil.account

    def test_it_is_not_asked_for_again(self, town: Town) -> None:
        prefetch_remote([town.emil], "account")
        with assertNumRPCs(0):
            prefetch_remote([town.emil], "account")

    def test_del_forgets(self, town: Town) -> None:
        """The row may be there by now."""
        prefetch_remote([town.emil], "account")
        account(4).__class__.objects.filter(uid=4).update(uid=GONE)
        del town.emil.account
        del town.emil.account
        with assertNumRPCs(1):
            prefetch_remote([town.emil], "account")
        assert town.emil.account.owner == "o4"


class TestKeeping:
    def test_refreshing_keeps_the_row_of_the_same_key(self, town: Town) -> None:
        [ada] = prefetch_remote([town.ada], "account")
        kept = ada.account
        with assertNumRPCs(0):
            ada.refresh_from_db()
            assert ada.account is kept
        Citizen.objects.filter(pk=ada.pk).update(account=1)
        ada.refresh_from_db()
        assert ada.account_id == 1
        with pytest.raises(FieldNotFetched):
            ada.account

    def test_validating_keeps_the_row(self, town: Town) -> None:
        """And makes no request."""
        [ada] = prefetch_remote([town.ada], "account")
        with assertNumRPCs(0):
            ada.full_clean()
            assert ada.account.owner == "o0"

    def test_pickles_and_copies_have_the_row(self, town: Town) -> None:
        [ada] = prefetch_remote([town.ada], "account")
        for again in (copy.copy(ada), copy.deepcopy(ada), pickle.loads(pickle.dumps(ada))):
            with assertNumRPCs(0):
                assert again.account == ada.account
                assert again.account.owner == "o0"
            again.account_id = 1
            assert ada.account.owner == "o0"

    def test_a_deferred_key(self, town: Town) -> None:
        """It is loaded from this database, and then is the key it was."""
        ada = Citizen.objects.defer("account").get(name="Ada")
        assert "account_id" not in ada.__dict__
        with assertNumRPCs(1):
            prefetch_remote([ada], "account")
            assert ada.account.owner == "o0"


class TestPrefetching:
    """Django's own prefetch_related takes part as well."""

    def test_one_request(self, town: Town, django_assert_num_queries: object) -> None:
        with assertNumRPCs(1):
            citizens = list(Citizen.objects.prefetch_related("account"))
        with assertNumRPCs(0):
            assert [each.account.owner for each in citizens[:3]] == ["o0", "o1", "o1"]
            assert citizens[1].account is citizens[2].account
            assert citizens[3].account is None

    def test_nothing_to_fetch(self, town: Town) -> None:
        with assertNumRPCs(0):
            list(Citizen.objects.filter(name="Dora").prefetch_related("account"))

    def test_over_a_local_relation(self, town: Town) -> None:
        with assertNumRPCs(1):
            [street] = Street.objects.prefetch_related("citizens__account")
            assert [each.account_id for each in street.citizens.all()] == [0, 1, 1, None, GONE]
            assert street.citizens.all()[0].account.owner == "o0"

    def test_with_a_remote_queryset(self, town: Town) -> None:
        """What it restricts is missing, and what it fetches along is there."""
        poor = Account.objects.filter(balance__lt=5).select_related("branch")
        with assertNumRPCs(1):
            citizens = list(Citizen.objects.prefetch_related(Prefetch("account", poor)))
        with assertNumRPCs(0):
            assert citizens[0].account.branch.city == "Ulm"
            with pytest.raises(Account.DoesNotExist):
                citizens[1].account

    def test_to_an_attribute(self, town: Town) -> None:
        poor = Account.objects.filter(balance__lt=5)
        citizens = list(Citizen.objects.prefetch_related(Prefetch("account", poor, "poor")))
        assert [each.poor and each.poor.uid for each in citizens] == [0, None, None, None, None]
        with pytest.raises(FieldNotFetched):
            citizens[0].account

    def test_with_a_queryset_of_another_model(self, town: Town) -> None:
        for wrong in (Branch.objects.all(), Street.objects.all()):
            with pytest.raises(ValueError, match=r"'account' leads to economy.bank.Account"):
                list(Citizen.objects.prefetch_related(Prefetch("account", wrong)))

    def test_without_the_field_that_says_whose_it_is(self, town: Town) -> None:
        thin = Account.objects.only("owner")
        with pytest.raises(FieldNotFetched, match="'uid' of"):
            list(Citizen.objects.prefetch_related(Prefetch("account", thin)))

    def test_more_keys_than_a_list_may_have(self, town: Town) -> None:
        size = DEFAULT_LIMITS.query_list
        Citizen.objects.bulk_create(
            Citizen(name="x", account_id=number) for number in range(size + 5)
        )
        with assertNumRPCs(2):
            citizens = list(Citizen.objects.prefetch_related("account"))
        assert citizens[0].account.owner == "o0"

    def test_asynchronously(self, town: Town) -> None:
        async def owners() -> list[str]:
            found = Citizen.objects.exclude(account__in=[GONE]).prefetch_related("account")
            return [each.account.owner async for each in found if each.account_id is not None]

        with assertNumRPCs(1):
            assert asyncio.run(owners()) == ["o0", "o1", "o1"]
