"""Creating rows: ``create``, ``bulk_create``, ``get_or_create``, ``update_or_create``.

The rules:

* A row is made by the model's own ``save()``, with a forced insert: it never overwrites one that
  exists, be it one that the call may not see.
* Under a relation of an instance (``publisher.books.create``) the row is related to it, which the
  relation's own rules must allow (see ``relating``).
* What is looked for is judged as any filter; what is found is among the rows that the call may see.
  A row that exists and is hidden is neither found nor created again: the error is that of a value
  that must be unique.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Field, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP

from ..plans import Filter, Leaf, Node, Plan
from ..protocol.messages import FailureCode
from ..values import InstanceRow, RowSet
from .failures import Refusal
from .lowering import row_set
from .relating import UNBOUND, Bound, Relation, bound
from .rows import check_rows
from .writer import Writer, locked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .writer import Values


def create(writer: Writer, plan: Plan, given: Any) -> InstanceRow:
    """Create a row; return all of it."""
    owner = bound(writer, plan)
    writer.ask_add()
    return writer.answer(insert(writer, given, owner))


def create_related(relation: Relation, given: Any) -> InstanceRow:
    """Create a row under a relation of an instance; return all of it."""
    others = relation.others
    others.ask_add()
    return others.answer(insert(others, given, Bound(relation)))


def insert(writer: Writer, given: Any, owner: Bound = UNBOUND, *, forced: bool = True) -> Model:
    """Insert a row with values by name; return its instance. Hooks were asked before.

    ``forced``: that its key is taken is an IntegrityError, not a ValidationError.
    """
    (values,) = writer.values([given], inserted=True)
    values.update(owner.values)  # it is the relation that says, as in Django
    instance = writer.model()
    writer.assign(instance, values)
    writer.clean(instance, values, inserted=True, forced=forced)
    instance.save(force_insert=True, using=writer.using)
    owner.attach(instance)
    writer.check_stays([instance.pk])
    return instance


def bulk_create(writer: Writer, plan: Plan, given: Any, options: Any) -> RowSet:
    """Create rows with one statement; return all of them, in their order."""
    ignore = _ignores(options)
    if not isinstance(given, list):
        raise Refusal(FailureCode.MALFORMED, "The rows to create are not a list.")
    check_rows(writer.exposed, len(given))
    writer.admit(plan)  # and not used: neither does Django relate these rows
    writer.ask_add()
    narrows = writer.scope.narrows(writer.exposed)
    if ignore and narrows:
        raise Refusal(
            FailureCode.QUERY_REFUSED,
            f"{writer.exposed.name}: with ignore_conflicts nobody knows which rows were created, "
            f"so whether you may see them cannot be told.",
        )
    instances = []
    for values in writer.values(given, inserted=True):
        instance = writer.model()
        writer.assign(instance, values)
        writer.clean(instance, values, inserted=True, alone=False)
        instances.append(instance)
    made = writer.rows.bulk_create(instances, ignore_conflicts=ignore)
    if narrows:
        if any(each.pk is None for each in made):
            raise Refusal(
                FailureCode.QUERY_REFUSED,
                f"{writer.exposed.name}: this database does not tell the keys of many new rows, so "
                f"whether you may see them cannot be told.",
            )
        writer.check_stays([each.pk for each in made])
    return row_set(writer.exposed, made)


def _ignores(options: Any) -> bool:
    if not isinstance(options, dict) or options.keys() - {"ignore_conflicts"}:
        raise Refusal(FailureCode.MALFORMED, "bulk_create takes one option, ignore_conflicts.")
    return bool(options.get("ignore_conflicts"))


def get_or_create(
    writer: Writer, plan: Plan, lookups: Any, defaults: Any, create_defaults: Any = None
) -> list[Any]:
    """Return the row that is found, else a new one, and whether it is new."""
    if create_defaults is not None:
        raise Refusal(FailureCode.MALFORMED, "get_or_create takes no create_defaults.")
    new = _dict(writer, defaults)
    either = _Either(writer, plan, lookups)
    instance, is_new = either.find_or_create(either.rows, new)
    if not is_new:
        writer.scope.ask_view([writer.exposed], instance)
    return [writer.answer(instance), is_new]


def update_or_create(
    writer: Writer, plan: Plan, lookups: Any, defaults: Any, create_defaults: Any = None
) -> list[Any]:
    """Return the row that is found, with ``defaults`` set, else a new one, and which it is."""
    changes = _dict(writer, defaults)
    new = changes if create_defaults is None else _dict(writer, create_defaults)
    either = _Either(writer, plan, lookups)
    instance, is_new = either.find_or_create(locked(either.rows), new)
    if not is_new:
        writer.scope.ask_view([writer.exposed], instance)
        writer.ask("has_change_permission", instance)
        (values,) = writer.values([changes], inserted=False)
        writer.assign(instance, values)
        writer.clean(instance, values, inserted=False)
        instance.save(using=writer.using, update_fields=_saved(instance, values))
        writer.check_stays([instance.pk])
    return [writer.answer(instance), is_new]


def _saved(instance: Any, values: Values) -> list[str]:
    """Return the names to save: what is set, and fields that set themselves, as Django does."""
    own = {
        field.name
        for field in instance._meta.local_concrete_fields
        if not field.primary_key and field.__class__.pre_save is not Field.pre_save
    }
    return sorted(own.union(field.name for field in values))


class _Either:
    """Rows to find by lookups, or to create with them."""

    def __init__(self, writer: Writer, plan: Plan, lookups: Any):
        self._writer = writer
        self._owner = bound(writer, plan)
        self._lookups = dict(_pairs(lookups))
        if plan.row is not None:
            raise Refusal(
                FailureCode.QUERY_REFUSED, f"{plan.model}: values() are not rows to create."
            )
        leaves = tuple(Leaf(key, value) for key, value in self._lookups.items())
        found = plan.then(Filter(Node("and", False, leaves)))
        self.rows = writer.planned(found)

    def find_or_create(self, rows: QuerySet[Any], defaults: dict[Any, Any]) -> tuple[Any, bool]:
        missing = self._writer.model.DoesNotExist  # type: ignore[attr-defined]
        try:
            return rows.get(), False
        except missing:
            pass
        try:
            with transaction.atomic(using=self._writer.using):
                return self._create(defaults), True
        except (IntegrityError, ValidationError):  # perhaps another call has created it meanwhile
            try:
                return rows.get(), False
            except missing:
                pass
            raise

    def _create(self, defaults: dict[Any, Any]) -> Model:
        writer = self._writer
        writer.ask_add()
        given = {key: value for key, value in self._lookups.items() if LOOKUP_SEP not in key}
        return insert(writer, _dict(writer, given) | defaults, self._owner)


def _pairs(lookups: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(lookups, list):
        raise Refusal(FailureCode.MALFORMED, "The lookups are not a list.")
    for pair in lookups:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise Refusal(FailureCode.MALFORMED, "A lookup is not a pair of a name and a value.")
        yield pair[0], pair[1]


def _dict(writer: Writer, values: Any) -> dict[Any, Any]:
    """Return values by the names of their fields; raise the refusal for what is none."""
    if not isinstance(values, dict):
        raise Refusal(FailureCode.MALFORMED, "The values of a row are not a dict.")
    return {writer.field(name, inserted=True).name: each for name, each in values.items()}
