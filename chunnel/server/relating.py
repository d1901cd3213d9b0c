"""Writing along relations: what is added to one, removed from it, set, or created under it.

The rules:

* A many-to-many is written on the side that names it in ``writable_fields``; the instance there is
  the one that is changed. The rows between have no other values than their defaults.
* The other end of a foreign key is written by changing the rows there. So their model must let that
  foreign key be written, and each of these rows is one that is changed.
* Rows that the call may not see are left as they are: ``clear`` and ``set`` do not take them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import ManyToManyField, ManyToManyRel, Model, Q

from ..plans import Of, Plan
from ..protocol.messages import FailureCode
from ..values import InstanceRef
from .failures import Refusal
from .writer import Writer, locked

if TYPE_CHECKING:
    from .writer import Values


class Bound(NamedTuple):
    """What rows are created under: nothing, or a relation of an instance."""

    relation: Relation | None = None

    @property
    def values(self) -> Values:
        return {} if self.relation is None else self.relation.values

    def attach(self, instance: Model) -> None:
        """Relate a new row where the relation is not a value of its own."""
        if self.relation is not None:
            self.relation.attach(instance)


UNBOUND = Bound()


def bound(writer: Writer, plan: Plan) -> Bound:
    """Return what a plan's rows are created under; ask whether that may be written."""
    writer.admit(plan)
    of = plan.steps[0] if plan.steps else None
    if not isinstance(of, Of):
        return UNBOUND
    owner = Writer(writer.scope, writer.scope.exposed(of.model))
    instance = owner.load(InstanceRef(of.model, of.key))
    return Bound(relation_of(owner, instance, of.relation, writer))


def relate(relation: Relation, operation: str, given: Any) -> None:
    """Add rows to a relation, remove them, or set or clear it."""
    if operation == "clear":
        relation.clear()
        return
    if operation == "remove":
        relation.remove(relation.load(given, lenient=relation.lenient))
    elif operation == "add":
        relation.add(relation.load(given))
    else:
        relation.set(relation.load(given))


def relation_of(
    writer: Writer, instance: Model, name: str, others: Writer | None = None
) -> Relation:
    """Return a relation of an instance that the call may write, else raise the refusal."""
    exposed = writer.exposed
    target, link = exposed.related(name), exposed.links.get(name)
    if target is None or link is None or not (link.many_to_many or link.one_to_many):
        raise _refused(writer, name)
    if others is None:
        others = Writer(writer.scope, target)
    if isinstance(link, ManyToManyField | ManyToManyRel):
        if name not in exposed.writable.many:
            raise _refused(writer, name)
        writer.ask("has_change_permission", instance)
        return _ManyToMany(writer, instance, name, others)
    if not exposed.written_there(name):
        raise _refused(writer, name)
    return _Reverse(writer, instance, name, others)


def _refused(writer: Writer, name: str) -> Refusal:
    return Refusal(
        FailureCode.QUERY_REFUSED,
        f"{writer.exposed.name} does not let the relation {name[:100]!r} be written.",
    )


class Relation:
    """A relation of one instance to many rows."""

    values: Values
    lenient = False  # whether what is not there may be removed

    def __init__(self, writer: Writer, owner: Model, name: str, others: Writer):
        self.writer = writer
        self.owner = owner
        self.name = name
        self.others = others

    def load(self, given: Any, *, lenient: bool = False) -> list[Any]:
        """Return the instances that references or keys stand for, each once.

        Raise DoesNotExist for one that is missing, unless ``lenient``.
        """
        if not isinstance(given, list | tuple):
            raise Refusal(FailureCode.MALFORMED, "What is related is not a list.")
        others = self.others
        exposed = others.exposed
        others.scope.ask_view([exposed])
        keys: list[Any] = []
        for each in given:
            ref = each if isinstance(each, InstanceRef) else InstanceRef(exposed.name, each)
            if ref.model != exposed.name:
                raise Refusal(
                    FailureCode.MALFORMED, f"{self.name!r} leads to instances of {exposed.name}."
                )
            keys += others.keys([ref.pk]) if lenient else [others.key(ref)]
        keys = list(dict.fromkeys(keys))
        found = others.load_all(keys, others.rows)
        return [others.found(key, found) for key in keys if key in found or not lenient]

    def current(self) -> list[Any]:
        """Return the related rows that the call may see."""
        self.others.scope.ask_view([self.others.exposed])
        return list(locked(self.others.rows.filter(self._condition())))

    def _condition(self) -> Q:
        raise NotImplementedError

    def add(self, others: Sequence[Any]) -> None:
        raise NotImplementedError

    def remove(self, others: Sequence[Any]) -> None:
        raise NotImplementedError

    def set(self, others: Sequence[Any]) -> None:
        """Take away what is not among ``others``, and add what is missing."""
        current = self.current()
        wanted = {each.pk for each in others}
        there = {each.pk for each in current}
        self.remove([each for each in current if each.pk not in wanted])
        self.add([each for each in others if each.pk not in there])

    def clear(self) -> None:
        """Take all away that the call may see."""
        self.remove(self.current())

    def attach(self, instance: Model) -> None:
        """Relate a new row."""
        raise NotImplementedError


class _ManyToMany(Relation):
    lenient = True

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.values = {}
        self._manager: Any = getattr(self.owner, self.name)

    def _condition(self) -> Q:
        link: Any = self.writer.exposed.links[self.name]
        forward = isinstance(link, ManyToManyField)
        path = link.related_query_name() if forward else link.field.name
        return Q((f"{path}__pk", self.owner.pk))

    def add(self, others: Sequence[Any]) -> None:
        if others:
            self._manager.add(*others)
            self._check(others)

    def remove(self, others: Sequence[Any]) -> None:
        if others:
            self._manager.remove(*others)
            self._check(others)

    def clear(self) -> None:
        if self.others.scope.narrows(self.others.exposed):
            super().clear()
        else:
            self._manager.clear()
            self.writer.check_stays([self.owner.pk])

    def attach(self, instance: Model) -> None:
        self._manager.add(instance)
        self.writer.check_stays([self.owner.pk])

    def _check(self, others: Sequence[Any]) -> None:
        self.writer.check_stays([self.owner.pk])
        self.others.check_stays([each.pk for each in others])


class _Reverse(Relation):
    def __init__(self, *args: Any):
        super().__init__(*args)
        link: Any = self.writer.exposed.links[self.name]
        self._field: Any = link.field
        self.values = {self._field: self.owner}

    def _condition(self) -> Q:
        return Q((self._field.name, self.owner))

    def add(self, others: Sequence[Any]) -> None:
        self._change(others, self.owner)

    def remove(self, others: Sequence[Any]) -> None:
        if not self._field.null:
            raise AttributeError(
                f"{self.name!r}: nothing can be removed, since {self._field.name!r} of "
                f"{self.others.exposed.name} is not null."
            )
        key = self._field.get_foreign_related_value(self.owner)
        for each in others:
            if self._field.get_local_related_value(each) != key:
                raise self.writer.model.DoesNotExist(  # type: ignore[attr-defined]
                    f"{self.others.exposed.name} with the key {each.pk!r} is not related to "
                    f"{self.writer.exposed.name} with the key {self.owner.pk!r}."
                )
        self._change(others, None)

    def set(self, others: Sequence[Any]) -> None:
        if self._field.null:
            super().set(others)
        else:
            self.add(others)

    def _change(self, others: Sequence[Any], value: Model | None) -> None:
        if not others:
            return
        values = {self._field: value}
        for each in others:
            self.others.ask("has_change_permission", each)
            self.others.assign(each, values)
            self.others.clean(each, values, inserted=False, alone=False)
        keys = [each.pk for each in others]
        self.others.base.filter(Q(("pk__in", keys))).update(**{self._field.name: value})
        self.others.check_stays(keys)

    def attach(self, instance: Model) -> None:
        """It is related by its value."""
