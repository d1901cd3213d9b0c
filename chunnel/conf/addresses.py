"""URLs and addresses, read without ever repeating a secret.

Of a URL that cannot be read we show scheme, host and port, and only where nothing in it can be a
password or a key. A password may hold any of ``/?#@``: all that stands before an ``@`` may be one.
"""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

from .types import DEFAULT_PORT

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\*)")
_HOST_AND_PORT = re.compile(rf"(?P<host>{_HOST.pattern})?(?::(?P<port>[0-9]{{1,5}}))?")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
_URL = re.compile(r"[a-z][a-z0-9+]*://", re.IGNORECASE)


class AddressError(ValueError):
    """An address that cannot be used; the message holds no part of it that may be secret."""


def shown(url: str) -> str:
    """Return as much of ``url`` as certainly holds no secret; it may be nothing."""
    scheme, separator, rest = url.partition("://")
    if not separator or not _URL.fullmatch(f"{scheme}://"):
        return ""
    if scheme.lower() not in {"zmq", "tcp"} or "@" in rest:
        return f"'{scheme}://…'"
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if all(_HOST_AND_PORT.fullmatch(part) for part in netloc.split(",")):
        return f"'{scheme}://{netloc}'"
    return f"'{scheme}://…'"


def split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the URL
        raise AddressError("is not a URL (are IPv6 addresses in brackets?)") from None
    if "://" not in url or not parts.scheme:
        raise AddressError("has no scheme; write it like 'zmq://127.0.0.1:7070'")
    if "@" in parts.netloc:
        raise AddressError("holds a user name or a password, which no transport takes")
    if parts.fragment or "#" in url:
        raise AddressError("holds a '#'")
    return parts


def _authority(text: str, *, bind: bool) -> str:
    """Return ``host:port`` for the part of a URL that names one endpoint."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise AddressError(
            "names a host or port that cannot be read; write 'host:port', IPv6 in brackets"
        )
    host, port = match["host"], int(match["port"] or DEFAULT_PORT)
    if not host:
        raise AddressError("names no host")
    if host == "*" and not bind:
        raise AddressError("has '*' for a host, which only a server can bind")
    least = 0 if bind else 1
    if not least <= port <= 65535:
        raise AddressError(f"names a port that is not between {least} and 65535")
    return f"{host}:{port}"


def endpoints_of(parts: SplitResult, *, bind: bool = False) -> tuple[str, ...]:
    """Return the addresses that a split URL names, in the form transports take."""
    scheme = parts.scheme
    if scheme in {"zmq", "tcp"}:
        if parts.path not in {"", "/"}:
            raise AddressError("has a path, which a TCP endpoint has not")
        return tuple(f"tcp://{_authority(text, bind=bind)}" for text in parts.netloc.split(","))
    if scheme == "ipc":
        path = parts.netloc + parts.path
        if not path:
            raise AddressError("names no path; write it like 'ipc:///run/economy.sock'")
        return (f"ipc://{path}",)
    if scheme == "memory":
        place = f"{parts.netloc}{parts.path}".rstrip("/")
        return (f"memory://{place or 'local'}",)
    return (f"{scheme}://{parts.netloc}{parts.path}",)  # a transport of the project's own


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def remote_from_url(url: str) -> dict[str, Any]:
    parts = split(url)
    found: dict[str, Any] = {"ENDPOINTS": list(endpoints_of(parts))}
    try:
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise AddressError("has a query that cannot be read; write '?timeout=5&…'") from None
    options: dict[str, Any] = {}
    seen = set()
    for key, text in query:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", key):
            raise AddressError("has a query option whose name is not of the form 'lower_case'")
        if key in seen:
            raise AddressError(f"gives the option {key!r} twice")
        seen.add(key)
        if not text:
            raise AddressError(f"gives the option {key!r} no value")
        if key in {"timeout", "serializer", "balancer", "fetch_mode"}:
            found[key.upper()] = _number(text) if key == "timeout" else text
        else:
            options[key] = _number(text)
    if "TIMEOUT" in found and not is_positive(found["TIMEOUT"]):
        raise AddressError("gives a timeout that is not a number of seconds above 0")
    if options:
        found["OPTIONS"] = options
    return found


def parse_remote_url(url: str) -> dict[str, Any]:
    """Return the entry of CHUNNEL_REMOTES that ``url`` stands for.

    ``zmq://10.0.0.5:7070,[fd00::6]:7070/?timeout=5&serializer=json`` names two endpoints; the port
    is 7070 unless given. The query options ``timeout`` (seconds), ``serializer``, ``balancer`` and
    ``fetch_mode`` become keys of their own, all others go to OPTIONS, numbers as numbers.
    ``ipc:///path`` and ``memory://`` name one endpoint. It serves django-environ as a cast:
    ``env("ECONOMY_RPC", cast=parse_remote_url)``.

    Raise ImproperlyConfigured if the URL cannot be read; the message repeats no part of it that
    could be a password or a key.
    """
    if not isinstance(url, str):
        raise ImproperlyConfigured(f"A remote URL is a string, not {article(type(url).__name__)}.")
    try:
        return remote_from_url(url)
    except AddressError as error:
        subject = f"The remote URL {shown(url)}".rstrip()
        raise ImproperlyConfigured(f"{subject} {error}.") from None


def parse_bind_address(text: str, *, typed: bool = False) -> str:
    """Return the address that a person meant: ``7070``, ``0:7070``, ``[::]:7070`` or a whole URL.

    A port alone is served on 127.0.0.1, as ``runserver`` does, and ``0`` stands for 0.0.0.0. Raise
    ImproperlyConfigured if it cannot be read. With ``typed``, by somebody who sees what it was, the
    message shows more of it.
    """
    given = text
    try:
        if "://" in text:
            parts = split(text)
            if parts.query:
                raise AddressError("has a query; options stand in CHUNNEL_SERVER")
            found = endpoints_of(parts, bind=True)
            if len(found) != 1:
                raise AddressError("names several addresses; give BIND a list of them")
            return found[0]
        if text.isascii() and text.isdigit():
            text = f"127.0.0.1:{text}"
        elif text.startswith("0:"):
            text = f"0.0.0.0:{text[2:]}"
        return f"tcp://{_authority(text, bind=True)}"
    except AddressError as error:
        if typed and "@" not in given:
            culprit = repr(given)
        else:
            culprit = (shown(given) if "://" in given else "") or "given"
        raise ImproperlyConfigured(f"The address {culprit} {error}.") from None


def is_loopback(address: str) -> bool:
    """Say whether only processes of this machine can reach ``address``."""
    scheme, _, rest = address.partition("://")
    if scheme in {"ipc", "memory", "inproc"}:
        return True
    host = rest.rpartition(":")[0].strip("[]").lower()
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def article(noun: str) -> str:
    """Return ``noun`` after its indefinite article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def is_positive(value: object) -> bool:
    """Say whether ``value`` is a finite number above 0."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )
