"""Fetching the remote rows behind the keys of many local rows at once.

``prefetch_remote`` is Django's ``prefetch_related``, which a ``RemoteForeignKey`` takes part in,
with a check that every lookup is such a key. The querysets here also let the rows of one result
know each other, so that the fetch mode "peers" fetches for all of them.
"""

# ruff: noqa: SLF001 - _state is where Django keeps what an instance knows beside its fields

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakValueDictionary

from asgiref.sync import sync_to_async
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Manager, Prefetch, QuerySet, prefetch_related_objects
from django.db.models.query import ModelIterable

from .access import PEERS_ATTRIBUTE
from .foreign import RemoteForeignKey

if TYPE_CHECKING:
    from django.db.models import Model

    _QuerySet = QuerySet[Any]
    _ModelIterable = ModelIterable[Any]
else:
    _QuerySet = object
    _ModelIterable = ModelIterable


class _Peers:
    """The instances of one result, as long as somebody else holds them."""

    def __init__(self) -> None:
        self._alive: WeakValueDictionary[int, Model] = WeakValueDictionary()

    def join(self, instance: Model) -> None:
        """Make ``instance`` a peer of the others."""
        self._alive[id(instance)] = instance
        setattr(instance._state, PEERS_ATTRIBUTE, self)

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._alive.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Peers, ())  # what was pickled, or copied deeply, is alone


class _PeersIterable(_ModelIterable):
    def __iter__(self) -> Iterator[Any]:
        if not remote_keys(self.queryset.model):
            yield from super().__iter__()
            return
        peers = _Peers()
        for each in super().__iter__():
            peers.join(each)
            yield each


class PrefetchRemoteMixin(_QuerySet):
    """For querysets of models with a ``RemoteForeignKey``; it stands before ``QuerySet``."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._iterable_class: Any = _PeersIterable

    def prefetch_remote(self, *lookups: str | Prefetch[Any]) -> Self:
        """Return the rows with the remote rows behind these fields, one request for each field.

        A lookup is the name of a RemoteForeignKey, or a Prefetch of one with a remote queryset.
        Raise ValueError for anything else.
        """
        check_lookups(self.model, lookups)
        return self.prefetch_related(*lookups)


class PrefetchRemoteQuerySet(PrefetchRemoteMixin, QuerySet):  # type: ignore[type-arg]
    """A queryset with ``prefetch_remote``."""


class PrefetchRemoteManager(Manager.from_queryset(PrefetchRemoteQuerySet)):  # type: ignore[misc]
    """A manager with ``prefetch_remote``."""


def prefetch_remote(instances: Iterable[Any], *lookups: str | Prefetch[Any]) -> list[Any]:
    """Fetch the remote rows behind these fields of instances, one request for each field.

    ``instances`` are of one model: a queryset, which is evaluated, or anything that can be iterated
    over. What was fetched before stays. Return the instances as a list.
    """
    found = list(instances)
    if found:
        check_lookups(type(found[0]), lookups)
        prefetch_related_objects(found, *lookups)
    return found


async def aprefetch_remote(instances: Iterable[Any], *lookups: str | Prefetch[Any]) -> list[Any]:
    """The same for asynchronous code."""
    return await sync_to_async(prefetch_remote)(instances, *lookups)


def remote_keys(model: type[Model]) -> list[RemoteForeignKey]:
    """Return the remote foreign keys of a model."""
    return [each for each in model._meta.concrete_fields if isinstance(each, RemoteForeignKey)]


def check_lookups(model: type[Model], lookups: Iterable[str | Prefetch[Any]]) -> None:
    """Raise ValueError for what is no RemoteForeignKey of ``model``."""
    for lookup in lookups:
        path = lookup.prefetch_through if isinstance(lookup, Prefetch) else lookup
        try:
            field = model._meta.get_field(path)
        except FieldDoesNotExist:
            field = None
        if not isinstance(field, RemoteForeignKey) or field.name != path:
            legal = ", ".join(each.name for each in remote_keys(model)) or "none"
            raise ValueError(
                f"{path!r} is no RemoteForeignKey of {model._meta.label}, which has {legal}. What "
                f"the remote row leads to is fetched by Prefetch with a remote queryset, and a "
                f"path over local relations by prefetch_related()."
            )
