"""What the registry holds: one entry for each remote name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from django.db import connections

from .shapes import Shape

if TYPE_CHECKING:
    from .exposed import ExposedModel

Kind: TypeAlias = Literal[
    "function", "method", "query", "manager", "write", "model", "exception", "builtin"
]
Style: TypeAlias = Literal["call", "stream", "coroutine", "async_stream"]
Effect: TypeAlias = Literal["read", "idempotent", "write"]

EFFECTS = ("read", "idempotent", "write")
NO_SHAPE = Shape(None, None)
CALLABLE_KINDS = frozenset({"function", "method", "query", "manager", "write", "builtin"})


def option_problem(option: str, value: object) -> str | None:
    """Say what is wrong with the value of ``atomic`` or ``blocking``; None: nothing."""
    if isinstance(value, bool):
        return None
    if option == "blocking":
        return None if value is None else "this is True, False or None."
    if not isinstance(value, str):
        return "this is True, False or the name of a database."
    if value not in connections:
        return f"there is no database of this name; there are {', '.join(map(repr, connections))}."
    return None


class Place(NamedTuple):
    """Where something was exposed."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One remote name and what stands behind it.

    ``name`` is the whole name on the wire ("money.balance", "money.Account.deposit"). ``target`` is
    the callable, the exception class, or the model class. Entries of a model's own names have it as
    ``owner`` and their Python name as ``attribute``. One that writes rows ("money.Account.save",
    "money.Account.objects.create") is of the kind "write" and has the operation for it; its target
    is the model.
    """

    name: str
    label: str
    kind: Kind
    target: Any
    place: Place
    shape: Shape = NO_SHAPE
    style: Style = "call"
    effect: Effect = "write"
    atomic: bool | str = False
    blocking: bool | None = None
    doc: str = ""
    owner: ExposedModel | None = None
    attribute: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def callable(self) -> bool:
        """Whether a CALL may name it."""
        return self.kind in CALLABLE_KINDS

    @property
    def public_name(self) -> str:
        """The part of the name after the app label."""
        return self.name.partition(".")[2]
