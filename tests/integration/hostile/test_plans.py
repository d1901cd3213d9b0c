"""Plans that no client library of ours would send."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import msgpack
import pytest

from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef, RowSet

from .attacker import SECRET, Attacker, Failed
from .conftest import Victim

MODEL = "bank.Account"
REFUSED, MALFORMED = FailureCode.QUERY_REFUSED, FailureCode.MALFORMED


def ask(attacker: Attacker, *steps: Any, op: Any = "rows", model: Any = MODEL) -> Failed:
    return attacker.failure("bank.Account.objects", [model, list(steps)], op)


def leaf(key: Any, value: Any = 1) -> list[Any]:
    return ["filter", ["=", key, value]]


def deep(depth: int) -> list[Any]:
    tree: Any = ["=", "uid", 1]
    for _ in range(depth):
        tree = ["and", False, [tree]]
    return ["filter", tree]


def wide(count: int) -> list[Any]:
    return ["filter", ["or", False, [["=", "uid", 1]] * count]]


UNDECLARED_KEYS = [
    *("secret", "secret__startswith", "secret__exact", "secret__regex", "owner__secret"),
    *("branch__accounts__secret", "branch__accounts__secret__startswith", "branch__code"),
    *("branch__city__startswith", "branch__city__exact__exact", "branch__id", "branch__pk"),
    *(
        "branch_id__city",
        "branch__isnull__exact",
        "user__password",
        "pk__gt",
        "pk__isnull",
        "id__lt",
    ),
    *(
        "pk__in__in",
        "uid__regex",
        "uid__iregex",
        "uid__exact__regex",
        "owner__regex",
        "owner__contains",
    ),
    *(
        "owner__icontains__lower",
        "owner__lower",
        "opened__month",
        "opened__date",
        "opened__year__gt",
    ),
    *("balance", "balance__exact", "balance__range", "kind", "kind__in", "uid__lt"),
    *("_connector", "_negated", "_connector=OR 1=1", "connector", "negated", "self", "", "__"),
    *(
        "__class__",
        "pk__",
        "__pk",
        "uid__",
        "_uid",
        "uid___exact",
        "Uid",
        "UID",
        "uid ",
        " uid",
        "uid\n",
    ),
    *("uid; DROP TABLE bank_account", 'uid" = 1 OR "uid', "uid')--", "uid%s", "u\u0456d", "\x00"),
    *("objects", "DoesNotExist", "_meta", "_state__db", "get_next_by_opened", "x" * 100_000),
    *(
        "uid__exact.real",
        "uid.exact",
        "branch.city",
        "branch__city.exact",
        "balance__gt__transform",
    ),
]


def test_conditions_on_what_is_not_declared(victim: Victim) -> None:
    """Each is refused by its name, with what is legal; nothing is parsed or resolved."""
    with victim.attack(lines=2 * len(UNDECLARED_KEYS)) as attacker:
        for key in UNDECLARED_KEYS:
            for step in (leaf(key, SECRET), ["exclude", ["and", True, [["=", key, None]]]]):
                failed = ask(attacker, step, op="count")
                assert failed.code == REFUSED, (key, failed)
                assert "legal are" in failed.message
                assert SECRET not in failed.message
                assert len(failed.message) < 1000
                assert failed.details == {}


ORDERS = [
    *("secret", "-secret", "owner", "branch__accounts__secret", "branch__code", "?", "-?", "", "-"),
    *("--uid", "+uid", "-pk", "pk__x", "uid__exact", "branch", "branch_id", "UID", "uid asc"),
    *("uid; DROP TABLE bank_account", "(SELECT 1)", "1", "bank_account.secret", "uid,secret"),
    *("uid\x00", "x" * 100_000, "RANDOM()", "balance__abs", "_meta", "__class__"),
]


def test_orders_that_are_not_declared(victim: Victim) -> None:
    """An order is an oracle: it tells what is larger without showing it."""
    with victim.attack(lines=2 * len(ORDERS)) as attacker:
        for name in ORDERS:
            for names in ([name], ["uid", name]):
                failed = ask(attacker, ["order_by", names], op="first")
                assert failed.code == REFUSED, (name, failed)
                assert "cannot be ordered by" in failed.message


UNREADABLE = [
    *(
        "secret",
        "branch__secret",
        "branch__accounts__secret",
        "pk__exact",
        "*",
        "",
        "__str__",
        "owner__lower",
    ),
    *("uid; DROP TABLE bank_account", 'uid" AS "x', "objects", "__class__", "x" * 100_000, "UID"),
]


def test_fields_that_are_not_readable(victim: Victim) -> None:
    with victim.attack(lines=3 * len(UNREADABLE)) as attacker:
        for name in UNREADABLE:
            for step in (
                ["values", ["uid", name], []],
                ["values_list", [name], [], True, False],
                ["values_list", ["uid", name], [], False, True],
            ):
                failed = ask(attacker, step)
                if name == "__str__":
                    assert failed.code in (REFUSED, FailureCode.RAISED), failed
                    continue
                assert failed.code == REFUSED, (name, failed)


SHAPES: dict[str, Any] = {
    "no plan but nil": None,
    "a number": 7,
    "a text": "bank.Account",
    "a map": {"model": MODEL, "steps": []},
    "an empty list": [],
    "a list of three": [MODEL, [], []],
    "no model": [None, []],
    "a model of bytes": [b"bank.Account", []],
    "steps of text": [MODEL, "filter"],
    "steps of a map": [MODEL, {"filter": 1}],
    "steps that are nil": [MODEL, None],
    "a step of text": [MODEL, ["filter"]],
    "an empty step": [MODEL, [[]]],
    "a step named by a number": [MODEL, [[1, 2]]],
    "a step named by a list": [MODEL, [[["filter"], 2]]],
    "a step that is a map": [MODEL, [{"filter": {}}]],
    "far too many steps": [MODEL, [["reverse"]] * 5000],
    **{
        f"the step {name}": [MODEL, [[name, []]]]
        for name in (
            *(
                "delete",
                "update",
                "create",
                "extra",
                "raw",
                "aggregate",
            ),
            *("using", "union", "select_for_update", "in_bulk", "latest", "merge", "combine"),
            *("explain", "FILTER", "Filter", "__class__", "", "filter ", "all", "iterator", "none"),
        )
    },
    "a filter without a condition": [MODEL, [["filter"]]],
    "a filter with two": [MODEL, [["filter", ["=", "uid", 1], ["=", "uid", 1]]]],
    "a filter with a map": [MODEL, [["filter", {"uid": 1}]]],
    "a filter with nil": [MODEL, [["filter", None]]],
    "a condition of one": [MODEL, [["filter", ["="]]]],
    "a condition of four": [MODEL, [["filter", ["=", "uid", 1, 1]]]],
    "a key of bytes": [MODEL, [leaf(b"uid")]],
    "a key that is a list": [MODEL, [leaf(["uid"])]],
    "a key that is nil": [MODEL, [leaf(None)]],
    "an unknown connector": [MODEL, [["filter", ["nand", False, []]]]],
    "a connector with SQL": [MODEL, [["filter", ["or 1=1 --", False, []]]]],
    "a connector in capitals": [MODEL, [["filter", ["OR", False, []]]]],
    "a connector that is nil": [MODEL, [["filter", [None, False, []]]]],
    "a connector that is a list": [MODEL, [["filter", [["or"], False, []]]]],
    "a sign that is a number": [MODEL, [["filter", ["or", 1, []]]]],
    "a sign that is text": [MODEL, [["filter", ["or", "not", []]]]],
    "children that are a map": [MODEL, [["filter", ["or", False, {}]]]],
    "a child that is a number": [MODEL, [["filter", ["or", False, [1]]]]],
    "an order that is text": [MODEL, [["order_by", "uid"]]],
    "an order without names": [MODEL, [["order_by"]]],
    "an order of numbers": [MODEL, [["order_by", [1]]]],
    "an order of lists": [MODEL, [["order_by", [["uid"]]]]],
    "an order with a flag": [MODEL, [["order_by", ["uid"], True]]],
    "values of a map": [MODEL, [["values", {"uid": 1}, []]]],
    "values with an expression": [MODEL, [["values", [["Count", "uid"]], []]]],
    "a flat of text": [MODEL, [["values_list", ["uid"], [], "yes", False]]],
    "a flat of a number": [MODEL, [["values_list", ["uid"], [], 1, 0]]],
    "five values for values_list": [MODEL, [["values_list", ["uid"], [], True, False, 1]]],
    "an annotation without a name": [MODEL, [["annotate", [["f", "uid"]]]]],
    "two annotations of one name": [MODEL, [["annotate", [["x", ["f", "uid"]]] * 2]]],
    "an expression of no kind": [MODEL, [["alias", [["x", ["sql", "1"]]]]]],
    "an expression of SQL": [MODEL, [["order_by", [[["raw", "1"], False, None]]]]],
    "an order with a list for nulls": [MODEL, [["order_by", [[["f", "uid"], False, []]]]]],
    "a subquery without a plan": [MODEL, [["filter", ["?", False, ["query", "x", "exists"]]]]],
    "a prefetch of names": [MODEL, [["prefetch_related", ["branch"]]]],
    "a combination of another kind": [MODEL, [["combine", "join", False, [[MODEL, []]]]]],
    "a reverse with a value": [MODEL, [["reverse", 1]]],
    "a distinct without a list": [MODEL, [["distinct"]]],
    "a slice of nothing": [MODEL, [["slice"]]],
    "a slice of one": [MODEL, [["slice", 1]]],
    "a slice of three": [MODEL, [["slice", 1, 2, 3]]],
    "a slice of texts": [MODEL, [["slice", "0", "1"]]],
    "a slice of floats": [MODEL, [["slice", 0.0, 1.0]]],
    "a slice of booleans": [MODEL, [["slice", False, True]]],
    "a slice below zero": [MODEL, [["slice", -1, None]]],
    "a slice to below zero": [MODEL, [["slice", 0, -1]]],
    "a slice backwards": [MODEL, [["slice", 5, 2]]],
    "a slice of nil": [MODEL, [["slice", None, None]]],
    "a slice far below zero": [MODEL, [["slice", -(2**100), 1]]],
}


@pytest.mark.parametrize("name", SHAPES)
def test_plans_of_another_shape(victim: Victim, name: str) -> None:
    """For queries and for methods of the manager alike."""
    with victim.attack(lines=2) as attacker:
        for wire in (
            ("bank.Account.objects", SHAPES[name], "rows"),
            ("bank.Account.objects.overdrawn", SHAPES[name]),
        ):
            failed = attacker.failure(*wire)
            assert failed.code == MALFORMED, failed
            assert failed.message.startswith("The plan cannot be read: "), failed
            assert len(failed.message) < 300


LIMITS: dict[str, list[Any]] = {
    "too many steps": [["reverse"]] * 65,
    "too many filters": [leaf("uid")] * 65,
    "too many conditions": [wide(200)],
    "far too many conditions": [wide(100_000)],
    "too many conditions in all": [wide(150), wide(150)],
    "conditions nested too deep": [deep(13)],
    "conditions nested 45 deep": [deep(45)],
    "a long list": [leaf("uid__in", list(range(1001)))],
    "a very long list": [leaf("uid__in", list(range(300_000)))],
    "a very large set": [leaf("pk__in", set(range(100_000)))],
    "a list within a list": [leaf("uid__in", [[1, 2]])],
    "a long text": [leaf("owner__icontains", "x" * 4097)],
    "a very long text": [leaf("owner", "%" * 5_000_000)],
    "long texts in a list": [leaf("uid__in", ["x" * 5000])],
    "long bytes": [leaf("owner", b"x" * 5000)],
    "a number of many digits": [leaf("uid", 10**101)],
    "a number of 100,000 digits": [leaf("uid__in", [10**100_000])],
    "a decimal of many digits": [leaf("balance__gt", Decimal("1" * 101))],
    "a decimal with a large exponent": [leaf("balance__gt", Decimal("1E+100000"))],
    "a decimal with a small exponent": [leaf("balance__gt", Decimal("1E-100000"))],
    "an infinite decimal": [leaf("balance__gt", Decimal("Infinity"))],
    "a decimal that is none": [leaf("balance__gt", Decimal("NaN"))],
    "a decimal that signals": [leaf("balance__gt", Decimal("sNaN123"))],
    "a map for a value": [leaf("uid", {"uid": 1})],
    "a map in a list": [leaf("uid__in", [{}])],
    "a row set for a value": [leaf("uid__in", RowSet(None, ("a",), ([1],)))],
    "a slice that begins far away": [["slice", 10**6 + 1, None]],
    "a slice that ends far away": [["slice", 0, 10**6 + 1]],
    "a slice of huge numbers": [["slice", 10**30, 10**31]],
    "an order of many names": [["order_by", ["uid"] * 201]],
    "values of very many names": [["values", ["uid"] * 100_000, []]],
    "rows of many names": [["values_list", ["uid"] * 201, [], False, False]],
    "flat of two": [["values_list", ["uid", "owner"], [], True, False]],
    "flat and named": [["values_list", ["uid"], [], True, True]],
    "a reference with a map for its key": [leaf("branch", InstanceRef("bank.Branch", {}))],
    "a reference with a list for its key": [leaf("branch", InstanceRef("bank.Branch", [1]))],
}


@pytest.mark.parametrize("name", LIMITS)
def test_plans_beyond_the_limits(victim: Victim, name: str) -> None:
    """What would cost much is refused before a query is made."""
    with victim.attack(lines=2) as attacker:
        failed = ask(attacker, *LIMITS[name], op="count")
        assert failed.code == REFUSED, failed
        assert len(failed.message) < 500
        failed = attacker.failure("bank.Account.objects.total", [MODEL, LIMITS[name]])
        assert failed.code == REFUSED, failed


@pytest.mark.parametrize(
    "op",
    [
        "",
        "all",
        "delete",
        "update",
        "create",
        "rows ",
        "ROWS",
        "__class__",
        "iterator",
        "x" * 10_000,
        *("get_or_create", "query", "_result_cache", "explain", "raw"),
    ],
)
def test_operations_that_are_none(victim: Victim, op: str) -> None:
    with victim.attack() as attacker:
        failed = ask(attacker, op=op)
        assert failed.code == REFUSED
        assert "no operation is named" in failed.message
        assert len(failed.message) < 300


@pytest.mark.parametrize(
    "args",
    [
        *((), ([MODEL, []],), ([MODEL, []], 1), ([MODEL, []], None), ([MODEL, []], b"rows")),
        *(([MODEL, []], ["rows"]), ([MODEL, []], "rows", "rows")),
    ],
    ids=repr,
)
def test_queries_with_other_arguments(victim: Victim, args: tuple[Any, ...]) -> None:
    with victim.attack() as attacker:
        failed = attacker.failure("bank.Account.objects", *args)
        assert failed.code == MALFORMED, failed


@pytest.mark.parametrize(
    "model", ["bank.Branch", "auth.User", "", "bank.account", "bank.Account ", "x" * 100_000]
)
def test_plans_for_another_model(victim: Victim, model: str) -> None:
    """The name of the call decides which model it is, and so whose gate."""
    with victim.attack(lines=2) as attacker:
        failed = ask(attacker, model=model)
        assert failed.code == REFUSED
        assert "for another model" in failed.message
        assert len(failed.message) < 200
        failed = attacker.failure("bank.Account.objects.overdrawn", [model, []])
        assert failed.code == REFUSED


VALUES: dict[str, list[Any]] = {
    "text for a number": [leaf("uid", "many")],
    "SQL for a number": [leaf("uid", "1 OR 1=1")],
    "a text of zeros": [leaf("uid", "\x00")],
    "bytes for a number": [leaf("uid", b"\xff")],
    "a date for a number": [leaf("uid", datetime.date.max)],
    "nan for a number": [leaf("uid", math.nan)],
    "infinity for a number": [leaf("uid", math.inf)],
    "a list for a number": [leaf("uid", [1, 2])],
    "nil for a number": [leaf("uid__gt", None)],
    "nil in a list": [leaf("uid__gt", [None])],
    "a number for a list": [leaf("uid__in", 7)],
    "a text for a list": [leaf("uid__in", "seven")],
    "a wide number": [leaf("uid", 2**64)],
    "a wide number in a list": [leaf("uid__in", [2**70])],
    "a wide number to compare with": [leaf("uid__gt", 10**99)],
    "a wide key": [leaf("pk", 2**70)],
    "wide keys": [leaf("pk__in", [2**70, -(2**70)])],
    "a wide foreign key": [leaf("branch", 2**70)],
    "wide foreign keys": [leaf("branch__in", [2**70])],
    "a large decimal": [leaf("balance__gt", Decimal("1E+90"))],
    "a long decimal": [leaf("balance__gt", Decimal("1." + "1" * 90))],
    "an infinite float for a decimal": [leaf("balance__gt", math.inf)],
    "a nan for a decimal": [leaf("balance__lt", math.nan)],
    "a large float for a decimal": [leaf("balance__lt", 1e300)],
    "text for a decimal": [leaf("balance__gt", "lots")],
    "a list for a decimal": [leaf("balance__gt", [1])],
    "the year 0": [leaf("opened__year", 0)],
    "the year 10,000": [leaf("opened__year", 10_000)],
    "a year far away": [leaf("opened__year", 10**50)],
    "a year below zero": [leaf("opened__year", -5)],
    "a year of text": [leaf("opened__year", "now")],
    "a year of nan": [leaf("opened__year", math.nan)],
    "a date of text": [leaf("opened__date__gte", "soon")],
    "a date of numbers": [leaf("opened__date__gte", 5)],
    "isnull of a number": [leaf("branch__isnull", 7)],
    "isnull of nil": [leaf("branch__isnull", None)],
    "text for a foreign key": [leaf("branch", "Bern")],
    "a list for a foreign key": [leaf("branch", [1])],
    "an instance of another model": [leaf("branch", InstanceRef(MODEL, 1))],
    "an instance that does not exist": [leaf("branch", InstanceRef("bank.Branch", 99))],
    "an instance that is hidden": [leaf("uid", InstanceRef(MODEL, 3))],
    "an instance of no model": [leaf("branch", InstanceRef("auth.User", 1))],
    "instances of no model in a list": [leaf("branch__in", [InstanceRef("auth.User", 1)])],
    "an instance with a wide key": [leaf("branch", InstanceRef("bank.Branch", 2**70))],
    "an instance with no key": [leaf("branch", InstanceRef("bank.Branch", None))],
    "a filter after a slice": [["slice", 0, 1], leaf("uid")],
    "a reverse after a slice": [["slice", 0, 1], ["reverse"]],
    "an order after a slice": [["slice", 0, 1], ["order_by", ["uid"]]],
    "a distinct after a slice": [["slice", 0, 1], ["distinct", []]],
    "values twice": [["values", ["uid"], []], ["values_list", ["owner"], [], False, False]],
    "named rows of one name twice": [["values_list", ["uid", "uid"], [], False, True]],
    "an empty or": [["filter", ["or", True, []]]],
    "an empty xor": [["filter", ["xor", False, []]]],
    "slices of slices": [["slice", 0, 10**6]] * 60,
    "an empty slice": [["slice", 5, 5]],
    "an order of 200 names": [["order_by", ["uid"] * 200]],
    "values of 200 names": [["values", ["uid"] * 200, []]],
    "a pattern of wildcards": [leaf("owner__icontains", "%_" * 2000)],
}


@pytest.mark.parametrize("op", ["rows", "count", "get", "last"])
@pytest.mark.parametrize("name", VALUES)
def test_values_that_do_not_fit(victim: Victim, name: str, op: str) -> None:
    """Declared keys with any value: an answer or Django's own error, and a line at most.

    No message shows a row, or more of what was sent than a person would read.
    """
    with victim.attack() as attacker:
        call_id = attacker.call("bank.Account.objects", [MODEL, VALUES[name]], op)
        ending = attacker.ending(call_id)
        text = repr(ending)
        assert SECRET not in text
        if type(ending).__name__ == "Failure":
            failed = Failed(ending, "msgpack")  # type: ignore[arg-type]
            if failed.code == FailureCode.RAISED:
                assert failed.details["names"] or failed.details.get("base"), failed
            assert len(failed.message) < 600
            assert "bank_account" not in text, failed


def test_pk_is_no_way_around(victim: Victim) -> None:
    """Hidden rows stay hidden, whichever way their key is named, and in every operation."""
    with victim.attack(lines=0) as attacker:
        for key, value in (("pk", 3), ("id", 3), ("pk__in", [3]), ("id__exact", "3"), ("uid", 3)):
            plan = [MODEL, [leaf(key, value)]]
            assert attacker.result("bank.Account.objects", plan, "count") == 0
            assert attacker.result("bank.Account.objects", plan, "exists") is False
            assert attacker.result("bank.Account.objects", plan, "first") is None
            assert attacker.result("bank.Account.objects.total", plan) == 0
        everything = ["filter", ["or", False, [["=", "uid__gt", 0], ["=", "uid__lte", 0]]]]
        plan = [MODEL, [everything, ["order_by", []], ["distinct", []]]]
        assert attacker.result("bank.Account.objects", plan, "count") == 2
        richest = attacker.result("bank.Account.objects.richest", [MODEL, [leaf("uid", 3)]])
        assert richest is None
        rows = attacker.result("bank.Account.objects", [MODEL, []], "rows")
        assert "secret" not in rows.names
        assert SECRET not in repr(rows)


def test_the_secret_is_nowhere(victim: Victim) -> None:
    """In no answer of any operation that is allowed."""
    with victim.attack(lines=0) as attacker:
        for steps in ([], [["values", [], []]], [["values_list", [], [], False, True]]):
            for op in ("rows", "first", "last"):
                call_id = attacker.call("bank.Account.objects", [MODEL, steps], op)
                assert SECRET not in repr(attacker.ending(call_id))
        for name in ("bank.Account.describe", "bank.echo"):
            call_id = attacker.call(name, InstanceRef(MODEL, 1))
            assert SECRET not in repr(attacker.ending(call_id))


def test_recursion_in_a_condition(victim: Victim) -> None:
    """Trees as deep as the serializer lets through, made by hand."""
    tree: Any = ["=", "uid", 1]
    for _ in range(45):
        tree = ["and", False, [tree]]
    with victim.attack() as attacker:
        body = msgpack.packb([[[MODEL, [["filter", tree]]], "rows"], {}])
        failed = attacker.failure("bank.Account.objects", _body=body)
        assert failed.code == REFUSED
        assert "nested deeper" in failed.message
