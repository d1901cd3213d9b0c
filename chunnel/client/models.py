"""Instances of remote models.

The rules:

* An instance has a closed set of attributes: the fields that were fetched, its key, the relations
  and the methods that may be called over there, whose names came with it. So whoever feels what
  kind of object it is, a library with ``hasattr``, finds nothing that would make a request.
* Any other attribute raises AttributeError. One that is known to be a field, by the schema that is
  held, raises FieldNotFetched, which is an AttributeError that says how to fetch it. Only where the
  fetch mode is "peers" is it fetched instead (``fetching``).
* A relation gives what was fetched along, or is refused or fetched in the same way; one to many
  rows is a manager (``relations``).
* A method call sends the key, never the fields; the reply carries the fields that changed, and the
  instance takes them over. Fields that were edited here would be lost on the way, so a call on such
  an instance raises UnsavedChanges (``methods``). ``save()`` sends what was edited (``saving``).
* Instances are equal, and hashed, by model and key, as Django's are; they pickle and copy without a
  request. Templates read their fields and never call their methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

from ..values import InstanceRef, Relation
from .classes import RemoteClass, keep_once, remote_class
from .declared import attname, find_field
from .fetching import fetch, join
from .instances import OWN
from .meta import display
from .methods import RemoteMethod
from .relations import is_forward_name, read, read_forward, relation_named
from .remotes import get_remote
from .saving import Saving
from .signature import find_method
from .unsupported import ATTRIBUTES, DUCKS

if TYPE_CHECKING:
    from ..schema import FieldSchema, ModelSchema
    from .managers import RemoteManager
    from .meta import RemoteOptions

_DOORS = frozenset({"save", "delete", "relate"})  # below the name of a model, and no methods


class InstanceType(type):
    """The type of classes of instances: they answer what their model answers."""

    _chunnel_class: RemoteClass

    @property
    def _meta(cls) -> RemoteOptions:
        return cls._chunnel_class._meta

    @property
    def objects(cls) -> RemoteManager:
        return cls._chunnel_class.objects

    @property
    def _default_manager(cls) -> RemoteManager:
        return cls._chunnel_class.objects

    @property
    def DoesNotExist(cls) -> Any:  # noqa: N802 - Django's name
        return cls._chunnel_class.DoesNotExist

    @property
    def MultipleObjectsReturned(cls) -> Any:  # noqa: N802 - Django's name
        return cls._chunnel_class.MultipleObjectsReturned


class InstanceState:
    """What Django's own instances have as ``_state``."""

    __slots__ = ("_instance",)

    db = None

    def __init__(self, instance: RemoteInstance):
        self._instance = instance

    @property
    def adding(self) -> bool:
        """Whether the instance was never saved."""
        return self._instance._adding

    @adding.setter
    def adding(self, value: bool) -> None:
        state = self._instance.__dict__
        if value and not self._instance._adding:  # a copy: all of it is new
            state["_edited"] = self._instance._edited.union(self._instance._fetched)
        state["_adding"] = bool(value)


class RemoteInstance(Saving, metaclass=InstanceType):
    """An instance of a model of another project. Each remote model has a subclass of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from .creating import fill

        fill(self, args, kwargs)

    @property
    def _meta(self) -> RemoteOptions:
        return self._chunnel_class._meta

    @property
    def _state(self) -> InstanceState:
        return InstanceState(self)

    @property
    def DoesNotExist(self) -> Any:  # noqa: N802 - Django's name
        return self._chunnel_class.DoesNotExist

    @property
    def MultipleObjectsReturned(self) -> Any:  # noqa: N802 - Django's name
        return self._chunnel_class.MultipleObjectsReturned

    # Attributes that are not among the fields that were fetched

    def __getattr__(self, name: str) -> Any:
        from .names import is_class_name, is_step

        if self._related is not None and isinstance(found := self._related.get(name), Saving):
            return found  # what was fetched along, before anybody looks for what else it could be
        if not is_step(name) or is_class_name(name):
            raise self._no_attribute(name)
        if name in self._methods:
            return RemoteMethod(self, name)
        relation = relation_named(self, name)
        if relation is not None:
            return read(self, relation)
        if is_forward_name(self, name):
            return read_forward(self, name)
        model = self._held
        if self._is_method(model, name):
            return RemoteMethod(self, name)
        field = find_field(model, name)
        if field is None and name not in self._deferred and self._may_be_new(name):
            self._remote.schema_or_none()
            model = self._held
            if self._is_method(model, name):
                return RemoteMethod(self, name)
            field = find_field(model, name)
        if field is not None:
            return self._fetch(field, name)
        if name in self._deferred:
            return self._fetch_column(name, name)
        shown = self._shown(model, name)
        if shown is not None:
            return partial(display, self, shown)
        raise self._no_attribute(name, (*self._fetched, *self._known_methods(model)))

    def _may_be_new(self, name: str) -> bool:
        """Say whether to ask for the schema of the servers met last, which nobody here knows."""
        return (
            self._peers is not None
            and self._remote.current_schema is None
            and name not in DUCKS | ATTRIBUTES
        )

    def _is_method(self, model: ModelSchema | None, name: str) -> bool:
        if model is not None and find_method(model, name) is not None:
            return True
        cls = self._chunnel_class
        fakes = get_remote(cls._chunnel_alias).fakes
        return name not in _DOORS and ".".join((*cls._chunnel_path, name)) in fakes

    def _fetch(self, field: FieldSchema, name: str) -> Any:
        if name == field.name and name != attname(field):  # a relation that leads nowhere
            raise self._not_fetched(name, "it leads to a model that is not exposed", "Nothing")
        return self._fetch_column(name, field.name, attname(field))

    def _fetch_column(self, name: str, column: str, attribute: str = "") -> Any:
        attribute = attribute or name
        if self._peers is not None and self._key is not None:
            fetch(self, attribute, relation=False, column=column)
            if attribute in self.__dict__:
                return self.__dict__[attribute]
        if self._adding:
            raise self._not_fetched(name, "what it is by default is known over there", "save()")
        taken = ", ".join(self._fetched) or "no fields"
        raise self._not_fetched(name, f"the query took {taken}", f"only({column!r})")

    def _shown(self, model: ModelSchema | None, name: str) -> str | None:
        """Return the name of the field that ``get_…_display`` shows, if ``name`` is that."""
        shown = name[4:-8]
        if name != f"get_{shown}_display":
            return None
        if model is None:
            return shown if shown in self._fetched else None
        field = find_field(model, shown)
        return shown if field is not None and field.choices else None

    def _known_methods(self, model: ModelSchema | None) -> list[str]:
        declared = [one.name for one in model.methods] if model is not None else []
        return sorted({*self._methods, *declared})

    def _no_attribute(self, name: str, legal: Iterable[str] = ()) -> AttributeError:
        known = f"; it has {', '.join(legal)}" if legal else ""
        owner = ".".join(self._chunnel_class._chunnel_path)
        return AttributeError(f"{owner!r} object has no attribute {name!r}{known}", name=name)

    def __dir__(self) -> list[str]:
        model = self._held
        relations = {each.name for each in self._relations}
        return sorted({*super().__dir__(), *self._known_methods(model), *relations} - OWN)

    # Values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemoteInstance):
            return NotImplemented
        if self._chunnel_class is not other._chunnel_class:
            return False
        key = self.pk
        if key is None:
            return self is other
        return bool(key == other.pk)

    def __hash__(self) -> int:
        key = self.pk
        if key is None:
            raise TypeError("Model instances without primary key value are unhashable")
        return hash(key)

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        return f"{type(self).__name__} object ({self.pk})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        cls = self._chunnel_class
        state = self.__dict__.copy()
        if self._related:
            state["_related"] = dict(self._related)
        if state.pop("_peers", None) is not None:
            state["_peers"] = True
        return (_blank, (cls._chunnel_alias, *cls._chunnel_path), state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state.get("_peers"):  # those it had are elsewhere
            join([self])


def instances_class(cls: RemoteClass) -> type[RemoteInstance]:
    """Return the class of the instances of a remote model, the same each time."""
    found: type[RemoteInstance] | None = cls.__dict__.get("_chunnel_instances")
    if found is None:
        namespace = {"__module__": cls.__module__, "_chunnel_class": cls}
        made = InstanceType(cls.__name__, (RemoteInstance,), namespace)
        found = keep_once(cls, "_chunnel_instances", lambda: made)
        assert found is not None
    return found


def make_instance(
    cls: RemoteClass,
    key: Any,
    names: tuple[str, ...],
    values: Iterable[Any],
    text: str | None = None,
    methods: tuple[str, ...] = (),
    relations: tuple[Relation, ...] = (),
    deferred: tuple[str, ...] = (),
) -> RemoteInstance:
    """Return an instance as it arrived."""
    made = object.__new__(instances_class(cls))
    state = made.__dict__
    state["_key"], state["_text"], state["_fetched"] = key, text, names
    state["_methods"], state["_relations"], state["_deferred"] = methods, relations, deferred
    state.update(zip(names, values, strict=True))
    return made


def make_instances(
    cls: RemoteClass,
    names: tuple[str, ...],
    keys: Iterable[Any],
    texts: Iterable[str | None],
    columns: Iterable[Iterable[Any]],
    methods: tuple[str, ...] = (),
    relations: tuple[Relation, ...] = (),
    deferred: tuple[str, ...] = (),
) -> Iterator[RemoteInstance]:
    """Yield the instances that columns describe, with as little done for each as can be."""
    made_of = instances_class(cls)
    new = object.__new__
    attributes = ("_key", "_text", "_fetched", "_methods", "_relations", "_deferred", *names)
    same = (repeat(names), repeat(methods), repeat(relations), repeat(deferred))
    for values in zip(keys, texts, *same, *columns, strict=False):
        made = new(made_of)
        made.__dict__.update(zip(attributes, values, strict=True))
        yield made


def _blank(alias: str, label: str, name: str) -> RemoteInstance:
    return object.__new__(instances_class(remote_class(alias, label, name)))


def reference(instance: RemoteInstance) -> InstanceRef:
    """Return what stands for ``instance`` on the wire."""
    return instance._reference()
