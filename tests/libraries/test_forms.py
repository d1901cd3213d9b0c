"""Fields of Django's forms whose choices are rows of another project."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library


class LendForm(forms.Form):
    publisher = forms.ModelChoiceField(library.Publisher.objects.all(), empty_label="any")
    tags = forms.ModelMultipleChoiceField(library.Tag.objects.order_by("slug"), required=False)


def test_making_a_form_is_no_request() -> None:
    with assertNumRPCs(0):
        LendForm()
        LendForm({"publisher": "1"})


def test_showing_a_choice_is_one_request() -> None:
    form = LendForm()
    with assertNumRPCs(1):
        html = str(form["publisher"])
    assert html.count("<option") == 6
    assert '<option value="" selected>any</option>' in html
    assert '<option value="2">Blotter</option>' in html


def test_each_showing_asks_anew() -> None:
    """As of local rows: a form that lives long shows what is there now."""
    field = LendForm().fields["tags"]
    with assertNumRPCs(2):
        assert [label for _, label in field.choices] == [label for _, label in field.choices]


def test_a_choice() -> None:
    form = LendForm({"publisher": "2"})
    with assertNumRPCs(1):
        assert form.is_valid()
    assert form.cleaned_data["publisher"].name == "Blotter"
    assert list(form.cleaned_data["tags"]) == []


@pytest.mark.parametrize("value", ["77", "x", ""])
def test_no_choice(value: str) -> None:
    form = LendForm({"publisher": value})
    with assertNumRPCs(0 if value == "" else 1):
        assert not form.is_valid()
    assert set(form.errors) == {"publisher"}


def test_several_choices() -> None:
    form = LendForm({"publisher": "2", "tags": ["rare", "new"]})
    with assertNumRPCs(2):
        assert form.is_valid()
        assert {tag.slug for tag in form.cleaned_data["tags"]} == {"rare", "new"}


def test_several_choices_with_one_that_is_none() -> None:
    form = LendForm({"publisher": "2", "tags": ["rare", "?"]})
    with assertNumRPCs(2):
        assert not form.is_valid()
    assert form.errors["tags"] == ["Select a valid choice. ? is not one of the available choices."]


def test_an_instance_as_the_initial_value() -> None:
    chosen: Any = library.Publisher.objects.get(pk=3)
    form = LendForm(initial={"publisher": chosen})
    with assertNumRPCs(1):
        assert '<option value="3" selected>Caxton</option>' in str(form["publisher"])
    with assertNumRPCs(0):
        assert not LendForm({"publisher": "3"}, initial={"publisher": chosen}).has_changed()


def test_another_field_as_the_value() -> None:
    field = forms.ModelChoiceField(library.Publisher.objects.all(), to_field_name="name")
    with assertNumRPCs(1):
        assert field.clean("Dusk").pk == 4
    with assertNumRPCs(1):
        assert ("Dusk", "Dusk") in [(str(value), label) for value, label in field.choices]
