"""The code of the README works as it stands there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..live import ROOT, address_of, running
from .blocks import Block, markdown_blocks

SEED = """
from money.models import Account, Transaction
Account.objects.bulk_create(
    [Account(uid=42, owner="Ada", balance=100), Account(uid=43, owner="Grace", balance=5)]
)
Transaction.objects.create(account=Account.objects.get(uid=42), amount=100)
"""


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return list(markdown_blocks((ROOT / "README.md").read_text()))


def code_of(blocks: list[Block], caption: str) -> str:
    [code] = [block.code for block in blocks if block.caption == caption]
    return code


def test_every_block_is_known(blocks: list[Block]) -> None:
    """Python has a caption, which says where it stands, and is tried below."""
    captions = [block.caption for block in blocks if block.language == "python"]
    assert captions == ["economy/money/rpc.py", "government/settings.py", "government/views.py"]
    assert {block.language for block in blocks} == {"python", "console"}


def test_both_sides_work_together(blocks: list[Block], tmp_path: Path) -> None:
    """The server with the models of the example, and the client, as they are printed."""
    shutil.copytree(
        ROOT / "example_economy" / "money",
        tmp_path / "money",
        ignore=shutil.ignore_patterns("__pycache__", "apps.py", "admin.py", "management"),
    )
    (tmp_path / "money" / "rpc.py").write_text(code_of(blocks, "economy/money/rpc.py"))
    (tmp_path / "economy_settings.py").write_text(
        "from tests.settings import *\n"
        "INSTALLED_APPS = [*INSTALLED_APPS, 'money']\n"
        f"DATABASES['default']['NAME'] = {str(tmp_path / 'economy.sqlite3')!r}\n"
    )
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "economy_settings",
    }

    def python(*arguments: str, **more: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            env={**env, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    python("-m", "django", "migrate", "-v0")
    currency = (
        "from money.models import Currency; Currency.objects.create(code='EUR', number='978')"
    )
    python("-m", "django", "shell", "-v0", "-c", f"{currency}\n{SEED}")
    with running(
        "-m", "django", "runrpcserver", "0", "--noreload", env=env, cwd=tmp_path
    ) as server:
        port = address_of(server).rpartition(":")[2]
        settings = code_of(blocks, "government/settings.py").replace("7070", port)
        (tmp_path / "government_settings.py").write_text(
            f"from tests.settings import *\n{settings}"
        )
        (tmp_path / "views.py").write_text(code_of(blocks, "government/views.py"))
        said = python("-m", "views", DJANGO_SETTINGS_MODULE="government_settings")
    amount, account, error = said.splitlines()
    assert amount == "100.00"
    assert account == "Ada 100.00"
    assert "1000000 was asked for" in error


def test_the_two_commands_exist(blocks: list[Block]) -> None:
    """Each is a single line to paste."""
    lines = [block.code.strip() for block in blocks if block.language == "console"]
    for line in ("$ python3 scripts/demo.py", "$ python3 scripts/test.py"):
        assert line in lines
        assert (ROOT / line.split()[2]).is_file()
