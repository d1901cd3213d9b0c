"""Questions about a remote itself."""

from __future__ import annotations

import threading

from chunnel.client.inquiries import MAX_SCHEMAS, Schemas
from chunnel.schema import AppSchema, FunctionSchema, Schema, schema_to_wire
from chunnel.schema import fingerprint as fingerprint_of

from .conftest import MakeCaller
from .echo import EchoServer, serving


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
