"""Operations on querysets: a plan is read, judged, replayed and evaluated.

One evaluation is one query, and one more for each relation that is prefetched.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.db.models.query import ValuesListIterable

from ..exceptions import QueryRefused
from ..plans import MalformedPlan, Plan
from ..plans.expressions import Expression, named_from_wire
from ..protocol.messages import FailureCode
from ..values import RowSet
from .deadlines import deadline
from .failures import Refusal
from .references import referring
from .replay import Query, Replay
from .rows import check_rows, columns, in_batches, single
from .scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..registry import Entry, ExposedModel

LARGEST_CHUNK = 10_000  # rows that ``iterator`` holds at a time, whatever it is asked for


def query(entry: Entry, args: list[Any], scope: Scope) -> Any:
    """Run an operation of a model's ``objects``; ``args`` are the plan, the operation and more."""
    exposed = _owner(entry)
    root = scope.root(exposed)
    return evaluate(exposed, root, args, scope, entry.name)


def evaluate(
    exposed: ExposedModel, root: QuerySet[Any], args: Sequence[Any], scope: Scope, name: str
) -> Any:
    """Run an operation on ``root``, a queryset of this model's instances, refined by a plan."""
    if not 2 <= len(args) <= 3 or not isinstance(args[1], str):
        raise Refusal(FailureCode.MALFORMED, f"{name} takes a plan and an operation.")
    operation = args[1]
    if (len(args) == 3) is not (operation == "aggregate"):
        raise Refusal(FailureCode.MALFORMED, f"{name}: expressions belong to aggregate.")
    plan = read_plan(args[0])
    expressions = _expressions(args[2]) if len(args) == 3 else ()
    with _refusing():
        verdict = exposed.rules(scope.limits).check(plan, operation, expressions)
        scope.admit(exposed, verdict)
        with deadline(scope.deadline, root.db):
            plan, expressions = referring(scope, plan, expressions)
            replay = Replay(scope)
            found = replay.refine(exposed, root, plan, shown=operation in _SHOWING)
            if operation == "aggregate":
                return found.queryset.aggregate(**replay.lift.named(expressions))
            return _operate(exposed, found, plan, operation)


def iterate(entry: Entry, args: list[Any], scope: Scope) -> Iterator[RowSet]:
    """Yield the rows of a plan as row sets, read from the database as they are taken.

    ``args`` are the plan and how many rows each has. The call's time is the time for each of them:
    a stream as a whole has none.
    """
    exposed = _owner(entry)
    return iterate_on(exposed, scope.root(exposed), args, scope, entry.name)


def iterate_on(
    exposed: ExposedModel, root: QuerySet[Any], args: Sequence[Any], scope: Scope, name: str
) -> Iterator[RowSet]:
    """The same for rows of ``root``, a queryset of this model's instances."""
    if len(args) != 2 or type(args[1]) is not int or args[1] < 1:
        raise Refusal(FailureCode.MALFORMED, f"{name} takes a plan and a number of rows.")
    plan, size = read_plan(args[0]), min(args[1], LARGEST_CHUNK)
    with _refusing():
        scope.admit(exposed, exposed.rules(scope.limits).check(plan, "rows"))
        (plan,) = referring(scope, plan)
        found = Replay(scope).refine(exposed, root, plan)
    patience = scope.deadline - time.monotonic()
    opens = True
    with closing(_sets(exposed, found, plan, size)) as sets:
        while True:
            with deadline(time.monotonic() + patience, root.db, opens=opens), _refusing():
                rows = next(sets, None)
            if rows is None:
                return
            yield rows
            opens = False


def _sets(
    exposed: ExposedModel, found: Query, plan: Plan, size: int
) -> Generator[RowSet, None, None]:
    queryset, make = _reading(found, plan)
    count = 0
    rows: Any = queryset[: exposed.max_rows + 1].iterator(size)  # a generator
    with closing(rows):
        while taken := list(islice(rows, size)):
            count += len(taken)
            check_rows(exposed, count)
            yield make(taken)


def manager(entry: Entry, wire: Any, scope: Scope) -> Any:
    """Return what a manager method is called on: a queryset, or a manager rooted at one."""
    exposed = _owner(entry)
    plan = read_plan(wire)
    with _refusing():
        scope.admit(exposed, exposed.rules(scope.limits).check_steps(plan))
        (plan,) = referring(scope, plan)
        queryset = Replay(scope).query(plan, shown=False).queryset
    if hasattr(queryset, entry.attribute):
        return queryset
    found = copy.copy(exposed.model._default_manager)  # noqa: SLF001 - Django's documented API
    found.get_queryset = queryset.all  # type: ignore[method-assign]
    return found


def patience(entry: Entry, scope: Scope) -> AbstractContextManager[None]:
    """Return what ends a manager method at the call's deadline if it changes nothing.

    The rows it works on are those of a plan.
    """
    until = None if entry.effect == "write" else scope.deadline
    return deadline(until, scope.root(_owner(entry)).db)


def read_plan(wire: Any) -> Plan:
    """Return the plan that came; raise the refusal if it is none."""
    return _read(Plan.from_wire, wire)  # type: ignore[no-any-return]


def _expressions(wire: Any) -> tuple[tuple[str, Expression], ...]:
    return _read(named_from_wire, wire)  # type: ignore[no-any-return]


def _read(read: Callable[[Any], Any], wire: Any) -> Any:
    try:
        return read(wire)
    except MalformedPlan as error:
        raise Refusal(FailureCode.MALFORMED, f"The plan cannot be read: {error}.") from error


def _owner(entry: Entry) -> ExposedModel:
    assert entry.owner is not None
    return entry.owner


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except QueryRefused as error:
        if error.call is not None:  # of another project, which code of this one has asked
            raise
        raise Refusal(FailureCode.QUERY_REFUSED, str(error)) from error


# Evaluating

_SHOWING = frozenset({"rows", "get", "first", "last"})


def _operate(exposed: ExposedModel, found: Query, plan: Plan, operation: str) -> Any:
    match operation:
        case "count":
            return found.queryset.count()
        case "exists":
            return found.queryset.exists()
        case "rows":
            queryset, make = _reading(found, plan)
            rows = list(queryset[: exposed.max_rows + 1])
            check_rows(exposed, len(rows))
            return in_batches(make(rows))
    if plan.row is not None:  # get, first or last: the gate knows no others
        row = getattr(found.queryset, operation)()
        return tuple(row) if isinstance(row, tuple) else row
    queryset, make = _reading(found, plan)
    row = getattr(queryset, operation)()
    return None if row is None else single(make([row]))


def _reading(found: Query, plan: Plan) -> tuple[QuerySet[Any], Callable[[list[Any]], RowSet]]:
    """Return a queryset that yields tuples or instances, and what makes a row set of them."""
    queryset, view = found
    query = queryset.query
    if plan.row is not None:
        names = tuple(query.selected or ())
        queryset = queryset.all()
        queryset._iterable_class = ValuesListIterable  # noqa: SLF001
        return queryset, lambda rows: RowSet(None, names, columns(names, rows))
    # A combination may be ordered by any column of its parts, so they must all be there.
    if view.plain and not query.combinator:
        return queryset.prefetch_related(None).values_list(*view.names), view.of_tuples
    view.check_names()
    return queryset, view.of_instances
