"""What the two commands say where a machine lacks something."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ..live import ROOT

SCRIPTS = ROOT / "scripts"


def script(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code beside the scripts, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n{code}"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_old_python_is_told(tmp_path: Path) -> None:
    """One sentence and an exit code, where no newer one is on PATH."""
    ended = script(
        "import environment; environment.OLDEST = (9, 0); environment.run(lambda: 0)",
        PATH=str(tmp_path),
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert "needs Python 3.11 or newer, and python3 is " in line


def test_a_newer_python_on_the_path_is_used(tmp_path: Path) -> None:
    """The script goes on under it, with its arguments."""
    newer = tmp_path / "python3.13"
    newer.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "newer: $@"\n')
    newer.chmod(0o755)
    ended = script(
        "import environment; environment.OLDEST = (9, 0); sys.argv = ['demo.py', '--keep']\n"
        "environment.run(lambda: 0)",
        PATH=f"{tmp_path}:/usr/bin:/bin",
    )
    assert ended.stdout == "newer: demo.py --keep\n"


@pytest.mark.parametrize("name", ["demo.py", "environment.py", "test.py"])
def test_old_pythons_can_read_the_scripts(name: str) -> None:
    """They have to, to say that they are too old."""
    ast.parse((SCRIPTS / name).read_text(), feature_version=(3, 7))


def test_a_missing_venv_is_told(tmp_path: Path) -> None:
    """And what to install."""
    ended = script(
        "sys.modules['venv'] = None; import environment, pathlib\n"
        f"environment.VENV = pathlib.Path({str(tmp_path / 'venv')!r})\n"
        "environment.run(lambda: environment.make('dev'))"
    )
    assert ended.returncode == 1
    assert "apt install python3-venv" in ended.stderr


def test_no_pip_and_no_index_is_told(tmp_path: Path) -> None:
    """Where ensurepip is missing and nothing can be fetched either, no half environment stays."""
    ended = script(
        "sys.modules['ensurepip'] = None; import environment, pathlib\n"
        f"environment.VENV = pathlib.Path({str(tmp_path / 'venv')!r})\n"
        "environment.run(lambda: environment.make('dev'))",
        PIP_INDEX_URL="http://127.0.0.1:1/simple",
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("try: apt install python3-venv")
    assert not (tmp_path / "venv").exists()


def test_pip_comes_from_the_index(tmp_path: Path) -> None:
    """The newest wheel that was not withdrawn, and only if it is what the index says."""
    wheel = "0" * 64
    page = tmp_path / "simple" / "pip" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(
        "".join(
            f'<a href="../../files/{name}#sha256={wheel}"{more}>{name}</a><br>\n'
            for name, more in [
                ("pip-9.0.1-py3-none-any.whl", ""),
                ("pip-25.1-py3-none-any.whl", ""),
                ("pip-26.0-py3-none-any.whl", ' data-yanked="broken"'),
                ("pip-27.0b1-py3-none-any.whl", ""),
                ("pip-25.1.tar.gz", ""),
            ]
        )
    )
    found = script(
        "import environment, pathlib\n"
        f"page = pathlib.Path({str(page)!r}).read_text()\n"
        "wheels = [m for m in environment.WHEEL.finditer(page) if 'data-yanked' not in m.group()]\n"
        "print(max(wheels, key=lambda m: environment._version(m.group(2))).group(2))"
    )
    assert found.stdout == "pip-25.1-py3-none-any.whl\n"
