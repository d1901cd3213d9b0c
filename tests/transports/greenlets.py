"""Run under gevent's patches by test_zmq_gevent: ``python -m gevent.monkey greenlets.py CASE``."""

from __future__ import annotations

import subprocess
import sys
import threading

import gevent
from gevent import get_hub, monkey

from chunnel.transports import Listener, Pipe, PipeClosed, for_endpoint
from chunnel.transports.waiting import native_rlock

PATIENCE = 20.0
transport = for_endpoint("tcp://127.0.0.1:0")


class Ticker:
    """Counts how often the hub comes round, which it does not while somebody blocks it."""

    def __init__(self) -> None:
        self.ticks = 0
        self.greenlet = gevent.spawn(self.run)

    def run(self) -> None:
        while True:
            gevent.sleep(0.001)
            self.ticks += 1


def serve(listener: Listener) -> None:
    while True:
        received = listener.receive(None)
        if received and received[1] == [b"end"]:
            return
        if received and received[1]:
            listener.send(*received)


def echo_in_one_hub() -> None:
    """Server and sixteen clients are greenlets of one thread; no message is missed."""
    listener = transport.listen(["tcp://127.0.0.1:0"], {})
    server = gevent.spawn(serve, listener)

    def client(number: int) -> None:
        pipe = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
        for turn in range(200):
            pipe.send([b"%d" % number, b"%d" % turn])
            assert pipe.receive(PATIENCE) == [b"%d" % number, b"%d" % turn]
        pipe.close()

    gevent.joinall([gevent.spawn(client, number) for number in range(16)], raise_error=True)
    last = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
    last.send([b"end"])
    server.get(timeout=PATIENCE)
    last.close()
    listener.close()


def waiting_leaves_the_hub_free() -> None:
    listener = transport.listen(["tcp://127.0.0.1:0"], {})
    pipe = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
    for waiting in (pipe, listener):
        ticker = Ticker()
        greenlet = gevent.spawn(waiting.receive, None)
        while ticker.ticks < 20:
            gevent.sleep(0.001)
        waiting.wake()
        assert greenlet.get(timeout=PATIENCE) is None
        ticker.greenlet.kill()
    assert pipe.receive(0.01) is None
    assert listener.receive(0.01) is None
    pipe.close()
    listener.close()


def the_native_lock_belongs_to_a_thread() -> None:
    """Not to a greenlet; so no thread waits for the hub of another, which may never run."""
    lock = native_rlock()
    taken: list[bool] = []
    done = monkey.get_original("_thread", "allocate_lock")()
    done.acquire()

    def try_it() -> None:
        taken.append(lock.acquire(False))
        done.release()

    with lock:
        assert gevent.spawn(lock.acquire, False).get(timeout=PATIENCE) is True
        lock.release()
        monkey.get_original("_thread", "start_new_thread")(try_it, ())
        done.acquire()
    assert taken == [False]


def wake_from_a_real_thread() -> None:
    listener = transport.listen(["tcp://127.0.0.1:0"], {})
    pipe = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
    start = monkey.get_original("_thread", "start_new_thread")
    for waiting in (pipe, listener):
        for _ in range(50):
            greenlet = gevent.spawn(waiting.receive, None)
            start(waiting.wake, ())
            assert greenlet.get(timeout=PATIENCE) is None
    for waiting in (pipe, listener):
        for _ in range(50):
            greenlet = gevent.spawn(waiting.receive, None)
            get_hub().threadpool.apply(waiting.wake)
            assert greenlet.get(timeout=PATIENCE) is None
    pipe.close()
    listener.close()


def server_that_is_killed() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.transports.servers", "tcp://127.0.0.1:0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    endpoint = child.stdout.readline().strip()
    pipe = transport.dial(endpoint, {}, timeout=PATIENCE)
    pipe.send([b"silence"])
    waiting = gevent.spawn(_receive, pipe)
    child.kill()
    assert waiting.get(timeout=PATIENCE) is True
    child.communicate()
    assert "refused" in _refusal(endpoint)
    pipe.close()


def _refusal(endpoint: str) -> str:
    try:
        transport.dial(endpoint, {}, timeout=PATIENCE)
    except PipeClosed as error:
        return error.reason
    raise AssertionError


def _receive(pipe: Pipe) -> bool:
    try:
        pipe.receive(PATIENCE)
    except PipeClosed as error:
        return error.sent
    raise AssertionError


def timeout_of_the_caller() -> None:
    """gevent.Timeout may end a wait; the pipe is as good as before."""
    listener = transport.listen(["tcp://127.0.0.1:0"], {})
    pipe = transport.dial(listener.endpoint, {}, timeout=PATIENCE)
    assert gevent.with_timeout(0.05, pipe.receive, None, timeout_value="late") == "late"
    server = gevent.spawn(serve, listener)
    pipe.send([b"x"])
    assert pipe.receive(PATIENCE) == [b"x"]
    pipe.send([b"end"])
    server.get(timeout=PATIENCE)
    pipe.close()
    listener.close()


if __name__ == "__main__":
    assert monkey.is_module_patched("socket")
    assert threading.current_thread() is threading.main_thread()
    globals()[sys.argv[1]]()
