"""The parts of a control frame, checked the same way when read and when written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .limits import (
    CALL_ID_SIZE,
    FROZEN,
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_INT,
    MAX_NAME,
    MAX_TOKEN,
    VERSIONS,
)
from .messages import Credit, Kind, Metadata

Fields: TypeAlias = dict[str, Any]

MAGIC: Final = b"\xc1"
"""The first byte of every message, the one byte that no msgpack value contains as a type."""

ABOUT_ALL: Final = frozenset({Kind.HELLO, Kind.WELCOME, Kind.PING, Kind.PONG, Kind.GOAWAY})
"""Kinds about the conversation as a whole, which bear no call id."""

WITH_BODY: Final = frozenset({Kind.CALL, Kind.RESULT, Kind.FAILURE, Kind.CHUNK})
"""Kinds that may have a body."""

FROZEN_KINDS: Final = frozenset({Kind.HELLO, Kind.GOAWAY})
"""Kinds whose layout is the same in all versions."""


def _head(kind: Kind, parts: int) -> bytes:
    return bytes(
        (
            *MAGIC,
            0x90 + parts,  # a list of so many: version, kind, call id, fields, perhaps body
            FROZEN if kind in FROZEN_KINDS else VERSIONS[-1],
            kind,
            *((0xC0,) if kind in ABOUT_ALL else (0xC4, CALL_ID_SIZE)),  # nil, or so many bytes
        )
    )


HEADS: Final[Mapping[Kind, bytes]] = {kind: _head(kind, 4) for kind in Kind}
"""What precedes the call id, or the fields where there is none, in msgpack's shortest form."""

INLINE_HEADS: Final[Mapping[Kind, bytes]] = {kind: _head(kind, 5) for kind in WITH_BODY}
"""The same where the body follows the fields."""

NO_FIELDS: Final = b"\x80"
"""An empty map."""


class Malformed(ValueError):
    """A part of a message is not what it must be; whose error that is, the codec knows."""


def number(value: object, name: str, least: int = 0, most: int = MAX_INT) -> int:
    if type(value) is not int or not least <= value <= most:
        raise Malformed(f"{name} must be an integer from {least} to {most}")
    return value


def text(value: object, name: str, most: int = MAX_NAME) -> str:
    if type(value) is not str or len(value) > most:
        raise Malformed(f"{name} must be a string of at most {most} characters")
    return value


def flag(value: object, name: str) -> bool:
    if type(value) is not bool:
        raise Malformed(f"{name} must be true or false")
    return value


def token(value: object) -> bytes:
    if type(value) is not bytes or len(value) > MAX_TOKEN:
        raise Malformed(f"token must be at most {MAX_TOKEN} bytes")
    return value


def pair(value: Any) -> Credit:
    if type(value) is not list or len(value) != 2:
        raise Malformed("credit must be a list of items and bytes")
    items, size = value
    if type(items) is not int or type(size) is not int:
        raise Malformed("credit must be two integers")
    if not 0 <= items <= MAX_INT or not 0 <= size <= MAX_INT:
        raise Malformed(f"credit must be from 0 to {MAX_INT}")
    return tuple.__new__(Credit, value)  # cheaper than Credit(…), and every call has one


def metadata(value: object) -> Metadata:
    if type(value) is not dict:
        raise Malformed("meta must be a map")
    if len(value) > MAX_ENTRIES:
        raise Malformed(_TOO_LONG)
    for key, item in value.items():
        if type(key) is not str:
            raise Malformed("meta must have strings as keys")
        if type(item) in _CONTAINERS:
            _check_depth(item, MAX_DEPTH - 1)
    return value


_TOO_LONG: Final = f"meta must have at most {MAX_ENTRIES} entries at each level"
_CONTAINERS: Final = frozenset({dict, list, tuple})


def _check_depth(value: Any, levels: int) -> None:
    if levels < 1:
        raise Malformed("meta is nested too deep")
    if len(value) > MAX_ENTRIES:
        raise Malformed(_TOO_LONG)
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise Malformed("meta must have strings as keys")
        value = value.values()
    for item in value:
        if type(item) in _CONTAINERS:
            _check_depth(item, levels - 1)


def strings(value: object, name: str, most: int) -> tuple[str, ...]:
    if type(value) is not list or len(value) > most:
        raise Malformed(f"{name} must be a list of at most {most} strings")
    return tuple(text(item, name) for item in value)
