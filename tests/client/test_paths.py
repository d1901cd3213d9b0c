"""Paths: what makes names values."""

from __future__ import annotations

import pickle

import pytest

from chunnel.client.paths import Path


def test_value() -> None:
    """Equal by kind, alias and path; hashed and pickled by them."""

    assert Path("economy", "money") == Path("economy", "money")
    assert Path("economy", "money") != Path("economy", "health")
    assert Path("economy", "money") != Path("education", "money")
    assert Path("economy") != "economy"
    assert len({Path("economy"), Path("economy"), Path("economy", "money")}) == 2
    assert pickle.loads(pickle.dumps(Path("economy", "money"))) == Path("economy", "money")


def test_cannot_be_changed() -> None:
    """Nothing can be set or deleted."""
    path = Path("economy")
    with pytest.raises(AttributeError, match="override_remote"):
        path.money = 3
    with pytest.raises(AttributeError):
        del path._alias
