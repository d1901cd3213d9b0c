"""The tutorial does what it says: its files are written, its commands and its code are run."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..live import ROOT, address_of, free_port, running
from .blocks import Block, rst_blocks

TUTORIAL = ROOT / "docs" / "tutorial.rst"

VISIT = """
import django
django.setup()
from django.test import Client
client = Client()
print(client.get("/").content.decode().split())
print(client.get("/tax/1/").content.decode())
print(client.get("/tax/1/").content.decode())
"""
DOCTEST = """
import doctest, sys
import django
django.setup()
sys.exit(bool(doctest.testfile(sys.argv[1], module_relative=False).failed))
"""


class Reader:
    """Somebody who does what the tutorial says, in a folder of their own."""

    def __init__(self, folder: Path, port: int, stack: ExitStack):
        self.folder = folder
        self.port = port
        self.stack = stack
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith("DJANGO")
        }
        self.env = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    def do(self, block: Block) -> None:
        code = block.code.replace("7070", str(self.port))
        if block.language == "console":
            for line in code.splitlines():
                where, _, command = line.partition("$ ")
                self.run(self.folder / where, command.split())
        elif block.language == "pycon":
            session = self.folder / "session.txt"
            session.write_text((session.read_text() if session.exists() else "") + code)
        elif block.caption:
            name, _, at_end = block.caption.partition(", ")
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text((path.read_text() if at_end else "") + code)

    def run(self, where: Path, command: list[str]) -> None:
        if "runrpcserver" in command:
            options = (str(self.port), "--noreload")
            server = running(*command[1:], *options, env=self.env, cwd=where, inherit=False)
            address_of(self.stack.enter_context(server))
            return
        program = {"python": [], "django-admin": ["-m", "django"]}[command[0]]
        self.python(where, *program, *command[1:])

    def python(self, where: Path, *arguments: str, **env: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=where,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return list(rst_blocks(TUTORIAL.read_text()))


def test_every_block_is_of_a_kind_that_is_tried(blocks: list[Block]) -> None:
    """What is neither a file, a command nor a session says so by being plain text."""
    for block in blocks:
        assert block.language in {"console", "pycon", "text"} or block.caption, block.code


def test_the_tutorial_works(blocks: list[Block], tmp_path: Path) -> None:
    """From the first line to the last, and the page it ends with is there."""
    with ExitStack() as stack:
        reader = Reader(tmp_path, free_port(), stack)
        for block in blocks:
            reader.do(block)
        government = {"DJANGO_SETTINGS_MODULE": "government.settings"}
        where = tmp_path / "government"
        session = str(tmp_path / "session.txt")
        reader.python(where, "-c", textwrap.dedent(DOCTEST), session, **government)
        said = reader.python(where, "-c", textwrap.dedent(VISIT), **government)
    assert said.splitlines() == [
        "['<ul>', '<li>Grace:', '500.00</li>', '<li>Ada:', '70.00</li>', '</ul>']",
        "Ada now has 60.00.",
        "Ada now has 50.00.",
    ]
