"""Values as JSON for the eyes and the scripts of ``rpccall``, and JSON as arguments.

JSON has fewer types than what travels, so printing loses types and nothing else: exact numbers,
times and keys become text, bytes base64, and a remote instance an object of its key and fields.
What is printed is always valid JSON, so NaN and the infinities are text as well.

Reading has to choose, since one notation stands for two types: a number is a Decimal where the
remote function's signature asks for one, and what JSON readers usually make of it elsewhere.
"""

from __future__ import annotations

import base64
import datetime as dt
import inspect
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..client.models import RemoteInstance
from ..client.querysets import RemoteQuerySet

_NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def to_json(value: Any, indent: int | None = None) -> str:
    """Return ``value`` as JSON; on one line without ``indent``."""
    return json.dumps(to_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def to_plain(value: Any) -> Any:
    """Return ``value`` made of what JSON has. Makes no request."""
    # By type alone: to ask a remote instance for an attribute could mean a method over there.
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return _plain_int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _NON_FINITE[str(value)]
    if isinstance(value, RemoteInstance):
        state = vars(value)
        fields = {name: to_plain(state[name]) for name in state["_fetched"]}
        return {"pk": to_plain(value.pk), **fields}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | dt.timedelta):
        return str(value)
    if isinstance(value, Mapping):
        return {_plain_key(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, RemoteQuerySet | list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    return str(value)  # a type of the project's own


def _plain_int(value: int) -> int | str:
    try:
        int.__repr__(value)
    except ValueError:  # more digits than Python is willing to compute
        return hex(value)
    return value


def _plain_key(key: Any) -> str:
    plain = to_plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


# The other way

Arguments = tuple[list[Any], dict[str, Any]]


def split_arguments(texts: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the texts of positional and of named arguments; ValueError where one comes twice."""
    positional: list[str] = []
    named: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (equals and key.isidentifier()):
            positional.append(text)
        elif key in named:
            raise ValueError(f"The argument {key!r} is given twice.")
        else:
            named[key] = value
    return positional, named


def read_arguments(
    positional: list[str], named: dict[str, str], signature: inspect.Signature
) -> Arguments:
    """Return the values of arguments for a function of this signature.

    Each text is JSON, or else taken as text. Arguments that do not fit the signature are for the
    server to refuse.
    """
    try:
        annotations = _annotations(signature.bind_partial(*positional, **named))
    except TypeError:
        annotations = {}
    return (
        [read_value(text, annotations.get(place, "")) for place, text in enumerate(positional)],
        {key: read_value(text, annotations.get(key, "")) for key, text in named.items()},
    )


def _annotations(bound: inspect.BoundArguments) -> dict[int | str, str]:
    """Return the source of the annotation of each argument, by its place or its name."""
    found: dict[int | str, str] = {}
    parameters = bound.signature.parameters
    place = 0
    for name, value in bound.arguments.items():
        parameter = parameters[name]
        annotation = "" if parameter.annotation is parameter.empty else repr(parameter.annotation)
        found[name] = annotation
        if parameter.kind is parameter.VAR_KEYWORD:
            found.update(dict.fromkeys(value, annotation))
        elif parameter.kind is parameter.VAR_POSITIONAL:
            found.update(dict.fromkeys(range(place, place + len(value)), annotation))
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            found[place] = annotation
            place += 1
    return found


def read_value(text: str, annotation: str = "") -> Any:
    """Return the value of JSON, or ``text`` itself where it is none.

    Numbers are Decimals where ``annotation`` names Decimal; those without a fraction only where it
    does not name int as well.
    """
    types = set(re.findall(r"\w+", annotation))
    exact = "Decimal" in types
    try:
        return json.loads(
            text,
            parse_float=Decimal if exact else None,
            parse_int=Decimal if exact and "int" not in types else None,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
