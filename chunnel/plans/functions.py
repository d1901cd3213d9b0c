"""What an expression may be made of: closed lists that client, gate and server share.

``FUNCTIONS`` has what a ``Call`` may name. Names are those of Django's classes, and signs stand for
arithmetic; ``x ** y`` is "^" and ``-x`` is ``x * -1``, as Django does it. Arguments are expressions
by position, as Django's class takes them: ``Round("price", precision=2)`` has two. ``Count("*")``
is a Count without arguments.

A function that is not listed does not exist for a peer. What is listed is cheap for one row, and
what it returns is never much larger than what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Signature(NamedTuple):
    """What a function takes: from ``least`` to ``most`` arguments, and options by name.

    ``options`` map a name to the kind of what it holds: "flag", "condition" (a tree), "expression",
    "type" (a FieldType), "trunc" and "extract" (a name of ``TRUNC_PARTS``, ``EXTRACT_PARTS``),
    "zone" (the name of a time zone). ``required`` are the options that must be there.
    """

    name: str
    least: int
    most: int
    options: Mapping[str, str] = MappingProxyType({})
    aggregate: bool = False
    required: tuple[str, ...] = ()


MANY = 100  # arguments, for functions that take any number

FIELD_TYPES = frozenset(
    {
        "BigIntegerField",
        "BooleanField",
        "CharField",
        "DateField",
        "DateTimeField",
        "DecimalField",
        "DurationField",
        "FloatField",
        "IntegerField",
        "SmallIntegerField",
        "TextField",
        "TimeField",
        "UUIDField",
    }
)
"""What a FieldType may name. Only a DecimalField has digits and places, both or neither."""

DATE_PARTS = ("year", "quarter", "month", "week", "day")
TIME_PARTS = ("hour", "minute", "second")

TRUNC_PARTS = (*DATE_PARTS, *TIME_PARTS)
EXTRACT_PARTS = (
    *("year", "iso_year", "quarter", "month", "week", "day", "week_day", "iso_week_day"),
    *TIME_PARTS,
)

PARTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "DateField": frozenset(EXTRACT_PARTS) - frozenset(TIME_PARTS),
        "DateTimeField": frozenset((*EXTRACT_PARTS, "date", "time")),
        "TimeField": frozenset(TIME_PARTS),
    }
)
"""The parts that a path may go on with after a column of this type: ``opened__year``."""

LOOKUPS = frozenset(
    {
        "contains",
        "endswith",
        "exact",
        "gt",
        "gte",
        "icontains",
        "iendswith",
        "iexact",
        "in",
        "isnull",
        "istartswith",
        "lt",
        "lte",
        "range",
        "startswith",
    }
)
"""The lookups of annotations. Fields have those that ``filter_fields`` declares."""


def _signatures() -> Mapping[str, Signature]:
    found: dict[str, Signature] = {}

    def add(names: str, least: int, most: int, required: str = "", **options: str) -> None:
        for name in names.split():
            found[name] = Signature(
                name,
                least,
                most,
                MappingProxyType(options),
                "filter" in options,
                (*required.split(),),
            )

    # Aggregates
    add("Count", 0, 1, distinct="flag", filter="condition")
    add(
        "Sum Avg",
        *(1, 1),
        distinct="flag",
        filter="condition",
        default="expression",
        output_field="type",
    )
    add("Min Max", 1, 1, filter="condition", default="expression", output_field="type")
    add(
        "StdDev Variance",
        *(1, 1),
        sample="flag",
        filter="condition",
        default="expression",
        output_field="type",
    )
    # Arithmetic
    add("+ - * / % ^", 2, 2, output_field="type")
    add("ExpressionWrapper", 1, 1, output_field="type", required="output_field")
    # Comparison and conversion
    add("Coalesce Greatest Least", 2, MANY, output_field="type")
    add("NullIf", 2, 2, output_field="type")
    add("Cast", 1, 1, output_field="type", required="output_field")
    # Texts
    add("Concat", 2, MANY, output_field="type")
    add("Lower Upper Length Trim LTrim RTrim", 1, 1, output_field="type")
    add("Substr", 2, 3, output_field="type")
    add("Left Right StrIndex", 2, 2, output_field="type")
    # Numbers
    add("Abs Ceil Floor", 1, 1, output_field="type")
    add("Round", 1, 2, output_field="type")
    # Dates and times
    add("Now", 0, 0)
    add("Trunc", 1, 1, kind="trunc", tzinfo="zone", output_field="type", required="kind")
    add(
        "TruncYear TruncQuarter TruncMonth TruncWeek TruncDay TruncHour TruncMinute TruncSecond",
        *(1, 1),
        tzinfo="zone",
        output_field="type",
    )
    add("TruncDate TruncTime", 1, 1, tzinfo="zone", output_field="type")
    add(
        "Extract",
        *(1, 1),
        lookup_name="extract",
        tzinfo="zone",
        output_field="type",
        required="lookup_name",
    )
    add(
        "ExtractYear ExtractIsoYear ExtractQuarter ExtractMonth ExtractWeek ExtractDay "
        "ExtractWeekDay ExtractIsoWeekDay ExtractHour ExtractMinute ExtractSecond",
        *(1, 1),
        tzinfo="zone",
        output_field="type",
    )
    return MappingProxyType(found)


FUNCTIONS = _signatures()
