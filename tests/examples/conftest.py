"""Both example projects, for real: a database, a server and a website each test can ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ..live import Process, address_of, free_port, run


class Economy(NamedTuple):
    """A running economy: where it serves, and the environment of its commands."""

    address: str
    env: dict[str, str]


def environment(project: str, database: str, **more: str) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": f"example_{project}.settings",
        "DATABASE_URL": database,
        **more,
    }


def manage(env: dict[str, str], *arguments: str) -> str:
    """Run a command of an example to its end and return what it printed."""
    ended = run("-W", "error", "manage.py", *arguments, env=env)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def postgres() -> str:
    """Return the URL of an empty PostgreSQL database; skip where none was named, except in CI."""
    url = os.environ.get("CHUNNEL_TEST_POSTGRES")
    if not url:
        reason = "CHUNNEL_TEST_POSTGRES names no PostgreSQL database"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def economy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Economy]:
    """The economy, seeded with a tenth of its accounts, served by one process."""
    folder = tmp_path_factory.mktemp("economy")
    if request.param == "postgresql":
        database = postgres()
    else:
        database = f"sqlite:///{folder}/economy.sqlite3"
    env = environment("economy", database)
    manage(env, "migrate", "-v0")
    manage(env, "seed", "--accounts", "1000", "--transactions", "10000")
    server = Process("-W", "error", "manage.py", "runrpcserver", "0", "--noreload", env=env)
    try:
        yield Economy(address_of(server), env)
    finally:
        server.close()
        manage(env, "migrate", "money", "zero", "-v0")


@pytest.fixture(scope="session")
def government(economy: Economy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the government's commands."""
    folder: Path = tmp_path_factory.mktemp("government")
    env = environment(
        "government",
        f"sqlite:///{folder}/government.sqlite3",
        ECONOMY_RPC=economy.address.replace("tcp://", "zmq://"),
    )
    manage(env, "migrate", "-v0")
    return env


@pytest.fixture(scope="session", params=["wsgi", "asgi"])
def website(request: pytest.FixtureRequest, government: dict[str, str]) -> Iterator[str]:
    """The address of the government's website, under both kinds of server."""
    port = free_port()
    if request.param == "asgi":
        application = "example_government.asgi:application"
        command = ("-m", "uvicorn", application, "--port", str(port), "--lifespan", "off")
        ready = "Uvicorn running"
    else:
        command = ("manage.py", "runserver", f"127.0.0.1:{port}", "--noreload")
        ready = "Quit the server"
    server = Process(*command, env=government)
    try:
        server.line_with(ready)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
