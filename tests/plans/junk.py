"""What a hostile peer may send in the place of a plan: nearly right, or not at all."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from chunnel.plans import expressions, wire

UNHURRIED = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
"""A busy machine is no fault, and neither is a large plan."""

WORDS = (
    *wire._READERS,
    *expressions._READERS,
    *("=", "=e", "?", "and", "or", "xor", "filter", "default", "output_field", "bank.Account"),
    *("union", "value", "exists", "rows", "first", "last", "uid"),
)


def junk() -> st.SearchStrategy[Any]:
    """Return lists within lists, of the words that plans are made of and of anything else."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.binary(max_size=3)
        | st.sampled_from(WORDS)
    )
    return st.recursive(leaves, _around, max_leaves=25)


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    told = st.builds(lambda word, rest: [word, *rest], st.sampled_from(WORDS), st.lists(inner))
    return told | st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner)
