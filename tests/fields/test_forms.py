"""Form fields for keys of remote rows."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django import forms

from chunnel import RemoteChoiceField, RemoteKeyField, remote
from chunnel.test import assertNumRPCs
from tests.apps.town.models import Citizen, Deed

from .conftest import GONE, Town

Account = remote.economy.bank.Account


class CitizenForm(forms.ModelForm):
    class Meta:
        model = Citizen
        fields = ("name", "account", "reads")


class ChoosingForm(forms.ModelForm):
    class Meta:
        model = Citizen
        fields = ("name", "account")
        field_classes: ClassVar = {"account": RemoteChoiceField}


class TestKeyField:
    """The default: an input for the key."""

    def test_to_show_it_asks_nobody(self, town: Town) -> None:
        with assertNumRPCs(0):
            form = CitizenForm(instance=town.bela)
            html = form.as_p()
        assert isinstance(form.fields["account"], RemoteKeyField)
        assert '<input type="number" name="account" value="1"' in html
        assert 'name="reads" maxlength="20"' in html

    def test_a_new_key_is_looked_for_once(self, town: Town) -> None:
        form = CitizenForm({"name": "Ada", "account": "2"}, instance=town.ada)
        with assertNumRPCs(1) as calls:
            assert form.is_valid(), form.errors
            form.save()
        assert calls[0].args[1] == "exists"
        assert form.cleaned_data["account"] == 2
        assert Citizen.objects.get(name="Ada").account_id == 2

    def test_the_old_key_is_not(self, town: Town, down: None) -> None:
        """So a row can be saved while nobody answers, and when what it led to is gone."""
        form = CitizenForm({"name": "Emilia", "account": str(GONE)}, instance=town.emil)
        with assertNumRPCs(0):
            assert form.is_valid(), form.errors
        assert form.changed_data == ["name"]
        assert form.save().account_id == GONE

    @pytest.mark.parametrize("key", [str(GONE), "9"])
    def test_one_that_leads_nowhere(self, town: Town, key: str) -> None:
        """Or to a row that is hidden."""
        form = CitizenForm({"name": "Ada", "account": key}, instance=town.ada)
        assert form.errors == {"account": [f"Account with uid {key} does not exist."]}
        assert form.errors.as_data()["account"][0].code == "invalid_choice"

    def test_none(self, town: Town) -> None:
        with assertNumRPCs(0):
            form = CitizenForm({"name": "Ada", "account": "", "reads": ""}, instance=town.ada)
            assert form.is_valid()
        assert (form.save().account_id, town.ada.reads_id) == (None, None)

    @pytest.mark.parametrize("key", ["x", "-1"])
    def test_one_of_the_wrong_type(self, town: Town, key: str) -> None:
        with assertNumRPCs(0):
            assert "account" in CitizenForm({"name": "x", "account": key}).errors

    def test_a_required_one(self, town: Town) -> None:
        form = forms.modelform_factory(Deed, fields=["branch"])({"branch": ""})
        assert form.errors == {"branch": ["This field is required."]}

    def test_nobody_answers(self, town: Town, down: None) -> None:
        """The form is shown, and the error says why the key is not taken."""
        form = CitizenForm({"name": "Ada", "account": "2"}, instance=town.ada)
        [error] = form.errors.as_data()["account"]
        assert error.code == "unreachable"
        assert form.errors["account"] == [
            "economy does not answer, so nobody knows whether 2 exists."
        ]
        assert 'value="2"' in form.as_p()

    def test_alone(self, town: Town) -> None:
        """Outside of a form of a model, with an instance as its initial value."""
        field = RemoteKeyField(Account.objects.filter(balance__gt=5), to_field_name="uid")
        assert field.clean("1") == 1
        with pytest.raises(forms.ValidationError, match="Account with uid 0 does not exist"):
            field.clean("0")
        found = Account.objects.get(uid=1)
        assert field.prepare_value(found) == 1
        assert not field.has_changed(found, "1")
        assert field.has_changed(found, "2")

    def test_disabled(self, town: Town) -> None:
        form = CitizenForm({"name": "Ada", "account": "2"}, instance=town.ada)
        form.fields["account"].disabled = True
        with assertNumRPCs(0):
            assert form.is_valid()
        assert form.save().account_id == 0


class TestChoiceField:
    """Where it is asked for."""

    def test_the_choices_are_one_request(self, town: Town) -> None:
        with assertNumRPCs(1):
            html = ChoosingForm(instance=town.bela).as_p()
        assert '<option value="1" selected>o1 (1)</option>' in html
        assert html.count("<option") == 7  # six that are shown to us, and none

    def test_a_required_one_too(self, town: Town) -> None:
        form = forms.modelform_factory(
            Deed, fields=["branch"], field_classes={"branch": RemoteChoiceField}
        )
        with assertNumRPCs(1):
            assert form(instance=town.deed).as_p().count("<option") == 3

    def test_the_choice_is_an_instance(self, town: Town) -> None:
        """It is asked for once, and then is what the key leads to."""
        form = ChoosingForm({"name": "Ada", "account": "2"}, instance=town.ada)
        with assertNumRPCs(1):
            assert form.is_valid(), form.errors
            ada = form.save()
            assert (ada.account_id, ada.account.owner) == (2, "o2")

    def test_what_is_no_choice(self, town: Town) -> None:
        form = ChoosingForm({"name": "Ada", "account": GONE}, instance=town.ada)
        assert form.errors == {"account": [f"Account with uid {GONE} does not exist."]}

    def test_nobody_answers(self, town: Town, down: None) -> None:
        """It is an input for the key, which says so; what is posted is not taken."""
        html = ChoosingForm(instance=town.bela).as_p()
        assert '<input type="text" name="account" value="1"' in html
        assert "The choices cannot be fetched now" in html
        form = ChoosingForm({"name": "Ada", "account": "2"}, instance=town.ada)
        assert form.errors["account"] == [
            "economy does not answer, so nobody knows whether 2 exists."
        ]

    def test_nobody_answers_and_there_is_no_empty_choice(self, town: Town, down: None) -> None:
        """The widget looks at its first choice before it is shown."""

        class Form(forms.Form):
            account = RemoteChoiceField(Account.objects.all(), to_field_name="uid", initial=1)

        assert '<input type="text" name="account" value="1" required' in Form().as_p()

    def test_no_empty_choice_is_no_second_request(self, town: Town) -> None:
        class Form(forms.Form):
            account = RemoteChoiceField(Account.objects.all(), to_field_name="uid", initial=1)

        with assertNumRPCs(1):
            assert Form().as_p().count("<option") == 6

    def test_among_some(self, town: Town) -> None:
        """The queryset says which."""

        class SavingForm(forms.ModelForm):
            account: Any = RemoteChoiceField(Account.objects.filter(uid=3), to_field_name="uid")

            class Meta:
                model = Citizen
                fields = ("account",)

        assert SavingForm({"account": "3"}, instance=town.ada).is_valid()
        assert not SavingForm({"account": "2"}, instance=town.ada).is_valid()


def test_any_other_field(town: Town) -> None:
    """It is told nothing of remote rows."""
    form = forms.modelform_factory(
        Citizen, fields=["account"], field_classes={"account": forms.IntegerField}
    )
    with assertNumRPCs(0):
        assert form({"account": GONE}, instance=town.ada).is_valid()
