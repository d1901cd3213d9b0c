"""What all remote querysets share: copies, and what is known without asking."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Case, Count, Exists, F, OuterRef, Prefetch, Q, Sum, When
from django.db.models.functions import Coalesce

from chunnel import remote
from chunnel.client.lifting import lift
from chunnel.client.options import DEFAULT_OPTIONS
from chunnel.client.planned import Source
from chunnel.test import assertNumRPCs, override_remote
from chunnel.values import QuerySetRef, RowSet
from tests.apps.bank.models import Account as LocalAccount

Account = remote.economy.bank.Account
Branch = remote.economy.bank.Branch
ROWS = RowSet("bank.Account", ("pk", "uid"), ([1, 2], [5, 6]))


def returned(**options: Any) -> Any:
    source = Source("bank.rich", (3,), {"x": 1}, DEFAULT_OPTIONS.replace(**options))
    return lift("economy", QuerySetRef("bank.Account"), source)


@pytest.mark.parametrize(
    "queryset",
    [
        Account.objects.using(timeout=3).filter(uid=1),
        Account.objects.filter(uid=1).none(),
        Account.objects.filter(uid=OuterRef("pk")),
        Account.objects.fetch_mode("peers").order_by(F("uid").desc()),
        Account.objects.values_list("uid", named=True),
        Account.objects.prefetch_related(Prefetch("branch", Branch.objects.all())),
        Account.objects.filter(Exists(Account.objects.all())),
        returned(timeout=2).filter(uid=1),
    ],
)  # fmt: skip
def test_copies(queryset: Any) -> None:
    """Pickles, copies and clones have the same plan, and are no request."""
    with assertNumRPCs(0):
        for again in (
            pickle.loads(pickle.dumps(queryset)),
            copy.copy(queryset),
            copy.deepcopy(queryset),
            queryset.all(),
        ):
            assert again is not queryset
            assert type(again) is type(queryset)
            assert again.model is Account
            for name, value in vars(queryset).items():
                assert getattr(again, name) == value, name


def test_a_returned_queryset_makes_its_call_again() -> None:
    """With what it was called with, and the plan beside the arguments."""
    seen = []

    def rich(*args: Any, **kwargs: Any) -> RowSet:
        seen.append((args, kwargs))
        return ROWS

    with override_remote("economy", {"bank.rich": rich}):
        found = returned(timeout=2).filter(uid=1)
        assert [each.uid for each in found] == [5, 6]
        request = found._evaluation("count", finish=int)
    assert seen == [((3,), {"x": 1})]
    assert request.options.timeout == 2
    assert request.options.effect == "read"
    assert request.options.refine == [
        ["bank.Account", [["filter", ["=", "uid", 1]]]],
        "count",
    ]


def test_what_a_method_answers_beside_its_value() -> None:
    """The fields that changed are none of the queryset's."""
    fakes = {"bank.rich": lambda *_, **__: [ROWS, None]}
    with override_remote("economy", fakes):
        assert [each.uid for each in returned()] == [5, 6]


def test_outer_references_want_a_query_around() -> None:
    """Alone such a queryset is refused in Django's words, before any request."""
    with assertNumRPCs(0), pytest.raises(ValueError, match="reference to an outer query and may"):
        list(Account.objects.filter(uid=OuterRef("pk")))


def test_ordered() -> None:
    """As the plan says; of a returned queryset nothing is known."""
    assert Account.objects.order_by("uid").ordered is True
    assert Account.objects.dates("opened", "year").ordered is True
    assert Account.objects.none().ordered is True
    assert returned().ordered is None
    assert returned().order_by("uid").ordered is True


@pytest.mark.parametrize(
    "grouped",
    [
        lambda qs: qs.annotate(n=Count("uid")),
        lambda qs: qs.values("owner").annotate(n=Count("uid") + 1),
        lambda qs: qs.alias(n=Coalesce(Sum("uid"), 0)).annotate(m=F("n")),
        lambda qs: qs.alias(n=Sum("uid")).annotate(m=Q(n__gt=1)),
        lambda qs: qs.annotate(m=Case(When(uid=1, then=Sum("uid")))),
    ],
)
def test_groups_have_no_order(grouped: Callable[[Any], Any]) -> None:
    """The model's own is for rows, as in Django."""
    assert grouped(LocalAccount.objects.all()).ordered is False
    assert grouped(Account.objects.all()).ordered is False
    assert grouped(Account.objects.all()).order_by("uid").ordered is True


def test_what_groups_nothing() -> None:
    """Values of the row, and aggregates of another query."""
    inner = Account.objects.annotate(n=Count("uid")).filter(n=OuterRef("uid"))
    for found in (
        Account.objects.annotate(x=F("uid") + 1, y=Q(uid=1), z=Exists(inner)),
        Account.objects.all(),
    ):
        assert found.ordered is None
