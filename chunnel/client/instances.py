"""What an instance of a remote model is made of: its key, its fields, and what was edited here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..exceptions import FieldNotFetched
from ..values import TEXT_COLUMN, Relation
from .declared import attname, find_field, held_model
from .relations import assign, forget_others

if TYPE_CHECKING:
    from ..schema import ModelSchema
    from .classes import RemoteClass
    from .fetching import Peers

_NOTHING: frozenset[str] = frozenset()
OWN = frozenset(
    {
        "_adding",
        "_deferred",
        "_edited",
        "_fetched",
        "_key",
        "_methods",
        "_peers",
        "_related",
        "_relations",
        "_text",
    }
)
"""What an instance keeps beside its fields."""


class Instance:
    """The state of an instance and the rules for setting its attributes.

    ``_edited`` are the attributes that were set here, those of unknown names among them: until
    the schema is held nobody can say whether one is a field.
    """

    _chunnel_class: ClassVar[RemoteClass]

    _key: Any = None
    _text: str | None = None
    _fetched: tuple[str, ...] = ()
    _methods: tuple[str, ...] = ()
    _relations: tuple[Relation, ...] = ()
    _deferred: tuple[str, ...] = ()  # columns that the query left out
    _edited: frozenset[str] = _NOTHING
    _related: dict[str, Any] | None = None  # what relations lead to, as far as it is here
    _adding: bool = False  # made here and never saved
    _peers: Peers | None = None  # where the fetch mode is "peers"

    @property
    def pk(self) -> Any:
        """The key, as the server knows it; of a new instance the one that it was given."""
        if self._key is not None or not self._adding:
            return self._key
        name = self._key_name
        return self.__dict__.get(name) if name is not None else None

    @property
    def _held(self) -> ModelSchema | None:
        return held_model(self._chunnel_class)

    @property
    def _key_name(self) -> str | None:
        """The attribute that has the key as well, where it is readable and the schema held."""
        model = self._held
        field = find_field(model, model.pk) if model is not None else None
        return attname(field) if field is not None else None

    @property
    def _unsaved(self) -> list[str]:
        """The names of the fields that were edited, as far as they are known to be fields."""
        model = self._held
        known = {*self._fetched}
        if model is not None:
            known.update(map(attname, model.fields))
        return sorted(self._edited & known)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "pk":
            self._set_key(value)
        elif name.startswith("_"):
            self.__dict__[name] = value
        elif not assign(self, name, value):
            self._set_field(name, value)

    def _set_field(self, name: str, value: Any) -> None:
        field = find_field(self._held, name)
        if field is not None and field.kind == "property":
            raise AttributeError(f"property {name!r} of {self!r} has no setter", name=name)
        if not self._adding and self._key is not None and name == self._key_name:
            self._check_key(value)
        forget_others(self, name, value)
        self.__dict__[name] = value
        if field is None or field.kind != "annotation":
            self.__dict__["_edited"] = self._edited | {name}

    def _set_key(self, value: Any) -> None:
        if not self._adding and self._key is not None:
            self._check_key(value)
        state, name = self.__dict__, self._key_name
        if name is None:  # not known yet, if it is readable at all
            state["_key"] = value
            state["_edited"] = self._edited | {"pk"}
            return
        state[name] = value
        if self._adding:
            state["_key"] = None
            state["_edited"] = self._edited | {name}
        else:
            state["_key"] = value

    def _check_key(self, value: Any) -> None:
        if value is not None and value != self._key:
            raise AttributeError(
                "The key of a remote instance cannot be changed; set it to None for a copy."
            )

    def _update(self, changed: Mapping[str, Any]) -> None:
        """Take over fields as the server has them now."""
        fields = dict(changed)
        state = self.__dict__
        state["_text"] = fields.pop(TEXT_COLUMN, self._text)
        if "pk" in fields:
            state["_key"] = fields.pop("pk")
        for name, value in fields.items():
            forget_others(self, name, value)
        state.update(fields)
        if self._edited:
            state["_edited"] = self._edited - fields.keys()

    def _take(self, other: Instance, keep: Iterable[str] = ()) -> None:
        """Take over all that ``other``, the same row as it is now, has; ``keep`` what was edited.

        What relations lead to stays where their keys do.
        """
        state = self.__dict__
        kept = self._edited.intersection(keep)
        fields = {
            name: value
            for name, value in other.__dict__.items()
            if not name.startswith("_") and name not in kept
        }
        for name, value in fields.items():
            forget_others(self, name, value)
        state.update(fields)
        names = dict.fromkeys((*self._fetched, *other._fetched))
        state["_fetched"] = tuple(names)
        state["_methods"], state["_relations"] = other._methods, other._relations
        state["_key"], state["_text"] = other._key, other._text
        state["_deferred"] = other._deferred
        state["_adding"], state["_edited"] = False, kept
        if other._related:
            state["_related"] = {**(self._related or {}), **other._related}

    def _adopt(self, other: Instance, name: str) -> None:
        """Take over one field or relation of ``other``, the same row."""
        state = self.__dict__
        related = other._related
        if related is not None and name in related:
            state["_related"] = {**(self._related or {}), name: related[name]}
        for each in other._fetched:
            if each not in state:
                state[each] = other.__dict__[each]
                state["_fetched"] = (*self._fetched, each)

    def _has(self, name: str) -> bool:
        """Say whether a field or relation is here, or never will be over there."""
        state, key = self.__dict__, f"{name}_id"
        related = self._related
        return (
            name in state
            or (related is not None and name in related)
            or key in self._edited
            or (key in state and state[key] is None)
        )

    def _not_fetched(self, name: str, reason: str, way: str) -> FieldNotFetched:
        return FieldNotFetched(
            f"{name!r} of {self!r} was not fetched; {reason}. {way} fetches it, and "
            f'fetch_mode("peers") when it is read.',
            name=name,
            obj=self,
        )
