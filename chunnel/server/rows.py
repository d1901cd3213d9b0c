"""Row sets: made of tuples, counted, and cut into pieces with the related rows each needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..protocol.messages import FailureCode
from ..values import PK_COLUMN, TEXT_COLUMN, InstanceRow, Related, RowSet
from .failures import Refusal

if TYPE_CHECKING:
    from ..registry import ExposedModel

BATCH = 1_000  # rows of one chunk, and of the largest result that comes as one


class Batches(NamedTuple):
    """More rows than one result holds, to be sent as the chunks of a stream."""

    whole: RowSet
    size: int = BATCH


def in_batches(whole: RowSet) -> RowSet | Batches:
    """Return the rows as they are if they are few enough for one result."""
    return Batches(whole) if length(whole) > BATCH else whole


def length(rows: RowSet) -> int:
    """Return how many rows there are."""
    return len(rows.columns[0]) if rows.columns else 0


def columns(names: Sequence[str], tuples: Sequence[Iterable[Any]]) -> tuple[Sequence[Any], ...]:
    """Return rows as columns.

    What a combination of queries is ordered by stands in its rows too, after what was asked for.
    """
    found: tuple[Sequence[Any], ...] = tuple(zip(*tuples, strict=True))
    return found[: len(names)] or tuple([] for _ in names)


def slices(whole: RowSet, size: int) -> Iterator[RowSet]:
    """Cut a row set into several of at most ``size`` rows."""
    for start in range(0, length(whole), size):
        yield cut(whole, start, start + size)


def cut(whole: RowSet, start: int, stop: int) -> RowSet:
    """Return the rows from ``start`` up to and without ``stop``, with what is related to them."""
    return whole._replace(
        columns=tuple(column[start:stop] for column in whole.columns),
        related=tuple(_placed(each, each.places[start:stop]) for each in whole.related),
    )


def _picked(rows: RowSet, positions: Sequence[int]) -> RowSet:
    return rows._replace(
        columns=tuple([column[each] for each in positions] for column in rows.columns),
        related=tuple(
            _placed(each, [each.places[position] for position in positions])
            for each in rows.related
        ),
    )


def _placed(related: Related, places: Any) -> Related:
    """Return related rows for some of their owners: those of ``places``, each once."""
    moved: dict[int, int] = {}

    def move(place: int) -> int:
        return moved.setdefault(place, len(moved))

    found: Any
    if related.many:
        found = [[move(place) for place in each] for each in places]
    else:
        found = [None if place is None else move(place) for place in places]
    return related._replace(rows=_picked(related.rows, list(moved)), places=found)


def single(rows: RowSet) -> RowSet | InstanceRow:
    """Return a row set of one instance as that, unless other rows came along."""
    if rows.related:
        return rows
    assert rows.model is not None
    found = {name: column[0] for name, column in zip(rows.names, rows.columns, strict=True)}
    pk, text = found.pop(PK_COLUMN), found.pop(TEXT_COLUMN, None)
    names, values = tuple(found), tuple(found.values())
    return InstanceRow(
        rows.model, pk, names, values, text, rows.methods, rows.relations, rows.deferred
    )


def check_rows(exposed: ExposedModel, count: int) -> None:
    """Raise the refusal if there are more rows than one evaluation may return."""
    check_count(exposed.name, count, exposed.max_rows)


def check_count(name: str, count: int, most: int) -> None:
    """Raise the refusal if ``count`` rows of ``name`` are more than ``most``."""
    if count > most:
        raise Refusal(
            FailureCode.TOO_MANY_ROWS,
            f"{name}: the query has more than {most} rows; slice or filter it.",
        )
