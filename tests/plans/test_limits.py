"""The caps on a plan."""

from __future__ import annotations

from dataclasses import fields

import pytest

from chunnel.plans import DEFAULT_LIMITS, QueryLimits


def test_names_of_the_setting() -> None:
    """Each limit is set by its name in capitals; limits of other rooms are not ours to judge."""
    for field in fields(QueryLimits):
        changed = QueryLimits.from_settings({field.name.upper(): 7, "MAX_MESSAGE": 5})
        assert getattr(changed, field.name) == 7
    assert QueryLimits.from_settings({}) == DEFAULT_LIMITS


def test_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="many"):
        QueryLimits.from_settings({"QUERY_LIST": "many"})
