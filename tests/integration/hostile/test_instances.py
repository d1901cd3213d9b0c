"""References to instances that nobody may have, that do not exist, or that are none."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import msgpack
import pytest

from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef
from tests.apps.bank import models

from .attacker import Attacker, Failed
from .conftest import Victim


@pytest.mark.parametrize(
    "model",
    ["auth.User", "bank.Nothing", "bank", "", "bank.account", "bank.Account.objects", "bank.echo"],
)
def test_instances_of_models_that_are_not_exposed(victim: Victim, model: str) -> None:
    with victim.attack(lines=2) as attacker:
        failed = attacker.failure("bank.echo", InstanceRef(model, 1))
        assert failed.code == FailureCode.NOT_EXPOSED
        failed = attacker.failure("bank.Account.describe", InstanceRef(model, 1))
        assert failed.code == FailureCode.MALFORMED


def hidden_and_missing(attacker: Attacker, name: str, *args: Any) -> tuple[Failed, Failed]:
    hidden = attacker.failure(name, InstanceRef("bank.Account", 3), *args)
    missing = attacker.failure(name, InstanceRef("bank.Account", 4), *args)
    return hidden, missing


def test_a_hidden_row_is_like_one_that_does_not_exist(victim: Victim) -> None:
    """What ``get_queryset`` hides can be neither used nor told from nothing."""
    with victim.attack(lines=0) as attacker:
        for call in (
            ("bank.echo",),
            ("bank.Account.describe",),
            ("bank.Account.deposit", 1),
            ("bank.Account.history",),
        ):
            hidden, missing = hidden_and_missing(attacker, *call)
            assert hidden.code == missing.code == FailureCode.RAISED
            assert hidden.details["names"] == ["bank.Account.DoesNotExist"]
            assert hidden.message.replace("3", "4") == missing.message
            assert hidden.details["type"] == missing.details["type"]


@pytest.mark.parametrize(
    "key",
    [
        None,
        "1; DROP TABLE bank_account",
        "",
        "\x00",
        b"x",
        [1],
        {},
        {"pk": 1},
        (1, 2),
        {1},
        math.nan,
        math.inf,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("1E+1000"),
        2**63,
        2**64,
        -(2**200),
        10**5000,
        "9" * 5000,
        "x" * 1_000_000,
        datetime.date.min,
        InstanceRef("bank.Account", 1),
        InstanceRef("bank.Account", InstanceRef("bank.Account", None)),
    ],
    ids=lambda key: repr(key)[:30] if not isinstance(key, int) else f"{key.bit_length()} bits",
)
@pytest.mark.parametrize("name", ["bank.echo", "bank.Account.describe"])
def test_keys_that_are_none(victim: Victim, name: str, key: Any) -> None:
    """There is no such row; nothing is guessed and nothing breaks."""
    with victim.attack() as attacker:
        failed = attacker.failure(name, InstanceRef("bank.Account", key))
        assert failed.code == FailureCode.RAISED, failed
        assert failed.details["names"] == ["bank.Account.DoesNotExist"], failed
        assert len(failed.message) < 300


def test_references_within_references(victim: Victim) -> None:
    """Their depth counts like any other; nobody recurses into them."""
    for depth in (20, 90, 400, 500):
        ref: Any = 1
        for _ in range(depth):
            ref = {"r": ["bank.Account", ref]}
        body = msgpack.packb([[ref], {}])
        body = body.replace(b"\xa1r\x92", b"\xc7\x00\x14\x92")
        with victim.attack() as attacker:
            failed = attacker.failure("bank.echo", _body=body)
            assert failed.code in (FailureCode.MALFORMED, FailureCode.RAISED), failed
            assert "recursion" not in failed.message
            if failed.code == FailureCode.RAISED:
                assert failed.details["names"] == ["bank.Account.DoesNotExist"], failed


def test_very_many_references(victim: Victim) -> None:
    """They are loaded with one query, so there is an end to how many it may ask for."""
    with victim.attack() as attacker:
        refs = [InstanceRef("bank.Account", number) for number in range(100_000)]
        failed = attacker.failure("bank.echo", refs)
        assert failed.code == FailureCode.REFUSED, failed
        assert "1000" in failed.message


def test_a_subject_that_is_none(victim: Victim) -> None:
    """A method is called on an instance of its own model, named by its key."""
    with victim.attack(lines=9) as attacker:
        for subject in (1, None, "bank.Account", ["bank.Account", 1], {"pk": 1}, b"", 1.5):
            failed = attacker.failure("bank.Account.deposit", subject, 1)
            assert failed.code == FailureCode.MALFORMED, failed
        failed = attacker.failure("bank.Account.deposit", InstanceRef("bank.Branch", 1), 1)
        assert failed.code == FailureCode.MALFORMED
        assert attacker.failure("bank.Account.deposit").code == FailureCode.MALFORMED


def test_methods_judge_their_arguments(victim: Victim) -> None:
    account = models.Account()
    for args, kwargs in (((), {}), ((1, 2), {}), ((1,), {"amount": 2}), ((), {"notes": 1})):
        with pytest.raises(TypeError) as expected:
            account.deposit(*args, **kwargs)
        with victim.attack() as attacker:
            failed = attacker.failure(
                "bank.Account.deposit", InstanceRef("bank.Account", 1), *args, **kwargs
            )
            assert failed.code == FailureCode.WRONG_ARGUMENTS
            assert failed.message == str(expected.value)
