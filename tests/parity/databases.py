"""The databases that local querysets and the server share: a file of SQLite's, or PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from ..settings import DATABASES

SQLITE, POSTGRESQL = "sqlite", "postgresql"


def settings_of(url: str) -> dict[str, Any]:
    """Return Django's settings of a database: ``sqlite:////tmp/file`` or ``postgres://…``."""
    parts = urlsplit(url)
    if parts.scheme == SQLITE:
        return {**DATABASES["default"], "NAME": parts.path[1:]}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
    }


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database; skip where there is none, except in CI."""
    if kind == SQLITE:
        yield f"sqlite:///{folder}/parity.sqlite3"
        return
    url = os.environ.get("CHUNNEL_TEST_POSTGRES")
    if not url:
        reason = "CHUNNEL_TEST_POSTGRES names no PostgreSQL database"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    name = f"parity_{uuid.uuid4().hex}"
    _execute(url, [f"CREATE DATABASE {name}"])
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        _execute(url, [f"DROP DATABASE {name} WITH (FORCE)"])


def _execute(url: str, statements: Iterable[str]) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for each in statements:
            connection.execute(each)  # type: ignore[call-overload]
