"""What every serializer promises. The suite runs over all of them: see conftest."""

from __future__ import annotations

import datetime as dt
import enum
import threading
from collections import Counter, OrderedDict, defaultdict, namedtuple
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import models
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st

from chunnel.exceptions import SerializationError
from chunnel.serializers import Serializer
from chunnel.values import (
    InstanceRef,
    InstanceRow,
    Related,
    Relation,
    RowSet,
    TypeTable,
    WireType,
)
from chunnel.values.limits import BLOB_SIZE, MAX_DEPTH, MAX_INT_BYTES, MAX_RELATED

from . import strategies
from .strategies import same

BERLIN = ZoneInfo("Europe/Berlin")
CALL = ("args", "kwargs")


def round_trip(serializer: Serializer, value: Any) -> Any:
    packed = serializer.dumps(value)
    return serializer.loads(packed.body, packed.blobs)


def refusal(serializer: Serializer, value: Any, **options: Any) -> SerializationError:
    with pytest.raises(SerializationError) as caught:
        serializer.dumps(value, **options)
    return caught.value


# What travels ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(value=strategies.values)
def test_a_value_arrives_equal_in_type(serializer: Serializer, value: Any) -> None:
    arrived = round_trip(serializer, value)
    assert same(value, arrived), (value, arrived)


@settings(deadline=None)
@given(value=strategies.row_sets())
def test_row_sets_arrive_equal_in_type(serializer: Serializer, value: RowSet) -> None:
    arrived = round_trip(serializer, value)
    assert same(value, arrived), (value, arrived)


@pytest.mark.parametrize(
    "value",
    [
        InstanceRow("m.A", 1, ("a",), (2,), None, (), (), ("b", "c")),
        InstanceRow("m.A", 1, (), (), "t", ("f",), (Relation("r", "m.B", True),), ("b",)),
        RowSet("m.A", ("pk",), ([1],), deferred=("b", "c")),
        RowSet("m.A", ("pk",), ([1],), ("f",), (Relation("r", "m.B", True, "a"),), (), ("b",)),
    ],
)
def test_deferred_columns_arrive(serializer: Serializer, value: Any) -> None:
    arrived = round_trip(serializer, value)
    assert same(value, arrived), (value, arrived)


@settings(deadline=None)
@given(value=strategies.owning_row_sets())
def test_related_rows_arrive_equal_in_type(serializer: Serializer, value: RowSet) -> None:
    arrived = round_trip(serializer, value)
    assert same(value, arrived), (value, arrived)


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        -0.0,
        float("nan"),
        float("-inf"),
        10**1000,
        -(10**1000),
        -(1 << 63),
        (1 << 64) - 1,
        -(1 << 70),
        {1: "one", "1": "text", None: 0, (1, (2,)): 0, Decimal("1.5"): 0, b"": 0},
        {True: "yes", 0: "no"},
        {"$tuple": [1]},
        {"$dict": {"$": 1}},
        {1: {"$own": []}},
        {"z": 1, "a": 2, "m": 3},
        Decimal("sNaN12"),
        Decimal("-0E+3"),
        Decimal("1.10"),
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
        dt.datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN),
        dt.datetime(2026, 1, 1, fold=1),
        dt.datetime.max.replace(tzinfo=dt.UTC),
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))),
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(microseconds=-1))),
        dt.time(23, 59, 59, 999999, tzinfo=BERLIN),
        dt.time(1, 2, tzinfo=dt.UTC, fold=1),
        dt.timedelta.min,
        dt.timedelta.max,
        UUID(int=0),
        UUID(int=(1 << 128) - 1),
        [[], (), {}, set(), frozenset()],
    ],
    ids=repr,
)
def test_corners_arrive_equal_in_type(serializer: Serializer, value: Any) -> None:
    assert same(value, round_trip(serializer, value))


class Colour(models.TextChoices):
    RED = "r", "red"


class Level(models.IntegerChoices):
    HIGH = 3


class Plain(enum.Enum):
    PAIR = (1, "a")


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


Point = namedtuple("Point", "x y")


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Stamp(dt.datetime):
    pass


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        (Colour.RED, "r"),
        (Level.HIGH, 3),
        (Plain.PAIR, (1, "a")),
        (Mode.READ | Mode.WRITE, 3),
        ({Colour.RED: Level.HIGH}, {"r": 3}),
        (gettext_lazy("Yes"), "Yes"),
        ({gettext_lazy("Yes"): 1}, {"Yes": 1}),
        (mark_safe("<b>"), "<b>"),
        ({mark_safe("<b>"): mark_safe("x")}, {"<b>": "x"}),
        (SimpleLazyObject(lambda: "lazy"), "lazy"),
        (Point(1, [2]), (1, [2])),
        (Text("t"), "t"),
        (Number(5), 5),
        (Number(1 << 80), 1 << 80),
        (defaultdict(list, {"a": [1]}), {"a": [1]}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Counter("aa"), {"a": 2}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (Stamp(2026, 1, 2, 3, 4, 5, 6, dt.UTC), dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC)),
    ],
    ids=repr,
)
def test_near_types_arrive_as_their_plain_ones(
    serializer: Serializer, sent: Any, arrives: Any
) -> None:
    assert same(arrives, round_trip(serializer, sent))
    assert same([arrives, {"in": arrives}], round_trip(serializer, [sent, {"in": sent}]))


def test_a_zone_of_another_kind_arrives_as_its_offset(serializer: Serializer) -> None:
    class Odd(dt.tzinfo):
        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
            return dt.timedelta(hours=1 if moment and moment.month < 7 else 2)

    winter, summer = (dt.datetime(2026, month, 1, tzinfo=Odd()) for month in (1, 8))
    rows = RowSet(None, ("at",), ([winter, summer],))
    hours = [moment.utcoffset() for moment in round_trip(serializer, rows).columns[0]]
    assert hours == [dt.timedelta(hours=1), dt.timedelta(hours=2)]


def test_the_callers_decimal_context_changes_nothing(serializer: Serializer) -> None:
    value = [Decimal("1.23456789"), RowSet(None, ("d",), ([Decimal("9.87654321")],))]
    with localcontext() as context:
        context.prec = 2
        context.clear_traps()
        assert same(value, round_trip(serializer, value))


def test_many_threads_share_a_serializer(serializer: Serializer) -> None:
    value = [{"when": dt.datetime(2026, 1, 1, tzinfo=BERLIN), "of": ({1, 2}, Decimal("1.5"))}] * 20
    failures: list[Any] = []

    def work() -> None:
        for _ in range(50):
            arrived = round_trip(serializer, value)
            if not same(value, arrived):
                failures.append(arrived)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# Types of a project's own ------------------------------------------------------------------------


class Money:
    def __init__(self, amount: Any, currency: str):
        self.amount = amount
        self.currency = currency


class Euro(Money):
    pass


def _money(content: Any) -> Money:
    return Money(content["amount"], content["currency"])


MONEY = WireType("money", Money, vars, _money)


@pytest.fixture
def with_money(serializer_class: type[Serializer]) -> Serializer:
    return serializer_class(TypeTable([MONEY]))


def test_a_registered_type_arrives_as_itself(with_money: Serializer) -> None:
    sent = {"price": Money(Decimal("1.50"), "EUR"), "nested": [Money(Money(1, "a"), "b")]}
    arrived = round_trip(with_money, sent)
    assert type(arrived["price"]) is Money
    assert same(vars(sent["price"]), vars(arrived["price"]))
    assert arrived["nested"][0].amount.currency == "a"


def test_a_registered_type_takes_its_subclasses_along(with_money: Serializer) -> None:
    assert type(round_trip(with_money, Euro(1, "EUR"))) is Money


def test_a_registered_type_comes_before_the_base_it_is_built_on(
    serializer_class: type[Serializer],
) -> None:
    point = WireType("point", Point, lambda p: {"x": p.x, "y": p.y}, lambda c: Point(**c))
    sent = [Point(1, 2), (1, 2)]
    assert same(sent, round_trip(serializer_class(TypeTable([point])), sent))


def test_the_example_of_the_how_to_travels(serializer_class: type[Serializer]) -> None:
    import money_type

    serializer = serializer_class(TypeTable([money_type.money]))
    sent = [money_type.Money(Decimal("12.50"), "EUR")]
    assert same(sent, round_trip(serializer, sent))
    packed = serializer.dumps([money_type.Money(Decimal(1), "XXX")])
    with pytest.raises(SerializationError, match="'money' does not take its value"):
        serializer.loads(*packed)


def test_an_unknown_registered_type_is_refused(
    with_money: Serializer, serializer: Serializer
) -> None:
    with pytest.raises(SerializationError, match="no wire type is named 'money'"):
        serializer.loads(*with_money.dumps(Money(1, "EUR")))


def test_what_decode_raises_becomes_a_serialization_error(
    serializer_class: type[Serializer],
) -> None:
    def decode(content: Any) -> Any:
        raise ZeroDivisionError(content)

    serializer = serializer_class(TypeTable([MONEY._replace(decode=decode)]))
    with pytest.raises(SerializationError, match="ZeroDivisionError") as caught:
        serializer.loads(*serializer.dumps(Money(1, "EUR")))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_encode_raises_becomes_a_serialization_error_with_a_path(
    serializer_class: type[Serializer],
) -> None:
    def encode(value: Any) -> Any:
        raise ZeroDivisionError

    serializer = serializer_class(TypeTable([MONEY._replace(encode=encode)]))
    error = refusal(serializer, [[{"price": Money(1, "EUR")}], {}], roots=CALL)
    assert error.path == "args[0]['price']"
    assert "'money' failed" in str(error)


# Hooks -------------------------------------------------------------------------------------------


class Account:
    def __init__(self, pk: Any):
        self.pk = pk


def lower(value: Any) -> Any:
    if isinstance(value, Account):
        return InstanceRef("money.Account", value.pk)
    if isinstance(value, range):
        return RowSet(None, ("n",), (list(value),))
    raise TypeError("not a model")


def test_lower_is_asked_for_what_nobody_knows(serializer: Serializer) -> None:
    packed = serializer.dumps([Account(7), {"rows": range(3)}], lower=lower)
    assert same(
        [InstanceRef("money.Account", 7), {"rows": RowSet(None, ("n",), ([0, 1, 2],))}],
        serializer.loads(*packed),
    )


def test_lower_is_not_asked_for_what_travels_anyway(serializer: Serializer) -> None:
    asked: list[Any] = []
    serializer.dumps(
        [1, "a", (2,), {3}, Decimal(4), Colour.RED, Point(1, 2), RowSet(None, ("n",), ([1],))],
        lower=asked.append,
    )
    assert asked == []


def test_what_lower_raises_otherwise_comes_out_as_it_is(serializer: Serializer) -> None:
    error = LookupError("no such table")

    def failing(value: Any) -> Any:
        raise error

    with pytest.raises(LookupError) as caught:
        serializer.dumps([Account(1)], lower=failing)
    assert caught.value is error
    assert caught.value.__cause__ is None


def test_a_lower_that_goes_in_circles_is_noticed(serializer: Serializer) -> None:
    error = refusal(serializer, {"x": Account(1)}, lower=lambda value: value)
    assert error.path == "value['x']"


def test_lift_sees_what_stands_for_model_things(serializer: Serializer) -> None:
    ref = InstanceRef("money.Account", 7)
    row = InstanceRow("money.Account", 7, ("uid",), (7,), "seven")
    rows = RowSet("money.Account", ("uid",), ([1, 2],))
    packed = serializer.dumps([ref, (row, 1), {"rows": rows}])
    seen: list[Any] = []

    def lift(value: Any) -> Any:
        seen.append(value)
        return f"lifted {type(value).__name__}"

    assert serializer.loads(*packed, lift=lift) == [
        "lifted InstanceRef",
        ("lifted InstanceRow", 1),
        {"rows": "lifted RowSet"},
    ]
    assert same([ref, row, rows], seen)


def test_what_lift_raises_comes_out_as_it_is(serializer: Serializer) -> None:
    error = ValueError("no such model")

    def lift(value: Any) -> Any:
        raise error

    with pytest.raises(ValueError, match="no such model") as caught:
        serializer.loads(*serializer.dumps(InstanceRef("m", 1)), lift=lift)
    assert caught.value is error


# Large binaries ----------------------------------------------------------------------------------

LARGE = bytes(range(256)) * (BLOB_SIZE // 256)


@pytest.mark.parametrize(
    "value",
    [
        LARGE,
        [[LARGE], {}],
        [[1, 2], {"file": LARGE}],
        [[{"deep": [{"er": LARGE}]}], {}],
        ({"in": (1, LARGE)},),
        InstanceRow("m", 1, ("f",), (LARGE,)),
        RowSet(None, ("f",), ([LARGE, None],)),
        [LARGE + b"x", b"small", LARGE],
    ],
    ids=["bare", "arg", "kwarg", "deep", "tuple", "row", "row set", "two"],
)
def test_large_binaries_stand_beside_the_body(serializer: Serializer, value: Any) -> None:
    packed = serializer.dumps(value)
    assert packed.blobs
    assert all(len(blob) >= BLOB_SIZE for blob in packed.blobs)
    assert len(packed.body) < 1000
    assert same(value, serializer.loads(packed.body, packed.blobs))


def test_a_large_binary_is_not_copied(serializer: Serializer) -> None:
    packed = serializer.dumps([[LARGE], {}])
    assert packed.blobs[0] is LARGE
    assert serializer.loads(packed.body, packed.blobs)[0][0] is LARGE


def test_binaries_below_the_bound_stay_in_the_body(serializer: Serializer) -> None:
    packed = serializer.dumps([LARGE[:-1], bytearray(LARGE[:-1])])
    assert packed.blobs == ()


def test_other_binary_types_stand_beside_the_body_too(serializer: Serializer) -> None:
    words = memoryview(LARGE).cast("I")
    packed = serializer.dumps([bytearray(LARGE), words])
    assert packed.blobs == (LARGE, LARGE)


def test_a_missing_binary_is_an_error(serializer: Serializer) -> None:
    packed = serializer.dumps([LARGE, LARGE])
    for blobs in ((), (LARGE,)):
        with pytest.raises(SerializationError):
            serializer.loads(packed.body, blobs)


def test_a_large_body_without_large_binaries_has_none_beside_it(serializer: Serializer) -> None:
    value = ["\u0416" * BLOB_SIZE, [b"\xc6\x00\xff" * 1000] * 30]
    packed = serializer.dumps(value)
    assert packed.blobs == ()
    assert same(value, serializer.loads(*packed))


# Where the culprit sits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([[object()], {}], "args[0]"),
        ([[1, {"when": [object()]}], {}], "args[1]['when'][0]"),
        ([[], {"when": object()}], "kwargs['when']"),
        ([[{"when": Money(object(), "EUR")}], {}], "args[0]['when'].amount"),
        ([[(1, Money({"deep": object()}, "EUR"))], {}], "args[0][1].amount['deep']"),
        ([[InstanceRow("m", 1, ("a", "b"), (1, object()))], {}], "args[0].b"),
        ([[InstanceRef("m", object())], {}], "args[0].pk"),
        ([[RowSet("m", ("a", "b"), ([1, 2], [3, object()]))], {}], "args[0][1].b"),
        ([[{(1, "\ud800"): 2}], {}], "args[0] key (1, '\\ud800')[1]"),
        ([["\ud800"], {}], "args[0]"),
        ([[1 << (MAX_INT_BYTES * 8)], {}], "args[0]"),
        ([[Decimal("1E+999999")], {}], "args[0]"),
        ([[dt.time(1, tzinfo=type("Odd", (dt.tzinfo,), {"utcoffset": lambda *_: None})())], {}],
         "args[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_error_says_where_the_culprit_sits(
    with_money: Serializer, value: Any, path: str
) -> None:
    for options in ({}, {"lower": lower}):
        error = refusal(with_money, value, roots=CALL, **options)
        assert error.path == path
        assert str(error).startswith(f"{path}: ")


def test_one_root_names_the_value_itself(serializer: Serializer) -> None:
    assert refusal(serializer, object()).path == "value"
    assert refusal(serializer, [object()], roots=("result",)).path == "result[0]"


def test_an_error_says_what_lower_thinks_of_the_value(serializer: Serializer) -> None:
    error = refusal(serializer, [object()], lower=lower)
    assert str(error) == "value[0]: a value of type object cannot travel (not a model)"


def test_the_path_goes_on_inside_what_lower_gave(serializer: Serializer) -> None:
    error = refusal(serializer, [Account(1j)], lower=_lower_accounts)
    assert error.path == "value[0].pk"


def _lower_accounts(value: Any) -> Any:
    if isinstance(value, Account):
        return {"pk": value.pk}
    raise TypeError


# Depth and cycles --------------------------------------------------------------------------------


def nested(depth: int, wrap: Any, value: Any = 1) -> Any:
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPPERS = {
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "dict": lambda value: {"k": value},
    "odd dict": lambda value: {1: value},
    "key": lambda value: {(value,): 1} if isinstance(value, int) else {"k": value},
    "frozenset": lambda value: frozenset([value]),
    "broad": lambda value: [0, "text", {"a": value, "b": [1] * 3}],
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_nesting_to_the_limit_travels(serializer: Serializer, wrap: Any) -> None:
    depth = MAX_DEPTH // 2 - 1 if wrap is WRAPPERS["broad"] else MAX_DEPTH - 1
    value = nested(depth, wrap)
    assert same(value, round_trip(serializer, value))


# Not a frozenset of 100,000 frozensets: Python itself hashes it by recursion.
@pytest.mark.parametrize(
    ("name", "depth"),
    [
        (name, depth)
        for name in WRAPPERS
        for depth in (MAX_DEPTH + 1, 300, 400, 100_000)
        if name != "frozenset" or depth < 1000
    ],
)
def test_nesting_past_the_limit_is_an_error(serializer: Serializer, name: str, depth: int) -> None:
    error = refusal(serializer, nested(depth, WRAPPERS[name]))
    assert str(MAX_DEPTH) in error.reason


@pytest.mark.parametrize("name", ["list", "tuple", "dict", "odd dict", "frozenset"])
def test_the_limit_is_the_same_with_much_beside(serializer: Serializer, name: str) -> None:
    """The others add more than one level."""
    wrap = WRAPPERS[name]
    padding = list(range(5000))
    value = [nested(MAX_DEPTH - 1, wrap), padding]
    assert same(value, round_trip(serializer, value))
    refusal(serializer, [nested(MAX_DEPTH, wrap), padding])


def test_what_contains_itself_is_an_error(serializer: Serializer) -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    error = refusal(serializer, [[loop], {}], roots=CALL)
    assert error.path == "args[0][1]['again']"
    assert "contains itself" in error.reason


def test_depth_inside_rows_and_types_is_limited_too(with_money: Serializer) -> None:
    deep = nested(MAX_DEPTH + 1, WRAPPERS["list"])
    for value in (
        Money(deep, "EUR"),
        InstanceRow("m", 1, ("f",), (deep,)),
        InstanceRef("m", deep),
        RowSet(None, ("f",), ([deep],)),
    ):
        refusal(with_money, value)


# Hostile bytes -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(body=st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_serialization_error(
    serializer: Serializer, body: bytes
) -> None:
    try:
        serializer.loads(body, [b"blob"])
    except SerializationError:
        pass


@settings(deadline=None, max_examples=300)
@given(value=strategies.values, mutations=strategies.mutations)
def test_mutated_bytes_give_a_value_or_a_serialization_error(
    serializer: Serializer, value: Any, mutations: list[strategies.Mutation]
) -> None:
    body = bytearray(serializer.dumps(value).body)
    for mutation in mutations:
        strategies.mutate(body, mutation)
    try:
        serializer.loads(bytes(body), [b"blob"])
    except SerializationError:
        pass


def test_every_cut_of_a_body_is_an_error(serializer: Serializer) -> None:
    value = [RowSet("m", ("a", "b"), ([1, 2], [Decimal(1), None])), {"a": (1, {2})}, Decimal("1.5")]
    body = serializer.dumps(value).body
    for size in range(len(body)):
        with pytest.raises(SerializationError):
            serializer.loads(body[:size])


def test_a_body_with_more_behind_it_is_an_error(serializer: Serializer) -> None:
    body = serializer.dumps([1]).body
    with pytest.raises(SerializationError):
        serializer.loads(body + body)


def test_nothing_is_imported_by_a_name_from_the_wire() -> None:
    rooms = Path(__file__).resolve().parents[2] / "chunnel"
    for path in [*(rooms / "serializers").glob("*.py"), *(rooms / "values").glob("*.py")]:
        source = path.read_text()
        assert "pickle" not in source, path
        assert "eval(" not in source, path


# Related rows ------------------------------------------------------------------------------------


def owning(levels: int, value: Any = None) -> RowSet:
    """Return a row set that holds so many others, each within the one before."""
    rows = RowSet("m.A", ("pk", "value"), ([1], [value]))
    for _ in range(levels):
        related = Related("r", False, False, rows, [0])
        rows = RowSet("m.A", ("pk",), ([1],), related=(related,))
    return rows


def test_related_rows_are_only_so_deep(serializer: Serializer) -> None:
    """Whoever makes them deeper learns it before they leave."""
    deepest = owning(MAX_RELATED)
    assert round_trip(serializer, deepest) == deepest
    error = refusal(serializer, owning(MAX_RELATED + 1))
    assert f"related rows nested more than {MAX_RELATED} deep" in str(error)


def test_a_large_binary_of_a_related_row_stands_beside_the_body(serializer: Serializer) -> None:
    value = owning(2, b"x" * 70_000)
    packed = serializer.dumps(value)
    assert [len(blob) for blob in packed.blobs] == [70_000]
    assert serializer.loads(packed.body, packed.blobs) == value


def test_what_cannot_travel_in_a_related_row_is_found(serializer: Serializer) -> None:
    assert refusal(serializer, [owning(2, object())]).path == "value[0].r.r[0].value"


def test_values_of_a_related_row_are_lowered_and_lifted(serializer: Serializer) -> None:
    """Rows themselves are lifted by whoever has them around him."""
    value = owning(1, complex(1, 2))
    packed = serializer.dumps(value, lower=lambda c: InstanceRef("m.C", [c.real, c.imag]))
    seen: list[Any] = []

    def lift(value: Any) -> Any:
        seen.append(type(value))
        return tuple(value.pk) if isinstance(value, InstanceRef) else value

    found = serializer.loads(packed.body, packed.blobs, lift=lift)
    assert found.related[0].rows.columns == ([1], [(1.0, 2.0)])
    assert seen == [InstanceRef, RowSet]
