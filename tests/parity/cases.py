"""How cases are written: tables of bodies, each a function of the library's models.

A body is given something whose attributes are the models, ``lib.Book``, local or remote, and says
one thing about them; what it returns is evaluated. Unless the table says otherwise, both sides must
give the same value or raise the same error, the remote one with one request and no more statements.

``requests(n, body)`` takes ``n`` requests. ``referring(body)`` fetches an instance and names it in
a second request, for which the server loads it anew, with one statement more. ``told(kind, words,
body)`` is refused by the remote side alone, on purpose, in words that say why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from .normal import Outcome
from .world import Sides

Body = Callable[[Any], Any]


class Case(NamedTuple):
    """A body, how many requests it makes, and what the remote side says on purpose."""

    body: Body
    requests: int = 1
    more: int = 0  # statements
    kind: str | None = None
    words: str = ""


def requests(number: int, body: Body) -> Case:
    """Expect this number of requests."""
    return Case(body, number)


def referring(body: Body, *, requests: int = 2, more: int = 1) -> Case:
    """Expect a second request that names an instance which the first one fetched."""
    return Case(body, requests, more)


def told(kind: str, words: str, body: Body, *, requests: int = 0) -> Case:
    """Expect the remote side to raise this error, with these words in its text."""
    return Case(body, requests, 0, kind, words)


def _parameters(table: Mapping[str, Body | Case], number: int) -> list[Any]:
    return [
        pytest.param(each if isinstance(each, Case) else Case(each, number), id=name)
        for name, each in table.items()
    ]


def reading(table: Mapping[str, Body | Case], *, number: int = 1) -> Callable[..., None]:
    """Return the test of a table whose bodies only read, with ``number`` requests each."""

    @pytest.mark.parametrize("case", _parameters(table, number))
    def test(case: Case, both: Sides) -> None:
        found = both.remote(case.body)
        if case.kind is None:
            local = both.local(case.body)
            _check_same(found, local)
            assert found.statements <= local.statements + case.more
        else:
            _check_told(found, case)
        _check_requests(found, case)

    return test


def writing(table: Mapping[str, Body | Case], *, number: int = 1) -> Callable[..., None]:
    """Return the test of a table whose bodies change rows; what they made of them must agree."""

    @pytest.mark.parametrize("case", _parameters(table, number))
    def test(case: Case, both: Sides) -> None:
        local, found, local_rows, remote_rows = both.changing(case.body)
        if case.kind is None:
            _check_same(found, local)
            assert remote_rows == local_rows
        else:
            _check_told(found, case)
        _check_requests(found, case)

    return test


def _check_same(found: Outcome, local: Outcome) -> None:
    ours, theirs = found.shown(in_order=local.in_order), local.shown(in_order=local.in_order)
    try:
        assert ours == theirs
    except AssertionError as error:
        raise error from found.error or local.error


def _check_told(found: Outcome, case: Case) -> None:
    assert found.error is not None, found.value
    assert type(found.error).__name__ == case.kind, repr(found.error)
    assert re.search(case.words, str(found.error)), str(found.error)


def _check_requests(found: Outcome, case: Case) -> None:
    listed = "\n".join(found.requests)
    assert len(found.requests) == case.requests, f"{listed}\n{found.error!r}"
