"""What arrives for rows, references and a project's own types, checked and put together.

The bytes may come from anybody: each part is held against what ``dumps`` makes before it is used.
"""

from __future__ import annotations

from typing import Any

from ..exceptions import SerializationError
from ..values import InstanceRef, InstanceRow, RowSet, TypeTable
from ..values.columns import unpack_column
from ..values.depth import check_depth
from ..values.nearest import HookFailed
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
    """Return the InstanceRow from ``[model, pk, names, values, text, methods]``, lifted."""
    model, pk, names, values, text, methods = _of_length(content, 6)
    _check_text(model)
    _check_names(names, values)
    check_depth(pk)
    check_depth(values)
    if text is not None:
        _check_text(text)
    row = InstanceRow(model, pk, tuple(names), tuple(values), text, _texts(methods))
    return _lifted(row, lift)


def build_row_set(content: Any, lift: Lift | None) -> Any:
    """Return the RowSet from ``[model, names, columns, methods]``, lifted."""
    model, names, packed, methods = _of_length(content, 4)
    if model is not None:
        _check_text(model)
    _check_names(names, packed)
    columns = tuple(map(unpack_column, packed))
    if len(set(map(len, columns))) > 1:
        raise SerializationError("the columns of a row set differ in length")
    return _lifted(RowSet(model, tuple(names), columns, _texts(methods)), lift)


def _lifted(value: Any, lift: Lift | None) -> Any:
    if lift is None:
        return value
    try:
        return lift(value)
    except Exception as error:
        raise HookFailed(error) from error


def _of_length(content: Any, length: int) -> list[Any]:
    if type(content) is not list or len(content) != length:
        raise SerializationError(f"malformed: not an array of {length} parts")
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
