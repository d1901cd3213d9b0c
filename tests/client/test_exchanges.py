"""What is known of one call, without any I/O."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chunnel.client.calling import Caller
from chunnel.client.connections import EndpointPool
from chunnel.client.exchanges import Exchange
from chunnel.client.options import CallOptions
from chunnel.exceptions import RemoteError, SerializationError
from chunnel.protocol.messages import Chunk, Failure, FailureCode

from .conftest import MakeCaller
from .test_connections import dial

ONE, TWO = "tcp://127.0.0.1:1", "tcp://127.0.0.1:2"


@pytest.fixture
def caller(make_caller: MakeCaller) -> Caller:
    return make_caller(ONE, TWO, options={"max_result": 1000})


def made(caller: Caller, **options: Any) -> Exchange:
    return caller.exchange("t.echo", (1,), {}, CallOptions(**options))


def test_what_may_be_made_again(caller: Caller) -> None:
    """What is not known is neither yes nor no."""
    found = [made(caller, effect=effect).repeatable for effect in ("read", "idempotent", "write")]
    assert found == [True, True, False]
    exchange = made(caller)
    assert exchange.repeatable is None
    exchange.effect = "read"
    assert exchange.repeatable is True


def test_where_it_was_is_not_asked_again(caller: Caller) -> None:
    """An endpoint that failed, or one busy process; not one whose old connection had died."""
    exchange = made(caller)
    place = EndpointPool(TWO, dial).places[0]
    exchange.note_stale(ONE, "gone", exchange.began)
    assert not exchange.tried
    exchange.note(ONE, "refused", exchange.began)
    exchange.note(TWO, "busy", exchange.began, again=place)
    assert exchange.tried == {ONE, place}
    assert [one.outcome for one in exchange.info().attempts] == ["gone", "refused", "busy"]
    assert exchange.message(place, time.monotonic()).meta["attempt"] == 4


def test_once_lost_it_may_have_been_executed(caller: Caller) -> None:
    """However it ends later."""

    def ends(exchange: Exchange) -> list[bool]:
        errors: list[Any] = [
            exchange.unreachable(),
            exchange.no_room("all in use"),
            exchange.busy(""),
            exchange.timed_out(1, sent=False),
            exchange.cancelled(sent=False),
        ]
        return [error.maybe_executed for error in errors]

    exchange = made(caller)
    assert not any(ends(exchange))
    exchange.note_lost(ONE, "the connection broke")
    assert all(ends(exchange))


def test_a_timeout_says_what_did_not_come(caller: Caller) -> None:
    """Nothing was sent, nothing was answered, not all of it, or no more of it."""
    exchange = made(caller)
    text = str(exchange.timed_out(0.5, sent=False))
    assert text == "economy.t.echo: it could not be sent within 0.5 s"
    exchange.note(ONE, "refused", exchange.began)
    assert str(exchange.timed_out(0.5, sent=False)).endswith(f"0.5 s ({ONE}: refused)")
    exchange.message(EndpointPool(TWO, dial).places[0], time.monotonic())
    assert f"no answer from {TWO} within 2 s" in str(exchange.timed_out(2, sent=True))
    assert f"the stream from {TWO} sent nothing for 3 s" in str(exchange.stalled(3, idle=True))
    assert f"the stream from {TWO} did not end within 3 s" in str(exchange.stalled(3, idle=False))
    exchange.add_part(Chunk(b"12345678", 0, b"x", part=True))
    assert f"the result from {TWO} was not complete" in str(exchange.timed_out(2, sent=True))


def test_the_question_for_the_schema_keeps_the_bounds_of_the_call(caller: Caller) -> None:
    """Its time, its metadata, and where not to ask; it may be repeated itself."""
    exchange = made(caller, timeout=2, meta={"token": "x"})
    exchange.note_lost(ONE, "the connection broke")
    inquiry = exchange.inquiry()
    assert (inquiry.name, inquiry.repeatable, inquiry.tried) == ("chunnel.schema", True, {ONE})
    assert inquiry.deadline == inquiry.first_deadline == exchange.first_deadline
    assert inquiry.meta["token"] == "x"
    inquiry.note(TWO, "refused", inquiry.began)
    assert inquiry.tried == {ONE, TWO}
    assert exchange.tried == {ONE}
    unbounded = made(caller, timeout=None).inquiry()
    assert unbounded.deadline is not None  # the remote's own timeout


def test_a_large_result_is_put_together_up_to_a_bound(caller: Caller) -> None:
    """Each part is granted anew; past the bound nothing is kept."""
    body = caller.serializer.dumps("a" * 500).body
    exchange = made(caller)
    for piece in (body[:200], body[200:]):
        granted = exchange.add_part(Chunk(b"12345678", 0, piece, part=True))
        assert granted is not None
        assert granted.bytes >= len(piece)
    assert exchange.has_parts
    assert exchange.whole() == "a" * 500
    assert exchange.add_part(Chunk(b"12345678", 0, b"a" * 2000, part=True)) is None
    assert isinstance(exchange.too_large(), SerializationError)


def test_a_large_result_may_not_end_in_the_middle_of_a_binary(caller: Caller) -> None:
    """The part said that there is more of it."""
    exchange = made(caller)
    assert exchange.add_part(Chunk(b"12345678", blobs=(b"x",), part=True, more=True))
    with pytest.raises(SerializationError, match="in the middle of a binary"):
        exchange.whole()


def test_a_failure_whose_details_cannot_be_read_keeps_its_message(caller: Caller) -> None:
    """What happened is in the message."""
    found = made(caller).failed(Failure(b"12345678", FailureCode.RAISED, "disk full", b"\xc1"))
    assert isinstance(found, RemoteError)
    assert str(found) == "disk full"
