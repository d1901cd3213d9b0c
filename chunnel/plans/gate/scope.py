"""One query while its steps are judged: the names it knows, and the relations it has crossed.

A path is looked up as Django looks it up, so that it cannot mean something else there: annotations
come before columns; then every part is a relation that both ends declare, and the last a column.

* A name within a path is never handed on unjudged. After a column only parts of dates and times may
  follow, and after a JSONField the keys of its content.
* An annotation with ``__`` in its name, which only an aggregate's own name has, is known by exactly
  that name where Django would otherwise read a path.
* A relation that a path crosses counts once in a query, and once in every filter where it may lead
  to many rows, because each filter joins anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from ...exceptions import QueryRefused
from ...schema import FieldSchema
from ..functions import LOOKUPS, PARTS
from .bill import Bill
from .tables import Join, Table, is_forward, legal

DECLARED_WEIGHT = 10  # nodes; what a declared annotation holds is not in the schema
ANY_PART = frozenset().union(*PARTS.values())  # after an annotation, whose type nobody knows here

_JSON_KEY = re.compile(r"[A-Za-z0-9_]+")
_LOOKUP = re.compile(r"[a-z][a-z0-9_]*")


class Scope:
    """``named`` are annotations with what each costs, ``attached`` the attributes that prefetched
    rows come under and where they lead, ``around`` is the query around a subquery. ``rows``: they
    are no instances. ``unnamed``: Django made up names for some of their values.
    """

    __slots__ = (
        "around",
        "attached",
        "bill",
        "crossed",
        "named",
        "rows",
        "table",
        "tables",
        "unnamed",
    )

    def __init__(
        self,
        table: Table,
        tables: Callable[[str], Table | None],
        bill: Bill,
        around: Scope | None = None,
    ):
        self.table = table
        self.tables = tables
        self.bill = bill
        self.around = around
        self.named: dict[str, int] = {}
        self.attached: dict[str, Table] = {}
        self.crossed: set[str] = set()
        self.rows = False
        self.unnamed = False

    # Paths that are read

    def read(self, path: str) -> None:
        """Judge a path whose value is read."""
        weight = self.named.get(path)
        if weight is not None:
            self.bill.add_nodes(weight)
        elif path not in self.table.columns:
            self._read_parts(path)

    def select(self, name: str) -> None:
        """Judge a name that is read as a whole, where Django knows no parts of annotations."""
        first, _, parts = name.partition("__")
        if parts and name not in self.named and self._is_annotation(first):
            raise QueryRefused(
                f"{self.table.model}: {self.bill.quoted(name)} is a part of the annotation "
                f"{first!r}; give it a name of its own with annotate()."
            )
        self.read(name)

    def _is_annotation(self, name: str) -> bool:
        return name in self.named or name in self.table.annotations

    def _read_parts(self, path: str) -> None:
        table = self.table
        if path in table.annotations:
            self.bill.add_nodes(DECLARED_WEIGHT)
            return
        if len(path) > self.bill.limits.query_path:
            self.bill.over("a path is longer", self.bill.limits.query_path, "QUERY_PATH")
        parts = path.split("__")
        first = parts[0]
        if self._is_annotation(first):
            self.bill.add_nodes(self.named.get(first, DECLARED_WEIGHT))
            self._check_parts(path, parts[1:], ANY_PART)
            return
        for position, part in enumerate(parts):
            rest = parts[position + 1 :]
            relation = table.ways.get(part)
            if relation is None:
                self._end(table, path, part, rest)
                return
            if is_forward(relation) and (not rest or self._is_key(relation, rest)):
                return
            table = self.cross(table, relation, "__".join(parts[: position + 1]))
            self.bill.crossed.add(table.model)

    def _end(self, table: Table, path: str, part: str, rest: list[str]) -> None:
        field = table.columns.get(part)
        if field is None:
            self._refuse_part(table, path, part)
        if not rest:
            return
        if field.type == "JSONField":
            if not all(_JSON_KEY.fullmatch(key) for key in rest):
                raise QueryRefused(
                    f"{table.model}: the keys after {part!r} in {self.bill.quoted(path)} are not "
                    f"made of letters, digits and '_'."
                )
            self.bill.add_nodes(len(rest))
        else:
            self._check_parts(path, rest, PARTS.get(field.type, frozenset()))

    def _check_parts(self, path: str, rest: list[str], allowed: frozenset[str]) -> None:
        # A date of a time has parts again; no other part has.
        if len(rest) == 2 and rest[0] in allowed & {"date", "time"}:
            allowed = PARTS["DateField" if rest[0] == "date" else "TimeField"]
            rest = rest[1:]
        if len(rest) != 1 or rest[0] not in allowed:
            raise QueryRefused(
                f"{self.table.model}: {self.bill.quoted('__'.join(rest))} cannot follow in "
                f"{self.bill.quoted(path)}; {legal(sorted(allowed))}."
            )

    def _is_key(self, relation: FieldSchema, rest: list[str]) -> bool:
        """Say whether what follows a foreign key is just the key that its column holds."""
        assert relation.relation is not None  # or it would be no relation
        related = self.tables(relation.relation)
        key = {"pk"} if related is None else {"pk", related.schema.pk}
        target = relation.target
        return len(rest) == 1 and (rest[0] in key if target in key else rest[0] == target)

    def _refuse_part(self, table: Table, path: str, part: str) -> NoReturn:
        shown = self.bill.quoted(part)
        where = "" if part == path else f" (in {self.bill.quoted(path)})"
        if part in table.properties:
            raise QueryRefused(
                f"{table.model}: {shown}{where} is computed in Python, so no query can hold it."
            )
        names = sorted(self.named) if table is self.table else []
        raise QueryRefused(
            f"{table.model} shows no field {shown}{where}; {legal([*names, *table.readable])}."
        )

    # Relations

    def cross(self, table: Table, relation: FieldSchema, prefix: str) -> Table:
        """Count a relation that is crossed and return the model on its other side."""
        assert relation.relation is not None  # or it would be no relation
        related = self.tables(relation.relation)
        if related is None:
            raise QueryRefused(f"{table.model}: {relation.name!r} leads to a model not exposed.")
        if prefix not in self.crossed:
            self.crossed.add(prefix)
            self.bill.add_join()
        return related

    def follow(self, path: str, kinds: frozenset[str], what: str) -> Table:
        """Judge a path of relations and return where it leads; its rows are fetched along.

        ``prefetch_related`` goes by names on instances and takes ``EVERY`` kind.
        """
        table = self.table
        if len(path) > self.bill.limits.query_path:
            self.bill.over("a path is longer", self.bill.limits.query_path, "QUERY_PATH")
        parts = path.split("__")
        for position, part in enumerate(parts, 1):
            prefix = "__".join(parts[:position])
            attached = self.attached.get(prefix) if kinds is EVERY else None
            if attached is not None:
                table = attached
                continue
            known = table.relations if kinds is EVERY else table.ways
            relation = known.get(part)
            if relation is None or kind_of(relation) not in kinds:
                names = sorted(name for name, field in known.items() if kind_of(field) in kinds)
                raise QueryRefused(
                    f"{table.model}: {what} cannot follow {self.bill.quoted(part)}; {legal(names)}."
                )
            table = self.cross(table, relation, prefix)
            self.bill.queried.add(table.model)
        return table

    def load(self, path: str) -> None:
        """Judge a path of ``only`` or ``defer``: what an instance has, or one that is selected."""
        table = self.table
        before, _, name = path.rpartition("__")
        if before:
            table = self.follow(before, SINGLE, "only() or defer()")
        if not (name in table.columns or name in table.annotations or name in table.properties):
            self._refuse_part(table, path, name)

    # Conditions and order

    def condition(self, key: str, joined: set[str]) -> None:
        """Judge the key of a condition. ``joined`` has what this filter joined for itself."""
        if self.named or self.table.annotations:
            name = self._annotation(key)
            if name is not None:
                self._check_lookup(key, name)
                return
        joins = self.table.keys.get(key)
        if joins is None:
            self._refuse_key(key)
        if joins:
            self._join(joins, joined)

    def order(self, name: str) -> None:
        """Judge a name to order by, without its sign."""
        weight = self.named.get(name)
        if weight is None and name in self.table.annotations:
            weight = DECLARED_WEIGHT
        if weight is not None:
            self.bill.add_nodes(weight)
            return
        joins = self.table.ordering.get(name)
        if joins is None:
            names = [*sorted(self.named), *sorted({*self.table.ordering, *self.table.annotations})]
            raise QueryRefused(
                f"{self.table.model} cannot be ordered by {self.bill.quoted(name)}; {legal(names)}."
            )
        if joins:
            self._join(joins, self.crossed)

    def _join(self, joins: tuple[Join, ...], joined: set[str]) -> None:
        for prefix, many in joins:
            known = joined if many else self.crossed
            if prefix not in known:
                known.add(prefix)
                self.bill.add_join()

    def _annotation(self, key: str) -> str | None:
        """Return the annotation that a key begins with, the shortest, as Django looks for it."""
        end = 0
        while end != -1:
            end = key.find("__", end + 1)
            name = key if end == -1 else key[:end]
            if self._is_annotation(name):
                return name
        return None

    def _check_lookup(self, key: str, name: str) -> None:
        self.bill.add_nodes(self.named.get(name, DECLARED_WEIGHT))
        *parts, last = key[len(name) + 2 :].split("__")
        if key == name or (name not in self.named and key in self.table.keys):
            return
        if (last in LOOKUPS or last in ANY_PART) and len(parts) < 3 and ANY_PART.issuperset(parts):
            return
        raise QueryRefused(
            f"{self.table.model} does not allow the lookup "
            f"{self.bill.quoted(key[len(name) + 2 :])} of {name!r}; {legal(sorted(LOOKUPS))}."
        )

    def _refuse_key(self, key: str) -> NoReturn:
        table, quoted = self.table, self.bill.quoted
        path, _, lookup = key.rpartition("__")
        if path in table.lookups and _LOOKUP.fullmatch(lookup):
            raise QueryRefused(
                f"{table.model} does not allow the lookup {quoted(lookup)} of {path!r}; "
                f"{legal(table.lookups[path])}."
            )
        if key in table.lookups:  # declared, but not for equality
            raise QueryRefused(
                f"{table.model} does not allow the lookup 'exact' of {key!r}; "
                f"{legal(table.lookups[key])}."
            )
        names = [*sorted(self.named), "pk", *sorted({*table.lookups, *table.annotations})]
        raise QueryRefused(f"{table.model} cannot be filtered by {quoted(key)}; {legal(names)}.")


SINGLE = frozenset({"forward", "reverse"})
EVERY = frozenset({"forward", "reverse", "many"})


def kind_of(relation: FieldSchema) -> str:
    """Return the kind of a relation: "forward", "reverse" or "many"."""
    return "forward" if is_forward(relation) else relation.kind
