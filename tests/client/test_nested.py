"""Remote querysets inside Django's Subquery and Exists."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Exists, F, Subquery
from django.db.models.functions import Lower
from django.db.models.query import EmptyQuerySet

from chunnel import remote
from chunnel.client.expressions import Lifter
from chunnel.client.nested import Nested
from tests.apps.bank.models import Account as Local

Account = remote.economy.money.Account


def lifted(value: Any) -> Any:
    return Lifter("economy").expression(value)


def test_remote_subqueries_in_local_queries() -> None:
    """A query of this database refuses them in plain words, without a request."""
    for made in (Exists(Account.objects.all()), Subquery(Account.objects.all())):
        with pytest.raises(NotSupportedError, match=r"money\.Account.*'economy'.*list\(\)"):
            Local.objects.annotate(x=made)
    with pytest.raises(NotSupportedError, match="of a query of this database"):
        Local.objects.filter(Exists(Account.objects.all()))


def test_the_stand_in() -> None:
    """It is all that Subquery gets; copies and pickles of it hold the same plan."""
    queryset = Account.objects.filter(a=1)
    assert not hasattr(Account.objects, "query")
    assert not hasattr(queryset.query, "resolve_expression")
    made = Subquery(queryset)
    held: Any = made.query
    assert isinstance(held, Nested)
    assert lifted(made.copy()) == lifted(pickle.loads(pickle.dumps(made))) == lifted(made)
    assert "money.Account" in repr(held)


def test_other_ways_into_local_queries() -> None:
    """A union is refused when it is evaluated, and the operators at once."""
    with pytest.raises(NotSupportedError, match="of a query of this database"):
        list(Local.objects.order_by().union(Account.objects.all()))
    with pytest.raises((TypeError, AttributeError)):
        Local.objects.all() | Account.objects.all()


def test_the_description() -> None:
    """What libraries look for, by the names that Django's Query has."""
    plain = Account.objects.all().query
    assert plain.model is Account
    assert plain.order_by == plain.values_select == plain.distinct_fields == ()
    assert plain.annotations == plain.annotation_select == {}
    assert plain.select_related is plain.distinct is plain.is_sliced is plain.is_empty() is False
    assert plain.standard_ordering is plain.can_filter() is True
    assert plain.combinator is None
    assert "money.Account" in repr(plain)
    found = Account.objects.annotate(x=F("a")).alias(y=F("b")).select_related("branch")
    found = found.order_by("-x", F("a").desc(), F("b"), Lower("c")).reverse().distinct("x")
    assert found.query.order_by == ("-x", "-a", "b")
    assert set(found.query.annotations) == {"x", "y"}
    assert set(found.query.annotation_select) == {"x"}
    assert found.query.select_related == {"branch": {}}
    assert found.select_related(None).query.select_related is False
    assert found.query.distinct
    assert found.query.distinct_fields == ("x",)
    assert not found.query.standard_ordering
    assert found.values("a").query.values_select == ("a",)
    assert found[:3].query.is_sliced
    assert not found[:3].query.can_filter()
    assert plain.model.objects.all().union(found).query.combinator == "union"


def test_empty_querysets() -> None:
    """Django's own test for them works."""
    assert isinstance(Account.objects.none(), EmptyQuerySet)
    assert not isinstance(Account.objects.all(), EmptyQuerySet)
