"""Hooks of permissions that say no, at every door: of queries, relations, arguments and methods.

Nobody may view, add, change or delete a ``Ledger``, though all of it is declared. A note that is
"locked" may not be changed or deleted, and one that is "unseen" not even be taken by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef

from .attacker import Failed
from .conftest import Victim
from .plans import (
    LEDGER,
    NOTE,
    ROOM,
    UNORDERED,
    Vault,
    asked,
    call,
    f,
    note,
    query,
    value,
    vault,
    where,
)

Door = Callable[[Vault], tuple[Any, ...]]


def ledger(v: Vault) -> InstanceRef:
    return InstanceRef(LEDGER, v["ours_ledger"])


ROW = {"amount": 5}

DENIED: dict[str, Door] = {
    **{
        f"the operation {op}": lambda v, op=op: asked(LEDGER, op=op)  # type: ignore[misc]
        for op in ("rows", "get", "first", "last", "count", "exists")
    },
    "aggregate": lambda v: (
        f"{LEDGER}.objects",
        [LEDGER, []],
        "aggregate",
        [["x", call("Sum", f("amount"))]],
    ),
    "an iterator": lambda v: (f"{LEDGER}.objects.iterator", [LEDGER, []], 10),
    "none of them": lambda v: asked(LEDGER, ["none"]),
    "an argument": lambda v: ("vault.titles", [ledger(v)]),
    "a method": lambda v: (f"{LEDGER}.audit", ledger(v)),
    "values across a relation": lambda v: asked(NOTE, ["values", ["ledgers__amount"], []]),
    "a count across a relation": lambda v: asked(
        NOTE, ["annotate", [["x", call("Count", f("ledgers"))]]]
    ),
    "an alias across a relation": lambda v: asked(
        NOTE, ["alias", [["x", f("ledgers__amount")]]], where("x__gt", 0), op="count"
    ),
    "an aggregate across a relation": lambda v: (
        f"{NOTE}.objects",
        [NOTE, []],
        "aggregate",
        [["x", call("Max", f("ledgers__amount"))]],
    ),
    "an order across a relation": lambda v: asked(
        NOTE, ["order_by", [[f("ledgers__amount"), False, None]]]
    ),
    "rows of a relation": lambda v: asked(LEDGER, ["of", NOTE, v["ours_unseen"], "ledgers"]),
    "rows that are prefetched": lambda v: asked(
        NOTE, ["prefetch_related", [["ledgers", None, None]]]
    ),
    "rows prefetched further on": lambda v: asked(
        ROOM, ["prefetch_related", [["notes__ledgers", [LEDGER, []], "x"]]]
    ),
    "a subquery": lambda v: asked(
        NOTE, ["filter", ["=e", "pk__in", query("rows", LEDGER, ["values", ["note"], []])]]
    ),
    "a subquery for a value": lambda v: asked(
        NOTE,
        [
            "annotate",
            [["x", query("value", LEDGER, ["values", ["amount"], []], ["slice", 0, 1])]],
        ],
    ),
    "Exists": lambda v: asked(NOTE, ["filter", ["?", False, query("exists", LEDGER)]], op="count"),
    "a union": lambda v: asked(
        NOTE,
        UNORDERED,
        ["values", ["rank"], []],
        ["combine", "union", True, [[LEDGER, [UNORDERED, ["values", ["amount"], []]]]]],
    ),
    "a returned queryset": lambda v: (
        "vault.top_notes",
        [],
        [[NOTE, [["prefetch_related", [["ledgers", None, None]]]]], "rows"],
    ),
    "create": lambda v: (f"{LEDGER}.objects.create", [LEDGER, []], ROW),
    "create under a note": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_first"]),
        "ledgers",
        "create",
        ROW,
    ),
    "create of a note": lambda v: (
        f"{LEDGER}.objects.create",
        [LEDGER, [["of", NOTE, v["ours_first"], "ledgers"]]],
        ROW,
    ),
    "create many": lambda v: (f"{LEDGER}.objects.bulk_create", [LEDGER, []], [ROW], {}),
    "get or create": lambda v: (
        f"{LEDGER}.objects.get_or_create",
        [LEDGER, []],
        [["pk", v["ours_ledger"]]],
        ROW,
    ),
    "update or create": lambda v: (
        f"{LEDGER}.objects.update_or_create",
        [LEDGER, []],
        [["pk", v["ours_ledger"]]],
        ROW,
    ),
    "update": lambda v: (f"{LEDGER}.objects.update", [LEDGER, []], [["amount", value(0)]]),
    "bulk update": lambda v: (
        f"{LEDGER}.objects.bulk_update",
        [LEDGER, []],
        ["amount"],
        [[v["ours_ledger"], 0]],
    ),
    "delete all": lambda v: (f"{LEDGER}.objects.delete", [LEDGER, []]),
    "save": lambda v: (f"{LEDGER}.save", ledger(v), ROW, {}),
    "insert": lambda v: (f"{LEDGER}.save", InstanceRef(LEDGER, None), ROW, {}),
    "delete": lambda v: (f"{LEDGER}.delete", ledger(v)),
    "add": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_first"]),
        "ledgers",
        "add",
        [v["ours_ledger"]],
    ),
    # One row of many
    "save what is locked": lambda v: (f"{NOTE}.save", note(v["ours_locked"]), {"rank": 9}, {}),
    "update what is locked": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, []],
        [["rank", value(9)]],
    ),
    "bulk update of what is locked": lambda v: (
        f"{NOTE}.objects.bulk_update",
        [NOTE, []],
        ["rank"],
        [[v["ours_first"], 9], [v["ours_locked"], 9]],
    ),
    "update or create what is locked": lambda v: (
        f"{NOTE}.objects.update_or_create",
        [NOTE, []],
        [["slug", "ours locked"]],
        {"rank": 9},
    ),
    "delete what is locked": lambda v: (f"{NOTE}.delete", note(v["ours_locked"])),
    "delete all, one of which is locked": lambda v: (f"{NOTE}.objects.delete", [NOTE, []]),
    "a method of what is locked": lambda v: (f"{NOTE}.stamp", note(v["ours_locked"]), "x"),
    "labels of what is locked": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_locked"]),
        "labels",
        "clear",
    ),
    "a child that is locked": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_unseen"]),
        "children",
        "add",
        [v["ours_locked"]],
    ),
    "a room with what is locked": lambda v: (
        f"{ROOM}.relate",
        InstanceRef(ROOM, v["room"]),
        "notes",
        "clear",
    ),
    "an argument that is unseen": lambda v: ("vault.titles", [note(v["ours_unseen"])]),
    "a condition on what is unseen": lambda v: asked(NOTE, where("parent", note(v["ours_unseen"]))),
    "a method of what is unseen": lambda v: (f"{NOTE}.peek", note(v["ours_unseen"])),
    "a pointer to what is unseen": lambda v: (
        f"{NOTE}.save",
        note(v["ours_first"]),
        {"parent": v["ours_unseen"]},
        {},
    ),
    "get or create what is unseen": lambda v: (
        f"{NOTE}.objects.get_or_create",
        [NOTE, []],
        [["slug", "ours unseen"]],
        {},
    ),
}


@pytest.mark.parametrize("door", DENIED)
def test_denied(victim: Victim, door: str) -> None:
    with vault(victim) as found:
        before = found.census()
        sent = DENIED[door](found)
        if sent[0] == "vault.top_notes":
            answer = found.send(sent[0], body=found.attacker.packed([sent[1], {}, sent[2]]))
        else:
            answer = found.send(*sent)
        assert isinstance(answer, Failed), answer
        assert answer.code == FailureCode.DENIED, answer
        assert found.census() == before
