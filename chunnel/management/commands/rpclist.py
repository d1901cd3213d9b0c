"""List what a remote project exposes, or without an alias what this one does."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from ...exceptions import CallError, UnknownRemote

if TYPE_CHECKING:
    from ...schema import AppSchema, FunctionSchema, ParameterSchema, Schema


class Command(BaseCommand):
    help = "Lists the functions, models and exceptions that a project exposes."
    requires_system_checks: list[str] = []  # noqa: RUF012 - a broken setting is told in a sentence

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "alias", nargs="?", help="A key of CHUNNEL_REMOTES; without it, this project itself."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        alias = options["alias"]
        schema = own_schema() if alias is None else remote_schema(alias)
        prefix = "" if alias is None else f"{alias}."
        lines = [line for app in schema.apps for line in describe_app(app, prefix)]
        self.stdout.write("\n".join(lines) if lines else f"{schema.project} exposes nothing.")


def own_schema() -> Schema:
    """Return what this project exposes."""
    from ...registry import autodiscover, registry

    autodiscover()
    return registry.schema()


def remote_schema(alias: str) -> Schema:
    """Return what a remote exposes; raise CommandError where it cannot be had."""
    from ...client.remotes import remotes

    try:
        schema: Schema = remotes[alias].schema()
    except (UnknownRemote, CallError) as error:
        raise CommandError(str(error)) from None
    return schema


def describe_app(app: AppSchema, prefix: str) -> Iterator[str]:
    """Yield the lines for what one app exposes; those that are indented belong to the one above."""
    for function in app.functions:
        yield _line(f"{prefix}{app.label}.{signature(function)}", function.doc)
    for model in app.models:
        fields = ", ".join(field.name for field in model.fields)
        yield _line(f"{prefix}{app.label}.{model.name}({fields})", model.doc)
        for method in model.methods:
            yield _line(f"    .{signature(method)}", method.doc)
        for method in model.manager_methods:
            yield _line(f"    .objects.{signature(method)}", method.doc)
    for exception in app.exceptions:
        yield _line(f"{prefix}{app.label}.{exception.name}: {exception.base}", exception.doc)


def _line(head: str, doc: str) -> str:
    first = doc.strip().partition("\n")[0]
    return f"{head}  # {first}" if first else head


def signature(function: FunctionSchema) -> str:
    """Return the function's signature as one would write it in a stub."""
    text = f"{function.name}({', '.join(_parameters(function.parameters))})"
    return f"{text} -> {function.returns}" if function.returns else text


def _parameters(parameters: tuple[ParameterSchema, ...]) -> Iterator[str]:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    previous = ""
    for parameter in parameters:
        if previous == "POSITIONAL_ONLY" != parameter.kind:
            yield "/"
        if parameter.kind == "KEYWORD_ONLY" and previous not in ("KEYWORD_ONLY", "VAR_POSITIONAL"):
            yield "*"
        previous = parameter.kind
        text = stars.get(parameter.kind, "") + parameter.name
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None:
            equals = " = " if parameter.annotation is not None else "="
            text += f"{equals}{parameter.default}"
        yield text
    if previous == "POSITIONAL_ONLY":
        yield "/"
