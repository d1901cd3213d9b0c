"""What stands on the wire, byte for byte, and bytes that only an attacker sends."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import pytest

from chunnel.exceptions import SerializationError
from chunnel.serializers.msgpack import MsgpackSerializer
from chunnel.values import (
    InstanceRef,
    InstanceRow,
    QuerySetRef,
    Related,
    Relation,
    RowSet,
    TypeTable,
    WireType,
)
from chunnel.values.limits import MAX_INT_BYTES

SERIALIZER = MsgpackSerializer()

VECTORS: list[tuple[Any, str]] = [
    ([[42], {}], "92 91 2a 80"),
    (1 << 64, "c7 09 01 010000000000000000"),
    (-(1 << 63) - 1, "c7 09 01 ff7fffffffffffffff"),
    (Decimal("1.50"), "d6 02 312e3530"),
    (dt.datetime(2026, 11, 21, 10, 5, 3, 7), "c7 0c 03 00 07ea 0b 15 0a 05 03 00000007"),
    (
        dt.datetime(2026, 11, 21, 10, 5, 3, 7, dt.UTC),
        "c7 14 03 01 07ea 0b 15 0a 05 03 00000007 0000000000000000",
    ),
    (
        dt.datetime(2026, 10, 25, 2, 0, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        "c7 19 03 06 07ea 0a 19 02 00 00 00000000 4575726f70652f4265726c696e",
    ),
    (dt.date(2026, 11, 21), "d6 04 07ea 0b 15"),
    (dt.time(10, 5, 3, 7), "d7 05 00 0a 05 03 00000007"),
    (dt.timedelta(-1, 3, 4), "c7 0c 06 ffffffff 00000003 00000004"),
    (UUID(int=1), "d8 07 00000000000000000000000000000001"),
    ((1, 2), "81 c70010 92 01 02"),
    ({1}, "81 c70011 91 01"),
    (frozenset([1]), "81 c70012 91 01"),
    ({(1,): 2}, "81 81 c70010 91 01 02"),
    (InstanceRef("m.A", 7), "81 c70014 92 a36d2e41 07"),
    (InstanceRow("m.A", 7, ("n",), (1,), "x"), "81 c70015 96 a36d2e41 07 91 a16e 91 01 a178 90"),
    (InstanceRow("m", 7, (), (), None, ("f",)), "81 c70015 96 a16d 07 90 90 c0 91 a166"),
    (RowSet(None, ("n",), ([1, 2],)), "81 c70016 94 c0 91 a16e 91 92 a0 92 01 02 90"),
    (RowSet("m", ("pk",), ([1],), ("f",)), "81 c70016 94 a16d 91 a2706b 91 92 a0 91 01 91 a166"),
    (
        RowSet(None, ("d",), ([Decimal(1), None],)),
        "81 c70016 94 c0 91 a164 91 93 a7646563696d616c 91 a131 91 01 90",
    ),
    (
        InstanceRow("m", 7, (), (), None, (), (Relation("b", "m.B", True),)),
        "81 c70015 97 a16d 07 90 90 c0 90 91 93 a162 a36d2e42 c3",
    ),
    (
        RowSet("m", ("pk",), ([1],), (), (Relation("b", "m.B", False, "a"),)),
        "81 c70016 96 a16d 91 a2706b 91 92 a0 91 01 90 91 94 a162 a36d2e42 c2 a161 90",
    ),
    (  # two rows that lead to one other and to none, and it to itself twice
        RowSet(
            "m",
            ("pk",),
            ([1, 2],),
            related=(
                Related(
                    "b",
                    False,
                    False,
                    RowSet(
                        "m.B",
                        ("pk",),
                        ([3],),
                        related=(
                            Related("c", True, True, RowSet("m.C", ("pk",), ([4],)), [[0, 0]]),
                        ),
                    ),
                    [0, None],
                ),
            ),
        ),
        (
            "81 c70016 96 a16d 91 a2706b 91 92 a0 92 01 02 90 90"
            "91 95 a162 c2 c2 96 a36d2e42 91 a2706b 91 92 a0 91 03 90 90"
            "91 95 a163 c3 c3 94 a36d2e43 91 a2706b 91 92 a0 91 04 90 92 91 02 92 00 00 92 00 c0"
        ),
    ),
    (QuerySetRef("m.A"), "81 c70017 91 a36d2e41"),
]


@pytest.mark.parametrize(("value", "wire"), VECTORS, ids=lambda v: repr(v)[:40])
def test_values_stand_on_the_wire_as_documented(value: Any, wire: str) -> None:
    body = bytes.fromhex(wire)
    assert SERIALIZER.dumps(value).body == body
    assert SERIALIZER.loads(body) == value


def test_a_projects_own_type_stands_on_the_wire_as_documented() -> None:
    table = TypeTable([WireType("c", complex, lambda c: [c.real, c.imag], lambda c: complex(*c))])
    serializer = MsgpackSerializer(table)
    body = bytes.fromhex("81 c70013 92 a163 92 cb3ff0000000000000 cb4000000000000000")
    assert serializer.dumps(1 + 2j).body == body
    assert serializer.loads(body) == 1 + 2j


def test_a_large_binary_leaves_its_number() -> None:
    packed = SERIALIZER.dumps([b"x" * 65536])
    assert packed.body == bytes.fromhex("91 d6 00 00000000")


def test_msgpacks_own_timestamps_are_taken_as_datetimes() -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    body = msgpack.packb([moment], datetime=True)
    assert SERIALIZER.loads(body) == [moment]


def test_a_large_binary_inside_the_body_is_taken() -> None:
    assert SERIALIZER.loads(msgpack.packb(b"x" * 70_000)) == b"x" * 70_000


@pytest.mark.parametrize(
    "wire",
    {
        "nothing": "",
        "never used": "c1",
        "unknown extension": "d4 63 00",
        "negative extension": "d4 80 00",
        "unknown mark": "81 c70063 90",
        "mark as a value": "c70010",
        "mark in a list": "91 c70010",
        "mark as a value of a map": "81 01 c70010",
        "mark beside another key": "82 c70010 90 01 02",
        "mark twice": "82 c70010 90 c70010 90",
        "mark without an array": "81 c70010 01",
        "mark with a map": "81 c70010 80",
        "unhashable key": "81 90 01",
        "unhashable element": "81 c70011 91 90",
        "text that is not UTF-8": "a1 ff",
        "half a surrogate": "a3 eda080",
        "decimal that is none": "d6 02 61626364",
        "decimal bomb": "c7 0c 02 31452b393939393939393939",
        "month 13": "d6 04 07ea 0d 15",
        "year 0": "d6 04 0000 0b 15",
        "short date": "d4 04 00",
        "hour 24": "d7 05 00 18 05 03 00000007",
        "zone without an offset": "d7 05 01 0a 05 03 00000007",
        "zone of an unknown form": "d7 05 03 0a 05 03 00000007",
        "zone beside none": "c7 09 05 00 0a 05 03 00000007 41",
        "offset of a day": "c7 10 05 01 0a 05 03 00000007 000000141dd76000",
        "too many days": "c7 0c 06 7fffffff 00000003 00000004",
        "timestamp out of range": "c7 0c ff 00000000 7fffffffffffffff",
        "short UUID": "d4 07 00",
        "large binary that is not there": "d6 00 00000007",
        "ref without a key": "81 c70014 91 a36d2e41",
        "ref to no text": "81 c70014 92 01 07",
        "row without names of methods": "81 c70015 95 a36d2e41 07 90 90 c0",
        "row with fewer values": "81 c70015 96 a36d2e41 07 91 a16e 90 c0 90",
        "row with a number for a text": "81 c70015 96 a36d2e41 07 90 90 01 90",
        "row with a number for a name": "81 c70015 96 a36d2e41 07 91 01 91 01 c0 90",
        "row with a number for a method": "81 c70015 96 a36d2e41 07 90 90 c0 91 01",
        "row with a text for methods": "81 c70015 96 a36d2e41 07 90 90 c0 a166",
        "row set without names of methods": "81 c70016 93 c0 90 90",
        "row set of unequal columns": "81 c70016 94 c0 92 a16e a16d 92 92 a0 90 92 a0 91 01 90",
        "row set with a column too many": "81 c70016 94 c0 90 91 92 a0 90 90",
        "row set with relations and no related rows": "81 c70016 95 c0 90 90 90 90",
        "row set with a related row set of a mark": (
            "81 c70016 96 c0 90 90 90 90 91 95 a162 c2 c2 81 c70016 94 c0 90 90 90 90"
        ),
        "row set that leads nowhere": (
            "81 c70016 96 c0 91 a16e 91 92 a0 91 01 90 90 91 95 a162 c2 c2 94 c0 90 90 90 91 00"
        ),
        "query of no text": "81 c70017 91 01",
        "column of no kind": "81 c70016 94 c0 91 a16e 91 92 a178 90 90",
        "own type without a name": "81 c70013 92 01 01",
        "array longer than the body": "dd ffffffff",
        "map longer than the body": "df ffffffff",
        "text longer than the body": "db ffffffff",
    }.items(),
    ids=lambda item: item[0],
)
def test_malformed_bodies_are_serialization_errors(wire: tuple[str, str]) -> None:
    with pytest.raises(SerializationError):
        SERIALIZER.loads(bytes.fromhex(wire[1]))


@pytest.mark.parametrize(
    "key",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "Europe/../UTC",
        "",
        ".",
        "a" * 500,
        "Nowhere/City",
        "a\0b",
    ],
)
def test_the_key_of_a_zone_is_no_path(key: str) -> None:
    payload = bytes([2, 10, 5, 3, 0, 0, 0, 7]) + key.encode()
    with pytest.raises(SerializationError, match="zone"):
        SERIALIZER.loads(msgpack.packb(msgpack.ExtType(5, payload)))


def test_an_integer_over_the_limit_is_refused() -> None:
    body = msgpack.packb(msgpack.ExtType(1, b"\x7f" * (MAX_INT_BYTES + 2)))
    with pytest.raises(SerializationError, match="integer"):
        SERIALIZER.loads(body)


@pytest.mark.parametrize("head", [b"\xdd\x00\x0f\xff\xff", b"\xdc\xff\xff"], ids=["32", "16"])
def test_lengths_that_lie_reserve_no_memory(head: bytes) -> None:
    body = head * 900 + b"\xc0" * (1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(SerializationError):
            SERIALIZER.loads(body)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\x01", b"\x81\xc7\x00\x10\x91"])
def test_bodies_nested_too_deep_are_refused(opening: bytes) -> None:
    for depth in (101, 120, 400, 3000, 200_000):
        with pytest.raises(SerializationError):
            SERIALIZER.loads(opening * depth + b"\x01")


def test_keys_nested_too_deep_are_refused() -> None:
    body = b"\x81" + b"\x81\xc7\x00\x10\x91" * 150 + b"\x01" + b"\x01"
    with pytest.raises(SerializationError):
        SERIALIZER.loads(body)
