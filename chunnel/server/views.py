"""What travels of instances: columns, annotations, properties, the text, and rows along relations.

A view knows names only. It makes a row set of instances that are there already, or says which names
to ask ``values_list`` for, which is several times faster since no instance is ever made.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model

from ..exceptions import QueryRefused
from ..values import PK_COLUMN, TEXT_COLUMN, Related, RowSet
from .rows import columns

if TYPE_CHECKING:
    from django.db.models import Field as DatabaseField
    from django.db.models import ForeignObjectRel

    from ..registry import ExposedModel

Mask = Mapping[Any, Any]
"""What Django loads: fields to the masks of what they lead to; empty: everything."""


@dataclass(slots=True)
class Along:
    """A relation whose rows travel along, under the name of an attribute of the instances.

    ``listed``: the attribute is plain (``to_attr``). ``selected``: the rows come in the same query
    (``select_related``); then ``marker`` may name the annotation of the query's own instances that
    says whether the call may see the row.
    """

    view: View
    many: bool
    listed: bool = False
    selected: bool = False
    marker: str | None = None


@dataclass(slots=True)
class View:
    """What travels of the instances of a model."""

    exposed: ExposedModel
    columns: tuple[str, ...]
    annotations: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    along: dict[str, Along] = field(default_factory=dict)

    @classmethod
    def whole(cls, exposed: ExposedModel) -> View:
        """Return the view of all that is readable without asking the database for more."""
        return cls(exposed, exposed.attributes, (), exposed.properties)

    def limit(self, mask: Mask) -> None:
        """Leave out the columns that Django does not load."""
        if mask:
            self.columns = tuple(each.attname for each in self.exposed.fields if each in mask)

    @property
    def deferred(self) -> tuple[str, ...]:
        """The readable columns that do not travel."""
        return tuple(name for name in self.exposed.attributes if name not in self.columns)

    @property
    def computes(self) -> bool:
        """Whether code of the model has a say, for which an instance must be complete."""
        return self.exposed.shows_text or bool(self.properties)

    @property
    def plain(self) -> bool:
        """Whether columns of the database are all there is."""
        return not self.computes and not self.along

    def selected(self) -> Iterator[View]:
        """Yield this view and those of the rows that come in the same query."""
        yield self
        for each in self.along.values():
            if each.selected:
                yield from each.view.selected()

    def check_names(self) -> None:
        """Refuse annotations that would hide what instances have, which their code relies on."""
        for name in self.annotations:
            if name not in self.exposed.annotations and hasattr(self.exposed.model, name):
                raise QueryRefused(
                    f"{self.exposed.name}: its instances have something named {name!r}; give the "
                    f"annotation another name."
                )

    # Without instances

    @property
    def names(self) -> tuple[str, ...]:
        """The names for ``values_list``."""
        return (PK_COLUMN, *self.columns, *self.annotations)

    def of_tuples(self, tuples: Sequence[tuple[Any, ...]]) -> RowSet:
        """Return rows of ``names`` as a row set."""
        return self._row_set(self.names, columns(self.names, tuples))

    # With instances

    def of_instances(
        self, instances: Sequence[Model], roots: Sequence[Model] | None = None
    ) -> RowSet:
        """Return instances as a row set; ``roots`` are those of the query, which have markers."""
        names = (*self.names, *self.properties)
        found: list[Sequence[Any]] = [list(map(attrgetter(name), instances)) for name in names]
        if self.exposed.shows_text:
            names = (*names, TEXT_COLUMN)
            found.append(list(map(str, instances)))
        roots = instances if roots is None else roots
        related = tuple(
            _many(name, along, instances) if along.many else _single(name, along, instances, roots)
            for name, along in self.along.items()
        )
        return self._row_set(names, tuple(found))._replace(related=related)

    def _row_set(self, names: tuple[str, ...], found: tuple[Sequence[Any], ...]) -> RowSet:
        exposed = self.exposed
        return RowSet(
            exposed.name,
            names,
            found,
            exposed.methods,
            exposed.relations,
            deferred=self.deferred,
        )

    def identity(self, instance: Model) -> Hashable:
        """Return what is equal for instances that would travel as equal rows."""
        if not self.annotations:
            return instance.pk  # type: ignore[no-any-return]
        return (instance.pk, *(repr(getattr(instance, name)) for name in self.annotations))


class _Rows:
    """The rows of one relation, gathered so that each travels once."""

    def __init__(self, view: View):
        self.view = view
        self.instances: list[Model] = []
        self.roots: list[Model] = []
        self._by_object: dict[int, int] = {}
        self._by_row: dict[Hashable, int] = {}

    def place(self, instance: Model, root: Model) -> int:
        found = self._by_object.get(id(instance))
        if found is None:
            row = self.view.identity(instance)
            found = self._by_row.get(row)
            if found is None:
                found = self._by_row[row] = len(self.instances)
                self.instances.append(instance)
                self.roots.append(root)
            self._by_object[id(instance)] = found
        return found


def _many(name: str, along: Along, instances: Sequence[Model]) -> Related:
    rows = _Rows(along.view)
    places = []
    for instance in instances:
        value = getattr(instance, name)
        found = value.all() if hasattr(value, "all") else value
        places.append([rows.place(each, each) for each in found])
    return Related(name, True, along.listed, along.view.of_instances(rows.instances), places)


def _single(name: str, along: Along, instances: Sequence[Model], roots: Sequence[Model]) -> Related:
    rows = _Rows(along.view)
    places: list[int | None] = []
    for instance, root in zip(instances, roots, strict=True):
        found = None
        if along.marker is None or getattr(root, along.marker):
            try:
                found = getattr(instance, name)
            except ObjectDoesNotExist:
                found = None
        places.append(
            None if found is None else rows.place(found, root if along.selected else found)
        )
    whole = along.view.of_instances(rows.instances, rows.roots)
    return Related(name, False, along.listed, whole, places)


def mask_of(mask: Mask, link: DatabaseField[Any, Any] | ForeignObjectRel) -> Mask:
    """Return what of a mask is below a relation."""
    found: Mask = mask.get(link) or mask.get(getattr(link, "field", None)) or {}
    return found
