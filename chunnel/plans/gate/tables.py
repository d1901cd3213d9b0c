"""What one model declares, spelled out so that to judge a name is to look it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from ...schema import FieldSchema, ModelSchema

Hidden: TypeAlias = Callable[[str], frozenset[str]]
"""Gives the names that a model has and does not declare, where they are known: on the server."""

Find: TypeAlias = Callable[[str], ModelSchema | None]
"""Gives the schema of any exposed model by its remote name, "money.Account"."""

_FORWARD = {"ForeignKey", "OneToOneField"}


class Join(NamedTuple):
    """A relation that a declared path crosses. ``many``: filters that cross it do not share it."""

    prefix: str
    many: bool


class Table:
    """The names of one model.

    ``columns`` are readable, by every name they have. ``relations`` lead to exposed models, by
    their names on instances, and ``ways`` are the same by their names in queries, which for reverse
    relations may be others. ``annotations`` are computed by the database, ``properties`` by Python.
    ``keys`` are all spellings of the declared filters and ``ordering`` the declared orders, each
    with the relations it crosses; ``documents`` are the keys that compare with JSON and ``leads``
    those that compare with instances, with their model. ``writable`` may be set by ``update()``.
    ``taken`` are names that no annotation may have.
    """

    def __init__(
        self, model: str, schema: ModelSchema, find: Find, hidden: frozenset[str] = frozenset()
    ):
        self.model = model
        self.schema = schema
        self._find = find
        self.columns = _columns(schema)
        self.relations = {
            field.name: field for field in schema.fields if field.relation is not None
        }
        self.ways = {field.query_name or name: field for name, field in self.relations.items()}
        self.annotations = frozenset(_names(schema, "annotation"))
        self.properties = frozenset(_names(schema, "property"))
        self.taken = self.columns.keys() | {field.name for field in schema.fields} | hidden
        self.lookups = {name: tuple(lookups) for name, lookups in schema.filter_fields}
        self.documents: set[str] = set()
        self.leads: dict[str, str] = {}
        self.keys = self._keys()
        self.ordering = {
            spelling: self._joins(name)
            for name in schema.ordering_fields
            for spelling in self._spellings(name)
        }
        self.writable = {
            field.name: field
            for field in schema.fields
            if field.writable and field.kind in {"column", "forward"}
        }

    def led_to(self, key: str) -> str | None:
        """Return the model whose instances a declared key of a condition may be compared with."""
        return self.leads.get(key)

    @property
    def readable(self) -> list[str]:
        """What may be read, for messages."""
        fields = (field for field in self.schema.fields if field.kind != "property")
        return sorted(field.query_name or field.name for field in fields)

    def _keys(self) -> dict[str, tuple[Join, ...]]:
        """Return every legal key of a condition, with the relations it crosses."""
        pk = self.schema.pk
        found: dict[str, tuple[Join, ...]] = {
            key: () for name in ("pk", pk) for key in (name, f"{name}__exact", f"{name}__in")
        }
        self._lead(pk, ("exact", "in"))
        for name, lookups in self.lookups.items():
            joins = self._joins(name)
            self._lead(name, lookups)
            for spelling in self._spellings(name):
                found.update({f"{spelling}__{lookup}": joins for lookup in lookups})
                if "exact" in lookups:
                    found[spelling] = joins
            column = self.columns.get(name)
            if column is not None and column.type == "JSONField":
                self.documents.update((name, *(f"{name}__{lookup}" for lookup in lookups)))
        return found

    def _lead(self, path: str, lookups: Iterable[str]) -> None:
        """Note the keys of a path that ends at a relation, as far as the schemas tell."""
        schema: ModelSchema | None = self.schema
        field: FieldSchema | None = None
        for part in path.split("__"):
            field = None if schema is None else _way(schema, part)
            if field is None or field.relation is None:
                return
            schema = self._find(field.relation)
        if field is not None and field.relation is not None:
            for spelling in self._spellings(path):
                self.leads[spelling] = field.relation
                self.leads.update({f"{spelling}__{each}": field.relation for each in lookups})

    def _spellings(self, name: str) -> set[str]:
        """Return all ways to write a declared path: a column has up to three names."""
        column = self.columns.get(name)
        if column is None:
            return {name}
        return {name, attname(column)} | ({"pk"} if name == self.schema.pk else set())

    def _joins(self, path: str) -> tuple[Join, ...]:
        """Return what a declared path crosses; what is not known counts as a relation to many."""
        *parts, last = path.split("__")
        found = []
        schema: ModelSchema | None = self.schema
        many = False
        for position, part in enumerate(parts, 1):
            field = None if schema is None else _way(schema, part)
            many = many or field is None or not is_forward(field)
            schema = None if field is None or field.relation is None else self._find(field.relation)
            found.append(Join("__".join(parts[:position]), many))
        if not parts and last not in self.columns and last not in self.annotations:
            found.append(Join(last, many=True))  # perhaps a relation that nobody may read
        return tuple(found)


def is_forward(field: FieldSchema) -> bool:
    """Say whether a field is a column that holds the key of another row."""
    return field.kind == "forward" or (field.kind == "column" and field.type in _FORWARD)


def attname(field: FieldSchema) -> str:
    """Return where an instance has the value of a column."""
    return field.attname or (f"{field.name}_id" if is_forward(field) else field.name)


def legal(names: Iterable[str]) -> str:
    """Return the end of a refusal: what is legal instead."""
    text = ", ".join(names)
    return f"legal are: {text}" if text else "nothing is declared"


def _columns(schema: ModelSchema) -> dict[str, FieldSchema]:
    declared = (field for field in schema.fields if field.name == schema.pk)
    key = next(declared, FieldSchema(schema.pk, "AutoField", schema.pk))
    found = {"pk": key, schema.pk: key, attname(key): key}
    for field in schema.fields:
        if field.kind in {"column", "forward"}:
            found[field.name] = found[attname(field)] = field
    return found


def _names(schema: ModelSchema, kind: str) -> list[str]:
    return [field.name for field in schema.fields if field.kind == kind]


def _way(schema: ModelSchema, name: str) -> FieldSchema | None:
    """Return the relation of this name in queries."""
    relations = (field for field in schema.fields if field.relation is not None)
    return next((field for field in relations if (field.query_name or field.name) == name), None)
