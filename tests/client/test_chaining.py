"""Methods that return another queryset: what they add to the plan, and what they refuse."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import (
    Avg,
    Count,
    F,
    FilteredRelation,
    Prefetch,
    Sum,
    Value,
)
from django.db.models.functions import Lower
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesIterable,
    ValuesListIterable,
)

from chunnel import QueryRefused, remote, remotes
from chunnel.client.chaining import row_names
from chunnel.client.classes import remote_class
from chunnel.client.keyed import OF_VALUES
from chunnel.plans import (
    Alias,
    Annotate,
    Call,
    Dates,
    Datetimes,
    Defer,
    Distinct,
    Exclude,
    Fetch,
    Filter,
    Leaf,
    Literal,
    Only,
    OrderBy,
    Ordering,
    Plan,
    PrefetchRelated,
    Ref,
    Reverse,
    SelectRelated,
    Slice,
    Values,
    ValuesList,
)
from chunnel.test import assertNumRPCs
from tests.apps.bank.models import Account as LocalAccount

from .bank import bank  # noqa: F401 - a fixture

Account = remote.economy.bank.Account
Branch = remote.economy.bank.Branch
Abroad = remote_class("lab", "money", "Account")  # of a remote that no settings have
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
LOWER = Call("Lower", (Ref("owner"),))
COUNT = Call("Count", (Ref("uid"),))


@pytest.mark.parametrize(
    ("chain", "step"),
    [
        (lambda qs: qs.filter(uid=1), Filter(Leaf("uid", 1))),
        (lambda qs: qs.exclude(uid=1), Exclude(Leaf("uid", 1))),
        (lambda qs: qs.complex_filter({"uid": 1}), Filter(Leaf("uid", 1))),
        (lambda qs: qs.distinct(), Distinct()),
        (lambda qs: qs.distinct("uid"), Distinct(("uid",))),
        (lambda qs: qs.order_by("-uid", F("owner").desc()),
         OrderBy(("-uid", Ordering(Ref("owner"), True)))),
        (lambda qs: qs.order_by(), OrderBy(())),
        (lambda qs: qs.reverse(), Reverse()),
        (lambda qs: qs[2:5], Slice(2, 5)),
        (lambda qs: qs[2:], Slice(2, None)),
        (lambda qs: qs.annotate(x=Lower("owner")), Annotate((("x", LOWER),))),
        (lambda qs: qs.annotate(Count("uid")), Annotate((("uid__count", COUNT),))),
        (lambda qs: qs.annotate(Count("uid"), x=Value(1)),
         Annotate((("uid__count", COUNT), ("x", Literal(1))))),
        (lambda qs: qs.alias(x=Lower("owner")), Alias((("x", LOWER),))),
        (lambda qs: qs.values(), Values(())),
        (lambda qs: qs.values("uid", x=Lower("owner")), Values(("uid",), (("x", LOWER),))),
        (lambda qs: qs.values_list("uid"), ValuesList(("uid",))),
        (lambda qs: qs.values_list("uid", Lower("owner")), ValuesList(("uid", LOWER))),
        (lambda qs: qs.values_list("uid", flat=True), ValuesList(("uid",), flat=True)),
        (lambda qs: qs.values_list(named=True), ValuesList((), named=True)),
        (lambda qs: qs.dates("opened", "month"), Dates("opened", "month", "ASC")),
        (lambda qs: qs.datetimes("opened", "hour", "DESC"), Datetimes("opened", "hour", "DESC")),
        (lambda qs: qs.datetimes("opened", "hour", tzinfo=BERLIN),
         Datetimes("opened", "hour", "ASC", "Europe/Berlin")),
        (lambda qs: qs.only("uid"), Only(("uid",))),
        (lambda qs: qs.only(), Only(())),
        (lambda qs: qs.defer("uid", "owner"), Defer(("uid", "owner"))),
        (lambda qs: qs.defer(None), Defer(())),
        (lambda qs: qs.select_related("branch"), SelectRelated(("branch",))),
        (lambda qs: qs.select_related(None), SelectRelated(())),
        (lambda qs: qs.prefetch_related("a", "a__b"), PrefetchRelated((Fetch("a"), Fetch("a__b")))),
        (lambda qs: qs.prefetch_related(None), PrefetchRelated(())),
        (lambda qs: qs.prefetch_related(Prefetch("a__b", Branch.objects.filter(city="Ulm"), "c")),
         PrefetchRelated(
             (Fetch("a__b", Plan("bank.Branch", (Filter(Leaf("city", "Ulm")),)), "c"),))),
        (lambda qs: qs.prefetch_related(Prefetch("a")), PrefetchRelated((Fetch("a"),))),
    ],
)  # fmt: skip
def test_steps(chain: Callable[[Any], Any], step: Any) -> None:
    """Each call is one step and no request, and leaves what it was called on as it was."""
    first = Account.objects.all()
    with assertNumRPCs(0):
        found = chain(first)
    assert found._plan.steps == (step,)
    assert Plan.from_wire(found._plan.to_wire()) == found._plan
    assert first._plan.steps == ()


@pytest.mark.parametrize(
    "chain",
    [
        lambda qs: qs.all(),
        lambda qs: qs.filter(),
        lambda qs: qs.exclude(),
        lambda qs: qs.annotate(),
        lambda qs: qs.alias(),
        lambda qs: qs.defer(),
        lambda qs: qs.prefetch_related(),
    ],
)
def test_nothing_to_do(chain: Callable[[Any], Any]) -> None:
    """A copy then, as in Django."""
    first = Account.objects.filter(uid=1)
    found = chain(first)
    assert found is not first
    assert found._plan == first._plan


COMBINED = [
    lambda qs: qs.union(qs).filter(uid=1),
    lambda qs: qs.union(qs).exclude(uid=1),
    lambda qs: qs.union(qs).get(uid=1),
    lambda qs: qs.union(qs).annotate(x=Value(1)),
    lambda qs: qs.union(qs).alias(x=Value(1)),
    lambda qs: qs.union(qs).distinct(),
    lambda qs: qs.union(qs).only("uid"),
    lambda qs: qs.union(qs).defer("uid"),
    lambda qs: qs.union(qs).select_related("branch"),
    lambda qs: qs.union(qs).prefetch_related("branch"),
    lambda qs: qs.union(qs).dates("opened", "year"),
    lambda qs: qs.union(qs).contains(1),
    lambda qs: qs.union(qs).update(owner="x"),
    lambda qs: qs.union(qs).delete(),
    lambda qs: qs.intersection(qs).filter(uid=1),
    lambda qs: qs.difference(qs).filter(uid=1),
    lambda qs: qs.union(qs) & qs,
    lambda qs: qs | qs.union(qs),
    lambda qs: qs ^ qs.union(qs),
]
SLICED = [
    lambda qs: qs[:1].filter(uid=1),
    lambda qs: qs[:1].exclude(uid=1),
    lambda qs: qs[:1].complex_filter({"uid": 1}),
    lambda qs: qs[:1].get(uid=1),
    lambda qs: qs[:1].order_by("uid"),
    lambda qs: qs[:1].reverse(),
    lambda qs: qs[:1].last(),
    lambda qs: qs[:1].distinct(),
    lambda qs: qs[:1].dates("opened", "year"),
    lambda qs: qs[:1].datetimes("opened", "year"),
    lambda qs: qs[:1].latest("uid"),
    lambda qs: qs[:1].earliest("uid"),
    lambda qs: qs[:1].in_bulk([1]),
    lambda qs: qs[:1].update(owner="x"),
    lambda qs: qs[:1].delete(),
    lambda qs: qs[:1] & qs,
]
MISUSED = [
    lambda qs: qs.filter(_connector="OR"),
    lambda qs: qs.values_list("uid", flat=True, named=True),
    lambda qs: qs.values_list("uid", "owner", flat=True),
    lambda qs: qs.values("uid").select_related("branch"),
    lambda qs: qs.values_list("uid").only("uid"),
    lambda qs: qs.values("uid").defer("uid"),
    lambda qs: qs.values("uid").delete(),
    lambda qs: qs.values("uid").contains(1),
    *([] if OF_VALUES else [lambda qs: qs.values("uid").in_bulk([1])]),
    lambda qs: qs.only(None),
    lambda qs: qs.contains(3),
    lambda qs: qs.dates("opened", "hour"),
    lambda qs: qs.dates("opened", "year", "up"),
    lambda qs: qs.datetimes("opened", "decade"),
    lambda qs: qs.datetimes("opened", "year", "up"),
    lambda qs: qs.annotate(3),
    lambda qs: qs.annotate(x=3, y="a"),
    lambda qs: qs.alias(x=3),
    lambda qs: qs.aggregate(x=3),
    lambda qs: qs.annotate(Sum(F("uid") + 1)),
    lambda qs: qs.annotate(F("uid")),
    lambda qs: qs.aggregate(Sum(F("uid") + 1)),
    lambda qs: qs.annotate(Avg("uid"), uid__avg=Count("uid")),
    lambda qs: qs.values("uid").annotate(uid=Count("owner")),
    lambda qs: qs.distinct("uid").aggregate(Count("uid")),
    lambda qs: qs.distinct("uid").delete(),
    lambda qs: qs.distinct() & qs,
    lambda qs: qs[-1],
    lambda qs: qs[:-1],
    lambda qs: qs["x"],
    lambda qs: qs.iterator(chunk_size=0),
    lambda qs: qs.prefetch_related("branch").iterator(),
    lambda qs: qs.values("uid") & qs.values("owner"),
    lambda qs: qs.bulk_update([], []),
    lambda qs: qs.bulk_update([], ["owner"], batch_size=0),
    lambda qs: qs.bulk_update([], ["pk"]),
    lambda qs: qs.bulk_create([], batch_size=-1),
    lambda qs: qs.bulk_create([1], ignore_conflicts=True, update_conflicts=True),
    lambda qs: qs.prefetch_related(Prefetch("branch", qs.values("uid"))),
]


@pytest.mark.parametrize("misuse", [*COMBINED, *SLICED, *MISUSED])
def test_django_s_own_words(misuse: Callable[[Any], Any]) -> None:
    """What Django refuses is refused here with the same error, before any request."""
    with pytest.raises(Exception) as local:  # noqa: PT011 - whatever Django raises
        misuse(LocalAccount.objects.all())
    with assertNumRPCs(0), pytest.raises(Exception) as ours:  # noqa: PT011
        misuse(Account.objects.all())
    assert type(ours.value) is type(local.value)
    assert str(ours.value).replace("RemoteQuerySet", "QuerySet") == str(local.value).replace(
        "AccountQuerySet", "QuerySet"
    )


@pytest.mark.parametrize(
    "refused",
    [
        lambda qs: qs.order_by(3),
        lambda qs: qs.values(3),
        lambda qs: qs.values_list(3),
        lambda qs: qs.distinct(Lower("owner")),
        lambda qs: qs.filter(3),
        lambda qs: qs.using("replica"),
        lambda qs: qs.select_related(),
        lambda qs: qs.prefetch_related(3),
        lambda qs: qs.prefetch_related(Prefetch("branch", LocalAccount.objects.all())),
        lambda qs: qs.annotate(x=FilteredRelation("branch")),
        lambda qs: qs.datetimes(
            "opened", "year", tzinfo=datetime.timezone(datetime.timedelta(hours=1))
        ),
        lambda qs: qs.fetch_mode("one"),
        lambda qs: qs.bulk_create([1], update_conflicts=True),
    ],
)
def test_not_supported(refused: Callable[[Any], Any]) -> None:
    """What Django might take and a remote queryset does not is refused by name."""
    with assertNumRPCs(0), pytest.raises(NotSupportedError):
        refused(Account.objects.all())


def test_prefetches_of_another_remote() -> None:
    """Both are named."""
    with pytest.raises(ValueError, match="'branch' has a queryset of lab; it takes one of economy"):
        Account.objects.prefetch_related(Prefetch("branch", Abroad.objects.all()))


def test_what_code_looks_for() -> None:
    """Attributes by which Django and libraries see what rows are and what is prefetched."""
    qs = Account.objects.all()
    assert qs._iterable_class is ModelIterable
    assert qs.values()._iterable_class is ValuesIterable
    assert qs.values_list()._iterable_class is ValuesListIterable
    assert qs.values_list("uid", flat=True)._iterable_class is FlatValuesListIterable
    assert qs.values_list("uid", named=True)._iterable_class is NamedValuesListIterable
    assert qs.dates("opened", "year")._iterable_class is FlatValuesListIterable
    assert qs._fields is None
    assert qs.values("uid", "owner")._fields == ("uid", "owner")
    some = qs.prefetch_related("a", Prefetch("b__c", to_attr="d"))
    assert some._prefetch_related_lookups == ("a", "b__d")
    assert some.prefetch_related(None)._prefetch_related_lookups == ()


def test_fetch_mode() -> None:
    """By name, kept by what is chained on."""
    assert Account.objects.fetch_mode("peers").filter(uid=1)._mode == "peers"
    assert Account.objects.fetch_mode("raise")._mode == "raise"


def test_names_of_rows() -> None:
    """Those that Django gives the columns of values_list()."""
    assert row_names(("a", "b")) == ("a", "b")
    assert row_names(("a", Lower("a"), Lower("b"), "a", Count("c"))) == (
        "a", "lower1", "lower2", "a2", "c__count2",
    )  # fmt: skip


def test_refused_at_once_where_the_schema_is_held(bank: str) -> None:  # noqa: F811
    """Where it is not, at evaluation by the server; a subquery is judged with what is around it."""
    late = Account.objects.filter(secret="x")
    with pytest.raises(QueryRefused, match="secret"):
        list(late)
    remotes["economy"].schema()
    with assertNumRPCs(0):
        refusals: list[Callable[[], Any]] = [
            lambda: Account.objects.filter(secret="x"),
            lambda: Account.objects.order_by("secret"),
            lambda: Account.objects.values("secret"),
            lambda: Account.objects.annotate(x=F("secret")),
            lambda: Account.objects.only("secret"),
        ]
        for refused in refusals:
            with pytest.raises(QueryRefused, match="secret"):
                refused()
        with pytest.raises(ValueError, match="'uid' conflicts with a field on the model"):
            Account.objects.annotate(uid=Value(1))
