"""What a ModelRPC may declare and surely does not mean: for the system checks.

Registration refuses what cannot be. Here is what can, and what is seen only once every model is
exposed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Aggregate, Count, Expression, F, Field, Model

if TYPE_CHECKING:
    from .exposed import ExposedModel

_JUDGES = ("save", "full_clean", "clean", "clean_fields")


class Hint(NamedTuple):
    """``code`` is the number of the check, ``problem`` begins with the culprit."""

    code: str
    problem: str
    advice: str


def hints(exposed: ExposedModel) -> Iterator[Hint]:
    """Yield what is surely wrong with the declaration of a model."""
    rpc = type(exposed.rpc).__qualname__
    yield from _lost_relations(exposed, rpc)
    yield from _missing_columns(exposed, rpc)
    yield from _overwritten(exposed, rpc)
    yield from _multiplied(exposed, rpc)


def _lost_relations(exposed: ExposedModel, rpc: str) -> Iterator[Hint]:
    for name, link in exposed.links.items():
        if exposed.related(name) is None:
            other: Any = link.related_model
            yield Hint(
                "W060",
                f"{rpc}.fields names {name!r}, which leads to {other.__name__}, and that is not "
                f"exposed; so callers do not see the relation.",
                f"Register {other.__name__} with a ModelRPC of its own, or take the name out.",
            )


def _missing_columns(exposed: ExposedModel, rpc: str) -> Iterator[Hint]:
    model = exposed.model
    if not exposed.can_create or any(
        getattr(model, name) is not getattr(Model, name) for name in _JUDGES
    ):
        return  # or the model's own code may give what callers may not
    missing = [
        field.name
        for field in model._meta.concrete_fields
        if _is_required(field) and field.name not in exposed.writable_fields
    ]
    if missing:
        yield Hint(
            "W061",
            f"{rpc}.can_create is true, but callers may not give {', '.join(map(repr, missing))}, "
            f"without which no row can be created.",
            "Name it in fields and writable_fields, give it a default, or set it in save().",
        )


def _is_required(field: Field[Any, Any]) -> bool:
    return not (
        field.blank
        or field.null
        or field.has_default()
        or field.has_db_default()
        or field.generated
        or getattr(field.remote_field, "parent_link", False)
    )


def _overwritten(exposed: ExposedModel, rpc: str) -> Iterator[Hint]:
    for field in exposed.fields:
        if field.name in exposed.writable_fields and (
            getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        ):
            yield Hint(
                "W062",
                f"{rpc}.writable_fields names {field.name!r}, which Django sets itself when the "
                f"row is saved, whatever a caller gave.",
                "Take the name out, or give the field default=timezone.now instead of auto_now.",
            )


def _multiplied(exposed: ExposedModel, rpc: str) -> Iterator[Hint]:
    """Aggregates over two relations to many join both, so that each counts the other's rows."""
    many = {
        field.name
        for field in exposed.model._meta.get_fields()
        if field.many_to_many or field.one_to_many
    }
    wrong: dict[str, set[str]] = {}
    crossed: set[str] = set()
    for name, expression in exposed.annotations.items():
        for aggregate, paths in _aggregates(expression):
            prefixes = {path.partition("__")[0] for path in paths} & many
            crossed |= prefixes
            if prefixes and not (isinstance(aggregate, Count) and _is_distinct(aggregate)):
                wrong.setdefault(name, set()).update(prefixes)
    if len(crossed) > 1 and wrong:
        yield Hint(
            "W063",
            f"{rpc}.annotations aggregate over {' and '.join(map(repr, sorted(crossed)))} in one "
            f"query, which multiplies the rows of each by those of the other; "
            f"{', '.join(map(repr, wrong))} will be too large.",
            "Compute each in a Subquery of its own, or count with Count(…, distinct=True).",
        )


def _aggregates(expression: Any) -> Iterator[tuple[Aggregate, list[str]]]:
    if isinstance(expression, Aggregate):
        yield expression, list(_paths(expression))
    elif isinstance(expression, Expression):
        for each in expression.get_source_expressions():
            yield from _aggregates(each)


# The stubs of these classes lack the attributes.
def _is_distinct(aggregate: Any) -> bool:
    return bool(aggregate.distinct)


def _path(reference: Any) -> str:
    return str(reference.name)


def _paths(expression: Any) -> Iterator[str]:
    if isinstance(expression, F):
        yield _path(expression)
    elif isinstance(expression, Expression):
        for each in expression.get_source_expressions():
            yield from _paths(each)
