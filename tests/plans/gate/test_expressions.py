"""Conditions and expressions of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Case,
    Condition,
    Expression,
    FieldType,
    Filter,
    Holds,
    Items,
    Leaf,
    Literal,
    Node,
    OrderBy,
    Ordering,
    Outer,
    Plan,
    Ref,
    Subquery,
    Values,
)
from chunnel.plans.functions import FIELD_TYPES, FUNCTIONS, Signature

from .asking import allowed, refusal

UID = Ref("uid")
EXAMPLES: dict[str, Any] = {
    "flag": True,
    "condition": Leaf("uid", 1),
    "expression": Literal(0),
    "type": FieldType("IntegerField"),
    "trunc": "month",
    "extract": "iso_year",
    "zone": "Europe/Zurich",
}
WRONG: dict[str, Any] = {
    "flag": 1,
    "condition": Leaf("secret", 1),
    "expression": Ref("secret"),
    "type": FieldType("Func"),
    "trunc": "year') FROM x --",
    "extract": "epoch",
    "zone": "../../etc/passwd",
}


def named(expression: Any, name: str = "x") -> Annotate:
    return Annotate(((name, expression),))


def options(signature: Signature) -> tuple[tuple[str, Any], ...]:
    return tuple((name, EXAMPLES[kind]) for name, kind in signature.options.items())


class TestFunctions:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_each(self, name: str) -> None:
        signature = FUNCTIONS[name]
        needed = tuple((each, EXAMPLES[signature.options[each]]) for each in signature.required)
        for count in {signature.least, min(signature.most, signature.least + 1)}:
            assert allowed(named(Call(name, (UID,) * count, options(signature))))
            assert allowed(named(Call(name, (UID,) * count, needed)))
        for count in {signature.least - 1, signature.most + 1} - {-1}:
            assert "arguments" in refusal(named(Call(name, (UID,) * count, needed)))

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_everything_in_it_is_judged(self, name: str) -> None:
        signature = FUNCTIONS[name]
        args = (UID,) * signature.least
        for position in range(len(args)):
            poisoned = (*args[:position], Ref("secret"), *args[position + 1 :])
            call = Call(name, poisoned, options(signature))
            assert "shows no field 'secret'" in refusal(named(call))
        for option, kind in signature.options.items():
            given = {**dict(options(signature)), option: WRONG[kind]}
            assert not allowed(named(Call(name, args, tuple(given.items()))))

    @pytest.mark.parametrize(
        "name",
        [
            *("Func", "RawSQL", "raw", "count", "COUNT", "Window", "pg_sleep", "", "__class__"),
            *("Count(", "Repeat", "LPad", "Random", "MD5", "Collate", "Value", "OuterRef", "||"),
        ],
    )
    def test_others(self, name: str) -> None:
        assert "no function is named" in refusal(named(Call(name, (UID,))))

    def test_options_that_are_none(self) -> None:
        for name, option in (
            ("Lower", "filter"),
            ("Count", "default"),
            ("Max", "distinct"),
            ("Count", "template"),
            ("Count", "function"),
            ("Now", "output_field"),
            ("Trunc", "is_dst"),
        ):
            needed = [("kind", "year")] if name == "Trunc" else []
            args = (UID,) * FUNCTIONS[name].least
            call = Call(name, args, (*needed, (option, True)))
            assert f"{name} has no option {option!r}" in refusal(named(call))

    def test_options_that_must_be(self) -> None:
        for name, option in (
            ("Cast", "output_field"),
            ("ExpressionWrapper", "output_field"),
            ("Trunc", "kind"),
            ("Extract", "lookup_name"),
        ):
            assert f"{name} needs {option}" in refusal(named(Call(name, (UID,))))

    @pytest.mark.parametrize(
        "zone", ["", "/etc/passwd", "a/../b", "UTC'", "UTC\n", "x" * 65, "a//b", ".", 5, None]
    )
    def test_zones_that_are_none(self, zone: Any) -> None:
        call = Call("TruncDate", (Ref("opened"),), (("tzinfo", zone),))
        assert "name of a time zone" in refusal(named(call))

    @pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"])
    def test_zones(self, zone: str) -> None:
        assert allowed(named(Call("TruncDate", (Ref("opened"),), (("tzinfo", zone),))))


class TestTypes:
    def test_each(self) -> None:
        for name in FIELD_TYPES:
            assert allowed(named(Literal(1, FieldType(name))))
        assert allowed(named(Literal(1, FieldType("DecimalField", 10, 2))))

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            (FieldType("JSONField"), "does not know the type"),
            (FieldType("ForeignKey"), "does not know the type"),
            (FieldType("int) FROM x --"), "does not know the type"),
            (FieldType("IntegerField", 5), "no digits"),
            (FieldType("CharField", 5, 2), "no digits"),
            (FieldType("DecimalField", 5), "no more places"),
            (FieldType("DecimalField", None, 5), "no more places"),
            (FieldType("DecimalField", 5, 6), "no more places"),
            (FieldType("DecimalField", 5, -1), "no more places"),
            (FieldType("DecimalField", 101, 2), "QUERY_DIGITS"),
            ("IntegerField", "does not know the type 'str'"),
        ],
    )
    def test_others(self, kind: Any, message: str) -> None:
        assert message in refusal(named(Literal(1, kind)))
        assert message in refusal(named(Call("Cast", (UID,), (("output_field", kind),))))


class TestKinds:
    @pytest.mark.parametrize(
        "expression",
        [
            Literal(1),
            UID,
            Call("Count"),
            Condition(Leaf("uid", UID)),
            Condition(Node("xor", True, ())),
            Case(((Leaf("uid", 1), UID), (Holds(Condition(Leaf("uid", 2))), Literal(2))), UID),
            Case((), None),
            Subquery(Plan("bank.Branch"), "value"),
        ],
    )
    def test_each(self, expression: Expression) -> None:
        assert allowed(named(expression))
        assert allowed(Values((expression,)))
        assert allowed(OrderBy((Ordering(expression, nulls="last"),)))
        assert allowed(Filter(Leaf("uid", expression)))
        assert allowed(Filter(Holds(expression)))
        assert allowed(Filter(Leaf("uid__in", Items((expression, Literal(1))))))

    @pytest.mark.parametrize(
        "expression",
        [
            Ref("secret"),
            Call("Lower", (Ref("secret"),)),
            Condition(Leaf("secret", 1)),
            Condition(Leaf("uid", Ref("secret"))),
            Condition(Node("or", False, (Leaf("uid", 1), Holds(Ref("secret"))))),
            Case(((Leaf("secret", 1), UID),)),
            Case(((Leaf("uid", 1), Ref("secret")),)),
            Case((), Ref("secret")),
            Subquery(Plan("bank.Branch", (Filter(Leaf("code", 1)),)), "exists"),
            Subquery(Plan("bank.Branch", (Values((Outer("secret"),)),)), "value"),
            Subquery(Plan("bank.Vault"), "value"),
        ],
    )
    def test_everything_in_it_is_judged(self, expression: Expression) -> None:
        for step in (
            named(expression),
            Values((expression,)),
            OrderBy((Ordering(expression),)),
            Filter(Leaf("uid", expression)),
            Filter(Holds(expression)),
            Filter(Leaf("uid__in", Items((expression,)))),
        ):
            assert not allowed(step)

    @pytest.mark.parametrize("junk", [None, 5, "uid", object(), ["f", "uid"], Leaf("uid", 1)])
    def test_what_is_none(self, junk: Any) -> None:
        assert "is no expression" in refusal(named(junk))
        assert "is no expression" in refusal(named(Call("Lower", (junk,))))

    @pytest.mark.parametrize("junk", [None, 5, "uid", object(), UID, ("uid", 1)])
    def test_what_is_no_condition(self, junk: Any) -> None:
        assert "is no condition" in refusal(Filter(junk))
        assert "is no condition" in refusal(named(Condition(junk)))

    def test_connectors(self) -> None:
        assert "joined by and, or, xor" in refusal(Filter(Node("OR 1=1", False, ())))

    def test_orders(self) -> None:
        assert "is no order" in refusal(OrderBy((5,)))  # type: ignore[arg-type]
        assert "is no order" in refusal(OrderBy((Ordering(UID, nulls="x"),)))


class TestManyValues:
    """Lists and rows stand where a condition compares with them, and nowhere else."""

    @pytest.mark.parametrize(
        ("many", "message"),
        [
            (Items((UID, Literal(1))), "a list stands only in a condition"),
            (Subquery(Plan("bank.Branch"), "rows"), "many rows stand only in a condition"),
        ],
    )
    def test_places(self, many: Expression, message: str) -> None:
        assert allowed(Filter(Leaf("uid__in", many)))
        assert allowed(named(Condition(Leaf("uid__in", many))))
        for step in (
            named(many),
            Values((many,)),
            OrderBy((Ordering(many),)),
            Filter(Holds(many)),
            named(Call("Coalesce", (UID, many))),
            named(Case((), many)),
            Filter(Leaf("uid__in", Items((many,)))),
        ):
            assert message in refusal(step)

    def test_what_is_in_them_is_judged(self) -> None:
        for many in (
            Items((Literal(1), Ref("secret"))),
            Subquery(Plan("bank.Branch", (Filter(Leaf("code", 1)),)), "rows"),
            Subquery(Plan("bank.Vault"), "rows"),
        ):
            assert not allowed(Filter(Leaf("uid__in", many)))


class TestOuter:
    def test_is_judged_around(self) -> None:
        """What the inner model shows is not asked, nor the other way round."""
        inner = Plan("bank.Branch", (Filter(Leaf("city", Outer("owner"))),))
        assert allowed(Filter(Holds(Subquery(inner, "exists"))))
        inner = Plan("bank.Branch", (Filter(Leaf("city", Outer("city"))),))
        assert "bank.Account shows no field 'city'" in refusal(
            Filter(Holds(Subquery(inner, "exists")))
        )

    def test_sees_annotations_before_it(self) -> None:
        inner = Subquery(Plan("bank.Branch", (Values((Outer("n"),)),)), "value")
        assert allowed(named(UID, "n"), named(inner))
        assert not allowed(named(inner), named(UID, "n"))

    def test_without_a_query_around(self) -> None:
        assert "stands in no subquery" in refusal(named(Outer("uid")))

    def test_crosses_from_around(self) -> None:
        inner = Subquery(Plan("bank.Tag", (Values((Outer("branch__city"),)),)), "value")
        assert allowed(named(inner))
        assert not allowed(named(Subquery(inner.plan.then(named(Outer("tags__x"))), "value")))


class TestNames:
    @pytest.mark.parametrize("name", ["x", "x1", "total_of_all", "a_", "select"])
    def test_plain_words(self, name: str) -> None:
        assert allowed(named(UID, name))

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "",
                "X",
                "1x",
                "_x",
                "x__y",
                "x__",
                "x y",
                "x;",
                'x" FROM',
                "x'",
                "x--",
                "x/*",
                "x%s",
            ),
            *("x\n", "x.y", "xé", "\u0456", "x(", "x)", "x[0]", "x\x00", "#x", "x" * 201),
            *("__class__", "_state", "uid__max", "tags__count"),
        ],
    )
    def test_others(self, name: str) -> None:
        for step in (
            named(UID, name),
            Alias(((name, UID),)),
            Values((), ((name, UID),)),
            Values(("uid",), (("fine", UID), (name, UID))),
        ):
            message = refusal(step)
            assert "cannot be a name" in message or "(QUERY_PATH)" in message
            assert len(message) < 600

    @pytest.mark.parametrize(
        "name", ["uid", "pk", "id", "branch_id", "total", "full", "transfer_set", "secret", "save"]
    )
    def test_those_of_fields(self, name: str) -> None:
        """Also of what nobody may know: Django would take the column in some places."""
        assert "already" in refusal(named(UID, name))
        assert "already" in refusal(Values(("owner",)), named(UID, name))

    def test_the_name_that_django_gives(self) -> None:
        assert allowed(named(Call("Sum", (UID,)), "uid__sum"))
        assert allowed(named(Call("Count", (Ref("branch__city"),)), "branch__city__count"))
        for expression in (Call("Lower", (UID,)), Call("Max", (UID,)), Call("Sum"), UID):
            assert "cannot be a name" in refusal(named(expression, "uid__sum"))
        assert "shows no field 'secret'" in refusal(
            named(Call("Sum", (Ref("secret"),)), "secret__sum")
        )

    def test_later_ones_see_earlier_ones(self) -> None:
        pair = (("a", UID), ("b", Ref("a")))
        assert allowed(Annotate(pair))
        assert not allowed(Annotate(pair[::-1]))

    def test_a_name_may_be_given_again(self) -> None:
        assert allowed(named(UID), named(Call("+", (Ref("x"), UID))))


class TestLimits:
    def test_nodes(self) -> None:
        many = (UID,) * 100
        assert allowed(named(Call("Concat", many)))
        assert "(QUERY_NODES)" in refusal(named(Call("Concat", many)), named(Call("Concat", many)))
        assert "(QUERY_NODES)" in refusal(Filter(Node("and", False, (Leaf("uid", 1),) * 200)))
        filters = [Filter(Node("or", False, (Leaf("uid", 1),) * 70))] * 3
        assert allowed(*filters[:2])
        assert "(QUERY_NODES)" in refusal(*filters)
        assert "(QUERY_LIST)" in refusal(Filter(Leaf("uid__in", Items((UID,) * 1001))))

    def test_exclusive_conditions_count_twice(self) -> None:
        """Django writes each of them twice, so those within those would be thousands."""
        tree: Any = Leaf("uid", 1)
        for _ in range(5):
            tree = Node("xor", True, (tree, Leaf("uid", 2)))
        assert allowed(Filter(tree))
        for _ in range(3):
            tree = Node("xor", True, (tree, Leaf("uid", 2)))
        assert "(QUERY_NODES)" in refusal(Filter(tree))

    def test_joined_texts_are_deep(self) -> None:
        """Django nests as many levels as there are parts."""
        half = Call("Concat", (UID,) * 90)
        assert allowed(named(half))
        assert "(QUERY_DEPTH)" in refusal(named(Call("Concat", (half, *half.args))))

    def test_depth(self) -> None:
        """Of conditions, expressions and plans together."""
        tree: Any = Leaf("uid", 1)
        for _ in range(11):
            tree = Node("and", True, (tree,))
        assert allowed(Filter(tree))
        assert "(QUERY_DEPTH)" in refusal(Filter(Node("and", False, (tree,))))
        assert "(QUERY_DEPTH)" in refusal(named(Condition(tree)))
        deep: Any = UID
        for _ in range(11):
            deep = Call("Lower", (deep,))
        assert allowed(named(deep))
        assert "(QUERY_DEPTH)" in refusal(named(Call("Lower", (deep,))))
        inner = Plan("bank.Account")
        for _ in range(6):
            inner = Plan("bank.Account", (Filter(Leaf("uid__in", Subquery(inner, "rows"))),))
        assert "(QUERY_DEPTH)" in refusal(*inner.steps)

    def test_names(self) -> None:
        many = tuple((f"x{each}", Literal(1)) for each in range(201))
        assert "(QUERY_NAMES)" in refusal(Annotate(many))
