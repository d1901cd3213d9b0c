"""What a declared ``RemoteForeignKey`` must be, and what the system checks say where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core import checks
from django.core.checks import CheckMessage
from django.db.models import AutoField, Field

from ..conf import remote_aliases

if TYPE_CHECKING:
    from .foreign import RemoteForeignKey

_NO_REVERSE = "There is no way back from a remote row: filter this model by the key instead."
_NO_CONSTRAINT = "This database does not know the rows of another project and cannot check keys."

REFUSED: Final = {
    "on_delete": (
        "Nobody here learns that a row over there was deleted, so nothing can cascade; whoever "
        "reads such a row meets DoesNotExist."
    ),
    "related_name": _NO_REVERSE,
    "related_query_name": _NO_REVERSE,
    "limit_choices_to": "Give a form's field the remote queryset to choose from.",
    "db_constraint": _NO_CONSTRAINT,
    "swappable": "Migrations name the remote model as a text.",
}
"""The options of a ForeignKey that a remote one refuses, each with the reason."""

_OF_THE_COLUMN: Final = ("null", "unique", "primary_key", "db_index", "db_column")
"""Options that belong to the RemoteForeignKey and not to the field that says its type."""


def split(to: Any) -> tuple[str, str, str]:
    """Return alias, app label and name of "alias.app_label.Model"; raise ValueError."""
    steps = to.split(".") if isinstance(to, str) else ()
    if len(steps) != 3 or not all(map(_is_step, steps)) or not steps[2][0].isupper():
        raise ValueError(f'{to!r} names no remote model; write it like "economy.money.Account".')
    return (steps[0], steps[1], steps[2])


def _is_step(text: str) -> bool:
    return text.isidentifier() and not text.startswith("_")


def says_type(key: Any) -> bool:
    """Say whether ``key`` is a field that is no more than a column's type."""
    return isinstance(key, Field) and not key.is_relation and not isinstance(key, AutoField)


def key_check(field: RemoteForeignKey) -> list[CheckMessage]:
    """Return what is wrong with the declaration of ``field``."""
    return [*_check_to(field), *_check_to_field(field), *_check_refused(field), *_check_key(field)]


def _check_to(field: RemoteForeignKey) -> list[CheckMessage]:
    try:
        alias = split(field.to)[0]
    except ValueError:
        return [
            checks.Error(
                f"{field.to!r} names no remote model.",
                hint="Write alias, app label and model, like 'economy.money.Account'.",
                obj=field,
                id="chunnel.E070",
            )
        ]
    known = remote_aliases()
    if alias in known:
        return []
    listed = f"There are {', '.join(map(repr, known))}." if known else "It is empty."
    return [
        checks.Error(
            f"{field.to!r} leads to {alias!r}, which CHUNNEL_REMOTES does not have.",
            hint=listed,
            obj=field,
            id="chunnel.E071",
        )
    ]


def _check_to_field(field: RemoteForeignKey) -> list[CheckMessage]:
    name = field.to_field
    if isinstance(name, str) and _is_step(name) and "__" not in name:
        return []
    return [
        checks.Error(
            f"to_field must be the name of a field of {field.to!r}, not {name!r}.",
            hint="Leave it out to store the key of the row.",
            obj=field,
            id="chunnel.E072",
        )
    ]


def _check_refused(field: RemoteForeignKey) -> list[CheckMessage]:
    return [
        checks.Error(
            f"A RemoteForeignKey takes no {name}.",
            hint=REFUSED[name],
            obj=field,
            id="chunnel.E073",
        )
        for name in field.given_refused
    ]


def _check_key(field: RemoteForeignKey) -> list[CheckMessage]:
    given = field.given_key
    if given is None:
        if field.to_field == "pk":
            return []
        return [
            checks.Warning(
                f"The type of {field.to_field!r} is not said, so the column holds whole numbers.",
                hint="Say it, like key=models.CharField(max_length=20).",
                obj=field,
                id="chunnel.W075",
            )
        ]
    problem = None
    if not isinstance(given, Field):
        problem = f"key must be a field that says the column's type, not {given!r}."
    elif not says_type(given):
        problem = f"key cannot be a {type(given).__name__}, which is more than a column's type."
    else:
        options = given.deconstruct()[3]
        beside = [name for name in _OF_THE_COLUMN if name in options]
        if beside:
            problem = f"key says more than the column's type: {', '.join(beside)}."
    if problem is None:
        return []
    return [
        checks.Error(
            problem,
            hint="Write it like key=models.BigIntegerField(); null, unique and the like are "
            "options of the RemoteForeignKey.",
            obj=field,
            id="chunnel.E074",
        )
    ]
