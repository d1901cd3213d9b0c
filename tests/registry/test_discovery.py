"""Autodiscovery, as the admin's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.test import override_settings

from chunnel.registry import autodiscover, registry


@pytest.fixture
def broken_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of an app whose rpc module fails after its first exposure."""
    package = tmp_path / "broken_rpc_app"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rpc.py").write_text(
        "import math\n"
        "from chunnel import expose\n"
        "expose(math.floor)\n"
        "raise KeyError('the module is broken')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package.name
    for name in list(sys.modules):
        if name.startswith(package.name):
            del sys.modules[name]


def test_a_broken_module_raises_its_own_error(broken_app: str) -> None:
    """And what it had exposed before is withdrawn; all else stays."""
    before = dict(registry.entries)
    with override_settings(INSTALLED_APPS=["tests.apps.bank", broken_app]):
        with pytest.raises(KeyError, match="the module is broken") as raised:
            autodiscover()
        assert raised.traceback[-1].path.name == "rpc.py"
        assert dict(registry.entries) == before


def test_an_app_without_rpc_module() -> None:
    with override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"]):
        autodiscover()


def test_the_bank_was_discovered() -> None:
    assert "bank.balance" in registry
    assert "bank.Account.objects.overdrawn" in registry
