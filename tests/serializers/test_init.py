"""Serializers by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from chunnel.serializers import load


@pytest.mark.parametrize("name", ["msgpack", "json"])
def test_a_shipped_serializer_is_found_by_its_name(name: str) -> None:
    assert load(name).name == name


def test_a_dotted_path_names_a_class() -> None:
    assert load("chunnel.serializers.json.JSONSerializer") is load("json")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pickle", "no serializer 'pickle'. Known are 'json', 'msgpack'"),
        ("", "no serializer ''"),
        ("nowhere.Serializer", "cannot be imported: No module named 'nowhere'"),
        ("chunnel.serializers.json.Missing", "cannot be imported"),
        ("decimal.Decimal", "not a subclass"),
        ("chunnel.serializers.load", "not a subclass"),
    ],
)
def test_a_name_that_is_none_says_what_there_is(name: str, message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        load(name)


def test_a_serializer_is_imported_when_it_is_named() -> None:
    code = "import sys, chunnel.serializers; print('msgpack' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
