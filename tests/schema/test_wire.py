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
    FunctionSchema,
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
