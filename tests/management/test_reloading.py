"""What is looked at; that a broken server comes back is tried in tests/integration."""

from __future__ import annotations

from pathlib import Path

import chunnel.management.reloading
import tests.apps.bank
from chunnel.management.reloading import CodeFiles


def test_imported_files_and_those_beside_them_are_code() -> None:
    """A module that nobody imported yet may be the one that is broken."""
    found = set(CodeFiles().times())
    bank = Path(tests.apps.bank.__file__).parent
    assert Path(chunnel.management.reloading.__file__) in found
    assert set(bank.glob("**/*.py")) <= found
    assert Path(__file__).parent.parent / "settings_for_types.py" in found
