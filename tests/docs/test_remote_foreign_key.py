"""The how-to does what it says: its models, forms and sessions, with the example economy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..live import ROOT, address_of, run, running
from .blocks import Block, rst_blocks

PAGE = ROOT / "docs" / "howto" / "remote-foreign-key.rst"

SETTINGS = """
SECRET_KEY = "-"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.messages", "django.contrib.sessions", "chunnel", "people",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "people.sqlite3"}}
CHUNNEL_REMOTES = {"economy": "ECONOMY"}
"""
URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
"""
SEED = """
from example_economy.money.models import Account, Currency
Currency.objects.get_or_create(code="EUR", defaults={"number": "978", "name": "Euro"})
Account.objects.create(uid=1, owner="Ada", balance=70)
Account.objects.create(uid=2, owner="Bela", balance=20)
"""
DOCTEST = """
import doctest
import django
django.setup()
print(doctest.testfile("session.txt", module_relative=False, optionflags=doctest.ELLIPSIS))
"""
VISIT = """
import re
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from chunnel.test import assertNumRPCs
from people.forms import CitizenForm
client = Client()
client.force_login(User.objects.create_superuser("root"))
with assertNumRPCs(2):
    html = client.get("/admin/people/citizen/").content.decode()
print(re.findall(r'field-account">(.*?)</td>', html))
with assertNumRPCs(1):
    print(re.findall(r">(.*)</option>", str(CitizenForm()["account"]))[1:])
"""


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return list(rst_blocks(PAGE.read_text()))


def test_every_block_is_of_a_kind_that_is_tried(blocks: list[Block]) -> None:
    assert blocks
    assert all(block.language == "pycon" or block.caption for block in blocks)


def test_the_page_works(blocks: list[Block], tmp_path: Path) -> None:
    """Its project is made, migrated with nobody there, and then run against the economy."""
    economy = {
        "DJANGO_SETTINGS_MODULE": "example_economy.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/economy.sqlite3",
    }
    for command in (("migrate", "-v0"), ("shell", "-c", SEED)):
        ended = run("manage.py", *command, env=economy)
        assert ended.returncode == 0, ended.stderr

    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "__init__.py").touch()
    (tmp_path / "urls.py").write_text(URLS)
    (tmp_path / "settings.py").write_text(SETTINGS.replace("ECONOMY", "zmq://127.0.0.1:1"))
    sessions = ""
    for block in blocks:
        if block.caption:
            (tmp_path / block.caption).write_text(block.code)
        else:
            sessions += block.code
    (tmp_path / "session.txt").write_text(sessions)

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
                "DJANGO_SETTINGS_MODULE": "settings",
            },
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    python("-m", "django", "makemigrations", "people")
    python("-m", "django", "migrate", "-v0")
    with running("manage.py", "runrpcserver", "0", "--noreload", env=economy) as server:
        address = address_of(server).replace("tcp://", "zmq://")
        (tmp_path / "settings.py").write_text(SETTINGS.replace("ECONOMY", address))
        tried = sessions.count(">>>")
        assert python("-c", DOCTEST) == f"TestResults(failed=0, attempted={tried})\n"
        # The sessions set Ada's key and did not save it.
        said = python("-c", VISIT)
    assert said.splitlines() == [
        "['-', 'Account object (2)', 'Account object (1)']",
        "['Account object (1)', 'Account object (2)']",
    ]
