"""Names and paths: conditions, order, what is read, what is fetched along."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.exceptions import QueryRefused
from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Case,
    Condition,
    Defer,
    Distinct,
    Exclude,
    Filter,
    Leaf,
    Literal,
    Node,
    Only,
    OrderBy,
    Ordering,
    Plan,
    PrefetchRelated,
    QueryLimits,
    Ref,
    SelectRelated,
    Subquery,
    Values,
    ValuesList,
)
from chunnel.plans.functions import LOOKUPS
from chunnel.plans.plan import Fetch

from ..junk import UNHURRIED
from .asking import allowed, refusal
from .declared import ACCOUNT, PLAN, RULES, check, link, model, rules

N = Alias((("n", Call("Count", (Ref("tags"),))),))
DEFAULT_NAME = Annotate((("tags__count", Call("Count", (Ref("tags"),))),))


class TestConditions:
    @pytest.mark.parametrize(
        "key",
        [
            "pk",
            "pk__exact",
            "pk__in",
            "id",
            "id__in",
            "uid",
            "uid__exact",
            "uid__in",
            "owner__icontains",
            "branch",
            "branch_id",
            "branch__isnull",
            "branch_id__isnull",
            "branch__city",
            "branch__city__exact",
            "branch__code__startswith",
            "opened__date__gte",
            "transfer__amount__gt",
        ],
    )
    def test_what_is_declared(self, key: str) -> None:
        assert allowed(Filter(Leaf(key, 1)))
        assert allowed(Exclude(Node("or", True, (Leaf(key, 1),))))
        assert allowed(Annotate((("x", Condition(Leaf(key, 1))),)))

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "secret",
            "uid__gt",
            "owner",
            "owner__exact",
            "owner__icontains__exact",
            "pk__gt",
            "uid__in__in",
            "branch__in",
            "branch__id",
            "branch__city__startswith",
            "branch__",
            "branch__city__",
            "branch__founded",
            "opened",
            "opened__date",
            "opened__date__lte",
            "__class__",
            "UID",
            "uid ",
            "_connector",
            "_negated",
            "uid__exact__",
            "owner__regex",
            "branch__code",
            "transfer_set__amount__gt",
            "full",
            "day",
        ],
    )
    def test_what_is_not(self, key: str) -> None:
        """In filters, and wherever else a condition stands: to be readable is not enough."""
        tree = Leaf(key, 1)
        one = Literal(1)
        for step in (
            Filter(tree),
            Exclude(Node("and", False, (Leaf("uid", 1), tree))),
            Annotate((("x", Condition(tree)),)),
            Annotate((("x", Case(((tree, one),))),)),
            Annotate((("x", Call("Count", (), (("filter", tree),))),)),
            OrderBy((Ordering(Condition(tree)),)),
        ):
            assert "legal are" in refusal(step)

    @UNHURRIED
    @given(st.text(alphabet="abcdefghiklmnoprstuwxyd_", max_size=30))
    def test_no_other_spelling(self, key: str) -> None:
        known = key in RULES.table.keys or key.split("__", maxsplit=1)[0] == "total"
        assert not allowed(Filter(Leaf(key, 1))) or known

    def test_a_lookup_is_named_with_the_legal_ones(self) -> None:
        assert refusal(Filter(Leaf("uid__gt", 1))) == (
            "bank.Account does not allow the lookup 'gt' of 'uid'; legal are: exact, in."
        )
        assert refusal(Filter(Leaf("owner", 1))) == (
            "bank.Account does not allow the lookup 'exact' of 'owner'; legal are: icontains."
        )

    def test_a_field_is_named_with_the_legal_ones(self) -> None:
        assert refusal(N, Filter(Leaf("secret__startswith", 1))) == (
            "bank.Account cannot be filtered by 'secret__startswith'; legal are: n, pk, branch, "
            "branch__city, branch__code, data, opened, owner, total, transfer__amount, uid."
        )

    def test_a_long_key_is_cut(self) -> None:
        assert len(refusal(Filter(Leaf("a" * 100_000, 1)))) < 500


class TestConditionsOnAnnotations:
    def test_every_lookup_of_the_closed_list(self) -> None:
        for lookup in LOOKUPS:
            assert allowed(N, Filter(Leaf(f"n__{lookup}", 1)))
            assert allowed(Filter(Leaf(f"total__{lookup}", 1)))
        assert allowed(N, Filter(Leaf("n", 1)))
        assert allowed(Filter(Leaf("total", 1)))

    def test_parts_of_dates(self) -> None:
        for key in ("n__year", "n__year__gte", "n__date__month__in", "n__time__hour"):
            assert allowed(N, Filter(Leaf(key, 1)))

    @pytest.mark.parametrize(
        "key",
        [
            *("n__regex", "n__iregex", "n__", "n____gt", "n__gt__gt", "n__gt__year", "n__lower"),
            *("n__secret", "n__year__year__year__gt", "n__search", "n__trigram_similar", "n__x"),
        ],
    )
    def test_others(self, key: str) -> None:
        assert "does not allow the lookup" in refusal(N, Filter(Leaf(key, 1)))

    def test_a_regex_that_is_declared(self) -> None:
        assert allowed(Filter(Leaf("total__regex", "^1")))
        assert not allowed(Filter(Leaf("total__iregex", "^1")))

    def test_not_before_it_is_there(self) -> None:
        assert not allowed(Filter(Leaf("n__gt", 1)), N)
        within = Filter(Leaf("uid__in", Subquery(PLAN.then(Filter(Leaf("n", 1))), "rows")))
        assert not allowed(N, within)

    def test_the_name_that_django_gives(self) -> None:
        assert allowed(DEFAULT_NAME, Filter(Leaf("tags__count__gt", 1)))
        assert allowed(DEFAULT_NAME, Filter(Leaf("tags__count", 1)))
        assert not allowed(Filter(Leaf("tags__count", 1)))


class TestReading:
    @pytest.mark.parametrize(
        "path",
        [
            *("pk", "id", "uid", "owner", "branch", "branch_id", "vault", "vault_id", "total"),
            *("opened__year", "opened__date", "opened__date__year", "opened__time__hour"),
            *("day__week_day", "at__minute", "data__a", "data__a__0__camelCase"),
            *("branch__pk", "branch__id", "branch__city", "branch__founded__year"),
            *("branch__parent__city", "branch__parent__parent_id", "transfer", "transfer__amount"),
            *("transfer__account__owner", "tags", "tags__slug", "tags__pk", "card", "card__number"),
            *("card__pk", "zone__code", "zone__name", "zone__pk"),
        ],
    )
    def test_what_is_readable(self, path: str) -> None:
        for step in reading(path):
            assert allowed(step), step

    @pytest.mark.parametrize(
        "path",
        [
            *("", "secret", "secret__x", "UID", "uid ", "__class__", "_meta", "objects", "*", "?"),
            *("full", "rank", "branch__code", "branch__secret", "branch__", "__branch", "n"),
            *("branch___city", "branch_id__city", "branch__city__x", "uid__exact", "uid__year"),
            *("opened__lower", "opened__year__year", "opened__date__hour", "opened__gt"),
            *("day__hour", "at__year", "day__date", "data__a-b", "data__a b", 'data__"', "data__"),
            *("data__a__", "data__é", "total__x", "total__regex", "transfer_set", "accounts"),
            *("transfer_set__amount", "vault__pin", "branch__accounts__uid", "branch__total"),
            *("branch__account__total", "branch__account__full", "tags__secret", "x" * 10_000),
            *("uid; DROP TABLE x", 'uid" AS "x', "uid\x00", "branch.city", "branch__pk__pk"),
        ],
    )
    def test_what_is_not(self, path: str) -> None:
        for step in reading(path):
            assert len(refusal(step)) < 1200, step

    def test_messages(self) -> None:
        assert refusal(Values(("secret",))) == (
            "bank.Account shows no field 'secret'; legal are: at, branch, card, data, day, opened, "
            "owner, tags, total, transfer, uid, vault, zone."
        )
        assert refusal(N, Values(("branch__code",))) == (
            "bank.Branch shows no field 'code' (in 'branch__code'); legal are: account, city, "
            "founded, parent."
        )
        assert "computed in Python" in refusal(Values(("full",)))
        assert "'year' cannot follow in 'uid__year'; nothing is declared" in refusal(
            Values(("uid__year",))
        )

    def test_what_only_filters_and_orders(self) -> None:
        """A declared filter or order shows nothing."""
        assert allowed(Filter(Leaf("branch__code__startswith", "x")))
        assert not allowed(Values(("branch__code",)))
        assert allowed(OrderBy(("rank",)))
        assert not allowed(Values(("rank",)))

    def test_models_that_are_crossed(self) -> None:
        for path, crossed in (
            ("branch_id", set()),
            ("branch__pk", set()),
            ("zone__code", set()),
            ("zone__pk", {"bank.Zone"}),
            ("branch__city", {"bank.Branch"}),
            ("transfer", {"bank.Transfer"}),
            ("transfer__account__owner", {"bank.Transfer", "bank.Account"}),
        ):
            assert check(Values((path,))).crossed == crossed

    def test_a_relation_to_what_is_not_exposed(self) -> None:
        """The schema may be older than what is exposed now."""
        gone = model("Account", *ACCOUNT.fields)
        with pytest.raises(QueryRefused, match="not exposed"):
            found = rules(
                Account=gone._replace(fields=(*gone.fields, link("lost", "forward", "bank.Lost")))
            )
            found.check(PLAN.then(Values(("lost__x",))), "rows")

    def test_annotations(self) -> None:
        """Expressions may take a part of their dates; names of columns Django takes whole."""
        assert allowed(N, Values(("n", "total")))
        for name in ("n__year", "total__year", "n__date__year"):
            part = Ref(name)
            assert allowed(N, Values((part,)), OrderBy((Ordering(part),)))
            for step in (Values((name,)), ValuesList((name,)), Distinct((name,))):
                assert "give it a name of its own" in refusal(N, step)
        for name in ("n__count", "n__year__year", "total__x", "n__"):
            assert not allowed(N, Values((name,)))
            assert not allowed(N, Values((Ref(name),)))

    def test_the_name_that_django_gives(self) -> None:
        """Where Django would look for a path it is that name alone."""
        assert allowed(DEFAULT_NAME, Values(("tags__count",)), OrderBy(("-tags__count",)))
        assert not allowed(DEFAULT_NAME, Values(("tags__count__year",)))
        assert "without a double underscore" in refusal(DEFAULT_NAME, Distinct(("tags__count",)))


class TestOrder:
    def test_what_is_declared(self) -> None:
        assert allowed(OrderBy(("uid", "-branch__city", "rank", "total")))
        assert allowed(N, OrderBy(("-n",)))
        assert allowed(OrderBy(()))
        assert allowed(OrderBy((Ordering(Ref("rank")),)))
        assert allowed(OrderBy((Ordering(Ref("owner")), Ordering(Ref("branch__founded")))))

    @pytest.mark.parametrize(
        "name",
        [
            *("owner", "?", "--uid", "pk", "branch", "uid__gt", "branch__code", "-", "", "n"),
            *("secret", "-secret", "UID", "uid asc", "(SELECT 1)", "1", "RANDOM()", "full"),
        ],
    )
    def test_what_is_not(self, name: str) -> None:
        assert "cannot be ordered by" in refusal(OrderBy((name,)))
        assert "cannot be ordered by" in refusal(OrderBy(("uid", f"-{name}")))

    def test_expressions_of_what_is_not_readable(self) -> None:
        for path in ("secret", "branch__code", "?"):
            assert "shows no field" in refusal(OrderBy((Ordering(Ref(path)),)))
        hidden = Call("Lower", (Ref("rank"),))  # only by itself, as declared
        assert "shows no field" in refusal(OrderBy((Ordering(hidden),)))

    def test_messages(self) -> None:
        assert refusal(N, OrderBy(("-owner",))) == (
            "bank.Account cannot be ordered by 'owner'; legal are: n, branch__city, rank, total, "
            "uid."
        )
        found = rules(Account=model("Account"))
        with pytest.raises(QueryRefused, match="nothing is declared"):
            found.check(PLAN.then(OrderBy(("uid",))), "rows")


class TestRowsAlong:
    def test_single_relations(self) -> None:
        for names in ((), ("branch",), ("branch__parent__parent",), ("card", "zone")):
            assert allowed(SelectRelated(names))
        assert check(SelectRelated(("branch__parent", "card"))) == check(
            PrefetchRelated((Fetch("branch__parent"), Fetch("card")))
        )
        assert check(SelectRelated(("card",))).queried == {"bank.Card"}

    @pytest.mark.parametrize(
        "name",
        [
            *("vault", "tags", "transfer", "uid", "secret", "", "branch__", "branch__account"),
            *("branch__city", "full", "total", "transfer_set", "branch_id", "x" * 1000),
        ],
    )
    def test_others(self, name: str) -> None:
        assert len(refusal(SelectRelated((name,)))) < 500

    def test_prefetching(self) -> None:
        """By the names on instances, relations of every kind."""
        for path in ("transfer_set", "tags", "branch", "branch__accounts__transfer_set", "card"):
            assert allowed(PrefetchRelated((Fetch(path),)))
        for path in ("transfer", "vault", "uid", "secret", "branch__account", "", "full"):
            assert "prefetch_related cannot follow" in refusal(PrefetchRelated((Fetch(path),)))

    def test_loading(self) -> None:
        for step in (Only, Defer):
            for name in ("uid", "branch", "branch_id", "pk", "branch__city", "full", "total"):
                assert allowed(step((name,)))
            for name in ("secret", "branch__code", "tags", "n", "tags__slug", "uid__x", "", "x__y"):
                assert not allowed(N, step((name,)))
        found = check(Only(("branch__city",)))
        assert found.queried == {"bank.Branch"}
        assert not found.crossed


class TestJoins:
    def test_a_relation_counts_once(self) -> None:
        limits = QueryLimits(query_joins=1)
        names = ("branch__city", "branch__founded", "branch_id")
        rules(limits).check(PLAN.then(Values(names)).then(OrderBy(("branch__city",))), "rows")
        crossing = [Filter(Leaf("branch__city", "Bern"))] * 9
        rules(limits).check(Plan("bank.Account", tuple(crossing)), "rows")

    def test_a_relation_to_many_counts_in_every_filter(self) -> None:
        """Each filter joins anew; conditions of one filter share their join."""
        one = Filter(Node("and", False, (Leaf("transfer__amount__gt", 1),) * 2))
        limits = QueryLimits(query_joins=3)
        rules(limits).check(Plan("bank.Account", (one,) * 3), "rows")
        with pytest.raises(QueryRefused, match=r"crosses more relations than 3 \(QUERY_JOINS\)"):
            rules(limits).check(Plan("bank.Account", (one,) * 4), "rows")

    def test_of_queries_within(self) -> None:
        inner = Plan("bank.Account").then(Values(("branch__parent__city",)))
        plan = PLAN.then(Filter(Leaf("uid__in", Subquery(inner, "rows"))))
        rules(QueryLimits(query_joins=2)).check(plan, "rows")
        with pytest.raises(QueryRefused, match="QUERY_JOINS"):
            rules(QueryLimits(query_joins=1)).check(plan, "rows")
        along = PLAN.then(PrefetchRelated((Fetch("branch__accounts__tags"),)))
        with pytest.raises(QueryRefused, match="QUERY_JOINS"):
            rules(QueryLimits(query_joins=2)).check(along, "rows")


class TestWeight:
    def test_a_reference_costs_what_it_refers_to(self) -> None:
        """Annotations that double each other would make a query of a million terms."""
        steps: list[Any] = [Alias((("a0", Ref("uid")),))]
        for each in range(20):
            before = Ref(f"a{each}")
            steps.append(Alias(((f"a{each + 1}", Call("+", (before, before))),)))
        assert "(QUERY_NODES)" in refusal(*steps)

    @pytest.mark.parametrize(
        "use",
        [
            Filter(Node("or", False, (Leaf("heavy__gt", 1),) * 10)),
            OrderBy(("heavy",) * 10),
            Values(("heavy",) * 10),
            ValuesList(("heavy",) * 10),
            Distinct(("heavy",) * 10),
        ],
    )
    def test_wherever_it_stands(self, use: Any) -> None:
        heavy = Alias((("heavy", Call("Concat", (Ref("owner"),) * 30)),))
        assert allowed(heavy)
        assert "(QUERY_NODES)" in refusal(heavy, use)

    def test_what_is_declared_has_a_weight(self) -> None:
        assert allowed(Values(("total",) * 20))
        assert "(QUERY_NODES)" in refusal(Values(("total",) * 21))
        assert "(QUERY_NODES)" in refusal(OrderBy(("total",) * 21))
        assert "(QUERY_NODES)" in refusal(Filter(Node("or", False, (Leaf("total", 1),) * 19)))


def reading(path: str) -> list[Any]:
    """Return steps that read a path, in every place where one may stand."""
    return [
        Values((path,)),
        ValuesList(("uid", path)),
        Values((Call("Lower", (Ref(path),)),)),
        Distinct((path,)),
        Annotate((("x", Ref(path)),)),
        Alias((("x", Call("Max", (Ref(path),))),)),
        OrderBy((Ordering(Call("Upper", (Ref(path),))),)),
        Filter(Leaf("uid", Ref(path))),
        Annotate((("x", Case(((Leaf("uid", 1), Ref(path)),))),)),
    ]
