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


FIELD_KINDS = ("column", "forward", "reverse", "many", "property", "annotation")
"""What a readable field is: a column; a column that holds the key of another row (foreign key,
one-to-one); the other end of a one-to-one; a relation to many rows, reverse or many-to-many; a
property that the server computes; an annotation that the database computes."""


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
    kind: str = "column"  # one of FIELD_KINDS
    attname: str = ""  # where an instance has the value; "" is ``name``
    unique: bool = False
    blank: bool = False
    has_default: bool = False
    max_length: int | None = None
    # Of a forward relation: the field of ``relation`` that the column holds, "" if nobody sees it.
    target: str = "pk"
    query_name: str = ""  # how paths of queries name a reverse relation; "" is ``name``
    max_digits: int | None = None
    decimal_places: int | None = None


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
    get_latest_by: tuple[str, ...] = ()
    can_create: bool = False
    can_delete: bool = False


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
