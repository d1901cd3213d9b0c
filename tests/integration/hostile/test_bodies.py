"""Bodies that are bombs, or that no serializer made."""

from __future__ import annotations

import datetime
import json
import math
import struct
from decimal import Decimal
from typing import Any

import msgpack
import pytest

from chunnel.protocol.messages import FailureCode, Result

from .conftest import Victim


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
            ("The arguments cannot be read: ", "The arguments are not", "A plan and its operation ")
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
