"""Questions about a remote itself."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from chunnel.client.inquiries import MAX_SCHEMAS, Schemas, effect_of
from chunnel.protocol.messages import Message, Ping
from chunnel.schema import AppSchema, FunctionSchema, ModelSchema, Schema, schema_to_wire
from chunnel.schema import fingerprint as fingerprint_of

from .conftest import MakeCaller
from .echo import EchoServer, serving
from .rogue import rogue


def _schema(name: str) -> Schema:
    apps = (AppSchema("money", (FunctionSchema(name, "", ()),)),)
    return Schema("economy", apps, fingerprint_of("economy", apps))


def test_ping_asks_every_endpoint(make_caller: MakeCaller, server: EchoServer) -> None:
    """Each is up or not, with a round trip or a reason, in the order of the settings."""
    caller = make_caller("tcp://127.0.0.1:1", server.address)
    down, up = caller.ping()
    assert (down.endpoint, down.up, down.round_trip) == ("tcp://127.0.0.1:1", False, None)
    assert "refused" in (down.error or "")
    assert (up.endpoint, up.up, up.error) == (server.address, True, None)
    assert up.round_trip is not None
    assert (up.project, up.instance, up.workers, up.version) == ("echo", "one", 1, 1)


def test_a_server_that_reads_nothing_is_not_up(make_caller: MakeCaller) -> None:
    """Its port is open, and that is not enough."""
    held, over = threading.Event(), threading.Event()
    with serving() as server:
        server._do.append(lambda: (held.set(), over.wait(30)))
        server.link.wake()
        try:
            assert held.wait(30)
            (status,) = make_caller(server.address).ping(timeout=0.2)
            assert not status.up
            assert status.error
        finally:
            over.set()


@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_server_that_greets_and_answers_no_ping_is_not_up(
    make_caller: MakeCaller, hangs_up: bool
) -> None:
    """Whoever waits is told at the end of his time, or when the connection breaks."""

    def say(message: Message) -> Iterable[Message | None]:
        return [None] if hangs_up and isinstance(message, Ping) else []

    with rogue(say) as server:
        (status,) = make_caller(server.address).ping(timeout=30 if hangs_up else 0.3)
        assert (status.endpoint, status.up) == (server.address, False)
        wanted = "the connection broke" if hangs_up else "no answer to a PING"
        assert wanted in (status.error or "")
        assert isinstance(server.heard[1], Ping)


def test_the_effect_of_a_wire_name() -> None:
    """Functions, methods and those of managers; nothing of what is not exposed."""
    model = ModelSchema(
        *("Account", "", "account", "accounts", "id"),
        *((), (), (), ()),
        methods=(FunctionSchema("deposit", "", (), effect="write"),),
        manager_methods=(FunctionSchema("total", "", (), effect="read"),),
    )
    functions = (FunctionSchema("pay", "", (), effect="idempotent"),)
    schema = Schema("economy", (AppSchema("money", functions, (model,)),), "f")
    found = {
        name: effect_of(schema, f"money.{name}")
        for name in ("pay", "Account.deposit", "Account.objects.total")
    }
    assert list(found.values()) == ["idempotent", "write", "read"]
    for name in (
        *("money", "money.nothing", "money.Nothing.deposit", "money.Account.total"),
        *("money.Nothing.objects.total", "money.Account.objects.deposit", "a.b.c.d.e"),
    ):
        assert effect_of(schema, name) is None


def test_schemas_are_kept_by_fingerprint() -> None:
    """A rolling deployment alternates between two, and each is fetched once."""
    schemas = Schemas()
    old, new = _schema("old"), _schema("new")
    assert schemas.held is None
    schemas.keep(schema_to_wire(old))
    assert schemas.current is None
    assert schemas.held == old
    schemas.saw(new.fingerprint)
    assert schemas.current is None
    schemas.keep(schema_to_wire(new))
    assert schemas.current == new
    schemas.saw(old.fingerprint)
    assert schemas.current == old
    assert schemas.held == old


def test_the_oldest_schema_is_forgotten() -> None:
    """A server that is changed all day does not fill its clients' memory."""
    schemas = Schemas()
    for number in range(MAX_SCHEMAS + 3):
        schemas.keep(schema_to_wire(_schema(f"f{number}")))
    assert len(schemas._by_fingerprint) == MAX_SCHEMAS
    schemas.saw(_schema("f0").fingerprint)
    assert schemas.current is None
