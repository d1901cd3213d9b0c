"""Serializers for formats that know little: text, numbers, lists and maps with texts as keys.

A subclass gives ``pack`` and ``unpack`` for such a *tree*; everything else that travels is written
into the tree here, as a map with one key that begins with ``$``, the *tag*: ``{"$tuple": [1, 2]}``.
A dict that looks like a tagged value, or has a key that is not a text, is tagged itself:
``{"$dict": [[key, value], ...]}``. So every dict can travel and none is mistaken for a tag.

The walk is Python code, a call for each container and each tagged value: clear, not fast.
docs/reference/values describes the tags.
"""

from __future__ import annotations

import datetime as dt
import math
from abc import abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..exceptions import SerializationError
from ..values import InstanceRef, InstanceRow, QuerySetRef, Relation, RowSet, TypeTable
from ..values.columns import pack_column
from ..values.hashes import check_hashes
from ..values.limits import BLOB_SIZE, MAX_DEPTH, MAX_INT_BYTES
from ..values.nearest import MAX_STEPS, HookFailed, Own, nearer
from ..values.numbers import (
    MAX_WIRE_INT,
    MIN_WIRE_INT,
    check_int,
    decimal_from_text,
    decimal_to_text,
)
from ..values.related import pack_places
from ..values.zones import Zone, zone_from, zone_of
from .base import Lift, Lower, Packed, Serializer
from .parts import (
    build_own,
    build_query,
    build_ref,
    build_row,
    build_row_set,
    check_level,
    relation_parts,
)
from .places import explain

_FAILURES = (TypeError, ValueError, ArithmeticError, RecursionError)
_MALFORMED = (*_FAILURES, LookupError)


class TreeSerializer(Serializer):
    """A serializer made of ``pack`` and ``unpack`` for trees."""

    @abstractmethod
    def pack(self, tree: Any) -> bytes:
        """Return ``tree`` as bytes.

        It is made of None, bool, int of at most 64 bits, finite float, str, list, and dict with
        texts as keys. Raise ValueError or TypeError where the format cannot hold it.
        """

    @abstractmethod
    def unpack(self, body: bytes) -> Any:
        """Return the tree, of those types alone; raise ValueError for bytes that hold none."""

    def dumps(
        self, value: Any, *, lower: Lower | None = None, roots: Sequence[str] = ("value",)
    ) -> Packed:
        """Pack ``value``; see Serializer."""
        writer = _Writer(self.types, lower)
        try:
            try:
                return Packed(self.pack(writer.write(value, 0)), tuple(writer.blobs))
            except _FAILURES as error:
                explained = explain(error, value, self.types, lower, roots)
                raise explained from explained.__cause__
        except HookFailed as failure:
            raised = failure.error
        raise raised

    def loads(self, body: bytes, blobs: Sequence[bytes] = (), *, lift: Lift | None = None) -> Any:
        """Unpack; see Serializer."""
        try:
            return _TreeReader(self.types, blobs, lift).read(self.unpack(body), 0)
        except HookFailed as failure:
            raised = failure.error
        except SerializationError:
            raise
        except _MALFORMED as error:
            raise SerializationError(f"malformed {self.name}: {error}") from error
        raise raised


# Writing -----------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, types: TypeTable, lower: Lower | None):
        self.types = types
        self.lower = lower
        self.blobs: list[bytes] = []

    def write(self, value: Any, depth: int) -> Any:
        """Return ``value`` as a tree; ``depth`` counts the containers around it."""
        for _ in range(MAX_STEPS):
            kind = type(value)
            if kind in _PLAIN:
                return value
            write = _WRITE.get(kind)
            if write is not None:
                return write(self, value, depth)
            value = nearer(value, self.types, self.lower)
        raise SerializationError(f"it does not become a value that travels in {MAX_STEPS} steps")

    def items(self, values: Any, depth: int) -> list[Any]:
        if depth >= MAX_DEPTH:
            raise SerializationError(f"nested more than {MAX_DEPTH} deep")
        return [v if type(v) in _PLAIN else self.write(v, depth + 1) for v in values]

    def binary(self, value: Any, _depth: int) -> Any:
        data = bytes(value)
        if len(data) < BLOB_SIZE:
            return {"$bytes": b64encode(data).decode("ascii")}
        self.blobs.append(data)
        return {"$blob": len(self.blobs) - 1}

    def dict(self, value: dict[Any, Any], depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise SerializationError(f"nested more than {MAX_DEPTH} deep")
        keys = set(map(type, value))
        if keys <= {str} and not _looks_tagged(value):
            return {
                key: item if type(item) in _PLAIN else self.write(item, depth + 1)
                for key, item in value.items()
            }
        pairs = [
            [self.write(key, depth + 1), self.write(item, depth + 1)] for key, item in value.items()
        ]
        return {"$dict": pairs}

    def own(self, value: Own, _depth: int) -> Any:
        return {"$own": [value.name, self.write(value.content, 0)]}

    def ref(self, value: InstanceRef, _depth: int) -> Any:
        return {"$ref": [self.write(value.model, 0), self.write(value.pk, 0)]}

    def row(self, value: InstanceRow, _depth: int) -> Any:
        model, text = self.write(value.model, 0), self.write(value.text, 0)
        names, values = self.items(value.names, 0), self.items(value.values, 0)
        methods = self.items(value.methods, 0)
        content = [model, self.write(value.pk, 0), names, values, text, methods]
        if value.relations or value.deferred:
            content.append(self.relations(value.relations))
        if value.deferred:
            content.append(self.items(value.deferred, 0))
        return {"$row": content}

    def relations(self, relations: Sequence[Relation]) -> list[Any]:
        return [self.items(each, 0) for each in relation_parts(relations)]

    def row_set(self, value: RowSet, _depth: int) -> Any:
        return {"$rows": self.row_set_parts(value, 0)}

    def row_set_parts(self, value: RowSet, level: int) -> list[Any]:
        """Return a row set as a list; those within it have no tag of their own."""
        columns = []
        for column in value.columns:
            kind, parts, *nulls = pack_column(column)
            columns.append([kind, self.items(parts, 0), *nulls])
        names, methods = self.items(value.names, 0), self.items(value.methods, 0)
        parts = [self.write(value.model, 0), names, columns, methods]
        if value.relations or value.related or value.deferred:
            check_level(level)
            parts.append(self.relations(value.relations))
            parts.append(
                [
                    [
                        self.write(each.name, 0),
                        each.many,
                        each.listed,
                        self.row_set_parts(each.rows, level + 1),
                        pack_places(each),
                    ]
                    for each in value.related
                ]
            )
        if value.deferred:
            parts.append(self.items(value.deferred, 0))
        return parts


def _looks_tagged(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def _write_int(_writer: _Writer, value: int, _depth: int) -> Any:
    if MIN_WIRE_INT <= value <= MAX_WIRE_INT:
        return value
    return {"$int": f"{check_int(value):x}"}


def _write_float(_writer: _Writer, value: float, _depth: int) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _zoned(tag: str, moment: dt.datetime | dt.time) -> Any:
    zone: Zone = zone_of(moment)
    text = moment.replace(tzinfo=None, fold=0).isoformat()
    return {tag: [text, zone, moment.fold]}


def _write_datetime(_writer: _Writer, value: dt.datetime, _depth: int) -> Any:
    return _zoned("$datetime", value)


def _write_time(_writer: _Writer, value: dt.time, _depth: int) -> Any:
    return _zoned("$time", value)


def _write_timedelta(_writer: _Writer, value: dt.timedelta, _depth: int) -> Any:
    return {"$timedelta": [value.days, value.seconds, value.microseconds]}


_PLAIN = frozenset({type(None), bool, str})

_WRITE: dict[type[Any], Callable[[_Writer, Any, int], Any]] = {
    int: _write_int,
    float: _write_float,
    bytes: _Writer.binary,
    bytearray: _Writer.binary,
    memoryview: _Writer.binary,
    list: _Writer.items,
    tuple: lambda writer, value, depth: {"$tuple": writer.items(value, depth)},
    set: lambda writer, value, depth: {"$set": writer.items(value, depth)},
    frozenset: lambda writer, value, depth: {"$frozenset": writer.items(value, depth)},
    dict: _Writer.dict,
    Decimal: lambda _writer, value, _depth: {"$decimal": decimal_to_text(value)},
    dt.datetime: _write_datetime,
    dt.date: lambda _writer, value, _depth: {"$date": value.isoformat()},
    dt.time: _write_time,
    dt.timedelta: _write_timedelta,
    UUID: lambda _writer, value, _depth: {"$uuid": value.hex},
    Own: _Writer.own,
    InstanceRef: _Writer.ref,
    InstanceRow: _Writer.row,
    RowSet: _Writer.row_set,
    QuerySetRef: lambda writer, value, _depth: {"$query": [writer.write(value.model, 0)]},
}


# Reading -----------------------------------------------------------------------------------------


class _TreeReader:
    """``read`` takes apart what ``_Writer.write`` made; a tag's content may be anything at all."""

    def __init__(self, types: TypeTable, blobs: Sequence[bytes], lift: Lift | None):
        self.types = types
        self.blobs = blobs
        self.lift = lift

    def read(self, node: Any, depth: int) -> Any:
        kind = type(node)
        if kind is list:
            return self.items(node, depth)
        if kind is dict:
            if _looks_tagged(node):
                ((tag, content),) = node.items()
                read = _READ.get(tag)
                if read is None:
                    raise SerializationError(f"malformed: there is no tag {tag[:60]!r}")
                return read(self, content, depth)
            _check_depth(depth)
            return {
                key: item if type(item) in _ATOMS else self.read(item, depth + 1)
                for key, item in node.items()
            }
        return node

    def items(self, nodes: Any, depth: int) -> list[Any]:
        _check_depth(depth)
        return [n if type(n) in _ATOMS else self.read(n, depth + 1) for n in _list(nodes)]

    def dict(self, pairs: Any, depth: int) -> dict[Any, Any]:
        _check_depth(depth)
        keys, values = [], []
        for pair in _list(pairs):
            key, item = _list(pair)
            keys.append(self.read(key, depth + 1))
            values.append(self.read(item, depth + 1))
        check_hashes(keys)
        return dict(zip(keys, values, strict=True))

    def distinct(self, nodes: Any, depth: int) -> list[Any]:
        """Return items of which a set is to be made."""
        items = self.items(nodes, depth)
        check_hashes(items)
        return items

    def blob(self, index: Any, _depth: int) -> bytes:
        if type(index) is not int or not 0 <= index < len(self.blobs):
            raise SerializationError("malformed: there is no such binary beside the body")
        return bytes(self.blobs[index])

    def own(self, content: Any, _depth: int) -> Any:
        name, inner = _list(content)
        return build_own([name, self.read(inner, 0)], self.types)

    def ref(self, content: Any, _depth: int) -> Any:
        model, pk = _list(content)
        return build_ref([model, self.read(pk, 0)], self.lift)

    def row(self, content: Any, _depth: int) -> Any:
        model, pk, names, values, text, *more = _list(content)
        row = [model, self.read(pk, 0), names, self.items(values, 0), text, *more]
        return build_row(row, self.lift)

    def rows(self, content: Any, _depth: int) -> Any:
        return build_row_set(self.row_set_parts(content, 0), self.lift)

    def row_set_parts(self, content: Any, level: int) -> list[Any]:
        """Return a row set's parts with the values in its columns read, at all levels."""
        model, names, columns, methods, *more = _list(content)
        packed = []
        for column in _list(columns):
            kind, parts, *nulls = _list(column)
            packed.append([kind, self.items(parts, 0), *nulls])
        if len(more) == 2:
            check_level(level)
            more[1] = [self.related_parts(each, level) for each in _list(more[1])]
        return [model, names, packed, methods, *more]

    def related_parts(self, content: Any, level: int) -> list[Any]:
        name, many, listed, rows, places = _list(content)
        return [name, many, listed, self.row_set_parts(rows, level + 1), places]

    def query(self, content: Any, _depth: int) -> Any:
        return build_query(content, self.lift)


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise SerializationError(f"nested more than {MAX_DEPTH} deep")


def _list(content: Any) -> list[Any]:
    if type(content) is not list:
        raise SerializationError("malformed: the content of a tag is not a list")
    return content


def _text(content: Any) -> str:
    if type(content) is not str:
        raise SerializationError("malformed: the content of a tag is not a text")
    return content


def _read_int(_reader: _TreeReader, content: Any, _depth: int) -> int:
    text = _text(content)
    if len(text) > 2 * MAX_INT_BYTES + 1:
        raise SerializationError(f"an integer of more than {MAX_INT_BYTES} bytes")
    return int(text, 16)


def _read_float(_reader: _TreeReader, content: Any, _depth: int) -> float:
    found = _FLOATS.get(content)
    if found is None:
        raise SerializationError("malformed: $float is for nan, inf and -inf")
    return found


_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _read_datetime(_reader: _TreeReader, content: Any, _depth: int) -> dt.datetime:
    text, zone, fold = _list(content)
    moment = dt.datetime.fromisoformat(_text(text))
    return moment.replace(tzinfo=zone_from(zone), fold=fold)


def _read_time(_reader: _TreeReader, content: Any, _depth: int) -> dt.time:
    text, zone, fold = _list(content)
    return dt.time.fromisoformat(_text(text)).replace(tzinfo=zone_from(zone), fold=fold)


def _read_timedelta(_reader: _TreeReader, content: Any, _depth: int) -> dt.timedelta:
    parts = _list(content)
    if len(parts) != 3 or set(map(type, parts)) != {int}:
        raise SerializationError("malformed: $timedelta is days, seconds and microseconds")
    return dt.timedelta(*parts)


def _read_bytes(_reader: _TreeReader, content: Any, _depth: int) -> bytes:
    return b64decode(_text(content), validate=True)


_ATOMS = frozenset({type(None), bool, int, float, str})

_READ: dict[str, Callable[[_TreeReader, Any, int], Any]] = {
    "$int": _read_int,
    "$float": _read_float,
    "$bytes": _read_bytes,
    "$blob": _TreeReader.blob,
    "$tuple": lambda reader, content, depth: tuple(reader.items(content, depth)),
    "$set": lambda reader, content, depth: set(reader.distinct(content, depth)),
    "$frozenset": lambda reader, content, depth: frozenset(reader.distinct(content, depth)),
    "$dict": _TreeReader.dict,
    "$decimal": lambda _reader, content, _depth: decimal_from_text(content),
    "$datetime": _read_datetime,
    "$date": lambda _reader, content, _depth: dt.date.fromisoformat(_text(content)),
    "$time": _read_time,
    "$timedelta": _read_timedelta,
    "$uuid": lambda _reader, content, _depth: UUID(hex=_text(content)),
    "$own": _TreeReader.own,
    "$ref": _TreeReader.ref,
    "$row": _TreeReader.row,
    "$rows": _TreeReader.rows,
    "$query": _TreeReader.query,
}
