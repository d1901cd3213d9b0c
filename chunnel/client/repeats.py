"""A warning, in DEBUG, about a request that a line of code makes again and again.

The rules:

* What counts as the same is a line of code, a name over there and the shape of a plan: its steps
  without the values in them. The line is the nearest one of the project's own, or the line of a
  template where a template asked.
* It is counted in each thread or task by itself, and anew for each web request. ``MOST`` times is a
  loop; every line is told once, as long as the process lives.
* Nothing here runs where DEBUG is off.
"""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import threading
import warnings
from collections import Counter, OrderedDict
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import django
from django.core.signals import request_finished, request_started
from django.dispatch import receiver

MOST: Final = 5  # times: rows of the shortest list worth fetching at once
MOST_KINDS: Final = 1_000  # of requests counted in one thread or task, which are then forgotten
MOST_LINES: Final = 1_000  # told and remembered

_WRITING: Final = frozenset(
    {
        "save",
        "delete",
        "relate",
        "create",
        "bulk_create",
        "get_or_create",
        "update_or_create",
        "update",
        "bulk_update",
    }
)

_OURS = str(Path(__file__).parent.parent) + "/"
_FOREIGN = (
    str(Path(django.__file__).parent) + "/",
    *(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)

_lock = threading.Lock()
_counts: WeakKeyDictionary[Any, Counter[Any]] = WeakKeyDictionary()
_told: OrderedDict[Line, None] = OrderedDict()  # lines, the oldest first


class RepeatedRequestWarning(RuntimeWarning):
    """The same request was made again and again by one line of code."""


class Line(NamedTuple):
    """A line of a file: of code, or of a template."""

    file: str
    number: int


def note(alias: str, name: str, args: tuple[Any, ...]) -> None:
    """Count a request that is about to be made; warn if it is the one too many."""
    line = _line()
    key = (line, alias, name, _shape(args[0]) if args and ".objects" in name else None)
    with _lock:
        counts = _counts.setdefault(_owner(), Counter())
        if len(counts) >= MOST_KINDS and key not in counts:
            counts.clear()
        counts[key] += 1
        if counts[key] < MOST or line in _told:
            return
        _told[line] = None
        if len(_told) > MOST_LINES:
            _told.popitem(last=False)
    warnings.warn_explicit(
        f"{line.file}:{line.number} has made the request {alias}.{name} {MOST} times, each for a "
        f"part of what one request could fetch: {_way(name)}.",
        RepeatedRequestWarning,
        line.file,
        line.number,
    )


def forget() -> None:
    """Forget what was counted and told."""
    with _lock:
        _counts.clear()
        _told.clear()


def _renew_lock() -> None:
    """Replace the lock, which a thread of the parent process may have held when it forked."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


@receiver((request_started, request_finished), dispatch_uid="chunnel.client.repeats")
def _begin_anew(**kwargs: Any) -> None:  # noqa: ARG001
    if _counts:
        with _lock:
            _counts.pop(_owner(), None)


def _way(name: str) -> str:
    """Say what to do instead."""
    if name.rpartition(".")[2] in _WRITING:
        return "update(), bulk_update(), bulk_create() and set() write many rows at once"
    if ".objects" in name:
        return (
            "select_related() and prefetch_related() fetch along what instances lead to, "
            'fetch_mode("peers") fetches what is missing for all instances of a result, and '
            "in_bulk() or filter(pk__in=…) many rows by key"
        )
    return "let it take a list, and call it once"


def _owner() -> Any:
    """Return the task or thread that this runs in."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs here
        task = None
    return task or threading.current_thread()


# Lines


def _line() -> Line:
    """Return the line that the request was made by."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    nearest = None
    while frame is not None:
        file = frame.f_code.co_filename
        template = _line_of_template(frame)
        if template is not None:
            return template
        if not file.startswith(_OURS):
            found = Line(file, frame.f_lineno)
            if not file.startswith(_FOREIGN) and not file.startswith("<"):
                return found
            nearest = nearest or found
        frame = frame.f_back
    return nearest or Line("<unknown>", 0)


def _line_of_template(frame: FrameType) -> Line | None:
    """Return the line of the template that is being rendered in ``frame``, if one is."""
    if frame.f_code.co_name != "render_annotated":
        return None
    node = frame.f_locals.get("self")
    number = getattr(getattr(node, "token", None), "lineno", None)
    name = getattr(getattr(node, "origin", None), "name", None)
    return Line(str(name), number) if name and isinstance(number, int) else None


# Shapes


def _shape(wire: Any) -> Any:
    """Return the wire form of a plan or of its parts without the values in it."""
    if isinstance(wire, str):
        return wire
    if not isinstance(wire, list | tuple):
        return type(wire)
    kind = wire[0] if wire and isinstance(wire[0], str) else None
    if kind in _BESIDE:
        return (kind, *map(_shape, wire[1 : _BESIDE[kind]]))
    return tuple(map(_shape, wire))


_BESIDE = {"=": 2, "value": 1, "of": 2}  # where, in a part of a plan, begins what is a value
