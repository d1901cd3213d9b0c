"""What nobody declared, under another name: as text, by position, as an error, by another's order.

``pin`` and ``token`` are columns that are not declared, and ``str()`` of every instance tells them;
``Vault.send`` makes sure that no answer of any kind has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chunnel.protocol.messages import FailureCode
from chunnel.values import InstanceRef

from .attacker import SECRET, Failed
from .conftest import Victim
from .plans import (
    LABEL,
    NOTE,
    ROOM,
    UNORDERED,
    Vault,
    asked,
    call,
    f,
    leaf,
    note,
    query,
    value,
    vault,
    where,
)

Door = Callable[[Vault], tuple[Any, ...]]


def ours(v: Vault) -> InstanceRef:
    return note(v["ours_first"])


def named(expression: Any) -> Callable[[Vault], tuple[Any, ...]]:
    return lambda v: asked(NOTE, ["annotate", [["x", expression(v)]]])


def part(*steps: Any) -> list[Any]:
    return [NOTE, [UNORDERED, *steps]]


def union(*steps: Any, other: Any) -> Door:
    return lambda v: asked(NOTE, UNORDERED, *steps, ["combine", "union", True, [other]])


NINE = [[f"x{number}", f("title")] for number in range(8)]

REFUSED: dict[str, Door] = {
    "an instance as text": named(lambda v: value(ours(v), "CharField")),
    "an instance cast to text": named(
        lambda v: call("Cast", value(ours(v)), output_field=["TextField", None, None])
    ),
    "an instance in a function": named(lambda v: call("Concat", value(ours(v)), f("title"))),
    "an instance in a case": named(lambda v: ["case", [[leaf("rank", 2), value(ours(v))]], None]),
    "an instance for a default": named(
        lambda v: call("Max", f("title"), default=value(ours(v), "CharField"))
    ),
    "an instance for a number": lambda v: asked(NOTE, where("rank", ours(v))),
    "an instance for a text": lambda v: asked(NOTE, where("title__startswith", ours(v))),
    "an instance for a key": lambda v: asked(NOTE, where("pk", ours(v))),
    "instances for keys": lambda v: asked(NOTE, where("pk__in", [ours(v)])),
    "an instance of another model": lambda v: asked(NOTE, where("tenant", ours(v))),
    "an instance for an annotation": lambda v: asked(
        NOTE, ["alias", [["x", f("title")]]], where("x", ours(v))
    ),
    "an instance in an update": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, []],
        [["title", call("Lower", value(ours(v), "CharField"))]],
    ),
    "an instance for the key of a relation": lambda v: asked(
        LABEL, ["of", NOTE, ours(v), "labels"]
    ),
    "columns that are left out on one side": union(
        ["defer", ["parent"]],
        other=part(["defer", ["tenant", "slug"]], ["annotate", [["z", value(1)]]]),
    ),
    "columns that are left out on the other": union(
        ["annotate", [["z", value(1)]]],
        ["defer", ["rank", "parent"]],
        other=part(["defer", ["rank"]]),
    ),
    "related rows of another model": union(
        ["annotate", [["z", value(True)]]],  # where the other has what says which rows we may see
        ["select_related", ["room"]],
        other=part(["select_related", ["tenant"]]),
    ),
    "columns for computed values": union(["values", [], NINE], other=part()),
    "columns for tuples": union(["values_list", [], NINE, False, False], other=part()),
    "columns for the values of none": union(["values", ["title"], []], ["none"], other=part()),
    "instances made of values": union(other=part(["values", [], NINE])),
    "within a subquery": lambda v: asked(
        NOTE,
        [
            "filter",
            [
                "=e",
                "title",
                query(
                    *("value", NOTE, UNORDERED, ["values", [], NINE[:1]]),
                    ["combine", "union", True, [part()]],
                ),
            ],
        ],
    ),
    "a name that is there, in SQL": lambda v: asked(
        NOTE, ["annotate", [['x" FROM vault_note --', f("title")]]]
    ),
    "a connector": lambda v: asked(NOTE, where("_connector", "OR 1=1 --")),
    "a negation": lambda v: asked(NOTE, where("_negated", True)),
    "a function of any name": named(lambda v: call("Func", f("title"))),
    "a function with a template": named(lambda v: call("Lower", f("title"), template="pin")),
    "raw SQL": named(lambda v: call("RawSQL", value("pin"))),
    "a class of Python": named(lambda v: call("django.db.models.Func", f("title"))),
    "a type of Python": named(
        lambda v: call("Cast", f("title"), output_field=["django.db.models.CharField", None, None])
    ),
    "a regular expression": lambda v: asked(NOTE, where("title__regex", "(a+)+$")),
    "a regular expression of an annotation": lambda v: asked(
        NOTE, ["alias", [["x", f("title")]]], where("x__regex", "(a+)+$")
    ),
    "any order": lambda v: asked(NOTE, ["order_by", ["?"]]),
    "setting what is not declared": lambda v: (
        f"{NOTE}.save",
        ours(v),
        {"pin": "x"},
        {},
    ),
    "updating what is not declared": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, []],
        [["pin", value("x")]],
    ),
    "updating with what is not declared": lambda v: (
        f"{NOTE}.objects.update",
        [NOTE, []],
        [["title", f("pin")]],
    ),
    "updating the key": lambda v: (f"{NOTE}.objects.update", [NOTE, []], [["id", value(7)]]),
    "many with what is not declared": lambda v: (
        f"{NOTE}.objects.bulk_update",
        [NOTE, []],
        ["pin"],
        [[v["ours_first"], "x"]],
    ),
    "creating with what is not declared": lambda v: (
        f"{NOTE}.objects.create",
        [NOTE, []],
        {"title": "x", "slug": "x", "tenant": v["ours"], "pin": "x"},
    ),
    "finding by what is not declared": lambda v: (
        f"{NOTE}.objects.get_or_create",
        [NOTE, []],
        [["pin", SECRET[:3]]],
        {},
    ),
    "finding by a part of it": lambda v: (
        f"{NOTE}.objects.update_or_create",
        [NOTE, []],
        [["pin__startswith", SECRET[:3]]],
        {},
    ),
    "defaults that are not declared": lambda v: (
        f"{NOTE}.objects.update_or_create",
        [NOTE, []],
        [["slug", "ours first"]],
        {"pin": "x"},
    ),
    "a relation that is not declared": lambda v: (
        f"{ROOM}.relate",
        InstanceRef(ROOM, v["room"]),
        "label",
        "set",
        [],
    ),
    "deleting by what is not declared": lambda v: (
        f"{NOTE}.objects.delete",
        [NOTE, [where("pin__startswith", SECRET[:1])]],
    ),
    "deleting with a filter of nothing": lambda v: (
        f"{NOTE}.objects.delete",
        [NOTE, [["filter", {}]]],
    ),
}


@pytest.mark.parametrize("door", REFUSED)
def test_refused(victim: Victim, door: str) -> None:
    """Refused whole, with nothing told and nothing changed."""
    codes = {FailureCode.QUERY_REFUSED, FailureCode.MALFORMED, FailureCode.NOT_EXPOSED}
    with vault(victim) as found:
        before = found.census()
        answer = found.send(*REFUSED[door](found))
        assert isinstance(answer, Failed), answer
        assert answer.code in codes, answer
        assert len(answer.message) < 1_000
        assert found.census() == before


ERRORS: dict[str, Door] = {
    "a child that is none": lambda v: (
        f"{NOTE}.relate",
        ours(v),
        "children",
        "remove",
        [v["ours_first"]],
    ),
    "what must be unique with what is hidden": lambda v: (
        f"{LABEL}.save",
        InstanceRef(LABEL, v["ours_label"]),
        {"word": "theirs"},
        {},
    ),
    "what a constraint compares with what is hidden": lambda v: (
        f"{LABEL}.save",
        InstanceRef(LABEL, v["ours_label"]),
        {"word": SECRET},
        {},
    ),
    "the same for many": lambda v: (
        f"{LABEL}.objects.update",
        [LABEL, []],
        [["word", value("theirs")]],
    ),
    "what the model says of what is hidden": lambda v: (
        f"{LABEL}.save",
        InstanceRef(LABEL, v["ours_label"]),
        {"word": "odd"},
        {},
    ),
    "two of them": lambda v: asked(NOTE, op="get"),
    "none of them": lambda v: asked(NOTE, where("slug", "none"), op="get"),
    "a value that does not fit": lambda v: asked(NOTE, where("rank", "many")),
    "an instance in a value": lambda v: (f"{NOTE}.save", ours(v), {"title": ours(v)}, {}),
    "another instance": lambda v: (f"{NOTE}.save", ours(v), {"tenant": ours(v)}, {}),
    "a label for a child": lambda v: (
        f"{NOTE}.relate",
        ours(v),
        "children",
        "add",
        [InstanceRef(LABEL, v["ours_label"])],
    ),
    "a function of the database that fails": lambda v: asked(
        NOTE, ["values", [], [["x", call("^", value(9), value(2**62))]]]
    ),
}


@pytest.mark.parametrize("door", ERRORS)
def test_errors_tell_nothing_of_it(victim: Victim, door: str) -> None:
    """Neither the names of what is not declared, nor constraints, nor the text of an instance."""
    with vault(victim) as found:
        sent = ERRORS[door](found)
        answer = found.send(*sent)
        assert isinstance(answer, Failed), answer
        told = f"{answer.message} {answer.details}".lower()
        for name in ("pin", "token", "one_word", "the_word", "vault_", "secretive"):
            assert name not in told.replace(SECRET, ""), answer


def test_the_schema_has_what_is_declared_and_no_more(victim: Victim) -> None:
    """It is the same for everybody: hooks narrow rows, and here are only names."""
    with vault(victim, lines=0) as found:
        told = repr(found.attacker.result("chunnel.schema"))
        assert "Ledger" in told
        for name in ("'pin'", "'token'", "Secretive", "shelf_price", "Secret", "the_word"):
            assert name not in told
