"""Expressions of a plan: what a query computes, as data.

An expression names what it means by short names of a closed list, never by a class, a template or
an import path. Names of functions are those of Django's classes ("Count", "Coalesce"), arithmetic
has its signs ("+"). What a name takes stands in ``functions.FUNCTIONS``.

On the wire an expression is a list that begins with its kind, one of the keys of ``_READERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .malformed import DEEPEST, MalformedPlan

if TYPE_CHECKING:
    from .plan import Plan
    from .tree import Tree


class FieldType(NamedTuple):
    """A type to cast to, by the name of Django's field. A decimal has its digits and places."""

    name: str
    digits: int | None = None
    places: int | None = None


class Literal(NamedTuple):
    """A value as it is: ``Value("x")``."""

    value: Any
    type: FieldType | None = None


class Ref(NamedTuple):
    """A field path or the name of an annotation: ``F("branch__city")``."""

    path: str


class Outer(NamedTuple):
    """A path of the query around a subquery: ``OuterRef("pk")``."""

    path: str


class Call(NamedTuple):
    """A function, an aggregate or a sign of arithmetic, and what it is applied to.

    ``options`` are pairs of a name and a plain value, a FieldType, or, for ``filter``, a tree and,
    for ``default``, an expression.
    """

    name: str
    args: tuple[Expression, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


class Condition(NamedTuple):
    """A condition as a value: ``annotate(rich=Q(balance__gt=10))``."""

    tree: Tree


class Case(NamedTuple):
    """The first of ``whens`` whose condition holds decides, else ``default``."""

    whens: tuple[tuple[Tree, Expression], ...]
    default: Expression | None = None


class Subquery(NamedTuple):
    """Another plan within this one. ``kind`` says what is wanted of its rows.

    "value": the one value of the one row, ``Subquery(…)``. "exists": whether there is any row.
    "rows": all, for ``in``.
    """

    plan: Plan
    kind: str


class Items(NamedTuple):
    """A list that holds expressions, for ``in`` and ``range``."""

    items: tuple[Expression, ...]


class Ordering(NamedTuple):
    """An expression to order by, with its direction and where nulls go: "first", "last", None."""

    expression: Expression
    descending: bool = False
    nulls: str | None = None


Expression: TypeAlias = Literal | Ref | Outer | Call | Condition | Case | Subquery | Items

EXPRESSIONS = (Literal, Ref, Outer, Call, Condition, Case, Subquery, Items)

SUBQUERY_KINDS = ("value", "exists", "rows")


def is_expression(value: Any) -> bool:
    """Say whether ``value`` is an expression of a plan and no plain value."""
    return isinstance(value, EXPRESSIONS)


# To the wire


def expression_to_wire(expression: Expression) -> list[Any]:
    """Return the expression as lists; plain values in it stay what they are."""
    from .tree import tree_to_wire

    match expression:
        case Literal(value, kind):
            return ["value", value, None if kind is None else list(kind)]
        case Ref(path):
            return ["f", path]
        case Outer(path):
            return ["outer", path]
        case Call(name, args, options):
            return [
                "call",
                name,
                [expression_to_wire(each) for each in args],
                [[option, _option_to_wire(option, value)] for option, value in options],
            ]
        case Condition(tree):
            return ["test", tree_to_wire(tree)]
        case Case(whens, default):
            return [
                "case",
                [[tree_to_wire(tree), expression_to_wire(then)] for tree, then in whens],
                None if default is None else expression_to_wire(default),
            ]
        case Subquery(plan, kind):
            return ["query", plan.to_wire(), kind]
        case Items(items):
            return ["list", [expression_to_wire(each) for each in items]]


def _option_to_wire(name: str, value: Any) -> Any:
    from .tree import tree_to_wire

    if name == "filter":
        return tree_to_wire(value)
    if is_expression(value):
        return expression_to_wire(value)
    return list(value) if isinstance(value, FieldType) else value


def ordering_to_wire(ordering: Ordering) -> list[Any]:
    """Return the ordering as a list of three."""
    return [expression_to_wire(ordering.expression), ordering.descending, ordering.nulls]


# From the wire


def expression_from_wire(wire: Any, depth: int = 0) -> Expression:
    """Return the expression that ``expression_to_wire`` described; else raise MalformedPlan."""
    if depth > DEEPEST:
        raise MalformedPlan("expressions nested too deep")
    if not isinstance(wire, list | tuple) or not wire or not isinstance(wire[0], str):
        raise MalformedPlan("an expression is not a list that begins with its kind")
    kind, *rest = wire
    reader = _READERS.get(kind)
    if reader is None:
        raise MalformedPlan(f"no expression is named {kind[:40]!r}")
    number, read = reader
    if len(rest) != number:
        raise MalformedPlan(f"the expression {kind!r} has not {number} parts")
    return read(rest, depth + 1)


def _literal(rest: list[Any], _depth: int) -> Literal:
    value, kind = rest
    return Literal(value, None if kind is None else field_type_from_wire(kind))


def field_type_from_wire(wire: Any) -> FieldType:
    """Return the type that a FieldType as a list describes; else raise MalformedPlan."""
    if not isinstance(wire, list | tuple) or len(wire) != 3 or not isinstance(wire[0], str):
        raise MalformedPlan("a type is not a list of three")
    if not all(number is None or type(number) is int for number in wire[1:]):
        raise MalformedPlan("the digits of a type are not whole numbers")
    return FieldType(*wire)


def _ref(rest: list[Any], _depth: int) -> Ref:
    return Ref(_text(rest[0], "the path of a field"))


def _outer(rest: list[Any], _depth: int) -> Outer:
    return Outer(_text(rest[0], "the path of an outer field"))


def _call(rest: list[Any], depth: int) -> Call:
    name, args, options = rest
    found = []
    for option in _listed(options, "the options of a function"):
        if not isinstance(option, list | tuple) or len(option) != 2:
            raise MalformedPlan("an option of a function is not a pair")
        key = _text(option[0], "the name of an option")
        found.append((key, _option(key, option[1], depth)))
    if len({key for key, _ in found}) != len(found):
        raise MalformedPlan("a function has an option twice")
    return Call(
        _text(name, "the name of a function"),
        tuple(
            expression_from_wire(each, depth)
            for each in _listed(args, "the arguments of a function")
        ),
        tuple(found),
    )


def _option(name: str, wire: Any, depth: int) -> Any:
    from .tree import tree_from_wire

    if name == "filter":
        return tree_from_wire(wire, depth)
    if name == "default":
        return expression_from_wire(wire, depth)
    if name == "output_field":
        return field_type_from_wire(wire)
    if wire is None or type(wire) in {bool, int, str}:
        return wire
    raise MalformedPlan(f"the option {name[:40]!r} holds a {type(wire).__name__}")


def _condition(rest: list[Any], depth: int) -> Condition:
    from .tree import tree_from_wire

    return Condition(tree_from_wire(rest[0], depth))


def _case(rest: list[Any], depth: int) -> Case:
    from .tree import tree_from_wire

    whens, default = rest
    found = []
    for when in _listed(whens, "the branches of a case"):
        if not isinstance(when, list | tuple) or len(when) != 2:
            raise MalformedPlan("a branch of a case is not a pair")
        found.append((tree_from_wire(when[0], depth), expression_from_wire(when[1], depth)))
    return Case(tuple(found), None if default is None else expression_from_wire(default, depth))


def _subquery(rest: list[Any], depth: int) -> Subquery:
    from .plan import Plan

    plan, kind = rest
    if kind not in SUBQUERY_KINDS:
        raise MalformedPlan("a subquery of an unknown kind")
    return Subquery(Plan.from_wire(plan, depth), kind)


def _items(rest: list[Any], depth: int) -> Items:
    return Items(
        tuple(expression_from_wire(each, depth) for each in _listed(rest[0], "a list of values"))
    )


def ordering_from_wire(wire: Any, depth: int = 0) -> Ordering:
    """Return the ordering that ``ordering_to_wire`` described; else raise MalformedPlan."""
    if not isinstance(wire, list | tuple) or len(wire) != 3:
        raise MalformedPlan("an ordering is not a list of three")
    expression, descending, nulls = wire
    if not isinstance(descending, bool) or nulls not in (None, "first", "last"):
        raise MalformedPlan("an ordering without a direction")
    return Ordering(expression_from_wire(expression, depth), descending, nulls)


def named_to_wire(expressions: Mapping[str, Expression]) -> list[Any]:
    """Return named expressions as pairs, in their order."""
    return [[name, expression_to_wire(each)] for name, each in expressions.items()]


def named_from_wire(wire: Any, depth: int = 0) -> tuple[tuple[str, Expression], ...]:
    """Return the pairs that ``named_to_wire`` described; else raise MalformedPlan."""
    found: dict[str, Expression] = {}
    for pair in _listed(wire, "named expressions"):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise MalformedPlan("a named expression is not a pair")
        name = _text(pair[0], "the name of an expression")
        if name in found:
            raise MalformedPlan(f"two expressions are named {name[:40]!r}")
        found[name] = expression_from_wire(pair[1], depth)
    return tuple(found.items())


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise MalformedPlan(f"{what} is not text")
    return value


def _listed(value: Any, what: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise MalformedPlan(f"{what} are not a list")
    return value


_READERS: dict[str, tuple[int, Callable[[list[Any], int], Expression]]] = {
    "value": (2, _literal),
    "f": (1, _ref),
    "outer": (1, _outer),
    "call": (3, _call),
    "test": (1, _condition),
    "case": (2, _case),
    "query": (2, _subquery),
    "list": (1, _items),
}


# Walking


def parts(expression: Expression) -> Iterator[Expression | Tree]:
    """Yield what stands directly within an expression: expressions and trees. Not plans."""
    match expression:
        case Call(_, args, options):
            yield from args
            yield from (
                value for name, value in options if name == "filter" or is_expression(value)
            )
        case Condition(tree):
            yield tree
        case Case(whens, default):
            for tree, then in whens:
                yield tree
                yield then
            if default is not None:
                yield default
        case Items(items):
            yield from items
