"""What a pool costs and what it saves, against a bare pyzmq server and a plain thread pool.

    python benchmarks/pools.py [--seconds 1] [--repeats 5] [--designs raw,plain,threads]

Every repeat runs all designs one after the other, so that whatever else the machine does meets all
of them; the medians of the ratios within a repeat are what counts, not the calls a second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgpack
import zmq

ECHO = ("echo", {"text": "x" * 80})

#: name: (what is measured, callers of it, what runs beside it, callers of that, compared with)
RUNS: dict[str, tuple[Any, int, Any, int, str]] = {
    "echo, 1 caller (W1)": (ECHO, 1, None, 0, "raw"),
    "echo, 16 callers (W2)": (ECHO, 16, None, 0, "raw"),
    "sleep 0.2 ms, 32 callers": (("sleep", 0.0002), 32, None, 0, "plain"),
    "sleep 0.5 ms, 32 callers": (("sleep", 0.0005), 32, None, 0, "plain"),
    "sleep 2 ms, 32 callers": (("sleep", 0.002), 32, None, 0, "plain"),
    "sleep 20 ms, 32 callers": (("sleep", 0.02), 32, None, 0, "plain"),
    "echo beside 16 callers of 5 ms": (ECHO, 1, ("sleep", 0.005), 16, "plain"),
    "echo beside a 20 ms sleeper": (ECHO, 1, ("sleep", 0.02), 1, "plain"),
    "echo beside a 20 ms burner": (ECHO, 1, ("burn", 0.02), 1, "plain"),
}


def load(port: int, call: Any, callers: int, seconds: float) -> float:
    """Keep ``callers`` calls under way for so long; return how many ended, a second."""
    dealer = zmq.Context.instance().socket(zmq.DEALER)
    dealer.linger = 0
    dealer.connect(f"tcp://127.0.0.1:{port}")
    body = msgpack.packb(call)
    for _ in range(callers):
        dealer.send(body)
    answered = 0
    start = time.perf_counter()
    end = start + seconds
    while time.perf_counter() < end:
        if not dealer.poll(100):
            continue
        msgpack.unpackb(dealer.recv())
        dealer.send(body)
        answered += 1
    elapsed = time.perf_counter() - start
    dealer.close()
    return answered / elapsed


@contextmanager
def server(design: str) -> Iterator[int]:
    script = Path(__file__).with_name("pool_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), design],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=script.parent.parent,
        env={"PYTHONPATH": str(script.parent.parent), "PATH": ""},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def measure(design: str, name: str, seconds: float) -> float:
    call, callers, beside, beside_callers, _ = RUNS[name]
    with server(design) as port:
        neighbour = None
        if beside is not None:
            neighbour = multiprocessing.get_context("spawn").Process(
                target=load, args=(port, beside, beside_callers, seconds + 2.0)
            )
            neighbour.start()
            time.sleep(0.7)  # until it has started
        load(port, call, callers, 0.2)  # warm
        rate = load(port, call, callers, seconds)
        if neighbour is not None:
            neighbour.terminate()
            neighbour.join()
        return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--designs", default="raw,plain,threads")
    parser.add_argument("--only", default="", help="runs whose name contains this")
    options = parser.parse_args()
    designs = options.designs.split(",")
    print(f"{'':34}" + "".join(f"{design:>18}" for design in designs))
    for name, (*_, base) in RUNS.items():
        if options.only not in name:
            continue
        rates: dict[str, list[float]] = {design: [] for design in designs}
        for _ in range(options.repeats):
            for design in designs:
                rates[design].append(measure(design, name, options.seconds))
        line = f"{name:34}"
        for design in designs:
            ratio = median(a / b for a, b in zip(rates[design], rates[base], strict=True))
            line += f"{median(rates[design]):10,.0f} ({ratio:4.2f})"
        print(f"{line}   ratio to {base}", flush=True)


if __name__ == "__main__":
    main()
