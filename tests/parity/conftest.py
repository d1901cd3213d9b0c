"""Both sides of each database, made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .databases import POSTGRESQL, SQLITE, database
from .world import Sides, World, sides, world

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.leaks("connections are shared by the tests of a module"))


class Worlds:
    """The worlds of this session, each made when the first test asks for it."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory):
        self._stack = stack
        self._factory = factory
        self._made: dict[str, World | None] = {}

    def __getitem__(self, kind: str) -> World:
        if kind not in self._made:
            url = self._stack.enter_context(database(kind, self._factory.mktemp("parity")))
            self._made[kind] = None
            self._made[kind] = self._stack.enter_context(world(kind, url))
        found = self._made[kind]
        assert found is not None, "its server did not start; the first test says why"
        return found


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Worlds]:
    with django_db_blocker.unblock(), ExitStack() as stack:
        yield Worlds(stack, tmp_path_factory)


@pytest.fixture(scope="session", params=[SQLITE, POSTGRESQL])
def chosen(request: pytest.FixtureRequest, worlds: Worlds) -> World:
    return worlds[request.param]


@pytest.fixture(scope="module")
def both(chosen: World, django_db_blocker: Any) -> Iterator[Sides]:
    """Both sides: the local models and the remote ones. The tests of a module share connections."""
    with django_db_blocker.unblock(), sides(chosen) as found:
        yield found
