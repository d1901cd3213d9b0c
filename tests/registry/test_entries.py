"""What the registry holds."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from chunnel.registry import Entry, registry
from chunnel.registry.entries import CALLABLE_KINDS, EFFECTS, Effect, Kind, Place

PLACE = Place("money/rpc.py", 7)


def entry(**changes: Any) -> Entry:
    given: dict[str, Any] = {
        "name": "money.balance",
        "label": "money",
        "kind": "function",
        "target": len,
        "place": PLACE,
    }
    return Entry(**{**given, **changes})


def test_place() -> None:
    """As editors and terminals take it."""
    assert str(PLACE) == "money/rpc.py:7"


def test_defaults() -> None:
    """What is not said is taken for the worse: it writes, and nothing is done for it."""
    made = entry()
    assert (made.effect, made.style, made.atomic, made.blocking) == ("write", "call", False, None)
    assert made.shape.signature is None
    assert (made.owner, made.attribute, made.doc, made.options) == (None, "", "", {})


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_a_call_may_name(kind: Kind) -> None:
    """A model and an exception are names and nothing to call."""
    assert entry(kind=kind).callable is (kind not in {"model", "exception"})


def test_kinds_and_effects_are_those_of_the_types() -> None:
    """The sets at run time are what type checkers read."""
    assert set(get_args(Kind)) >= CALLABLE_KINDS
    assert get_args(Effect) == EFFECTS


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("money.balance", "balance"),
        ("money.Account.deposit", "Account.deposit"),
        ("money.Account.objects.overdrawn", "Account.objects.overdrawn"),
    ],
)
def test_public_name(name: str, public: str) -> None:
    """The label ends at the first dot."""
    assert entry(name=name).public_name == public


def test_entries_do_not_change() -> None:
    """Two that look the same are two: each stands for one registration."""
    made = entry()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "money.other"  # type: ignore[misc]
    assert made != entry()
    assert made.options is not entry().options


def test_entries_of_a_model() -> None:
    """They know their model and their name in Python."""
    found = {each.name: each for each in registry if each.owner is not None}
    method = found["bank.Account.deposit"]
    assert (method.kind, method.attribute) == ("method", "deposit")
    assert found["bank.Account.objects.total"].kind == "manager"
    assert found["bank.Account.objects"].effect == "read"
    assert method.owner is found["bank.Account"].owner
