"""The pool "gevent", in child processes that gevent has patched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chunnel.server.pools import load

from .sources import Line

HERE = Path(__file__).parent


PATCHED_PYTEST = """
from gevent import monkey
monkey.patch_all()
import pytest, sys
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_contract() -> None:
    """It keeps the contract of pools."""
    child = subprocess.run(
        [sys.executable, "-c", PATCHED_PYTEST, str(HERE / "gevent_child.py"), "-q"],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parents[2],
        # Not measured: the tracer would mistake one greenlet for another.
        env=os.environ | {"COVERAGE_PROCESS_CONFIG": ""},
    )
    assert child.returncode == 0, child.stdout + child.stderr
    assert "passed" in child.stdout


def test_unpatched_process() -> None:
    """In a process that is not patched it says how to start one."""
    line = Line()
    with pytest.raises(RuntimeError, match=r"python -m gevent\.monkey"):
        load("gevent")(line).run()
    line.close()
