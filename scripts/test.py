"""Run everything that must pass: python3 scripts/test.py

Makes an environment in .venv and runs the linters, the type checker, the tests with their coverage,
the documentation and the package. Names of steps as arguments run only these.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environment
from environment import ROOT, VENV, Lacking, say


def steps(folder):
    """Return the commands by name."""

    def tool(name):
        return str(VENV / "bin" / name)

    return {
        "lint": [tool("ruff"), "check"],
        "format": [tool("ruff"), "format", "--check"],
        "types": [tool("mypy")],
        "imports": [tool("lint-imports")],
        "tests": [tool("pytest"), "--cov", "--cov-report=term"],
        "docs": [
            *(tool("sphinx-build"), "-W", "--keep-going", "-q", "-b", "html"),
            *("docs", str(Path(folder, "docs"))),
        ],
        "package": [environment.python(), "scripts/check_package.py"],
    }


def main():
    """Run the steps; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="chunnel-test-") as folder:
        commands = steps(folder)
        names = sys.argv[1:] or list(commands)
        unknown = [name for name in names if name not in commands]
        if unknown:
            raise Lacking(f"There is no step {unknown[0]}; there are {', '.join(commands)}.")
        environment.make("dev")
        failed = []
        for name in names:
            say(f"\n== {name}")
            began = time.monotonic()
            if subprocess.call(commands[name], cwd=str(ROOT)) != 0:
                failed.append(name)
            verdict = "failed" if name in failed else "passed"
            say(f"== {name} {verdict} in {time.monotonic() - began:.0f} s")
    if failed:
        raise Lacking(f"Failed: {', '.join(failed)}.")
    say("\nAll of it passed.")
    return 0


if __name__ == "__main__":
    environment.run(main)
