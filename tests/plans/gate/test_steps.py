"""Steps of every kind, and plans within plans."""

from __future__ import annotations

from typing import Any

import pytest

from chunnel.plans import (
    DEFAULT_LIMITS,
    Alias,
    Annotate,
    Call,
    Combine,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Filter,
    Leaf,
    Literal,
    Merge,
    Nothing,
    Of,
    Only,
    OrderBy,
    Ordering,
    Outer,
    Plan,
    PrefetchRelated,
    Ref,
    Reverse,
    SelectRelated,
    Slice,
    Subquery,
    Values,
    ValuesList,
)
from chunnel.plans.gate import steps as judging
from chunnel.plans.plan import Fetch, Step

from .asking import allowed, refusal
from .declared import PLAN, RULES, check

BRANCHES = Plan("bank.Branch")
TAGS = Plan("bank.Tag")


def test_every_step_is_judged() -> None:
    assert judging._JUDGES.keys() == set(Step.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("junk", [None, "filter", ("uid",), object(), PLAN, Leaf("uid", 1)])
def test_what_is_no_step(junk: Any) -> None:
    assert "is no step of a plan" in refusal(junk)


class TestRows:
    def test_steps_that_name_nothing(self) -> None:
        assert allowed(Reverse(), Distinct(), Nothing(), Slice(5, 10), Slice(0, None))

    def test_values(self) -> None:
        for names in ((), ("uid",), ("branch", "branch_id", "pk", "id")):
            assert allowed(Values(names))
            assert allowed(ValuesList(names))
        for name in ("secret", "branch__code", "uid__gt", "branch_pk", "owner_id", "__str__"):
            assert not allowed(Values((name,)))
            assert not allowed(ValuesList(("uid", name)))
        assert allowed(Values(("uid", "n"), (("n", Literal(1)),)))

    def test_flat(self) -> None:
        one = (("x", Literal(1)),)
        for step in (
            ValuesList(("uid", "owner"), flat=True),
            ValuesList(("uid",), one, flat=True),
            ValuesList(("uid",), flat=True, named=True),
        ):
            assert "flat=True takes one field" in refusal(step)
        assert allowed(ValuesList(("uid",), flat=True))
        assert allowed(ValuesList((), one, flat=True))

    @pytest.mark.parametrize(
        ("step", "good"),
        [
            (Dates("opened", "year"), True),
            (Dates("day", "week", "DESC"), True),
            (Dates("branch__founded", "month"), True),
            (Datetimes("opened", "second", "ASC", "Europe/Zurich"), True),
            (Dates("opened", "hour"), False),
            (Dates("opened", "quarter"), False),
            (Dates("secret", "year"), False),
            (Dates("opened", "year", "asc"), False),
            (Dates("opened", "year", "ASC; DROP"), False),
            (Datetimes("opened", "century"), False),
            (Datetimes("opened", "year", "ASC", "../x"), False),
            (Datetimes("rank", "year"), False),
        ],
    )
    def test_dates(self, step: Any, good: bool) -> None:
        assert allowed(step) is good


class TestOf:
    def test_a_relation_to_many(self) -> None:
        found = check(Of("bank.Branch", 5, "accounts"), Filter(Leaf("uid", 1)))
        assert found.queried == {"bank.Branch"}

    @pytest.mark.parametrize(
        "step",
        [
            Of("bank.Vault", 5, "accounts"),
            Of("bank.Branch", 5, "account"),
            Of("bank.Branch", 5, "secret"),
            Of("bank.Branch", 5, "parent"),
            Of("bank.Account", 5, "transfer_set"),
            Of("bank.Account", 5, "branch"),
            Of("bank.Transfer", 5, "account"),
            Of("", 5, ""),
            Of("bank.Branch", {"a": 1}, "accounts"),
            Of("bank.Branch", [1], "accounts"),
            Of("bank.Branch", 10**120, "accounts"),
        ],
    )
    def test_others(self, step: Of) -> None:
        assert not allowed(step)

    @pytest.mark.parametrize("step", [Slice(0, 5), Values(("uid",)), ValuesList(("uid",))])
    def test_stands_before_what_cannot_be_filtered(self, step: Any) -> None:
        of = Of("bank.Branch", 5, "accounts")
        assert "stands before slices" in refusal(step, of)
        assert allowed(Reverse(), of, step)

    def test_each_is_a_join(self) -> None:
        of = Of("bank.Branch", 5, "accounts")
        assert allowed(*[of] * DEFAULT_LIMITS.query_joins)
        assert "QUERY_JOINS" in refusal(of, *[of] * DEFAULT_LIMITS.query_joins)


class TestPrefetch:
    def test_with_a_plan(self) -> None:
        inner = Plan("bank.Transfer", (Filter(Leaf("amount__gt", 5)),))
        found = check(PrefetchRelated((Fetch("transfer_set", inner, "large"),)))
        assert found.queried == {"bank.Transfer"}

    def test_the_plan_is_judged(self) -> None:
        for inner in (
            Plan("bank.Transfer", (Filter(Leaf("amount__lt", 5)),)),
            Plan("bank.Transfer", (Values((Outer("uid"),)),)),
            Plan("bank.Transfer", (Annotate((("x", Ref("secret")),)),)),
        ):
            assert not allowed(PrefetchRelated((Fetch("transfer_set", inner),)))

    def test_the_plan_is_of_the_rows(self) -> None:
        for model in ("bank.Account", "bank.Vault", "x" * 10_000):
            message = refusal(PrefetchRelated((Fetch("transfer_set", Plan(model)),)))
            assert "leads to rows of bank.Transfer" in message
            assert len(message) < 500

    def test_what_comes_under_another_name_leads_on(self) -> None:
        large = Fetch("transfer_set", None, "large")
        assert allowed(PrefetchRelated((large, Fetch("large__account"))))
        assert allowed(PrefetchRelated((large,)), PrefetchRelated((Fetch("large__account"),)))
        assert not allowed(PrefetchRelated((Fetch("large__account"),)))
        assert not allowed(PrefetchRelated((large, Fetch("large__secret"))))
        assert not allowed(PrefetchRelated((large,)), SelectRelated(("large",)))
        below = Fetch("branch__accounts", None, "all")
        assert allowed(PrefetchRelated((below, Fetch("branch__all__tags"))))
        assert not allowed(PrefetchRelated((below, Fetch("all__tags"))))

    def test_the_same_rows_under_many_names(self) -> None:
        """Each is a query of its own, and holds its own instances."""
        many = tuple(Fetch("transfer_set", None, f"all_{each}") for each in range(13))
        assert allowed(PrefetchRelated(many[:12]))
        assert "(QUERY_JOINS)" in refusal(PrefetchRelated(many))
        assert "(QUERY_JOINS)" in refusal(*(PrefetchRelated((each,)) for each in many))

    @pytest.mark.parametrize(
        "name", ["", "X", "_x", "a__b", "__class__", "x" * 201, "uid", "secret", "save", "full"]
    )
    def test_names_that_cannot_be(self, name: str) -> None:
        assert not allowed(PrefetchRelated((Fetch("transfer_set", None, name),)))


class TestCombining:
    def test_of_one_model(self) -> None:
        for kind in ("union", "intersection", "difference"):
            assert allowed(Combine(kind, False, (PLAN, PLAN.then(Filter(Leaf("uid", 1))))))
        for connector in ("and", "or", "xor"):
            assert allowed(Merge(connector, PLAN.then(Filter(Leaf("uid", 1)))))

    def test_the_others_are_judged(self) -> None:
        for step in (
            Filter(Leaf("secret", 1)),
            Values(("secret",)),
            Annotate((("secret", Ref("uid")),)),
        ):
            assert not allowed(Combine("union", False, (PLAN, PLAN.then(step))))
            assert not allowed(Merge("or", PLAN.then(step)))

    def test_of_two_models(self) -> None:
        """Each names columns of its own, or Django names one's columns in the other's table."""
        cities = BRANCHES.then(Values(("city",)))
        assert check(Values(("uid",)), Combine("union", True, (cities,))).queried == {"bank.Branch"}
        assert allowed(Values(("uid",)), Combine("union", True, (BRANCHES.then(ValuesList(())),)))
        one = (("x", Literal(1)),)
        for plan in (
            BRANCHES,
            BRANCHES.then(Values((), one)),
            BRANCHES.then(Annotate(one)).then(Values(("x",))),
            BRANCHES.then(ValuesList((Literal(1),))),
            BRANCHES.then(Dates("founded", "year")),
        ):
            assert "needs columns of both" in refusal(
                Values(("uid",)), Combine("union", True, (plan,))
            )
        assert "needs columns of both" in refusal(Combine("union", True, (cities,)))
        assert "cannot be merged" in refusal(Merge("or", BRANCHES))

    def test_names_that_django_makes_up(self) -> None:
        """It looks for them in the other queries, among all columns."""
        for step in (
            Annotate((("tags__count", Call("Count", (Ref("tags"),))),)),
            ValuesList((Call("Lower", (Ref("owner"),)),)),
            Dates("day", "year"),
        ):
            assert "no names of their own" in refusal(step, Combine("union", False, (PLAN,)))

    def test_an_order_that_is_taken_over(self) -> None:
        """It is resolved again, among the names of the query that takes it."""
        own = PLAN.then(Annotate((("tags__count", Call("Count", (Ref("tags"),))),)))
        ordered = own.then(OrderBy(("tags__count",)))
        assert not allowed(Merge("and", ordered))
        assert not allowed(Merge("and", PLAN.then(Merge("and", ordered))))
        assert allowed(*own.steps, Merge("and", ordered))
        assert not allowed(Merge("or", own.then(OrderBy((Ordering(Ref("tags__count")),)))))

    def test_within_a_subquery(self) -> None:
        """What is combined knows the same query around."""
        inner = BRANCHES.then(Filter(Leaf("city", Outer("owner"))))
        both = BRANCHES.then(Combine("union", False, (inner,)))
        assert allowed(Alias((("x", Subquery(both, "exists")),)))


class TestLimits:
    def test_steps(self) -> None:
        assert allowed(*[OrderBy(())] * 64)
        assert "(QUERY_STEPS)" in refusal(*[OrderBy(())] * 65)
        inner = Plan("bank.Branch", (OrderBy(()),) * 40)
        step = Filter(Leaf("uid__in", Subquery(inner, "rows")))
        assert allowed(step)
        assert "(QUERY_STEPS)" in refusal(step, step)

    def test_slices(self) -> None:
        assert "(QUERY_OFFSET)" in refusal(Slice(1_000_001, None))
        assert "(QUERY_OFFSET)" in refusal(Slice(0, 1_000_001))

    @pytest.mark.parametrize(
        "step",
        [
            OrderBy(("uid",) * 201),
            Values(("uid",) * 201),
            ValuesList(("uid",) * 201),
            Distinct(("uid",) * 201),
            Only(("uid",) * 201),
            Defer(("uid",) * 201),
            SelectRelated(("branch",) * 201),
            PrefetchRelated((Fetch("branch"),) * 201),
            Combine("union", False, (PLAN,) * 201),
        ],
    )
    def test_names(self, step: Any) -> None:
        assert "(QUERY_NAMES)" in refusal(step)

    def test_of_plans_within(self) -> None:
        """A plan pays for all that is in it."""
        wide = BRANCHES
        for _ in range(8):
            wide = wide.then(Combine("union", False, (BRANCHES.then(Filter(Leaf("city", 1))),) * 8))
        assert "(QUERY_STEPS)" in refusal(Filter(Leaf("uid__in", Subquery(wide, "rows"))))


def test_plans_that_are_none() -> None:
    for junk in (None, "bank.Branch", ["bank.Branch", []]):
        assert "is no plan" in refusal(Merge("and", junk))  # type: ignore[arg-type]
        assert "is no plan" in refusal(Alias((("x", Subquery(junk, "value")),)))  # type: ignore[arg-type]


def test_depth_of_plans() -> None:
    inner = PLAN
    for _ in range(14):
        inner = PLAN.then(Merge("and", inner))
    assert "(QUERY_DEPTH)" in refusal(*inner.steps)
    assert RULES.check(PLAN.then(Merge("and", PLAN.then(Merge("and", PLAN)))), "rows")


def test_tags_have_a_key_of_text() -> None:
    inner = TAGS.then(Filter(Leaf("slug__in", ["a"])))
    assert allowed(PrefetchRelated((Fetch("tags", inner),)))
