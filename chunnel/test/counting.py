"""Counting calls: of all threads, because a view under test may call from any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..client.remotes import watchers

_SHOWN = 120  # characters of one call's arguments in a message


class RecordedCall(NamedTuple):
    """A call that was made: alias, name on the wire, arguments."""

    alias: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __str__(self) -> str:
        shown = [repr(arg) for arg in self.args]
        shown += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        text = ", ".join(shown)
        return f"{self.alias}.{self.name}({text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''})"


@contextmanager
def record_calls() -> Iterator[list[RecordedCall]]:
    """Give a list that grows with each call made while the block runs, real or faked."""
    calls: list[RecordedCall] = []

    def watch(alias: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        calls.append(RecordedCall(alias, name, args, dict(kwargs)))

    watchers.append(watch)
    try:
        yield calls
    finally:
        watchers.remove(watch)


@contextmanager
def assertNumRPCs(num: int) -> Iterator[list[RecordedCall]]:  # noqa: N802 - like assertNumQueries
    """Fail unless the block makes exactly ``num`` calls; the message lists those it made."""
    with record_calls() as calls:
        yield calls
    if len(calls) != num:
        listed = "".join(f"\n{place}. {call}" for place, call in enumerate(calls, 1))
        expected = f"{num} call{'' if num == 1 else 's'} expected, {len(calls)} made"
        raise AssertionError(f"{expected}{':' if calls else '.'}{listed}")
