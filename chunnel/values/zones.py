"""Time zones by the name or offset under which they travel.

A zone travels as None (naive), as the key of a ``ZoneInfo``, or as a fixed offset in microseconds.
A zone of another kind travels as the offset it has at that moment.

A key that arrives is looked up in the receiver's own database. It is held against a pattern first,
since ``ZoneInfo`` turns keys into paths of files.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from .limits import MAX_ZONE_NAME

Zone: TypeAlias = str | int | None

_KEY = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*")
_MICROSECOND = dt.timedelta(microseconds=1)
_MINUTE = 60_000_000  # microseconds


def zone_of(moment: dt.datetime | dt.time) -> Zone:
    """Return the zone of ``moment`` as it travels; raise ValueError if it cannot."""
    zone = moment.tzinfo
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        _zone_named(zone.key)
        return zone.key
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"the time zone {zone!r} has neither a key nor a fixed offset")
    return offset // _MICROSECOND


def name_of(zone: dt.tzinfo) -> Zone:
    """Return a zone as it travels without a moment in it; None if it cannot."""
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    offset = zone.utcoffset(None)
    return None if offset is None else offset // _MICROSECOND


def current_from(wire: object) -> dt.tzinfo:
    """Return the zone to make current; raise ValueError if it is none that databases know."""
    zone = zone_from(wire)
    if zone is None or (type(wire) is int and wire % _MINUTE):
        raise ValueError("a time zone is a key or an offset of whole minutes")
    return zone


def zone_from(wire: object) -> dt.tzinfo | None:
    """Return the zone that travels as ``wire``; raise ValueError if there is none here."""
    if wire is None:
        return None
    if type(wire) is str:
        return _zone_named(wire)
    if type(wire) is int:
        return _zone_at(wire)
    raise ValueError("a time zone is neither a key nor an offset")


@lru_cache(maxsize=1024)
def _zone_named(key: str) -> dt.tzinfo:
    if len(key) > MAX_ZONE_NAME or _KEY.fullmatch(key) is None:
        raise ValueError(f"{key[:MAX_ZONE_NAME]!r} is not the key of a time zone")
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f"the time zone {key!r} is unknown here") from error


@lru_cache(maxsize=1024)
def _zone_at(microseconds: int) -> dt.tzinfo:
    return dt.timezone(dt.timedelta(microseconds=microseconds))
