"""Remote querysets inside Django's Subquery and Exists."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Exists, Subquery

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
    assert not hasattr(queryset, "query")
    assert not hasattr(Account.objects, "clone")
    made = Subquery(queryset)
    held: Any = made.query
    assert isinstance(held, Nested)
    assert lifted(made.copy()) == lifted(pickle.loads(pickle.dumps(made))) == lifted(made)
    assert "money.Account" in repr(held)
