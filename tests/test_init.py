"""The package itself: lazy, complete and typed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import chunnel

HEAVY = ("django", "zmq", "msgpack", "gevent", "chunnel.client", "chunnel.registry")


def _imported_by(code: str) -> set[str]:
    source = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_import_is_lazy() -> None:
    """To import the package is to import nothing of its rooms."""
    assert not _imported_by("import chunnel; chunnel.__version__; dir(chunnel)") & set(HEAVY)


def test_exposing_needs_neither_zmq_nor_the_client() -> None:
    """A module that exposes things does not open a client's library."""
    imported = _imported_by("from chunnel import expose, register, ModelRPC")
    assert "chunnel.registry" in imported
    assert not {"zmq", "chunnel.client"} & imported


def test_every_name_is_there() -> None:
    """What the package promises can be imported, and nothing else."""
    for name in chunnel.__all__:
        assert getattr(chunnel, name) is not None
        assert name in dir(chunnel)
    with pytest.raises(AttributeError, match="'chunnel' has no attribute 'nothing'"):
        chunnel.nothing  # type: ignore[attr-defined]


def test_type_checkers_see_the_same_names() -> None:
    """The imports for type checkers name exactly what is fetched lazily."""
    tree = ast.parse(Path(chunnel.__file__).read_text())
    seen = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen | {"__version__"} == set(chunnel.__all__)


def test_version_is_a_plain_literal() -> None:
    """setuptools reads it without importing anything."""
    tree = ast.parse(Path(chunnel.__file__).read_text())
    found = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert found == [chunnel.__version__]
