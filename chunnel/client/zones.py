"""The time zone that a plan is evaluated in: the one that is current where its queryset is.

Lookups of dates, ``Trunc`` and its like depend on Django's current time zone. It travels with each
request for rows as the metadata key ``zone``: the name of a ``ZoneInfo``, or a fixed offset. A zone
of another kind does not travel, and the server's own counts.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from django.utils import timezone

from ..values.zones import Zone, name_of
from .options import CallOptions

KEY = "zone"


def in_zone(options: CallOptions) -> CallOptions:
    """Return the options with the current time zone, unless they name one already."""
    zone = _named(timezone.get_current_timezone())
    if zone is None or KEY in options.meta:
        return options
    if options.refine is not None or options.meta:
        return options.replace(meta={**options.meta, KEY: zone})
    return _plain(options, zone)


@lru_cache(maxsize=256)
def _named(zone: dt.tzinfo) -> Zone:
    return name_of(zone)


@lru_cache(maxsize=256)
def _plain(options: CallOptions, zone: Zone) -> CallOptions:
    return options.replace(meta={KEY: zone})
