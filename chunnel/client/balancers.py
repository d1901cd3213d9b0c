"""Balancers: which endpoint the next call goes to.

A balancer knows nothing of sockets, health or retries. It is handed the targets that are worth
asking at this moment, at least one, and picks one of them. Many threads call ``pick`` at once, on
one balancer for each remote; it must not block.
"""

from __future__ import annotations

import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string


class Target(Protocol):
    """What a balancer sees of a place a call can go to."""

    @property
    def endpoint(self) -> str:
        """The address, as it stands in the settings."""

    @property
    def instance(self) -> str | None:
        """The server process behind the address, or None where it is not known yet."""

    @property
    def in_use(self) -> int:
        """How many connections of this client are busy with calls to it now."""


class Balancer(ABC):
    """Picks a target for each call. Made once for each remote with that remote's OPTIONS."""

    def __init__(self, options: Mapping[str, Any]):
        self.options = options

    @abstractmethod
    def pick(self, targets: Sequence[Target]) -> Target:
        """Return one of ``targets``, which is not empty. Called by many threads at once."""


class RoundRobin(Balancer):
    """Each target in turn; exact over all threads together while the targets stay the same."""

    def __init__(self, options: Mapping[str, Any]):
        super().__init__(options)
        self._turn = itertools.count().__next__  # one C call, which threads cannot tear apart

    def pick(self, targets: Sequence[Target]) -> Target:
        return targets[self._turn() % len(targets)]


class Random(Balancer):
    """Any target, by chance: for many short-lived processes, which all begin with the first."""

    def pick(self, targets: Sequence[Target]) -> Target:
        return random.choice(targets)  # noqa: S311 - nothing is secret here


class LeastUsed(Balancer):
    """The target with the fewest calls of this client under way; among equals, each in turn."""

    def __init__(self, options: Mapping[str, Any]):
        super().__init__(options)
        self._turn = itertools.count().__next__

    def pick(self, targets: Sequence[Target]) -> Target:
        start = self._turn() % len(targets)
        return min((*targets[start:], *targets[:start]), key=_in_use)


def _in_use(target: Target) -> int:
    return target.in_use


BALANCERS: Mapping[str, type[Balancer]] = MappingProxyType(
    {"round_robin": RoundRobin, "random": Random, "least_used": LeastUsed}
)


def load(name: str) -> type[Balancer]:
    """Return the balancer class called ``name``: a short name, or a dotted path to a class.

    Raise ImproperlyConfigured if there is none.
    """
    found = BALANCERS.get(name)
    if found is not None:
        return found
    if "." not in name:
        known = ", ".join(BALANCERS)
        raise ImproperlyConfigured(f"There is no balancer {name!r}; there are {known}, or a path.")
    try:
        cls = import_string(name)
    except ImportError as error:
        raise ImproperlyConfigured(f"The balancer {name!r} cannot be imported: {error}") from error
    if not (isinstance(cls, type) and issubclass(cls, Balancer)):
        raise ImproperlyConfigured(f"{name!r} is not a subclass of {__name__}.Balancer.")
    return cls
