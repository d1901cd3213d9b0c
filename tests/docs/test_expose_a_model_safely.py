"""The how-to does what it says: its models and declarations are served, its sessions are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..live import ROOT, address_of, running
from .blocks import Block, rst_blocks

PAGE = ROOT / "docs" / "howto" / "expose-a-model-safely.rst"

SETTINGS = """
SECRET_KEY = "-"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["chunnel", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}
CHUNNEL_SERVER = {"NAME": "shop"}
CHUNNEL_REMOTES = {"shop": "ADDRESS"}
"""
SEED = """
import datetime
from shop.models import Customer, Order
for key, (name, region) in enumerate([("Ada", "north"), ("Bela", "north"), ("Carla", "south")], 1):
    customer = Customer.objects.create(id=key, name=name, region=region, password="pbkdf2$" + name)
    Order.objects.create(
        customer=customer, placed=datetime.date(2024, key, 1), amount=15.5 * key - 5.5, cost=9
    )
"""
DOCTEST = """
import doctest
import django
django.setup()
print(doctest.testfile("session.txt", module_relative=False))
"""


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return list(rst_blocks(PAGE.read_text()))


def test_every_block_is_of_a_kind_that_is_tried(blocks: list[Block]) -> None:
    assert blocks
    assert all(block.language == "pycon" or block.caption for block in blocks)


def test_the_page_works(blocks: list[Block], tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "settings.py").write_text(SETTINGS.replace("ADDRESS", "zmq://127.0.0.1:1"))
    sessions = ""
    for block in blocks:
        if block.caption:
            (tmp_path / block.caption).write_text(block.code)
        else:
            sessions += block.code
    (tmp_path / "session.txt").write_text(sessions)
    env = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "settings",
    }

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    python("-m", "django", "migrate", "--run-syncdb", "-v0")
    python("-m", "django", "shell", "-v0", "-c", SEED)
    serve = ("-m", "django", "runrpcserver", "0", "--noreload")
    with running(*serve, env=env, cwd=tmp_path) as server:
        address = address_of(server).replace("tcp://", "zmq://")
        (tmp_path / "settings.py").write_text(SETTINGS.replace("ADDRESS", address))
        tried = sessions.count(">>>")
        said = python("-c", DOCTEST)
    assert said == f"TestResults(failed=0, attempted={tried})\n", said
