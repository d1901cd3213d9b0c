"""What reading a field that was not fetched does: the fetch modes.

The rules:

* "raise", the default: it raises FieldNotFetched, and nothing ever makes a request.
* "peers": it is fetched, for all instances of the same result that still are somewhere and lack it,
  in one request (or as many as lists of keys may be long). The instances know each other by weak
  references alone, so one of them does not keep the rest.
* A queryset says which (``fetch_mode``), else the remote's ``FETCH_MODE``, for all its models or
  for each. What was fetched along has the mode of its queryset, else that of its own model.
"""

# ruff: noqa: SLF001 - instances of ours

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..plans import DEFAULT_LIMITS
from .declared import held_model
from .remotes import get_remote

if TYPE_CHECKING:
    from .classes import RemoteClass
    from .models import RemoteInstance

PEERS = "peers"
_FEWEST = 1  # rows a request asks for, whatever a schema says of the most


class Peers:
    """The instances of one result, as long as somebody holds them."""

    __slots__ = ("_refs",)

    def __init__(self, instances: Iterable[RemoteInstance]):
        self._refs = [ref(each) for each in instances]

    def alive(self) -> list[RemoteInstance]:
        """Return the instances that still are."""
        return [each for each in (one() for one in self._refs) if each is not None]


def fetches_peers(cls: RemoteClass, mode: str | None = None) -> bool:
    """Say whether instances of a model fetch what they lack; ``mode`` is their queryset's."""
    if mode is None:
        mode = configured_mode(cls)
    return mode == PEERS


def configured_mode(cls: RemoteClass) -> str:
    """Return the mode that the settings give a model."""
    given = get_remote(cls._chunnel_alias).settings.fetch_mode
    if isinstance(given, Mapping):
        return given.get(".".join(cls._chunnel_path), "raise")
    return given


def join(instances: Iterable[RemoteInstance]) -> None:
    """Make instances of one result peers of each other."""
    found = list(instances)
    peers = Peers(found)
    for each in found:
        each.__dict__["_peers"] = peers


def fetch(instance: RemoteInstance, name: str, *, relation: bool, column: str | None) -> None:
    """Fetch a field or relation of ``instance`` and of all its peers that lack it.

    ``column`` is what has to be loaded for it. Raise DoesNotExist if the row of ``instance`` is
    gone; peers whose rows are gone stay as they are.
    """
    cls = instance._chunnel_class
    peers = instance._peers
    lacking: dict[Any, list[RemoteInstance]] = defaultdict(list)
    lacking[instance._key].append(instance)
    for each in peers.alive() if peers is not None else ():
        if each is not instance and each._key is not None and not each._has(name):
            lacking[each._key].append(each)
    keys = list(lacking)
    size = most_keys(cls)
    found_own = False
    for start in range(0, len(keys), size):
        queryset = cls.objects.filter(pk__in=keys[start : start + size]).order_by()
        queryset = queryset.only(column or "pk").fetch_mode(PEERS)
        if relation:
            queryset = queryset.prefetch_related(name)
        for row in queryset:
            found_own |= row._key == instance._key
            for each in lacking.get(row._key, ()):
                each._adopt(row, name)
    if not found_own:
        raise cls.DoesNotExist(f"{cls.__name__} matching query does not exist.")


def most_keys(cls: RemoteClass) -> int:
    """Return how many rows one request may ask for by key."""
    model = held_model(cls)
    most = DEFAULT_LIMITS.query_list
    return max(_FEWEST, min(most, model.max_rows)) if model is not None else most
