"""Where in a value the part sits that cannot travel.

Packing keeps no account of where it is, since that would slow every call for the sake of the few
that fail. When packing failed, the value is walked once more, slowly and with a path, until the
culprit is met again.

Paths read like Python: ``args[0]['when'].x``. ``.x`` is a field of an instance, or a part of what a
project's own type encodes to; ``{x}`` is an element of a set, `` key x`` a dict's key itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..exceptions import SerializationError
from ..values import InstanceRef, InstanceRow, QuerySetRef, RowSet, TypeTable
from ..values.limits import MAX_DEPTH
from ..values.nearest import MAX_STEPS, Own, nearer
from ..values.numbers import check_int, decimal_to_text
from ..values.zones import zone_of
from .base import Lower

_LONGEST = 60  # characters of a key or an element in a path


def explain(
    error: BaseException,
    value: Any,
    types: TypeTable,
    lower: Lower | None,
    roots: Sequence[str],
) -> SerializationError:
    """Return the error that says where in ``value`` the cause of ``error`` sits.

    ``error`` is what packing raised; it stands for itself if the walk finds nothing wrong. May
    raise what ``lower`` raises, wrapped in HookFailed.
    """
    walk = _Walk(types, lower)
    try:
        if len(roots) == 1:
            walk.visit(value, roots[0], ())
        else:
            for root, part in zip(roots, value, strict=True):
                walk.visit(part, root, (id(value),))
    except SerializationError as found:
        found.__cause__ = found.__cause__ or error
        return found
    except RecursionError:
        return SerializationError("too little of Python's stack is left to walk it", roots[0])
    reason = error.reason if isinstance(error, SerializationError) else str(error)
    explained = SerializationError(
        reason or type(error).__name__, roots[0] if len(roots) == 1 else ""
    )
    explained.__cause__ = error
    return explained


class _Walk:
    """``within`` are the ids of the containers around a value, for cycles and depth."""

    def __init__(self, types: TypeTable, lower: Lower | None):
        self.types = types
        self.lower = lower

    def visit(
        self, value: Any, path: str, within: tuple[int, ...], *, inside: bool = False
    ) -> None:
        try:
            known = self._known(value)
        except SerializationError as error:
            raise SerializationError(error.reason, path + error.path) from error
        if known is not value:
            inside = inside or isinstance(known, Own) or _is_lowered(value)
        if isinstance(known, Own):
            self.visit(known.content, path, (), inside=True)
            return
        kind = type(known)
        check = _CHECKS.get(kind)
        if check is not None:
            try:
                check(known)
            except ValueError as error:
                raise SerializationError(_reason(error), path) from error
        elif kind is InstanceRef:
            self.visit(known.pk, f"{path}.pk", ())
        elif kind is InstanceRow:
            self.visit(known.pk, f"{path}.pk", ())
            for name, item in zip(known.names, known.values, strict=False):
                self.visit(item, f"{path}.{name}", ())
        elif kind is RowSet:
            for name, column in zip(known.names, known.columns, strict=False):
                for index, item in enumerate(column):
                    self.visit(item, f"{path}[{index}].{name}", ())
            for related in known.related:
                self.visit(related.rows, f"{path}.{related.name}", ())
        else:  # a container
            if id(value) in within:
                raise SerializationError("it contains itself", _shortened(path))
            if len(within) >= MAX_DEPTH:
                raise SerializationError(f"nested more than {MAX_DEPTH} deep", _shortened(path))
            self._visit_items(known, path, (*within, id(value)), inside)

    def _visit_items(self, value: Any, path: str, within: tuple[int, ...], inside: bool) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self.visit(key, f"{path} key {_short(key)}", within)
                dotted = inside and isinstance(key, str) and key.isidentifier()
                self.visit(item, f"{path}.{key}" if dotted else f"{path}[{_short(key)}]", within)
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self.visit(item, f"{path}[{index}]", within)
        else:
            for item in value:
                self.visit(item, f"{path}{{{_short(item)}}}", within)

    def _known(self, value: Any) -> Any:
        """Return ``value`` as one of the types that serializers know, or as Own."""
        for _ in range(MAX_STEPS):
            if type(value) in _KNOWN:
                return value
            value = nearer(value, self.types, self.lower)
        raise SerializationError(f"it does not become a value that travels in {MAX_STEPS} steps")


def _is_lowered(value: Any) -> bool:
    """Say whether ``value`` is an object of a class of its own, whose parts read as attributes."""
    return not isinstance(value, _CONTAINERS)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (somebody else's repr; the error being explained counts more)
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _shortened(path: str) -> str:
    return path if len(path) <= 2 * _LONGEST else f"{path[:_LONGEST]}...{path[-_LONGEST // 2 :]}"


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "a text with a lone surrogate, which UTF-8 does not have"
    return str(error)


def _check_str(value: str) -> None:
    value.encode()


def _check_memoryview(value: memoryview) -> None:
    if not value.contiguous:
        raise ValueError("a memoryview that is not contiguous")


def _anything(_value: Any) -> None:
    pass


_CHECKS: dict[type[Any], Any] = {
    type(None): _anything,
    bool: _anything,
    int: check_int,
    float: _anything,
    str: _check_str,
    bytes: _anything,
    bytearray: _anything,
    memoryview: _check_memoryview,
    Decimal: decimal_to_text,
    dt.datetime: zone_of,
    dt.date: _anything,
    dt.time: zone_of,
    dt.timedelta: _anything,
    UUID: _anything,
}
_CONTAINERS = (list, tuple, dict, set, frozenset)
_KNOWN = frozenset({*_CHECKS, *_CONTAINERS, InstanceRef, InstanceRow, RowSet, QuerySetRef, Own})
