"""Django's expressions, turned into those of a plan.

The rules:

* An expression is read off Django's own object, by its exact class: a subclass may compute anything
  and travels as nothing. What is not in ``_READERS`` raises NotSupportedError that names it.
* Nothing of it is dropped in silence. Whatever an object was given beyond what a reader takes, be
  it extra arguments or an attribute of its own (``template``, ``function``, ``arity``), is refused
  by name. What Django itself computed and kept on the object is no such thing.
* The order of arguments is Django's own, after its constructor: names of fields are ``F`` by then.
"""

# ruff: noqa: SLF001 - a queryset's clones and those it is joined with are of its own kind

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.db import NotSupportedError, models
from django.db.models import functions as f
from django.db.models import lookups as comparisons
from django.db.models.expressions import (
    CombinedExpression,
    NegatedExpression,
    OrderBy,
    Star,
)
from django.utils.functional import cached_property as cached_property_of_django

from ..plans import (
    Call,
    Case,
    Condition,
    Expression,
    Holds,
    Items,
    Leaf,
    Literal,
    Node,
    Ordering,
    Outer,
    Ref,
    Subquery,
    Tree,
    is_expression,
)
from ..plans.expressions import parts
from ..plans.functions import FUNCTIONS
from . import conditions
from .fieldtypes import field_type, zone_name
from .nested import Nested

if TYPE_CHECKING:
    from .planned import PlannedQuerySet

AGGREGATES: Final = (
    models.Count,
    models.Sum,
    models.Avg,
    models.Min,
    models.Max,
    models.StdDev,
    models.Variance,
)
TRUNCATIONS: Final = (
    f.Trunc, f.TruncYear, f.TruncQuarter, f.TruncMonth, f.TruncWeek, f.TruncDay, f.TruncHour,
    f.TruncMinute, f.TruncSecond, f.TruncDate, f.TruncTime,
)  # fmt: skip
EXTRACTIONS: Final = (
    f.Extract, f.ExtractYear, f.ExtractIsoYear, f.ExtractQuarter, f.ExtractMonth, f.ExtractWeek,
    f.ExtractDay, f.ExtractWeekDay, f.ExtractIsoWeekDay, f.ExtractHour, f.ExtractMinute,
    f.ExtractSecond,
)  # fmt: skip
PLAIN_FUNCTIONS: Final = (
    f.Coalesce, f.Lower, f.Upper, f.Length, f.Now, f.Greatest, f.Least, f.NullIf, f.Abs, f.Round,
    f.Ceil, f.Floor, f.Trim, f.LTrim, f.RTrim, f.Substr, f.Left, f.Right, f.StrIndex,
)  # fmt: skip
COMPARISONS: Final = (
    comparisons.Exact, comparisons.IExact, comparisons.GreaterThan, comparisons.GreaterThanOrEqual,
    comparisons.LessThan, comparisons.LessThanOrEqual, comparisons.In, comparisons.IsNull,
    comparisons.Range, comparisons.Contains, comparisons.IContains, comparisons.StartsWith,
    comparisons.IStartsWith, comparisons.EndsWith, comparisons.IEndsWith,
)  # fmt: skip

_ARITHMETIC = {"+": "+", "-": "-", "*": "*", "/": "/", "%%": "%", "^": "^"}
_SAMPLES = {"STDDEV_SAMP": True, "STDDEV_POP": False, "VAR_SAMP": True, "VAR_POP": False}
_BOOKKEEPING = frozenset({"_constructor_args", "extra", "is_summary"})  # on every expression


class Lifter:
    """Reads expressions for one remote. ``outer`` becomes true where one names an outer query."""

    def __init__(self, alias: str):
        self.alias = alias
        self.outer = False

    # What methods of querysets take

    def condition(self, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Tree:
        """Return the condition of a filter."""
        return conditions.condition(args, kwargs, self)

    def named(self, expressions: Mapping[str, Any]) -> tuple[tuple[str, Expression], ...]:
        """Return named expressions in their order."""
        return tuple((name, self.expression(each)) for name, each in expressions.items())

    def changes(self, values: Mapping[str, Any]) -> dict[str, Expression]:
        """Return what to set columns to: expressions, plain values among them."""
        return {name: self.valued(value) for name, value in values.items()}

    def ordering(self, value: Any) -> str | Ordering:
        """Return one thing to order by: a name, or an expression with its direction."""
        if isinstance(value, str):
            return str.__str__(value)
        if type(value) is OrderBy:
            self._check_state(value, "nulls_first", "nulls_last", "descending", "expression")
            nulls = "first" if value.nulls_first else "last" if value.nulls_last else None
            return Ordering(self.expression(value.expression), bool(value.descending), nulls)
        return Ordering(self.expression(value))

    def nested(self, value: Any) -> Subquery | None:
        """Return the subquery that a remote queryset becomes; None for anything else."""
        from .planned import PlannedQuerySet

        if isinstance(value, PlannedQuerySet) and not value._came_evaluated:
            return self._subquery(value, "rows")
        return None

    def valued(self, value: Any) -> Expression:
        """Return an expression for a value that need be none yet."""
        found = conditions.compared(value, self)
        return found if is_expression(found) else Literal(found)

    def holds(self, value: Any) -> Tree:
        """Return the condition that an expression is by itself."""
        found = self.expression(value)
        return found.tree if isinstance(found, Condition) else Holds(found)

    # Expressions

    def expression(self, value: Any) -> Expression:
        """Return the expression of a plan; raise NotSupportedError that names what has none."""
        reader = _READERS.get(type(value))
        if reader is None:
            raise NotSupportedError(_unknown(value))
        return reader(self, value)

    def _check_state(self, value: Any, *known: str) -> None:
        """Refuse what ``value`` was given beyond ``known``."""
        kind = type(value)
        for name, given in vars(value).items():
            kept = inspect.getattr_static(kind, name, None)
            if name in known or name in _BOOKKEEPING or _is_default(kept, given):
                continue  # a later Django sets what its class has: ``template`` of a Subquery
            if name != "output_field" and isinstance(
                kept, cached_property | cached_property_of_django
            ):
                continue  # what Django found out and kept
            raise NotSupportedError(
                f"{kind.__name__} with {name!r} set on it is not supported by remote querysets."
            )
        extra = vars(value).get("extra")
        if extra:
            named = ", ".join(f"{name}=" for name in sorted(extra))
            raise NotSupportedError(
                f"{kind.__name__} with {named} is not supported by remote querysets."
            )

    def _typed(self, value: Any, made: Expression) -> Expression:
        """Return ``made`` with the type that ``value`` was given, if it was."""
        kind = vars(value).get("output_field")
        if kind is None:
            return made
        return Call("ExpressionWrapper", (made,), (("output_field", field_type(kind)),))

    def _ref(self, value: Any) -> Expression:
        self._check_state(value, "name")
        return Ref(_path(value))

    def _outer(self, value: Any) -> Expression:
        self._check_state(value, "name")
        self.outer = True
        return Outer(_path(value))

    def _literal(self, value: Any) -> Expression:
        self._check_state(value, "value", "output_field")
        kind = vars(value).get("output_field")
        found = conditions.plain(value.value, self)
        return Literal(found, None if kind is None else field_type(kind))

    def _q(self, value: Any) -> Expression:
        return Condition(conditions.tree(value, self))

    def _combined(self, value: Any) -> Expression:
        self._check_state(value, "connector", "lhs", "rhs", "output_field")
        sign = _ARITHMETIC.get(value.connector)
        if sign is None:
            raise NotSupportedError(
                f"The operator {value.connector!r} is not supported by remote querysets."
            )
        kind = vars(value).get("output_field")
        options = _options(output_field=kind and field_type(kind))
        args = (self.expression(value.lhs), self.expression(value.rhs))
        return Call(sign, args, tuple(options))

    def _function(self, value: Any, *known: str) -> tuple[str, tuple[Expression, ...], list[Any]]:
        self._check_state(value, "source_expressions", "output_field", *known)
        name = type(value).__name__
        sources = value.source_expressions
        args = tuple(self.expression(each) for each in sources if type(each) is not Star)
        kind = vars(value).get("output_field")
        takes = FUNCTIONS["Concat" if name == "ConcatPair" else name].options
        if kind is not None and "output_field" not in takes:
            raise NotSupportedError(
                f"{name} with output_field= is not supported by remote querysets."
            )
        return name, args, _options(output_field=kind and field_type(kind))

    def _plain_function(self, value: Any) -> Expression:
        name, args, options = self._function(value)
        return Call(name, args, tuple(options))

    def _cast(self, value: Any) -> Expression:
        kind = vars(value)["output_field"]
        if type(kind) is models.CharField and kind.max_length is not None:
            raise NotSupportedError(
                "Cast to a CharField with max_length is not supported by remote querysets."
            )
        return self._plain_function(value)

    def _concat(self, value: Any) -> Expression:
        """Return one call with all parts, which Django holds in pairs."""
        _, args, options = self._function(value)
        parts = tuple(
            part
            for each in args
            for part in (
                each.args
                if isinstance(each, Call)
                and each.name == "Concat"
                and each.options == tuple(options)
                else (each,)
            )
        )
        return Call("Concat", parts, tuple(options))

    def _truncation(self, value: Any) -> Expression:
        name, args, options = self._function(value, "kind", "tzinfo")
        given = vars(value).get("kind")
        if given is not None and type(value) is not f.Trunc:
            raise NotSupportedError(
                f"{name} with 'kind' set on it is not supported by remote querysets."
            )
        options += _options(kind=given, tzinfo=value.tzinfo and zone_name(value.tzinfo))
        return Call(name, args, tuple(options))

    def _extraction(self, value: Any) -> Expression:
        name, args, options = self._function(value, "lookup_name", "tzinfo")
        given = vars(value).get("lookup_name")
        if given is not None and type(value) is not f.Extract:
            raise NotSupportedError(
                f"{name} with 'lookup_name' set on it is not supported by remote querysets."
            )
        options += _options(lookup_name=given, tzinfo=value.tzinfo and zone_name(value.tzinfo))
        return Call(name, args, tuple(options))

    def _aggregate(self, value: Any) -> Expression:
        measured = type(value) in {models.StdDev, models.Variance}
        known = ("distinct", "filter", "default", *(("function",) if measured else ()))
        name, args, options = self._function(value, *known, *_unset(value, "order_by"))
        if value.distinct:
            options += _options(distinct=True)
        if value.filter is not None:
            options += _options(filter=conditions.tree(_unwrapped(value.filter), self))
        if value.default is not None:
            options += _options(default=self.valued(value.default))
        if measured:
            sample = _SAMPLES.get(value.function)
            if sample is None:
                raise NotSupportedError(
                    f"{name} with 'function' set on it is not supported by remote querysets."
                )
            options += _options(sample=sample or None)
        return Call(name, args, tuple(options))

    def _case(self, value: Any) -> Expression:
        self._check_state(value, "cases", "default", "output_field")
        whens = []
        for when in value.cases:
            if type(when) is not models.When:
                raise NotSupportedError(_unknown(when))
            self._check_state(when, "condition", "result")
            whens.append(
                (conditions.tree(when.condition, self), self.expression(when.result)),
            )
        default = value.default
        none = type(default) is models.Value and default.value is None
        made = Case(tuple(whens), None if none else self.expression(default))
        return self._typed(value, made)

    def _wrapper(self, value: Any) -> Expression:
        self._check_state(value, "expression", "output_field")
        inner = self.expression(value.expression)
        kind = field_type(vars(value)["output_field"])
        if isinstance(inner, Condition) and kind.name == "BooleanField":
            return inner
        return Call("ExpressionWrapper", (inner,), (("output_field", kind),))

    def _negated(self, value: Any) -> Expression:
        self._check_state(value, "expression", "output_field")
        return Condition(Node("and", True, (self.holds(value.expression),)))

    def _comparison(self, value: Any) -> Expression:
        self._check_state(value, "lhs", "rhs", "bilateral_transforms", "output_field")
        if type(value.lhs) is not models.F:
            raise NotSupportedError(
                f"{type(value).__name__} of {type(value.lhs).__name__} is not supported by remote "
                f"querysets; annotate() it and compare by its name."
            )
        key = f"{_path(value.lhs)}__{value.lookup_name}"
        return Condition(Leaf(key, conditions.compared(value.rhs, self)))

    def _query(self, value: Any) -> Expression:
        self._check_state(value, "query", "output_field")
        if not isinstance(value.query, Nested):
            raise ValueError(  # noqa: TRY004 - as Django's, of querysets of two databases
                f"{type(value).__name__} holds a queryset of this project, which {self.alias} "
                f"cannot run; list() fetches its values."
            )
        kind = "exists" if type(value) is models.Exists else "value"
        made = self._subquery(value.query.queryset, kind)
        return self._typed(value, made)

    def _subquery(self, queryset: PlannedQuerySet, kind: str) -> Subquery:
        alias = queryset.model._chunnel_alias
        if alias != self.alias:
            raise ValueError(
                f"Subqueries aren't allowed across different projects: the inner query is of "
                f"{alias}, the outer one of {self.alias}. Force the inner query to be evaluated "
                f"using `list(inner_query)`."
            )
        return Subquery(queryset._nested_plan(), kind)


_READERS: dict[type[Any], Callable[[Lifter, Any], Expression]] = {
    models.F: Lifter._ref,
    models.OuterRef: Lifter._outer,
    models.Value: Lifter._literal,
    models.Q: Lifter._q,
    models.Case: Lifter._case,
    models.Subquery: Lifter._query,
    models.Exists: Lifter._query,
    models.ExpressionWrapper: Lifter._wrapper,
    NegatedExpression: Lifter._negated,
    CombinedExpression: Lifter._combined,
    f.Cast: Lifter._cast,
    f.Concat: Lifter._concat,
    f.ConcatPair: Lifter._concat,
    **dict.fromkeys(AGGREGATES, Lifter._aggregate),
    **dict.fromkeys(TRUNCATIONS, Lifter._truncation),
    **dict.fromkeys(EXTRACTIONS, Lifter._extraction),
    **dict.fromkeys(PLAIN_FUNCTIONS, Lifter._plain_function),
    **dict.fromkeys(COMPARISONS, Lifter._comparison),
}


def aggregates(expression: Any, names: Collection[str] = ()) -> bool:
    """Say whether an expression of a plan has an aggregate in it.

    ``names`` are annotations that have one. What stands in a subquery is that query's own.
    """
    match expression:
        case Call(name) if FUNCTIONS[name].aggregate:
            return True
        case Ref(path):
            return path in names
        case Leaf(key, value):
            return key.partition("__")[0] in names or aggregates(value, names)
        case Node(_, _, children):
            return any(aggregates(each, names) for each in children)
        case Holds(inner):
            return aggregates(inner, names)
        case Call() | Condition() | Case() | Items():
            return any(aggregates(each, names) for each in parts(expression))
    return False


def default_alias(expression: Any, kind: str) -> str:
    """Return the name that an aggregate without one gets; raise TypeError where it gets none."""
    try:
        found: str = expression.default_alias
    except (AttributeError, TypeError):
        raise TypeError(f"Complex {kind} require an alias") from None
    return found


def _path(value: Any) -> str:
    if not isinstance(value.name, str):
        raise NotSupportedError(
            f"{type(value).__name__} of {type(value.name).__name__} is not supported by remote "
            f"querysets."
        )
    return str.__str__(value.name)


def _options(**given: Any) -> list[Any]:
    return [(name, value) for name, value in given.items() if value is not None]


def _unset(value: Any, *names: str) -> tuple[str, ...]:
    """Return those of ``names`` that ``value`` was not given, so that nothing of them is lost."""
    return tuple(name for name in names if vars(value).get(name) is None)


def _unwrapped(condition: Any) -> Any:
    """Return the condition of an aggregate, which later Djangos wrap."""
    if type(condition).__name__ == "AggregateFilter":
        return condition.get_source_expressions()[0]
    return condition


def _unknown(value: Any) -> str:
    kind = type(value)
    for base in kind.__mro__[1:]:
        if base in _READERS:
            return (
                f"{kind.__name__} is not supported by remote querysets: it is not Django's own "
                f"{base.__name__}."
            )
    return f"{kind.__name__} is not supported by remote querysets."


def _is_default(kept: Any, given: Any) -> bool:
    """Say whether an attribute is what its class has, be it a copy that was unpickled."""
    return kept is given is not None or (type(kept) is str is type(given) and kept == given)
