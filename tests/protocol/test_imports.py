"""What the protocol may import: whoever takes it out of here takes nothing else with it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chunnel.protocol

FOLDER = Path(chunnel.protocol.__file__).parent
MODULES = sorted(FOLDER.glob("**/*.py"))


def foreign_imports(source: str, depth: int) -> Iterator[str]:
    """Yield what a module imports that is neither standard, nor msgpack, nor of its own package.

    ``depth`` says how many packages of the protocol it stands in: more dots lead out of it.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.level > depth:
                yield f"{'.' * node.level}{node.module or ''}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
            for name in names:
                if name.partition(".")[0] not in {*sys.stdlib_module_names, "msgpack"}:
                    yield name


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_only_the_standard_library_and_msgpack(module: Path) -> None:
    """Also inside functions and under TYPE_CHECKING."""
    depth = len(module.relative_to(FOLDER).parts)
    assert list(foreign_imports(module.read_text(), depth)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import zmq",
        "from django.conf import settings",
        "from ..values import columns",
        "from .. import conf",
        "def f():\n    import gevent.monkey",
        "import chunnel",
    ],
)
def test_what_is_foreign_is_found(source: str) -> None:
    assert list(foreign_imports(source, 1))


def test_what_is_allowed_is_not() -> None:
    source = "import os.path\nimport msgpack\nfrom . import codec\nfrom .messages import Call"
    assert list(foreign_imports(source, 1)) == []
