"""The wire form of a schema."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from chunnel.registry import build_schema, registry
from chunnel.schema import (
    AppSchema,
    ExceptionSchema,
    FieldSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
    fingerprint,
    schema_from_wire,
    schema_to_wire,
)

APPS = (
    AppSchema(
        "money",
        (FunctionSchema("balance", "", (ParameterSchema("uid", "POSITIONAL_ONLY"),)),),
        (),
        (ExceptionSchema("Trouble", "", "ValueError"),),
    ),
)


@pytest.mark.parametrize(
    "schema", [Schema("p", APPS, "f"), Schema("p", (), ""), build_schema(registry, "tests")]
)
def test_there_and_back(schema: Schema) -> None:
    """Also by way of JSON, which has no tuples."""
    assert schema_from_wire(schema_to_wire(schema)) == schema
    assert schema_from_wire(json.loads(json.dumps(schema_to_wire(schema)))) == schema


def test_a_later_versions_fields_are_ignored() -> None:
    wire = schema_to_wire(Schema("p", APPS, "f"))
    wire.append("more")
    wire[1][0][1][0].append("more")
    assert schema_from_wire(wire) == Schema("p", APPS, "f")


@pytest.mark.parametrize("wire", [[], None, 5, [1, 2], ["p", [[1]], "f"], ["p", 5, "f"]])
def test_anything_else(wire: Any) -> None:
    with pytest.raises(ValueError, match=r"schema|unpack"):
        schema_from_wire(wire)


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "import sys; from tests.schema.test_wire import APPS; from chunnel.schema import *;"
        "print(fingerprint('p', APPS))"
    )
    env = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONHASHSEED": "7"}
    script = f"import django; django.setup(); {code}"
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == fingerprint("p", APPS)


def test_everything_that_a_model_says_travels() -> None:
    """Each value is another than the one that stands for nothing."""
    field = FieldSchema(
        "branch",
        "ForeignKey",
        "the branch",
        null=True,
        help_text="Where.",
        choices=((1, "one"),),
        relation="money.Branch",
        writable=True,
        kind="forward",
        attname="branch_id",
        unique=True,
        blank=True,
        has_default=True,
        max_length=5,
        target="code",
        query_name="office",
        max_digits=8,
        decimal_places=2,
    )
    model = ModelSchema(
        "Account",
        "doc",
        "account",
        "accounts",
        "id",
        (field,),
        (("branch", ("exact", "in")),),
        ("branch",),
        ("branch",),
        max_rows=7,
        get_latest_by=("branch", "id"),
        can_create=True,
        can_delete=True,
    )
    schema = Schema("p", (AppSchema("money", (), (model,), ()),), "f")
    assert all(field._field_defaults.get(name) != value for name, value in field._asdict().items())
    assert schema_from_wire(json.loads(json.dumps(schema_to_wire(schema)))) == schema


def test_an_older_peer_says_less() -> None:
    """What it does not know of has the value that stands for nothing."""
    wire = ["Account", "", "a", "as", "id", [["uid", "IntegerField", "uid", False, "", [], None]]]
    wire += [[["uid", ["exact"]]], ["uid"], [], [], [], 100]
    schema = schema_from_wire(["p", [["money", [], [wire], []]], "f"])
    (model,) = schema.apps[0].models
    assert model.fields == (FieldSchema("uid", "IntegerField", "uid"),)
    assert (model.max_rows, model.get_latest_by, model.can_create) == (100, (), False)


def test_a_newer_peer_says_more() -> None:
    """The end of a longer list is not for us."""
    model = ModelSchema("A", "", "a", "as", "id", (FieldSchema("uid", "F", "uid"),), (), (), ())
    schema = Schema("p", (AppSchema("money", (), (model,), ()),), "f")
    wire = schema_to_wire(schema)
    wire[1][0][2][0].append("more")
    wire[1][0][2][0][5][0].append("more")
    assert schema_from_wire(wire) == schema


@pytest.mark.parametrize(
    "change",
    [
        {"can_create": True},
        {"can_delete": True},
        {"get_latest_by": ("uid",)},
        {"fields": (FieldSchema("uid", "F", "uid", kind="property"),)},
        {"fields": (FieldSchema("uid", "F", "uid", writable=True),)},
    ],
)
def test_the_fingerprint_changes_with_everything_that_is_said(change: dict[str, Any]) -> None:
    model = ModelSchema("A", "", "a", "as", "id", (FieldSchema("uid", "F", "uid"),), (), (), ())
    names = {
        fingerprint("p", (AppSchema("money", (), (each,), ()),))
        for each in (model, model._replace(**change))
    }
    assert len(names) == 2
