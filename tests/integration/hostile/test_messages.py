"""Random messages at a server in this process: nothing escapes it, and every call ends once.

The frames go through the memory transport, so decoding, conversation, link, dispatcher, gate and
ORM are the real ones. A server that is *lent* runs calls in the thread of who waits for answers, so
whatever escaped it would be raised right here.
"""

from __future__ import annotations

import datetime
import itertools
import logging
import math
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chunnel.protocol.codec import decode
from chunnel.protocol.messages import (
    Busy,
    Chunk,
    End,
    Failure,
    FailureCode,
    GoAway,
    Pong,
    Result,
    Welcome,
)
from chunnel.registry import registry
from chunnel.serializers import load
from chunnel.server.worker import Lent
from chunnel.transports import for_endpoint
from chunnel.transports.base import Pipe
from chunnel.values import InstanceRef, InstanceRow, RowSet
from tests.server.caller import server_settings
from tests.server.conftest import make_accounts

from .attacker import CALL, CANCEL, CREDIT, HELLO, PATIENCE, PING, control, hello

ENDPOINT = "memory://hostile"
SECRET = "secret "  # what the secrets of ``make_accounts`` begin with

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2, 3, -1, 2**31, 2**63, 2**64, 10**90])
    | st.floats()
    | st.sampled_from([math.nan, math.inf, 1e300])
    | st.text(max_size=6)
    | st.sampled_from(["uid", "owner", "2026-01-01", "\x00", "%", "1 OR 1=1"])
    | st.binary(max_size=6)
    | st.decimals(allow_nan=True)
    | st.sampled_from([Decimal("sNaN"), Decimal("1E+90"), Decimal("-0")])
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.just(datetime.time(1, 2))
)
models = st.sampled_from(["bank.Account", "bank.Branch", "auth.User", "bank.echo", ""])
references = st.builds(InstanceRef, models, scalars)
values = st.recursive(
    scalars | references | st.just(InstanceRow("bank.Account", 1, ("uid",), (1,))),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.just(RowSet(None, ("a",), ([1],)))
    ),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        *("uid", "uid__exact", "uid__in", "uid__gt", "uid__lte", "owner", "owner__icontains", "pk"),
        *("pk__in", "balance__gt", "balance__lte", "branch", "branch_id", "branch__in"),
        *("branch__isnull", "branch__city", "opened__year", "opened__date__gte"),
    ]
)
undeclared = st.sampled_from(
    ["secret", "secret__startswith", "_connector", "branch__accounts__secret"]
)
leaves = st.tuples(st.just("="), keys | keys | keys | undeclared | values, values).map(list)
trees = st.recursive(
    leaves,
    lambda inner: st.tuples(
        st.sampled_from(["and", "or", "xor", "nand"]), st.booleans(), st.lists(inner, max_size=3)
    ).map(list),
    max_leaves=6,
)
names = st.lists(
    st.sampled_from(["uid", "-uid", "owner", "balance", "branch", "branch_id", "pk", "secret"]),
    max_size=3,
)
expressions = st.one_of(
    st.tuples(st.just("f"), st.sampled_from(["uid", "balance", "branch__city", "x", "secret"])),
    st.tuples(st.just("value"), values, st.none()),
    st.tuples(
        st.just("call"),
        st.sampled_from(["Count", "Lower", "+", "Max", "Func"]),
        st.lists(st.tuples(st.just("f"), st.just("uid")).map(list), max_size=2),
        st.just([]),
    ),
    st.tuples(st.just("test"), trees),
).map(list)
named = st.lists(st.tuples(st.sampled_from(["x", "y", "uid"]), expressions).map(list), max_size=2)
steps = st.one_of(
    st.tuples(st.sampled_from(["filter", "exclude"]), trees).map(list),
    st.tuples(st.sampled_from(["order_by", "distinct", "only", "defer"]), names).map(list),
    st.tuples(st.just("values"), names, named).map(list),
    st.tuples(st.just("values_list"), names, named, st.booleans(), st.booleans()).map(list),
    st.tuples(st.sampled_from(["annotate", "alias"]), named).map(list),
    st.tuples(st.just("slice"), st.integers(0, 5), st.none() | st.integers(0, 9)).map(list),
    st.sampled_from([["reverse"], ["distinct", []], ["delete"], [], "filter"]),
)
plans = st.tuples(st.just("bank.Account"), st.lists(steps, max_size=4)).map(list) | values
operations = st.sampled_from(["rows", "get", "first", "last", "count", "exists", "delete"]) | values
NAMES = (
    *("bank.echo", "bank.balance", "bank.account", "bank.rich", "bank.transfer", "bank.add"),
    *("bank.quote_plus", "bank.hypot", "bank.later", "bank.whoami", "bank.Branch.objects"),
    *("bank.Account.deposit", "bank.Account.withdraw", "bank.Account.describe", "bank.fail"),
    *("bank.nothing", "bank.Account.wipe", "chunnel.schema", "chunnel.status", "chunnel.nothing"),
)
STREAMS = ("bank.statement", "bank.ticks", "bank.Account.history")
arguments = st.tuples(
    st.lists(values, max_size=3)
    | st.tuples(st.builds(InstanceRef, st.just("bank.Account"), st.integers(1, 7)), scalars).map(
        list
    ),
    st.dictionaries(st.sampled_from(["uid", "amount", "value", "x", ""]), values, max_size=2),
)
queries = st.tuples(
    st.just("bank.Account.objects"),
    st.tuples(st.tuples(plans, operations).map(list), st.just({})),
)
manager_calls = st.tuples(
    st.sampled_from(["bank.Account.objects." + name for name in ("overdrawn", "total", "richest")]),
    st.tuples(
        plans.map(lambda plan: [plan]), st.dictionaries(st.just("above"), scalars, max_size=1)
    ),
)
calls = (
    st.tuples(st.sampled_from([*NAMES, *STREAMS]), arguments)
    | queries
    | manager_calls
    | st.tuples(st.sampled_from(NAMES) | st.text(max_size=20), st.binary(max_size=40))
)
metadata = st.just({}) | st.dictionaries(
    st.sampled_from(["remaining", "hops", "attempt", "!x", "trace"]),
    st.integers(-5, 2**40) | st.lists(st.text(max_size=3), max_size=20) | st.text(max_size=3),
    max_size=2,
)
credits_ = st.tuples(st.integers(0, 40), st.integers(0, 100_000)).map(list)
actions = st.one_of(
    st.tuples(
        st.just("call"), calls, st.sampled_from(["msgpack", "json", "yaml"]), metadata, credits_
    ),
    st.tuples(st.just("call"), calls, st.just("msgpack"), st.just({}), credits_),
    st.tuples(st.just("credit"), st.integers(0, 5), credits_),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("ping"), st.binary(min_size=1, max_size=8)),
)


@pytest.fixture
def server(db: None) -> Iterator[Lent]:
    make_accounts([50, -20, 300, 120, 0])
    found = Lent(server_settings(), (ENDPOINT,), registry=registry)
    logging.disable(logging.CRITICAL)
    try:
        yield found
    finally:
        logging.disable(logging.NOTSET)
        found.close()


def talk(pipe: Pipe, said: list[Any]) -> tuple[list[bytes], set[bytes]]:
    """Say everything; return the ids of the calls that were made, and of those cancelled."""
    numbers = itertools.count(1)
    made: list[bytes] = []
    cancelled: set[bytes] = set()
    tokens = set()
    for what, *rest in said:
        if what == "call":
            (name, content), serializer, meta, credit = rest
            call_id = next(numbers).to_bytes(8, "big")
            blobs: tuple[bytes, ...] = ()
            if isinstance(content, bytes):
                body = content
            else:
                body, blobs = load("json" if serializer == "json" else "msgpack")().dumps(
                    list(content)
                )
            fields = {"name": name, "ser": serializer, "meta": meta, "credit": credit}
            assert not blobs
            pipe.send([control(CALL, call_id, fields), body])
            made.append(call_id)
        elif what == "ping":
            if rest[0] not in tokens:
                tokens.add(rest[0])
                pipe.send([control(PING, None, {"token": rest[0]})])
        elif made:
            call_id = made[rest[0] % len(made)]
            if call_id in cancelled:
                continue  # more would be a violation
            if what == "credit":
                pipe.send([control(CREDIT, call_id, {"credit": rest[1]})])
            else:
                cancelled.add(call_id)
                pipe.send([control(CANCEL, call_id, {})])
    return made, cancelled


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(said=st.lists(actions, min_size=1, max_size=8))
def test_every_call_ends_once(server: Lent, said: list[Any]) -> None:
    """With RESULT, FAILURE, BUSY or END, and nothing after that; no secret is in any of them."""
    pipe = for_endpoint(ENDPOINT).dial(ENDPOINT, {}, timeout=PATIENCE)
    try:
        pipe.send([control(HELLO, None, hello(), 0)])
        welcome = pipe.receive(PATIENCE)
        assert welcome is not None
        assert isinstance(decode(welcome), Welcome)
        made, cancelled = talk(pipe, said)
        waiting = set(made)
        ended: set[bytes] = set()
        deadline = time.monotonic() + PATIENCE
        while waiting - ended:
            assert time.monotonic() < deadline, "a call does not end"
            frames = pipe.receive(0.05)
            if frames is None:
                for call_id in waiting - ended - cancelled:  # streams without credit are left
                    pipe.send([control(CANCEL, call_id, {})])
                cancelled |= waiting
                continue
            message = decode(frames)
            assert SECRET.encode() not in b"".join(frames)
            assert not isinstance(message, GoAway), message
            call_id = getattr(message, "call_id", b"")
            assert call_id not in ended, message
            if isinstance(message, Result | Failure | Busy | End):
                ended.add(call_id)
            if isinstance(message, Failure):
                FailureCode(message.code)
                assert message.message
            assert call_id in waiting or not isinstance(message, Chunk)
        while (frames := pipe.receive(0)) is not None:
            assert isinstance(decode(frames), Pong)
    finally:
        pipe.close()
    assert server.dispatcher.open == 0
