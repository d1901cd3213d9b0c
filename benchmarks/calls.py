"""Measure calls against the raw socket: python -m benchmarks.calls [--seconds 1] [--rounds 5]

Both servers run at the same time and are asked in turn, in one client process, so that whatever
else the machine does falls on both. Only the ratio means something; figures drift from run to run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROWS = 10_000
CALLERS = 16
PAYLOAD = {"text": "x" * 60, "number": 12345, "flag": True, "list": [1, 2, 3]}  # about 100 bytes

Caller = Callable[[str, Any], Any]


class Work(NamedTuple):
    title: str
    name: str
    argument: Callable[[], Any]
    callers: int
    goal: float


WORKS = [
    Work("W1 echo, 1 caller", "echo", lambda: PAYLOAD, 1, 0.65),
    Work("W2 echo, 16 callers", "echo", lambda: PAYLOAD, CALLERS, 0.60),
    Work("W3 ORM get, 1 caller", "get", lambda: random.randint(1, ROWS), 1, 0.85),
    Work("W3 ORM get, 16 callers", "get", lambda: random.randint(1, ROWS), CALLERS, 0.85),
]


def rate(make_caller: Callable[[], Caller], work: Work, seconds: float) -> float:
    """Return calls per second of ``work.callers`` threads that call one after another."""
    counts: list[int] = []
    start = threading.Barrier(work.callers + 1)

    def loop() -> None:
        call = make_caller()
        call(work.name, work.argument())
        start.wait()
        until = time.perf_counter() + seconds
        count = 0
        while time.perf_counter() < until:
            call(work.name, work.argument())
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=loop) for _ in range(work.callers)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def raw_callers(port: int) -> Callable[[], Caller]:
    """Return what makes a caller with a DEALER of its own."""
    import msgpack
    import zmq

    context = zmq.Context.instance()

    def make() -> Caller:
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.connect(f"tcp://127.0.0.1:{port}")

        def call(name: str, argument: Any) -> Any:
            dealer.send(msgpack.packb((name, argument)))
            return msgpack.unpackb(dealer.recv())

        return call

    return make


def chunnel_callers() -> Callable[[], Caller]:
    """Return what gives every thread the same remote names."""
    from chunnel import remote

    functions = {name: getattr(remote.measured.work, name) for name in ("echo", "get")}
    return lambda: lambda name, argument: functions[name](argument)


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("The server did not come up.")


def fill() -> None:
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    from benchmarks.work.models import Item

    Item.objects.bulk_create(
        [Item(name=f"Item {number}", price=number) for number in range(ROWS)], batch_size=1000
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=1.0)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        os.environ["BENCHMARK_DATABASE"] = str(Path(folder, "benchmark.sqlite3"))
        os.environ["BENCHMARK_REMOTE"] = f"zmq://127.0.0.1:{port}"
        import django

        django.setup()
        fill()
        serve = ("-m", "django", "runrpcserver", str(port), "--noreload", "-v0")
        with running("-m", "benchmarks.raw_server") as raw, running(*serve):
            assert raw.stdout is not None
            raw_make = raw_callers(int(raw.stdout.readline()))
            wait_for(port)
            measure(raw_make, chunnel_callers(), given.rounds, given.seconds)


def measure(
    raw: Callable[[], Caller], ours: Callable[[], Caller], rounds: int, seconds: float
) -> None:
    """Print a line for each work: medians, the median of the paired ratios, and the goal."""
    print(f"Medians of {rounds} paired rounds of {seconds:g} s, calls/s\n")
    print(f"| {'work':<22} | {'raw':>7} | {'chunnel':>7} | ratio | goal |")
    print("|---|---|---|---|---|")
    for work in WORKS:
        pairs = []
        for number in range(rounds):
            order = (raw, ours) if number % 2 == 0 else (ours, raw)
            rates = {make: rate(make, work, seconds) for make in order}
            pairs.append((rates[raw], rates[ours]))
        theirs, mine = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(mine / theirs for theirs, mine in pairs)
        figures = f"{theirs:7,.0f} | {mine:7,.0f} | {ratio:5.2f} | {work.goal:4.2f}"
        print(f"| {work.title:<22} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
