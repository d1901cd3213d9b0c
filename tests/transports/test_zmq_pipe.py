"""A pipe and the ways in which a server ends."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zmq

from chunnel.transports import Pipe, PipeClosed
from chunnel.transports.zmq import process
from chunnel.transports.zmq.options import ZmqOptions
from chunnel.transports.zmq.pipe import MAX_FRAMES, ZmqPipe, dial

from .conftest import PATIENCE, poll

# As long as a server's process may have to wait for the processor on a busy machine.
QUICK = ZmqOptions(heartbeat_interval=0.1, heartbeat_timeout=1.5)


class Server:
    """An echo server in a child process."""

    def __init__(self, address: str = "tcp://127.0.0.1:0"):
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.transports.servers", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        self.endpoint = self.child.stdout.readline().strip()
        assert self.endpoint, "the server did not start"

    def end(self) -> None:
        self.child.kill()
        self.child.wait(PATIENCE)
        for stream in (self.child.stdin, self.child.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def starter(*args: str) -> Server:
        servers.append(Server(*args))
        return servers[-1]

    yield starter
    for server in servers:
        server.end()


@pytest.fixture
def pipes() -> Iterator[list[Pipe]]:
    opened: list[Pipe] = []
    yield opened
    for pipe in opened:
        pipe.close()


def connect(pipes: list[Pipe], endpoint: str, options: ZmqOptions = QUICK) -> ZmqPipe:
    pipe = dial(endpoint, options, PATIENCE)
    pipes.append(pipe)
    return pipe


def echo(pipe: Pipe) -> None:
    pipe.send([b"control", b"body"])
    assert pipe.receive(PATIENCE) == [b"control", b"body"]


@pytest.mark.parametrize("woken", [False, True])
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_waiting_for_a_server_that_dies_ends(
    start: Callable[..., Server], pipes: list[Pipe], sign: int, woken: bool
) -> None:
    """The kernel tells of a process that was killed, the heartbeat of one that was stopped."""
    server = start()
    pipe = connect(pipes, server.endpoint)
    echo(pipe)
    if woken:
        pipe.wake()
        assert pipe.receive(0) is None
    pipe.send([b"silence"])
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(pipe.receive, PATIENCE)
        server.child.send_signal(sign)
        with pytest.raises(PipeClosed, match="the connection broke") as caught:
            waiting.result(PATIENCE)
    assert caught.value.sent is True
    with pytest.raises(PipeClosed) as caught:
        pipe.send([b"x"])
    assert caught.value.sent is False


def test_silence_is_not_death(start: Callable[..., Server], pipes: list[Pipe]) -> None:
    """Neither a server that does not answer nor a client that does not read ends the connection."""
    server = start()
    pipe, unread = connect(pipes, server.endpoint), connect(pipes, server.endpoint)
    unread.send([b"control", b"body"])
    pipe.send([b"silence"])
    assert pipe.receive(2 * QUICK.heartbeat_timeout) is None
    echo(pipe)
    assert unread.receive(PATIENCE) == [b"control", b"body"]
    echo(unread)


def test_idle_pipe_shows_at_the_next_look_that_its_server_died(
    start: Callable[..., Server], pipes: list[Pipe]
) -> None:
    server = start()
    pipe = connect(pipes, server.endpoint)
    echo(pipe)
    assert pipe.receive(0) is None
    server.end()

    def look() -> bool:
        try:
            return pipe.receive(0) is not None
        except PipeClosed:
            return True

    poll(look, "the break")
    with pytest.raises(PipeClosed) as caught:
        pipe.send([b"x"])
    assert caught.value.sent is False


def test_old_pipe_never_reaches_a_server_restarted_at_its_address(
    start: Callable[..., Server], pipes: list[Pipe]
) -> None:
    server = start()
    old = connect(pipes, server.endpoint)
    echo(old)
    server.end()
    successor = start(server.endpoint)
    assert successor.endpoint == server.endpoint
    echo(connect(pipes, successor.endpoint))
    with pytest.raises(PipeClosed):
        poll(lambda: old.receive(0.05), "the break")
    for _ in range(3):
        with pytest.raises(PipeClosed) as caught:
            old.send([b"x"])
        assert caught.value.sent is False


def test_a_thousand_answers_outlive_their_server(
    start: Callable[..., Server], pipes: list[Pipe]
) -> None:
    """A slow reader gets all that was received before the break, and then the verdict."""
    server = start()
    pipe, witness = (connect(pipes, server.endpoint) for _ in range(2))
    messages = [[b"%d" % number] for number in range(999)] + [[b"end"]]
    for message in messages:
        pipe.send(message)
    with pytest.raises(PipeClosed):
        poll(lambda: witness.receive(0.05), "the break")
    server.child.wait(PATIENCE)
    assert [pipe.receive(PATIENCE) for _ in messages] == messages
    with pytest.raises(PipeClosed):
        pipe.receive(PATIENCE)


def refusal(endpoint: str, timeout: float = 0.5) -> str:
    with pytest.raises(PipeClosed) as caught:
        dial(endpoint, QUICK, timeout)
    assert caught.value.sent is False
    return caught.value.reason


def test_closed_port_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refusal(f"tcp://127.0.0.1:{port}", PATIENCE) == f"tcp://127.0.0.1:{port}: refused"


def test_missing_path_refuses(tmp_path: object) -> None:
    assert refusal(f"ipc://{tmp_path}/none", PATIENCE) == f"ipc://{tmp_path}/none: refused"


@pytest.mark.parametrize("spare", range(4))
def test_want_of_descriptors_is_told(
    start: Callable[..., Server], pipes: list[Pipe], spare: int
) -> None:
    """At whichever of its sockets it happens; the next pipe is made as ever."""
    server = start()
    echo(connect(pipes, server.endpoint))  # the context has what it needs
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    held: list[int] = []

    def is_told() -> bool:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(spare):
            os.close(held.pop())
        try:
            dial(server.endpoint, QUICK, 0.5).close()
        except PipeClosed as error:
            return not error.sent and "Too many open files" in error.reason
        return False  # an earlier pipe was closed only now, and left its descriptors to this one

    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 8, hard))
    try:
        poll(is_told, "the limit to be met")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    echo(connect(pipes, server.endpoint))


def test_name_that_does_not_exist_is_told() -> None:
    assert "nowhere.invalid" in refusal("tcp://nowhere.invalid:7070")


def test_listener_that_never_speaks_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        assert refusal(endpoint, 1.5) == f"{endpoint}: the handshake timed out"


def test_listener_that_speaks_something_else_fails_the_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as thread:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)

        answering = thread.submit(answer)
        endpoint = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        assert "handshake" in refusal(endpoint, PATIENCE)
        answering.result(PATIENCE)


def test_listener_that_hangs_up_fails_the_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as thread:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(1)  # until libzmq has begun

        answering = thread.submit(answer)
        endpoint = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        assert "the handshake failed" in refusal(endpoint, PATIENCE)
        answering.result(PATIENCE)


def test_answer_of_too_many_frames_is_cut(pipes: list[Pipe]) -> None:
    """A server cannot fill our memory either."""
    context = process.new_context()
    router = context.socket(zmq.ROUTER)
    router.linger = 0
    try:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        pipe = connect(pipes, f"tcp://127.0.0.1:{port}")
        pipe.send([b"x"])
        peer, _ = router.recv_multipart()
        router.send_multipart([peer, *[b"y"] * 1000])
        router.send_multipart([peer, b"next"])
        answer = pipe.receive(PATIENCE)
        assert answer is not None
        assert len(answer) == MAX_FRAMES + 1
        assert pipe.receive(PATIENCE) == [b"next"]
    finally:
        router.close()
        context.term()


def test_full_backlog_times_out_while_connecting() -> None:
    """As an address without a route does: the kernel never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            endpoint = f"tcp://127.0.0.1:{full.getsockname()[1]}"
            assert "timed out" in refusal(endpoint)
        finally:
            for filler in fillers:
                filler.close()


def test_all_addresses_of_a_name_are_tried(
    start: Callable[..., Server], pipes: list[Pipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    port = int(server.endpoint.rpartition(":")[2])
    with socket.create_server(("127.0.0.2", 0)) as taken:
        closed = taken.getsockname()
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", closed),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    pipe = connect(pipes, f"tcp://economy.example:{port}")
    assert pipe.endpoint == f"tcp://economy.example:{port}"
    echo(pipe)
    server.end()
    reason = refusal(f"tcp://economy.example:{port}", PATIENCE)
    assert reason.count("refused") == 2


def test_forked_child_leaves_the_pipe_alone(
    start: Callable[..., Server], pipes: list[Pipe]
) -> None:
    """The child's copy is closed, the child may dial anew, and the parent notices nothing."""
    server = start()
    pipe = connect(pipes, server.endpoint)
    echo(pipe)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        status = 1
        try:
            try:
                pipe.send([b"from the child"])
            except PipeClosed as error:
                assert pipe.closed and not error.sent  # noqa: PT017, PT018 - no pytest in here
                pipe.wake()
                pipe.close()
                fresh = dial(server.endpoint, QUICK, PATIENCE)
                echo(fresh)
                fresh.close()
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pipe.receive(0.01) is None
    echo(pipe)


def test_process_has_one_context() -> None:
    with ThreadPoolExecutor(8) as threads:
        barrier = threading.Barrier(8)

        def get(_: int) -> object:
            barrier.wait(PATIENCE)
            return process.context()

        assert len(set(map(id, threads.map(get, range(8))))) == 1


def test_message_of_too_many_frames_is_cut(start: Callable[..., Server], pipes: list[Pipe]) -> None:
    server = start()
    raw = process.context().socket(zmq.DEALER)
    raw.linger = 0
    raw.rcvtimeo = int(PATIENCE * 1000)
    raw.connect(server.endpoint)
    raw.send_multipart([b"x"] * 10_000)
    assert len(raw.recv_multipart()) == 9
    raw.close()
