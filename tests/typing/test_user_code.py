"""mypy --strict over code as users write it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = Path(__file__).parent / "samples"

pytest.importorskip("mypy")

Errors = dict[str, set[tuple[int, str]]]


@pytest.fixture(scope="module")
def found() -> Errors:
    """Return the errors that mypy finds in each sample, as line and code.

    One run, and no cache: a class that the plugin makes, as ``from_queryset`` does, may stand in a
    cache where the sources have it no longer, and mypy 2.4 then ends with an INTERNAL ERROR.
    """
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={os.devnull}", str(SAMPLES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert not done.stderr, done.stderr
    errors: Errors = {path.name: set() for path in SAMPLES.glob("*.py")}
    ours = re.compile(
        rf"{re.escape(str(SAMPLES.relative_to(ROOT)))}/(.*?):(\d+): error: .*\[(.*)\]"
    )
    for name, line, code in ours.findall(done.stdout):
        errors[name].add((int(line), code))
    return errors


def test_good_code_passes(found: Errors) -> None:
    """Names, calls, except clauses, querysets, exposing and testing need no ignore."""
    assert found["good.py"] == set()


def test_bad_code_is_found(found: Errors) -> None:
    """What is typed is checked: each marked line, and no other, is an error."""
    lines = (SAMPLES / "bad.py").read_text().splitlines()
    marked = {
        (number, line.split("# E: ")[1]) for number, line in enumerate(lines, 1) if "# E: " in line
    }
    assert found["bad.py"] == marked
