"""List what a remote project exposes, or without an alias what this one does."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from ... import conf
from ...exceptions import CallError, RemoteError, UnknownRemote
from ...schema.signatures import signature_text
from ..pipes import PipedCommand

if TYPE_CHECKING:
    from ...schema import AppSchema, FieldSchema, ModelSchema, Schema


class Command(PipedCommand):
    help = "Lists the functions, models and exceptions that a project exposes."
    requires_system_checks: list[str] = []  # noqa: RUF012 - a broken setting is told in a sentence

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "alias", nargs="?", help="A key of CHUNNEL_REMOTES; without it, this project itself."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        alias = options["alias"]
        try:
            schema = own_schema() if alias is None else remote_schema(alias)
        except (UnknownRemote, ImproperlyConfigured, CallError, RemoteError) as error:
            raise CommandError(str(error)) from None
        prefix = "" if alias is None else f"{alias}."
        lines = [line for app in schema.apps for line in describe_app(app, prefix)]
        self.stdout.write("\n".join(lines) if lines else f"{schema.project} exposes nothing.")


def own_schema() -> Schema:
    """Return what this project exposes."""
    from ...registry import build_schema, registry

    return build_schema(registry, conf.server_settings().name)


def remote_schema(alias: str) -> Schema:
    """Return what a remote exposes."""
    from ... import remotes

    schema: Schema = remotes[alias].schema()
    return schema


def describe_app(app: AppSchema, prefix: str) -> Iterator[str]:
    """Yield the lines for what one app exposes; those that are indented belong to the one above."""
    for function in app.functions:
        yield _line(f"{prefix}{app.label}.{signature_text(function)}", function.doc)
    for model in app.models:
        columns = _names(field for field in model.fields if field.kind in {"column", "forward"})
        yield _line(f"{prefix}{app.label}.{model.name}({columns})", model.doc)
        yield from _more(model)
        for method in model.methods:
            yield _line(f"    .{signature_text(method)}", method.doc)
        for method in model.manager_methods:
            yield _line(f"    .objects.{signature_text(method)}", method.doc)
    for exception in app.exceptions:
        yield _line(f"{prefix}{app.label}.{exception.name}: {exception.base}", exception.doc)


def _more(model: ModelSchema) -> Iterator[str]:
    """Yield what a model has and allows beside its columns, a line for each kind."""
    relations = [field for field in model.fields if field.relation is not None]
    if relations:
        shown = (
            f"{field.name} → {'many ' if field.kind == 'many' else ''}{field.relation}"
            for field in relations
        )
        yield f"    relations: {', '.join(shown)}"
    for title, kind in (("properties", "property"), ("annotations", "annotation")):
        computed = _names(field for field in model.fields if field.kind == kind)
        if computed:
            yield f"    {title}: {computed}"
    writable = _names(field for field in model.fields if field.writable)
    if writable:
        yield f"    writable: {writable}"
    allowed = [what for what in ("create", "delete") if getattr(model, f"can_{what}")]
    if allowed:
        yield f"    allows: {', '.join(allowed)}"


def _names(fields: Iterable[FieldSchema]) -> str:
    return ", ".join(field.name for field in fields)


def _line(head: str, doc: str) -> str:
    first = doc.strip().partition("\n")[0]
    return f"{head}  # {first}" if first else head
