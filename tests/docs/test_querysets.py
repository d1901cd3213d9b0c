"""The tables about querysets say of every method and expression of Django's what holds."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

import django
import pytest
from django.db import models
from django.db.models import FilteredRelation, Manager, QuerySet, expressions, functions
from django.db.models.expressions import RawSQL

from chunnel import remote
from chunnel.client.querysets import RemoteQuerySet
from chunnel.client.unsupported import ATTRIBUTES, supported
from chunnel.plans.functions import FUNCTIONS

from ..live import ROOT

TEXT = (ROOT / "docs" / "reference" / "querysets.rst").read_text()
LATEST_KNOWN = (6, 1)  # the newest Django whose additions the tables have


class Row(NamedTuple):
    names: frozenset[str]  # what stands in the first cell between backquotes
    second: str


def table(title: str) -> list[Row]:
    """Return the rows of the first table below a title."""
    match = re.search(
        rf"^{title}\n-+\n.*?^\.\. list-table::\n(.*?)(?=^\S)", TEXT, re.MULTILINE | re.DOTALL
    )
    assert match is not None, title
    found = []
    for row in match[1].split("   * - ")[2:]:  # after the options and the heading
        cells = re.split(r"^     - ", row, flags=re.MULTILINE)
        found.append(Row(frozenset(re.findall(r"``(.+?)``", cells[0])), cells[1].strip()))
    return found


METHODS = table("Methods")
EXPRESSIONS = table("Conditions and expressions")
REFUSED = frozenset().union(*(row.names for row in METHODS if row.second == "not supported"))
ABSENT = frozenset().union(*(row.names for row in METHODS if row.second == "not there"))
LISTED = frozenset().union(*(row.names for row in METHODS))
LEGAL = frozenset().union(*(row.names for row in EXPRESSIONS if row.second[:2] != "no"))
ILLEGAL = frozenset().union(*(row.names for row in EXPRESSIONS if row.second[:2] == "no"))


def public(names: object) -> set[str]:
    return {name for name in dir(names) if name[0] != "_"}


def django_expressions() -> set[str]:
    """Return the names of all of Django's expressions that its documentation has people import."""
    kinds = (expressions.BaseExpression, expressions.Combinable, expressions.WindowFrame)
    every = {name: getattr(models, name) for name in models.__all__}
    every |= {name: getattr(functions, name) for name in functions.__all__}
    every["RawSQL"], every["FilteredRelation"] = RawSQL, FilteredRelation
    return {
        name
        for name, value in every.items()
        if inspect.isclass(value) and issubclass(value, (*kinds, FilteredRelation))
    } - {"Expression", "Lookup"}  # bases; comparisons have a row of their own


def test_nothing_stands_twice() -> None:
    for rows in (METHODS, EXPRESSIONS):
        every = [name for row in rows for name in row.names]
        assert sorted(every) == sorted(set(every))


def test_every_method_of_django_is_listed() -> None:
    """Of a Django newer than the tables, what they do not have is refused."""
    new = public(QuerySet) - LISTED
    if django.VERSION[:2] > LATEST_KNOWN:
        assert not new & set(supported(RemoteQuerySet))
    else:
        assert new == set()


def test_what_is_said_to_work_is_there() -> None:
    """And what is there is listed: each method of a queryset is in one of the rows."""
    works = {name for name in LISTED - REFUSED - ABSENT if name.isidentifier()}
    words = {"len", "bool", "in", "repr"}
    assert works - words == set(supported(RemoteQuerySet)) - {"evaluated", "is_evaluated"}


def test_what_is_said_not_to_work_is_refused() -> None:
    assert ATTRIBUTES <= ABSENT
    queryset = RemoteQuerySet(remote.economy.money.Account)
    assert not any(hasattr(queryset, name) for name in ABSENT & public(QuerySet))
    for name in REFUSED:
        assert inspect.getattr_static(RemoteQuerySet, name).unsupported, name


def test_a_manager_has_what_a_queryset_has() -> None:
    """The methods of a manager need no table of their own."""
    own = {"auto_created", "check", "contribute_to_class", "creation_counter", "db_manager"}
    own |= {"deconstruct", "from_queryset", "get_queryset", "use_in_migrations"}
    assert public(Manager) - own - LISTED == set()


def test_every_expression_of_django_is_listed() -> None:
    new = django_expressions() - LEGAL - ILLEGAL
    if django.VERSION[:2] <= LATEST_KNOWN:
        assert new == set()
    assert not new & set(FUNCTIONS)


def test_every_function_that_the_gate_knows_is_listed() -> None:
    """Operators stand in one row."""
    operators = {name for name in FUNCTIONS if not name.isidentifier()}
    [listed] = [row.names for row in EXPRESSIONS if "F" in row.names]
    assert operators == set(next(each for each in listed if each.startswith("+")).split())
    assert set(FUNCTIONS) - operators - LEGAL == set()
    assert not ILLEGAL & set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(LEGAL & django_expressions()))
def test_what_is_said_to_be_legal_is_known(name: str) -> None:
    """To the gate as a function, or to the plan as something of its own."""
    own = {"F", "OrderBy", "Value", "Case", "When", "OuterRef", "Subquery", "Exists"}
    assert name in FUNCTIONS or name in own
