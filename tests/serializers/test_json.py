"""What stands on the wire as JSON, and JSON that only others send."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from chunnel.exceptions import SerializationError
from chunnel.serializers.json import JSONSerializer
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

SERIALIZER = JSONSerializer()

VECTORS: list[tuple[Any, str]] = [
    ([[42], {"a": None}], '[[42],{"a":null}]'),
    ("é", '"é"'),
    (1 << 64, '{"$int":"10000000000000000"}'),
    (-(1 << 80), '{"$int":"-100000000000000000000"}'),
    (math.inf, '{"$float":"inf"}'),
    (b"ab", '{"$bytes":"YWI="}'),
    ((1, 2), '{"$tuple":[1,2]}'),
    ({1}, '{"$set":[1]}'),
    (frozenset([1]), '{"$frozenset":[1]}'),
    ({1: 2}, '{"$dict":[[1,2]]}'),
    ({"$a": 1}, '{"$dict":[["$a",1]]}'),
    ({"$a": 1, "b": 2}, '{"$a":1,"b":2}'),
    (Decimal("1.50"), '{"$decimal":"1.50"}'),
    (dt.datetime(2026, 11, 21, 10, 5), '{"$datetime":["2026-11-21T10:05:00",null,0]}'),
    (
        dt.datetime(2026, 10, 25, 2, 0, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        '{"$datetime":["2026-10-25T02:00:00","Europe/Berlin",1]}',
    ),
    (
        dt.time(10, 5, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        '{"$time":["10:05:00",3600000000,0]}',
    ),
    (dt.date(2026, 11, 21), '{"$date":"2026-11-21"}'),
    (dt.timedelta(-1, 3, 4), '{"$timedelta":[-1,3,4]}'),
    (UUID(int=1), '{"$uuid":"00000000000000000000000000000001"}'),
    (InstanceRef("m.A", 7), '{"$ref":["m.A",7]}'),
    (InstanceRow("m.A", 7, ("n",), (1,), "x"), '{"$row":["m.A",7,["n"],[1],"x",[]]}'),
    (InstanceRow("m", 7, (), (), None, ("f",)), '{"$row":["m",7,[],[],null,["f"]]}'),
    (RowSet(None, ("n",), ([1, 2],)), '{"$rows":[null,["n"],[["",[1,2]]],[]]}'),
    (RowSet("m", ("pk",), ([1],), ("f",)), '{"$rows":["m",["pk"],[["",[1]]],["f"]]}'),
    (
        RowSet(None, ("d",), ([Decimal(1), None],)),
        '{"$rows":[null,["d"],[["decimal",["1"],[1]]],[]]}',
    ),
    (
        InstanceRow("m", 7, (), (), None, (), (Relation("b", "m.B", True),)),
        '{"$row":["m",7,[],[],null,[],[["b","m.B",true]]]}',
    ),
    (
        RowSet("m", ("pk",), ([1],), (), (Relation("b", "m.B", False, "a"),)),
        '{"$rows":["m",["pk"],[["",[1]]],[],[["b","m.B",false,"a"]],[]]}',
    ),
    (  # two rows that lead to one other and to none, and it to one twice, whose value has a tag
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
                            Related("c", True, True, RowSet("m.C", ("pk",), ([(4,)],)), [[0, 0]]),
                        ),
                    ),
                    [0, None],
                ),
            ),
        ),
        (
            '{"$rows":["m",["pk"],[["",[1,2]]],[],[],[["b",false,false,["m.B",["pk"],[["",[3]]],[],'
            '[],[["c",true,true,["m.C",["pk"],[["",[{"$tuple":[4]}]]],[]],[[2],[0,0]]]]],[0,null]]]]}'
        ),
    ),
    (QuerySetRef("m.A"), '{"$query":["m.A"]}'),
]


@pytest.mark.parametrize(("value", "wire"), VECTORS, ids=lambda v: repr(v)[:40])
def test_values_stand_on_the_wire_as_documented(value: Any, wire: str) -> None:
    assert SERIALIZER.dumps(value).body.decode() == wire
    assert SERIALIZER.loads(wire.encode()) == value


def test_a_projects_own_type_stands_on_the_wire_as_documented() -> None:
    table = TypeTable([WireType("c", complex, lambda c: [c.real, c.imag], lambda c: complex(*c))])
    serializer = JSONSerializer(table)
    assert serializer.dumps(1 + 2j).body == b'{"$own":["c",[1.0,2.0]]}'
    assert serializer.loads(b'{"$own":["c",[1.0,2.0]]}') == 1 + 2j


def test_a_large_binary_leaves_its_number() -> None:
    assert SERIALIZER.dumps([b"x" * 65536]).body == b'[{"$blob":0}]'


def test_escapes_and_white_space_of_other_writers_are_taken() -> None:
    assert SERIALIZER.loads(b' [ "\\ud83d\\ude00" , "\\\\ud800" ] ') == ["\U0001f600", "\\ud800"]


@pytest.mark.parametrize(
    "wire",
    [
        "",
        "nul",
        "NaN",
        "-Infinity",
        "[1]]",
        '{"a":1,"a":2}',
        '{"$tuple":[1],"$tuple":[2]}',
        '"\\ud800"',
        '{"\\udc00":1}',
        "1" * 21,
        "[" * 101 + "]" * 101,
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"$tuple":[' * 101 + "]}" * 101,
        '{"$nothing":1}',
        '{"$query":"m.A"}',
        '{"$query":[1]}',
        '{"$rows":["m",[],[],[],[]]}',
        '{"$rows":["m",[],[],[],[],1]}',
        '{"$rows":["m",[],[],[],[],[1]]}',
        '{"$rows":["m",[],[],[],[],[["b",false,false,{"$rows":["m.B",[],[],[]]},[]]]]}',
        '{"$rows":["m",[],[],[],[],[["b",false,false,["m.B",[],[],[]],[0]]]]}',
        '{"$row":["m",7,[],[],null,[],[["b","m.B"]]]}',
        '{"$row":["m",7,[],[],null,[],[],[],[]]}',
        '{"$":1}',
        '{"$tuple":1}',
        '{"$set":[[]]}',
        '{"$dict":[[1]]}',
        '{"$dict":[1]}',
        '{"$dict":[[[],1]]}',
        '{"$dict":{"a":1}}',
        '{"$int":12}',
        '{"$int":"xyz"}',
        '{"$int":"' + "f" * 300_000 + '"}',
        '{"$float":"1.5"}',
        '{"$float":[]}',
        '{"$bytes":"???"}',
        '{"$bytes":1}',
        '{"$blob":0}',
        '{"$blob":-1}',
        '{"$blob":true}',
        '{"$blob":"0"}',
        '{"$decimal":1}',
        '{"$decimal":"1E+999999999"}',
        '{"$decimal":"one"}',
        '{"$datetime":"2026-11-21T10:05:00"}',
        '{"$datetime":["2026-13-21T10:05:00",null,0]}',
        '{"$datetime":["2026-11-21T10:05:00","../UTC",0]}',
        '{"$datetime":["2026-11-21T10:05:00",86400000000,0]}',
        '{"$datetime":["2026-11-21T10:05:00",1.5,0]}',
        '{"$datetime":["2026-11-21T10:05:00",null,2]}',
        '{"$datetime":["2026-11-21T10:05:00",null,"0"]}',
        '{"$date":"2026-02-30"}',
        '{"$date":20260230}',
        '{"$time":["25:00:00",null,0]}',
        '{"$timedelta":[1,2]}',
        '{"$timedelta":[1,2,"3"]}',
        '{"$timedelta":[10000000000,2,3]}',
        '{"$uuid":"1"}',
        '{"$uuid":1}',
        '{"$own":["money",1]}',
        '{"$own":[[],1]}',
        '{"$own":1}',
        '{"$ref":["m"]}',
        '{"$ref":[1,1]}',
        '{"$row":["m",1,[],[],null]}',
        '{"$row":["m",1,["a"],[],null,[]]}',
        '{"$row":["m",1,"a",["b"],null,[]]}',
        '{"$row":["m",1,[],[],null,"f"]}',
        '{"$row":["m",1,[],[],null,[1]]}',
        '{"$rows":[null,["a"],[["",[1]]]]}',
        '{"$rows":[null,["a"],[["",[1],[0,0]]],[]]}',
        '{"$rows":[null,["a"],[["uuid",["x"]]],[]]}',
        '{"$rows":[null,["a"],[[{"$tuple":[]},[]]],[]]}',
        '{"$rows":[null,[1],[["",[1]]],[]]}',
        '{"$rows":[null,[],[],[null]]}',
    ],
    ids=lambda wire: wire[:50],
)
def test_malformed_bodies_are_serialization_errors(wire: str) -> None:
    with pytest.raises(SerializationError):
        SERIALIZER.loads(wire.encode(), [])


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(SerializationError):
        SERIALIZER.loads(b'"\xff"')
