"""Plans on lists of dicts: what a fake model can do, compared with the ORM where it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Q

from chunnel import remote
from chunnel.plans.plan import Distinct, Plan
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

    @pytest.mark.parametrize("conditions", [{"name__regex": "x"}, {"nothing": 1}, {"x__gt": 1}])
    def test_what_it_cannot_do(self, conditions: dict[str, Any]) -> None:
        """It says so; a fake never widens a query."""
        with pytest.raises(NotSupportedError):
            self._found(**conditions)

    def test_steps_that_it_cannot_do(self) -> None:
        """Plans know more than querysets make, so that these may come to make it."""
        plan = Plan("money.Person", (Distinct(),))
        with pytest.raises(NotSupportedError, match="Fake rows cannot do Distinct"):
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
