"""The rules of a model: operations, aggregates, changes, and which models a plan touches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chunnel.exceptions import QueryRefused
from chunnel.plans import (
    DEFAULT_LIMITS,
    OPERATIONS,
    Alias,
    Call,
    FieldType,
    Filter,
    Leaf,
    Literal,
    Plan,
    PrefetchRelated,
    QueryLimits,
    Ref,
    Rules,
    Subquery,
    Verdict,
)
from chunnel.plans.plan import Fetch
from chunnel.values import InstanceRef

from .declared import PLAN, RULES, SCHEMAS, rules


class TestOperations:
    def test_each(self) -> None:
        for op in OPERATIONS:
            assert RULES.check(PLAN, op) == Verdict()
        for op in ("delete", "", "ROWS", "all", "x" * 10_000):
            with pytest.raises(QueryRefused, match="no operation") as raised:
                RULES.check(PLAN, op)
            assert len(str(raised.value)) < 300

    def test_another_model(self) -> None:
        for judge in (
            lambda plan: RULES.check(plan, "rows"),
            RULES.check_steps,
            lambda plan: RULES.check_changes(plan, {}),
        ):
            with pytest.raises(QueryRefused, match="another model"):
                judge(Plan("bank.Branch"))

    def test_a_model_that_is_not_exposed(self) -> None:
        with pytest.raises(LookupError, match=r"bank\.Vault"):
            Rules("bank.Vault", SCHEMAS.get)

    def test_steps_alone(self) -> None:
        """For methods of managers and for streams."""
        assert RULES.check_steps(PLAN.then(Filter(Leaf("uid", 1)))) == Verdict()
        with pytest.raises(QueryRefused, match="filtered"):
            RULES.check_steps(PLAN.then(Filter(Leaf("secret", 1))))

    def test_limits_from_settings(self) -> None:
        limits = QueryLimits.from_settings({"QUERY_LIST": 5, "MAX_MESSAGE": 1})
        assert limits == replace(DEFAULT_LIMITS, query_list=5)
        with pytest.raises(QueryRefused, match="longer than 5"):
            rules(limits).check(PLAN.then(Filter(Leaf("uid__in", [1] * 6))), "rows")


class TestAggregates:
    def test_of_what_is_readable(self) -> None:
        """Each may use those before it, and have the name of a field."""
        asked = (
            ("uid", Call("Max", (Ref("uid"),))),
            ("uid__min", Call("Min", (Ref("uid"),))),
            ("spread", Call("-", (Ref("uid"), Ref("uid__min")))),
        )
        assert RULES.check(PLAN, "aggregate", asked) == Verdict()

    @pytest.mark.parametrize(
        ("name", "expression", "message"),
        [
            ("x", Call("Max", (Ref("secret"),)), "shows no field 'secret'"),
            ("x", Ref("branch__code"), "shows no field 'code'"),
            ("X", Call("Max", (Ref("uid"),)), "cannot be a name"),
            ("uid__max", Call("Min", (Ref("uid"),)), "cannot be a name"),
            ('x" FROM', Call("Max", (Ref("uid"),)), "cannot be a name"),
        ],
    )
    def test_of_others(self, name: str, expression: Any, message: str) -> None:
        with pytest.raises(QueryRefused, match=message):
            RULES.check(PLAN, "aggregate", ((name, expression),))

    def test_of_another_operation(self) -> None:
        with pytest.raises(QueryRefused, match="takes no expressions"):
            RULES.check(PLAN, "count", (("x", Call("Count", ())),))

    def test_many(self) -> None:
        asked = tuple((f"x{each}", Literal(1)) for each in range(201))
        with pytest.raises(QueryRefused, match="QUERY_NAMES"):
            RULES.check(PLAN, "aggregate", asked)


class TestChanges:
    def test_of_what_is_writable(self) -> None:
        """Plain values are for the field to judge, however long they are."""
        changes = {
            "uid": Call("+", (Ref("uid"), Literal(1))),
            "day": "x" * 100_000,
            "branch": InstanceRef("bank.Branch", 1),
        }
        assert RULES.check_changes(PLAN, changes) == Verdict()
        assert RULES.check_changes(PLAN, {"uid": Literal({"a": [1]})}) == Verdict()

    @pytest.mark.parametrize(
        "name", ["owner", "secret", "branch_id", "tags", "pk", "id", "total", "full", "", "uid__x"]
    )
    def test_of_what_is_not(self, name: str) -> None:
        with pytest.raises(QueryRefused, match="legal are: branch, day, uid"):
            RULES.check_changes(PLAN, {name: 1})

    def test_expressions_are_judged(self) -> None:
        with pytest.raises(QueryRefused, match="shows no field 'secret'"):
            RULES.check_changes(PLAN, {"uid": Ref("secret")})
        with pytest.raises(QueryRefused, match="does not know the type"):
            RULES.check_changes(PLAN, {"uid": Literal(1, FieldType("Func"))})

    def test_the_rows_are_judged(self) -> None:
        """A condition is never dropped, least of all before a write."""
        with pytest.raises(QueryRefused, match="cannot be filtered"):
            RULES.check_changes(PLAN.then(Filter(Leaf("secret", 1))), {"uid": 1})

    def test_annotations_may_be_used(self) -> None:
        plan = PLAN.then(Alias((("more", Call("+", (Ref("uid"), Literal(1)))),)))
        RULES.check_changes(plan, {"uid": Ref("more")})

    def test_models_are_told(self) -> None:
        value = Subquery(Plan("bank.Branch"), "value")
        assert RULES.check_changes(PLAN, {"uid": value}).queried == {"bank.Branch"}


class TestVerdict:
    def test_of_paths(self) -> None:
        plan = PLAN.then(Alias((("city", Ref("branch__city")),)))
        assert RULES.check(plan, "rows") == Verdict(crossed=frozenset({"bank.Branch"}))

    def test_of_declared_filters(self) -> None:
        """Who declares a path allows it, whatever rows are hidden beyond."""
        assert RULES.check(PLAN.then(Filter(Leaf("branch__city", "Bern"))), "rows") == Verdict()

    def test_of_queries_within(self) -> None:
        inner = Plan("bank.Branch").then(PrefetchRelated((Fetch("accounts"),)))
        plan = PLAN.then(PrefetchRelated((Fetch("branch", inner), Fetch("tags"))))
        assert RULES.check(plan, "rows") == Verdict(queried=frozenset({"bank.Branch", "bank.Tag"}))

    def test_rows_of_its_own_model(self) -> None:
        """They are as visible within as without, unless a path leads past the queryset."""
        within = Filter(Leaf("uid__in", Subquery(PLAN, "rows")))
        assert RULES.check(PLAN.then(within), "rows") == Verdict()
        across = Alias((("sibling", Ref("branch__account__uid")),))
        assert RULES.check(PLAN.then(across), "rows").crossed == {"bank.Branch", "bank.Account"}
