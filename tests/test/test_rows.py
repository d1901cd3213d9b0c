"""Plans on lists of dicts: what a fake model can do, compared with the ORM where it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Avg, Count, Exists, F, Max, Min, Q, StdDev, Sum, Value
from django.db.models.functions import Lower

from chunnel import remote
from chunnel.plans.plan import Dates, Plan
from chunnel.test import override_remote
from chunnel.test.rows import FakeRows

from ..client.bank import bank  # noqa: F401 - a fixture

FIELDS = ("uid", "owner", "balance", "branch_id")

SAME: list[Callable[[Any], Any]] = [
    lambda o: o.all(),
    lambda o: o.filter(balance__gt=10),
    lambda o: o.filter(balance__lte=10, uid__in=[0, 1, 7]),
    lambda o: o.filter(Q(uid=1) | Q(uid__gt=3)),
    lambda o: o.filter(~Q(uid=1) & Q(uid__lte=3)),
    lambda o: o.filter(Q(uid=1) ^ Q(uid__lte=2)),
    lambda o: o.exclude(uid=1),
    lambda o: o.exclude(Q(uid=1) | Q(uid=2)),
    lambda o: o.filter(owner__icontains="O"),
    lambda o: o.filter(branch__isnull=False).filter(uid=1),
    lambda o: o.order_by("-balance"),
    lambda o: o.order_by("balance").reverse(),
    lambda o: o.order_by("-uid")[1:4],
    lambda o: o.order_by("uid")[1:4][1:],
    lambda o: o.order_by("uid")[2:],
    lambda o: o.filter(balance__gt=F("uid")),
    lambda o: o.filter(uid__lte=2) | o.filter(uid__gt=2),
    lambda o: o.filter(uid__lte=3) & o.filter(uid__gt=1),
    lambda o: o.filter(uid__lte=3) ^ o.filter(uid__gt=1),
    lambda o: o.none(),
]


@pytest.mark.parametrize("place", range(len(SAME)))
def test_like_the_orm(bank: str, place: int) -> None:  # noqa: F811
    """The same query on the real thing and on its rows gives the same."""
    objects = remote.economy.bank.Account.objects
    rows = [
        {**row, "branch": row["branch_id"]}
        for row in objects.order_by("uid").values("uid", "owner", "balance", "branch_id")
    ]
    query = SAME[place]

    def ask() -> list[Any]:
        found = query(objects)
        return [
            list(found.values_list("uid", flat=True)),
            list(found.values("uid", "owner")),
            list(found.values_list(*FIELDS)),
            found.count(),
            found.exists(),
            [account.uid for account in found],
            found.values("uid").first(),
        ]

    real = ask()
    with override_remote("economy", {"bank.Account": rows}):
        assert ask() == real


class TestOffline:
    """What needs no comparison."""

    ROWS = ({"uid": 1, "name": "Ann", "age": None}, {"uid": 2, "name": "bob", "age": 5})

    def _found(self, **conditions: Any) -> list[int]:
        with override_remote("economy", {"money.Person": list(self.ROWS)}):
            found = remote.economy.money.Person.objects.filter(**conditions)
            return list(found.values_list("uid", flat=True))

    @pytest.mark.parametrize(
        ("conditions", "expected"),
        [
            ({"pk": 1}, [1]),
            ({"pk__in": [2]}, [2]),
            ({"name__iexact": "BOB"}, [2]),
            ({"name__contains": "n"}, [1]),
            ({"name__startswith": "A"}, [1]),
            ({"name__istartswith": "B"}, [2]),
            ({"name__endswith": "b"}, [2]),
            ({"name__iendswith": "N"}, [1]),
            ({"age__gt": 1}, [2]),
            ({"age__range": (1, 5)}, [2]),
            ({"age__isnull": True}, [1]),
            ({"age": None}, [1]),
        ],
    )
    def test_lookups(self, conditions: dict[str, Any], expected: list[int]) -> None:
        """NULL compares with nothing."""
        assert self._found(**conditions) == expected

    def _people(self, query: Callable[[Any], Any]) -> Any:
        rows = [*self.ROWS, {"uid": 3, "name": "bob", "age": 7}]
        with override_remote("economy", {"money.Person": rows}):
            return query(remote.economy.money.Person.objects)

    def test_aggregates(self) -> None:
        """Of fields, with the options that need nothing else; NULL counts for nothing."""
        assert self._people(
            lambda o: o.aggregate(
                Count("age"),
                Max("age"),
                Min("age"),
                Avg("age"),
                every=Count("*"),
                all=Sum("age"),
                names=Count("name", distinct=True),
                bobs=Sum("age", filter=Q(name="bob") & Q(age__gt=5)),
                none=Sum("age", filter=Q(name="x")),
                nil=Sum("age", filter=Q(name="x"), default=0),
            )
        ) == {
            "all": 12,
            "names": 2,
            "bobs": 7,
            "none": None,
            "nil": 0,
            "every": 3,
            "age__count": 2,
            "age__max": 7,
            "age__min": 5,
            "age__avg": 6,
        }

    def test_distinct_values(self) -> None:
        """Whole rows are as different as their keys; values are compared before a slice."""
        names = self._people(lambda o: list(o.values_list("name", flat=True).distinct()))
        assert names == ["Ann", "bob"]
        assert self._people(lambda o: o.distinct().count()) == 3
        assert self._people(lambda o: o.values("name").distinct().count()) == 2
        assert self._people(lambda o: list(o.values("name").distinct()[1:3])) == [{"name": "bob"}]

    def test_where_nulls_go(self) -> None:
        """First in the order, unless it says otherwise."""

        def uids(*order: Any) -> Any:
            return self._people(lambda o: list(o.order_by(*order).values_list("uid", flat=True)))

        assert uids("age") == [1, 2, 3]
        assert uids("-age") == [3, 2, 1]
        assert uids(F("age").asc(nulls_last=True)) == [2, 3, 1]
        assert uids(F("age").desc(nulls_first=True)) == [1, 3, 2]
        assert uids(F("age").desc(nulls_last=True)) == [3, 2, 1]

    def test_only_some_fields(self) -> None:
        """A field that was left out was not fetched, as from the real thing."""

        def fields(query: Callable[[Any], Any]) -> set[str]:
            person = self._people(lambda o: query(o).order_by("uid").first())
            return {name for name in ("uid", "name", "age") if hasattr(person, name)}

        assert fields(lambda o: o.only("uid", "name")) == {"uid", "name"}
        assert fields(lambda o: o.only("uid", "name").defer("name")) == {"uid"}
        assert fields(lambda o: o.defer("age").only("age")) == {"age"}
        assert fields(lambda o: o.defer("age", "name")) == {"uid"}
        assert fields(lambda o: o.defer("age").defer(None)) == {"uid", "name", "age"}

    def test_what_conditions_compare_with(self) -> None:
        """Values in disguise, and instances for their keys."""
        found = self._people(lambda o: list(o.filter(uid=Value(2))))
        assert [each.uid for each in found] == [2]
        assert self._people(lambda o: o.filter(uid=found[0]).count()) == 1

    def test_nothing_is_joined_in(self) -> None:
        assert self._people(lambda o: (o.filter(uid=1) | o.none()).count()) == 1

    def test_rows_in_batches(self) -> None:
        assert self._people(lambda o: [each.uid for each in o.iterator(chunk_size=2)]) == [1, 2, 3]
        assert self._people(lambda o: list(o.filter(uid=9).iterator())) == []

    @pytest.mark.parametrize(
        ("query", "culprit"),
        [
            (lambda o: list(o.annotate(double=F("age") * 2)), "Annotate"),
            (lambda o: list(o.select_related("branch")), "SelectRelated"),
            (lambda o: list(o.prefetch_related("branch")), "PrefetchRelated"),
            (lambda o: list(o.dates("born", "year")), "Dates"),
            (lambda o: list(o.union(o.all())), "Combine"),
            (lambda o: list(o.order_by(Lower("name"))), "Lower"),
            (lambda o: list(o.filter(name=Lower("name"))), "Lower"),
            (lambda o: list(o.filter(Exists(o.all()))), "Subquery"),
            (lambda o: list(o.values(low=Lower("name"))), "of expressions"),
            (lambda o: list(o.values_list(Lower("name"))), "of expressions"),
            (lambda o: o.aggregate(x=StdDev("age")), "StdDev"),
            (lambda o: o.aggregate(x=Sum(F("age") * 2)), r"\*"),
            (lambda o: o.create(name="Eve"), r"objects\.create"),
            (lambda o: o.update(name="Eve"), r"objects\.update"),
            (lambda o: o.all().delete(), r"objects\.delete"),
        ],
    )
    def test_what_it_refuses_by_name(self, query: Callable[[Any], Any], culprit: str) -> None:
        """Also writes: nothing goes to the real thing in the place of a fake."""
        with pytest.raises(NotSupportedError, match=culprit):
            self._people(query)

    @pytest.mark.parametrize("conditions", [{"name__regex": "x"}, {"nothing": 1}, {"x__gt": 1}])
    def test_what_it_cannot_do(self, conditions: dict[str, Any]) -> None:
        """It says so; a fake never widens a query."""
        with pytest.raises(NotSupportedError):
            self._found(**conditions)

    def test_steps_that_it_cannot_do(self) -> None:
        """Plans know more than querysets make, so that these may come to make it."""
        plan = Plan("money.Person", (Dates("born", "year"),))
        with pytest.raises(NotSupportedError, match="Fake rows cannot do Dates"):
            FakeRows("economy", "money.Person", self.ROWS)(plan.to_wire(), "count")

    def test_single_rows(self) -> None:
        """get, first and last in each form."""
        with override_remote("economy", {"money.Person": list(self.ROWS)}):
            person = remote.economy.money.Person
            objects = person.objects
            assert objects.order_by("age").first().uid == 1
            assert objects.last().name == "bob"
            assert objects.filter(uid=3).first() is None
            assert objects.values("uid").get(uid=1) == {"uid": 1}
            assert objects.values_list("uid").get(uid=1) == (1,)
            assert objects.values_list("uid", flat=True).get(uid=1) == 1
            assert objects.values().first() == {"uid": 1, "name": "Ann", "age": None}
            with pytest.raises(person.MultipleObjectsReturned, match="returned 2"):
                objects.get()

    def test_no_rows(self) -> None:
        """An empty table is a table."""
        with override_remote("economy", {"money.Person": []}):
            assert list(remote.economy.money.Person.objects.all()) == []
