"""The contract of pools, kept by the pool "gevent". Runs in a patched process: see test_gevent."""

from __future__ import annotations

from chunnel.server.pools.gevent import GeventPool

from .contract import ShippedPoolContract


class TestGevent(ShippedPoolContract):
    pool = GeventPool
