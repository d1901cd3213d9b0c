"""The link as a pool reads it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator

import pytest

from chunnel.links import ServerLink
from chunnel.protocol.messages import Busy, Call, Chunk, Credit, End, FailureCode, GoAway
from chunnel.registry import registry
from chunnel.server.dispatcher import Dispatcher
from chunnel.server.jobs import ServedJob
from chunnel.server.outflow import IDLE
from chunnel.server.source import LinkSource
from chunnel.server.worker import Lent
from chunnel.transports.memory import MemoryTransport

from .caller import Caller, Failed, server_settings


@pytest.fixture
def source() -> Iterator[LinkSource]:
    """A source that nobody reads but the test, greeted by one caller."""
    listener = MemoryTransport().listen(["memory://source"], {})
    lent = Lent(server_settings(), ("memory://source-welcome",))
    welcome = lent._service._welcome
    found = LinkSource(ServerLink(listener, welcome=welcome))
    found.dispatcher = Dispatcher(registry, server_settings(), post=found.post)
    yield found
    found.link.close()
    found.dispatcher.close_all()
    lent.close()


def connect(source: LinkSource) -> Caller:
    from threading import Thread

    made: list[Caller] = []
    thread = Thread(target=lambda: made.append(Caller("memory://source", source.dispatcher)))
    thread.start()
    while thread.is_alive():
        assert source.receive(0.01) is None
    return made[0]


def next_job(source: LinkSource) -> ServedJob:
    job = source.receive(5)
    assert job is not None
    return job


def test_calls_become_jobs(source: LinkSource) -> None:
    call = connect(source)
    call_id = call.send("bank.echo", 5)
    job = next_job(source)
    assert (job.name, job.served.id) == ("bank.echo", call_id.hex())
    reply = job.run()
    assert reply is not None
    source.send(reply)
    assert call.finish(call_id) == 5
    call.close()


def test_what_is_posted_is_sent_by_the_next_receive(source: LinkSource) -> None:
    call = connect(source)
    call_id = call.send("bank.echo", 5)
    reply = next_job(source).run()
    assert reply is not None
    source.post(reply)
    assert source.receive(0) is None
    assert call.finish(call_id) == 5
    call.close()


def test_large_answers_go_on_with_each_grant(source: LinkSource) -> None:
    for deliver in (source.send, source.post):
        call = connect(source)
        call_id = call.send("bank.echo", "x" * 2_000_000, _credit=Credit(0, 300_000))
        reply = next_job(source).run()
        assert reply is not None
        deliver(reply)
        assert source.receive(0) is None
        assert [type(call.receive()) for _ in range(3)] == [Chunk] * 3
        assert call.nothing_comes()
        call.grant(call_id, 0, 10_000_000)
        assert source.receive(0.01) is None
        assert source.dispatcher.open == 0
        call.close()


def test_a_large_answer_that_nobody_wants_any_more_is_let_go(source: LinkSource) -> None:
    """Its caller gave up or left while it was made, so no credit would ever come for it."""
    for gives_up in (True, False):
        call = connect(source)
        call_id = call.send("bank.echo", "x" * 2_000_000, _credit=Credit(0, 1))
        reply = next_job(source).run()
        assert reply is not None
        held = weakref.ref(reply.answer)
        if gives_up:
            call.cancel(call_id)
        else:
            call.close()
        assert source.receive(0.05) is None
        source.post(reply)
        del reply
        assert source.receive(0) is None
        assert source.dispatcher.open == source.dispatcher.flowing == 0
        assert held() is None
    call.close()


def test_a_large_answer_that_nobody_takes_is_given_up(source: LinkSource) -> None:
    call = connect(source)
    call_id = call.send("bank.echo", "x" * 2_000_000, _credit=Credit(0, 1))
    reply = next_job(source).run()
    assert reply is not None
    source.send(reply)
    assert source.receive(0) is None
    assert source.dispatcher.flowing == 1
    source.dispatcher.expire(time.monotonic() + IDLE + 1)
    assert source.dispatcher.open == source.dispatcher.flowing == 0
    with pytest.raises(Failed, match="no credit for 300 seconds") as raised:
        call.finish(call_id, grant=False)
    assert raised.value.code == FailureCode.DEADLINE
    call.close()


def test_a_cancel_reaches_its_job(source: LinkSource) -> None:
    call = connect(source)
    call_id = call.send("bank.echo", 5)
    job = next_job(source)
    call.cancel(call_id)
    assert source.receive(0.01) is None
    assert job.served.cancelled
    source.send(job.refuse("stopping"))
    call.close()


def test_input_for_a_call_that_takes_none_is_left(source: LinkSource) -> None:
    """What a caller had sent before it heard the refusal disturbs nobody."""
    call = connect(source)
    body = call.serializer.dumps([[5], {}]).body
    credit = Credit(1, 1000)
    call.link.send(Call(b"12345678", "bank.echo", "msgpack", body, credit=credit, input=True))
    reply = next_job(source).run()
    assert reply is not None
    call.link.send(End(b"12345678"))
    call_id = call.send("bank.echo", 6)
    job = next_job(source)
    assert job.served.id == call_id.hex()
    source.send(reply)
    with pytest.raises(Failed, match="takes no stream"):
        call.finish(b"12345678")
    source.send(job.refuse("stopping"))
    call.close()


def test_a_lost_peer_cancels_its_calls(source: LinkSource) -> None:
    call = connect(source)
    call.send("bank.echo", 5)
    job = next_job(source)
    call.close()
    assert source.receive(0.05) is None
    assert job.served.cancelled


def test_retiring(source: LinkSource) -> None:
    call = connect(source)
    source.retire("stopping")
    event = call.receive()
    assert event == GoAway("stopping")
    assert call.link.retired
    call.close()


def test_refusing(source: LinkSource) -> None:
    call = connect(source)
    call_id = call.send("bank.echo", 5)
    source.send(next_job(source).refuse("full"))
    assert call.receive() == Busy(call_id, "full")
    call.close()


def test_waking(source: LinkSource) -> None:
    source.wake()
    assert source.receive(5) is None
