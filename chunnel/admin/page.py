"""What the page shows, taken from a schema: plain values for the template."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple

from django.utils.safestring import SafeString

from ..schema import AppSchema, ExceptionSchema, FieldSchema, FunctionSchema, ModelSchema, Schema
from ..schema.signatures import signature_text
from .docstrings import render


class FunctionEntry(NamedTuple):
    """A function or method. ``anchor`` is its remote name, which is unique on the page."""

    anchor: str
    signature: str
    doc: SafeString
    options: tuple[str, ...]
    snippet: str


class FieldEntry(NamedTuple):
    """A readable field. ``tag`` says what it is where it is no column; ``leads`` joins its type to
    the model it leads to."""

    schema: FieldSchema
    tag: str
    leads: str
    lookups: tuple[str, ...]
    notes: tuple[str, ...]


class ModelEntry(NamedTuple):
    anchor: str
    name: str
    doc: SafeString
    options: tuple[str, ...]  # what callers may do besides reading
    fields: tuple[FieldEntry, ...]
    other_filters: tuple[tuple[str, tuple[str, ...]], ...]  # of relations and hidden fields
    methods: tuple[FunctionEntry, ...]
    manager_methods: tuple[FunctionEntry, ...]
    snippet: str


class ExceptionEntry(NamedTuple):
    anchor: str
    name: str
    base: str
    doc: SafeString
    snippet: str


class AppEntry(NamedTuple):
    label: str
    functions: tuple[FunctionEntry, ...]
    models: tuple[ModelEntry, ...]
    exceptions: tuple[ExceptionEntry, ...]


class Page(NamedTuple):
    project: str
    fingerprint: str
    apps: tuple[AppEntry, ...]
    settings_snippet: str
    import_snippet: str


def build_page(schema: Schema, query: str = "") -> Page:
    """Return the page; with ``query`` only the entries in whose text all of its words stand."""
    words = query.casefold().split()
    alias = _alias(schema.project)
    apps = [_app(alias, app, words) for app in schema.apps]
    return Page(
        project=schema.project,
        fingerprint=schema.fingerprint,
        apps=tuple(app for app in apps if app.functions or app.models or app.exceptions),
        settings_snippet=f'CHUNNEL_REMOTES = {{"{alias}": "zmq://127.0.0.1:7070"}}',
        import_snippet=f"from chunnel import remote\n\n{alias} = remote.{alias}",
    )


def _alias(project: str) -> str:
    """Return what a caller might call the project: its name, or a Python name like it."""
    name = re.sub(r"\W", "_", project).lstrip("_")
    fits = name.isidentifier() and not keyword.iskeyword(name)
    return name if fits and not project.startswith("_") else f"remote_{name}"


def _app(alias: str, app: AppSchema, words: list[str]) -> AppEntry:
    path = f"{alias}.{app.label}"
    return AppEntry(
        label=app.label,
        functions=tuple(
            _function(function, f"{app.label}.{function.name}", _call(path, function))
            for function in app.functions
            if _has(words, app.label, function.name, function.doc)
        ),
        models=tuple(
            _model(path, app.label, model)
            for model in app.models
            if _has(words, app.label, *_texts(model))
        ),
        exceptions=tuple(
            _exception(path, app.label, exception)
            for exception in app.exceptions
            if _has(words, app.label, exception.name, exception.doc)
        ),
    )


def _has(words: list[str], *texts: str) -> bool:
    text = "\n".join(texts).casefold()
    return all(word in text for word in words)


def _texts(model: ModelSchema) -> list[str]:
    methods = (*model.methods, *model.manager_methods)
    return [
        model.name,
        model.doc,
        *(text for field in model.fields for text in (field.name, field.relation or "")),
        *(text for method in methods for text in (method.name, method.doc)),
    ]


def _function(function: FunctionSchema, anchor: str, snippet: str) -> FunctionEntry:
    flags = (("stream", function.stream), ("atomic", function.atomic))
    return FunctionEntry(
        anchor=anchor,
        signature=signature_text(function),
        doc=render(function.doc),
        options=(function.effect, *(name for name, is_set in flags if is_set)),
        snippet=snippet,
    )


def _call(path: str, function: FunctionSchema) -> str:
    call = f"{path}.{function.name}({_arguments(function)})"
    return f"for item in {call}:\n    ..." if function.stream else call


def _arguments(function: FunctionSchema) -> str:
    """Return the arguments one has to give, named as the parameters are."""
    return ", ".join(
        f"{parameter.name}=…" if parameter.kind == "KEYWORD_ONLY" else parameter.name
        for parameter in function.parameters
        if parameter.default is None and not parameter.kind.startswith("VAR_")
    )


def _model(path: str, label: str, model: ModelSchema) -> ModelEntry:
    anchor = f"{label}.{model.name}"
    return ModelEntry(
        anchor=anchor,
        name=model.name,
        doc=render(model.doc),
        options=_doors(model),
        fields=_fields(model),
        other_filters=tuple(
            (path, lookups)
            for path, lookups in model.filter_fields
            if path not in {field.query_name or field.name for field in model.fields}
        ),
        methods=tuple(
            _function(
                method, f"{anchor}.{method.name}", f"instance.{method.name}({_arguments(method)})"
            )
            for method in model.methods
        ),
        manager_methods=tuple(
            _function(
                method,
                f"{anchor}.objects.{method.name}",
                f"{model.name}.objects.{method.name}({_arguments(method)})",
            )
            for method in model.manager_methods
        ),
        snippet="\n".join(_lines(path, model)),
    )


def _doors(model: ModelSchema) -> tuple[str, ...]:
    doors = (
        ("can be created", model.can_create),
        ("can be changed", any(field.writable for field in model.fields)),
        ("can be deleted", model.can_delete),
    )
    return tuple(door for door, is_open in doors if is_open)


def _lines(path: str, model: ModelSchema) -> Iterator[str]:
    yield f"{model.name} = {path}.{model.name}"
    yield f"{model.name}.objects.get({model.pk}=…)"
    if model.can_create:
        needed = (
            f"{field.name}=…"
            for field in model.fields
            if field.writable and not (field.blank or field.null or field.has_default)
        )
        yield f"{model.name}.objects.create({', '.join(needed)})"


_TAGS = {
    "column": ("", ""),
    "forward": ("", "to"),
    "reverse": ("relation", "one"),
    "many": ("relation", "many"),
    "property": ("property", ""),
    "annotation": ("annotation", ""),
}


def _fields(model: ModelSchema) -> tuple[FieldEntry, ...]:
    filters = dict(model.filter_fields)
    entries = []
    for field in model.fields:
        # An older peer's foreign key is a column that leads somewhere.
        kind = "forward" if field.kind == "column" and field.relation else field.kind
        tag, leads = _TAGS.get(kind, (kind, ""))
        path = field.query_name or field.name
        notes = (
            ("primary key", field.name == model.pk),
            ("may be null", field.null and kind in {"column", "forward"}),
            (f"filtered as {path}", path != field.name and path in filters),
            ("orders", path in model.ordering_fields),
            ("writable", field.writable),
        )
        applying = tuple(note for note, applies in notes if applies)
        entries.append(FieldEntry(field, tag, leads, tuple(filters.get(path, ())), applying))
    return tuple(entries)


def _exception(path: str, label: str, exception: ExceptionSchema) -> ExceptionEntry:
    return ExceptionEntry(
        anchor=f"{label}.{exception.name}",
        name=exception.name,
        base=exception.base,
        doc=render(exception.doc),
        snippet=f"try:\n    ...\nexcept {path}.{exception.name} as error:\n    ...",
    )
