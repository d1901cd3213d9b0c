"""A library that is served over a real socket, and calls itself "economy"."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chunnel.test import live_server
from tests.apps.library.seed import fill


@pytest.fixture
def library(transactional_db: None) -> Iterator[str]:
    """The rows of ``seed``."""
    fill("default")
    with live_server("economy") as address:
        yield address
