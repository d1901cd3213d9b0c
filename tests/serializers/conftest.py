"""Every serializer, one after another: those that are shipped, and the one of the how-to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chunnel.serializers import Serializer, load

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "examples"


@pytest.fixture(scope="session", params=["msgpack", "json", "deflated.DeflatedSerializer"])
def serializer_class(request: pytest.FixtureRequest) -> Iterator[type[Serializer]]:
    """Each serializer's class, loaded by the name that stands in settings."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield load(request.param)
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="session")
def serializer(serializer_class: type[Serializer]) -> Serializer:
    """Each serializer, without types of a project's own."""
    return serializer_class()
