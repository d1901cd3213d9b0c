"""The gate: what a declaration allows, and what refusals say."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunnel.exceptions import QueryRefused
from chunnel.plans import (
    DEFAULT_LIMITS,
    OPERATIONS,
    Exclude,
    Filter,
    Leaf,
    Node,
    OrderBy,
    Plan,
    QueryLimits,
    Rules,
    Slice,
    Values,
    ValuesList,
)
from chunnel.schema import FieldSchema, ModelSchema
from chunnel.values import InstanceRef

SCHEMA = ModelSchema(
    name="Account",
    doc="",
    verbose_name="account",
    verbose_name_plural="accounts",
    pk="id",
    fields=(
        FieldSchema("uid", "IntegerField", "uid"),
        FieldSchema("owner", "CharField", "owner"),
        FieldSchema("branch", "ForeignKey", "branch", relation="bank.Branch"),
    ),
    filter_fields=(
        ("uid", ("exact", "in")),
        ("owner", ("icontains",)),
        ("branch", ("exact", "isnull")),
        ("branch__city", ("exact",)),
        ("opened", ("date__gte",)),
    ),
    ordering_fields=("uid", "branch__city"),
    ordering=(),
)
RULES = Rules("bank.Account", {"bank.Account": SCHEMA}.get)
PLAN = Plan("bank.Account")


def allowed(step: Any) -> bool:
    try:
        RULES.check(PLAN.then(step), "rows")
    except QueryRefused:
        return False
    return True


def refusal(step: Any) -> str:
    with pytest.raises(QueryRefused) as raised:
        RULES.check(PLAN.then(step), "rows")
    assert not raised.value.maybe_executed
    return str(raised.value)


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
            "opened__date__gte",
        ],
    )
    def test_what_is_declared(self, key: str) -> None:
        assert allowed(Filter(Leaf(key, 1)))
        assert allowed(Exclude(Node("or", True, (Leaf(key, 1),))))

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
        ],
    )
    def test_what_is_not(self, key: str) -> None:
        assert not allowed(Filter(Leaf(key, 1)))
        assert not allowed(Exclude(Node("and", False, (Leaf("uid", 1), Leaf(key, 1)))))

    @given(st.text(alphabet="abcdefghiklmnoprstuwxyd_", max_size=30))
    def test_no_other_spelling(self, key: str) -> None:
        assert allowed(Filter(Leaf(key, 1))) is (key in RULES.table.keys)

    def test_a_lookup_is_named_with_the_legal_ones(self) -> None:
        assert refusal(Filter(Leaf("uid__gt", 1))) == (
            "bank.Account does not allow the lookup 'gt' of 'uid'; legal are: exact, in."
        )
        assert refusal(Filter(Leaf("owner", 1))) == (
            "bank.Account does not allow the lookup 'exact' of 'owner'; legal are: icontains."
        )

    def test_a_field_is_named_with_the_legal_ones(self) -> None:
        assert refusal(Filter(Leaf("secret__startswith", 1))) == (
            "bank.Account cannot be filtered by 'secret__startswith'; "
            "legal are: pk, branch, branch__city, opened, owner, uid."
        )

    def test_a_long_key_is_cut(self) -> None:
        assert len(refusal(Filter(Leaf("a" * 100_000, 1)))) < 500


class TestOrderAndRows:
    def test_order(self) -> None:
        assert allowed(OrderBy(("uid", "-branch__city")))
        assert allowed(OrderBy(()))
        for name in ("owner", "?", "--uid", "pk", "branch", "uid__gt", "branch__code", "-"):
            assert not allowed(OrderBy((name,)))
        assert refusal(OrderBy(("-owner",))) == (
            "bank.Account cannot be ordered by 'owner'; legal are: branch__city, uid."
        )

    def test_nothing_to_order_by(self) -> None:
        rules = Rules("bank.Account", {"bank.Account": SCHEMA._replace(ordering_fields=())}.get)
        with pytest.raises(QueryRefused, match="nothing is declared"):
            rules.check(PLAN.then(OrderBy(("uid",))), "rows")

    def test_rows(self) -> None:
        for names in ((), ("uid",), ("branch", "branch_id", "pk", "id")):
            assert allowed(Values(names))
            assert allowed(ValuesList(names))
        for name in ("secret", "branch__city", "uid__gt", "branch_pk", "owner_id"):
            assert not allowed(Values((name,)))
            assert not allowed(ValuesList(("uid", name)))
        assert not allowed(ValuesList(("uid", "owner"), flat=True))


class TestOperations:
    def test_each(self) -> None:
        for op in OPERATIONS:
            RULES.check(PLAN, op)
        for op in ("delete", "", "ROWS", "all"):
            with pytest.raises(QueryRefused, match="no operation"):
                RULES.check(PLAN, op)

    def test_another_model(self) -> None:
        with pytest.raises(QueryRefused, match="another model"):
            RULES.check(Plan("bank.Branch"), "rows")


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            5,
            -(2**64),
            1.5,
            float("nan"),
            "x",
            b"x",
            Decimal("1.5"),
            datetime.datetime(2026, 1, 1),
            datetime.date(2026, 1, 1),
            datetime.time(1),
            datetime.timedelta(1),
            uuid.UUID(int=1),
            [1, 2],
            (1, 2),
            {1},
            frozenset({1}),
            InstanceRef("bank.Branch", 5),
            [InstanceRef("bank.Branch", 5)],
        ],
    )
    def test_plain_ones(self, value: Any) -> None:
        assert allowed(Filter(Leaf("uid", value)))

    @pytest.mark.parametrize(
        "value",
        [{"a": 1}, object(), [[1]], [(1,)], {(1,)}, [{}], InstanceRef("a.B", [1]), 1j, range(3)],
    )
    def test_others(self, value: Any) -> None:
        assert "cannot hold a value of type" in refusal(Filter(Leaf("uid", value)))


class TestLimits:
    @pytest.mark.parametrize(
        ("step", "name"),
        [
            (Filter(Leaf("uid", "x" * 4097)), "QUERY_STRING"),
            (Filter(Leaf("uid", b"x" * 4097)), "QUERY_STRING"),
            (Filter(Leaf("uid__in", list(range(1001)))), "QUERY_LIST"),
            (Filter(Leaf("uid__in", set(range(1001)))), "QUERY_LIST"),
            (Filter(Leaf("uid", 10**120)), "QUERY_DIGITS"),
            (Filter(Leaf("uid", Decimal("1e1000000"))), "QUERY_DIGITS"),
            (Filter(Leaf("uid", Decimal("1e-1000000"))), "QUERY_DIGITS"),
            (Filter(Leaf("uid", Decimal("1" * 101))), "QUERY_DIGITS"),
            (Filter(Node("and", False, (Leaf("uid", 1),) * 200)), "QUERY_NODES"),
            (Slice(1_000_001, None), "QUERY_OFFSET"),
            (Slice(0, 1_000_001), "QUERY_OFFSET"),
        ],
    )
    def test_each_names_its_setting(self, step: Any, name: str) -> None:
        assert f"({name})" in refusal(step)

    def test_nodes_of_all_filters_together(self) -> None:
        plan = PLAN
        for _ in range(3):
            plan = plan.then(Filter(Node("or", False, (Leaf("uid", 1),) * 70)))
        with pytest.raises(QueryRefused, match="QUERY_NODES"):
            RULES.check(plan, "rows")

    def test_depth(self) -> None:
        tree: Any = Leaf("uid", 1)
        for _ in range(DEFAULT_LIMITS.query_depth - 1):
            tree = Node("and", True, (tree,))
        assert allowed(Filter(tree))
        assert "(QUERY_DEPTH)" in refusal(Filter(Node("and", False, (tree,))))

    def test_steps(self) -> None:
        plan = Plan("bank.Account", (OrderBy(()),) * 65)
        with pytest.raises(QueryRefused, match="QUERY_STEPS"):
            RULES.check(plan, "rows")

    def test_names(self) -> None:
        for step in (OrderBy, Values, ValuesList):
            assert "(QUERY_NAMES)" in refusal(step(("uid",) * 201))

    def test_numbers_that_are_none(self) -> None:
        for value in ("NaN", "Infinity", "sNaN"):
            assert "not a number" in refusal(Filter(Leaf("uid", Decimal(value))))

    def test_from_settings(self) -> None:
        limits = QueryLimits.from_settings({"QUERY_LIST": 5, "MAX_MESSAGE": 1})
        assert limits == replace(DEFAULT_LIMITS, query_list=5)
        rules = Rules("bank.Account", {"bank.Account": SCHEMA}.get, limits)
        with pytest.raises(QueryRefused, match="longer than 5"):
            rules.check(PLAN.then(Filter(Leaf("uid__in", [1] * 6))), "rows")
