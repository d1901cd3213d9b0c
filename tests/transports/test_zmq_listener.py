"""What only the zmq listener does: shared addresses, descriptors of others, hostile peers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import zmq

from chunnel.transports import AddressInUse, Listener, PeerGone, Pipe, Transport, for_endpoint
from chunnel.transports.zmq import process
from chunnel.transports.zmq.pipe import MAX_FRAMES

from .conftest import PATIENCE, poll


@pytest.fixture
def transport() -> Transport:
    return for_endpoint("tcp://127.0.0.1:0")


@pytest.fixture
def opened() -> Iterator[list[Pipe | Listener]]:
    opened: list[Pipe | Listener] = []
    yield opened
    for each in opened:
        each.close()


def shared(
    transport: Transport, opened: list[Pipe | Listener], address: str = "tcp://127.0.0.1:0"
) -> Listener:
    listener = transport.listen([address], {}, reuse_port=True)
    opened.append(listener)
    return listener


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://[::1]:0"])
def test_listeners_share_a_port_and_each_gets_connections(
    transport: Transport, opened: list[Pipe | Listener], address: str
) -> None:
    one = shared(transport, opened, address)
    two = shared(transport, opened, one.endpoint)
    assert one.endpoint == two.endpoint
    received = {one: 0, two: 0}

    def dial() -> bool:
        pipe = transport.dial(one.endpoint, {}, timeout=PATIENCE)
        opened.append(pipe)
        pipe.send([b"x"])
        for listener in received:
            received[listener] += listener.receive(0.02) is not None
        return all(received.values())

    poll(dial, "a connection for each")


def test_port_that_others_share_is_in_use_for_who_does_not(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    taken = shared(transport, opened).endpoint
    with pytest.raises(AddressInUse, match=f"{taken} is in use"):
        transport.listen([taken], {})


def test_port_that_is_not_shared_is_in_use_for_who_shares(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {}))
    with pytest.raises(AddressInUse, match=f"{listener.endpoint} is in use"):
        transport.listen([listener.endpoint], {}, reuse_port=True)


def test_path_cannot_be_shared(transport: Transport, tmp_path: object) -> None:
    with pytest.raises(ValueError, match="cannot be shared"):
        transport.listen([f"ipc://{tmp_path}/s"], {}, reuse_port=True)


def test_path_left_by_a_dead_server_is_taken_over(
    transport: Transport, opened: list[Pipe | Listener], tmp_path: object
) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(f"{tmp_path}/s")
    left.close()
    opened.append(transport.listen([f"ipc://{tmp_path}/s"], {}))


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("tcp://127.0.0.1", "not of the form"),
        ("tcp://:7070", "not of the form"),
        ("tcp://::1:7070", "brackets"),
        ("tcp://127.0.0.1:70700", "not of the form"),
        ("tcp://127.0.0.1:http", "not of the form"),
        ("ipc://", "not of the form"),
    ],
)
def test_address_of_the_wrong_form_is_quoted(
    transport: Transport, address: str, problem: str
) -> None:
    for use in (
        lambda: transport.listen([address], {}),
        lambda: transport.dial(address, {}, timeout=1),
    ):
        with pytest.raises(ValueError, match=problem) as caught:
            use()
        assert address in str(caught.value)


@pytest.mark.parametrize("reuse_port", [False, True])
@pytest.mark.parametrize("address", ["tcp://192.0.2.1:0", "tcp://nowhere.invalid:0"])
def test_address_of_another_machine_cannot_be_listened_on(
    transport: Transport, address: str, reuse_port: bool
) -> None:
    with pytest.raises(OSError, match=address.partition("//")[2].partition(":")[0]):
        transport.listen([address], {}, reuse_port=reuse_port)


def test_peer_that_left_is_not_served(transport: Transport, opened: list[Pipe | Listener]) -> None:
    """What it had sent is dropped once it is known to be gone; nobody waits for the answer."""
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {}))
    pipe = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
    for _ in range(100):
        pipe.send([b"x"])
    received = poll(lambda: listener.receive(0.1), "the first message")
    pipe.close()
    seen = []

    def gone() -> bool:
        listener._next_look = 0.0  # type: ignore[attr-defined]
        seen.append(listener.receive(0.01))
        return (received[0], []) in seen

    poll(gone, "the news")
    assert listener.receive(0.05) is None
    with pytest.raises(PeerGone):
        listener.send(received[0], [b"y"])


def test_descriptors_used_again_are_not_mistaken(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    """Each of many connections, one after the other, is reported gone, and no living one is."""
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {}))
    opened.append(staying := transport.dial(listener.endpoint, {}, timeout=PATIENCE))
    staying.send([b"staying"])
    stayer, _ = poll(lambda: listener.receive(0.1), "its message")
    came: set[bytes] = set()
    left: set[bytes] = set()
    for number in range(100):
        pipe = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
        if number % 3:  # every third one never speaks
            pipe.send([b"x"])

            def arrived() -> bool:
                received = listener.receive(0.1)
                if received:
                    (came if received[1] else left).add(received[0])
                return bool(received and received[1])

            poll(arrived, "the message")
        pipe.close()

    def all_left() -> bool:
        received = listener.receive(0.1)
        if received:
            assert received[1] == []
            left.add(received[0])
        return left == came

    poll(all_left, "the news of all")
    assert stayer not in left
    listener.send(stayer, [b"still here"])
    assert staying.receive(PATIENCE) == [b"still here"]


def test_raw_bytes_and_oversize_frames_hurt_nobody_else(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {"max_frame": 10_000}))
    opened.append(good := transport.dial(listener.endpoint, {}, timeout=PATIENCE))
    port = int(listener.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(os.urandom(4096))
    opened.append(large := transport.dial(listener.endpoint, {}, timeout=PATIENCE))
    large.send([bytes(20_000)])
    good.send([b"x"])
    received = poll(lambda: next(filter(None, [listener.receive(0.1)]), None), "the good one")
    assert received[1] == [b"x"]
    listener.send(received[0], [b"y"])
    assert good.receive(PATIENCE) == [b"y"]


def test_stranger_who_speaks_an_older_zmtp_is_not_heard(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    """Its whole message is dropped, however many frames it has, and nothing of the next one."""
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {}))
    opened.append(good := transport.dial(listener.endpoint, {}, timeout=PATIENCE))
    port = int(listener.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        # ZMTP 1.0: a name of no bytes, then frames of a length, a flag for "more" and the bytes.
        stranger.sendall(b"\x01\x00" + b"\x02\x01a" + b"\x02\x01b" + b"\x02\x00c")
        assert stranger.recv(1)  # the listener's own greeting
        poll(lambda: listener.receive(0.05) is None, "its message to be read")
        good.send([b"x", b"y"])
        received = poll(lambda: next(filter(None, [listener.receive(0.1)]), None), "the good one")
        assert received[1] == [b"x", b"y"]


def test_message_of_too_many_frames_is_cut(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    """So that the codec refuses it, and memory does not fill."""
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {}))
    opened.append(pipe := transport.dial(listener.endpoint, {}, timeout=PATIENCE))
    pipe.send([b"x"] * 1000)
    pipe.send([b"next"])
    peer, frames = poll(lambda: listener.receive(0.1), "the message")
    assert len(frames) == MAX_FRAMES + 1
    assert poll(lambda: listener.receive(0.1), "the next one") == (peer, [b"next"])


def test_peer_that_claims_the_name_of_the_bell_does_not_ring_it(
    transport: Transport, opened: list[Pipe | Listener]
) -> None:
    """The name cannot be guessed, and one that is taken is not given twice."""
    opened.append(listener := transport.listen(["tcp://127.0.0.1:0"], {}))
    listener.wake()
    assert listener.receive(PATIENCE) is None
    raw = process.context().socket(zmq.DEALER)
    raw.linger = 0
    raw.routing_id = listener._bell_name  # type: ignore[attr-defined]
    raw.connect(listener.endpoint)
    raw.send(b"ding")
    listener.wake()
    assert listener.receive(PATIENCE) is None
    raw.close()


def test_close_waits_until_what_was_sent_has_left(
    transport: Transport, opened: list[Pipe | Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may end behind it. The line is slow: it passes nothing on before we say so."""
    monkeypatch.setattr("chunnel.transports.zmq.listener.LINGER", int(PATIENCE * 1000))
    listener = transport.listen(["tcp://127.0.0.1:0"], {})
    opened.append(listener)
    port = int(listener.endpoint.rpartition(":")[2])
    flows = threading.Event()
    flows.set()
    with slow_line(port, flows) as address:
        pipe = transport.dial(address, {}, timeout=PATIENCE)
        opened.append(pipe)
        pipe.send([b"x"])
        received = listener.receive(PATIENCE)
        assert received is not None
        flows.clear()
        for number in range(40):
            listener.send(received[0], [bytes([number]) * 1_000_000])
        closing = threading.Thread(target=listener.close)
        closing.start()
        closing.join(0.3)
        assert closing.is_alive()
        flows.set()
        for number in range(40):
            message = pipe.receive(PATIENCE)
            assert message == [bytes([number]) * 1_000_000]
        closing.join(PATIENCE)
        assert not closing.is_alive()
        pipe.close()


@contextmanager
def slow_line(port: int, flows: threading.Event) -> Iterator[str]:
    """Yield an address that leads to a port of ours, and back only while ``flows`` is set."""
    with ExitStack() as ends, socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            near = ends.enter_context(server.accept()[0])
            far = ends.enter_context(socket.create_connection(("127.0.0.1", port)))
            threads.append(threading.Thread(target=pass_on, args=(near, far, None)))
            threads.append(threading.Thread(target=pass_on, args=(far, near, flows)))
            for thread in threads[1:]:
                thread.start()

        threads = [threading.Thread(target=accept)]
        threads[0].start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        flows.set()
        for thread in threads:
            thread.join(PATIENCE)


def pass_on(source: socket.socket, target: socket.socket, flows: threading.Event | None) -> None:
    """Pass on what one end says, until it says no more."""
    with suppress(OSError):  # either end may be gone first
        while data := source.recv(65_536):
            if flows is not None:
                flows.wait(PATIENCE)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
