"""The server's link, against clients of both kinds: real links and hostile bytes."""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chunnel.links import ClientLink, PeerLost, ServerLink
from chunnel.links import server as server_module
from chunnel.links.server import MAX_POSTED
from chunnel.protocol.codec import decode, encode
from chunnel.protocol.limits import DEFAULT_LIMITS, Limits
from chunnel.protocol.messages import (
    Busy,
    Call,
    Chunk,
    Credit,
    End,
    Failure,
    FailureCode,
    GoAway,
    GrantCredit,
    Hello,
    Message,
    Ping,
    Pong,
    Result,
    Welcome,
)
from chunnel.transports import Pipe, PipeClosed, for_endpoint

from ..live import until

PATIENCE = 20.0
HELLO = Hello((1,), 2**20, "tests", "government")
WELCOME = Welcome(1, 2**20, "tests", "economy", "instance", 1, "f", 60.0, ("msgpack",))
_numbers = itertools.count(1)


def call(name: str = "money.balance", **fields: Any) -> Call:
    return Call(os.urandom(8), name, "msgpack", b"body", **fields)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A server's link and the pipes to it."""

    def __init__(self, scheme: str = "memory", **options: Any):
        address = {
            "memory": f"memory://server-link-{next(_numbers)}",
            "tcp": "tcp://127.0.0.1:0",
        }[scheme]
        self.transport = for_endpoint(address)
        listener = self.transport.listen([address], {})
        self.clock = Clock()
        self.link = ServerLink(listener, welcome=lambda: WELCOME, clock=self.clock, **options)
        self.pipes: list[Pipe] = []

    def dial(self) -> Pipe:
        pipe = self.transport.dial(self.link.endpoints[0], {}, timeout=PATIENCE)
        self.pipes.append(pipe)
        return pipe

    def client(self) -> ClientLink:
        link = ClientLink(self.dial(), hello=HELLO)
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(link.open, PATIENCE)
            while not opening.done():
                assert self.link.receive(0.01) is None
            opening.result(PATIENCE)
        return link

    def next(self) -> tuple[bytes, Message | PeerLost]:
        for _ in range(int(PATIENCE / 0.1)):
            delivery = self.link.receive(0.1)
            if delivery is not None:
                return delivery
        pytest.fail("nothing came")

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()
        self.link.close()


@pytest.fixture
def make() -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def maker(*args: Any, **options: Any) -> House:
        houses.append(House(*args, **options))
        return houses[-1]

    yield maker
    for house in houses:
        house.close()


@pytest.fixture(params=["memory", "tcp"])
def house(request: pytest.FixtureRequest, make: Callable[..., House]) -> House:
    return make(request.param)


def said(pipe: Pipe) -> Message:
    frames = pipe.receive(PATIENCE)
    assert frames is not None
    return decode(frames, DEFAULT_LIMITS)


def test_call_is_delivered_and_answered(house: House) -> None:
    client = house.client()
    asked = call()
    client.send(asked)
    peer, message = house.next()
    assert message == asked
    assert house.link.peer_project(peer) == "government"
    assert house.link.is_open(peer, asked.call_id)
    house.link.send(peer, Result(asked.call_id, b"42"))
    assert client.receive(PATIENCE) == Result(asked.call_id, b"42")
    assert not house.link.is_open(peer, asked.call_id)


def test_post_from_another_thread_is_sent_by_the_owner(house: House) -> None:
    client = house.client()
    asked = [call() for _ in range(50)]
    for each in asked:
        client.send(each)
    served = [house.next() for _ in asked]

    def answer() -> None:
        for peer, message in served:
            assert isinstance(message, Call)
            house.link.post(peer, Result(message.call_id, b"42"))

    thread = threading.Thread(target=answer)
    thread.start()
    ids: set[bytes] = set()
    while len(ids) < len(asked):
        assert house.link.receive(0.01) is None
        while (event := client.receive(0)) is not None:
            assert isinstance(event, Result)
            ids.add(event.call_id)
    thread.join()
    assert ids == {each.call_id for each in asked}


def test_wake_and_post_end_a_wait(house: House) -> None:
    for wake in (house.link.wake, lambda: house.link.post(b"nobody", Result(b"12345678", b""))):
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(house.link.receive, None)
            wake()
            assert waiting.result(PATIENCE) is None


def test_those_who_post_without_end_do_not_keep_the_owner(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message that is sent brings another; what the peers say is heard all the same."""
    client = house.client()
    client.send(call(credit=Credit(2**20, 2**30)))
    peer, asked = house.next()
    assert isinstance(asked, Call)
    item = Chunk(asked.call_id, 1, b"x")
    send = house.link.listener.send

    def send_and_post(to: bytes, frames: list[bytes]) -> None:
        send(to, frames)
        house.link.post(peer, item)

    monkeypatch.setattr(house.link.listener, "send", send_and_post)
    house.link.post(peer, Chunk(asked.call_id))
    client.send(Ping(b"token"))

    def is_answered() -> bool:
        assert house.link.receive(0) is None
        return Pong(b"token") in list(iter(lambda: client.receive(0), None))

    until(is_answered)


def test_congested_is_when_much_is_posted(house: House) -> None:
    """A stream then rests; when the owner has sent, it goes on."""
    for _ in range(MAX_POSTED):
        house.link.post(b"nobody", End(b"12345678"))
    assert not house.link.congested
    house.link.post(b"nobody", End(b"12345678"))
    assert house.link.congested
    assert house.link.receive(0) is None
    assert not house.link.congested


def test_ping_is_answered(house: House) -> None:
    client = house.client()
    client.send(Ping(b"token"))
    assert house.link.receive(0.05) is None
    assert client.receive(PATIENCE) == Pong(b"token")


def test_stream_and_its_credit_pass(house: House) -> None:
    client = house.client()
    asked = call(credit=Credit(1, 1000))
    client.send(asked)
    peer, _ = house.next()
    assert house.link.credit(peer, asked.call_id) == Credit(1, 1000)
    house.link.send(peer, Chunk(asked.call_id))
    client.send(GrantCredit(asked.call_id, Credit(5, 0)))
    assert house.next() == (peer, GrantCredit(asked.call_id, Credit(5, 0)))
    assert house.link.credit(peer, asked.call_id).items == 6
    house.link.send(peer, Chunk(asked.call_id, items=2, body=b"xy"))
    house.link.send(peer, End(asked.call_id))
    assert [type(client.receive(PATIENCE)) for _ in range(3)] == [Chunk, Chunk, End]
    assert house.link.credit(peer, asked.call_id) == Credit(0, 0)


def test_peer_that_leaves_is_lost(house: House) -> None:
    client = house.client()
    client.send(call())
    peer, _ = house.next()
    client.close()
    assert house.next() == (peer, PeerLost(peer, "it left"))
    assert house.link.peers == 0
    house.link.send(peer, Result(b"12345678", b"for nobody"))
    assert house.link.receive(0.01) is None


@pytest.mark.parametrize(
    "frames", [[b"garbage"], [b""], [b"\xc1"], [b"\xc1\x94"], [b"x"] * 5, [b"\xc1" + b"\x91" * 100]]
)
def test_garbage_costs_its_sender_alone(
    house: House, frames: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log, a word to the sender, and then silence for whatever it still sends."""
    good = house.client()
    bad = house.dial()
    with caplog.at_level(logging.WARNING, "chunnel"):
        for _ in range(3):
            bad.send(frames)
            assert house.link.receive(0.05) is None
    assert len(caplog.records) == 1
    farewell = said(bad)
    assert isinstance(farewell, GoAway)
    assert farewell.over
    assert bad.receive(0.05) is None
    good.send(asked := call())
    assert house.next()[1] == asked


def test_greeted_peer_that_breaks_the_protocol_is_lost(house: House) -> None:
    client = house.client()
    client.send(asked := call())
    peer, _ = house.next()
    client.pipe.send(encode(asked))  # the same id again
    lost = house.next()[1]
    assert isinstance(lost, PeerLost)
    with pytest.raises(PipeClosed):
        client.receive(PATIENCE)
    house.link.send(peer, Result(asked.call_id, b""))


def test_call_before_hello_was_surely_not_executed(house: House) -> None:
    pipe = house.dial()
    pipe.send(encode(asked := call()))
    assert house.link.receive(0.05) is None
    answer = said(pipe)
    assert isinstance(answer, Busy)
    assert answer.call_id == asked.call_id
    assert isinstance(said(pipe), GoAway)


def test_unreadable_call_spoils_that_call_only(house: House) -> None:
    client = house.client()
    ask_malformed(house, client)
    client.send(second := call())
    assert house.next()[1] == second


def ask_malformed(house: House, client: ClientLink) -> None:
    """Send a call whose name is none, and see it fail."""
    frames = encode(asked := call())
    client.conversation.send(asked, house.clock())
    head = msgpack.unpackb(frames[0][1:])
    fields = {key: 5 if value == asked.name else value for key, value in head[3].items()}
    client.pipe.send([b"\xc1" + msgpack.packb([*head[:3], fields]), *frames[1:]])
    assert house.link.receive(0.05) is None
    failure = client.receive(PATIENCE)
    assert isinstance(failure, Failure)
    assert (failure.call_id, failure.code) == (asked.call_id, FailureCode.MALFORMED)


def test_malformed_calls_do_not_fill_the_log(
    make: Callable[..., House], caplog: pytest.LogCaptureFixture
) -> None:
    """All are answered; after the first lines one says that there are no more, of this peer."""
    house = make()
    with caplog.at_level(logging.WARNING, "chunnel"):
        for client in (house.client(), house.client()):
            for _ in range(server_module.COMPLAINTS + 5):
                ask_malformed(house, client)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 * (server_module.COMPLAINTS + 1)
    assert sum("not logged any more" in line for line in lines) == 2


def test_answer_larger_than_the_peer_accepts_becomes_a_failure(house: House) -> None:
    client = house.client()
    client.send(asked := call())
    peer, _ = house.next()
    house.link.send(peer, Result(asked.call_id, bytes(2**20 + 1)))
    failure = client.receive(PATIENCE)
    assert isinstance(failure, Failure)
    assert failure.code == FailureCode.UNSERIALIZABLE


def test_second_answer_is_dropped(house: House) -> None:
    client = house.client()
    client.send(asked := call())
    peer, _ = house.next()
    for _ in range(2):
        house.link.send(peer, Result(asked.call_id, b"42"))
    assert client.receive(PATIENCE) == Result(asked.call_id, b"42")
    assert client.receive(0.05) is None


def test_goaway_reaches_all_and_those_who_come(house: House) -> None:
    clients = [house.client() for _ in range(3)]
    clients[0].send(asked := call())
    peer, _ = house.next()
    house.link.goaway("restart")
    for client in clients:
        assert client.receive(PATIENCE) == GoAway("restart")
    house.link.send(peer, Result(asked.call_id, b"42"))
    assert clients[0].receive(PATIENCE) == Result(asked.call_id, b"42")
    late = house.dial()
    late.send(encode(HELLO))
    assert house.link.receive(0.05) is None
    assert isinstance(said(late), GoAway)


def test_call_that_crossed_goaway_is_busy(house: House) -> None:
    client = house.client()
    house.link.goaway("restart")
    client.send(asked := call())
    assert house.link.receive(0.05) is None
    assert client.receive(PATIENCE) == GoAway("restart")
    busy = client.receive(PATIENCE)
    assert isinstance(busy, Busy)
    assert busy.call_id == asked.call_id


def test_too_many_calls_are_busy(make: Callable[..., House]) -> None:
    house = make(limits=Limits(max_calls=2))
    client = house.client()
    for _ in range(3):
        client.send(call())
    assert [type(house.next()[1]) for _ in range(2)] == [Call, Call]
    assert house.link.receive(0.01) is None
    assert isinstance(client.receive(PATIENCE), Busy)


def test_newcomers_beyond_the_bound_are_turned_away(make: Callable[..., House]) -> None:
    house = make(max_peers=2)
    clients = [house.client() for _ in range(2)]
    late = house.dial()
    late.send(encode(HELLO))
    assert house.link.receive(0.01) is None
    farewell = said(late)
    assert isinstance(farewell, GoAway)
    assert farewell.over
    clients[0].close()
    assert isinstance(house.next()[1], PeerLost)
    house.client()


def test_silent_peer_is_forgotten_when_its_time_is_over(make: Callable[..., House]) -> None:
    house = make()
    idle, busy = house.client(), house.client()
    busy.send(call())
    house.next()
    house.clock.now += WELCOME.idle_timeout + 1
    lost = house.next()[1]
    assert isinstance(lost, PeerLost)
    assert house.link.peers == 1
    with pytest.raises(PipeClosed):
        idle.receive(PATIENCE)


def test_the_ignored_are_bounded(
    make: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_IGNORED", 5)
    house = make()
    for _ in range(20):
        house.dial().send([b"garbage"])
        assert house.link.receive(0.01) is None
    assert len(house.link._ignored) == 5
    for pipe in house.pipes:
        pipe.close()
    while house.link._ignored:
        assert house.link.receive(0.01) is None


def test_peer_that_said_goodbye_is_forgotten(make: Callable[..., House]) -> None:
    """At once, or at the next sweep after the answer of its last call."""
    house = make()
    idle, busy = house.client(), house.client()
    busy.send(asked := call())
    asking, _ = house.next()
    for client in (idle, busy):
        client.send(GoAway("done"))
    gone, lost = house.next()
    assert (gone != asking, lost) == (True, PeerLost(gone, "it said goodbye"))
    assert house.link.receive(0.01) is None
    house.link.send(asking, Result(asked.call_id, b"42"))
    assert house.link.receive(0.01) is None
    assert house.link.peers == 1
    house.clock.now += server_module.SWEEP
    assert house.next() == (asking, PeerLost(asking, "it said goodbye"))
    assert house.link.peers == 0


def test_answer_that_may_not_be_sent_is_a_failure_and_our_mistake(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """More than the client granted: it learns that the call is over, and the log learns why."""
    client = house.client()
    client.send(asked := call()._replace(credit=Credit(1, 1000)))
    peer, _ = house.next()
    house.link.send(peer, Chunk(asked.call_id, 2, b"two items"))
    assert client.receive(PATIENCE) == Failure(
        asked.call_id, int(FailureCode.UNSERIALIZABLE), "the answer was lost"
    )
    assert not house.link.is_open(peer, asked.call_id)
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "An answer could not be sent" in record.getMessage()


def test_peer_that_left_gets_no_failure_either(make: Callable[..., House]) -> None:
    """Its loss is reported as any other."""
    house = make()
    client = house.client()
    client.send(asked := call())
    peer, _ = house.next()
    client.close()
    house.link.send(peer, Result(asked.call_id, bytes(2**20 + 1)))
    assert house.link.peers == 0
    found, lost = house.next()
    assert (found, type(lost)) == (peer, PeerLost)


def test_repr_counts_the_peers(make: Callable[..., House]) -> None:
    house = make()
    house.client()
    assert repr(house.link) == f"<ServerLink {house.link.endpoints[0]} peers=1>"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=4), max_size=8),
    st.booleans(),
)
def test_no_bytes_come_out_of_receive_as_an_exception(
    messages: list[list[bytes]], greeted: bool
) -> None:
    house = House()
    try:
        good = house.client()
        pipe = house.client().pipe if greeted else house.dial()
        for frames in messages:
            pipe.send([b"\xc1" + frames[0], *frames[1:]])
        good.send(asked := call())
        while True:
            _, message = house.next()
            if message == asked:
                break
            assert isinstance(message, PeerLost)
    finally:
        house.close()
