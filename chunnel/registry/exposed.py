"""An exposed model: the declaration of its ModelRPC, judged and made ready for use."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from ..exceptions import AlreadyExposed
from ..plans import DEFAULT_LIMITS, QueryLimits, Rules
from . import declarations
from .core import CAP_WORDS
from .entries import Entry, Kind, Place
from .modelrpc import ModelRPC
from .shapes import Shape, method_shape

if TYPE_CHECKING:
    from django.db.models import Field, Model, QuerySet

    from ..context import ServedCall
    from ..schema import ModelSchema
    from .core import Registry


class ExposedModel:
    """One model under its remote name.

    ``names`` are the readable fields and ``attributes`` where an instance holds their values (a
    foreign key's is its key: ``branch_id`` for ``branch``), ``methods`` the names of the methods of
    instances. ``entries`` are what the registry holds for the model and for what is below its name.
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
        self.fields: tuple[Field[Any, Any], ...] = declarations.readable_fields(rpc, model)
        self.names = tuple(field.name for field in self.fields)
        self.attributes = tuple(field.attname for field in self.fields)
        self.shows_text = declarations.TEXT in rpc.fields
        self.filter_fields = declarations.filter_fields(rpc, model, self.names)
        self.ordering_fields = declarations.ordering_fields(rpc, model)
        self.writable_fields = declarations.writable_fields(rpc, self.names)
        self.max_rows = declarations.max_rows(rpc)
        manager = model._default_manager  # noqa: SLF001
        queryset = type(manager.all())
        self.entries = self._entries(
            declarations.methods(rpc, "methods", [model]),
            declarations.methods(rpc, "manager_methods", [queryset, type(manager)]),
        )
        self.methods = tuple(
            sorted(entry.attribute for entry in self.entries if entry.kind == "method")
        )
        self._rules: dict[QueryLimits, Rules] = {}
        self._schema: ModelSchema | None = None

    def get_queryset(self, context: ServedCall) -> QuerySet[Any]:
        """Return what this call may see: the root of every operation."""
        return self.rpc.get_queryset(context)

    @property
    def schema(self) -> ModelSchema:
        """The description of this model. Made when first asked for: every model is known then."""
        found = self._schema
        if found is None:
            from .describe import model_schema

            found = self._schema = model_schema(self, self._registry)
        return found

    def rules(self, limits: QueryLimits = DEFAULT_LIMITS) -> Rules:
        """Return the gate of this model."""
        found = self._rules.get(limits)
        if found is None:
            found = self._rules[limits] = Rules(self.name, self.schema, limits)
        return found

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
        return found

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


def _own_doc(model: type[Model]) -> str:
    """Return the docstring unless it is the one Django writes."""
    doc = model.__doc__ or ""
    return "" if doc.startswith(f"{model.__name__}(") else inspect.cleandoc(doc)
