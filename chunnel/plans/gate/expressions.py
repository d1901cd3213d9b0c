"""Judging conditions and expressions, wherever they stand.

Every kind of expression is judged by a function of its own, found by its exact type: what has none
is refused. Each counts as a node, each level as a level, and each name goes to the scope.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ...exceptions import QueryRefused
from ...values.limits import MAX_ZONE_NAME
from ..expressions import (
    Call,
    Case,
    Condition,
    FieldType,
    Items,
    Literal,
    Ordering,
    Outer,
    Ref,
    Subquery,
    is_expression,
)
from ..functions import EXTRACT_PARTS, FIELD_TYPES, FUNCTIONS, TRUNC_PARTS
from ..tree import CONNECTORS, Holds, Leaf, Node
from .scope import Scope
from .tables import legal
from .values import check_document, check_value

ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}")
FLAT = 10  # parts of a text that count as a level: a level has ten frames of Django's
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def judge_tree(scope: Scope, tree: Any, depth: int, joined: set[str]) -> None:
    """Judge a condition. ``joined`` has the relations to many rows that it joined for itself."""
    bill = scope.bill
    bill.enter(depth)
    kind = type(tree)
    if kind is Leaf:
        key, value = tree
        scope.condition(key, joined)
        if is_expression(value):
            _compared(scope, value, depth + 1)
        elif key in scope.table.documents:
            check_document(bill, repr(key), value)
        else:
            check_value(bill, repr(key), value, model=scope.table.led_to(key))
    elif kind is Node:
        if tree.connector not in CONNECTORS:
            raise QueryRefused(f"{bill.model}: conditions are joined by {', '.join(CONNECTORS)}.")
        before = bill.nodes
        for child in tree.children:
            judge_tree(scope, child, depth + 1, joined)
        if tree.connector == "xor":  # most databases have none, so Django writes each child twice
            bill.add_nodes(bill.nodes - before)
    elif kind is Holds:
        judge(scope, tree.expression, depth + 1)
    else:
        raise QueryRefused(f"{bill.model}: {kind.__name__} is no condition.")


def _compared(scope: Scope, value: Any, depth: int) -> None:
    """Judge what a condition compares with: there alone it may be many values."""
    if type(value) is Items:
        scope.bill.check_depth(depth)
        if len(value.items) > scope.bill.limits.query_list:
            scope.bill.over("a list is longer", scope.bill.limits.query_list, "QUERY_LIST")
        for each in value.items:
            judge(scope, each, depth + 1)
    elif type(value) is Subquery and value.kind == "rows":
        scope.bill.enter(depth)
        _judge_within(scope, value, depth)
    else:
        judge(scope, value, depth)


def judge(scope: Scope, expression: Any, depth: int) -> None:
    """Judge an expression that is one value."""
    scope.bill.enter(depth)
    found = _JUDGES.get(type(expression))
    if found is None:
        raise QueryRefused(f"{scope.bill.model}: {type(expression).__name__} is no expression.")
    found(scope, expression, depth)


def judge_named(scope: Scope, expressions: Iterable[tuple[str, Any]], depth: int) -> None:
    """Judge annotations, each of which may use those before it."""
    expressions = tuple(expressions)
    scope.bill.check_names(len(expressions))
    for name, expression in expressions:
        check_name(scope, name, expression)
        before = scope.bill.nodes
        judge(scope, expression, depth)
        scope.named[name] = scope.bill.nodes - before
        scope.unnamed = scope.unnamed or "__" in name


def check_name(scope: Scope, name: str, expression: Any) -> None:
    """Judge the name of an annotation: it becomes a name in SQL and must not hide another."""
    check_plain_name(scope, name, expression)
    if name in scope.table.taken:
        raise QueryRefused(
            f"{scope.table.model} has something of the name {scope.bill.quoted(name)} already; "
            f"choose another for the annotation."
        )


def check_plain_name(scope: Scope, name: str, expression: Any) -> None:
    """Judge a name alone: lower case, and what Django itself would call an aggregate."""
    if len(name) > scope.bill.limits.query_path:
        scope.bill.over("a name is longer", scope.bill.limits.query_path, "QUERY_PATH")
    if not _NAME.fullmatch(name) or ("__" in name and name != own_name(expression)):
        raise QueryRefused(
            f"{scope.table.model}: {scope.bill.quoted(name)} cannot be a name here; names are "
            f"lower_case, without a double underscore."
        )


def own_name(expression: Any) -> str | None:
    """Return what Django calls an aggregate that nobody named: "balance__sum"."""
    if isinstance(expression, Call) and len(expression.args) == 1:
        (argument,) = expression.args
        signature = FUNCTIONS.get(expression.name)
        if signature is not None and signature.aggregate and isinstance(argument, Ref):
            return f"{argument.path}__{expression.name.lower()}"
    return None


def judge_ordering(scope: Scope, names: Iterable[str | Ordering], depth: int) -> None:
    """Judge what a query is ordered by: declared names, and expressions of what may be read."""
    for each in names:
        if isinstance(each, str):
            scope.order(each.removeprefix("-"))
        elif not isinstance(each, Ordering) or each.nulls not in {None, "first", "last"}:
            raise QueryRefused(f"{scope.bill.model}: {type(each).__name__} is no order.")
        elif isinstance(each.expression, Ref) and each.expression.path in scope.table.ordering:
            scope.order(each.expression.path)
        else:
            judge(scope, each.expression, depth)


def judge_type(scope: Scope, kind: Any) -> None:
    """Judge a type to cast to."""
    if not isinstance(kind, FieldType) or kind.name not in FIELD_TYPES:
        shown = kind.name if isinstance(kind, FieldType) else type(kind).__name__
        raise QueryRefused(
            f"{scope.bill.model} does not know the type {scope.bill.quoted(shown)}; "
            f"{legal(sorted(FIELD_TYPES))}."
        )
    if kind.name != "DecimalField":
        if kind.digits is not None or kind.places is not None:
            raise QueryRefused(f"{scope.bill.model}: a {kind.name} has no digits and places.")
    elif kind.digits is None and kind.places is None:
        return
    elif kind.digits is None or kind.places is None or not 0 <= kind.places <= kind.digits:
        raise QueryRefused(
            f"{scope.bill.model}: a DecimalField has digits and no more places than digits."
        )
    elif kind.digits > scope.bill.limits.query_digits:
        scope.bill.over("a type has more digits", scope.bill.limits.query_digits, "QUERY_DIGITS")


# Expressions by their kind


def _literal(scope: Scope, expression: Literal, _depth: int) -> None:
    check_value(scope.bill, "an expression", expression.value)
    if isinstance(expression.value, str | bytes):
        scope.bill.add_text(len(expression.value))
    if expression.type is not None:
        judge_type(scope, expression.type)


def _ref(scope: Scope, expression: Ref, _depth: int) -> None:
    scope.read(expression.path)


def _outer(scope: Scope, expression: Outer, _depth: int) -> None:
    if scope.around is None:
        raise QueryRefused(
            f"{scope.bill.model}: OuterRef({scope.bill.quoted(expression.path)}) stands in no "
            f"subquery."
        )
    scope.around.read(expression.path)


def _condition(scope: Scope, expression: Condition, depth: int) -> None:
    judge_tree(scope, expression.tree, depth + 1, scope.crossed)


def _case(scope: Scope, expression: Case, depth: int) -> None:
    for tree, then in expression.whens:
        judge_tree(scope, tree, depth + 1, scope.crossed)
        judge(scope, then, depth + 1)
    if expression.default is not None:
        judge(scope, expression.default, depth + 1)


def _subquery(scope: Scope, expression: Subquery, depth: int) -> None:
    if expression.kind not in {"value", "exists"}:
        raise QueryRefused(
            f"{scope.bill.model}: many rows stand only in a condition, as in filter(uid__in=…); "
            f"use Subquery or Exists."
        )
    _judge_within(scope, expression, depth)


def _judge_within(scope: Scope, expression: Subquery, depth: int) -> None:
    from .steps import judge_nested

    judge_nested(scope, expression.plan, depth + 1, scope)


def _items(scope: Scope, _expression: Items, _depth: int) -> None:
    raise QueryRefused(
        f"{scope.bill.model}: a list stands only in a condition, as in filter(uid__in=[…])."
    )


def _call(scope: Scope, expression: Call, depth: int) -> None:
    name, args, options = expression
    signature = FUNCTIONS.get(name)
    if signature is None:
        raise QueryRefused(
            f"{scope.bill.model}: no function is named {scope.bill.quoted(name)}; "
            f"{legal(FUNCTIONS)}."
        )
    if not signature.least <= len(args) <= signature.most:
        raise QueryRefused(
            f"{scope.bill.model}: {name} takes from {signature.least} to {signature.most} "
            f"arguments, not {len(args)}."
        )
    deeper = depth + 1
    if name == "Concat":  # which Django makes as deep as it has parts
        deeper += len(args) // FLAT
    for each in args:
        judge(scope, each, deeper)
    for option, value in options:
        kind = signature.options.get(option)
        if kind is None:
            raise QueryRefused(
                f"{scope.bill.model}: {name} has no option {scope.bill.quoted(option)}; "
                f"{legal(signature.options)}."
            )
        _OPTIONS[kind](scope, f"{name}({option}=)", value, depth + 1)
    missing = set(signature.required) - {option for option, _ in options}
    if missing:
        raise QueryRefused(f"{scope.bill.model}: {name} needs {', '.join(sorted(missing))}.")


_JUDGES: dict[type, Callable[[Scope, Any, int], None]] = {
    Literal: _literal,
    Ref: _ref,
    Outer: _outer,
    Call: _call,
    Condition: _condition,
    Case: _case,
    Subquery: _subquery,
    Items: _items,
}


# Options of functions by their kind


def _flag(scope: Scope, place: str, value: Any, _depth: int) -> None:
    if not isinstance(value, bool):
        raise QueryRefused(f"{scope.bill.model}: {place} is True or False.")


def _filter(scope: Scope, _place: str, value: Any, depth: int) -> None:
    judge_tree(scope, value, depth, scope.crossed)


def _default(scope: Scope, _place: str, value: Any, depth: int) -> None:
    judge(scope, value, depth)


def _type(scope: Scope, _place: str, value: Any, _depth: int) -> None:
    judge_type(scope, value)


def check_part(scope: Scope, place: str, value: Any, parts: Iterable[str]) -> None:
    """Judge the name of a part of a date or time."""
    if value not in parts:
        shown = scope.bill.quoted(value) if isinstance(value, str) else type(value).__name__
        raise QueryRefused(f"{scope.bill.model}: {place} cannot be {shown}; {legal(parts)}.")


def check_zone(scope: Scope, place: str, value: Any) -> None:
    """Judge the name of a time zone; whether there is such a zone is seen when it is used."""
    if not isinstance(value, str) or len(value) > MAX_ZONE_NAME or not ZONE.fullmatch(value):
        raise QueryRefused(f"{scope.bill.model}: {place} is the name of a time zone.")


def _trunc(scope: Scope, place: str, value: Any, _depth: int) -> None:
    check_part(scope, place, value, TRUNC_PARTS)


def _extract(scope: Scope, place: str, value: Any, _depth: int) -> None:
    check_part(scope, place, value, EXTRACT_PARTS)


def _zone(scope: Scope, place: str, value: Any, _depth: int) -> None:
    check_zone(scope, place, value)


_OPTIONS: dict[str, Callable[[Scope, str, Any, int], None]] = {
    "flag": _flag,
    "condition": _filter,
    "expression": _default,
    "type": _type,
    "trunc": _trunc,
    "extract": _extract,
    "zone": _zone,
}
