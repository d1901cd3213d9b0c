"""The published contract says what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from chunnel.protocol.codec import decode, encode
from chunnel.protocol.limits import MAX_CREDIT_BYTES, MAX_CREDIT_ITEMS, MAX_HOPS, MAX_TEXT
from chunnel.protocol.messages import Call, Credit, FailureCode, Kind

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference" / "protocol.rst").read_text("utf-8")


def generator():
    spec = importlib.util.spec_from_file_location(
        "generate_protocol", DOCS / "generate_protocol.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = generator().files()


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_is_up_to_date(name):
    """If not: python docs/generate_protocol.py"""
    assert (DOCS / "reference" / "protocol" / name).read_text("utf-8") == GENERATED[name]


def test_nothing_else_is_in_the_generated_directory_and_all_of_it_is_used():
    """A renamed table leaves nothing behind."""
    directory = DOCS / "reference" / "protocol"
    assert {path.name for path in directory.iterdir()} == set(GENERATED)
    text = PAGE + "".join(GENERATED.values())
    assert [name for name in GENERATED if f"protocol/{name}" not in text] == []


def test_the_example_of_frames_is_what_is_sent():
    """The bytes of the page, decoded and encoded again."""
    block = re.search(r"\n   c1 95 .*?\n\n", PAGE, re.DOTALL).group()
    frames = [bytes.fromhex("".join(block.split()))]
    message = Call(
        bytes(range(1, 9)), "money.balance", "msgpack", b"\x92\x91\x2a\x80", (), Credit(10, 1000)
    )
    assert decode(frames) == message
    assert encode(message) == frames


@pytest.mark.parametrize("code", FailureCode, ids=lambda code: code.name)
def test_every_failure_code_is_on_the_page(code):
    """With its number."""
    assert re.search(rf"^``{code.name}`` {code.value} ", PAGE, re.MULTILINE)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_the_fields_of_every_kind_are_on_the_page(kind):
    """Each kind begins a line of the list of fields."""
    assert re.search(rf"^   {kind.name} +[a-z_]+[?:,]", PAGE, re.MULTILINE)


RESERVED = {"!idempotency_key", "attempt", "batch", "hops", "on_behalf_of", "remaining", "trace"}


def test_reserved_keys_and_figures_are_on_the_page():
    """What the prose repeats of the constants is what they are."""
    assert all(f"\n``{key}``\n" in PAGE for key in RESERVED)
    assert f"{MAX_CREDIT_ITEMS:,} items or {MAX_CREDIT_BYTES:,} bytes" in PAGE
    assert f"more than {MAX_HOPS}," in PAGE
    assert f"at most {MAX_TEXT:,}" in PAGE
