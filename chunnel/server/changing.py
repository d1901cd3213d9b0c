"""Changing and deleting rows that exist: of a queryset, of a list of keys, or one instance.

The rules:

* ``save`` sets what came on the row as it now is, kept from others where the database can do that,
  and calls the model's own ``save()``: what others have changed meanwhile is not set back.
* ``update`` and ``delete`` of querysets are Django's own, one statement if nothing has to be asked
  of each row: neither a hook of permissions that a model overrides, nor whether the rows stay among
  those that the call may see. What is plain among the values is judged by the field; what is
  computed is the database's to judge.
* A relation is set to a computed value only where its model hides no rows from the call.
* What a deletion takes along is Django's to say. Of it only rows of exposed models are named and
  counted that the call may view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.db.models import Q

from ..plans import Literal, Plan
from ..plans.expressions import Expression
from ..protocol.messages import FailureCode
from ..values import InstanceRef, InstanceRow
from .creating import insert
from .failures import Refusal, Told
from .references import referring
from .replay import Replay
from .rows import check_rows
from .writer import Writer, is_row, limits


class NotSaved(Told, DatabaseError):
    """A forced update found no row."""


# One instance


def save(writer: Writer, ref: Any, given: Any, options: Any) -> InstanceRow:
    """Insert or change the row of an instance; return all of it."""
    if not isinstance(ref, InstanceRef) or ref.model != writer.exposed.name:
        raise Refusal(FailureCode.MALFORMED, f"This is no instance of {writer.exposed.name}.")
    if not isinstance(given, dict):
        raise Refusal(FailureCode.MALFORMED, "The values of a row are not a dict.")
    force_insert, force_update, names = _options(writer, options)
    pk = writer.model._meta.pk.name
    values = {writer.field(name, inserted=True).name: each for name, each in given.items()}
    if force_insert and (force_update or names):
        raise ValueError("Cannot force both insert and updating in model saving.")
    updates = force_update or names is not None
    if ref.pk is None and updates and pk in values:
        ref = ref._replace(pk=values[pk])
    if names is not None and not names:
        return writer.answer(writer.load(ref)) if ref.pk is not None else _unsaved(writer)
    if ref.pk is None or force_insert:
        if updates:
            raise ValueError("Cannot force an update in save() with no primary key.")
        if ref.pk is not None:
            values = {writer.field("pk", inserted=True).name: ref.pk, **values}
        writer.ask_add()
        return writer.answer(insert(writer, values, forced=force_insert))
    if values.get(pk) == ref.pk:
        del values[pk]
    return _change(writer, ref, values, force_update=force_update, names=names)


def _unsaved(writer: Writer) -> InstanceRow:
    """``save(update_fields=[])`` does nothing, so nothing is known."""
    exposed = writer.exposed
    return InstanceRow(exposed.name, None, (), (), None, exposed.methods, exposed.relations)


def _options(writer: Writer, options: Any) -> tuple[bool, bool, list[str] | None]:
    known = {"force_insert", "force_update", "update_fields"}
    if not isinstance(options, dict) or options.keys() - known:
        raise Refusal(FailureCode.MALFORMED, f"save takes the options {', '.join(sorted(known))}.")
    names = options.get("update_fields")
    if names is not None:
        if not isinstance(names, list | tuple | set | frozenset):
            raise Refusal(FailureCode.MALFORMED, "update_fields is not a list.")
        names = _names(writer, [str(name) for name in names])
    return bool(options.get("force_insert")), bool(options.get("force_update")), names


def _names(writer: Writer, given: list[str]) -> list[str]:
    """Return the names of fields for ``update_fields``; what is not readable does not exist."""
    fields = {
        spelling: field.name
        for field in writer.exposed.fields
        if not field.primary_key
        for spelling in (field.name, field.attname)
    }
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise ValueError(
            "The following fields do not exist in this model, are m2m fields, primary keys, or are "
            f"non-concrete fields: {', '.join(unknown)}"
        )
    return [fields[name] for name in given]


def _change(
    writer: Writer,
    ref: InstanceRef,
    given: dict[str, Any],
    *,
    force_update: bool,
    names: list[str] | None,
) -> InstanceRow:
    try:
        instance = writer.load(ref)
    except writer.model.DoesNotExist:  # type: ignore[attr-defined]
        if names is not None:
            raise NotSaved("Save with update_fields did not affect any rows.") from None
        if force_update:
            raise NotSaved("Forced update did not affect any rows.") from None
        raise
    writer.ask("has_change_permission", instance)
    for name in given:
        writer.field(name)
    wanted = {name: each for name, each in given.items() if names is None or name in names}
    (values,) = writer.values([wanted], inserted=False)
    writer.assign(instance, values)
    writer.clean(instance, values, inserted=False)
    instance.save(using=writer.using, force_update=force_update, update_fields=names)
    writer.check_stays([instance.pk])
    return writer.answer(instance)


def delete(writer: Writer, ref: Any) -> list[Any]:
    """Delete the row of an instance; return how many rows went, in all and by model."""
    instance = writer.load(ref)
    writer.ask("has_delete_permission", instance)
    return _deleted(writer, instance.delete())


# Querysets


def update(writer: Writer, plan: Plan, named: tuple[tuple[str, Expression], ...]) -> int:
    """Set columns of all rows of a plan; return how many rows there were."""
    changes: dict[str, Expression] = {}
    for name, expression in named:
        found = writer.field(name).name
        if found in changes:
            raise Refusal(FailureCode.MALFORMED, f"{found!r} is given twice.")
        changes[found] = expression
    scope = writer.scope
    verdict = writer.exposed.rules(scope.limits).check_changes(plan, changes)
    scope.admit(writer.exposed, verdict)
    for name, expression in changes.items():
        if not isinstance(expression, Literal):
            _check_computed(writer, name)
    queryset = writer.planned(plan)
    values = _plain(writer, changes) | _computed(writer, changes)
    if queryset.query.combinator or queryset.query.is_sliced:
        return queryset.update(**values)  # raises what Django raises
    keys = writer.touched(queryset, "has_change_permission", stays=True)
    if keys is not None:
        queryset = queryset.filter(Q(("pk__in", keys)))
    count = queryset.update(**values)
    if keys is not None:
        writer.check_stays(keys)
    return count


def _check_computed(writer: Writer, name: str) -> None:
    field: Any = writer.field(name)
    if not field.is_relation:
        return
    related = writer.exposed.related(name)
    if related is not None:
        writer.scope.ask_view([related])
    if related is None or writer.scope.narrows(related) or limits(field):
        raise Refusal(
            FailureCode.QUERY_REFUSED,
            f"{writer.exposed.name}: {name!r} is set to an instance or a key here, not to an "
            f"expression.",
        )


def _plain(writer: Writer, changes: Mapping[str, Expression]) -> dict[str, Any]:
    """Return the plain values among the changes, each judged by its field."""
    given = {name: each.value for name, each in changes.items() if isinstance(each, Literal)}
    (values,) = writer.values([given], inserted=False)
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for field, value in values.items():
        try:
            if is_row(field, value):
                if limits(field):
                    field.clean(getattr(value, field.target_field.attname), None)  # type: ignore[attr-defined]
                found[field.name] = value
            else:
                found[field.name] = field.clean(value, None)
        except ValidationError as error:
            errors[field.name] = error
    if errors:
        raise ValidationError(errors)
    return found


def _computed(writer: Writer, changes: Mapping[str, Expression]) -> dict[str, Any]:
    named = tuple((name, each) for name, each in changes.items() if not isinstance(each, Literal))
    (named,) = referring(writer.scope, named)
    return Replay(writer.scope).lift.named(named)


def bulk_update(writer: Writer, plan: Plan, names: Any, given: Any) -> int:
    """Set the same columns of each row in a list of keys and values; return how many there were."""
    if not isinstance(names, list) or not isinstance(given, list):
        raise Refusal(FailureCode.MALFORMED, "The fields or the rows to update are not a list.")
    if not names:
        raise ValueError("Field names must be given to bulk_update().")
    if plan.row is not None:
        raise Refusal(
            FailureCode.QUERY_REFUSED, f"{plan.model}: values() are not rows to update one by one."
        )
    check_rows(writer.exposed, len(given))
    fields = [writer.field(name).name for name in names]
    if len(set(fields)) < len(fields):
        raise Refusal(FailureCode.MALFORMED, "A field to update is named twice.")
    wanted: dict[Any, dict[str, Any]] = {}
    for row in given:
        if not isinstance(row, list | tuple) or len(row) != len(fields) + 1:
            raise Refusal(FailureCode.MALFORMED, "A row to update is not its key and its values.")
        key = writer.key(InstanceRef(writer.exposed.name, row[0]))
        wanted.setdefault(key, dict(zip(fields, row[1:], strict=True)))
    queryset = writer.planned(plan)
    found = writer.load_all(list(wanted), queryset)
    values = writer.values([wanted[key] for key in found], inserted=False)
    for instance, each in zip(found.values(), values, strict=True):
        writer.ask("has_change_permission", instance)
        writer.assign(instance, each)
        writer.clean(instance, each, inserted=False, alone=False)
    count = writer.rows.bulk_update(list(found.values()), fields)
    writer.check_stays(found)
    return count


def delete_all(writer: Writer, plan: Plan) -> list[Any]:
    """Delete all rows of a plan; return how many rows went, in all and by model."""
    queryset = writer.planned(plan)
    query = queryset.query
    refused = query.combinator or query.is_sliced or query.distinct_fields or plan.row is not None
    if not refused:  # by Django itself, which says why
        keys = writer.touched(queryset, "has_delete_permission", stays=False)
        if keys is not None:
            queryset = queryset.filter(Q(("pk__in", keys)))
    return _deleted(writer, queryset.delete())


def _deleted(writer: Writer, result: Any) -> list[Any]:
    """Return what a deletion says; a model that deletes in a way of its own may say anything."""
    if isinstance(result, int):
        return [result, {}]
    if not isinstance(result, tuple) or len(result) != 2:
        return [0, {}]
    _, labels = result
    found = {}
    for label, count in labels.items():
        exposed = writer.scope.registry.model(apps.get_model(label))
        if exposed is not None and exposed.rpc.has_view_permission(writer.scope.served):
            found[exposed.name] = count
    return [sum(found.values()), found]
