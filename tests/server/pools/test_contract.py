"""The contract of pools, kept by the default pool and by the example of the how-to."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from chunnel.server.pools.handover import HandoverPool

from .contract import PoolContract, ShippedPoolContract

EXAMPLE = Path(__file__).parents[3] / "docs/howto/examples/own_pool.py"

_spec = importlib.util.spec_from_file_location("own_pool", EXAMPLE)
assert _spec is not None
assert _spec.loader is not None
own_pool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(own_pool)


class TestHandover(ShippedPoolContract):
    pool = HandoverPool


class TestExample(PoolContract):
    pool = own_pool.PlainPool

    def test_it_is_short(self) -> None:
        """A pool takes fewer than 60 lines, not counting blank ones."""
        assert len([line for line in EXAMPLE.read_text().splitlines() if line]) < 60
