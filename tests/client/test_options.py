"""The options of one call."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.client.options import DEFAULT_OPTIONS, CallOptions
from chunnel.exceptions import UNSET


def test_a_changed_copy_leaves_the_original() -> None:
    """Options are frozen; unset is not None."""
    changed = DEFAULT_OPTIONS.replace(timeout=None)
    assert changed.timeout is None
    assert DEFAULT_OPTIONS.timeout is UNSET
    assert changed.replace(timeout=2).timeout == 2


@pytest.mark.parametrize(
    ("name", "hint"), [("timout", "Did you mean 'timeout'"), ("zzz", "There are timeout, idle")]
)
def test_an_unknown_option_is_named(name: str, hint: str) -> None:
    """With the nearest one, or all."""
    with pytest.raises(TypeError, match=rf"'{name}'.*{hint}"):
        DEFAULT_OPTIONS.replace(**{name: 1})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"idle": True}, TypeError),
        ({"effect": "harmless"}, ValueError),
    ],
)
def test_a_bad_value_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    """Where it is given, not where it would be used."""
    with pytest.raises(error):
        CallOptions(**options)
