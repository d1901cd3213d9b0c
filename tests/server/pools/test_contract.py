"""The contract of pools, kept by the default pool and by the example of the documentation."""

from __future__ import annotations

from chunnel.server.pools.handover import HandoverPool

from .contract import PoolContract


class TestHandover(PoolContract):
    pool = HandoverPool
