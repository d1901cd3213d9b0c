"""The words that no step of a name can be, which those who expose and those who call must know."""

from __future__ import annotations

import keyword
from typing import Final

NOT_STEPS: Final = frozenset(
    {
        "alters_data",
        "as_sql",
        "as_manager",
        "contribute_to_class",
        "deconstruct",
        "do_not_call_in_templates",
        "get_source_expressions",
        "prepare_database_save",
        "resolve_expression",
    }
)
"""Words that Django looks for on any object; finding one would change what Django does with it."""


def can_be_written(name: str) -> bool:
    """Say whether callers can write a remote name as an attribute and get what it stands for."""
    return not keyword.iskeyword(name) and name not in NOT_STEPS
