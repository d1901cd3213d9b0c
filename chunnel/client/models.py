"""Instances of remote models.

The rules:

* An instance has a closed set of attributes: the fields that were fetched, its key, and the methods
  that may be called over there, whose names came with it. So whoever feels what kind of object it
  is, a library with ``hasattr``, finds nothing that would make a request.
* Any other attribute raises AttributeError, and none makes a request. One that is known to be a
  field raises FieldNotFetched, which is an AttributeError that says what was fetched. A schema that
  is held, and fakes of methods in tests, add what they know.
* A method call sends the key, never the fields; the reply carries the fields that changed, and the
  instance takes them over. Fields that were edited here would be lost on the way, so a call on such
  an instance raises UnsavedChanges.
* Instances are equal, and hashed, by model and key, as Django's are; they pickle and copy without a
  request. Templates read their fields and never call their methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.utils.text import camel_case_to_spaces

from ..exceptions import FieldNotFetched, UnsavedChanges
from ..values import TEXT_COLUMN, InstanceRef
from .callables import RemoteCallable, given, restore
from .classes import RemoteClass, keep_once, named, remote_class
from .remotes import Remote, get_remote
from .signature import find_method, find_model

if TYPE_CHECKING:
    from ..schema import FieldSchema, FunctionSchema, ModelSchema

_NOTHING: frozenset[str] = frozenset()
_RELATIONS = frozenset({"ForeignKey", "OneToOneField"})  # also where the other model is not exposed
_OWN = frozenset(
    {"_key", "_text", "_fetched", "_edited", "_methods"}
)  # what an instance keeps beside its fields


class RemoteInstance:
    """An instance of a model of another project. Each remote model has a subclass of its own."""

    _chunnel_class: ClassVar[RemoteClass]

    _key: Any
    _text: str | None
    _fetched: tuple[str, ...]
    _methods: tuple[str, ...] = ()
    _edited: frozenset[str] = _NOTHING

    def __init__(self) -> None:
        raise TypeError("Remote instances come from querysets and calls.")

    @property
    def pk(self) -> Any:
        """The key, as the server knows it."""
        return self._key

    @property
    def _meta(self) -> RemoteOptions:
        return self._chunnel_class._meta

    @property
    def DoesNotExist(self) -> Any:  # noqa: N802 - Django's name
        return self._chunnel_class.DoesNotExist

    @property
    def MultipleObjectsReturned(self) -> Any:  # noqa: N802 - Django's name
        return self._chunnel_class.MultipleObjectsReturned

    def serializable_value(self, field_name: str) -> Any:
        """Return the value of a field, by name or by the name of its column."""
        return getattr(self, field_name)

    def __getattr__(self, name: str) -> Any:
        from .names import is_class_name, is_step

        if not is_step(name) or is_class_name(name):
            raise self._no_attribute(name)
        if name in self._methods:
            return RemoteMethod(self, name)
        cls = type(self)._chunnel_class
        remote = get_remote(cls._chunnel_alias)
        schema = remote.held_schema
        model = find_model(schema, *cls._chunnel_path) if schema is not None else None
        declared = model is not None and find_method(model, name) is not None
        if declared or ".".join((*cls._chunnel_path, name)) in remote.fakes:
            return RemoteMethod(self, name)
        key = f"{name}_id"
        if key in self.__dict__:
            raise self._not_fetched(name, f"only its key was, {key!r}")
        if model is not None and any(name in {one.name, attname(one)} for one in model.fields):
            raise self._not_fetched(
                name, f"the query took {', '.join(self._fetched) or 'no fields'}"
            )
        raise self._no_attribute(name, (*self._fetched, *self._known_methods(model)))

    def _known_methods(self, model: ModelSchema | None) -> list[str]:
        declared = [one.name for one in model.methods] if model is not None else []
        return sorted({*self._methods, *declared})

    def _not_fetched(self, name: str, reason: str) -> FieldNotFetched:
        return FieldNotFetched(
            f"{name!r} of {self!r} was not fetched; {reason}.", name=name, obj=self
        )

    def _no_attribute(self, name: str, legal: Iterable[str] = ()) -> AttributeError:
        known = f"; it has {', '.join(legal)}" if legal else ""
        owner = ".".join(self._chunnel_class._chunnel_path)
        return AttributeError(f"{owner!r} object has no attribute {name!r}{known}", name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "pk":
            raise AttributeError("The key of a remote instance cannot be changed.")
        if name in self._fetched:
            self.__dict__["_edited"] = self._edited | {name}
        self.__dict__[name] = value

    def _update(self, changed: Mapping[str, Any]) -> None:
        """Take over fields as the server has them now."""
        fields = dict(changed)
        self.__dict__["_text"] = fields.pop(TEXT_COLUMN, self._text)
        if "pk" in fields:
            self.__dict__["_key"] = fields.pop("pk")
        self.__dict__.update(fields)
        self.__dict__["_edited"] = self._edited - fields.keys()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemoteInstance):
            return NotImplemented
        if self._chunnel_class is not other._chunnel_class:
            return False
        if self._key is None:
            return self is other
        return bool(self._key == other._key)

    def __hash__(self) -> int:
        if self._key is None:
            raise TypeError("Model instances without primary key value are unhashable")
        return hash(self._key)

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        return f"{type(self).__name__} object ({self._key})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __dir__(self) -> list[str]:
        cls = self._chunnel_class
        schema = get_remote(cls._chunnel_alias).held_schema
        model = find_model(schema, *cls._chunnel_path) if schema is not None else None
        return sorted({*super().__dir__(), *self._known_methods(model)} - _OWN)

    def __reduce__(self) -> tuple[Any, ...]:
        cls = self._chunnel_class
        return (_blank, (cls._chunnel_alias, *cls._chunnel_path), self.__dict__.copy())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def instances_class(cls: RemoteClass) -> type[RemoteInstance]:
    """Return the class of the instances of a remote model, the same each time."""
    found: type[RemoteInstance] | None = cls.__dict__.get("_chunnel_instances")
    if found is None:
        namespace = {"__module__": cls.__module__, "_chunnel_class": cls}
        made = type(cls.__name__, (RemoteInstance,), namespace)
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
) -> RemoteInstance:
    """Return an instance as it arrived."""
    made = object.__new__(instances_class(cls))
    state = made.__dict__
    state["_key"], state["_text"], state["_fetched"], state["_methods"] = key, text, names, methods
    state.update(zip(names, values, strict=True))
    return made


def make_instances(
    cls: RemoteClass,
    names: tuple[str, ...],
    keys: Iterable[Any],
    texts: Iterable[str | None],
    columns: Iterable[Iterable[Any]],
    methods: tuple[str, ...] = (),
) -> Iterator[RemoteInstance]:
    """Yield the instances that columns describe, with as little done for each as can be."""
    made_of = instances_class(cls)
    new = object.__new__
    attributes = ("_key", "_text", "_fetched", "_methods", *names)
    for values in zip(keys, texts, repeat(names), repeat(methods), *columns, strict=False):
        made = new(made_of)
        made.__dict__.update(zip(attributes, values, strict=True))
        yield made


def _blank(alias: str, label: str, name: str) -> RemoteInstance:
    return object.__new__(instances_class(remote_class(alias, label, name)))


def reference(instance: RemoteInstance) -> InstanceRef:
    """Return what stands for ``instance`` on the wire."""
    return InstanceRef(".".join(instance._chunnel_class._chunnel_path), instance._key)


class RemoteMethod(RemoteCallable):
    """A method of a remote instance: ``account.deposit``."""

    __slots__ = ("_instance",)

    _instance: RemoteInstance

    # In a template it is shown as nothing, like a method of Django's that alters data.
    do_not_call_in_templates = False
    alters_data = True

    def __init__(self, instance: RemoteInstance, name: str):
        cls = instance._chunnel_class
        super().__init__(cls._chunnel_alias, *cls._chunnel_path, name)
        object.__setattr__(self, "_instance", instance)

    def __repr__(self) -> str:
        return f"<remote method {self.__qualname__} of {self._instance!r}>"

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self._instance == other._instance  # type: ignore[attr-defined]

    __hash__ = RemoteCallable.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            restore,
            (type(self), (self._instance, self._path[-1]), given(self._options)),
        )

    def _described(self) -> FunctionSchema | None:
        return get_remote(self._alias).function(".".join(self._path), fetch=True)

    def _prepared(self, remote: Remote, args: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG002
        edited = self._instance._edited
        if edited:
            raise UnsavedChanges(
                f"{self._instance!r} has unsaved changes ({', '.join(sorted(edited))}); "
                f"{self._path[-1]}() would not see them."
            )
        return (self._instance, *args)

    def _finished(self, value: Any) -> Any:
        if not isinstance(value, list):  # the stream of a generator
            return value
        result, changed = value
        if changed:
            self._instance._update(changed)
        return result


def attname(field: FieldSchema) -> str:
    """Return where instances have the value of a field: a foreign key's is its key."""
    relation = field.relation is not None or field.type in _RELATIONS
    return f"{field.name}_id" if relation else field.name


class RemoteField:
    """A field of a remote model, as ``_meta`` shows it. Read only."""

    def __init__(self, model: RemoteClass, schema: FieldSchema, *, primary_key: bool):
        self.model = model
        self.name = schema.name
        self.attname = attname(schema)
        self.verbose_name = schema.verbose_name
        self.null = schema.null
        self.blank = schema.null
        self.help_text = schema.help_text
        self.choices = list(schema.choices) or None
        self.flatchoices = list(schema.choices)
        self.editable = schema.writable
        self.primary_key = primary_key
        self.is_relation = self.attname != self.name
        self.related_name = schema.relation
        self.many_to_many = self.one_to_many = self.auto_created = self.hidden = False
        self.concrete = True
        self._type = schema.type

    def __repr__(self) -> str:
        return f"<remote {self._type}: {self.name}>"

    def get_internal_type(self) -> str:
        """Return the name of the Django field's class over there."""
        return self._type

    def value_from_object(self, instance: Any) -> Any:
        """Return the value of this field of ``instance``."""
        return getattr(instance, self.attname)


class RemoteOptions:
    """``_meta`` of a remote model. Names are known here; fields are what the schema says."""

    def __init__(self, model: RemoteClass):
        self.model = self.concrete_model = model
        self.app_label, self.object_name = model._chunnel_path
        self.model_name = self.object_name.lower()
        self.label = f"{self.app_label}.{self.object_name}"
        self.label_lower = f"{self.app_label}.{self.model_name}"
        self.abstract = self.proxy = self.managed = False
        self.swapped = None

    def __repr__(self) -> str:
        return f"<RemoteOptions for {self.label}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteOptions) and self.model is other.model

    def __hash__(self) -> int:
        return hash(self.model)

    @property
    def _schema(self) -> ModelSchema:
        """The schema of the model, fetched; raises what a call raises."""
        found = find_model(
            get_remote(self.model._chunnel_alias).schema(), *self.model._chunnel_path
        )
        if found is None:
            raise LookupError(f"{self.model._chunnel_alias} exposes no model {self.label!r}.")
        return found

    @property
    def _schema_or_none(self) -> ModelSchema | None:
        schema = get_remote(self.model._chunnel_alias).schema_or_none()
        return find_model(schema, *self.model._chunnel_path) if schema is not None else None

    # A page that says "no account found" must not fail for want of a better word.

    @property
    def verbose_name(self) -> str:
        found = self._schema_or_none
        return found.verbose_name if found else camel_case_to_spaces(self.object_name)

    @property
    def verbose_name_plural(self) -> str:
        found = self._schema_or_none
        return found.verbose_name_plural if found else f"{self.verbose_name}s"

    @property
    def verbose_name_raw(self) -> str:
        return self.verbose_name

    @property
    def ordering(self) -> tuple[str, ...]:
        return self._schema.ordering

    @property
    def fields(self) -> tuple[RemoteField, ...]:
        found = self._schema
        return tuple(
            RemoteField(self.model, field, primary_key=field.name == found.pk)
            for field in found.fields
        )

    concrete_fields = fields

    @property
    def many_to_many(self) -> tuple[RemoteField, ...]:
        return ()

    private_fields = many_to_many

    @property
    def pk(self) -> RemoteField | None:
        """The field of the key, or None where it is not readable."""
        return next((field for field in self.fields if field.primary_key), None)

    def get_fields(self, include_parents: bool = True, include_hidden: bool = False) -> Any:  # noqa: ARG002
        """Return the readable fields."""
        return self.fields

    def get_field(self, field_name: str) -> RemoteField:
        """Return a readable field by name; raise FieldDoesNotExist."""
        for field in self.fields:
            if field_name in {field.name, field.attname}:
                return field
        raise FieldDoesNotExist(f"{self.object_name} has no field named '{field_name}'")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_options_of, (self.model._chunnel_alias, *self.model._chunnel_path))


def _options_of(*path: str) -> RemoteOptions:
    found: RemoteOptions = named(*path)._meta
    return found
