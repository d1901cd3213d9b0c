"""Querysets of remote models."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.core.paginator import Paginator
from django.db import NotSupportedError
from django.db.models import Max, Q, QuerySet
from django.http import Http404
from django.shortcuts import get_list_or_404, get_object_or_404
from django.template import Context, Template, engines
from django.test import RequestFactory
from django.views.generic import DetailView, ListView

from chunnel import ConnectionLost, QueryRefused, remote, remotes
from chunnel.client.querysets import RemoteQuerySet
from chunnel.plans import Filter, Leaf, OrderBy, Plan, Slice
from chunnel.test import assertNumRPCs
from tests.apps.bank.models import Account as LocalAccount
from tests.apps.bank.models import Branch as LocalBranch

from .bank import OPENED, bank  # noqa: F401 - a fixture

Account = remote.economy.bank.Account


def _uids(queryset: Any) -> list[int]:
    return [account.uid for account in queryset]


class TestOffline:
    """What needs no server."""

    def test_chaining_is_free(self) -> None:
        """A chain is a plan; nothing is asked."""
        with assertNumRPCs(0):
            found = Account.objects.filter(balance__gt=10).order_by("-balance")[:20]
        assert isinstance(found, RemoteQuerySet)
        assert issubclass(RemoteQuerySet, QuerySet)
        assert found.model is Account
        assert found._plan == Plan(
            "bank.Account",
            (Filter(Leaf("balance__gt", 10)), OrderBy(("-balance",)), Slice(0, 20)),
        )

    def test_chaining_leaves_the_first_as_it_was(self) -> None:
        """Each step is another queryset."""
        first = Account.objects.all()
        first.filter(uid=1)
        assert first._plan == Plan("bank.Account")

    def test_none(self) -> None:
        """It is empty, whatever is done with it, and never asks."""
        none = Account.objects.none().filter(uid=1).order_by("uid")
        with assertNumRPCs(0):
            assert list(none) == []
            assert not none
            assert (len(none), none.count(), none.exists()) == (0, 0, False)
            assert none.first() is none.last() is None
            assert none.ordered
            assert none.values("uid")[:3].count() == 0
            with pytest.raises(Account.DoesNotExist):
                none.get(uid=1)
            assert asyncio.run(none.acount()) == 0

    def test_pickle_and_copy(self) -> None:
        """A plan travels as a plan; nothing is evaluated."""
        found = Account.objects.using(timeout=3).filter(uid=1)
        with assertNumRPCs(0):
            for again in (
                pickle.loads(pickle.dumps(found)),
                copy.copy(found),
                copy.deepcopy(found),
            ):
                assert (again._plan, again._options) == (found._plan, found._options)
                assert again._result_cache is None
                assert again.model is Account

    @pytest.mark.parametrize(
        "name",
        ["raw", "extra", "explain", "aexplain", "select_for_update"],
    )
    def test_unsupported_methods_are_refused_by_name(self, name: str) -> None:
        """Nothing is silently ignored."""
        for owner in (Account.objects, Account.objects.all()):
            with pytest.raises(NotSupportedError, match=rf"{name}\(\)"):
                getattr(owner, name)()

    @pytest.mark.parametrize("name", ["db", "resolve_expression", "as_manager", "_x", "X"])
    def test_unknown_attributes(self, name: str) -> None:
        """Nothing makes Django take this for an expression, or for rows of a database here."""
        assert not hasattr(Account.objects.all(), name)
        assert not hasattr(Account.objects, name)

    def test_slices(self) -> None:
        """What Django refuses is refused, in its words."""
        found = Account.objects.all()
        with pytest.raises(ValueError, match="Negative indexing is not supported"):
            found[-1]
        with pytest.raises(ValueError, match="Negative indexing is not supported"):
            found[:-1]
        with pytest.raises(TypeError, match="indices must be integers or slices"):
            found["x"]
        sliced = found[2:5]
        assert sliced[5:3]._plan.steps[-1] == Slice(5, 5)
        for method, words in (
            ("filter", "filter"),
            ("order_by", "reorder"),
            ("reverse", "reverse"),
        ):
            with pytest.raises(TypeError, match=f"Cannot {words} a query once a slice"):
                getattr(sliced, method)(*([Q(uid=1)] if method == "filter" else []))
        with pytest.raises(TypeError, match="Cannot filter"):
            sliced.get(uid=1)
        with pytest.raises(TypeError, match="Cannot reverse"):
            sliced.last()

    def test_arguments(self) -> None:
        """What is no name, and options that contradict each other, are refused."""
        found = Account.objects.all()
        with pytest.raises(TypeError, match="can't be used together"):
            found.values_list("uid", flat=True, named=True)
        with pytest.raises(TypeError, match="more than one field"):
            found.values_list("uid", "owner", flat=True)
        refusals: list[Callable[[], Any]] = [
            lambda: found.values(3),
            lambda: found.filter(3),
            lambda: found.using("replica"),
        ]
        for refused in refusals:
            with pytest.raises(NotSupportedError):
                refused()

    def test_unreachable(self) -> None:
        """Evaluation says that nobody is there."""
        found = Account.objects.using(timeout=2).filter(uid=1)
        for evaluate in (list, len, bool, repr, RemoteQuerySet.count, RemoteQuerySet.first):
            with pytest.raises(ConnectionLost):
                evaluate(found)

    def test_ordered(self) -> None:
        """Known from the plan; without one, and without a schema, not known."""
        assert Account.objects.order_by("uid").ordered is True
        assert Account.objects.order_by("uid").order_by().ordered is False
        assert Account.objects.all().ordered is None

    def test_dir(self) -> None:
        """It lists what works."""
        assert {"filter", "aget", "annotate"} <= set(dir(Account.objects.all()))
        assert "raw" not in dir(Account.objects.all())


class TestReading:
    """What a server answers."""

    def test_filter_and_order(self, bank: str) -> None:  # noqa: F811
        """Conditions as keywords and as Q, joined and negated."""
        objects = Account.objects
        assert _uids(objects.filter(balance__gt=10).order_by("-balance")) == [4, 3, 2]
        assert _uids(objects.filter(Q(uid=1) | Q(uid=2))) == [1, 2]
        assert _uids(objects.filter(Q(uid=1) & ~Q(owner="o1"))) == []
        assert _uids(objects.filter(~Q(uid__in=[0, 1, 2]), balance__gt=0)) == [3, 4]
        assert _uids(objects.exclude(balance__gte=10)) == [0, 7]
        assert _uids(objects.filter(branch__city="Bonn")) == [7]
        assert _uids(objects.order_by("balance").reverse()) == [4, 3, 2, 1, 0, 7]
        assert _uids(objects.filter()) == [0, 1, 2, 3, 4, 7]
        assert _uids(objects.filter(uid__in=range(2))) == [0, 1]

    def test_instances_as_filter_values(self, bank: str) -> None:  # noqa: F811
        """They stand for their key."""
        bonn = remote.economy.bank.Branch.objects.get(pk=Account.objects.get(uid=7).branch_id)
        assert _uids(Account.objects.filter(branch=bonn)) == [7]
        assert _uids(Account.objects.filter(branch__in=[bonn])) == [7]

    def test_local_querysets_as_filter_values(self, bank: str) -> None:  # noqa: F811
        """A local queryset is a list of values."""
        uids = LocalAccount.objects.filter(uid__lt=2).values_list("uid", flat=True)
        assert _uids(Account.objects.filter(uid__in=uids)) == [0, 1]

    def test_remote_querysets_as_filter_values(self, bank: str) -> None:  # noqa: F811
        """They become a subquery over there: one request in all."""
        uids = Account.objects.filter(uid__lte=1).values_list("uid", flat=True)
        with assertNumRPCs(1):
            assert _uids(Account.objects.filter(uid__in=uids)) == [0, 1]
        bonn = remote.economy.bank.Branch.objects.filter(pk__in=[0])
        with assertNumRPCs(1):
            assert _uids(Account.objects.filter(branch__in=bonn)) == []

    def test_one_evaluation_is_one_call(self, bank: str) -> None:  # noqa: F811
        """Rows are kept, and answer what they can."""
        found = Account.objects.filter(uid__lte=3)
        with assertNumRPCs(1):
            assert len(found) == 4
            assert _uids(found) == [0, 1, 2, 3]
            assert found
            assert found[1].uid == 1
            assert _uids(found[1:3]) == [1, 2]
            assert found.count() == 4
            assert found.exists()
            assert found[0] in found
            assert "o3" in repr(found)
        with assertNumRPCs(1):
            assert len(found.all()) == 4
        again = pickle.loads(pickle.dumps(found))
        with assertNumRPCs(0):
            assert _uids(again) == _uids(copy.copy(found)) == [0, 1, 2, 3]

    def test_slices_and_indices(self, bank: str) -> None:  # noqa: F811
        """Each is one request for those rows alone."""
        found = Account.objects.order_by("uid")
        with assertNumRPCs(4) as calls:
            assert _uids(found[1:3]) == [1, 2]
            assert found[2].uid == 2
            assert _uids(found[::2]) == [0, 2, 4]
            assert _uids(found[1:][:2][1:]) == [2]
        assert ["slice", 2, 3] in calls[1].args[0][1]
        with pytest.raises(IndexError):
            found[50]

    def test_single_rows(self, bank: str) -> None:  # noqa: F811
        """get, first and last; none, one or too many."""
        objects = Account.objects
        assert objects.get(uid=3).owner == "o3"
        assert objects.get(Q(uid=3)).owner == "o3"
        assert objects.first().uid == 0
        assert objects.last().uid == 7
        assert objects.filter(uid=77).first() is None
        with pytest.raises(Account.DoesNotExist, match="Account matching query does not exist"):
            objects.get(uid=77)
        with pytest.raises(ObjectDoesNotExist):
            objects.get(uid=77)
        with pytest.raises(Account.MultipleObjectsReturned):
            objects.get(balance__gt=0)
        with pytest.raises(Account.DoesNotExist):
            objects.get(owner="nobody")  # get_queryset hides it

    def test_counts(self, bank: str) -> None:  # noqa: F811
        """Counted over there."""
        assert Account.objects.count() == 6
        assert Account.objects.filter(balance__lt=0).exists() is True
        assert Account.objects.filter(balance__lt=-100).exists() is False
        assert Account.objects.all()[1:3].count() == 2

    def test_values(self, bank: str) -> None:  # noqa: F811
        """Dicts, tuples, single values and named tuples."""
        found = Account.objects.filter(uid__lte=1)
        assert list(found.values("uid", "owner")) == [
            {"uid": 0, "owner": "o0"},
            {"uid": 1, "owner": "o1"},
        ]
        assert list(found.values_list("owner", "uid")) == [("o0", 0), ("o1", 1)]
        assert list(found.values_list("uid", flat=True)) == [0, 1]
        row = found.values_list("uid", "balance", named=True)[1]
        assert (row.uid, row.balance) == (1, Decimal(10))
        assert row._fields == ("uid", "balance")
        assert found.values("uid").first() == {"uid": 0}
        assert found.values_list("uid").last() == (1,)
        assert found.values_list("uid", flat=True).get(uid=1) == 1
        assert found.values_list("owner", named=True).first().owner == "o0"
        assert "secret" not in found.values().first()
        assert found.values_list("uid", flat=True).filter(uid=0).count() == 1
        everything = found.values_list(named=True)
        assert everything.first().owner == everything[0].owner == "o0"

    def test_refused(self, bank: str) -> None:  # noqa: F811
        """What is not declared is refused by name, by the server and, with its schema, by us."""
        found = Account.objects.filter(secret__startswith="a")
        with pytest.raises(QueryRefused, match="secret"):
            list(found)
        remotes["economy"].schema()
        with pytest.raises(QueryRefused, match="secret"):
            found.exists()
        with pytest.raises(QueryRefused, match="owner"):
            Account.objects.order_by("owner").first()

    def test_manager_methods(self, bank: str) -> None:  # noqa: F811
        """Called on a queryset, they work on its rows; a queryset comes back evaluated."""
        overdrawn = Account.objects.overdrawn()

        async def ends() -> list[Any]:
            return [await overdrawn.afirst(), await overdrawn.alast()]

        with assertNumRPCs(0):
            assert asyncio.run(ends()) == [overdrawn[0], overdrawn[0]]
            assert _uids(overdrawn) == [7]
            assert (overdrawn.count(), overdrawn.exists(), len(overdrawn)) == (1, True, 1)
            assert overdrawn.first() == overdrawn.last() == overdrawn[0]
            assert _uids(overdrawn.all()) == _uids(pickle.loads(pickle.dumps(overdrawn))) == [7]
            assert overdrawn.ordered
            with pytest.raises(NotSupportedError, match="came evaluated"):
                overdrawn.filter(uid=7)
        assert Account.objects.filter(uid__lte=3).total(above=Decimal(5)) == Decimal(60)
        assert Account.objects.richest().uid == 4
        assert asyncio.run(Account.objects.total.acall()) == Decimal(100)

    def test_returned_querysets(self, bank: str) -> None:  # noqa: F811
        """A function's queryset arrives lazy; what evaluates it is the call once more."""
        with assertNumRPCs(1):
            rich = remote.economy.bank.rich(Decimal(25))
        assert isinstance(rich, RemoteQuerySet)
        assert not rich.is_evaluated
        with assertNumRPCs(1):
            assert {3, 4} <= set(_uids(rich))
        with assertNumRPCs(5):
            assert _uids(rich.filter(uid__lte=5).order_by("-uid")) == [4, 3]
            assert rich.filter(uid=3).count() == 1
            assert rich.filter(uid__lte=5).first().uid == 3
            assert rich.filter(uid__lte=5).aggregate(top=Max("uid")) == {"top": 4}
            assert list(rich.filter(uid=4).values_list("owner", flat=True)) == ["o4"]
        again = pickle.loads(pickle.dumps(rich.filter(uid=3)))
        with assertNumRPCs(1):
            assert _uids(again) == [3]
        with pytest.raises(QueryRefused, match="secret"):
            list(rich.filter(secret="x"))
        with pytest.raises(NotSupportedError, match=r"rich\(\) returned cannot be part of another"):
            Account.objects.filter(pk__in=rich)
        with pytest.raises(NotSupportedError, match=r"update\(\) of the queryset that"):
            rich.update(owner="x")

    def test_many_rows_stream(self, bank: str) -> None:  # noqa: F811
        """More rows than one answer holds come in batches, whole and in order."""
        opened = LocalAccount.objects.get(uid=0).opened
        LocalAccount.objects.bulk_create(
            LocalAccount(uid=uid, owner="many", opened=opened) for uid in range(100, 2_600)
        )
        found = Account.objects.filter(owner="many")
        with assertNumRPCs(1):
            assert _uids(found) == list(range(100, 2_600))
        with assertNumRPCs(1):
            rows = found.values_list("uid", flat=True).iterator(chunk_size=100)
            assert next(rows) == 100
            rows.close()

        async def read() -> list[int]:
            return [uid async for uid in found.values_list("uid", flat=True)]

        assert asyncio.run(read()) == list(range(100, 2_600))

    def test_iterator(self, bank: str) -> None:  # noqa: F811
        """Rows come and are not kept."""
        found = Account.objects.filter(uid__lte=2)
        assert [row.uid for row in found.iterator()] == [0, 1, 2]
        assert found._result_cache is None
        with pytest.raises(ValueError, match="strictly positive"):
            found.iterator(chunk_size=0)

        async def faulty() -> None:
            with pytest.raises(ValueError, match="strictly positive"):
                await anext(found.aiterator(chunk_size=0))

        with assertNumRPCs(0):
            asyncio.run(faulty())

    def test_repr(self, bank: str) -> None:  # noqa: F811
        """The first rows, as Django shows them: in one request for no more than these."""
        found = Account.objects.filter(uid__lte=1)
        assert repr(found) == f"<RemoteQuerySet {list(found)!r}>"
        branch = LocalBranch.objects.get(code="u")
        LocalAccount.objects.bulk_create(
            LocalAccount(uid=uid, owner="x", balance=0, opened=OPENED, branch=branch)
            for uid in range(100, 130)
        )
        many = Account.objects.filter(uid__gt=99).order_by("uid")
        with assertNumRPCs(1):
            text = repr(many)
        shown = [*many[:20], "...(remaining elements truncated)..."]
        assert text == f"<RemoteQuerySet {shown!r}>"

    def test_async_twins(self, bank: str) -> None:  # noqa: F811
        """The same answers for asynchronous code."""

        async def ask() -> None:
            objects = Account.objects
            assert (await objects.aget(uid=1)).owner == "o1"
            assert await objects.acount() == 6
            assert await objects.filter(uid=1).aexists()
            assert (await objects.afirst()).uid == 0
            assert (await objects.alast()).uid == 7
            found = objects.filter(uid__lte=1)
            assert [row.uid async for row in found] == [0, 1]
            assert [row.uid async for row in found] == [0, 1]
            assert [row.uid async for row in objects.filter(uid=2).aiterator()] == [2]
            with pytest.raises(Account.DoesNotExist):
                await objects.aget(uid=77)
            assert await found.acount() == 2
            assert await found.aexists()
            assert [row.uid async for row in found.aiterator()] == [0, 1]

        asyncio.run(ask())

    def test_ordered_by_the_schema(self, bank: str) -> None:  # noqa: F811
        """Where the schema is held, the model's own order is known."""
        remotes["economy"].schema()
        assert Account.objects.all().ordered is True
        assert remote.economy.bank.Branch.objects.all().ordered is False
        with pytest.raises(AttributeError, match=r"'nothing'.*overdrawn"):
            Account.objects.nothing
        assert "overdrawn" in dir(Account.objects)
        assert "(*, above: Decimal" in str(Account.objects.total.__signature__)


class TestDjango:
    """Django's own code, given a remote queryset."""

    def test_shortcuts(self, bank: str) -> None:  # noqa: F811
        """get_object_or_404 and get_list_or_404, by class, manager and queryset."""
        for given in (Account, Account.objects, Account.objects.all()):
            assert get_object_or_404(given, uid=1).owner == "o1"
            with pytest.raises(Http404, match="No Account matches"):
                get_object_or_404(given, uid=77)
            assert len(get_list_or_404(given, uid__in=[1, 2])) == 2
            with pytest.raises(Http404):
                get_list_or_404(given, uid=77)

    def test_paginator(self, bank: str) -> None:  # noqa: F811
        """Two requests a page: the count, and the rows of the page."""
        with assertNumRPCs(2):
            page = Paginator(Account.objects.order_by("uid"), 4).page(2)
            assert _uids(page) == [4, 7]
            assert page.paginator.num_pages == 2

    def test_templates(self, bank: str) -> None:  # noqa: F811
        """Loops, lengths and attributes."""
        template = Template(
            "{% for a in accounts.all %}{{ a.owner }} {% endfor %}"
            "{{ accounts|length }}{% if accounts %}!{% endif %}{{ accounts.count }}"
        )
        context = Context({"accounts": Account.objects.filter(uid__lte=1)})
        with assertNumRPCs(2):  # all() asks anew
            assert template.render(context) == "o0 o1 2!2"

    def test_list_view(self, bank: str) -> None:  # noqa: F811
        """By model, by queryset and by method; a class's queryset is never kept."""

        class ByModel(ListView):  # type: ignore[type-arg]
            model = Account
            paginate_by = 4
            ordering = "-balance"

        class ByQueryset(ListView):  # type: ignore[type-arg]
            queryset = Account.objects.filter(uid__lte=1)

        request = RequestFactory().get("/", {"page": "1"})
        response: Any = ByModel.as_view()(request)
        assert _uids(response.context_data["account_list"]) == [4, 3, 2, 1]
        assert response.context_data["is_paginated"] is True
        assert response.template_name == ["bank/account_list.html"]
        view = ByQueryset.as_view()
        for total in (2, 1):
            response = view(request)
            assert len(response.context_data["object_list"]) == total
            LocalAccount.objects.filter(uid=1).delete()

    def test_list_view_renders(self, bank: str) -> None:  # noqa: F811
        """A whole page, from the view through the template."""
        source = "{% for a in account_list %}{{ a }};{% endfor %}"

        class Rendered(ListView):  # type: ignore[type-arg]
            model = Account

            def render_to_response(self, context: Any, **kwargs: Any) -> Any:
                return engines["django"].from_string(source).render(context, self.request)

        page: Any = Rendered.as_view()(RequestFactory().get("/"))
        assert page.startswith("o0 (0);o1 (1);")

    def test_detail_view(self, bank: str) -> None:  # noqa: F811
        """The object by its key, and 404 without one."""

        class Detail(DetailView):  # type: ignore[type-arg]
            model = Account
            template_name = "x.html"

        request = RequestFactory().get("/")
        key = Account.objects.get(uid=1).pk
        response: Any = Detail.as_view()(request, pk=key)
        assert response.context_data["object"].owner == "o1"
        with pytest.raises(Http404, match="No account found"):
            Detail.as_view()(request, pk=0)
