"""Undeclared names at every door of a query, knocked at without a client library.

Each door is first shown to be open for what is declared; then nobody gets through with anything
else. ``Book`` keeps ``shelf_price`` to itself, and its relation ``secrets``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from chunnel.protocol.messages import FailureCode

from .conftest import Victim

BOOK = "library.Book"
UNORDERED = ["order_by", []]  # SQLite takes no ordered query in a combination


class Told(NamedTuple):
    """What a door is told: a path to read, the key of a condition, a relation, an order."""

    path: str = "pages"
    key: str = "pages__gt"
    relation: str = "publisher"
    order: str = "price"
    date: str = "published"


HIDDEN = [
    *(
        "shelf_price",
        "secrets__word",
        "secrets",
        "publisher__books__shelf_price",
        "publisher__pk__x",
    ),
    *("loans__book__shelf_price", "authors__books__secrets__word", "__class__", "_connector"),
    *("pages; DROP TABLE library_book", 'pages" FROM library_secret --', "x" * 10_000, "?", ""),
]


def ref(told: Told) -> Any:
    return ["f", told.path]


def leaf(told: Told) -> Any:
    return ["=", told.key, 1]


def call(name: str, *args: Any, **options: Any) -> Any:
    return ["call", name, list(args), [list(each) for each in options.items()]]


def nested(*steps: Any) -> Any:
    return [BOOK, list(steps)]


STEPS: dict[str, Callable[[Told], list[Any]]] = {
    "filter": lambda told: [["filter", leaf(told)]],
    "exclude": lambda told: [["exclude", ["or", True, [leaf(told), ["=", "pk", "1"]]]]],
    "filter by an expression": lambda told: [["filter", ["=e", "pages__gt", ref(told)]]],
    "filter by what is in a list": lambda told: [
        ["filter", ["=e", "pages__in", ["list", [ref(told)]]]]
    ],
    "order_by": lambda told: [["order_by", [told.order]]],
    "order_by backwards": lambda told: [["order_by", ["title", f"-{told.order}"]]],
    "order_by an expression": lambda told: [["order_by", [[ref(told), True, "last"]]]],
    "values": lambda told: [["values", ["title", told.path], []]],
    "values of an expression": lambda told: [["values", [], [["x", call("Abs", ref(told))]]]],
    "values_list": lambda told: [["values_list", [told.path], [], True, False]],
    "values_list of an expression": lambda told: [["values_list", [ref(told)], [], True, False]],
    "annotate": lambda told: [["annotate", [["x", ref(told)]]]],
    "annotate by an aggregate": lambda told: [["annotate", [["x", call("Max", ref(told))]]]],
    "alias and filter": lambda told: [
        ["alias", [["x", ref(told)]]],
        ["filter", ["=", "x__gt", 1]],
    ],
    "the filter of an aggregate": lambda told: [
        ["annotate", [["x", call("Count", ["f", "tags"], filter=leaf(told))]]]
    ],
    "the default of an aggregate": lambda told: [
        ["annotate", [["x", call("Max", ["f", "pages"], default=ref(told))]]]
    ],
    "the condition of a case": lambda told: [
        ["annotate", [["x", ["case", [[leaf(told), ["value", 1, None]]], None]]]]
    ],
    "the result of a case": lambda told: [
        ["annotate", [["x", ["case", [[["=", "pages__gt", 1], ref(told)]], None]]]]
    ],
    "a condition": lambda told: [["annotate", [["x", ["test", leaf(told)]]]]],
    "dates": lambda told: [["dates", told.date, "year", "ASC"]],
    "only": lambda told: [["only", [told.path]]],
    "defer": lambda told: [["defer", [told.path]]],
    "select_related": lambda told: [["select_related", [told.relation]]],
    "prefetch_related": lambda told: [["prefetch_related", [[told.relation, None, None]]]],
    "the plan of a prefetch": lambda told: [
        ["prefetch_related", [["sequel", nested(["filter", leaf(told)]), None]]]
    ],
    "a subquery": lambda told: [
        [
            "annotate",
            [["x", ["query", nested(["values", [told.path], []], ["slice", 0, 1]), "value"]]],
        ]
    ],
    "a subquery's condition": lambda told: [
        ["filter", ["?", False, ["query", nested(["filter", leaf(told)]), "exists"]]]
    ],
    "a subquery for in": lambda told: [
        ["filter", ["=e", "pages__in", ["query", nested(["values", [told.path], []]), "rows"]]]
    ],
    "a reference from a subquery": lambda told: [
        [
            "filter",
            [
                *("?", False),
                ["query", nested(["filter", ["=e", "pages", ["outer", told.path]]]), "exists"],
            ],
        ]
    ],
    "union": lambda told: [
        UNORDERED,
        ["combine", "union", True, [nested(["filter", leaf(told)], UNORDERED)]],
    ],
    "intersection": lambda told: [
        UNORDERED,
        ["combine", "intersection", False, [nested(["order_by", [told.order]], UNORDERED)]],
    ],
    "a merger": lambda told: [["merge", "or", nested(["filter", leaf(told)])]],
}


def hidden(name: str) -> Told:
    return Told(name, f"{name}__gt", name, name, name)


@pytest.mark.parametrize("door", STEPS)
def test_steps(victim: Victim, door: str) -> None:
    """For rows, and for what only tells of them."""
    with victim.attack(lines=8 * len(HIDDEN)) as attacker:
        for op in ("rows", "count"):
            attacker.result(f"{BOOK}.objects", [BOOK, STEPS[door](Told())], op)
        for name in HIDDEN:
            plan = [BOOK, STEPS[door](hidden(name))]
            for body in (
                *((f"{BOOK}.objects", plan, op) for op in ("rows", "count", "exists", "first")),
                (f"{BOOK}.objects", plan, "aggregate", [["n", call("Count")]]),
                (f"{BOOK}.objects.iterator", plan, 10),
                (f"{BOOK}.objects.cheap", plan),
            ):
                failed = attacker.failure(*body)
                assert failed.code == FailureCode.QUERY_REFUSED, (name, failed)
                assert len(failed.message) < 1_500
                assert failed.details == {}


@pytest.mark.parametrize("name", HIDDEN)
def test_aggregates(victim: Victim, name: str) -> None:
    with victim.attack(lines=5) as attacker:
        told = hidden(name)
        for expression in (
            call("Min", ref(told)),
            call("Count", ref(told), distinct=True),
            call("Count", filter=leaf(told)),
            call("+", call("Max", ["f", "pages"]), call("Max", ref(told))),
        ):
            asked = (f"{BOOK}.objects", [BOOK, []], "aggregate", [["x", expression]])
            assert attacker.failure(*asked).code == FailureCode.QUERY_REFUSED
        named = (f"{BOOK}.objects", [BOOK, []], "aggregate", [[name or "X", call("Count")]])
        if name not in {"shelf_price", "secrets"}:  # what a dict calls its values is free
            assert attacker.failure(*named).code == FailureCode.QUERY_REFUSED


@pytest.mark.parametrize("name", [*HIDDEN, "isbn", "pk", "save", "x__y", "X", "x y"])
def test_names_of_annotations(victim: Victim, name: str) -> None:
    """They become names in SQL, and attributes of instances that the model's own code sees."""
    with victim.attack(lines=3) as attacker:
        for steps in (
            [["annotate", [[name, ["f", "pages"]]]]],
            [["alias", [[name, ["value", 1, None]]]]],
            [["values", ["title"], []], ["annotate", [[name, ["value", 1, None]]]]],
        ):
            failed = attacker.failure(f"{BOOK}.objects", [BOOK, steps], "rows")
            assert failed.code == FailureCode.QUERY_REFUSED, (name, failed)


def test_relations_that_lead_to_rows(victim: Victim) -> None:
    """From an instance, only across what is declared, and only to the rows of the plan."""
    with victim.attack(lines=8) as attacker:
        for model, relation in (
            ("library.Publisher", "secrets"),
            ("library.Publisher", "size"),
            ("library.Loan", "book"),
            (BOOK, "secrets"),
            (BOOK, "loans"),
            ("library.Secret", "book"),
            ("auth.User", "books"),
        ):
            plan = [BOOK, [["of", model, 1, relation]]]
            assert attacker.failure(f"{BOOK}.objects", plan, "rows").code == (
                FailureCode.QUERY_REFUSED
            )


def test_what_django_says_of_names_it_does_not_know(victim: Victim) -> None:
    """A plan may be legal and yet not work; then Django would list every field there is."""
    annotated = [["annotate", [["x", ["f", "pages"]]]], ["values", ["title", "x"], []]]
    with victim.attack(lines=2) as attacker:
        for steps in (
            [UNORDERED, *annotated, ["combine", "union", False, [nested(UNORDERED)]]],
            [*annotated, ["values", ["title"], []], ["distinct", ["x"]]],
        ):
            failed = attacker.failure(f"{BOOK}.objects", [BOOK, steps], "rows")
            assert failed.message == "Cannot resolve keyword 'x' into field."
            assert "secrets" not in repr(failed.details)
