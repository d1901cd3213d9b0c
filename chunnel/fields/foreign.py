"""``RemoteForeignKey``: a column that holds the key of a row of another project.

It is the field named by ``key`` under the name ``…_id``: type, lookups, conversions and validators
are that field's. What it adds is where the key leads.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage
from django.db.models import BigIntegerField, Field
from django.db.models.fields.mixins import FieldCacheMixin
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.utils.translation import gettext_lazy as _

from ..exceptions import FieldNotFetched
from .access import RemoteRowDescriptor
from .declared import REFUSED, key_check, says_type, split

if TYPE_CHECKING:
    from ..client.classes import RemoteClass

    _Field = Field[Any, Any]
else:
    _Field = Field

_NOT_GIVEN = object()


class RemoteForeignKey(FieldCacheMixin, _Field):
    """The key of a row of another project, in a column of its own.

    ``to`` is "alias.app_label.Model". ``to_field`` is the field over there whose value is stored,
    by default the key; it has to be unique there, and filters by ``exact`` and ``in`` declared.
    ``key`` is a field that says which type the column has, by default ``BigIntegerField()``. The
    other options are Django's; the column has an index unless ``db_index=False``.
    """

    description = _("Key of a row of another project")
    descriptor_class = ForeignKeyDeferredAttribute
    empty_strings_allowed = False
    db_index: bool
    # A change of what it leads to changes no column.
    non_db_attrs = (*Field.non_db_attrs, "to", "to_field")

    def __init__(
        self,
        to: Any,
        on_delete: Any = _NOT_GIVEN,
        *,
        to_field: str = "pk",
        key: Any = None,
        **options: Any,
    ):
        if isinstance(getattr(to, "_chunnel_path", None), tuple):  # remote.economy.money.Account
            to = ".".join((to._chunnel_alias, *to._chunnel_path))
        self.to = to
        self.to_field = to_field
        self.given_key = key
        self.key: Field[Any, Any] = key if says_type(key) else BigIntegerField()
        self.given_refused = {name: options.pop(name) for name in REFUSED if name in options}
        if on_delete is not _NOT_GIVEN:
            self.given_refused["on_delete"] = on_delete
        options.setdefault("db_index", True)
        super().__init__(**options)

    # What it is part of

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        self.key = copy.copy(self.key)
        self.key.set_attributes_from_name(name)
        self.key.attname, self.key.column = self.attname, self.column
        self.key.model = cls
        setattr(cls, self.name, RemoteRowDescriptor(self))

    def get_attname(self) -> str:
        return f"{self.name}_id"

    @cached_property
    def cache_name(self) -> str:
        """Under which name an instance keeps the row."""
        return self.name

    @property
    def remote_model(self) -> RemoteClass:
        """The class of the remote model; no request."""
        from ..client.classes import remote_class

        return remote_class(*split(self.to))

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, options = super().deconstruct()
        if self.db_index:
            del options["db_index"]
        else:
            options["db_index"] = False
        options["to"] = self.to
        if self.to_field != "pk":
            options["to_field"] = self.to_field
        if self.key.deconstruct()[1:] != BigIntegerField().deconstruct()[1:]:
            options["key"] = self.given_key
        return name, "chunnel.RemoteForeignKey", args, options

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        found = [*super().check(**kwargs), *key_check(self)]
        if says_type(self.given_key):
            found += self.key.check(**kwargs)
        return found

    # Keys

    def key_of(self, row: Any) -> Any:
        """Return what is stored for a remote instance, or for the value of a key.

        Raise ValueError for an instance of another model or one that was never saved,
        FieldNotFetched for one whose ``to_field`` is not here.
        """
        cls = getattr(type(row), "_chunnel_class", None)
        if cls is None and not hasattr(row, "_meta"):
            return row
        if cls is None or [cls._chunnel_alias, *cls._chunnel_path] != self.to.split("."):
            raise ValueError(f'Cannot use "{row!r}": "{self.name}" takes an instance of {self.to}.')
        try:
            found = getattr(row, self.to_field)
        except AttributeError as error:
            raise FieldNotFetched(
                f"{self.to_field!r} of {row!r} was not fetched, and {self.name!r} stores it.",
                name=self.to_field,
                obj=row,
            ) from error
        if found is None:
            raise ValueError(
                f"{row!r} has no {self.to_field!r}; {self.name!r} takes rows that were saved."
            )
        return found

    def to_python(self, value: Any) -> Any:
        return self.key.to_python(self.key_of(value))

    def get_prep_value(self, value: Any) -> Any:
        return self.key.get_prep_value(self.key_of(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not prepared:
            value = self.key_of(value)
        return self.key.get_db_prep_value(value, connection, prepared)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if hasattr(value, "as_sql"):
            return value
        return self.key.get_db_prep_save(self.key_of(value), connection)

    def value_to_string(self, obj: Any) -> str:
        return self.key.value_to_string(obj)

    # The column is that of the field that says the type

    def get_internal_type(self) -> str:
        return self.key.get_internal_type()

    def db_type(self, connection: Any) -> str | None:
        return self.key.db_type(connection)

    def cast_db_type(self, connection: Any) -> str | None:
        return self.key.cast_db_type(connection)

    def db_parameters(self, connection: Any) -> Any:
        return self.key.db_parameters(connection)

    def get_db_converters(self, connection: Any) -> Any:
        return self.key.get_db_converters(connection)

    def get_lookup(self, lookup_name: str) -> Any:
        return self.key.get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        return self.key.get_transform(lookup_name)

    @cached_property
    def validators(self) -> Any:
        return [*super().validators, *self.key.validators]

    # Forms

    def formfield(self, form_class: Any = None, **kwargs: Any) -> Any:
        """Return an input for the key, or what ``form_class`` says: ``RemoteChoiceField``."""
        from django.forms import ModelChoiceField

        from .forms import RemoteKeyField

        form_class = form_class or RemoteKeyField
        defaults: dict[str, Any] = {}
        if issubclass(form_class, RemoteKeyField | ModelChoiceField):
            target = None if self.to_field == "pk" else self.to_field
            defaults |= {"queryset": self.remote_model.objects.all(), "to_field_name": target}
        if issubclass(form_class, RemoteKeyField):
            defaults["key"] = self.key.formfield()
        return super().formfield(form_class=form_class, **{**defaults, **kwargs})
