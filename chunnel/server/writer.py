"""What every write shares: which values it takes, what they must be, and who is asked.

The rules:

* Only ``writable_fields`` are set, whatever came; a name is the field's, its column's
  (``branch_id``) or ``pk``. The primary key is set where a row is inserted, never on one there is.
* The row of another model, as an instance or as the key that the column holds, is one that the call
  may see: it is loaded through that model's ``get_queryset``. One that is hidden is answered as one
  that does not exist. A model that is not exposed has no rows to see: its keys are the database's
  to judge.
* Values go through ``full_clean()``: those of fields that can be written when a row is made, those
  that were written when it is changed. What the caller cannot write he is not blamed for. Unique
  fields and constraints are checked, except for many rows at once: that would be queries for each,
  and the database checks them all the same.
* A row that is written must be among those that the call may see, before and after. This is asked
  of the database, so only where ``get_queryset`` narrows the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import connections
from django.db.models import Model, Q, QuerySet

from ..protocol.messages import FailureCode
from ..registry import ModelRPC
from ..values import InstanceRef, InstanceRow, QuerySetRef, RowSet
from .failures import Refusal
from .invalid import told
from .lowering import instance_row
from .references import LARGEST_KEY, NO_KEY, key_of, missing, referring
from .replay import Replay
from .rows import check_rows

if TYPE_CHECKING:
    from django.db.models import Field

    from ..plans import Plan
    from ..registry import ExposedModel
    from .scope import Scope

    Values: TypeAlias = dict[Field[Any, Any], Any]
    """What to set: a relation to an exposed model has an instance of it or None."""

BATCH = 1_000  # keys of one query that loads rows

_TRAVELLING = (InstanceRef, InstanceRow, RowSet, QuerySetRef)


class Row(NamedTuple):
    """The key that a relation's column holds, by the field of the other model that it is of."""

    exposed: ExposedModel
    target: str
    key: Any


class Writer:
    """Writes rows of one model for one call."""

    def __init__(self, scope: Scope, exposed: ExposedModel):
        self.scope = scope
        self.exposed = exposed
        self.model = exposed.model
        root = scope.root(exposed)
        root._for_write = True  # type: ignore[attr-defined]  # noqa: SLF001
        self.using: str = root.db
        self._fields = self._spellings()

    def _spellings(self) -> dict[str, Field[Any, Any]]:
        found: dict[str, Field[Any, Any]] = {}
        for field in self.exposed.fields:
            if field.name in self.exposed.writable.columns:
                found[field.name] = found[field.attname] = field
                if field.primary_key:
                    found["pk"] = field
        return found

    # Rows

    def admit(self, plan: Plan) -> None:
        """Raise what forbids a plan, whatever is done with it."""
        rules = self.exposed.rules(self.scope.limits)
        self.scope.admit(self.exposed, rules.check_steps(plan))

    def planned(self, plan: Plan) -> QuerySet[Any]:
        """Return the rows of a plan in the database written to; raise what forbids it."""
        self.admit(plan)
        (plan,) = referring(self.scope, plan)
        return Replay(self.scope).query(plan, shown=False).queryset.using(self.using)

    @property
    def rows(self) -> QuerySet[Any]:
        """What the call may see, in the database that is written to."""
        return self.scope.root(self.exposed).using(self.using)

    @property
    def base(self) -> QuerySet[Any]:
        """The bare rows of the table."""
        return self.model._base_manager.using(self.using)  # noqa: SLF001

    def load(self, ref: Any) -> Any:
        """Return the instance of a reference, locked where that can be, and ask to view it.

        Raise the model's DoesNotExist for one that the call may not see.
        """
        if not isinstance(ref, InstanceRef) or ref.model != self.exposed.name:
            raise Refusal(FailureCode.MALFORMED, f"This is no instance of {self.exposed.name}.")
        self.scope.ask_view([self.exposed])
        key = self.key(ref)
        instance = locked(self.rows.filter(Q(("pk", key)))).first()
        if instance is None:
            raise missing(self.exposed, ref)
        self.scope.ask_view([self.exposed], instance)
        return instance

    def key(self, ref: InstanceRef) -> Any:
        """Return the key of a reference as the model's own type; raise DoesNotExist."""
        try:
            return key_of(self.exposed, ref.pk)
        except NO_KEY:
            raise missing(self.exposed, ref) from None

    def found(self, key: Any, instances: Mapping[Any, Model]) -> Model:
        """Return the instance of a key; raise DoesNotExist."""
        try:
            return instances[key]
        except KeyError:
            raise missing(self.exposed, InstanceRef(self.exposed.name, key)) from None

    def load_all(self, keys: Sequence[Any], rows: QuerySet[Any]) -> dict[Any, Model]:
        """Return those of ``rows`` that have these keys, locked where that can be, by key."""
        found: dict[Any, Model] = {}
        for batch in _batches(keys):
            for instance in locked(rows.filter(Q(("pk__in", batch)))):
                self.scope.ask_view([self.exposed], instance)
                found[instance.pk] = instance
        return found

    def keys(self, wire: Iterable[Any]) -> list[Any]:
        """Return keys as the model's own type, without those that none of its rows can have."""
        found = []
        for each in wire:
            try:
                found.append(key_of(self.exposed, each))
            except NO_KEY:
                continue
        return found

    def touched(self, queryset: QuerySet[Any], hook: str, *, stays: bool) -> list[Any] | None:
        """Ask for each row of ``queryset`` whether it may be written; return their keys.

        A hook that is not overridden says the same of every row, and is asked once. Then the keys
        are needed only where the rows must stay (``stays``) among those that the call may see; None
        means that they are not needed.
        """
        each = getattr(type(self.exposed.rpc), hook) is not getattr(ModelRPC, hook)
        if not each:
            self.ask(hook)
            if not stays or not self.scope.narrows(self.exposed):
                return None
        if queryset._fields is not None:  # type: ignore[attr-defined]
            queryset = queryset.values("pk")
        rows = locked(self.base.filter(Q(("pk__in", queryset))))
        found = list((rows if each else rows.only("pk"))[: self.exposed.max_rows + 1])
        check_rows(self.exposed, len(found))
        if each:
            for instance in found:
                self.ask(hook, instance)
        return [instance.pk for instance in found]

    def check_stays(self, keys: Iterable[Any]) -> None:
        """Raise the refusal if the call may not see one of the rows that it has written."""
        if not self.scope.narrows(self.exposed):
            return
        for batch in _batches(keys):
            seen = set(self.rows.filter(Q(("pk__in", batch))).values_list("pk", flat=True))
            if not seen.issuperset(batch):
                raise Refusal(
                    FailureCode.DENIED,
                    f"{self.exposed.name}: a row would not be among those that you may see, so "
                    f"nothing was written.",
                )

    # Hooks

    def ask(self, hook: str, *instance: Any) -> None:
        """Raise the refusal if a hook of permissions says no, of a row or in general."""
        if not getattr(self.exposed.rpc, hook)(self.scope.served, *instance):
            what = hook.removeprefix("has_").removesuffix("_permission")
            which = "this " if instance else ""
            raise Refusal(FailureCode.DENIED, f"You may not {what} {which}{self.exposed.name}.")

    def ask_add(self) -> None:
        """Raise the refusal if the call may not create rows, which are answered as well."""
        if not self.exposed.can_create:
            raise Refusal(
                FailureCode.NOT_EXPOSED,
                f"{self.exposed.name} does not let rows be created (can_create).",
            )
        self.scope.ask_view([self.exposed])
        self.ask("has_add_permission")

    # Values

    def field(self, name: Any, *, inserted: bool = False) -> Field[Any, Any]:
        """Return the field of a name; raise the refusal for one that may not be written."""
        found = self._fields.get(name) if isinstance(name, str) else None
        if found is not None and found.primary_key and not inserted:
            raise Refusal(
                FailureCode.QUERY_REFUSED,
                f"{self.exposed.name}: {name!r} is the key, which a row that exists keeps.",
            )
        if found is None:
            legal = ", ".join(self.exposed.writable.columns) or "none"
            raise Refusal(
                FailureCode.QUERY_REFUSED,
                f"{self.exposed.name} does not let {str(name)[:100]!r} be written; of its fields "
                f"may be written: {legal}.",
            )
        return found

    def values(self, given: Iterable[Any], *, inserted: bool) -> list[Values]:
        """Return values that came by name as they are set, those of several rows at once.

        ``inserted``: they make new rows. Raise the refusal for names that may not be written, and
        ValidationError for rows of other models that the call may not see.
        """
        rows = [self._named(each, inserted=inserted) for each in given]
        wanted = {
            found
            for row in rows
            for field, value in row.items()
            if (found := self._row(field, value)) is not None
        }
        loaded = self._load(wanted)
        return [
            {field: self._loaded(field, value, loaded) for field, value in row.items()}
            for row in rows
        ]

    def _named(self, given: Any, *, inserted: bool) -> Values:
        if not isinstance(given, dict):
            raise Refusal(FailureCode.MALFORMED, "The values of a row are not a dict.")
        found: Values = {}
        for name, value in given.items():
            field = self.field(name, inserted=inserted)
            if field in found:
                raise Refusal(FailureCode.MALFORMED, f"{field.name!r} is given twice.")
            found[field] = value
        return found

    def _row(self, field: Any, value: Any) -> Row | None:
        """Return which row of another model a value stands for, None if for none to be loaded."""
        if not field.is_relation:
            if isinstance(value, _TRAVELLING):
                raise ValidationError({field.name: "This takes a value, not an instance."})
            return None
        related = self.exposed.related(field.name)
        if value is None or (related is None and not isinstance(value, _TRAVELLING)):
            return None
        exposed, target = related, field.target_field
        if isinstance(value, InstanceRef):
            exposed = self.scope.registry.model_named(value.model)
            if exposed is None or not issubclass(exposed.model, field.related_model):
                raise ValidationError(
                    {field.name: f"This takes {field.related_model._meta.verbose_name} instances."}
                )
            value, target = value.pk, exposed.model._meta.pk
        assert exposed is not None or isinstance(value, _TRAVELLING)
        try:
            key = target.to_python(value)
            hash(key)
        except NO_KEY:
            raise _invalid(field, value) from None
        if exposed is None or (isinstance(key, int) and not -LARGEST_KEY <= key < LARGEST_KEY):
            raise _invalid(field, value)
        return Row(exposed, target.name, key)

    def _load(self, wanted: set[Row]) -> dict[Row, Model]:
        by_target: dict[tuple[ExposedModel, str], list[Any]] = {}
        for exposed, target, key in wanted:
            by_target.setdefault((exposed, target), []).append(key)
        found: dict[Row, Model] = {}
        for (exposed, target), keys in by_target.items():
            self.scope.ask_view([exposed])
            for batch in _batches(keys):
                for each in self.scope.root(exposed).filter(Q((f"{target}__in", batch))):
                    self.scope.ask_view([exposed], each)
                    key = each._meta.get_field(target).value_from_object(each)
                    found[Row(exposed, target, key)] = each
        return found

    def _loaded(self, field: Any, value: Any, loaded: Mapping[Row, Model]) -> Any:
        row = self._row(field, value)
        if row is None:
            return value
        try:
            return loaded[row]
        except KeyError:
            raise _invalid(field, value) from None

    def assign(self, instance: Model, values: Values) -> None:
        """Set the values on an instance."""
        for field, value in values.items():
            setattr(instance, field.name if is_row(field, value) else field.attname, value)

    # Judging them

    def clean(
        self,
        instance: Model,
        values: Values,
        *,
        inserted: bool,
        alone: bool = True,
        forced: bool = False,
    ) -> None:
        """Run ``full_clean()``, on what is written. Raise ValidationError.

        ``alone``: it is not one of many rows. ``forced``: whether its key is taken is for the
        database to find out.
        """
        named = {field.name for field in values}
        judged = set(self.exposed.writable.columns) if inserted else named
        ours = {
            field.name
            for field, value in values.items()
            if is_row(field, value) and not limits(field)
        }
        every = {field.name for field in self.model._meta.fields}
        errors: dict[str, Any] = {}
        excluded = (every - judged) | ours

        def check(run: Callable[[], None]) -> None:
            try:
                run()
            except ValidationError as error:
                error.update_error_dict(errors)

        check(
            lambda: instance.full_clean(excluded, validate_unique=False, validate_constraints=False)
        )
        if alone:
            failed = errors.keys() - {NON_FIELD_ERRORS}
            key = {self.model._meta.pk.name} if forced else set()
            unique = self._beside(judged)
            check(lambda: instance.validate_unique((every - unique) | failed | key))
            check(lambda: instance.validate_constraints(failed))
        if errors:
            raise ValidationError(told(self.exposed, errors))

    def _beside(self, names: set[str]) -> set[str]:
        """Return the names with those that must be unique together with one of them."""
        found = set(names)
        for meta in (self.model._meta, *(each._meta for each in self.model._meta.all_parents)):
            for group in meta.unique_together:
                if names.intersection(group):
                    found.update(group)
        return found

    # Answers

    def answer(self, instance: Any) -> InstanceRow:
        """Return all that is readable of an instance as it now is."""
        computed = [
            field.attname
            for field in self.exposed.fields
            if hasattr(vars(instance).get(field.attname), "resolve_expression")
            or getattr(field, "generated", False)
        ]
        if computed:  # only the database knows what that is
            instance.refresh_from_db(using=self.using, fields=computed)
        return instance_row(self.exposed, instance)


def is_row(field: Any, value: Any) -> bool:
    """Say whether a value is set as the other instance and not as a key."""
    return bool(field.is_relation and isinstance(value, Model))


def limits(field: Any) -> bool:
    """Say whether a relation takes some rows of the other model only."""
    return bool(field.get_limit_choices_to())


def locked(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return the queryset so that its rows are kept from others, where the database can do that."""
    query, features = queryset.query, connections[queryset.db].features
    whole = query.distinct or query.group_by is not None or query.combinator or query.is_sliced
    if not features.has_select_for_update or whole:
        return queryset
    return queryset.select_for_update(of=("self",) if features.has_select_for_update_of else ())


def _invalid(field: Any, value: Any) -> ValidationError:
    """Return Django's own error for a key that no row of the other model has."""
    shown = value.pk if isinstance(value, InstanceRef) else value
    params = {
        "model": field.related_model._meta.verbose_name,
        "pk": shown,
        "field": field.target_field.name,
        "value": shown,
    }
    error = ValidationError(field.error_messages["invalid"], code="invalid", params=params)
    return ValidationError({field.name: error})


def _batches(keys: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(keys)
    while batch := list(islice(rest, BATCH)):
        yield batch
