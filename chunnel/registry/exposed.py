"""An exposed model: the declaration of its ModelRPC, judged and made ready for use."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Manager, ManyToOneRel, QuerySet

from ..exceptions import AlreadyExposed
from ..plans import DEFAULT_LIMITS, QueryLimits, Rules
from ..values import Relation
from . import declarations
from .core import CAP_WORDS
from .entries import Entry, Kind, Place
from .modelrpc import ModelRPC
from .readable import RESERVED, Link, is_many, readable
from .shapes import Shape, method_shape
from .writable import Writable, writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.db.models import Field, Model

    from ..context import ServedCall
    from ..schema import ModelSchema
    from .core import Registry


class ExposedModel:
    """One model under its remote name.

    ``fields`` are the readable columns, ``names`` their names and ``attributes`` where an instance
    holds their values (a foreign key's is its key: ``branch_id`` for ``branch``). ``links`` are the
    readable relations without a column by their names on instances, ``properties`` the names of
    readable properties, ``annotations`` the expressions of readable annotations by name; ``order``
    has the names of all that is readable as it was declared. ``writable`` says what may be written
    and ``methods`` are the names of the methods of instances. ``entries`` are what the registry
    holds for the model and for what is below its name.
    """

    place: Place

    def __init__(
        self, model: type[Model], rpc: type[ModelRPC], label: str, place: Place, registry: Registry
    ):
        other = registry.model(model)
        if other is not None:
            raise AlreadyExposed(
                f"{model.__name__} is registered twice: at {other.place} and at {place}."
            )
        if not CAP_WORDS.fullmatch(model.__name__):
            raise ImproperlyConfigured(
                f"register({model.__name__}): the name of a model that is exposed is in CapWords."
            )
        if model._meta.abstract or model._meta.swapped:
            raise ImproperlyConfigured(
                f"register({model.__name__}): an abstract or swapped model has no rows."
            )
        declarations.refuse_misspelled(rpc, ModelRPC)
        self.model = model
        self.label = label
        self.place = place
        self.name = f"{label}.{model.__name__}"
        self.rpc = rpc(model)
        self._registry = registry
        found = readable(rpc, model)
        self.order = found.order
        self.fields: tuple[Field[Any, Any], ...] = found.columns
        self.names = tuple(field.name for field in self.fields)
        self.attributes = tuple(field.attname for field in self.fields)
        self.links: Mapping[str, Link] = found.links
        self.properties = tuple(found.properties)
        self.annotations = {name: each.expression for name, each in found.annotations.items()}
        self.outputs = {name: each.output for name, each in found.annotations.items()}
        self.shows_text = declarations.TEXT in rpc.fields
        self.filter_fields = declarations.filter_fields(rpc, model, self.names, self.outputs)
        self.ordering_fields = declarations.ordering_fields(rpc, model, self.outputs)
        self.writable: Writable = writable(rpc, found)
        self.max_rows = declarations.max_rows(rpc)
        manager = model._default_manager  # noqa: SLF001
        queryset = type(manager.all())
        self.entries = self._entries(
            declarations.methods(rpc, "methods", [model], RESERVED.__contains__),
            declarations.methods(
                rpc, "manager_methods", [queryset, type(manager)], _is_of_querysets
            ),
        )
        self.methods = tuple(
            sorted(entry.attribute for entry in self.entries if entry.kind == "method")
        )
        self._rules: dict[QueryLimits, Rules] = {}
        self._schema: ModelSchema | None = None
        self._related: dict[str, ExposedModel] = {}
        self._relations: tuple[Relation, ...] = ()
        self._forward: tuple[Relation, ...] = ()
        self._revision = -1

    def get_queryset(self, context: ServedCall) -> QuerySet[Any]:
        """Return what this call may see: the root of every operation."""
        return self.rpc.get_queryset(context)

    @property
    def writable_fields(self) -> tuple[str, ...]:
        """The names that callers may set: columns and many-to-many."""
        return self.writable.names

    @property
    def can_create(self) -> bool:
        return self.writable.can_create

    @property
    def can_delete(self) -> bool:
        return self.writable.can_delete

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of ``links``; one to a model that is not exposed leads nowhere."""
        self._refresh()
        return self._relations

    @property
    def forward(self) -> tuple[Relation, ...]:
        """The columns that hold a key of another exposed model, as relations."""
        self._refresh()
        return self._forward

    def related(self, name: str) -> ExposedModel | None:
        """Return the exposed model that a readable relation of any kind leads to, or None."""
        self._refresh()
        return self._related.get(name)

    def written_there(self, name: str) -> bool:
        """Say whether a relation is the other end of a foreign key that may be written."""
        other, link = self.related(name), self.links.get(name)
        return (
            other is not None
            and isinstance(link, ManyToOneRel)
            and link.one_to_many
            and link.field.name in other.writable.columns
        )

    @property
    def relates(self) -> bool:
        """Whether any relation to many rows may be written, here or at its other end."""
        writable = self.writable
        return bool(writable.many) or any(map(self.written_there, writable.reverse))

    def _refresh(self) -> None:
        """Forget what was said of other models if the registry has changed since."""
        if self._revision == self._registry.revision:
            return
        self._revision = self._registry.revision
        self._schema = None
        self._rules = {}
        self._related = dict(self._find_related())
        self._relations = tuple(
            Relation(name, self._related[name].name, is_many(link), self._back(name, link))
            for name, link in self.links.items()
            if name in self._related
        )
        self._forward = tuple(
            Relation(name, self._related[name].name, False)
            for name in self.names
            if name in self._related
        )

    def _back(self, name: str, link: Link) -> str:
        """Return the column of the other model that makes a relation, if it is readable."""
        other = self._related[name]
        if link.many_to_many or link.field.name not in other.names:
            return ""
        return link.field.name

    def _find_related(self) -> Iterator[tuple[str, ExposedModel]]:
        targets = {field.name: field.related_model for field in self.fields} | {
            name: link.related_model for name, link in self.links.items()
        }
        for name, target in targets.items():
            other = self._registry.model(target) if isinstance(target, type) else None
            if other is not None:
                yield name, other

    @property
    def schema(self) -> ModelSchema:
        """The description of this model, made when it is asked for: every model is known then."""
        self._refresh()
        found = self._schema
        if found is None:
            from .describe import model_schema

            found = self._schema = model_schema(self)
        return found

    def rules(self, limits: QueryLimits = DEFAULT_LIMITS) -> Rules:
        """Return the gate of this model."""
        self._refresh()
        found = self._rules.get(limits)
        if found is None:
            found = self._rules[limits] = Rules(self.name, self._find, limits, self._names_of)
        return found

    def _find(self, name: str) -> ModelSchema | None:
        exposed = self._registry.model_named(name)
        return None if exposed is None else exposed.schema

    def _names_of(self, name: str) -> frozenset[str]:
        """Return every name that an exposed model has in queries or in Python, declared or not.

        An annotation of such a name would hide it from the model's own methods.
        """
        exposed = self._registry.model_named(name)
        if exposed is None:
            return frozenset()
        fields = {field.name for field in exposed.model._meta.get_fields()}
        return frozenset(fields.union(dir(exposed.model)))

    def _entries(self, methods: dict[str, Any], manager_methods: dict[str, Any]) -> list[Entry]:
        model, objects = self.model, f"{self.name}.objects"
        found = [
            self._entry(self.name, "model", model, "", doc=_own_doc(model)),
            self._entry(objects, "query", model, "objects", effect="read"),
        ]
        for name, (function, options) in methods.items():
            found.append(self._method(f"{self.name}.{name}", "method", name, function, options))
        for name, (function, options) in manager_methods.items():
            found.append(self._method(f"{objects}.{name}", "manager", name, function, options))
        found.append(
            self._entry(
                f"{objects}.iterator", "query", model, "iterator", effect="read", style="stream"
            )
        )
        found += [self._write(f"{objects}.{each}", each) for each in self.writable.of_objects()]
        found += [self._write(f"{self.name}.{each}", each) for each in self.writable.of_instances()]
        return found

    def _write(self, name: str, operation: str) -> Entry:
        alias = router.db_for_write(self.model)
        return self._entry(
            name,
            "write",
            self.model,
            operation,
            atomic=True if alias == DEFAULT_DB_ALIAS else alias,
        )

    def _method(self, name: str, kind: Kind, attribute: str, function: Any, options: Any) -> Entry:
        from .exposing import style_of

        style = style_of(function)
        if style != "call" and (style != "stream" or kind == "manager"):
            raise ImproperlyConfigured(
                f"{type(self.rpc).__qualname__}: {attribute!r} is a {style.replace('_', ' ')}, "
                f"which a method cannot be; expose a function that calls it."
            )
        shape: Shape = method_shape(function)
        if style == "stream" and options.get("atomic"):
            raise ImproperlyConfigured(
                f"{type(self.rpc).__qualname__}: {attribute!r} is a generator and cannot be atomic."
            )
        return self._entry(
            name,
            kind,
            function,
            attribute,
            shape=shape,
            style=style,
            doc=inspect.getdoc(function) or "",
            **options,
        )

    def _entry(self, name: str, kind: Kind, target: Any, attribute: str, **more: Any) -> Entry:
        return Entry(
            name, self.label, kind, target, self.place, owner=self, attribute=attribute, **more
        )


def _is_of_querysets(name: str) -> bool:
    return hasattr(QuerySet, name) or hasattr(Manager, name)


def _own_doc(model: type[Model]) -> str:
    """Return the docstring unless it is the one Django writes."""
    doc = model.__doc__ or ""
    return "" if doc.startswith(f"{model.__name__}(") else inspect.cleandoc(doc)
