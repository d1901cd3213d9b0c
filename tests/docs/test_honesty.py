"""What the page about honesty claims of requests is true of the library, behind a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from chunnel.test import assertNumRPCs

from ..live import ROOT
from ..parity.databases import SQLITE, database
from ..parity.world import sides, world
from .blocks import rst_blocks

BLOCKS = list(rst_blocks((ROOT / "docs" / "explanation" / "honesty.rst").read_text()))


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("honesty")
    with django_db_blocker.unblock(), database(SQLITE, folder) as url:
        with world("honesty", url) as made, sides(made):
            yield
            connections["default"].close()


@pytest.mark.usefixtures("served")
def test_the_code_works() -> None:
    """From the first block to the last, each after the ones before it."""
    names: dict[str, Any] = {}
    for block in BLOCKS:
        assert block.language == "python"
        exec(compile(block.code, "honesty.rst", "exec"), names)
    with assertNumRPCs(1):
        assert names["Book"].objects.get(pk="9780000000001").pages == 41
