"""Peers that take too much: streams nobody reads, calls without number, connections in heaps."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chunnel import remote
from chunnel.protocol.messages import (
    Busy,
    Chunk,
    End,
    Failure,
    FailureCode,
    Pong,
    Result,
)

from ...live import until
from .attacker import CANCEL, CREDIT, PING, PLENTY, Attacker, control
from .conftest import Victim

ALLOWED = 100_000  # KiB that a server may grow by under any of this
QUEUE = 400_000  # KiB, loosely, of 2,048 chunks for a peer that takes none and what is under way
STREAMS = ["probe.endless", "probe.endless_async"]


@contextlib.contextmanager
def attackers(victim: Victim, number: int, **options: Any) -> Iterator[list[Attacker]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Attacker(victim.address, **options)) for _ in range(number)]


@contextlib.contextmanager
def bounded(victim: Victim, allowed: int = ALLOWED) -> Iterator[None]:
    """Check that memory is bounded, and that no stream is left open in the end."""
    before = victim.state()["memory"]
    yield
    assert victim.state()["memory"] - before < allowed
    until(lambda: victim.state()["open"] == 0)
    assert victim.state()["memory"] - before < allowed


@pytest.mark.parametrize("name", STREAMS)
def test_streams_that_get_no_credit(victim: Victim, name: str) -> None:
    """They are opened and rest; what they may not send they do not make."""
    with bounded(victim), victim.attack(lines=0) as attacker:
        before = victim.state()["yielded"]
        ids = {attacker.call(name, 10_000, _credit=[0, 0]) for _ in range(30)}
        opened = [attacker.hear() for _ in ids]
        assert {message.call_id for message in opened if isinstance(message, Chunk)} == ids
        until(lambda: victim.state()["open"] == 30)
        assert attacker.is_quiet()
        assert victim.state()["yielded"] - before < 30 * 10


def test_more_streams_than_there_is_room_for(victim: Victim) -> None:
    """BUSY at once for those that are too many, which were surely not executed."""
    with bounded(victim), victim.attack(lines=0) as attacker:
        ids = [attacker.call("probe.endless", _credit=[0, 0]) for _ in range(100)]
        heard = [attacker.hear() for _ in ids]
        assert sum(isinstance(message, Busy) for message in heard) >= 36
        assert sum(isinstance(message, Chunk) for message in heard) <= 64
        # Calls have threads of their own.
        assert attacker.result("bank.echo", 1) == 1
        assert remote.economy.bank.nap(0.001) == 0.001


@pytest.mark.parametrize("name", STREAMS)
def test_credit_drop_by_drop(victim: Victim, name: str) -> None:
    """One item, then none; bytes without items and items without bytes give nothing."""
    with bounded(victim), victim.attack(lines=0) as attacker:
        call_id = attacker.call(name, 10, _credit=[1, 1])
        assert isinstance(attacker.hear(), Chunk)
        chunk = attacker.hear()
        assert isinstance(chunk, Chunk)
        assert chunk.items == 1
        attacker.say(control(CREDIT, call_id, {"credit": [100, 0]}))
        assert attacker.is_quiet()
        attacker.say(control(CREDIT, call_id, {"credit": [0, 1]}))
        assert attacker.is_quiet()  # the bytes are still below zero
        attacker.say(control(CREDIT, call_id, {"credit": [0, 10_000]}))
        assert isinstance(attacker.hear(), Chunk)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cancelled_stops(victim: Victim, name: str) -> None:
    """While it sends, while it rests, and when the CANCEL comes right behind the CALL."""
    with bounded(victim), victim.attack(lines=0) as attacker:
        for credit in ([0, 0], [2**20, 2**30]):
            call_id = attacker.call(name, 10, _credit=credit)
            until(lambda: victim.state()["open"] == 1)
            attacker.say(control(CANCEL, call_id, {}))
            ending = attacker.ending(call_id)
            assert isinstance(ending, Failure)
            assert ending.code == FailureCode.CANCELLED
            until(lambda: victim.state()["open"] == 0)
        call_id = attacker.call(name, 10)
        attacker.say(control(CANCEL, call_id, {}))
        ending = attacker.ending(call_id)
        assert isinstance(ending, Failure)
        attacker.say(control(CANCEL, call_id, {}))  # it may have crossed the answer
        assert attacker.is_quiet()


@pytest.mark.parametrize("name", STREAMS)
def test_connections_that_end_within_a_stream(victim: Victim, name: str) -> None:
    """The generators are closed, though nobody said CANCEL."""
    with bounded(victim), victim.attack(lines=0):
        with attackers(victim, 5) as others:
            for other in others:
                other.call(name, 100, _credit=[2**20, 2**20])
                other.call(name, 100, _credit=[0, 0])
            until(lambda: victim.state()["open"] == 10)
        until(lambda: victim.state()["open"] == 0)


@pytest.mark.parametrize("name", STREAMS)
def test_a_peer_that_never_reads(victim: Victim, name: str) -> None:
    """Its queue is bounded: it is dropped when that is full, and its streams with it."""
    with bounded(victim, QUEUE), victim.attack(lines=1):
        before = victim.state()["memory"]
        with Attacker(victim.address, takes=1) as deaf:
            for _ in range(8):
                deaf.call(name, 1000, _credit=[2**20, 2**30])
            most = 0
            until(lambda: victim.state()["yielded"])
            while victim.state()["open"]:
                most = max(most, victim.state()["memory"])
            assert most - before < QUEUE


def test_a_large_result_that_nobody_takes(victim: Victim) -> None:
    """It waits in parts, once, until its caller is gone."""
    with bounded(victim), victim.attack(lines=0) as attacker:
        before = victim.state()["memory"]
        for _ in range(4):
            attacker.call("probe.large", 10_000_000, _credit=[0, 0])
        heard = [attacker.hear() for _ in range(4)]
        assert all(isinstance(message, Chunk) for message in heard)
        assert attacker.is_quiet()
        assert victim.state()["memory"] - before < ALLOWED


def test_two_hundred_connections_that_say_nothing(victim: Victim) -> None:
    """Nobody waits for them; those that come later are served."""
    host, _, port = victim.address.removeprefix("tcp://").rpartition(":")
    with bounded(victim), victim.attack(lines=0) as attacker:
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            assert attacker.result("bank.echo", 1) == 1
            with Attacker(victim.address) as late:
                assert late.result("bank.echo", 2) == 2
            with attackers(victim, 20, greet=False) as silent:
                assert attacker.result("bank.echo", 1) == 1
                assert not any(each.socket.poll(0) for each in silent)


def test_connections_that_come_and_go(victim: Victim) -> None:
    """What they leave is nothing: no peer is remembered that has hung up."""
    with bounded(victim), victim.attack(lines=0):
        for _ in range(10):
            with attackers(victim, 10) as others:
                for other in others:
                    other.call("bank.echo", 1)
        with Attacker(victim.address) as last:
            until(lambda: last.result("chunnel.status")["peers"] < 10)


def test_calls_without_number(victim: Victim) -> None:
    """More at once than one conversation may have: BUSY for the rest, an answer for each."""
    with bounded(victim), victim.attack(lines=0) as attacker:
        ids = {attacker.call("bank.later", number) for number in range(3000)}
        heard = [attacker.hear() for _ in ids]
        assert {message.call_id for message in heard} == ids  # type: ignore[union-attr]
        assert {type(message) for message in heard} <= {Result, Busy}
        assert attacker.is_quiet()


def test_a_backlog_that_is_full(start: Callable[..., Victim], tmp_path: Path) -> None:
    """So many run, so many wait, and the next is told at once that it was not executed."""
    victim = start(CONCURRENCY=2, QUEUE=3, STREAMS=2)
    key = str(tmp_path / "go on")
    with victim_of(victim) as attacker:
        ids = [attacker.call("probe.hold", key) for _ in range(12)]
        refused = [attacker.hear() for _ in range(7)]
        assert all(isinstance(message, Busy) for message in refused), refused
        # PING is answered though every thread is taken.
        attacker.say(control(PING, None, {"token": b"x"}))
        assert attacker.hear() == Pong(b"x")
        streams = [attacker.call("probe.endless", _credit=[0, 0]) for _ in range(4)]
        heard = [attacker.hear() for _ in streams]
        assert sorted(type(message).__name__ for message in heard) == [
            "Busy",
            "Busy",
            "Chunk",
            "Chunk",
        ]
        Path(key).touch()
        answered = [attacker.hear() for _ in range(5)]
        assert all(isinstance(message, Result) for message in answered)
        everything = {message.call_id for message in (*refused, *answered)}  # type: ignore[union-attr]
        assert everything == set(ids)
        assert attacker.result("bank.echo", 1) == 1


def test_calls_that_nobody_wants_any_more(start: Callable[..., Victim], tmp_path: Path) -> None:
    """What is cancelled, or too late, while it waits is never executed."""
    victim = start(CONCURRENCY=1, QUEUE=10)
    key, proof = tmp_path / "go on", tmp_path / "executed"
    with victim_of(victim) as attacker:
        held = attacker.call("probe.hold", str(key))
        expired = attacker.call("probe.touch", str(proof), _meta={"remaining": 1})
        cancelled = attacker.call("probe.touch", str(proof))
        attacker.say(control(CANCEL, cancelled, {}))
        assert attacker.is_quiet()
        late = time.monotonic() + 0.05
        until(lambda: time.monotonic() > late)
        key.touch()
        assert isinstance(attacker.ending(held), Result)
        for call_id, code in ((expired, FailureCode.EXPIRED), (cancelled, FailureCode.CANCELLED)):
            ending = attacker.ending(call_id)
            assert isinstance(ending, Failure), (ending, code)
            assert ending.code == code, ending
        assert attacker.result("bank.echo", 1) == 1
        assert not proof.exists()


@contextlib.contextmanager
def victim_of(victim: Victim) -> Iterator[Attacker]:
    """Like ``attack``, for a server in which a good client would find no room."""
    with Attacker(victim.address) as attacker:
        pid = attacker.result("probe.state")["pid"]
        yield attacker
        assert victim.process.process.pid == pid
        assert victim.process.process.poll() is None


def test_a_stream_to_its_end_after_all_this(victim: Victim) -> None:
    """The server still does what it is for."""
    with victim.attack(lines=0) as attacker:
        call_id = attacker.call("bank.statement", 1000, _credit=PLENTY)
        assert isinstance(attacker.ending(call_id), End)
    assert list(remote.economy.bank.statement(1000)) == list(range(1000))
