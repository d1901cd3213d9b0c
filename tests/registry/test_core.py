"""The registry's one flat dict, and what is derived from it."""

from __future__ import annotations

import copy
import math

import pytest

from chunnel import AlreadyExposed
from chunnel.registry import Entry, Place, Registry, expose, registry
from tests.apps.bank.exceptions import BankError, InsufficientFunds, VaultClosed
from tests.apps.bank.models import Account, Branch


def entry(name: str, line: int = 1) -> Entry:
    return Entry(name, "x", "function", math.sqrt, Place("rpc.py", line))


def test_all_or_none() -> None:
    own = Registry()
    own.add(entry("x.a", 1))
    with pytest.raises(AlreadyExposed, match=r"x\.a.*rpc\.py:1 and at rpc\.py:3"):
        own.add(entry("x.b", 2), entry("x.a", 3))
    assert list(own.entries) == ["x.a"]


def test_an_empty_registry_is_true() -> None:
    """autodiscover_modules asks before it takes its copy."""
    assert Registry()
    assert not len(Registry())


def test_roll_back() -> None:
    """What is derived goes with the entries it was derived from."""
    own = Registry()
    before = copy.copy(own._registry)
    expose(InsufficientFunds, app_label="x", registry=own)
    assert own.exception_names(InsufficientFunds) == ["x.InsufficientFunds"]
    own._registry = before
    assert own.exception_names(InsufficientFunds) == []
    assert "x.InsufficientFunds" not in own


def test_remove() -> None:
    own = Registry()
    own.add(entry("x.A"), entry("x.A.b"), entry("x.Ab"))
    own.remove("x.A")
    assert list(own.entries) == ["x.Ab"]
    with pytest.raises(KeyError):
        own.remove("x.A")


class TestExceptionNames:
    def test_exposed_and_the_apps_own(self) -> None:
        """The nearest first; an app's own need not be exposed."""
        assert registry.exception_names(InsufficientFunds) == [
            "bank.InsufficientFunds",
            "bank.BankError",
        ]
        assert registry.exception_names(VaultClosed) == ["bank.VaultClosed", "bank.BankError"]

    def test_of_models(self) -> None:
        assert registry.exception_names(Account.DoesNotExist) == ["bank.Account.DoesNotExist"]
        assert registry.exception_names(Branch.MultipleObjectsReturned) == [
            "bank.Branch.MultipleObjectsReturned"
        ]

    def test_of_nobody(self) -> None:
        class Local(BankError): ...

        assert registry.exception_names(ValueError) == []
        assert registry.exception_names(SystemExit) == []
        assert registry.exception_names(Local) == ["bank.BankError"]


def test_entries_are_read_only() -> None:
    with pytest.raises(TypeError):
        registry.entries["x"] = entry("x")  # type: ignore[index]
