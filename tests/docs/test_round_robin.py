"""The balancer of the how-to does what it says, and is the file that the page shows."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from chunnel.client.balancers import load

from ..live import ROOT

HOWTO = ROOT / "docs" / "howto"


@dataclass(frozen=True)
class Place:
    endpoint: str
    instance: str | None = None
    in_use: int = 0


def test_near_endpoints_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """In turn among themselves; the far ones only when no near one is left."""
    monkeypatch.syspath_prepend(HOWTO / "examples")
    balancer = load("nearest_first.NearestFirst")({"near": "tcp://10."})
    sys.modules.pop("nearest_first")
    near, other, far = (
        Place("tcp://10.0.0.5:1"),
        Place("tcp://10.0.0.6:1"),
        Place("tcp://192.0.2.1:1"),
    )
    picked = [balancer.pick([near, far, other]) for _ in range(4)]
    assert picked in ([near, other] * 2, [other, near] * 2)
    assert balancer.pick([far]) == far


def test_the_page_shows_the_file_that_is_tried() -> None:
    text = (HOWTO / "round-robin.rst").read_text()
    assert ".. literalinclude:: examples/nearest_first.py" in text
