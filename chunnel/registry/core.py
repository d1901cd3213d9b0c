"""The registry: one flat dict from remote names to entries.

Look-up is by exact name in this dict and in no other way; nothing is ever fetched with ``getattr``
by a name that came over the wire. It is flat so that autodiscovery can put back a shallow copy when
an ``rpc`` module fails halfway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.apps import apps

from ..exceptions import AlreadyExposed
from .entries import Entry

if TYPE_CHECKING:
    from django.db.models import Model

    from .exposed import ExposedModel

LOWER_CASE = re.compile(r"[a-z][a-z0-9_]*")
CAP_WORDS = re.compile(r"[A-Z][A-Za-z0-9]*")


class Registry:
    """What a project exposes, by remote name."""

    def __init__(self) -> None:
        self.revision = 0
        """Grows with every change; what was made from the registry is as old as this number."""
        self._entries: dict[str, Entry] = {}
        self._models: dict[type[Any], ExposedModel] | None = None
        self._exceptions: dict[type[Any], str] | None = None
        self._labels: frozenset[str] | None = None
        self._open: dict[str, Entry] | None = None

    # ``autodiscover_modules`` copies this attribute before each module and assigns the copy back if
    # the module fails; what was derived from it must go then.
    @property
    def _registry(self) -> dict[str, Entry]:
        return self._entries

    @_registry.setter
    def _registry(self, entries: dict[str, Entry]) -> None:
        self._entries = entries
        self._forget()

    def _forget(self) -> None:
        self.revision += 1
        self._models = self._exceptions = self._labels = self._open = None

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._opened.values()))

    def __len__(self) -> int:
        return len(self._opened)

    def __bool__(self) -> bool:
        return True  # ``autodiscover_modules`` asks; an empty registry is one as well

    def __contains__(self, name: object) -> bool:
        return name in self._opened

    @property
    def _opened(self) -> dict[str, Entry]:
        """The entries that something can go through, which other entries have a say in."""
        found = self._open
        if found is None:
            found = {name: each for name, each in self._entries.items() if _is_open(each)}
            self._open = found
        return found

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Every entry by its name on the wire; read-only."""
        return MappingProxyType(self._opened)

    def find(self, name: str) -> Entry | None:
        """Return the entry of exactly this name, or None."""
        return self._opened.get(name)

    def add(self, *entries: Entry) -> None:
        """Add entries, all or none; raise AlreadyExposed naming both places if a name is taken."""
        fresh: dict[str, Entry] = {}
        for entry in entries:
            other = self._entries.get(entry.name) or fresh.get(entry.name)
            if other is not None:
                raise AlreadyExposed(
                    f'"{entry.name}" is exposed twice: at {other.place} and at {entry.place}. '
                    f"Give one of them another name with name=… or app_label=…."
                )
            fresh[entry.name] = entry
        self._entries.update(fresh)
        self._forget()

    def remove(self, name: str) -> None:
        """Withdraw a name, and with a model all names below it; raise KeyError if there is none."""
        del self._entries[name]
        for below in [each for each in self._entries if each.startswith(f"{name}.")]:
            del self._entries[below]
        self._forget()

    def model(self, cls: type[Model]) -> ExposedModel | None:
        """Return how exactly this model class is exposed, or None."""
        models = self._models
        if models is None:
            models = self._models = {
                entry.target: entry.owner
                for entry in self._entries.values()
                if entry.kind == "model" and entry.owner is not None
            }
        return models.get(cls)

    def model_named(self, name: str) -> ExposedModel | None:
        """Return the exposed model of this remote name ("money.Account"), or None."""
        entry = self._entries.get(name)
        return entry.owner if entry is not None and entry.kind == "model" else None

    def exception_names(self, cls: type[BaseException]) -> list[str]:
        """Return the remote names along the MRO of an exception's class, the nearest first.

        Named are the classes that were exposed, DoesNotExist and MultipleObjectsReturned of exposed
        models, and classes defined by an app that exposes something.
        """
        known = self._known_exceptions()
        names = []
        for base in cls.__mro__:
            name = known.get(base) or self._own_exception(base)
            if name is not None:
                names.append(name)
        return names

    def _known_exceptions(self) -> dict[type[Any], str]:
        found = self._exceptions
        if found is None:
            found = {}
            for entry in self._entries.values():
                if entry.kind == "exception":
                    found[entry.target] = entry.name
                elif entry.kind == "model":
                    for each in ("DoesNotExist", "MultipleObjectsReturned"):
                        found[getattr(entry.target, each)] = f"{entry.name}.{each}"
            self._exceptions = found
        return found

    def _own_exception(self, cls: type[Any]) -> str | None:
        if not issubclass(cls, Exception) or not CAP_WORDS.fullmatch(cls.__qualname__):
            return None
        labels = self._labels
        if labels is None:
            labels = self._labels = frozenset(entry.label for entry in self._entries.values())
        config = apps.get_containing_app_config(cls.__module__)
        if config is None or config.label not in labels:
            return None
        name = f"{config.label}.{cls.__qualname__}"
        # A name that something else has already is not this class's.
        return name if name not in self._entries else None


def _is_open(entry: Entry) -> bool:
    """Say whether something can go through; along relations the models at their ends decide."""
    relates = entry.kind == "write" and entry.attribute == "relate"
    return not relates or entry.owner is None or entry.owner.relates


registry = Registry()
"""The registry of this process, which ``expose`` and ``register`` fill."""
