"""Rows of another tenant, by every door, when the tables are shared and ``get_queryset`` narrows.

``ours`` and ``theirs`` have the same rows. We are one of ours; whatever is asked, theirs are as if
absent, and nothing of theirs is ever changed.
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
    LABEL,
    NOTE,
    ROOM,
    TENANT,
    UNORDERED,
    Vault,
    asked,
    call,
    f,
    note,
    query,
    refined,
    value,
    vault,
    where,
)

Door = Callable[[Vault], Any]

EVERYTHING = ["filter", ["or", False, [["=", "rank__gt", 0], ["=", "rank", 0]]]]
TOP = "vault.top_notes"

ABSENT: dict[str, Door] = {
    "count": lambda v: asked(NOTE, where("pk", v["theirs_first"]), op="count"),
    "exists": lambda v: asked(NOTE, where("pk", v["theirs_first"]), op="exists"),
    "first": lambda v: asked(NOTE, where("slug", "theirs first"), op="first"),
    "last": lambda v: asked(NOTE, where("tenant", v["theirs"]), op="last"),
    "in_bulk": lambda v: asked(
        NOTE, where("pk__in", [v["theirs_first"], v["theirs_locked"]]), op="count"
    ),
    "a foreign key": lambda v: asked(NOTE, where("parent", v["theirs_first"]), op="count"),
    "a list of foreign keys": lambda v: asked(NOTE, where("tenant__in", [v["theirs"]]), op="count"),
    "a subquery": lambda v: asked(
        NOTE,
        ["filter", ["=e", "pk__in", query("rows", NOTE, where("tenant", v["theirs"]))]],
        op="count",
    ),
    "Exists": lambda v: asked(
        NOTE,
        ["filter", ["?", False, query("exists", NOTE, where("tenant", v["theirs"]))]],
        op="count",
    ),
    "Exists of tenants": lambda v: asked(
        ROOM,
        ["filter", ["?", False, query("exists", TENANT, where("pk", v["theirs"]))]],
        op="count",
    ),
    "a union": lambda v: asked(
        NOTE,
        UNORDERED,
        where("rank", 99),
        ["combine", "union", True, [[NOTE, [UNORDERED, where("tenant", v["theirs"])]]]],
        op="count",
    ),
    "a merger": lambda v: asked(
        NOTE,
        where("rank", 99),
        ["merge", "or", [NOTE, [where("tenant", v["theirs"])]]],
        op="count",
    ),
    "a merger that excludes": lambda v: asked(
        NOTE,
        ["merge", "xor", [NOTE, []]],
        op="count",
    ),
    "a relation of their tenant": lambda v: asked(
        NOTE, ["of", TENANT, v["theirs"], "notes"], op="count"
    ),
    "a relation of their note": lambda v: asked(
        NOTE, ["of", NOTE, v["theirs_first"], "children"], op="count"
    ),
    "a many-to-many of their note": lambda v: asked(
        LABEL, ["of", NOTE, v["theirs_first"], "labels"], op="count"
    ),
    "a returned queryset": lambda v: refined(TOP, where("tenant", v["theirs"]), op="count"),
    "a returned queryset that is merged": lambda v: refined(
        TOP,
        where("rank", 99),
        ["merge", "or", [NOTE, [where("tenant", v["theirs"])]]],
        op="count",
    ),
    "an update": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, [where("tenant", v["theirs"])]],
        [["rank", value(0)]],
    ),
    "a bulk update": lambda v: (
        f"{NOTE}.objects.bulk_update",
        [NOTE, []],
        ["rank"],
        [[v["theirs_first"], 0]],
    ),
    "removing theirs from ours": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_first"]),
        "labels",
        "remove",
        [v["theirs_label"]],
    ),
    "a delete": lambda v: (f"{NOTE}.objects.delete", [NOTE, [where("tenant", v["theirs"])]]),
}


@pytest.mark.parametrize("door", ABSENT)
def test_their_rows_are_absent(victim: Victim, door: str) -> None:
    with vault(victim) as found:
        before = found.census()
        answer = send(found, ABSENT[door](found))
        assert answer in (0, False, None, [0, {}]), answer
        assert found.census() == before


SHOWN: dict[str, Door] = {
    "rows": lambda v: asked(NOTE, EVERYTHING),
    "rows in order": lambda v: asked(NOTE, ["order_by", ["-id"]], ["reverse"]),
    "distinct rows": lambda v: asked(NOTE, ["distinct", []]),
    "values": lambda v: asked(NOTE, ["values", [], []]),
    "annotations": lambda v: asked(NOTE, ["annotate", [["x", f("slug")]]]),
    "the largest": lambda v: (
        f"{NOTE}.objects",
        [NOTE, []],
        "aggregate",
        [["x", call("Max", f("slug"))]],
    ),
    "an iterator": lambda v: (f"{NOTE}.objects.iterator", [NOTE, []], 2),
    "rows of a shared row": lambda v: asked(NOTE, ["of", ROOM, v["room"], "notes"]),
    "rows that are prefetched": lambda v: asked(
        ROOM, ["prefetch_related", [["notes", None, None]]]
    ),
    "rows that are prefetched by a plan": lambda v: asked(
        ROOM,
        ["prefetch_related", [["notes", [NOTE, [["merge", "or", [NOTE, []]]]], "x"]]],
    ),
    "rows further on": lambda v: asked(
        ROOM, ["prefetch_related", [["notes__labels__notes__tenant", None, None]]]
    ),
    "a subquery": lambda v: asked(
        ROOM,
        [
            "annotate",
            [
                [
                    "x",
                    query(
                        "value",
                        NOTE,
                        ["order_by", ["-id"]],
                        ["values", ["slug"], []],
                        ["slice", 0, 1],
                    ),
                ]
            ],
        ],
    ),
    "a union": lambda v: asked(NOTE, UNORDERED, ["combine", "union", True, [[NOTE, [UNORDERED]]]]),
    "a difference": lambda v: asked(
        NOTE, UNORDERED, ["combine", "difference", False, [[NOTE, [UNORDERED, where("rank", 9)]]]]
    ),
    "a returned queryset": lambda v: refined(TOP),
    "a returned queryset in a merger": lambda v: refined(TOP, ["merge", "or", [NOTE, []]]),
    "rows that select others": lambda v: asked(NOTE, ["select_related", ["tenant", "parent"]]),
}


@pytest.mark.parametrize("door", SHOWN)
def test_only_our_rows_are_shown(victim: Victim, door: str) -> None:
    with vault(victim) as found:
        answer = send(found, SHOWN[door](found))
        assert not isinstance(answer, Failed), answer
        assert "ours" in repr(answer)
        assert "theirs" not in repr(answer)


CROSSING: dict[str, Door] = {
    "values": lambda v: asked(ROOM, ["values", ["notes__slug"], []]),
    "values of a tenant": lambda v: asked(NOTE, ["values", ["tenant__name"], []]),
    "a count": lambda v: asked(ROOM, ["annotate", [["x", call("Count", f("notes"))]]]),
    "an aggregate": lambda v: (
        f"{ROOM}.objects",
        [ROOM, []],
        "aggregate",
        [["x", call("Min", f("notes__slug"))]],
    ),
    "the condition of an aggregate": lambda v: (
        f"{ROOM}.objects",
        [ROOM, []],
        "aggregate",
        [["x", call("Count", filter=["=e", "pk", f("notes__rank")])]],
    ),
    "an order": lambda v: asked(ROOM, ["order_by", [[f("notes__slug"), False, None]]]),
    "an expression in a filter": lambda v: asked(ROOM, ["filter", ["=e", "pk", f("notes__rank")]]),
    "an outer reference": lambda v: asked(
        ROOM,
        [
            "filter",
            [
                "?",
                False,
                query("exists", NOTE, ["filter", ["=e", "slug", ["outer", "notes__slug"]]]),
            ],
        ],
    ),
    "distinct names": lambda v: asked(ROOM, ["distinct", ["notes__slug"]]),
    "there and back": lambda v: asked(NOTE, ["values", ["room__notes__slug"], []]),
    "a merger": lambda v: asked(
        ROOM, ["merge", "or", [ROOM, [["order_by", [[f("notes__slug"), False, None]]]]]]
    ),
    "an update": lambda v: (
        f"{ROOM}.objects.update",
        [ROOM, []],
        [["name", f("notes__slug")]],
    ),
}


@pytest.mark.parametrize("door", CROSSING)
def test_no_path_leads_past_what_narrows(victim: Victim, door: str) -> None:
    with vault(victim) as found:
        before = found.census()
        answer = send(found, CROSSING[door](found))
        assert isinstance(answer, Failed), answer
        assert answer.code == FailureCode.QUERY_REFUSED
        assert "narrows its rows for you" in answer.message
        assert found.census() == before


def theirs(v: Vault, name: str = "theirs_first") -> InstanceRef:
    return note(v[name])


NEW = {"title": "new", "slug": "new", "rank": 1}

FORGED: dict[str, Door] = {
    "get": lambda v: asked(NOTE, where("pk", v["theirs_first"]), op="get"),
    "an argument": lambda v: ("vault.titles", [theirs(v)]),
    "an argument deep within": lambda v: ("vault.titles", {"a": [[theirs(v)]]}),
    "a value in a condition": lambda v: asked(NOTE, where("parent", theirs(v))),
    "a method": lambda v: (f"{NOTE}.stamp", theirs(v), "x"),
    "a method that reads": lambda v: (f"{NOTE}.peek", theirs(v)),
    "save": lambda v: (f"{NOTE}.save", theirs(v), {"rank": 9}, {}),
    "save of nothing": lambda v: (f"{NOTE}.save", theirs(v), {}, {}),
    "save as ours": lambda v: (f"{NOTE}.save", theirs(v), {"tenant": v["ours"]}, {}),
    "a forced update": lambda v: (f"{NOTE}.save", theirs(v), {"rank": 9}, {"force_update": True}),
    "an update of some fields": lambda v: (
        f"{NOTE}.save",
        theirs(v),
        {"rank": 9},
        {"update_fields": ["rank"]},
    ),
    "a forced insert": lambda v: (
        f"{NOTE}.save",
        theirs(v),
        {**NEW, "tenant": v["ours"]},
        {"force_insert": True},
    ),
    "delete": lambda v: (f"{NOTE}.delete", theirs(v)),
    "moving ours away": lambda v: (
        f"{NOTE}.save",
        note(v["ours_first"]),
        {"tenant": v["theirs"]},
        {},
    ),
    "moving ours to an instance": lambda v: (
        f"{NOTE}.save",
        note(v["ours_first"]),
        {"tenant": InstanceRef(TENANT, v["theirs"])},
        {},
    ),
    "moving all of ours": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, []],
        [["tenant", value(v["theirs"])]],
    ),
    "moving by an expression": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, []],
        [["tenant", call("+", f("tenant"), value(1))]],
    ),
    "moving many": lambda v: (
        f"{NOTE}.objects.bulk_update",
        [NOTE, []],
        ["tenant"],
        [[v["ours_first"], v["theirs"]]],
    ),
    "pointing at theirs": lambda v: (
        f"{NOTE}.save",
        note(v["ours_first"]),
        {"parent": v["theirs_first"]},
        {},
    ),
    "create": lambda v: (f"{NOTE}.objects.create", [NOTE, []], {**NEW, "tenant": v["theirs"]}),
    "create with a key": lambda v: (
        f"{NOTE}.objects.create",
        [NOTE, []],
        {**NEW, "tenant": v["ours"], "pk": v["theirs_first"]},
    ),
    "create many": lambda v: (
        f"{NOTE}.objects.bulk_create",
        [NOTE, []],
        [{**NEW, "tenant": v["ours"]}, {**NEW, "slug": "other", "tenant": v["theirs"]}],
        {},
    ),
    "create many in spite of conflicts": lambda v: (
        f"{NOTE}.objects.bulk_create",
        [NOTE, []],
        [{**NEW, "tenant": v["ours"]}],
        {"ignore_conflicts": True},
    ),
    "create under theirs": lambda v: (
        f"{NOTE}.objects.create",
        [NOTE, [["of", TENANT, v["theirs"], "notes"]]],
        NEW,
    ),
    "get or create": lambda v: (
        f"{NOTE}.objects.get_or_create",
        [NOTE, []],
        [["slug", "theirs first"]],
        {"title": "x", "tenant": v["ours"]},
    ),
    "update or create": lambda v: (
        f"{NOTE}.objects.update_or_create",
        [NOTE, []],
        [["slug", "theirs first"]],
        {"title": "x", "tenant": v["ours"]},
    ),
    "update or create away": lambda v: (
        f"{NOTE}.objects.update_or_create",
        [NOTE, []],
        [["slug", "ours first"]],
        {"tenant": v["theirs"]},
    ),
    "a unique value": lambda v: (
        f"{NOTE}.save",
        note(v["ours_first"]),
        {"slug": "theirs first"},
        {},
    ),
    "a unique value for many": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, [where("title", "first")]],
        [["slug", value("theirs first")]],
    ),
    "adding theirs to ours": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_first"]),
        "labels",
        "add",
        [v["theirs_label"]],
    ),
    "setting ours to theirs": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_first"]),
        "labels",
        "set",
        [v["theirs_label"]],
    ),
    "adding ours to theirs": lambda v: (
        f"{NOTE}.relate",
        theirs(v),
        "labels",
        "add",
        [v["ours_label"]],
    ),
    "clearing theirs": lambda v: (f"{NOTE}.relate", theirs(v), "labels", "clear"),
    "taking theirs for a child": lambda v: (
        f"{NOTE}.relate",
        note(v["ours_first"]),
        "children",
        "add",
        [v["theirs_locked"]],
    ),
    "taking theirs into a room": lambda v: (
        f"{ROOM}.relate",
        InstanceRef(ROOM, v["room"]),
        "notes",
        "add",
        [v["theirs_first"]],
    ),
    "the side that is not declared": lambda v: (
        f"{LABEL}.relate",
        InstanceRef(LABEL, v["ours_label"]),
        "notes",
        "set",
        [],
    ),
    "a child of theirs": lambda v: (
        f"{NOTE}.relate",
        theirs(v),
        "children",
        "create",
        {**NEW, "tenant": v["ours"]},
    ),
}


@pytest.mark.parametrize("door", FORGED)
def test_their_rows_cannot_be_named_or_changed(victim: Victim, door: str) -> None:
    """As if they did not exist: what is unique in the whole table is all that is ever told."""
    with vault(victim) as found:
        before = found.census()
        answer = send(found, FORGED[door](found))
        assert isinstance(answer, Failed), answer
        assert "theirs" not in answer.message.replace("theirs first", "")
        assert found.census() == before


def test_hidden_and_missing_are_the_same(victim: Victim) -> None:
    doors: list[Callable[[int], tuple[Any, ...]]] = [
        lambda pk: ("vault.titles", [note(pk)]),
        lambda pk: (f"{NOTE}.peek", note(pk)),
        lambda pk: (f"{NOTE}.save", note(pk), {"rank": 9}, {}),
        lambda pk: (f"{NOTE}.delete", note(pk)),
        lambda pk: (f"{NOTE}.relate", note(pk), "labels", "clear"),
        lambda pk: asked(NOTE, where("pk", pk), op="get"),
        lambda pk: asked(NOTE, where("parent", note(pk))),
    ]
    with vault(victim) as found:
        there = found["theirs_first"]
        for door in doors:
            hidden, missing = (found.send(*door(pk)) for pk in (there, there + 1000))
            assert hidden.code == missing.code
            assert hidden.message == missing.message.replace(str(there + 1000), str(there))
            assert hidden.details["names"] == missing.details["names"]


def send(found: Vault, door: tuple[Any, ...]) -> Any:
    """Send a call; one of three whose last begins with a plan has it as a third item."""
    if door[0] == TOP:
        body = found.attacker.packed([door[1], {}, door[2]])
        return found.send(door[0], body=body)
    return found.send(*door)
