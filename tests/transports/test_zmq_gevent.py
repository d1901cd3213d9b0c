"""Pipes and listeners in greenlets. Patching is for good, so each case has a process of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gevent")

SCRIPT = Path(__file__).with_name("greenlets.py")
ROOT = Path(__file__).parents[2]
CASES = [
    node.name
    for node in ast.parse(SCRIPT.read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name != "serve" and node.name[0] != "_"
]


@pytest.mark.parametrize("case", CASES)
def test_in_greenlets(case: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gevent.monkey", str(SCRIPT), case],
        # Not measured: the tracer would mistake one greenlet for another.
        env=os.environ | {"PYTHONPATH": str(ROOT), "COVERAGE_PROCESS_CONFIG": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
