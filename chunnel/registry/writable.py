"""What a ModelRPC lets callers write, and the doors that follow from it.

A door exists only where something declared could go through it: there is no name to call for a
model that nobody may change. What the doors do stands in ``chunnel.server.writing``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Field, ManyToManyField, ManyToManyRel

from .declarations import names, refuse

if TYPE_CHECKING:
    from .modelrpc import ModelRPC
    from .readable import Readable


class Writable(NamedTuple):
    """What may be written: ``columns`` by their fields' names, ``many`` are many-to-many.

    ``reverse`` are the readable other ends of foreign keys. Whether one may be written the other
    model says, which lets its foreign key be written or does not.
    """

    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    reverse: tuple[str, ...] = ()
    can_create: bool = False
    can_delete: bool = False

    def of_objects(self) -> Iterator[str]:
        """Yield the operations of the model's ``objects``."""
        if self.can_create:
            yield from ("create", "bulk_create", "get_or_create")
        if self.columns:
            yield from ("update", "bulk_update")
        if self.can_create and self.columns:
            yield "update_or_create"
        if self.can_delete:
            yield "delete"

    def of_instances(self) -> Iterator[str]:
        """Yield the operations of its instances."""
        if self.can_create or self.columns:
            yield "save"
        if self.can_delete:
            yield "delete"
        if self.many or self.reverse:
            yield "relate"


def writable(rpc: type[ModelRPC], readable: Readable) -> Writable:
    """Return what may be written; raise ImproperlyConfigured that names what cannot be."""
    columns: dict[str, Field[Any, Any]] = {each.name: each for each in readable.columns}
    found = names(rpc, "writable_fields", rpc.writable_fields)
    many = []
    for name in found:
        if name in columns:
            if getattr(columns[name], "generated", False):
                _refuse(rpc, name, "the database computes it")
        elif name in readable.links:
            if not isinstance(readable.links[name], ManyToManyField | ManyToManyRel):
                _refuse(rpc, name, "it is the other end of a foreign key, which is written there")
            many.append(name)
        elif name in readable.properties:
            _refuse(rpc, name, "it is a property")
        elif name in readable.annotations:
            _refuse(rpc, name, "it is an annotation")
        else:
            legal = [name for name in readable.order if _could_be_written(name, readable)]
            refuse(
                rpc,
                "writable_fields",
                f"{name!r} is not among the readable fields; of those may be written: "
                f"{', '.join(legal) or 'none'}.",
            )
    return Writable(
        tuple(found),
        tuple(name for name in found if name in columns),
        tuple(many),
        tuple(name for name, link in readable.links.items() if link.one_to_many),
        _flag(rpc, "can_create"),
        _flag(rpc, "can_delete"),
    )


def _could_be_written(name: str, readable: Readable) -> bool:
    if name in readable.links:
        return isinstance(readable.links[name], ManyToManyField | ManyToManyRel)
    return any(
        field.name == name and not getattr(field, "generated", False) for field in readable.columns
    )


def _refuse(rpc: type[ModelRPC], name: str, why: str) -> None:
    refuse(rpc, "writable_fields", f"{name!r} cannot be written: {why}.")


def _flag(rpc: type[ModelRPC], attribute: str) -> bool:
    value = getattr(rpc, attribute)
    if type(value) is not bool:
        refuse(rpc, attribute, f"this is True or False, not {value!r}.")
    return value
