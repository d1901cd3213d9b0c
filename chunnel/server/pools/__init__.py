"""Pools: who reads a server's link, and where its calls run. See ``base`` for the contract."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .base import Pool

SHIPPED = {
    "threads": "chunnel.server.pools.handover.HandoverPool",
    "gevent": "chunnel.server.pools.gevent.GeventPool",
}


def load(name: str) -> type[Pool]:
    """Return the pool class called ``name``: "threads", "gevent", or the dotted path of one's own.

    Raise ImproperlyConfigured where there is none, or what it needs is not installed.
    """
    path = SHIPPED.get(name, name)
    if "." not in path:
        known = ", ".join(map(repr, SHIPPED))
        raise ImproperlyConfigured(
            f"POOL {name!r} is neither one of {known} nor the dotted path of a class."
        )
    try:
        found = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"POOL {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Pool)):
        raise ImproperlyConfigured(
            f"POOL {name!r} is not a subclass of chunnel.server.pools.base.Pool."
        )
    return found
