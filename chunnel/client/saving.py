"""What instances do with their row over there: save, delete, refresh; each also asynchronously.

The rules:

* ``save()`` sends the fields that were edited, of a new instance those that were given. The reply
  has all readable fields as they are then, and the instance takes them over. Validation is the
  server's: its ``full_clean()`` runs, and a ValidationError arrives with its dict. An instance here
  has no ``full_clean()`` of its own, since nobody here could run it.
* The schema says what is a column; the first ``save()`` fetches it if it is not held.
* An instance whose key was set to None is a copy, and all its columns travel.
* Every request is one transaction over there, and none of it is repeated.
"""

# ruff: noqa: SLF001 - instances of ours

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import NotSupportedError

from ..exceptions import QueryRefused
from ..values import InstanceRef, InstanceRow
from .declared import COLUMNS, attname, columns, find_field, is_forward
from .instances import Instance
from .options import DEFAULT_OPTIONS
from .remotes import get_remote
from .signature import find_model
from .zones import in_zone

if TYPE_CHECKING:
    from ..schema import FieldSchema, ModelSchema
    from .models import RemoteInstance
    from .querysets import RemoteQuerySet
    from .remotes import Remote

_WRITING = DEFAULT_OPTIONS.replace(effect="write")


class _Save(NamedTuple):
    """The arguments of a request to save, and which edits stay edits after it."""

    args: tuple[Any, ...]
    keep: frozenset[str]


class Saving(Instance):
    """The methods of instances that make requests."""

    def save(
        self,
        force_insert: bool = False,
        force_update: bool = False,
        using: Any = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Save what was edited; of a new instance, make its row.

        Raise what the server's model raises: ValidationError, IntegrityError and the like.
        """
        call = self._saving(force_insert, force_update, using, update_fields)
        if call is not None:
            found = self._remote.call(
                self._door("save"), call.args, {}, in_zone(_WRITING), lift=_itself
            )
            self._saved(found, call)

    async def asave(
        self,
        force_insert: bool = False,
        force_update: bool = False,
        using: Any = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Save what was edited; of a new instance, make its row."""
        await self._alearn()
        call = self._saving(force_insert, force_update, using, update_fields)
        if call is not None:
            remote = self._remote
            found = await remote.acall(
                self._door("save"), call.args, {}, in_zone(_WRITING), lift=_itself
            )
            self._saved(found, call)

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Delete the row; return how many rows went, in all and by model."""
        args = self._deletion(using, keep_parents)
        found = self._remote.call(self._door("delete"), args, {}, in_zone(_WRITING), lift=_itself)
        return self._deleted(found)

    async def adelete(
        self, using: Any = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Delete the row; return how many rows went, in all and by model."""
        args = self._deletion(using, keep_parents)
        found = await self._remote.acall(
            self._door("delete"), args, {}, in_zone(_WRITING), lift=_itself
        )
        return self._deleted(found)

    def refresh_from_db(
        self, using: Any = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        """Fetch the fields again, or those named; edits of them are lost."""
        names = _listed(fields)
        queryset = self._refreshing(using, names, from_queryset)
        if queryset is not None:
            self._refreshed(queryset.get(), names)

    async def arefresh_from_db(
        self, using: Any = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        """Fetch the fields again, or those named; edits of them are lost."""
        names = _listed(fields)
        queryset = self._refreshing(using, names, from_queryset)
        if queryset is not None:
            self._refreshed(await queryset.aget(), names)

    def get_deferred_fields(self) -> set[str]:
        """Return the attributes of the columns that are not here. Asks for the schema."""
        model = self._known()
        return {attname(field) for field in columns(model)} - self.__dict__.keys()

    def serializable_value(self, field_name: str) -> Any:
        """Return the value of a field by its name; that of a foreign key is its key."""
        field = find_field(self._held, field_name)
        if field is not None and field.kind in COLUMNS:
            return getattr(self, attname(field))
        key = f"{field_name}_id"
        return getattr(self, key if field is None and key in self.__dict__ else field_name)

    # What is needed for that

    @property
    def _remote(self) -> Remote:
        return get_remote(self._chunnel_class._chunnel_alias)

    def _door(self, operation: str) -> str:
        return ".".join((*self._chunnel_class._chunnel_path, operation))

    def _reference(self) -> InstanceRef:
        return InstanceRef(".".join(self._chunnel_class._chunnel_path), self.pk)

    def _known(self) -> ModelSchema:
        """Return the model's schema, fetched where it is not held."""
        found = find_model(self._remote.schema(), *self._chunnel_class._chunnel_path)
        if found is None:
            cls = self._chunnel_class
            raise LookupError(
                f"{cls._chunnel_alias} exposes no model {'.'.join(cls._chunnel_path)!r}."
            )
        return found

    async def _alearn(self) -> None:
        if not self._remote.overrides:
            await self._chunnel_class.objects.all()._learn()

    @property
    def _inserts(self) -> bool:
        return self._adding or self._key is None

    def _changes(self) -> dict[str, Any]:
        """Return what travels when the instance is saved, by the names of its fields.

        That is what was edited, and of a copy all it has.
        """
        model = self._held if self._remote.overrides else self._known()
        state = self.__dict__
        whole = self._inserts and not self._adding
        if model is None:
            names = {*self._edited, *(self._fetched if whole else ())}
            return {name: state[name] for name in sorted(names) if name in state}
        key = find_field(model, model.pk)
        if key is not None and "pk" in self._edited:  # set when nobody knew its name
            state[attname(key)] = self._key
        wanted = state.keys() if whole else self._edited
        return {
            field.name: self._value(field)
            for field in columns(model)
            if attname(field) in wanted and not (field == key and state[attname(field)] is None)
        }

    def _check_gone(self) -> None:
        """Raise QueryRefused if a column was edited that the server no longer has."""
        model = self._held
        if model is None:
            return
        now = {attname(field) for field in columns(model)}
        for name in sorted(self._edited - now):
            for schema in self._remote.caller.kept_schemas:
                field = find_field(find_model(schema, *self._chunnel_class._chunnel_path), name)
                if field is not None and field.kind in COLUMNS and name == attname(field):
                    label = ".".join(self._chunnel_class._chunnel_path)
                    raise QueryRefused(
                        f"{label} no longer has the field {name!r}, so what it was set to cannot "
                        f"be saved; it has {', '.join(sorted(now))}."
                    )

    def _value(self, field: FieldSchema) -> Any:
        """Return the value of a column as it travels: an instance that was assigned as itself."""
        other = (self._related or {}).get(field.name) if is_forward(field) else None
        if other is None:
            return self.__dict__[attname(field)]
        if other.pk is None:
            raise ValueError(
                f"save() prohibited to prevent data loss due to unsaved related object "
                f"'{field.name}'."
            )
        return other

    def _saving(
        self, force_insert: Any, force_update: bool, using: Any, update_fields: Any
    ) -> _Save | None:
        _check_using(using)
        if isinstance(force_insert, tuple):
            raise NotSupportedError("force_insert of a remote instance is True or False.")
        if force_insert and (force_update or update_fields is not None):
            raise ValueError("Cannot force both insert and updating in model saving.")
        changes = self._changes()
        keep: frozenset[str] = frozenset()
        names = _listed(update_fields)
        if names is None:
            self._check_gone()
        if names is not None:
            if not names:
                return None
            changes, keep = self._chosen(names, changes)
        elif force_insert and not self._inserts:
            changes = self._all_columns()
        from .conditions import plain
        from .expressions import Lifter

        lifter = Lifter(self._chunnel_class._chunnel_alias)
        for name, value in changes.items():
            if hasattr(value, "resolve_expression"):
                raise NotSupportedError(
                    f"{name!r} is saved as a value, not as {type(value).__name__}; update() of a "
                    f"queryset takes expressions."
                )
        values = {name: plain(value, lifter) for name, value in changes.items()}
        options = {
            "force_insert": bool(force_insert),
            "force_update": bool(force_update),
            "update_fields": None if names is None else sorted(changes),
        }
        reference = self._reference()
        if self._inserts:
            reference = reference._replace(pk=None)
        return _Save((reference, values, options), keep)

    def _all_columns(self) -> dict[str, Any]:
        state = self.__dict__
        return {
            field.name: self._value(field)
            for field in columns(self._known())
            if attname(field) in state
        }

    def _chosen(
        self, names: list[str], changes: dict[str, Any]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """Return the values of ``update_fields``, edited or not, and the edits that stay."""
        model = self._held
        if model is None:
            return {name: changes[name] for name in names if name in changes}, frozenset(
                self._edited.difference(names)
            )
        found = {attname(field): field for field in columns(model) if field.name != model.pk}
        by_name = {key: field for field in found.values() for key in (field.name, attname(field))}
        wrong = [name for name in names if name not in by_name]
        if wrong:
            raise ValueError(
                "The following fields do not exist in this model, are m2m fields, primary keys, or "
                f"are non-concrete fields: {', '.join(sorted(wrong))}"
            )
        chosen = {by_name[name].name: by_name[name] for name in names}
        absent = [name for name, field in chosen.items() if attname(field) not in self.__dict__]
        if absent:
            raise self._not_fetched(absent[0], "save() cannot send it", f"only({absent[0]!r})")
        keep = self._edited.difference(map(attname, chosen.values()))
        return {name: self._value(field) for name, field in chosen.items()}, keep

    def _saved(self, found: Any, call: _Save) -> None:
        from .rows import read_row

        if isinstance(found, InstanceRow):
            found = read_row(self._chunnel_class, found, None, None)
        if isinstance(found, Saving):
            self._take(found, call.keep)
        else:  # the fake of a test may say nothing
            self.__dict__.update(_adding=False, _edited=call.keep)
            if self._key is None:
                self.__dict__["_key"] = self.__dict__.get(self._key_name or "")

    def _deletion(self, using: Any, keep_parents: bool) -> tuple[Any, ...]:
        _check_using(using)
        if keep_parents:
            raise NotSupportedError("delete() of a remote instance does not support keep_parents.")
        if self.pk is None:
            name = type(self).__name__
            raise ValueError(
                f"{name} object can't be deleted because its {self._key_name or 'pk'} attribute is "
                f"set to None."
            )
        return (self._reference(),)

    def _deleted(self, found: Any) -> tuple[int, dict[str, int]]:
        state = self.__dict__
        state["_key"] = None
        name = self._key_name
        if name is not None and name in state:
            state[name] = None
        total, by_model = found
        return total, dict(by_model)

    def _refreshing(
        self, using: Any, names: list[str] | None, from_queryset: Any
    ) -> RemoteQuerySet | None:
        """Return the queryset of the one row to fetch; None where nothing is to be."""
        _check_using(using)
        queryset: Any = self._chunnel_class.objects.all()
        if from_queryset is not None:
            if getattr(from_queryset, "model", None) is not self._chunnel_class:
                raise TypeError(f"from_queryset is a queryset of {type(self).__name__}.")
            queryset = from_queryset
        queryset = queryset.filter(pk=self.pk)
        if names is None:
            return queryset  # type: ignore[no-any-return]
        rest = [name for name in names if not self._forgets(name)]
        return queryset.only(*rest) if rest else None

    def _forgets(self, name: str) -> bool:
        """Forget what a relation without a column leads to; say whether ``name`` is one."""
        from .relations import forget, relation_named

        found = relation_named(self, name) is not None
        if found:
            forget(self, name)
        return found

    def _refreshed(self, found: RemoteInstance, names: list[str] | None) -> None:
        state = self.__dict__
        if names is None:
            state["_related"] = None
            self._take(found)
            return
        self._take(found, self._edited - set(found._fetched))
        for name in names:
            if self._related is not None and name not in (found._related or {}):
                self._related.pop(name.removesuffix("_id"), None)


for _name in ("save", "asave", "delete", "adelete", "refresh_from_db", "arefresh_from_db"):
    getattr(Saving, _name).alters_data = True  # so that no template calls it


def _check_using(using: Any) -> None:
    if using is not None:
        raise NotSupportedError("A remote instance has no database to choose (using).")


def _listed(names: Iterable[str] | None) -> list[str] | None:
    if isinstance(names, str):
        raise TypeError("fields are listed by their names, as in ['owner'].")
    return None if names is None else list(names)


def _itself(value: Any) -> Any:
    return value
