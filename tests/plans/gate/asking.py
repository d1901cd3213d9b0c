"""Asking the gate."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.exceptions import QueryRefused

from .declared import check


def allowed(*steps: Any) -> bool:
    """Say whether a plan of these steps passes."""
    try:
        check(*steps)
    except QueryRefused:
        return False
    return True


def refusal(*steps: Any) -> str:
    """Return why a plan of these steps does not pass."""
    with pytest.raises(QueryRefused) as raised:
        check(*steps)
    assert not raised.value.maybe_executed
    return str(raised.value)
