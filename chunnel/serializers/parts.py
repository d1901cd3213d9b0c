"""What arrives for rows, references and a project's own types, checked and put together.

The bytes may come from anybody: each part is held against what ``dumps`` makes before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..exceptions import SerializationError
from ..values import (
    InstanceRef,
    InstanceRow,
    QuerySetRef,
    Related,
    Relation,
    RowSet,
    TypeTable,
)
from ..values.columns import unpack_column
from ..values.depth import check_depth
from ..values.limits import MAX_RELATED
from ..values.nearest import HookFailed
from ..values.related import unpack_places
from .base import Lift


def build_own(content: Any, types: TypeTable) -> Any:
    """Return the value of a project's own type from ``[name, content]``."""
    name, inner = _of_length(content, 2)
    own = types.named(name) if type(name) is str else None
    if own is None:
        raise SerializationError(f"no wire type is named {str(name)[:60]!r} here")
    check_depth(inner)
    try:
        return own.decode(inner)
    except Exception as error:
        raise SerializationError(
            f"the wire type {name!r} does not take its value: {error!r}"
        ) from error


def build_ref(content: Any, lift: Lift | None) -> Any:
    """Return the InstanceRef from ``[model, pk]``, lifted."""
    model, pk = _of_length(content, 2)
    _check_text(model)
    check_depth(pk)
    return _lifted(InstanceRef(model, pk), lift)


def build_row(content: Any, lift: Lift | None) -> Any:
    """Return the InstanceRow, lifted.

    It comes as ``[model, pk, names, values, text, methods]``, perhaps with relations behind,
    and then perhaps with the names of deferred columns.
    """
    model, pk, names, values, text, methods, *more = _of_length(content, 6, 7, 8)
    _check_text(model)
    _check_names(names, values)
    check_depth(pk)
    check_depth(values)
    if text is not None:
        _check_text(text)
    relations = _relations(more[0]) if more else ()
    deferred = _texts(more[1]) if len(more) > 1 else ()
    row = InstanceRow(
        model, pk, tuple(names), tuple(values), text, _texts(methods), relations, deferred
    )
    return _lifted(row, lift)


def build_row_set(content: Any, lift: Lift | None) -> Any:
    """Return the RowSet, lifted; those within it are not, since their owner knows what they are.

    It comes as ``[model, names, columns, methods]``, perhaps with relations and related rows
    behind, and then perhaps with the names of deferred columns. A row set within is such a list.
    """
    return _lifted(_row_set(content, 0), lift)


def build_query(content: Any, lift: Lift | None) -> Any:
    """Return the QuerySetRef from ``[model]``, lifted."""
    (model,) = _of_length(content, 1)
    _check_text(model)
    return _lifted(QuerySetRef(model), lift)


def check_level(level: int) -> None:
    """Raise SerializationError if a row set that has related rows is too deep within others."""
    if level >= MAX_RELATED:
        raise SerializationError(f"related rows nested more than {MAX_RELATED} deep")


def relation_parts(relations: Sequence[Relation]) -> list[list[Any]]:
    """Return relations as they travel."""
    return [list(each if each.back else each[:3]) for each in relations]


def _row_set(content: Any, level: int) -> RowSet:
    model, names, packed, methods, *more = _of_length(content, 4, 6, 7)
    if model is not None:
        _check_text(model)
    _check_names(names, packed)
    columns = tuple(map(unpack_column, packed))
    if len(set(map(len, columns))) > 1:
        raise SerializationError("the columns of a row set differ in length")
    if not more:
        return RowSet(model, tuple(names), columns, _texts(methods))
    check_level(level)
    relations, related, *last = more
    if type(related) is not list:
        raise SerializationError("malformed: related rows are not an array")
    length = len(columns[0]) if columns else 0
    found = tuple(_related(each, length, level) for each in related)
    if len({each.name for each in found}) != len(found):
        raise SerializationError("malformed: related rows have a name twice")
    deferred = _texts(last[0]) if last else ()
    return RowSet(
        model, tuple(names), columns, _texts(methods), _relations(relations), found, deferred
    )


def _related(content: Any, owners: int, level: int) -> Related:
    name, many, listed, wire, places = _of_length(content, 5)
    _check_text(name)
    if type(many) is not bool or type(listed) is not bool:
        raise SerializationError("malformed: related rows without their flags")
    rows = _row_set(wire, level + 1)
    length = len(rows.columns[0]) if rows.columns else 0
    return Related(name, many, listed, rows, unpack_places(places, many, owners, length))


def _relations(content: Any) -> tuple[Relation, ...]:
    if type(content) is not list:
        raise SerializationError("malformed: not an array of relations")
    found = []
    for each in content:
        name, model, many, *back = _of_length(each, 3, 4)
        for text in (name, model, *back):
            _check_text(text)
        if type(many) is not bool:
            raise SerializationError("malformed: a relation does not say whether it is to many")
        found.append(Relation(name, model, many, *back))
    return tuple(found)


def _lifted(value: Any, lift: Lift | None) -> Any:
    if lift is None:
        return value
    try:
        return lift(value)
    except Exception as error:
        raise HookFailed(error) from error


def _of_length(content: Any, *lengths: int) -> list[Any]:
    if type(content) is not list or len(content) not in lengths:
        shown = " or ".join(map(str, lengths))
        raise SerializationError(f"malformed: not an array of {shown} parts")
    return content


def _check_text(value: Any) -> None:
    if type(value) is not str:
        raise SerializationError("malformed: a name is not a text")


def _check_names(names: Any, values: Any) -> None:
    if type(names) is not list or type(values) is not list or len(names) != len(values):
        raise SerializationError("malformed: names and values do not match")
    for name in names:
        _check_text(name)


def _texts(values: Any) -> tuple[str, ...]:
    if type(values) is not list:
        raise SerializationError("malformed: not an array of names")
    for value in values:
        _check_text(value)
    return tuple(values)
