"""Measure rows against the same rows read locally: python -m benchmarks.rows [--rounds 9]

Both ways read the same database in turn, in one run, so that whatever else the machine does falls
on both. Only the ratio means something. The second table has the memory of both processes while
``iterator()`` streams: what counts is that ten times the rows take no more of it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from .calls import free_port, running, wait_for

ROWS = 1_000
STREAMED = (10_000, 100_000)
GOAL = 3.0  # times the local values_list
FIELDS = ("number", "name", "price", "at", "key")


def fill() -> None:
    """Make as many rows as the longest stream has."""
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    from benchmarks.work.models import Sale

    start = dt.datetime(2024, 1, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
    for first in range(0, max(STREAMED), ROWS):  # all at once would leave its mark on the memory
        Sale.objects.bulk_create(
            Sale(
                number=number,
                name=f"Sale {number}",
                price=Decimal(number) / 100,
                at=start + dt.timedelta(minutes=number),
                key=uuid.UUID(int=number * 2**96 + number),
            )
            for number in range(first, first + ROWS)
        )


def works() -> dict[str, Callable[[], Any]]:
    """Return what is measured, by name; the first is what the others are compared with."""
    from benchmarks.work.models import Sale
    from chunnel import remote

    theirs = remote.measured.work.Sale.objects
    return {
        "local values_list": lambda: list(Sale.objects.values_list(*FIELDS)[:ROWS]),
        "local instances": lambda: list(Sale.objects.all()[:ROWS]),
        "remote values_list": lambda: list(theirs.values_list(*FIELDS)[:ROWS]),
        "remote instances": lambda: list(theirs.all()[:ROWS]),
    }


def compare(rounds: int) -> None:
    """Print a line for each way: its median, and the median of the paired ratios."""
    every = works()
    (first, base), *_ = every.items()
    expected = sorted(base())
    assert sorted(every["remote values_list"]()) == expected
    assert (
        sorted(tuple(getattr(row, name) for name in FIELDS) for row in every["remote instances"]())
        == expected
    )
    taken: dict[str, list[float]] = {name: [] for name in every}
    for number in range(rounds):
        for name in every if number % 2 == 0 else reversed(every):
            began = time.perf_counter()
            for _ in range(5):
                every[name]()
            taken[name].append((time.perf_counter() - began) / 5)
    print(f"{ROWS:,} rows of (int, str, Decimal, aware datetime, UUID), {rounds} paired rounds\n")
    print(f"| {'work':<18} | {'ms':>6} | ratio | goal |")
    print("|---|---|---|---|")
    for name, times in taken.items():
        ratio = statistics.median(
            mine / local for mine, local in zip(times, taken[first], strict=True)
        )
        goal = f"{GOAL:4.2f}" if name.startswith("remote") else "    "
        print(f"| {name:<18} | {statistics.median(times) * 1000:6.2f} | {ratio:5.2f} | {goal} |")
    print(flush=True)


def memory(process: int) -> float:
    """Return the memory that a process has in use (RSS), in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def stream(count: int, server: list[int]) -> None:
    """Read ``count`` rows and print the most memory that each process had meanwhile."""
    from chunnel import remote

    ours, theirs, read = 0.0, 0.0, 0
    began = time.perf_counter()
    for read, _ in enumerate(remote.measured.work.Sale.objects.all()[:count].iterator(), 1):
        if read % 1_000 == 0:
            ours = max(ours, memory(os.getpid()))
            theirs = max(theirs, sum(map(memory, server)))
    assert read == count
    taken = time.perf_counter() - began
    print(f"| {count:>7,} | {ours:6.1f} | {theirs:6.1f} | {count / taken:9,.0f} |", flush=True)


def family(process: int) -> list[int]:
    """Return a process and its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *map(int, children)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
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
        with running(*serve) as serving:
            wait_for(port)
            compare(given.rounds)
            print("The memory in use at most, in MiB, while rows stream\n")
            print(f"| {'rows':>7} | {'client':>6} | {'server':>6} | {'rows/s':>9} |")
            print("|---|---|---|---|")
            for count in (STREAMED[0], *STREAMED):  # the first time everything grows into its place
                stream(count, family(serving.pid))


if __name__ == "__main__":
    sys.exit(main())
