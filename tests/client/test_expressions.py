"""Expressions: Django's own, as data."""

from __future__ import annotations

import datetime
import zoneinfo
from decimal import Decimal
from typing import Any

import pytest
from django.db import NotSupportedError, models
from django.db.models import (
    Avg,
    BooleanField,
    Case,
    CharField,
    Count,
    DateField,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    Variance,
    When,
    Window,
)
from django.db.models import functions as f
from django.db.models.expressions import RawSQL
from django.db.models.lookups import GreaterThan, IsNull

from chunnel import remote
from chunnel.client.classes import remote_class
from chunnel.client.expressions import Lifter, default_alias
from chunnel.plans import (
    Call,
    Condition,
    FieldType,
    Holds,
    Leaf,
    Literal,
    Node,
    Ordering,
    Outer,
    Plan,
    Ref,
    Slice,
)
from chunnel.plans import Case as PlanCase
from chunnel.plans import Subquery as PlanSubquery
from chunnel.plans.expressions import expression_from_wire, expression_to_wire
from chunnel.plans.functions import FUNCTIONS
from tests.apps.bank.models import Account as Local

Account = remote.economy.money.Account
Abroad = remote_class("lab", "money", "Account")  # of a remote that no settings have
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
a, b, c = Ref("a"), Ref("b"), Ref("c")
ONE = Literal(1)
WHEN = Node("and", False, (Leaf("a", 1),))
INTEGER = ("output_field", FieldType("IntegerField"))


def lifted(value: Any) -> Any:
    return Lifter("economy").expression(value)


@pytest.mark.parametrize(
    ("expression", "as_data"),
    [
        (F("a"), a),
        (F("a__b"), Ref("a__b")),
        (OuterRef("pk"), Outer("pk")),
        (Value(1), ONE),
        (Value(None), Literal(None)),
        (Value("x", output_field=CharField()), Literal("x", FieldType("CharField"))),
        (Value("x", output_field=CharField(max_length=3)), Literal("x", FieldType("CharField"))),
        (F("a") + 1, Call("+", (a, ONE))),
        (1 - F("a"), Call("-", (ONE, a))),
        (F("a") * F("b"), Call("*", (a, b))),
        (F("a") / 1, Call("/", (a, ONE))),
        (F("a") % 1, Call("%", (a, ONE))),
        (F("a") ** 1, Call("^", (a, ONE))),
        (-F("a"), Call("*", (a, Literal(-1)))),
        (
            F("a") + datetime.timedelta(1),
            Call("+", (a, Literal(datetime.timedelta(1)))),
        ),
        (Count("a"), Call("Count", (a,))),
        (Count("*"), Call("Count")),
        (Count("a", distinct=True), Call("Count", (a,), (("distinct", True),))),
        (Count("a", filter=Q(a=1)), Call("Count", (a,), (("filter", WHEN),))),
        (
            Sum(F("a") * F("b"), output_field=IntegerField(), default=1),
            Call("Sum", (Call("*", (a, b)),), (INTEGER, ("default", ONE))),
        ),
        (Avg("a", distinct=True, default=Value(1)),
         Call("Avg", (a,), (("distinct", True), ("default", ONE)))),
        (Min("a"), Call("Min", (a,))),
        (Max("a", filter=Exists(Account.objects.all())),
         Call("Max", (a,), (("filter", Holds(PlanSubquery(Plan("money.Account"), "exists"))),))),
        (StdDev("a"), Call("StdDev", (a,))),
        (Variance("a", sample=True), Call("Variance", (a,), (("sample", True),))),
        (f.Coalesce("a", "b", 1), Call("Coalesce", (a, b, ONE))),
        (f.Coalesce("a", 1, output_field=IntegerField()), Call("Coalesce", (a, ONE), (INTEGER,))),
        (f.Concat("a", Value(1), "c"), Call("Concat", (a, ONE, c))),
        (f.Concat("a", "b", "c", output_field=CharField()),
         Call("Concat", (a, b, c), (("output_field", FieldType("CharField")),))),
        (f.ConcatPair("a", "b"), Call("Concat", (a, b))),
        (f.Lower("a"), Call("Lower", (a,))),
        (f.Upper(f.Trim("a")), Call("Upper", (Call("Trim", (a,)),))),
        (f.Length("a"), Call("Length", (a,))),
        (f.Now(), Call("Now")),
        (f.Round("a", precision=1), Call("Round", (a, ONE))),
        (f.Substr("a", 1, 1), Call("Substr", (a, ONE, ONE))),
        (f.Left("a", 1), Call("Left", (a, ONE))),
        (f.Right("a", 1), Call("Right", (a, ONE))),
        (f.StrIndex("a", Value(1)), Call("StrIndex", (a, ONE))),
        (f.Greatest("a", "b"), Call("Greatest", (a, b))),
        (f.Least("a", "b"), Call("Least", (a, b))),
        (f.NullIf("a", "b"), Call("NullIf", (a, b))),
        (f.Abs("a"), Call("Abs", (a,))),
        (f.Trunc("a", "month"), Call("Trunc", (a,), (("kind", "month"),))),
        (f.TruncMonth("a"), Call("TruncMonth", (a,))),
        (f.TruncDate("a", tzinfo=BERLIN), Call("TruncDate", (a,), (("tzinfo", "Europe/Berlin"),))),
        (f.TruncDay("a", output_field=DateField()),
         Call("TruncDay", (a,), (("output_field", FieldType("DateField")),))),
        (f.Extract("a", "year"), Call("Extract", (a,), (("lookup_name", "year"),))),
        (f.ExtractYear("a"), Call("ExtractYear", (a,))),
        (f.ExtractHour("a", tzinfo=datetime.UTC), Call("ExtractHour", (a,), (("tzinfo", "UTC"),))),
        (f.Cast("a", IntegerField()), Call("Cast", (a,), (INTEGER,))),
        (
            f.Cast("a", models.UUIDField()),
            Call("Cast", (a,), (("output_field", FieldType("UUIDField")),)),
        ),
        (f.Cast("a", DecimalField(max_digits=5, decimal_places=2)),
         Call("Cast", (a,), (("output_field", FieldType("DecimalField", 5, 2)),))),
        (Q(a=1), Condition(WHEN)),
        (~Q(a=1), Condition(Node("and", True, (Leaf("a", 1),)))),
        (Case(When(a=1, then=1)), PlanCase(((WHEN, ONE),))),
        (Case(When(Q(a=1), then="b"), default="c"), PlanCase(((WHEN, b),), c)),
        (Case(When(a=1, then=1), output_field=IntegerField()),
         Call("ExpressionWrapper", (PlanCase(((WHEN, ONE),)),), (INTEGER,))),
        (ExpressionWrapper(F("a") / 1, output_field=IntegerField()),
         Call("ExpressionWrapper", (Call("/", (a, ONE)),), (INTEGER,))),
        (ExpressionWrapper(Q(a=1), output_field=BooleanField()), Condition(WHEN)),
        (GreaterThan(F("a"), F("b")), Condition(Leaf("a__gt", b))),
        (IsNull(F("a"), True), Condition(Leaf("a__isnull", True))),
        (Subquery(Account.objects.all()[:1]),
         PlanSubquery(Plan("money.Account", (Slice(0, 1),)), "value")),
        (Subquery(Account.objects.all(), output_field=IntegerField()),
         Call("ExpressionWrapper", (PlanSubquery(Plan("money.Account"), "value"),), (INTEGER,))),
        (Exists(Account.objects.all()), PlanSubquery(Plan("money.Account"), "exists")),
        (~Exists(Account.objects.all()),
         Condition(Node("and", True, (Holds(PlanSubquery(Plan("money.Account"), "exists")),)))),
        (f.Coalesce(Subquery(Account.objects.all()) + 1, 1),
         Call("Coalesce", (Call("+", (PlanSubquery(Plan("money.Account"), "value"), ONE)), ONE))),
    ],
    ids=str,
)  # fmt: skip
def test_expressions(expression: Any, as_data: Any) -> None:
    """Each becomes what it means, which travels and comes back the same."""
    found = lifted(expression)
    assert found == as_data
    assert type(found) is type(as_data)
    assert expression_from_wire(expression_to_wire(found)) == found


def test_every_function_is_read() -> None:
    """What the gate knows by the name of a class is what is read of Django's classes."""
    from chunnel.client.expressions import _READERS

    names = {each.__name__ for each in _READERS} - {"ConcatPair"}
    assert {name for name in FUNCTIONS if name[0].isalpha()} <= names


class OwnLower(f.Lower):
    pass


class OwnF(F):
    pass


def _set(expression: Any, name: str, value: Any) -> Any:
    setattr(expression, name, value)
    return expression


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        (Func("a", function="SLEEP"), "Func is not"),
        (RawSQL("1", ()), "RawSQL is not"),
        (Window(Count("a")), "Window is not"),
        (f.MD5("a"), "MD5 is not"),
        (f.Random(), "Random is not"),
        (f.Replace("a", Value("b")), "Replace is not"),
        (OwnLower("a"), "OwnLower.*not Django's own Lower"),
        (OwnF("a"), "OwnF.*not Django's own F"),
        (f.Lower("a", function="EVIL"), "Lower with function="),
        (f.Lower("a", template="EVIL"), "Lower with template="),
        (Count("a", template="EVIL"), "Count with template="),
        (_set(f.Lower("a"), "template", "EVIL"), "'template' set"),
        (_set(f.Lower("a"), "function", "EVIL"), "'function' set"),
        (_set(f.Lower("a"), "arity", 3), "'arity' set"),
        (_set(f.TruncYear("a"), "kind", "day"), "'kind' set"),
        (_set(f.ExtractYear("a"), "lookup_name", "day"), "'lookup_name' set"),
        (_set(StdDev("a"), "function", "EVIL"), "'function' set"),
        (_set(F("a"), "x", 1), "'x' set"),
        (_set(Case(When(a=1, then=1)), "template", "EVIL"), "'template' set"),
        (Subquery(Account.objects.all(), template="EVIL"), "Subquery with '?template"),
        (Case(When(a=1, then=1), function="EVIL"), "Case with function="),
        (F("a").bitand(1), "operator '&'"),
        (F("a")[:3], "Sliced is not"),
        (OuterRef(OuterRef("a")), "OuterRef of OuterRef"),
        (Count("a", output_field=IntegerField()), "Count with output_field="),
        (f.Cast("a", models.JSONField()), "type JSONField"),
        (f.Cast("a", CharField(max_length=3)), "max_length"),
        (f.Cast("a", CharField(db_collation="x")), "db_collation"),
        (f.TruncYear("a", tzinfo=datetime.timezone(datetime.timedelta(hours=1))), "time zone"),
        (GreaterThan(f.Lower("a"), 1), "GreaterThan of Lower"),
        (F("a").asc(), "OrderBy is not"),
    ],
    ids=str,
)
def test_refused(expression: Any, named: str) -> None:
    """What cannot travel, or not all of it, is refused by name."""
    with pytest.raises(NotSupportedError, match=named):
        lifted(expression)
    with pytest.raises(NotSupportedError, match=named):
        Account.objects.annotate(x=expression)


def test_what_later_djangos_set() -> None:
    """Django 6.1 gives each Subquery the template of its class; another one is refused."""
    made = _set(Exists(Account.objects.all()), "template", Exists.template)
    assert lifted(made) == PlanSubquery(Plan("money.Account"), "exists")
    with pytest.raises(NotSupportedError, match="'template' set"):
        lifted(_set(Exists(Account.objects.all()), "template", "EVIL"))


def test_what_django_keeps_on_an_expression_is_none_of_its_own() -> None:
    """A cached property that was looked at before changes nothing."""
    expression = f.Lower(Value(1))
    assert not expression.contains_aggregate
    assert "contains_aggregate" in vars(expression)
    assert lifted(expression) == Call("Lower", (ONE,))


@pytest.mark.parametrize(
    ("value", "as_data"),
    [
        ("-a", "-a"),
        (F("a"), Ordering(a)),
        (F("a").desc(), Ordering(a, descending=True)),
        (F("a").asc(nulls_first=True), Ordering(a, nulls="first")),
        (f.Lower("a").desc(nulls_last=True), Ordering(Call("Lower", (a,)), True, "last")),
    ],
    ids=str,
)
def test_orderings(value: Any, as_data: Any) -> None:
    """A name, or an expression with its direction and where nulls go."""
    assert Lifter("economy").ordering(value) == as_data


def test_changes() -> None:
    """Plain values become literals beside the expressions."""
    found = Lifter("economy").changes({"a": 1, "b": F("b") + 1, "c": Decimal("1.5")})
    assert found == {"a": ONE, "b": Call("+", (b, ONE)), "c": Literal(Decimal("1.5"))}


def test_outer_references_are_noted() -> None:
    """Of the queryset itself, not of those within it."""
    lifter = Lifter("economy")
    lifter.expression(Exists(Account.objects.filter(x=OuterRef("pk"))))
    assert not lifter.outer
    lifter.expression(OuterRef("pk") + 1)
    assert lifter.outer


def test_local_and_foreign_subqueries() -> None:
    """One of this database, or of another project, is refused at once."""
    with pytest.raises(ValueError, match="Exists holds a queryset of this project, which economy"):
        lifted(Exists(Local.objects.all()))
    with pytest.raises(ValueError, match="inner query is of lab, the outer one of economy"):
        lifted(Subquery(Abroad.objects.all()))


def test_names_of_aggregates() -> None:
    """Django's, or none."""
    assert default_alias(Sum("a"), "annotations") == "a__sum"
    with pytest.raises(TypeError, match="Complex aggregates require an alias"):
        default_alias(Sum(F("a") + 1), "aggregates")
