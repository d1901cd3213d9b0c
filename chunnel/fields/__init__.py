"""Fields of this project's models whose values belong to another project.

The rules:

* ``RemoteForeignKey`` is a column with the key of a remote row (``foreign``). To this database it
  is no relation: no constraint, no join, nothing cascades. Making migrations, checks and queries by
  key need neither the server nor the client, which is imported only when a row is wanted.
* The row behind the key follows the fetch rules of remote instances: what was not fetched raises,
  unless the remote's ``FETCH_MODE`` is "peers" (``access``).
* Prefetching fetches the rows behind all keys of a list in one request, by way of Django's own
  ``prefetch_related`` (``prefetching``).
* A form asks whether a key leads somewhere when it is validated, never when it is shown; a choice
  among the rows is made for who asks for one (``forms``).
"""

from __future__ import annotations

from .foreign import RemoteForeignKey
from .prefetching import (
    PrefetchRemoteManager,
    PrefetchRemoteMixin,
    PrefetchRemoteQuerySet,
    aprefetch_remote,
    prefetch_remote,
)

__all__ = [
    "PrefetchRemoteManager",
    "PrefetchRemoteMixin",
    "PrefetchRemoteQuerySet",
    "RemoteForeignKey",
    "aprefetch_remote",
    "prefetch_remote",
]
