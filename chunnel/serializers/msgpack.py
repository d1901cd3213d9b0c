"""The msgpack serializer, the default.

Rules of this file:

* What msgpack has natively is packed by its C code without a Python call in between: None, bool,
  64-bit int, float, str, bytes, list and dict. ``strict_types`` makes it ask for everything else.
* A scalar of another type is an extension whose payload is its bytes (``extensions``).
* A container of another type, say a tuple, is a map with one entry: the key is an empty extension,
  the *mark*, the value an ordinary array. Nothing is packed inside packed bytes: depth and length
  stay visible to the C code, and nothing is copied once more for each level of nesting. A user's
  own dict cannot be taken for one, since no key of a user becomes an empty extension.
* A packed body shows whether the costly questions need asking at all: whether values nest too deep,
  whether large binaries are among them, whether lengths are lies.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from msgpack import ExtType, Packer, Unpacker, UnpackException, unpackb

from ..exceptions import SerializationError
from ..values import InstanceRef, InstanceRow, QuerySetRef, RowSet, TypeTable
from ..values.columns import pack_column
from ..values.depth import check_depth
from ..values.hashes import check_hashes
from ..values.limits import BLOB_SIZE, MAX_COLLISIONS, MAX_DEPTH
from ..values.nearest import MAX_STEPS, HookFailed, Own, nearer
from ..values.related import pack_places
from .base import Lift, Lower, Packed, Serializer
from .extensions import BLOB, PACK_SCALAR, UNPACK_SCALAR, blob_index, blob_reference
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

TUPLE, SET, FROZENSET, OWN, REF, ROW, ROW_SET, QUERY = range(16, 24)

_FAILURES = (TypeError, ValueError, ArithmeticError, RecursionError, BufferError)
"""What packing raises for a value that cannot travel; SerializationError is a ValueError."""

_MALFORMED = (*_FAILURES, LookupError, struct.error, UnpackException)
"""What unpacking raises for bytes that no serializer made."""

_UNCHECKED_SIZE = 4096
"""Bytes of a body that need no look at its lengths in advance. An array that claims one item for
each byte reserves eight times that, once for each of msgpack's 1,024 levels: 32 MB at this size,
but gigabytes at a megabyte."""

_UNCHECKED_KEYS = 16_384
"""Bytes of a body whose dicts need no look at their keys in advance: so many keys as fit cannot
collide for longer than milliseconds."""

_FEW_ITEMS = 32
"""Items of a list in which a large binary is looked for before packing: ``_has_large_nearby``."""

_LARGE_BINARY = re.compile(rb"\xc6(?:[^\x00]|\x00[^\x00])", re.DOTALL)
"""How a binary of at least 64 KiB begins in a body; other values may look like it by chance."""

_NOT_A_CONTAINER = bytes(range(0x80)) + bytes(range(0xA0, 0xDC)) + bytes(range(0xE0, 0x100))
"""Bytes that begin neither an array nor a map."""


class MsgpackSerializer(Serializer):
    """msgpack with extensions."""

    name: ClassVar[str] = "msgpack"

    def dumps(
        self, value: Any, *, lower: Lower | None = None, roots: Sequence[str] = ("value",)
    ) -> Packed:
        """Pack ``value``; see Serializer."""
        try:
            try:
                if _has_large_nearby(value):
                    return self._dump_detached(value, lower)
                return self._dump(value, lower)
            except _FAILURES as error:
                explained = explain(error, value, self.types, lower, roots)
                raise explained from explained.__cause__
        except HookFailed as failure:
            raised = failure.error
        raise raised

    def loads(self, body: bytes, blobs: Sequence[bytes] = (), *, lift: Lift | None = None) -> Any:
        """Unpack; see Serializer."""
        reader = _Reader(self.types, blobs, lift)
        try:
            if len(body) > _UNCHECKED_SIZE:
                _check_lengths(body)
            # timestamp=3 gives msgpack's own timestamps, which other senders may use, as datetimes.
            large = len(body) > _UNCHECKED_KEYS
            value = unpackb(
                body,
                strict_map_key=False,
                ext_hook=reader.on_extension,
                object_hook=None if large else reader.on_map,
                object_pairs_hook=reader.on_pairs if large else None,
                timestamp=3,
            )
            if reader.marks:
                raise SerializationError("a mark stands outside a map of its own")
            if len(body) > MAX_DEPTH and _may_be_deep(body):
                check_depth(value, keys=_MARK in body)
            return value
        except HookFailed as failure:
            raised = failure.error
        except SerializationError:
            raise
        except _MALFORMED as error:
            raise SerializationError(f"malformed msgpack: {error}") from error
        raise raised

    def _dump(self, value: Any, lower: Lower | None) -> Packed:
        default = partial(_reduce, self.types, lower)
        body: bytes = Packer(default=default, strict_types=True).pack(value)
        if len(body) > MAX_DEPTH:
            if _may_be_deep(body):
                check_depth(value, keys=_MARK in body)
            if len(body) >= BLOB_SIZE and _LARGE_BINARY.search(body) is not None:
                return self._dump_detached(value, lower)
        return Packed(body)

    def _dump_detached(self, value: Any, lower: Lower | None) -> Packed:
        """Pack with large binaries beside the body, which takes Python code for every container."""
        blobs: list[bytes] = []

        def default(value: Any) -> Any:
            return _detach(_reduce(self.types, lower, value), blobs)

        body: bytes = Packer(default=default, strict_types=True).pack(_detach(value, blobs))
        check_depth(value)
        return Packed(body, tuple(blobs))


def _reduce(types: TypeTable, lower: Lower | None, value: Any) -> Any:
    """Return what msgpack packs natively in place of ``value``, at least in its outermost layer."""
    pack = _PACK.get(type(value))
    steps = 0
    while pack is None:
        steps += 1
        if steps > MAX_STEPS:
            raise SerializationError(
                f"it does not become a value that travels in {MAX_STEPS} steps"
            )
        value = nearer(value, types, lower)
        pack = _PACK.get(type(value))
    return pack(value)


def _itself(value: Any) -> Any:
    return value


def _pack_own(value: Own) -> Any:
    check_depth(value.content)
    return {_MARK_OWN: [value.name, value.content]}


def _pack_ref(value: InstanceRef) -> Any:
    check_depth(value.pk)
    return {_MARK_REF: [value.model, value.pk]}


def _pack_row(value: InstanceRow) -> Any:
    check_depth(value.pk)
    values = list(value.values)
    check_depth(values)
    names, methods = list(value.names), list(value.methods)
    parts = [value.model, value.pk, names, values, value.text, methods]
    if value.relations or value.deferred:
        parts.append(relation_parts(value.relations))
    if value.deferred:
        parts.append(list(value.deferred))
    return {_MARK_ROW: parts}


def _pack_row_set(value: RowSet) -> Any:
    return {_MARK_ROW_SET: _row_set_parts(value, 0)}


def _row_set_parts(value: RowSet, level: int) -> list[Any]:
    """Return a row set as an array; those within it have no mark of their own."""
    columns = list(map(pack_column, value.columns))
    parts = [value.model, list(value.names), columns, list(value.methods)]
    if value.relations or value.related or value.deferred:
        check_level(level)
        parts.append(relation_parts(value.relations))
        parts.append(
            [
                [
                    each.name,
                    each.many,
                    each.listed,
                    _row_set_parts(each.rows, level + 1),
                    pack_places(each),
                ]
                for each in value.related
            ]
        )
    if value.deferred:
        parts.append(list(value.deferred))
    return parts


_MARK = b"\xc7\x00"  # what every mark begins with: an extension of no bytes
_MARK_TUPLE, _MARK_SET, _MARK_FROZENSET, _MARK_OWN = (
    ExtType(code, b"") for code in (TUPLE, SET, FROZENSET, OWN)
)
_MARK_REF, _MARK_ROW, _MARK_ROW_SET, _MARK_QUERY = (
    ExtType(code, b"") for code in (REF, ROW, ROW_SET, QUERY)
)

_PACK: dict[type[Any], Callable[[Any], Any]] = {
    type(None): _itself,
    bool: _itself,
    float: _itself,
    str: _itself,
    bytes: _itself,
    bytearray: _itself,
    memoryview: _itself,
    list: _itself,
    dict: _itself,
    **PACK_SCALAR,
    tuple: lambda value: {_MARK_TUPLE: list(value)},
    set: lambda value: {_MARK_SET: list(value)},
    frozenset: lambda value: {_MARK_FROZENSET: list(value)},
    Own: _pack_own,
    InstanceRef: _pack_ref,
    InstanceRow: _pack_row,
    RowSet: _pack_row_set,
    QuerySetRef: lambda value: {_MARK_QUERY: [value.model]},
}


# Large binaries ----------------------------------------------------------------------------------


def _detach(value: Any, blobs: list[bytes]) -> Any:
    """Return ``value`` with references in place of large binaries, which are added to ``blobs``.

    Only what msgpack packs by itself is opened; for the rest it asks, and the answer comes here.
    """
    kind = type(value)
    if kind is list:
        return [_detach(item, blobs) if type(item) in _OPENED else item for item in value]
    if kind is dict:
        return {
            key: _detach(item, blobs) if type(item) in _OPENED else item
            for key, item in value.items()
        }
    if kind in _BINARIES and _size(value) >= BLOB_SIZE:
        blobs.append(bytes(value))
        return blob_reference(len(blobs) - 1)
    return value


def _has_large_nearby(value: Any) -> bool:
    """Say whether a large binary is the value, an item of it, or an item of its items.

    That is where arguments, results and chunks of files have it. Any other is found in the packed
    body, which costs a copy.
    """
    kind = type(value)
    if kind in _BINARIES:
        return _size(value) >= BLOB_SIZE
    if kind is list and len(value) <= _FEW_ITEMS:
        for part in value:
            kind = type(part)
            if kind in _BINARIES:
                if _size(part) >= BLOB_SIZE:
                    return True
            elif (kind is list or kind is dict) and 0 < len(part) <= _FEW_ITEMS:
                for item in part if kind is list else part.values():
                    if type(item) in _BINARIES and _size(item) >= BLOB_SIZE:
                        return True
    return False


def _size(binary: Any) -> int:
    return binary.nbytes if type(binary) is memoryview else len(binary)


_BINARIES = frozenset({bytes, bytearray, memoryview})
_OPENED = _BINARIES | {list, dict}


# Unpacking ---------------------------------------------------------------------------------------


class _Mark:
    """The key of a map that stands for a container; ``build`` makes that from the map's value."""

    __slots__ = ("build",)

    def __init__(self, build: Callable[[_Reader, list[Any]], Any]):
        self.build = build


class _Reader:
    """What unpacking one body needs to know; ``marks`` counts those read and not yet used."""

    __slots__ = ("blobs", "lift", "marks", "types")

    def __init__(self, types: TypeTable, blobs: Sequence[bytes], lift: Lift | None):
        self.types = types
        self.blobs = blobs
        self.lift = lift
        self.marks = 0

    def on_extension(self, code: int, data: bytes) -> Any:
        if not data:
            mark = _MARKS.get(code)
            if mark is not None:
                self.marks += 1
                return mark
        elif code == BLOB:
            return bytes(self.blobs[blob_index(data)])
        unpack = UNPACK_SCALAR.get(code)
        if unpack is None:
            raise SerializationError(f"malformed msgpack: there is no extension {code}")
        return unpack(data)

    def on_pairs(self, pairs: list[tuple[Any, Any]]) -> Any:
        """Make a map whose keys could be too many to be trusted."""
        if len(pairs) > MAX_COLLISIONS:
            check_hashes([key for key, _ in pairs])
        return self.on_map(dict(pairs))

    def on_map(self, value: dict[Any, Any]) -> Any:
        if not self.marks or len(value) != 1:
            return value
        key, content = value.popitem()
        if type(key) is not _Mark:
            value[key] = content
            return value
        self.marks -= 1
        if type(content) is not list:
            raise SerializationError("malformed msgpack: a mark's content is not an array")
        return key.build(self, content)


_MARKS: dict[int, _Mark] = {
    TUPLE: _Mark(lambda _reader, content: tuple(content)),
    SET: _Mark(lambda _reader, content: set(_hashable(content))),
    FROZENSET: _Mark(lambda _reader, content: frozenset(_hashable(content))),
    OWN: _Mark(lambda reader, content: build_own(content, reader.types)),
    REF: _Mark(lambda reader, content: build_ref(content, reader.lift)),
    ROW: _Mark(lambda reader, content: build_row(content, reader.lift)),
    ROW_SET: _Mark(lambda reader, content: build_row_set(content, reader.lift)),
    QUERY: _Mark(lambda reader, content: build_query(content, reader.lift)),
}


def _hashable(content: list[Any]) -> list[Any]:
    check_hashes(content)
    return content


def _check_lengths(body: bytes) -> None:
    """Raise for a body that ends before its values do, without making or reserving any."""
    unpacker = Unpacker(max_buffer_size=len(body))
    unpacker.feed(body)
    unpacker.skip()


def _may_be_deep(body: bytes) -> bool:
    """Say whether there may be more containers than MAX_DEPTH; other bytes count along."""
    return len(body) > _UNCHECKED_SIZE or len(body.translate(None, _NOT_A_CONTAINER)) > MAX_DEPTH
