"""The library behind a real server, and the libraries as a project that uses them has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import modify_settings

from ..parity.databases import SQLITE, database
from ..parity.world import World, sides, world

LIBRARIES = ["rest_framework", "django_filters", "django_tables2"]


@pytest.fixture(scope="session")
def library_server(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[World]:
    with (
        django_db_blocker.unblock(),
        database(SQLITE, tmp_path_factory.mktemp("libraries")) as url,
        world("libraries", url) as made,
    ):
        yield made


@pytest.fixture(autouse=True)
def served(library_server: World, django_db_blocker: Any) -> Iterator[None]:
    """Lead the remote to the server; whatever asks a database of this project fails."""
    with sides(library_server), modify_settings(INSTALLED_APPS={"append": LIBRARIES}):
        yield
