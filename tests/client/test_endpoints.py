"""Which endpoints are worth asking."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chunnel.client.balancers import RoundRobin
from chunnel.client.connections import EndpointPool
from chunnel.client.endpoints import FIRST_BACKOFF, MAX_BACKOFF, Endpoints, Health
from chunnel.client.threads import start_thread
from chunnel.links import ClientLink

from .conftest import eventually
from .echo import serving
from .test_connections import Clock, dial


def test_back_off_doubles_to_a_bound() -> None:
    """And begins anew after a recovery."""
    health = Health()
    assert health.healthy
    waits = []
    for _ in range(12):
        health.failed("refused", 0.0)
        waits.append(health.retry_at)
    assert waits[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert waits[-1] == MAX_BACKOFF
    assert not health.healthy
    health.recovered()
    health.failed("refused", 0.0)
    assert health.retry_at == FIRST_BACKOFF


@pytest.mark.parametrize("reason", ["{}: refused", "refused"])
def test_the_log_names_an_ejected_endpoint_once(
    caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    with serving() as one:
        endpoints = Endpoints([EndpointPool(one.address, dial)], RoundRobin({}), Clock())
        endpoints.failed(one.address, reason.format(one.address))
        [text] = caplog.messages
        assert text == f"An endpoint is left out until it answers: {one.address}: refused"
        endpoints.close()


def test_the_ejected_are_probed_when_their_time_has_come() -> None:
    """In the background, while a healthy one takes the calls; then they take part again."""
    clock = Clock()
    with serving() as alive, serving() as other:
        pools = [EndpointPool(one.address, dial, clock=clock) for one in (alive, other)]
        endpoints = Endpoints(pools, RoundRobin({}), clock)
        endpoints.failed(other.address, "refused")
        picked = {endpoints.pick().endpoint for _ in range(4)}  # type: ignore[union-attr]
        assert picked == {alive.address}
        assert not pools[1].open
        clock.ahead += 2 * FIRST_BACKOFF
        eventually(lambda: endpoints.pick().endpoint == other.address)  # type: ignore[union-attr]
        assert pools[1].open == 1  # what the probe opened is left for a caller
        assert endpoints.health[other.address].healthy
        endpoints.close()


def test_a_probe_that_finds_all_slots_taken_proves_nothing() -> None:
    """Those who hold them may wait for a dead server; the next probe comes later."""
    clock = Clock()
    with serving() as alive, serving() as other:
        pools = [EndpointPool(one.address, dial, limit=1, clock=clock) for one in (alive, other)]
        taken = pools[1].borrow(pools[1].places[0], None, 5.0)
        endpoints = Endpoints(pools, RoundRobin({}), clock)
        endpoints.failed(other.address, "wedged")
        health = endpoints.health[other.address]
        clock.ahead += 2 * FIRST_BACKOFF
        endpoints.pick()
        eventually(lambda: health.failures == 2 and not health.probing)
        assert health.reason == "wedged"
        assert not health.healthy
        pools[1].give_back(taken)
        endpoints.close()


@pytest.mark.parametrize("where", ["dial", "thread"])
def test_a_probe_that_goes_wrong_in_any_way_is_made_again_later(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the dial raises something strange or there is no thread for it."""
    clock = Clock()
    broken = [True]

    def sometimes(endpoint: str, timeout: float) -> ClientLink:
        if broken[0] and where == "dial":
            raise KeyError("strange")
        return dial(endpoint, timeout)

    def start(target: Callable[[], object], name: str) -> None:
        if broken[0] and where == "thread":
            raise RuntimeError("can't start new thread")
        start_thread(target, name)

    with serving() as alive, serving() as other:
        pools = [EndpointPool(one.address, sometimes, clock=clock) for one in (alive, other)]
        endpoints = Endpoints(pools, RoundRobin({}), clock)
        endpoints._start = start
        endpoints.failed(other.address, "refused")
        health = endpoints.health[other.address]
        clock.ahead += 2 * FIRST_BACKOFF
        endpoints.pick()
        eventually(lambda: health.failures == 2 and not health.probing)
        assert ("strange" if where == "dial" else "thread") in health.reason
        broken[0] = False
        clock.ahead += 4 * FIRST_BACKOFF
        eventually(lambda: endpoints.pick() and health.healthy)
        endpoints.close()


def test_when_none_is_healthy_all_are_tried() -> None:
    """Each once; then there is nothing left to pick."""
    clock = Clock()
    pools = [EndpointPool(f"tcp://127.0.0.1:{port}", dial, clock=clock) for port in (1, 2)]
    endpoints = Endpoints(pools, RoundRobin({}), clock)
    for pool in pools:
        endpoints.failed(pool.endpoint, "refused")
    first = endpoints.pick()
    assert first is not None
    second = endpoints.pick({first.endpoint})
    assert second is not None
    assert {first.endpoint, second.endpoint} == set(endpoints.pools)
    assert endpoints.pick({first.endpoint, second.endpoint}) is None
    assert endpoints.pick({first}, only=first.endpoint) is None
    assert endpoints.pick(only=second.endpoint) is second
