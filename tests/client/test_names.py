"""Names: values that never touch the network."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import pydoc
import re
from pathlib import Path
from typing import Any

import pytest
from django.template import Context, Template
from django.test import override_settings

from chunnel import UnknownRemote, remote
from chunnel.client.names import AppNames, RemoteFunction, RemoteNames
from chunnel.schema.steps import NOT_STEPS
from chunnel.test import assertNumRPCs

from .bank import bank  # noqa: F401 - a fixture

economy = remote.economy

DUCKS = ["__html__", "__len__", "__iter__", "__getitem__", "__wrapped__", "_x", *sorted(NOT_STEPS)]


def test_three_steps() -> None:
    """Alias, label and name, and then nothing more."""
    assert type(economy) is RemoteNames
    assert type(economy.money) is AppNames
    assert type(economy.money.balance) is RemoteFunction
    assert repr(economy.money.balance) == "<remote function economy.money.balance>"
    assert repr(economy.money) == "<remote economy.money>"


def test_unknown_alias_lists_the_known() -> None:
    """A misspelt alias raises at once, where it is written."""
    with override_settings(CHUNNEL_REMOTES={"economy": "zmq://h", "health": "zmq://h"}):
        with pytest.raises(UnknownRemote, match="no 'econmy'; it has 'economy', 'health'"):
            remote.econmy
    with override_settings(CHUNNEL_REMOTES={}):
        with pytest.raises(UnknownRemote, match="it is empty"):
            remote.economy
    assert not hasattr(remote, "econmy")


@pytest.mark.parametrize("attribute", DUCKS)
@pytest.mark.parametrize(
    "name", [remote, economy, economy.money, economy.money.balance], ids=["0", "1", "2", "3"]
)
def test_ducks_are_not_found(name: Any, attribute: str) -> None:
    """What Django and others look for on any object is not there, and looking makes no call."""
    if attribute == "do_not_call_in_templates" and type(name) is RemoteFunction:
        assert name.do_not_call_in_templates is True
        return
    with assertNumRPCs(0):
        assert not hasattr(name, attribute)


def test_the_reference_lists_what_is_no_step() -> None:
    """The page names the very words of the code."""
    page = (Path(__file__).parents[2] / "docs/reference/names.rst").read_text()
    sentence = page.partition("Words with a leading underscore")[2].partition(". ")[0]
    assert set(re.findall(r"``(\w+)``", sentence)) == NOT_STEPS


def test_a_function_has_a_closed_set_of_attributes() -> None:
    """What is no attribute of a function raises here; it never becomes a call."""
    for attribute in ("balance", "delete", "items", "keys", "app", "call", "filter"):
        with pytest.raises(AttributeError, match=attribute):
            getattr(economy.money.balance, attribute)


def test_names_cannot_be_changed() -> None:
    """A fake is set with override_remote, not by assignment."""
    for name in (remote, economy, economy.money, economy.money.balance):
        with pytest.raises(AttributeError):
            name.balance = 1
    with pytest.raises(AttributeError):
        del economy.money.balance


@pytest.mark.parametrize(
    "name",
    [
        remote,
        economy,
        economy.money,
        economy.money.balance,
        economy.money.balance.using(timeout=2, meta={"x": 1}),
    ],
    ids=repr,
)
def test_names_are_values(name: Any) -> None:
    """Equal, hashed, pickled and copied by alias, path and options."""
    for same in (
        pickle.loads(pickle.dumps(name)),
        pickle.loads(pickle.dumps(name, protocol=0)),
        copy.copy(name),
        copy.deepcopy(name),
    ):
        assert same == name
        assert hash(same) == hash(name)
    assert name != "economy"


def test_names_differ() -> None:
    """By path and by options."""
    balance = economy.money.balance
    assert balance != economy.money.account
    assert balance != balance.using(timeout=1)
    assert balance.using(timeout=1) == balance.using(timeout=1)
    assert economy.money != economy.bank


def test_unknown_option() -> None:
    """An option that does not exist is refused where it is written."""
    with pytest.raises(TypeError, match="timeout"):
        economy.money.balance.using(timeuot=2)


def test_dunders_of_a_function() -> None:
    """Known without the network, and no wrapper's."""
    balance = economy.money.balance
    assert balance.__name__ == "balance"
    assert balance.__qualname__ == "balance"
    assert balance.__module__
    assert not hasattr(balance, "__wrapped__")
    assert not asyncio.iscoroutinefunction(balance)
    assert inspect.unwrap(balance) is balance
    assert inspect.isroutine(balance)


def test_as_an_attribute_of_a_class() -> None:
    """A name in a class body is not bound to instances."""

    class View:
        balance = economy.money.balance

    assert View().balance == economy.money.balance


def test_without_a_server_everything_falls_back() -> None:
    """dir, help and inspect answer with what is known here."""
    balance = economy.money.balance
    assert str(inspect.signature(balance)) == "(*args, **kwargs)"
    assert balance.__doc__ is None
    assert RemoteFunction.__doc__ is not None
    assert dir(economy) == dir(economy.money) == []
    assert {"using", "acall", "submit", "stream", "on_commit"} <= set(dir(balance))
    assert "balance(*args, **kwargs)" in pydoc.plain(pydoc.render_doc(balance))
    assert dir(remote) == ["economy"]


def test_templates_never_call() -> None:
    """To name a function in a template shows it; it makes no request."""
    context = Context({"remote": remote, "balance": economy.money.balance})
    with assertNumRPCs(0):
        text = Template("{{ remote.economy.money.balance }}|{{ balance }}").render(context)
        nothing = Template("{{ balance.nothing }}{{ remote.nobody.x }}").render(context)
    assert text == "|".join(["&lt;remote function economy.money.balance&gt;"] * 2)
    assert nothing == ""


def test_with_a_server_the_schema_speaks(bank: str) -> None:  # noqa: F811
    """dir, help and inspect show what the other project says of itself."""
    balance = economy.bank.balance
    assert str(inspect.signature(balance)) == "(uid: int) -> Decimal"
    assert balance.__doc__ == "Return the balance of a citizen's account."
    assert "bank" in dir(economy)
    assert {"Account", "balance", "InsufficientFunds"} <= set(dir(economy.bank))
    assert dir(economy.nothing) == []
    text = pydoc.plain(pydoc.render_doc(balance))
    assert "balance(uid: int) -> Decimal" in text
    assert "Return the balance of a citizen's account." in text
    assert str(inspect.signature(economy.bank.fail)) == "(kind: str, message: str = 'no') -> None"


def test_inside_an_event_loop() -> None:
    """Where nothing can be fetched without blocking, dir and help fall back as well."""

    async def look() -> None:
        assert dir(economy.money) == []
        assert str(inspect.signature(economy.money.balance)) == "(*args, **kwargs)"
        assert economy.money.balance.__doc__ is None

    asyncio.run(look())
