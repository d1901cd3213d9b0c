"""PostgreSQL beside the database of the tests, for what differs there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import ConnectionHandler, connections


@contextmanager
def postgresql(alias: str = "postgresql", **more: Any) -> Iterator[str]:
    """Yield the alias of a PostgreSQL database; skip where none was named, except in CI.

    ``more`` are settings of its.
    """
    url = os.environ.get("CHUNNEL_TEST_POSTGRES")
    if not url:
        reason = "CHUNNEL_TEST_POSTGRES names no PostgreSQL database"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    parts = urlsplit(url)
    settings = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        **more,
    }
    # It is this thread's alone, and in no settings: Django's own guards of tests let those pass.
    connection = ConnectionHandler({"default": {}, alias: settings})[alias]
    connections[alias] = connection
    try:
        yield alias
    finally:
        connection.close()
        del connections[alias]
