"""Names nobody exposed, bodies that are bombs, arguments that do not fit, forged instances."""

from __future__ import annotations

import datetime
import json
import math
import os
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgpack
import pytest

from chunnel.protocol.messages import Failure, FailureCode, Result
from chunnel.values import InstanceRef
from tests.apps.bank import models, rpc

from ...live import until
from .attacker import CALL, SECRET, Attacker, Failed, control, new_id
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


# Bodies ------------------------------------------------------------------------------------------


def extension(code: int, data: bytes) -> Any:
    return msgpack.ExtType(code, data)


def packed(value: Any) -> bytes:
    """Return a body with ``value`` as the one argument."""
    return bytes(msgpack.packb([[value], {}], use_bin_type=True, strict_types=True))


def marked(mark: int, content: Any) -> bytes:
    """Return a body with a container that is a map with a mark as its key."""
    inner = msgpack.packb(msgpack.ExtType(mark, b"")) + msgpack.packb(content)
    return b"\x92\x91\x81" + bytes(inner) + b"\x80"


INT, DECIMAL, DATETIME, DATE, TIME, TIMEDELTA, UUID = range(1, 8)
TUPLE, SET, FROZENSET, OWN, REF, ROW, ROW_SET = range(16, 23)
MSGPACK_BOMBS: dict[str, bytes] = {
    "nothing": b"",
    "the byte that msgpack lacks": b"\xc1",
    "something behind": packed(1) + b"\x00",
    "a number": b"\x07",
    "no keyword arguments": b"\x91\x90",
    "three parts": b"\x93\x90\x80\x80",
    "maps for lists": b"\x92\x80\x90",
    "nil for both": b"\x92\xc0\xc0",
    "cut off": packed("hello")[:-3],
    "nested 101 deep": b"\x92" + b"\x91" * 101 + b"\xc0\x80",
    "nested 1,000 deep": b"\x92" + b"\x91" * 1000 + b"\xc0\x80",
    "nested 100,000 deep": b"\x92" + b"\x91" * 100_000 + b"\xc0\x80",
    "maps nested 500 deep": b"\x92\x91" + b"\x81\x01" * 500 + b"\xc0\x80",
    "maps in keys": b"\x92\x91\x81\x80\x01\x80",
    "a list for a key": b"\x92\x91\x81\x91\x01\x01\x80",
    "2**32 items": b"\x92\xdd\xff\xff\xff\xff\x80",
    "2**32 entries": b"\x92\x90\xdf\xff\xff\xff\xff",
    "2**32 characters": b"\x92\x91\xdb\xff\xff\xff\xff\x80",
    "2**32 bytes": b"\x92\x91\xc6\xff\xff\xff\xff\x80",
    "an extension of 2**32 bytes": b"\x92\x91\xc9\xff\xff\xff\xff\x01\x80",
    "lists that claim thousands, nested": b"\x92" + b"\xdc\x0f\xff" * 1000 + b"\xc0\x80",
    "lists that claim millions, nested": b"\x92" + b"\xdd\x00\x0f\xff\xff" * 1000 + bytes(2**20),
    "text that is not UTF-8": packed("xy").replace(b"xy", b"\xff\xfe"),
    "half a surrogate pair": packed("xyz").replace(b"xyz", b"\xed\xa0\x80"),
    "an unknown extension": packed(extension(99, b"x")),
    "an extension below zero": packed(extension(99, b"x")).replace(b"\x63x", b"\x80x"),
    "an integer too large": packed(extension(INT, b"\x7f" * (2**17 + 2))),
    "a decimal of a billion digits": packed(extension(DECIMAL, b"1E+999999999")),
    "a decimal of a billionth": packed(extension(DECIMAL, b"1E-999999999")),
    "a decimal beyond all": packed(extension(DECIMAL, b"1E+99999999999999999999")),
    "a decimal of 300,000 digits": packed(extension(DECIMAL, b"9" * 300_000)),
    "a decimal of words": packed(extension(DECIMAL, b"many")),
    "a decimal of Arabic digits": packed(extension(DECIMAL, "٣".encode())),
    "a datetime of nothing": packed(extension(DATETIME, b"")),
    "a datetime of month 13": packed(
        extension(DATETIME, struct.pack(">BHBBBBBI", 0, 2026, 13, 1, 0, 0, 0, 0))
    ),
    "a datetime of year 0": packed(
        extension(DATETIME, struct.pack(">BHBBBBBI", 0, 0, 1, 1, 0, 0, 0, 0))
    ),
    "a datetime in a file": packed(
        extension(
            DATETIME, struct.pack(">BHBBBBBI", 2, 2026, 1, 1, 0, 0, 0, 0) + b"../../etc/passwd"
        )
    ),
    "a datetime in no zone": packed(
        extension(DATETIME, struct.pack(">BHBBBBBI", 2, 2026, 1, 1, 0, 0, 0, 0) + b"Mars/Olympus")
    ),
    "a datetime in a directory": packed(
        extension(DATETIME, struct.pack(">BHBBBBBI", 2, 2026, 1, 1, 0, 0, 0, 0) + b"Europe")
    ),
    "a datetime years off": packed(
        extension(DATETIME, struct.pack(">BHBBBBBIq", 1, 2026, 1, 1, 0, 0, 0, 0, 10**12))
    ),
    "a datetime of an unknown form": packed(
        extension(DATETIME, struct.pack(">BHBBBBBI", 3, 2026, 1, 1, 0, 0, 0, 0))
    ),
    "a date of the 31st of February": packed(extension(DATE, struct.pack(">HBB", 2026, 2, 31))),
    "a time of 25 o'clock": packed(extension(TIME, struct.pack(">BBBBI", 0, 25, 0, 0, 0))),
    "a timedelta beyond all": packed(extension(TIMEDELTA, struct.pack(">iII", 2**31 - 1, 0, 0))),
    "a UUID of fifteen bytes": packed(extension(UUID, bytes(15))),
    "a binary that is not there": packed(extension(0, bytes(4))),
    "a binary of a strange number": packed(extension(0, b"\xff" * 4)),
    "msgpack's own timestamp, malformed": b"\x92\x91\xc7\x03\xff123\x80",
    "msgpack's own timestamp, far": b"\x92\x91\xc7\x0c\xff"
    + bytes(4)
    + b"\x7f"
    + b"\xff" * 7
    + b"\x80",
    "a mark outside of a map": packed(extension(TUPLE, b"")),
    "a mark among other keys": b"\x92\x91\x82\xc7\x00\x10\x90\x01\x01\x80",
    "a mark for a value": b"\x92\x91\x81\x01\xc7\x00\x10\x80",
    "a tuple of a number": marked(TUPLE, 1),
    "a set of lists": marked(SET, [[1]]),
    "a frozenset of maps": marked(FROZENSET, [{}]),
    "an own type that is unknown": marked(OWN, ["os.system", "true"]),
    "an own type named by a number": marked(OWN, [1, 1]),
    "a reference of one part": marked(REF, ["bank.Account"]),
    "a reference to a number": marked(REF, [7, 7]),
    "a row whose parts do not match": marked(ROW, ["m.A", 1, ["uid"], [1, 2], None, []]),
    "a row named by numbers": marked(ROW, ["bank.Account", 1, [1], [1], None, []]),
    "rows of columns that differ": marked(
        ROW_SET, [None, ["a", "b"], [["", [1]], ["", [1] * 2]], []]
    ),
    "rows of an unknown kind": marked(ROW_SET, [None, ["a"], [["pickle", [b"x"]]], []]),
    "rows with Nones out of order": marked(ROW_SET, [None, ["a"], [["", [1], [5, 1]]], []]),
    "rows with Nones far away": marked(ROW_SET, [None, ["a"], [["", [1], [2**40]]], []]),
    "rows of decimals that are none": marked(ROW_SET, [None, ["a"], [["decimal", ["1 x 2"]]], []]),
    "rows of huge decimals": marked(ROW_SET, [None, ["a"], [["decimal", ["1E+999999999"]]], []]),
    "rows of long decimals": marked(ROW_SET, [None, ["a"], [["decimal", ["9" * 300_000]]], []]),
    "rows of dates of floats": marked(ROW_SET, [None, ["a"], [["date", [[2026.0], [1], [1]]]], []]),
    "rows of half a UUID": marked(ROW_SET, [None, ["a"], [["uuid", [bytes(8)]]], []]),
    "rows nested too deep": b"\x92\x91\x81\xc7\x00\x16\x94\xc0\x91\xa1a\x91\x92\xa0\x91"
    + b"\x91" * 200
    + b"\xc0\x90\x80",
}


def nest(opening: str, closing: str, depth: int) -> bytes:
    return f"[[{opening * depth}1{closing * depth}],{{}}]".encode()


def tagged(value: Any) -> bytes:
    return json.dumps([[value], {}]).encode()


JSON_BOMBS: dict[str, bytes] = {
    "nothing": b"",
    "cut off": b"[[1",
    "not UTF-8": b'[["\xff\xfe"],{}]',
    "UTF-16": '[["x"],{}]'.encode("utf-16"),
    "a number": b"7",
    "lists too deep": nest("[", "]", 200),
    "lists much too deep": nest("[", "]", 100_000),
    "maps much too deep": nest('{"a":', "}", 100_000),
    "dicts much too deep": nest('{"$dict":[[1,', "]]}", 30_000),
    "references much too deep": nest('{"$ref":["bank.Account",', "]}", 30_000),
    "NaN": b"[[NaN],{}]",
    "Infinity": b"[[-Infinity],{}]",
    "an integer of many digits": b"[[" + b"9" * 100_000 + b"],{}]",
    "half a surrogate pair": b'[["\\ud800"],{}]',
    "the same key twice": b'[[{"a":1,"a":2}],{}]',
    "an unknown tag": tagged({"$pickle": "x"}),
    "a set of lists": tagged({"$set": [[1]]}),
    "a dict of lists": tagged({"$dict": [[[1], 1]]}),
    "a dict of triples": tagged({"$dict": [[1, 2, 3]]}),
    "a huge integer": tagged({"$int": "f" * (2**18 + 2)}),
    "an integer of words": tagged({"$int": "many"}),
    "a float of words": tagged({"$float": ["nan"]}),
    "a decimal of a billion digits": tagged({"$decimal": "1E+999999999"}),
    "a decimal that is a number": tagged({"$decimal": 1}),
    "bytes that are no base64": tagged({"$bytes": "!"}),
    "bytes of a number": tagged({"$bytes": 7}),
    "a binary that is not there": tagged({"$blob": 0}),
    "a binary before the first": tagged({"$blob": -1}),
    "a binary that is true": tagged({"$blob": True}),
    "a datetime of words": tagged({"$datetime": ["today", None, 0]}),
    "a datetime in a file": tagged({"$datetime": ["2026-01-01T00:00", "/etc/passwd", 0]}),
    "a datetime of two": tagged({"$datetime": ["2026-01-01T00:00", None]}),
    "a datetime of fold 7": tagged({"$datetime": ["2026-01-01T00:00", None, 7]}),
    "a datetime at a strange offset": tagged({"$datetime": ["2026-01-01T00:00", 10**30, 0]}),
    "a timedelta of floats": tagged({"$timedelta": [1.5, 0, 0]}),
    "a timedelta beyond all": tagged({"$timedelta": [10**30, 0, 0]}),
    "a UUID of words": tagged({"$uuid": "me"}),
    "an own type": tagged({"$own": ["os.system", "true"]}),
    "a reference of a number": tagged({"$ref": 7}),
    "rows of nothing": tagged({"$rows": [None, None, None]}),
    "a row of texts": tagged({"$row": "abcde"}),
}


@pytest.mark.parametrize(
    ("serializer", "name"),
    [
        *(("msgpack", name) for name in MSGPACK_BOMBS),
        *(("json", name) for name in JSON_BOMBS),
    ],
)
def test_bodies_that_cannot_be_read(victim: Victim, serializer: str, name: str) -> None:
    """The call is refused with a reason, unexecuted; memory and time stay what they were."""
    bombs = MSGPACK_BOMBS if serializer == "msgpack" else JSON_BOMBS
    memory = victim.state()["memory"]
    with victim.attack() as attacker:
        failed = attacker.failure("bank.echo", _ser=serializer, _body=bombs[name])
        assert failed.code == FailureCode.MALFORMED, failed
        assert failed.message.startswith(
            ("The arguments cannot be read: ", "The arguments are not")
        )
        assert len(failed.message) < 500
        assert attacker.result("bank.echo", 1) == 1
    assert victim.state()["memory"] - memory < 60_000


@pytest.mark.parametrize(
    "name",
    ["pickle", "", "yaml", "MSGPACK", "chunnel.serializers.json.JSONSerializer", "os.system"],
)
def test_serializers_that_are_not_offered(victim: Victim, name: str) -> None:
    """A header chooses among those that the server lists, and names no code."""
    with victim.attack() as attacker:
        failed = attacker.failure("bank.echo", _ser=name, _body=b"cos\nsystem\n(S'true'\ntR.")
        assert failed.code == FailureCode.REFUSED
        assert "its serializers are msgpack, json" in failed.message


COLLIDING = (
    2**61 - 1
)  # what Python takes the hash of a number modulo: its multiples have the hash 0
MANY = 60_000  # of them in one dict take minutes, for which no other thread would run


def test_keys_that_collide(victim: Victim) -> None:
    """Numbers of one hash would make a dict take time that grows by the square."""
    numbers = [COLLIDING * (index + 10) for index in range(MANY)]
    wide = [extension(INT, number.to_bytes(11, "big")) for number in numbers]
    texts = [extension(DECIMAL, str(number).encode()) for number in numbers]
    uuids = [extension(UUID, number.to_bytes(16, "big")) for number in numbers]
    for keys in (wide, texts, uuids):
        with victim.attack() as attacker:
            body = b"".join(
                (
                    b"\x92\x91\xdf",
                    struct.pack(">I", MANY),
                    *(msgpack.packb(key) + b"\x01" for key in keys),
                    b"\x80",
                )
            )
            failed = attacker.failure("bank.echo", _body=body)
            assert failed.code == FailureCode.MALFORMED
            assert "hash" in failed.message
    with victim.attack() as attacker:
        failed = attacker.failure("bank.echo", _body=marked(SET, wide))
        assert failed.code == FailureCode.MALFORMED
    powers = [
        2.0 ** (61 * exponent) for exponent in range(-16, 17)
    ]  # their hashes are equal as well
    tuples = [[a, b, c, d] for a in powers for b in powers for c in powers[:8] for d in powers[:8]]
    tuple_mark = b"\x81" + bytes(msgpack.packb(msgpack.ExtType(TUPLE, b"")))
    body = b"".join(
        (
            b"\x92\x91\xdf",
            struct.pack(">I", len(tuples)),
            *(tuple_mark + msgpack.packb(each) + b"\x01" for each in tuples),
            b"\x80",
        )
    )
    with victim.attack() as attacker:
        failed = attacker.failure("bank.echo", _body=body)
        assert failed.code == FailureCode.MALFORMED
    for tag, items in (
        ("$dict", [[{"$int": f"{number:x}"}, 1] for number in numbers]),
        ("$set", [{"$int": f"{number:x}"} for number in numbers]),
        ("$frozenset", [{"$uuid": f"{number:032x}"} for number in numbers]),
        ("$set", [{"$tuple": each} for each in tuples]),
    ):
        with victim.attack() as attacker:
            failed = attacker.failure("bank.echo", _ser="json", _body=tagged({tag: items}))
            assert failed.code == FailureCode.MALFORMED


def test_values_that_are_odd_and_legal(victim: Victim) -> None:
    """What looks like an attack and is a value arrives as it was sent."""
    values: list[Any] = [
        *(math.inf, -0.0, 2**64, -(2**200), Decimal("NaN"), Decimal("-0E-20"), "\x00", "\u2028"),
        *(b"\xc1" * 100, {"$int": "f"}, {"__class__": "x"}, {(): [()]}, {"": {"": ""}}, [[]] * 100),
        *([Decimal("0.00")] * 5000, dict.fromkeys(range(10_000)), set(range(2**62, 2**62 + 5000))),
        *(datetime.datetime.max, datetime.date.min, datetime.timedelta.max, frozenset({()})),
    ]
    with victim.attack(lines=0) as attacker:
        for value in values:
            for serializer in ("msgpack", "json"):
                ending = attacker.ending(attacker.call("bank.echo", value, _ser=serializer))
                assert isinstance(ending, Result), (value, ending)


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


# Instances ---------------------------------------------------------------------------------------


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
