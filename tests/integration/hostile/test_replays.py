"""A third item in the body: calls that are made again to refine what they return."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.protocol.messages import FailureCode

from .attacker import Failed
from .conftest import Victim
from .plans import NOTE, asked, note, vault, where

ROWS = [[NOTE, []], "rows"]


@pytest.mark.parametrize("refining", [ROWS, [], [[NOTE, [where("pin", "x")]], "rows"], [1, 2, 3]])
def test_what_writes_is_never_made_again(victim: Victim, refining: Any) -> None:
    """Refused before it runs, whatever the third item is."""
    with vault(victim) as found:
        found.attacker.result("vault.counted")
        before = found.census()
        for name, args in (
            ("vault.written_notes", []),
            ("vault.fill", []),
            (f"{NOTE}.stamp", [note(found["ours_first"]), "x"]),
            (f"{NOTE}.save", [note(found["ours_first"]), {"rank": 9}, {}]),
            (f"{NOTE}.delete", [note(found["ours_first"])]),
            (f"{NOTE}.objects.delete", [[NOTE, []]]),
            (f"{NOTE}.objects.create", [[NOTE, []], {}]),
            (f"{NOTE}.objects", list(asked(NOTE)[1:])),
            (f"{NOTE}.objects.iterator", [[NOTE, []], 1]),
            ("chunnel.schema", []),
        ):
            answer = found.send(name, body=found.attacker.packed([args, {}, refining]))
            assert isinstance(answer, Failed), name
            assert answer.code == FailureCode.REFUSED, (name, answer)
        assert found.attacker.result("vault.counted") == []
        assert found.census() == before


@pytest.mark.parametrize(
    ("refining", "code"),
    [
        ([[NOTE, [where("pin__startswith", "h")]], "rows"], FailureCode.QUERY_REFUSED),
        ([[NOTE, [["values", ["pin"], []]]], "rows"], FailureCode.QUERY_REFUSED),
        ([[NOTE, [["order_by", ["pin"]]]], "first"], FailureCode.QUERY_REFUSED),
        ([["vault.Tenant", []], "rows"], FailureCode.QUERY_REFUSED),
        ([["vault.Room", []], "rows"], FailureCode.QUERY_REFUSED),
        ([[NOTE, []], "delete"], FailureCode.QUERY_REFUSED),
        ([[NOTE, []], "update", [["rank", ["value", 1, None]]]], FailureCode.MALFORMED),
        ([[NOTE, []]], FailureCode.MALFORMED),
        ([], FailureCode.MALFORMED),
        (["rows"], FailureCode.MALFORMED),
        ([None, "rows"], FailureCode.MALFORMED),
        ({}, FailureCode.MALFORMED),
        ("rows", FailureCode.MALFORMED),
    ],
)
def test_the_same_gate(victim: Victim, refining: Any, code: FailureCode) -> None:
    with vault(victim) as found:
        before = found.census()
        answer = found.send("vault.top_notes", body=found.attacker.packed([[], {}, refining]))
        assert isinstance(answer, Failed), answer
        assert answer.code == code, answer
        assert found.census() == before


def test_what_returns_no_queryset(victim: Victim) -> None:
    with vault(victim) as found:
        body = found.attacker.packed([[[note(found["ours_first"])]], {}, ROWS])
        answer = found.send("vault.titles", body=body)
        assert isinstance(answer, Failed)
        assert answer.code == FailureCode.REFUSED
