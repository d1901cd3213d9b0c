"""The managers of relations to many rows: ``branch.accounts``, ``book.tags``."""

# ruff: noqa: SLF001 - querysets and instances of ours

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError

from ..plans import Of, Plan
from ..values import Relation
from .managers import RemoteManager
from .options import DEFAULT_OPTIONS
from .prefetched import Rows
from .querysets import RemoteQuerySet
from .relations import _class_of, check_related, forget
from .remotes import Remote, get_remote
from .zones import in_zone

if TYPE_CHECKING:
    from .models import RemoteInstance

_WRITING = DEFAULT_OPTIONS.replace(effect="write")
_CREATING = frozenset(
    {"create", "bulk_create", "get_or_create", "update_or_create"}
    | {"acreate", "abulk_create", "aget_or_create", "aupdate_or_create"}
)


class RelatedManager(RemoteManager):
    """The rows that a relation of one instance leads to.

    What was fetched along answers ``all()`` and whatever needs no more than those rows.
    """

    __slots__ = ("_instance", "_relation")

    def __init__(self, instance: RemoteInstance, relation: Relation):
        super().__init__(_class_of(instance, relation.model))
        self._instance = instance
        self._relation = relation

    def get_queryset(self) -> RemoteQuerySet:
        """Return the queryset of these rows, with the rows if they were fetched along."""
        instance, name = self._instance, self._relation.name
        owner = instance._chunnel_class
        step = Of(".".join(owner._chunnel_path), instance.pk, name)
        rows = (instance._related or {}).get(name) or Rows(None)
        # What its own steps join and count is of all rows: the one that narrows them comes last.
        plan = Plan(".".join(self.model._chunnel_path), (*rows.steps, step))
        made = RemoteQuerySet(self.model, plan)
        if instance._peers is not None:
            made._mode = "peers"
        if self._relation.back:
            made._known = (self._relation.back, instance)
        made._result_cache = rows.found
        return made

    def all(self) -> RemoteQuerySet:
        """Return the queryset of these rows, with the rows if they were fetched along."""
        return self.get_queryset()

    def __getattr__(self, name: str) -> Any:
        if name in _CREATING:
            forget(self._instance, self._relation.name)
        return super().__getattr__(name)

    # Changing which rows they are

    def add(self, *objs: Any, through_defaults: Any = None) -> None:
        """Relate instances, or rows by their keys; those that are related already stay so."""
        self._check("add", through_defaults=through_defaults)
        if objs:
            self._relate("add", objs)

    async def aadd(self, *objs: Any, through_defaults: Any = None) -> None:
        """Relate instances, or rows by their keys; those that are related already stay so."""
        self._check("aadd", through_defaults=through_defaults)
        if objs:
            await self._arelate("add", objs)

    def remove(self, *objs: Any) -> None:
        """Relate these instances, or rows by their keys, no longer."""
        self._check("remove")
        if objs:
            self._relate("remove", objs)

    async def aremove(self, *objs: Any) -> None:
        """Relate these instances, or rows by their keys, no longer."""
        self._check("aremove")
        if objs:
            await self._arelate("remove", objs)

    def set(
        self, objs: Iterable[Any], *, clear: bool = False, through_defaults: Any = None
    ) -> None:
        """Relate exactly these instances, or rows by their keys."""
        self._check("set", clear=clear, through_defaults=through_defaults)
        self._relate("set", objs)

    async def aset(
        self, objs: Iterable[Any], *, clear: bool = False, through_defaults: Any = None
    ) -> None:
        """Relate exactly these instances, or rows by their keys."""
        self._check("aset", clear=clear, through_defaults=through_defaults)
        await self._arelate("set", objs)

    def clear(self) -> None:
        """Relate nothing any longer."""
        self._check("clear")
        self._relate("clear", ())

    async def aclear(self) -> None:
        """Relate nothing any longer."""
        self._check("aclear")
        await self._arelate("clear", ())

    def _check(self, method: str, **options: Any) -> None:
        for option, value in options.items():
            if value:
                raise NotSupportedError(
                    f"{method}() of a remote relation does not support {option}."
                )

    def _relate(self, operation: str, objs: Iterable[Any]) -> None:
        name, args = self._call(operation, objs)
        self._remote.call(name, args, {}, in_zone(_WRITING))
        forget(self._instance, self._relation.name)

    async def _arelate(self, operation: str, objs: Iterable[Any]) -> None:
        name, args = self._call(operation, objs)
        await self._remote.acall(name, args, {}, in_zone(_WRITING))
        forget(self._instance, self._relation.name)

    @property
    def _remote(self) -> Remote:
        return get_remote(self.model._chunnel_alias)

    def _call(self, operation: str, objs: Iterable[Any]) -> tuple[str, tuple[Any, ...]]:
        found = check_related(objs, self.model)
        owner = ".".join(self._instance._chunnel_class._chunnel_path)
        reference = self._instance._reference()
        return f"{owner}.relate", (reference, self._relation.name, operation, found)

    # Values

    def __repr__(self) -> str:
        return f"<RelatedManager {self._relation.name} of {self._instance!r}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RelatedManager)
            and self._instance == other._instance
            and self._relation == other._relation
        )

    def __hash__(self) -> int:
        return hash((self._instance, self._relation))

    def __reduce__(self) -> tuple[Any, ...]:
        return (RelatedManager, (self._instance, self._relation))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_CHANGING})


_CHANGING = ("add", "aadd", "remove", "aremove", "set", "aset", "clear", "aclear")
for _name in _CHANGING:
    getattr(RelatedManager, _name).alters_data = True  # so that no template calls it
