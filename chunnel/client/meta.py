"""``_meta`` of a remote model: names are known here, fields are what the schema says.

Its fields are those of Django: columns, and relations with or without one. Declared properties and
annotations are attributes of instances and, as in Django, no fields.

Libraries choose by the class of a field what they make of it, a DateTimeField or a ForeignKey, so a
remote field passes for one of the class that it has over there (``isinstance``), if Django has it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django import VERSION
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.encoding import force_str
from django.utils.hashable import make_hashable
from django.utils.text import camel_case_to_spaces

from .classes import RemoteClass, class_for_name, named
from .declared import COLUMNS, attname, find_field, is_forward
from .remotes import get_remote
from .signature import find_model

if TYPE_CHECKING:
    from ..schema import FieldSchema, ModelSchema
    from .models import RemoteInstance

_ONE = frozenset({"OneToOneField", "OneToOneRel"})
_MANY_TO_MANY = frozenset({"ManyToManyField", "ManyToManyRel"})
_DECLARED_HERE = frozenset({"ManyToManyField"})  # of relations without a column
_CONCRETE_WITHOUT_COLUMN = VERSION < (6,)  # what Django says of them


class RemoteField:
    """A field of a remote model, as ``_meta`` shows it. Read only.

    Where values are judged by it, it says what is least strict: they are judged over there.
    """

    allow_unicode = True
    error_messages = models.Field.default_error_messages
    unique_for_date = unique_for_month = unique_for_year = None

    def __init__(self, model: RemoteClass, schema: FieldSchema, *, primary_key: bool):
        self.model = model
        self.name = schema.name
        self.column = self.attname = attname(schema)
        self.verbose_name = schema.verbose_name
        self.null = schema.null
        self.blank = schema.blank
        self.unique = schema.unique or primary_key
        self.max_length = schema.max_length
        self.help_text = schema.help_text
        self.choices = list(schema.choices) or None
        self.flatchoices = list(schema.choices)
        self.editable = schema.writable
        self.primary_key = primary_key
        column = schema.kind in COLUMNS
        reverse = not column and schema.type not in _DECLARED_HERE
        self.concrete = column or (not reverse and _CONCRETE_WITHOUT_COLUMN)
        self.is_relation = is_forward(schema) or not column
        self.related_name = schema.relation
        self.validators: list[Any] = []
        self.max_digits, self.decimal_places = schema.max_digits, schema.decimal_places
        self.one_to_one = schema.type in _ONE
        self.many_to_many = schema.type in _MANY_TO_MANY
        self.many_to_one = self.is_relation and column and not self.one_to_one
        self.one_to_many = schema.kind == "many" and not self.many_to_many
        self.auto_created = reverse or (primary_key and schema.type.endswith("AutoField"))
        self.hidden = False
        self.serialize = True
        self._schema = schema
        if reverse:
            self.name = schema.query_name or schema.name
            self.field = RemoteEnd(self)

    @property
    def multiple(self) -> bool:
        """Whether a relation from another model leads to many of its rows."""
        return not self.one_to_one

    @property
    def __class__(self) -> Any:
        found = getattr(models, self._schema.type, None)
        known = isinstance(found, type) and issubclass(
            found, (models.Field, models.ForeignObjectRel)
        )
        return found if known else type(self)

    @__class__.setter
    def __class__(self, value: object) -> None:
        raise AttributeError(f"the class of {self!r} cannot be changed")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_field_of, (self.model, self._schema, self.primary_key))

    def __repr__(self) -> str:
        return f"<remote {self._schema.type}: {self.name}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RemoteField)
            and self.model is other.model
            and self._schema == other._schema
        )

    def __hash__(self) -> int:
        return hash((self.model, self._schema.name))

    def __lt__(self, other: object) -> bool:
        """Sort as the model over there declares them, as Django's fields sort."""
        if not isinstance(other, RemoteField):
            return NotImplemented
        return self._place < other._place

    @property
    def _place(self) -> int:
        declared = self.model._meta._schema.fields  # noqa: SLF001 - the options of ours
        names = [each.name for each in declared]
        return names.index(self._schema.name) if self._schema.name in names else len(names)

    @property
    def related_model(self) -> RemoteClass | None:
        """The model that a relation leads to; None where it is not exposed, and for columns."""
        name = self._schema.relation
        found = class_for_name(self.model._chunnel_alias, name) if name else None
        return found if isinstance(found, RemoteClass) else None

    @property
    def remote_field(self) -> RemoteEnd | None:
        """The other end of a relation."""
        return RemoteEnd(self) if self.is_relation else None

    def get_accessor_name(self) -> str:
        """Return the attribute of instances that a relation is."""
        return self._schema.name

    def get_attname(self) -> str:
        """Return the attribute of instances that has the value."""
        return self.attname

    def get_internal_type(self) -> str:
        """Return the name of the Django field's class over there."""
        return self._schema.type

    def get_limit_choices_to(self) -> dict[str, Any]:
        """Return no limits: those there may be are over there."""
        return {}

    def get_lookup(self, lookup_name: str) -> Any:
        """Return the class of a lookup that Django has for such a field."""
        return self.__class__.get_class_lookups().get(lookup_name)

    get_transform = get_lookup

    def has_default(self) -> bool:
        """Say whether it has a default, which is known over there alone."""
        return self._schema.has_default

    def value_from_object(self, instance: Any) -> Any:
        """Return the value of this field of ``instance``."""
        return getattr(instance, self.attname)


def _field_of(model: RemoteClass, schema: FieldSchema, primary_key: bool) -> RemoteField:
    return RemoteField(model, schema, primary_key=primary_key)


class RemoteEnd:
    """The other end of a relation, as ``remote_field`` shows it."""

    parent_link = False

    def __init__(self, field: RemoteField):
        self.field = field
        self.model = field.related_model
        schema = field._schema  # noqa: SLF001 - a field of ours
        self.field_name = schema.target if schema.kind in COLUMNS else None
        self.many_to_many = field.many_to_many
        self.multiple = field.many_to_many or not field.one_to_one
        self.remote_field = field
        self.verbose_name = field.verbose_name

    @property
    def through(self) -> Any:
        """The model between, of a many-to-many. Nobody here sees it.

        Libraries ask it one thing, whether rows can be added without it, and that the remote says.
        """
        if not self.many_to_many:
            return None
        return SimpleNamespace(_meta=SimpleNamespace(auto_created=self.field.editable))

    def __repr__(self) -> str:
        return f"<the other end of {self.field!r}>"


def display(instance: RemoteInstance, name: str) -> str:
    """Return the text of a field's choice: ``get_FOO_display()``. Asks for the schema."""
    field = find_field(instance._known(), name)  # noqa: SLF001 - an instance of ours
    value = getattr(instance, name)
    if field is None or not field.choices:
        raise AttributeError(f"{name!r} of {instance!r} has no choices.", name=name, obj=instance)
    found = dict(make_hashable(list(field.choices)))
    plain = make_hashable(value)
    text = found.get(plain, found.get(str(plain), value))
    return force_str(text, strings_only=True)  # type: ignore[no-any-return]


class RemoteOptions:
    """``_meta`` of a remote model."""

    swapped = app_config = auto_field = None
    abstract = proxy = managed = False
    private_fields: tuple[RemoteField, ...] = ()
    constraints = unique_together = ()  # they are over there

    def __init__(self, model: RemoteClass):
        self.model = self.concrete_model = model
        self.app_label, self.object_name = model._chunnel_path
        self.model_name = self.object_name.lower()
        self.label = f"{self.app_label}.{self.object_name}"
        self.label_lower = f"{self.app_label}.{self.model_name}"
        self.parents: dict[Any, Any] = {}

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
    def default_manager(self) -> Any:
        return self.model.objects

    base_manager = default_manager

    @property
    def ordering(self) -> tuple[str, ...]:
        return self._schema.ordering

    @property
    def get_latest_by(self) -> str | tuple[str, ...] | None:
        found = self._schema.get_latest_by
        return (found[0] if len(found) == 1 else found) if found else None

    # Fields

    def _of(self, *kinds: str) -> tuple[RemoteField, ...]:
        found = self._schema
        return tuple(
            RemoteField(self.model, field, primary_key=field.name == found.pk)
            for field in found.fields
            if field.kind in kinds
        )

    @property
    def fields(self) -> tuple[RemoteField, ...]:
        """The readable columns."""
        return self._of("column", "forward")

    concrete_fields = local_fields = local_concrete_fields = fields

    @property
    def many_to_many(self) -> tuple[RemoteField, ...]:
        """The many-to-many relations that this model declares."""
        return tuple(field for field in self._of("many") if not field.auto_created)

    local_many_to_many = many_to_many

    @property
    def related_objects(self) -> tuple[RemoteField, ...]:
        """The relations that other models declare to this one."""
        return tuple(field for field in self._of("reverse", "many") if field.auto_created)

    @property
    def pk(self) -> RemoteField | None:
        """The field of the key, or None where it is not readable."""
        return next((field for field in self.fields if field.primary_key), None)

    def get_fields(
        self,
        include_parents: bool = True,  # noqa: ARG002
        include_hidden: bool = False,  # noqa: ARG002
    ) -> tuple[RemoteField, ...]:
        """Return the readable fields and relations: as in Django those to here come first."""
        return (*self.related_objects, *self.fields, *self.many_to_many)

    def get_field(self, field_name: str) -> RemoteField:
        """Return a readable field or relation by name; raise FieldDoesNotExist."""
        for field in self.get_fields():
            if field_name in {field.name, field.attname}:
                return field
        raise FieldDoesNotExist(f"{self.object_name} has no field named '{field_name}'")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_options_of, (self.model._chunnel_alias, *self.model._chunnel_path))


def _options_of(*path: str) -> RemoteOptions:
    found: RemoteOptions = named(*path)._meta
    return found
