"""A balancer that prefers the endpoints of this data centre while one of them is up."""

from __future__ import annotations

from collections.abc import Sequence

from chunnel.client.balancers import RoundRobin, Target


class NearestFirst(RoundRobin):
    """In turn among the targets whose address begins with the option ``near``, if there is one."""

    def pick(self, targets: Sequence[Target]) -> Target:
        near = [each for each in targets if each.endpoint.startswith(self.options["near"])]
        return super().pick(near or targets)
