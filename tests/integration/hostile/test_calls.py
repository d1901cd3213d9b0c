"""Names nobody exposed, metadata that forbids, arguments that do not fit, failures that leak."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import pytest

from chunnel.protocol.messages import Failure, FailureCode
from chunnel.values import InstanceRef
from tests.apps.bank import rpc

from ...live import until
from .attacker import CALL, SECRET, Attacker, control, new_id
from .conftest import Victim

# Names -------------------------------------------------------------------------------------------

NAMES = [
    *(
        "",
        ".",
        "..",
        "bank",
        "bank.",
        ".echo",
        "bank.echo.",
        "bank..echo",
        " bank.echo",
        "bank.echo ",
    ),
    *(
        "BANK.ECHO",
        "bank.Echo",
        "bank/echo",
        "bank:echo",
        "bank.echo()",
        "bank.echo\x00",
        "bank.echo\n",
    ),
    *(
        "bank.\uff45cho",
        "bank.echo\u200b",
        "b\u0430nk.echo",
        "\ud7ff",
        "💥" * 60,
        "x" * 255,
        "." * 255,
    ),
    *("bank.echo.__call__", "bank.echo.__globals__", "bank.echo.__class__.__mro__", "__import__"),
    *("os.system", "builtins.eval", "tests.apps.bank.rpc.echo", "bank.rpc.echo", "bank.Calculator"),
    *(
        "bank.calculator",
        "bank.calculator._reset",
        "bank.calculator.base",
        "bank.calculator.__init__",
    ),
    *(
        "bank._Hidden",
        "bank.InsufficientFunds",
        "bank.InsufficientFunds.__init__",
        "bank.AccountRPC",
    ),
    *("bank.Account", "bank.Account.__init__", "bank.Account.delete", "bank.Account.save"),
    *("bank.Account.wipe", "bank.Account.balance", "bank.Account.secret", "bank.Account.pk"),
    *("bank.Account.refresh_from_db", "bank.Account.from_db", "bank.Account._meta"),
    *("bank.Account.objects.__class__", "bank.Account.objects.raw", "bank.Account.objects.all"),
    *("bank.Account.objects.filter", "bank.Account.objects.delete", "bank.Account.objects.update"),
    *(
        "bank.Account.objects.create",
        "bank.Account.objects.extra",
        "bank.Account.objects.overdrawn.x",
    ),
    *("bank.Account.overdrawn", "bank.Account.objects.deposit", "bank.Account.history.close"),
    *("bank.Account.DoesNotExist", "auth.User.objects", "auth.User", "bank.Branch.accounts"),
    *("urllib.parse.quote_plus", "bank.unquote", "bank.quote_plus.__globals__", "bank.datetime"),
    *(
        "chunnel",
        "chunnel.",
        "chunnel.stop",
        "chunnel.schema.x",
        "chunnel._schema",
        "chunnel.Schema",
    ),
]


def test_names_that_are_not_exposed(victim: Victim) -> None:
    """Exactly what was declared has a name; the refusal quotes what was asked for, and no more."""
    with victim.attack(lines=len(NAMES)) as attacker:
        for name in NAMES:
            failed = attacker.failure(name, InstanceRef("bank.Account", 1))
            assert failed.code == FailureCode.NOT_EXPOSED, (name, failed)
            assert failed.message == f"Nothing is exposed as {name[:200]!r}."
            assert failed.details == {}


def test_what_is_logged_stays_on_its_line(victim: Victim) -> None:
    """Names and texts of a caller's choice can neither begin a line nor fill the disk."""
    forged = "x\n2026-01-01 CRITICAL all is lost\r\x1b[2J\x85\u2028"
    calls: list[Callable[[Attacker], Any]] = [
        lambda a: a.failure(forged),
        lambda a: a.failure("bank.nothing", _meta={"hops": [forged]}),
        lambda a: a.failure("bank.nothing", _meta={"hops": ["y" * 60_000]}),
        lambda a: a.failure("bank.echo", _meta={f"!{forged}": 1}),
        lambda a: a.failure("bank.echo", _ser=forged),
        lambda a: a.failure("bank.balance", **{forged: 1}),
        lambda a: a.failure("bank.balance", **{"z" * 1_000_000: 1}),
        lambda a: a.failure("bank.Account.objects", [forged, []], "rows"),
        lambda a: a.failure("bank.Account.objects", ["bank.Account", []], forged),
        lambda a: a.failure("bank.Account.objects", ["bank.Account", []], "y" * 1_000_000),
        lambda a: a.failure("bank.Account.objects", ["bank.Account", [[forged]]], "rows"),
        lambda a: a.failure(
            "bank.Account.objects", ["bank.Account", [["filter", ["=", forged, 1]]]], "rows"
        ),
        lambda a: a.failure("bank.echo", InstanceRef(forged, 1)),
        lambda a: a.failure("bank.echo", InstanceRef("bank.Account", forged)),
    ]
    for call in calls:
        with victim.attack() as attacker:
            failed = call(attacker)
            assert len(failed.message) <= 8_000
        # ``attack`` counts lines by \n; the others would do for a terminal.
    with victim.attack(lines=len(calls)) as attacker:
        victim.log()
        for call in calls:
            call(attacker)
        for line in victim.log():
            assert len(line) < 2_000
            assert line.isprintable(), line


# Metadata ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({"hops": [f"p{number}" for number in range(17)]}, FailureCode.REFUSED),
        ({"hops": ["p"] * 1000}, FailureCode.REFUSED),
        ({"hops": "mallory"}, FailureCode.MALFORMED),
        ({"hops": {"a": 1}}, FailureCode.MALFORMED),
        ({"hops": [1]}, FailureCode.MALFORMED),
        ({"hops": [["a"]]}, FailureCode.MALFORMED),
        ({"hops": 10**18}, FailureCode.MALFORMED),
        ({"!idempotency_key": "x"}, FailureCode.REFUSED),
        ({"!": 1}, FailureCode.REFUSED),
        ({"!" + "x" * 50_000: 1}, FailureCode.REFUSED),
        ({"remaining": 0}, FailureCode.EXPIRED),
        ({"remaining": -1}, FailureCode.EXPIRED),
        ({"remaining": -(2**63)}, FailureCode.EXPIRED),
        ({"remaining": "soon"}, FailureCode.MALFORMED),
        ({"remaining": 1.5}, FailureCode.MALFORMED),
        ({"remaining": True}, FailureCode.MALFORMED),
        ({"remaining": [5]}, FailureCode.MALFORMED),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize(
    "name", ["bank.echo", "bank.later", "probe.endless", "probe.endless_async"]
)
def test_metadata_that_forbids(
    victim: Victim, meta: dict[str, Any], code: FailureCode, name: str
) -> None:
    """In every style of call: refused unexecuted."""
    with victim.attack() as attacker:
        failed = attacker.failure(name, 1, _meta=meta)
        assert failed.code == code, failed
        assert victim.state()["open"] == 0


def test_metadata_that_is_odd_and_legal(victim: Victim) -> None:
    with victim.attack(lines=0) as attacker:
        for meta in (
            {"remaining": 2**53},
            {"remaining": 2**64 - 1},
            {"hops": []},
            {"hops": ["p"] * 16},
            {"attempt": "often", "trace": 5, "batch": None, "on_behalf_of": {"a": []}},
            {"": 1, "x" * 10_000: "y"},
        ):
            for name in ("bank.echo", "bank.later"):
                assert attacker.result(name, 1, _meta=meta) == 1


# Arguments ---------------------------------------------------------------------------------------

CALCULATOR = rpc.Calculator(100)
WRONG: list[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    ("bank.balance", rpc.balance, (), {}),
    ("bank.balance", rpc.balance, (1, 2), {}),
    ("bank.balance", rpc.balance, (1,), {"uid": 1}),
    ("bank.balance", rpc.balance, (), {"UID": 1}),
    ("bank.balance", rpc.balance, (1,), {"name": 1}),
    ("bank.balance", rpc.balance, (1,), {"": 1}),
    ("bank.balance", rpc.balance, tuple(range(5000)), {}),
    ("bank.transfer", rpc.transfer, (1,), {}),
    ("bank.statement", rpc.statement, (), {}),
    ("bank.later", rpc.later, (), {"values": 1}),
    ("bank.ticks", rpc.ticks, (1, 2, 3), {}),
    ("bank.add", CALCULATOR.add, (), {}),
    ("bank.add", CALCULATOR.add, (1, 2), {}),
    ("bank.hypot", math.hypot, ("x",), {}),
    ("bank.hypot", math.hypot, (1,), {"x": 2}),
]


@pytest.mark.parametrize(("name", "function", "args", "kwargs"), WRONG, ids=lambda v: repr(v)[:20])
def test_arguments_that_do_not_fit(
    victim: Victim, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """The refusal is the TypeError that the call would have raised here, word by word."""
    with pytest.raises(TypeError) as expected:
        function(*args, **kwargs)
    with victim.attack() as attacker:
        failed = attacker.failure(name, *args, **kwargs)
        assert failed.message == str(expected.value)
        if name != "bank.hypot" or kwargs:  # that function alone knows what it takes
            assert failed.code == FailureCode.WRONG_ARGUMENTS


def test_keywords_that_are_no_text(victim: Victim) -> None:
    with victim.attack(lines=6) as attacker:
        for name in ("bank.balance", "bank.echo", "bank.later", "bank.hypot", "chunnel.schema"):
            failed = attacker.failure(name, _body=b"\x92\x90\x81\x01\x02")
            assert failed.code == FailureCode.WRONG_ARGUMENTS, failed
            assert failed.message.endswith("keywords must be strings"), failed
        failed = attacker.failure("bank.Account.objects", _body=b"\x92\x90\x81\x01\x02")
        assert failed.code == FailureCode.MALFORMED


@pytest.mark.parametrize("name", ["chunnel.schema", "chunnel.status"])
def test_builtins_take_no_arguments(victim: Victim, name: str) -> None:
    with victim.attack(lines=2) as attacker:
        assert attacker.failure(name, 1).code == FailureCode.WRONG_ARGUMENTS
        assert attacker.failure(name, a=1).code == FailureCode.WRONG_ARGUMENTS
        assert attacker.result(name)


# Leaks -------------------------------------------------------------------------------------------


def test_what_was_not_registered_keeps_its_message(victim: Victim) -> None:
    """The caller learns the class; message and traceback are in the log."""
    with victim.attack(lines=0) as attacker:
        failed = attacker.failure("probe.breach")
        assert failed.code == FailureCode.RAISED
        assert failed.message == "_Breach (its message is in the server's log)"
        assert "traceback" not in failed.details
        assert "args" not in failed.details
        assert SECRET.encode() not in failed.body
        logged = victim.log()
        assert any(f"the password is {SECRET}" in line for line in logged)


def test_a_server_in_debug_shows_it(start: Callable[..., Victim]) -> None:
    victim = start(debug=True)
    with Attacker(victim.address) as attacker:
        failed = attacker.failure("probe.breach")
        assert failed.message == f"the password is {SECRET}"
        assert "in breach" in failed.details["traceback"]
        spoilt = attacker.failure("bank.nothing")
        assert "traceback" not in spoilt.details  # nothing was raised there


def test_a_failure_fits_whatever_raised(victim: Victim) -> None:
    """An exception as large as a message may be is cut, and still arrives."""
    with victim.attack(lines=0) as attacker:
        failed = attacker.failure("bank.fail", "value", "x" * 20_000)
        assert failed.code == FailureCode.RAISED
        assert failed.details["base"] == "ValueError"
        assert len(failed.message) <= 8_000
        assert len(failed.body) < 60_000
        victim.log()  # with its traceback, since nobody exposed a ValueError


def test_a_hostile_call_on_many_connections(victim: Victim) -> None:
    """Two hundred that all ask for what is not there."""
    before = victim.state()
    victim.log()
    attackers = [Attacker(victim.address) for _ in range(20)]
    try:
        for _ in range(10):
            for attacker in attackers:
                call_id = new_id()
                fields = {"name": os.urandom(5).hex(), "ser": "msgpack"}
                attacker.say(control(CALL, call_id, fields))
                ending = attacker.ending(call_id)
                assert isinstance(ending, Failure)
    finally:
        for attacker in attackers:
            attacker.close()
    until(lambda: victim.state()["pid"] == before["pid"])
    assert len(victim.log()) <= 200
