"""The reference names everything that there is: errors, settings, options, with their defaults."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import chunnel
from chunnel import exceptions
from chunnel.conf import options as known
from chunnel.conf import reading, server_settings
from chunnel.plans.limits import DEFAULT_LIMITS
from chunnel.transports.zmq.options import ZmqOptions

from ..live import ROOT

REFERENCE = ROOT / "docs" / "reference"
SETTINGS = (REFERENCE / "settings.rst").read_text()
CLASSES = [
    value
    for name, value in vars(exceptions).items()
    if inspect.isclass(value) and value.__module__ == exceptions.__name__ and name[0] != "_"
]
KEYS = {
    "CHUNNEL_REMOTES": reading._REMOTE_KEYS,
    "CHUNNEL_SERVER": (*reading._SERVER_KEYS, *reading._BIND_KEYS),
    "CHUNNEL_CLIENT": reading._CLIENT_KEYS,
}
# Where an option is read: its name, and the constant of that module which is its default.
READ = re.compile(r'\.get\("(?P<name>[a-z_]+)", (?P<default>[A-Z_]+)\)')


def section(title: str) -> str:
    """Return what stands in settings.rst below ``title``, up to the next title."""
    match = re.search(
        rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n---|\Z)", SETTINGS, re.MULTILINE | re.DOTALL
    )
    assert match is not None, title
    return match[1]


def shown(name: str) -> str:
    """Return the default that a table of settings.rst gives for ``name``."""
    match = re.search(rf"^   \* - ``{name}``\n     - (.+)$", SETTINGS, re.MULTILINE)
    assert match is not None, name
    return match[1].strip("`")


def number(text: str) -> float:
    """Return the number that a person wrote: 10,000 or 64 MiB."""
    figure, _, unit = text.replace(",", "").partition(" ")
    return float(figure) * {"": 1, "MiB": 2**20}[unit]


def options() -> dict[str, float]:
    """Return every option that the code reads, with its default."""
    found: dict[str, float] = {}
    for path in (ROOT / "chunnel").rglob("*.py"):
        for match in READ.finditer(path.read_text()):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[match["name"]] = getattr(importlib.import_module(name), match["default"])
    return found


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build the documentation; return the page of each object that it describes."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("docs")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "sphinx.ext.intersphinx", str(folder / "objects.inv")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.findall(r"^\s+(chunnel[\w.]*)\s.*?(\S+\.html)#", listed.stdout, re.MULTILINE)
    return dict(found)


def test_every_error_is_described(inventory: dict[str, str]) -> None:
    pages = {each: inventory.get(f"{each.__module__}.{each.__name__}") for each in CLASSES}
    assert set(pages.values()) == {"reference/errors.html"}, pages


def test_every_error_can_be_imported_from_the_package() -> None:
    errors = [each for each in CLASSES if issubclass(each, Exception)]
    assert errors
    assert [each for each in errors if getattr(chunnel, each.__name__, None) is not each] == []


@pytest.mark.parametrize(
    ("setting", "key"), [(setting, key) for setting, keys in KEYS.items() for key in keys]
)
def test_every_key_is_described(setting: str, key: str) -> None:
    assert f"``{key}``" in section(setting)


def test_every_option_is_described() -> None:
    found = options()
    assert set(found) == {*known.SERVER, *known.POOL, *known.REMOTE}
    assert {name: number(shown(name)) for name in found} == found


def test_every_option_of_the_transport_is_described() -> None:
    found = {each.name: getattr(ZmqOptions(), each.name) for each in fields(ZmqOptions)}
    assert set(found) == set(known.ZMQ)
    assert {name: number(shown(name)) for name in found} == found


def test_every_limit_of_queries_is_described() -> None:
    for each in fields(DEFAULT_LIMITS):
        assert number(shown(each.name.upper())) == getattr(DEFAULT_LIMITS, each.name)


def test_the_defaults_of_the_server_are_those_of_the_page() -> None:
    settings = server_settings()
    for key in ("WORKERS", "CONCURRENCY", "STREAMS", "QUEUE"):
        assert number(shown(key)) == getattr(settings, key.lower())
    assert shown("POOL") == f'"{settings.pool}"'


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert Path(ROOT, page).parent.joinpath(link).exists(), link
