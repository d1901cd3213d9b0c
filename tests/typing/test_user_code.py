"""mypy --strict over code as users write it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = Path(__file__).parent / "samples"

pytest.importorskip("mypy")


def _errors(sample: Path, cache: Path) -> set[tuple[int, str]]:
    """Return the errors that mypy finds in ``sample``, as line and code."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", str(sample)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert not done.stderr, done.stderr
    ours = re.compile(rf"{re.escape(str(sample.relative_to(ROOT)))}:(\d+): error: .*\[([\w-]+)\]")
    return {(int(line), code) for line, code in ours.findall(done.stdout)}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for both runs: the second needs a fraction of the first."""
    return tmp_path_factory.mktemp("mypy")


def test_good_code_passes(cache: Path) -> None:
    """Names, calls, except clauses, querysets, exposing and testing need no ignore."""
    assert _errors(SAMPLES / "good.py", cache) == set()


def test_bad_code_is_found(cache: Path) -> None:
    """What is typed is checked: each marked line, and no other, is an error."""
    lines = (SAMPLES / "bad.py").read_text().splitlines()
    marked = {
        (number, line.split("# E: ")[1]) for number, line in enumerate(lines, 1) if "# E: " in line
    }
    assert _errors(SAMPLES / "bad.py", cache) == marked
