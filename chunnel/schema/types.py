"""The parts of a schema. Everything in them is plain, so that it travels with any serializer."""

from __future__ import annotations

from typing import NamedTuple


class ParameterSchema(NamedTuple):
    """One parameter. ``kind`` names an ``inspect.Parameter`` kind; texts are source-like."""

    name: str
    kind: str
    default: str | None = None
    annotation: str | None = None


class FunctionSchema(NamedTuple):
    """A function, or a method of a model (then without its ``self``)."""

    name: str
    doc: str
    parameters: tuple[ParameterSchema, ...]
    returns: str | None = None
    effect: str = "write"  # "read", "idempotent" or "write"
    stream: bool = False
    atomic: bool = False


class FieldSchema(NamedTuple):
    """A readable field of a model."""

    name: str
    type: str  # the class name of the Django field
    verbose_name: str
    null: bool = False
    help_text: str = ""
    choices: tuple[tuple[object, str], ...] = ()
    relation: str | None = None  # "app_label.Model" of an exposed model
    writable: bool = False


class ModelSchema(NamedTuple):
    """An exposed model and what of it is declared."""

    name: str
    doc: str
    verbose_name: str
    verbose_name_plural: str
    pk: str
    fields: tuple[FieldSchema, ...]
    filter_fields: tuple[tuple[str, tuple[str, ...]], ...]
    ordering_fields: tuple[str, ...]
    ordering: tuple[str, ...]  # the model's own default
    methods: tuple[FunctionSchema, ...] = ()
    manager_methods: tuple[FunctionSchema, ...] = ()
    max_rows: int = 100_000


class ExceptionSchema(NamedTuple):
    """An exposed exception; ``base`` is its nearest built-in or exposed base."""

    name: str
    doc: str
    base: str


class AppSchema(NamedTuple):
    """What one app exposes, each part sorted by name."""

    label: str
    functions: tuple[FunctionSchema, ...] = ()
    models: tuple[ModelSchema, ...] = ()
    exceptions: tuple[ExceptionSchema, ...] = ()


class Schema(NamedTuple):
    """All that a project exposes; ``fingerprint`` names exactly this description."""

    project: str
    apps: tuple[AppSchema, ...]
    fingerprint: str
