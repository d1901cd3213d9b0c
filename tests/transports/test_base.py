"""The contract of all transports."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chunnel.transports import AddressInUse, Listener, PeerGone, Pipe, PipeClosed

from .conftest import PATIENCE, SHIPPED, Place, poll

# The how-to's transport leaves queues to the kernel, keeps to one address, and minds no forks.
shipped = pytest.mark.parametrize("place", SHIPPED, indirect=True)


def received(listener: Listener) -> tuple[bytes, list[bytes]]:
    """Return the listener's next message, past the news of peers that left."""
    return poll(
        lambda: next(iter([m for m in [listener.receive(0.1)] if m and m[1]]), None), "news"
    )


def answer(pipe: Pipe) -> list[bytes]:
    frames = pipe.receive(PATIENCE)
    assert frames is not None
    return frames


def broken(pipe: Pipe) -> PipeClosed:
    """Receive until the pipe is found broken, and return what it raises."""

    def look() -> PipeClosed | None:
        try:
            assert pipe.receive(0.1) is None
        except PipeClosed as error:
            return error
        return None

    return poll(look, "the pipe to break")


def test_message_goes_there_and_back(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"control", b"body"])
    peer, frames = received(listener)
    assert frames == [b"control", b"body"]
    listener.send(peer, [b"answer"])
    assert answer(pipe) == [b"answer"]


@pytest.mark.parametrize(
    "frames", [[b""], [b"", b""], [b"\0"], [b"a", b"", b"c"], [b"x" * 2**20, bytes(2**20)]]
)
def test_frames_arrive_as_they_were_sent(place: Place, frames: list[bytes]) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    with ThreadPoolExecutor(1) as sender:
        sent = sender.submit(pipe.send, frames)
        peer, there = received(listener)
        sent.result(PATIENCE)
        back = sender.submit(listener.send, peer, there)
        assert answer(pipe) == frames
        back.result(PATIENCE)


def test_messages_keep_their_order(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    for number in range(500):
        pipe.send([b"%d" % number])
    for number in range(500):
        peer, frames = received(listener)
        assert frames == [b"%d" % number]
        listener.send(peer, frames)
    assert [answer(pipe) for _ in range(500)] == [[b"%d" % number] for number in range(500)]


def test_each_peer_gets_its_own_answers(place: Place) -> None:
    listener = place.listen()
    pipes = [place.dial(listener) for _ in range(20)]
    for number, pipe in enumerate(pipes):
        pipe.send([b"%d" % number])
    peers = set()
    for _ in pipes:
        peer, frames = received(listener)
        peers.add(peer)
        listener.send(peer, frames)
    assert len(peers) == len(pipes)
    assert [answer(pipe) for pipe in pipes] == [[b"%d" % number] for number in range(20)]


def test_receive_ends_when_nothing_comes(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    assert pipe.receive(0) is None
    assert pipe.receive(0.01) is None
    assert listener.receive(0) is None
    assert listener.receive(0.01) is None


def test_what_has_come_is_received_without_waiting(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"a"])
    peer, _ = poll(lambda: listener.receive(0), "the message")
    listener.send(peer, [b"b"])
    assert poll(lambda: pipe.receive(0), "the answer") == [b"b"]


@pytest.mark.parametrize("end", ["pipe", "listener"])
def test_wake_ends_a_receive_in_another_thread(place: Place, end: str) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    woken = pipe if end == "pipe" else listener
    for _ in range(50):
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(woken.receive, None)
            woken.wake()
            assert waiting.result(PATIENCE) is None


@pytest.mark.parametrize("end", ["pipe", "listener"])
def test_wake_is_kept_for_the_next_receive(place: Place, end: str) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    woken = pipe if end == "pipe" else listener
    woken.wake()
    assert woken.receive(None) is None


@pytest.mark.parametrize("end", ["pipe", "listener"])
def test_many_threads_may_wake(place: Place, end: str) -> None:
    """However the wakes fall, the last one is not lost and none breaks a message."""
    listener = place.listen()
    pipe = place.dial(listener)
    woken: Pipe | Listener = pipe if end == "pipe" else listener
    done = threading.Event()
    results = []

    def read() -> None:
        while not done.is_set():
            message = woken.receive(None)
            if message:
                results.append(message)

    with ThreadPoolExecutor(9) as threads:
        reading = threads.submit(read)
        peer = b""
        if end == "pipe":
            pipe.send([b"hello"])
            peer, _ = received(listener)
        wakers = [threads.submit(lambda: [woken.wake() for _ in range(200)]) for _ in range(7)]
        for _ in range(200):
            if end == "pipe":
                listener.send(peer, [b"a", b"b"])
            else:
                pipe.send([b"a", b"b"])
        poll(lambda: len(results) == 200, "all messages")
        for each in wakers:
            each.result(PATIENCE)
        done.set()
        woken.wake()
        reading.result(PATIENCE)


def test_dial_says_at_once_that_nobody_listens(place: Place) -> None:
    listener = place.listen()
    listener.close()
    with pytest.raises(PipeClosed) as caught:
        place.dial(listener.endpoint)
    assert caught.value.sent is False
    assert listener.endpoint in caught.value.reason


def test_address_in_use_is_named(place: Place) -> None:
    listener = place.listen()
    with pytest.raises(AddressInUse) as caught:
        place.listen(listener.endpoint)
    assert str(caught.value) == f"{listener.endpoint} is in use"
    pipe = place.dial(listener)
    pipe.send([b"the first one still listens"])
    assert received(listener)[1]


def test_address_is_free_after_close(place: Place) -> None:
    listener = place.listen()
    listener.close()
    again = poll(lambda: _listen(place, listener.endpoint), "the address to be free")
    pipe = place.dial(again)
    pipe.send([b"x"])
    assert received(again)[1] == [b"x"]


def _listen(place: Place, endpoint: str) -> Listener | None:
    try:
        return place.listen(endpoint)
    except AddressInUse:
        return None


def test_pipe_of_a_listener_that_closed_is_broken(place: Place) -> None:
    """What was received is delivered before that is reported."""
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"a"])
    peer, _ = received(listener)
    for number in range(100):
        listener.send(peer, [b"%d" % number])
    listener.close()
    assert [answer(pipe) for _ in range(100)] == [[b"%d" % number] for number in range(100)]
    assert broken(pipe).sent is True


def test_pipe_never_reaches_the_successor(place: Place) -> None:
    """A new server at the same address gets nothing that was meant for the old one."""
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"a"])
    received(listener)
    listener.close()
    successor = poll(lambda: _listen(place, listener.endpoint), "the address to be free")
    broken(pipe)
    with contextlib.suppress(PipeClosed):
        pipe.send([b"b"])
    fresh = place.dial(successor)
    fresh.send([b"c"])
    assert received(successor)[1] == [b"c"]
    assert successor.receive(0.05) is None


def test_listener_notices_that_a_peer_left(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"a"])
    peer, _ = received(listener)
    pipe.close()
    assert poll(lambda: listener.receive(0.1), "the news") == (peer, [])
    with pytest.raises(PeerGone):
        listener.send(peer, [b"answer"])


def test_unknown_peer_is_gone(place: Place) -> None:
    with pytest.raises(PeerGone):
        place.listen().send(os.urandom(8), [b"x"])


def test_closing_twice_is_closing_once(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    for each in (pipe, pipe, listener, listener):
        each.close()


@pytest.mark.parametrize(
    "use", [lambda p: p.send([b"x"]), lambda p: p.receive(0), lambda p: p.receive(PATIENCE)]
)
def test_closed_pipe_is_of_no_use(place: Place, use: Callable[[Pipe], object]) -> None:
    pipe = place.dial(place.listen())
    pipe.close()
    with pytest.raises(PipeClosed):
        use(pipe)


@shipped
@pytest.mark.parametrize("timeout", [0, PATIENCE, None])
def test_closed_listener_is_of_no_use(place: Place, timeout: float | None) -> None:
    """Who waits for messages must not take silence for want of clients."""
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"x"])
    peer, _ = received(listener)
    listener.close()
    listener.wake()
    with pytest.raises(OSError, match="closed"):
        listener.receive(timeout)
    with pytest.raises(PeerGone):
        listener.send(peer, [b"x"])


@shipped
def test_listener_needs_an_address(place: Place) -> None:
    with pytest.raises(ValueError, match="no address"):
        place.transport.listen([], {})


@shipped
def test_peer_that_does_not_read_is_not_queued_for_without_end(place: Place) -> None:
    place.options = {"high_water_mark": 100}
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"a"])
    peer, _ = received(listener)

    def flood() -> None:
        for _ in range(100_000):
            listener.send(peer, [b"", bytes(1000)])

    with pytest.raises(PeerGone):
        flood()
    other = place.dial(listener)
    other.send([b"others notice nothing"])
    assert received(listener)[1] == [b"others notice nothing"]


@shipped
def test_server_that_does_not_read_is_not_queued_for_without_end(place: Place) -> None:
    place.options = {"high_water_mark": 100}
    pipe = place.dial(place.listen())

    def flood() -> None:
        for _ in range(100_000):
            pipe.send([b"", bytes(1000)])

    with pytest.raises(PipeClosed) as caught:
        flood()
    assert caught.value.sent is False


@shipped
def test_one_listener_has_many_addresses(place: Place, tmp_path: object) -> None:
    scheme = place.address.partition("://")[0]
    second = f"{place.address}-2" if scheme in {"ipc", "memory"} else place.address
    listener = place.transport.listen([place.address, second], {})
    try:
        assert len(set(listener.endpoints)) == 2
        for endpoint in listener.endpoints:
            pipe = place.dial(endpoint)
            pipe.send([endpoint.encode()])
            assert received(listener)[1] == [endpoint.encode()]
    finally:
        listener.close()


def test_nothing_is_left_of_two_hundred_pipes(place: Place) -> None:
    from .conftest import descriptors

    listener = place.listen()
    place.dial(listener).close()
    before = len(descriptors())
    for number in range(200):
        pipe = place.dial(listener)
        pipe.send([b"x"])
        peer, _ = received(listener)
        listener.send(peer, [b"y"])
        assert answer(pipe) == [b"y"]
        pipe.close()
        assert place._open.pop() is pipe, number
    listener.receive(0.01)
    poll(lambda: (listener.receive(0.01), len(descriptors()) <= before + 2)[1], "descriptors")


@shipped
def test_forked_child_has_nothing_open_and_the_parent_all(place: Place) -> None:
    listener = place.listen()
    pipe = place.dial(listener)
    pipe.send([b"before"])
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        status = 0
        try:
            for use in (
                lambda: pipe.send([b"x"]),
                lambda: pipe.receive(0),
                lambda: listener.receive(0),
                lambda: listener.send(b"peer", [b"x"]),
            ):
                try:
                    use()
                except (PipeClosed, PeerGone, OSError):
                    status += 1
            for each in (pipe, listener):
                each.wake()
                each.close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
    peer, frames = received(listener)
    assert frames == [b"before"]
    listener.send(peer, [b"after"])
    assert answer(pipe) == [b"after"]
