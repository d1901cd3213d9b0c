"""From a plan's expressions and conditions to Django's.

The rules:

* A function is a class of the closed table here, by its own name; nothing is imported, looked up or
  formatted by what came over the wire, and there is no way to SQL of one's own.
* A condition is handed over as ``Q((key, value))``, with a connector of our own choosing; what came
  over the wire is never a keyword of ``Q`` or ``filter``.
* A query within is made by who replays plans, rooted at what the call may see.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping
from typing import Any

from django.db import models
from django.db.models import functions as db
from django.db.models.expressions import Combinable, CombinedExpression

from ..exceptions import QueryRefused
from ..plans import (
    Call,
    Case,
    Condition,
    Expression,
    FieldType,
    Holds,
    Items,
    Leaf,
    Literal,
    Ordering,
    Outer,
    Plan,
    Ref,
    Subquery,
    Tree,
    is_expression,
)
from ..values.zones import zone_from

_CONNECTORS = {"and": models.Q.AND, "or": models.Q.OR, "xor": models.Q.XOR}

_FIELDS: Mapping[str, Callable[[], models.Field[Any, Any]]] = {
    cls.__name__: cls
    for cls in (
        models.BigIntegerField,
        models.BooleanField,
        models.CharField,
        models.DateField,
        models.DateTimeField,
        models.DurationField,
        models.FloatField,
        models.IntegerField,
        models.SmallIntegerField,
        models.TextField,
        models.TimeField,
        models.UUIDField,
    )
}


class _Power(CombinedExpression):
    """``x ** y`` that is never a whole number of millions of digits.

    On SQLite it is a function of Django's in Python, which nothing could interrupt.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **_context: Any) -> Any:
        connection.ensure_connection()
        connection.connection.create_function("CHUNNEL_POWER", 2, power, deterministic=True)
        left, left_params = compiler.compile(self.lhs)
        right, right_params = compiler.compile(self.rhs)
        return f"CHUNNEL_POWER({left}, {right})", (*left_params, *right_params)


def power(base: Any, exponent: Any) -> Any:
    """Return ``base ** exponent`` as SQLite would have it; raise OverflowError beyond its range."""
    if base is None or exponent is None:
        return None
    if isinstance(base, int) and isinstance(exponent, int) and exponent > LARGEST_POWER:
        base = float(base)
    return base**exponent


LARGEST_POWER = 63
"""An exponent beyond which a whole number leaves SQLite's range, unless it is -1, 0 or 1."""


def _power(left: Any, right: Any) -> Any:
    return _Power(left, CombinedExpression.POW, right)


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "^": _power,
}

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    cls.__name__: cls
    for cls in (
        models.Count,
        models.Sum,
        models.Avg,
        models.Min,
        models.Max,
        models.StdDev,
        models.Variance,
        models.ExpressionWrapper,
        db.Coalesce,
        db.Greatest,
        db.Least,
        db.NullIf,
        db.Cast,
        db.Concat,
        db.Lower,
        db.Upper,
        db.Length,
        db.Trim,
        db.LTrim,
        db.RTrim,
        db.Substr,
        db.Left,
        db.Right,
        db.StrIndex,
        db.Abs,
        db.Ceil,
        db.Floor,
        db.Round,
        db.Now,
        db.Trunc,
        db.TruncYear,
        db.TruncQuarter,
        db.TruncMonth,
        db.TruncWeek,
        db.TruncDay,
        db.TruncHour,
        db.TruncMinute,
        db.TruncSecond,
        db.TruncDate,
        db.TruncTime,
        db.Extract,
        db.ExtractYear,
        db.ExtractIsoYear,
        db.ExtractQuarter,
        db.ExtractMonth,
        db.ExtractWeek,
        db.ExtractDay,
        db.ExtractWeekDay,
        db.ExtractIsoWeekDay,
        db.ExtractHour,
        db.ExtractMinute,
        db.ExtractSecond,
    )
}

_COUNTING = frozenset({"Left", "Right", "Substr", "Round"})
"""Functions that judge their numbers, which must come to them as numbers."""


class Lift:
    """Makes expressions; ``query`` makes the queryset of a plan within them."""

    def __init__(self, query: Callable[[Plan], models.QuerySet[Any]]):
        self._query = query

    def condition(self, tree: Tree) -> models.Q:
        """Return a condition."""
        if isinstance(tree, Leaf):
            value = self.expression(tree.value) if is_expression(tree.value) else tree.value
            return models.Q((tree.key, value))
        if isinstance(tree, Holds):
            return models.Q(self.expression(tree.expression))
        made = models.Q(*map(self.condition, tree.children), _connector=_CONNECTORS[tree.connector])
        return ~made if tree.negated else made

    def expression(self, expression: Expression) -> Any:
        """Return an expression, or the queryset or list that stands in its place."""
        match expression:
            case Literal(value, kind):
                return models.Value(value, None if kind is None else field(kind))
            case Ref(path):
                return models.F(path)
            case Outer(path):
                return models.OuterRef(path)
            case Call():
                return self._call(expression)
            case Condition(tree):
                return self.condition(tree)
            case Case(whens, default):
                return models.Case(
                    *(
                        models.When(self.condition(tree), then=self.expression(then))
                        for tree, then in whens
                    ),
                    default=None if default is None else self.expression(default),
                )
            case Subquery(plan, kind):
                queryset = self._query(plan)
                if kind == "value":
                    return models.Subquery(queryset)
                return models.Exists(queryset) if kind == "exists" else queryset
            case Items(items):
                return [self.expression(each) for each in items]

    def ordering(self, ordering: Ordering) -> Any:
        """Return an expression to order by."""
        expression = self.expression(ordering.expression)
        if not isinstance(expression, Combinable):
            expression = models.ExpressionWrapper(expression, output_field=models.BooleanField())
        where = {} if ordering.nulls is None else {f"nulls_{ordering.nulls}": True}
        return expression.desc(**where) if ordering.descending else expression.asc(**where)

    def named(self, expressions: tuple[tuple[str, Expression], ...]) -> dict[str, Any]:
        """Return expressions by name."""
        return {name: self.expression(each) for name, each in expressions}

    def _call(self, call: Call) -> Any:
        options = {name: self._option(name, value) for name, value in call.options}
        if call.name in _ARITHMETIC:
            return self._arithmetic(call, options)
        function = _FUNCTIONS.get(call.name)
        if function is None:
            raise QueryRefused(f"No function is named {call.name[:100]!r}.")
        if call.name == "Count" and not call.args:
            return models.Count("*", **options)
        if call.name in _COUNTING:
            first, *rest = call.args
            return function(self.expression(first), *map(self._number, rest), **options)
        return function(*map(self.expression, call.args), **options)

    def _arithmetic(self, call: Call, options: dict[str, Any]) -> Any:
        left, right = map(self.expression, call.args)
        made = _ARITHMETIC[call.name](left, right)
        if options:
            return models.ExpressionWrapper(made, **options)
        return made

    def _number(self, expression: Expression) -> Any:
        if isinstance(expression, Literal) and type(expression.value) is int:
            return expression.value
        return self.expression(expression)

    def _option(self, name: str, value: Any) -> Any:
        if name == "filter":
            return self.condition(value)
        if name == "tzinfo":
            return zone(value)
        if isinstance(value, FieldType):
            return field(value)
        return self.expression(value) if is_expression(value) else value


def field(kind: FieldType) -> models.Field[Any, Any]:
    """Return the field that stands for a type."""
    if kind.name == "DecimalField":
        return models.DecimalField(max_digits=kind.digits, decimal_places=kind.places)
    found = _FIELDS.get(kind.name)
    if found is None:
        raise QueryRefused(f"No type is named {kind.name[:100]!r}.")
    return found()


def zone(name: str | None) -> Any:
    """Return the time zone of this name."""
    if name is not None and not isinstance(name, str):
        raise QueryRefused("A time zone is given by its name.")
    if name == "UTC":
        return datetime.UTC  # as most write it
    try:
        return zone_from(name)
    except ValueError as error:
        raise QueryRefused(f"{str(error).capitalize()}.") from error
