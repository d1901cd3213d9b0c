"""Small requests that would cost a lot: each is refused at once, or ends with its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chunnel.protocol.messages import FailureCode

from .attacker import Failed
from .conftest import Victim
from .plans import (
    NOTE,
    ROOM,
    UNORDERED,
    Vault,
    asked,
    call,
    f,
    leaf,
    query,
    value,
    vault,
    where,
)


def exclusive(levels: int) -> list[Any]:
    tree = leaf("rank", 1)
    for _ in range(levels):
        tree = ["xor", True, [tree, leaf("rank", 2)]]
    return ["filter", tree]


def growing(kind: str, name: str, count: int) -> list[Any]:
    """Return annotations, each of the one before with itself."""
    steps = [[kind, [["x0", f("rank")]]]]
    return steps + [
        [kind, [[f"x{each}", call(name, f(f"x{each - 1}"), f(f"x{each - 1}"))]]]
        for each in range(1, count)
    ]


def deep(levels: int) -> list[Any]:
    plan: list[Any] = [NOTE, []]
    for _ in range(levels):
        plan = [NOTE, [["filter", ["=e", "pk__in", ["query", plan, "rows"]]]]]
    return plan[1]  # type: ignore[no-any-return]


LONG = "x" * 4_000

REFUSED: dict[str, Any] = {
    "sums of sums": growing("annotate", "+", 10),
    "hidden sums of sums": growing("alias", "*", 10),
    "texts of texts": growing("annotate", "Concat", 10),
    "powers of powers": growing("annotate", "^", 10),
    "sums of sums in an order": [*growing("alias", "+", 6), ["order_by", ["x5"] * 10]],
    "sums of sums in conditions": [*growing("alias", "+", 6), *[where("x5__gt", 1)] * 10],
    "exclusive conditions": [exclusive(11)],
    "exclusive conditions in an expression": [["annotate", [["x", ["test", exclusive(10)[1]]]]]],
    "texts of many parts": [
        [
            "annotate",
            [["x", call("Concat", call("Concat", *[f("title")] * 90), *[f("title")] * 90)]],
        ]
    ],
    "long texts in every row": [
        ["annotate", [["x", call("Concat", *[value(LONG)] * 90)]]],
    ],
    "long texts in many columns": [
        ["annotate", [[f"x{each}", value(LONG)] for each in range(90)]],
    ],
    "queries in queries": deep(7),
    "queries beside queries": [
        ["filter", ["and", False, [["?", False, query("exists", NOTE)]] * 101]]
    ],
    "too many parts of a union": [
        UNORDERED,
        ["combine", "union", True, [[NOTE, [UNORDERED]]] * 64],
    ],
    "the same rows under many names": [
        ["prefetch_related", [["labels", None, f"x{each}"] for each in range(150)]],
    ],
    "the same rows under many names, one by one": [
        ["prefetch_related", [["labels", None, f"x{each}"]]] for each in range(60)
    ],
    "relations there and back": [
        ["prefetch_related", [["__".join(["labels", "notes"] * 7), None, None]]],
    ],
    "joins there and back": [["select_related", ["__".join(["parent"] * 13)]]],
    "cross joins": [
        ["annotate", [["x", call("Count", f("__".join(["room", "notes"] * 7)))]]],
    ],
    "mergers of mergers": [
        ["merge", "xor", [NOTE, [["merge", "or", [NOTE, [where("rank", 1)] * 40]]] * 2]]
    ],
    "a number of many digits": [["annotate", [["x", value(10**200)]]]],
    "a type of many digits": [
        ["annotate", [["x", call("Cast", f("rank"), output_field=["DecimalField", 10**6, 1])]]],
    ],
    "a list of lists": [["filter", ["=e", "rank", ["list", [value(1)] * 1001]]]],
    "a far slice": [["slice", 10**9, 10**9 + 1]],
}


@pytest.mark.parametrize("plan", REFUSED)
def test_refused(victim: Victim, plan: str) -> None:
    """By every operation, and as a part of another plan; before a query is made."""
    with vault(victim) as found:
        steps = REFUSED[plan]
        within = [["filter", ["?", False, query("exists", NOTE, *steps)]]]
        for sent in (
            asked(NOTE, *steps),
            asked(NOTE, *steps, op="count"),
            asked(NOTE, *within),
            (f"{NOTE}.objects.iterator", [NOTE, steps], 10),
            (f"{NOTE}.objects.update", [NOTE, steps], [["rank", value(1)]]),
            (f"{NOTE}.objects.delete", [NOTE, steps]),
        ):
            answer = found.send(*sent)
            assert isinstance(answer, Failed), answer
            assert answer.code == FailureCode.QUERY_REFUSED, answer
            assert len(answer.message) < 1_000


BOMBS: dict[str, Any] = {
    "a power of millions of digits": call("^", value(9), value(387_420_489)),
    "a power of a column": call("^", call("+", f("rank"), value(7)), value(2**62)),
    "a power of a power": call("^", call("^", value(9), value(9)), call("^", value(9), value(9))),
    "a power of almost one": call("^", value(1.000001), value(2.0**60)),
    "a power below one": call("^", value(10), value(-(2**62))),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_numbers_that_explode(victim: Victim, bomb: str) -> None:
    """An answer or an error, at once; in Python, nothing could interrupt it."""
    with vault(victim) as found:
        named = [["x", BOMBS[bomb]]]
        for sent in (
            asked(ROOM, ["values", [], [["x", call("^", value(2), value(3))]]], op="first"),
            asked(NOTE, ["values", [], named]),
            asked(NOTE, ["alias", named], where("x__gt", 1), op="count"),
            (f"{NOTE}.objects", [NOTE, []], "aggregate", [["x", call("Max", BOMBS[bomb])]]),
            (f"{NOTE}.objects.update", [NOTE, [where("title", "first")]], [["rank", BOMBS[bomb]]]),
        ):
            found.send(*sent)  # it answers, and that is all that is asked


MIRE = "vault.Mire"

ENDLESS: dict[str, Callable[[Vault], Any]] = {
    **{
        op: lambda _, op=op: asked(MIRE, op=op)  # type: ignore[misc]
        for op in ("rows", "get", "first", "last", "count", "exists")
    },
    "aggregate": lambda _: (f"{MIRE}.objects", [MIRE, []], "aggregate", [["x", call("Count")]]),
    "an iterator": lambda _: (f"{MIRE}.objects.iterator", [MIRE, []], 10),
    "a subquery": lambda _: asked(ROOM, ["filter", ["?", False, query("exists", MIRE)]]),
    "an update": lambda _: (f"{MIRE}.objects.update", [MIRE, []], [["name", value("x")]]),
    "a delete": lambda _: (f"{MIRE}.objects.delete", [MIRE, []]),
}


def test_queries_that_never_end(start: Callable[..., Victim]) -> None:
    """Whatever time their caller says that there is, or if he says nothing."""
    victim = start(LIMITS={"QUERY_SECONDS": 1})
    with vault(victim) as found:
        for door, make in ENDLESS.items():
            for meta in ({}, {"remaining": 2**60}) if door == "rows" else ({},):
                failed = found.attacker.failure(*make(found), _meta=meta)
                assert failed.code == FailureCode.DEADLINE, (door, failed)
