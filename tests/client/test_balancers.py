"""One contract for all balancers, also for the how-to's, and what each promises beside it."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from chunnel.client.balancers import BALANCERS, Balancer, load

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "howto" / "examples"
OWN = "nearest_first.NearestFirst"


@dataclass(frozen=True)
class Place:
    endpoint: str
    instance: str | None = None
    in_use: int = 0


A, B, C = (Place(f"tcp://10.0.0.{number}:7070", f"i{number}") for number in (1, 2, 3))


@pytest.fixture(params=[*BALANCERS, OWN])
def balancer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Balancer:
    monkeypatch.syspath_prepend(EXAMPLES)
    cls = load(request.param)
    sys.modules.pop("nearest_first", None)
    return cls({"near": "tcp://10."})


def test_it_picks_one_of_the_targets(balancer: Balancer) -> None:
    """Whatever the targets are, and however they change."""
    for targets in ([A], [A, B], (A, B, C), [C], [B, C]) * 10:
        assert balancer.pick(targets) in targets


def test_it_leaves_no_target_out(balancer: Balancer) -> None:
    """Equal targets all get calls."""
    assert {balancer.pick([A, B, C]) for _ in range(200)} == {A, B, C}


def test_it_does_not_change_what_it_is_given(balancer: Balancer) -> None:
    """The list belongs to the caller."""
    targets = [A, B, C]
    for _ in range(10):
        balancer.pick(targets)
    assert targets == [A, B, C]


def test_threads_share_it(balancer: Balancer) -> None:
    """Many threads pick at once."""
    picked: Counter[Place] = Counter()
    lock = threading.Lock()
    start = threading.Barrier(8)

    def work() -> None:
        start.wait(10)
        mine = Counter(balancer.pick([A, B, C]) for _ in range(300))
        with lock:
            picked.update(mine)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert picked.total() == 2400
    if type(balancer).__name__ in {"RoundRobin", "NearestFirst"}:
        assert set(picked.values()) == {800}


def test_least_used_prefers_the_idle() -> None:
    """And takes turns among equals."""
    balancer = load("least_used")({})
    busy, idle = Place("a", in_use=3), Place("b", in_use=1)
    assert {balancer.pick([busy, idle]) for _ in range(5)} == {idle}
    other = Place("c", in_use=1)
    assert Counter(balancer.pick([busy, idle, other]) for _ in range(30))[busy] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "there are round_robin, random, least_used"),
        ("no.such.Balancer", "cannot be imported"),
        ("pathlib.Path", "not a subclass"),
        ("chunnel.client.balancers.BALANCERS", "not a subclass"),
    ],
)
def test_a_bad_name_is_told(name: str, words: str) -> None:
    """With what would be good."""
    with pytest.raises(ImproperlyConfigured, match=words):
        load(name)
