"""What a remote queryset inherits and must not have."""

from __future__ import annotations

import inspect

import pytest
from django.db import NotSupportedError
from django.db.models import QuerySet

from chunnel import remote
from chunnel.client.querysets import RemoteQuerySet
from chunnel.client.unsupported import ATTRIBUTES, shut_off, supported

from ..live import ROOT

NAMES = [name for name in dir(QuerySet) if not name.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_django_s(name: str) -> None:
    """It is written in our class, refused when called, or absent; never Django's own."""
    queryset = remote.economy.money.Account.objects.all()
    own = inspect.getattr_static(RemoteQuerySet, name)
    assert own is not inspect.getattr_static(QuerySet, name)
    if name in ATTRIBUTES:
        assert not hasattr(queryset, name)
    elif name.startswith("_"):
        assert not hasattr(queryset, name) or own.__module__.startswith("chunnel.")
    elif name not in supported(RemoteQuerySet):
        if not callable(inspect.getattr_static(QuerySet, name)):
            assert not hasattr(queryset, name)
            return
        with pytest.raises(NotSupportedError, match=rf"do not support {name}\(\)"):
            getattr(queryset, name)()


def test_supported() -> None:
    """The list is what the reference page promises, and a few properties."""
    assert set(supported(RemoteQuerySet)) == {
        "all", "none", "filter", "exclude", "complex_filter", "distinct", "order_by", "reverse",
        "annotate", "alias", "values", "values_list", "dates", "datetimes", "only", "defer",
        "select_related", "prefetch_related", "fetch_mode", "using",
        "union", "intersection", "difference",
        "get", "first", "last", "latest", "earliest", "count", "exists", "contains", "aggregate",
        "in_bulk", "iterator",
        "aget", "afirst", "alast", "alatest", "aearliest", "acount", "aexists", "acontains",
        "aaggregate", "ain_bulk", "aiterator",
        "create", "bulk_create", "update", "bulk_update", "delete", "get_or_create",
        "update_or_create",
        "acreate", "abulk_create", "aupdate", "abulk_update", "adelete", "aget_or_create",
        "aupdate_or_create",
        "query", "ordered", "is_evaluated",
    }  # fmt: skip


def test_the_reference_names_every_method() -> None:
    """Those that work, and those that do not, in the table of methods."""
    page = (ROOT / "docs" / "reference" / "querysets.rst").read_text()
    table = page[page.index("\nMethods\n") : page.index("\nConditions and expressions\n")]
    refused = {
        name
        for name in dir(QuerySet)
        if name[0] != "_"
        and name not in ATTRIBUTES
        and name not in supported(RemoteQuerySet)
        and callable(inspect.getattr_static(QuerySet, name))
    }
    methods = set(supported(RemoteQuerySet)) - {"ordered", "query", "is_evaluated"}
    assert {name for name in methods | refused if f"``{name}``" not in table} == set()


def test_properties_of_later_djangos() -> None:
    """They are not there: a refusal that waits for a call would be true in a condition."""

    class Later(QuerySet):  # type: ignore[type-arg]
        totally_ordered = property(lambda self: True)

    class Ours(Later):
        pass

    shut_off(Ours, Later)
    assert not hasattr(object.__new__(Ours), "totally_ordered")
    with pytest.raises(NotSupportedError, match=r"support raw\(\)"):
        object.__new__(Ours).raw("")


def test_properties_of_later_djangos_are_no_methods_over_there() -> None:
    """As long as no schema is held, nobody could tell them from one that was meant."""

    class Later(QuerySet):  # type: ignore[type-arg]
        totally_arranged = property(lambda self: True)

    class Ours(RemoteQuerySet, Later):
        pass

    shut_off(Ours, Later)
    assert not hasattr(Ours(remote.economy.money.Account), "totally_arranged")
    assert "totally_arranged" not in supported(Ours)
