"""Where related rows stand, as it travels.

A related row is sent once, however many rows lead to it; each of them has its place. Where a row
leads to one other, the places are a list of integers and None. Where it leads to many, they are
``[counts, places]``: how many each row has, and the places of all, one after the other, which packs
smaller and faster than a list for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

from .models import Related

_PLACE_OR_NONE = {int, type(None)}


def pack_places(related: Related) -> list[Any]:
    """Return the places as they travel."""
    if not related.many:
        return list(related.places)
    places: list[Sequence[int]] = list(related.places)  # type: ignore[arg-type]
    return [list(map(len, places)), list(chain.from_iterable(places))]


def unpack_places(wire: Any, many: bool, owners: int, rows: int) -> list[Any]:
    """Return the places of ``owners`` rows among ``rows`` related ones.

    Raise ValueError if there are more or fewer, or if one leads nowhere.
    """
    if type(wire) is not list:
        raise ValueError("the places of related rows are not a list")
    if not many:
        if len(wire) != owners:
            raise ValueError("there is not a place for each row")
        if not _PLACE_OR_NONE.issuperset(map(type, wire)):
            raise ValueError("a place of a related row is no integer")
        _check_range([place for place in wire if place is not None], rows)
        return wire
    if len(wire) != 2 or {type(part) for part in wire} != {list}:
        raise ValueError("the places of many related rows are not counts and places")
    counts, flat = wire
    if not {int}.issuperset(map(type, counts)) or not {int}.issuperset(map(type, flat)):
        raise ValueError("a place of a related row is no integer")
    if len(counts) != owners or sum(counts) != len(flat) or min(counts, default=0) < 0:
        raise ValueError("the places of related rows are not as many as their counts say")
    _check_range(flat, rows)
    ends = list(accumulate(counts))
    return [flat[end - count : end] for count, end in zip(counts, ends, strict=True)]


def _check_range(places: list[int], rows: int) -> None:
    if places and not 0 <= min(places) <= max(places) < rows:
        raise ValueError("a place leads to a row that is not there")
