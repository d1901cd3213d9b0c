"""Classes: what except clauses, pickle and Django make of CapWords names."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.template import Context, Template

from chunnel import ConnectionLost, NotExposed, RemoteError, remote, remotes
from chunnel.client.classes import RemoteClass, class_for_name, remote_class
from chunnel.client.models import make_instance
from chunnel.schema import AppSchema, FunctionSchema, ParameterSchema, Schema
from chunnel.schema.steps import NOT_STEPS
from chunnel.test import assertNumRPCs, override_remote

from .bank import bank  # noqa: F401 - a fixture

economy = remote.economy


class TestExcept:
    """Except clauses name classes that nobody fetched."""

    def test_another_error_passes_through(self) -> None:
        """The clause is evaluated with the server unreachable and lets the real error through."""
        with pytest.raises(ZeroDivisionError):
            try:
                1 / 0
            except economy.money.InsufficientFunds:
                pytest.fail("caught what it does not name")

    def test_unreachable_server(self) -> None:
        """The error of the client shows, and not one of the except clause."""
        with pytest.raises(ConnectionLost):
            try:
                economy.money.balance(1)
            except economy.money.InsufficientFunds:
                pytest.fail("caught what it does not name")
            except (economy.money.Account.DoesNotExist, economy.money.Frozen):
                pytest.fail("caught what it does not name")

    def test_alone(self, bank: str) -> None:  # noqa: F811
        """The remote project's own exception, by its remote name."""
        try:
            economy.bank.fail("funds", "too little")
        except economy.bank.InsufficientFunds as error:
            assert str(error) == "too little"
            assert error.call.name == "bank.fail"
        else:
            pytest.fail("nothing was raised")

    def test_tuple(self, bank: str) -> None:  # noqa: F811
        """One of several, in a tuple with local ones."""
        with pytest.raises(economy.bank.InsufficientFunds):
            economy.bank.fail("funds")
        try:
            economy.bank.fail("funds")
        except (KeyError, economy.bank.VaultClosed, economy.bank.InsufficientFunds) as error:
            assert isinstance(error, economy.bank.InsufficientFunds)
            assert isinstance(error, ValueError)
            assert isinstance(error, RemoteError)

    def test_nested(self, bank: str) -> None:  # noqa: F811
        """Inner clauses let pass what outer ones catch, and the cause is kept."""
        caught = []
        try:
            try:
                economy.bank.fail("funds")
            except economy.bank.VaultClosed:
                caught.append("inner")
            except economy.bank.InsufficientFunds as error:
                raise KeyError("outer") from error
        except KeyError as error:
            caught.append(type(error.__cause__).__name__)
        assert caught == ["InsufficientFunds"]

    def test_base_class_by_its_remote_name(self, bank: str) -> None:  # noqa: F811
        """The bases that the app defines travel too; so does one that was never exposed."""
        with pytest.raises(economy.bank.BankError):
            economy.bank.fail("funds")
        with pytest.raises(economy.bank.VaultClosed):
            economy.bank.fail("vault")

    def test_in_threads(self, bank: str) -> None:  # noqa: F811
        """Threads that name a class first, at once, have one class."""
        found: list[Any] = []
        barrier = threading.Barrier(8)

        def name() -> None:
            barrier.wait()
            found.append(economy.bank.NeverNamedBefore)

        threads = [threading.Thread(target=name) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == 1


def test_one_class_for_a_name() -> None:
    """A name is the same class each time, and a class like any other."""
    cls = economy.money.Account
    assert cls is economy.money.Account
    assert isinstance(cls, type)
    assert issubclass(cls, RemoteError)
    assert cls is not remote_class("other", "money", "Account")
    assert (cls.__module__, cls.__qualname__) == ("economy.money", "Account")
    assert repr(cls) == "<remote class economy.money.Account>"


def test_exceptions_of_models() -> None:
    """Each model has its own, which are Django's as well."""
    account, branch = economy.money.Account, economy.money.Branch
    assert issubclass(account.DoesNotExist, ObjectDoesNotExist)
    assert issubclass(account.DoesNotExist, RemoteError)
    assert issubclass(account.MultipleObjectsReturned, MultipleObjectsReturned)
    assert account.DoesNotExist is account.DoesNotExist
    assert not issubclass(branch.DoesNotExist, account.DoesNotExist)
    error = account.DoesNotExist("gone")  # made here, never over there
    assert str(error) == "gone"


def test_pickle_and_copy() -> None:
    """Classes by alias and path, exceptions by class and arguments; without a request."""
    cls = economy.money.Account
    for each in (cls, cls.DoesNotExist, cls.MultipleObjectsReturned):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(each, protocol)) is each
        assert copy.copy(each) is each
        assert copy.deepcopy(each) is each
    error = cls.DoesNotExist("gone", 3)
    error.type = "x"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls.DoesNotExist
    assert (again.args, again.type) == (("gone", 3), "x")


def test_pickle_of_a_raised_exception(bank: str) -> None:  # noqa: F811
    """What arrived survives the way to another process: class, text, bases and call."""
    with pytest.raises(economy.bank.InsufficientFunds) as caught:
        economy.bank.fail("funds", "too little")
    call: Any = caught.value.call
    again: Any
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert isinstance(again, economy.bank.InsufficientFunds)
        assert isinstance(again, ValueError)
        assert str(again) == "too little"
        assert vars(again)["call"] == call


def test_pickle_by_another_process_of_a_fresh_class() -> None:
    """A pickle does not need the class to have been named before."""
    data = pickle.dumps(economy.money.Account).replace(b"Account", b"Acc0unt")
    assert pickle.loads(data) is economy.money.Acc0unt


@pytest.mark.parametrize("attribute", ["__html__", "__len__", "__iter__", "_x", *NOT_STEPS])
def test_ducks(attribute: str) -> None:
    """What others look for on any object is not there, and looking makes no call."""
    if attribute == "do_not_call_in_templates":
        assert economy.money.Account.do_not_call_in_templates is True
        return
    with assertNumRPCs(0):
        assert not hasattr(economy.money.Account, attribute)


def test_templates_never_call() -> None:
    """To name a class in a template shows it."""
    context = Context({"remote": remote})
    with assertNumRPCs(0):
        text = Template("{{ remote.economy.money.Account }}").render(context)
    assert text == "&lt;remote class economy.money.Account&gt;"


def test_exception_instances_are_no_models() -> None:
    """What stands on the metaclass is not found on an exception."""
    error = economy.money.Account.DoesNotExist()
    for attribute in ("objects", "_meta", "_default_manager", "DoesNotExist"):
        assert not hasattr(error, attribute)


class TestCalling:
    """To call a class is to do what it stands for."""

    def test_exception(self, bank: str) -> None:  # noqa: F811
        """An exception is made here."""
        error = economy.bank.InsufficientFunds("no", 3)
        assert error.args == ("no", 3)
        with pytest.raises(economy.bank.InsufficientFunds):
            raise economy.bank.InsufficientFunds

    def test_model(self, bank: str) -> None:  # noqa: F811
        """An instance of a model is made here as well."""
        account = economy.bank.Account(uid=3)
        assert isinstance(account, economy.bank.Account)
        assert (account.uid, account.pk, account._state.adding) == (3, None, True)

    def test_model_of_fakes(self) -> None:
        """What has rows in a test is a model, of which nothing else is known."""
        with override_remote("economy", {"money.Account": []}):
            account = economy.money.Account(uid=3)
            assert isinstance(account, economy.money.Account)
            assert account.uid == 3

    def test_nothing(self, bank: str) -> None:  # noqa: F811
        """What is not exposed is said to be so."""
        with pytest.raises(NotExposed, match=r"bank\.Nothing"):
            economy.bank.Nothing()

    def test_unreachable(self) -> None:
        """What it stands for cannot be known without the server."""
        with pytest.raises(ConnectionLost):
            economy.money.Nothing()

    def test_faked(self) -> None:
        """In a test with fakes nothing is fetched: what has a fake is a function."""
        with override_remote("economy", {"money.Convert": lambda value: value + 1}):
            assert economy.money.Convert(1) == 2
            assert economy.money.Convert.using(timeout=1)(2) == 3
            assert str(economy.money.InsufficientFunds("no")) == "no"


def test_functions_under_a_capwords_name() -> None:
    """The other ways to call one are there too, for whoever knows that it is one."""
    for name in ("using", "acall", "submit", "stream", "on_commit"):
        assert getattr(economy.money.Convert, name).__self__.__name__ == "Convert"


def test_help_and_signature(bank: str) -> None:  # noqa: F811
    """The schema speaks for classes as well, and without one what is known here."""
    assert economy.bank.Account.__doc__ == "An account of a citizen."
    assert economy.bank.InsufficientFunds.__doc__ == "The balance does not cover the amount."
    assert str(inspect.signature(economy.bank.Account)) == "(*args, **kwargs)"
    assert "objects" in dir(economy.bank.Account)
    assert RemoteClass.__doc__ == "The type of what CapWords names stand for."


def test_doc_without_a_server() -> None:
    """Nothing is known of it, and nothing is raised."""
    assert economy.money.Account.__doc__ is None


@pytest.mark.parametrize(
    "name",
    ["", "money", "money.balance", "money.Account.save", "a.b.c.d", "money._X", "money.X Y", ".X"],
)
def test_names_from_a_peer(name: str) -> None:
    """A name that stands for no class is only text."""
    assert class_for_name("economy", name) is None


def test_names_from_a_peer_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that makes up names does not fill this process with classes."""
    known = economy.money.Account
    monkeypatch.setattr("chunnel.client.classes.MAX_RESOLVED", 0)
    assert class_for_name("economy", "money.MadeUpByAPeer") is None
    assert class_for_name("economy", "money.Account") is known


class TestFunctions:
    """A function whose name is CapWords, on a server that another process runs."""

    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the remote answer from a schema and a table, without a socket."""
        parameters = (ParameterSchema("value", "POSITIONAL_OR_KEYWORD", None, "int"),)
        function = FunctionSchema("Convert", "Convert it.", parameters)
        described = Schema("economy", (AppSchema("money", (function,)),), "f")

        class Answers:
            held_schema = described

            def schema(self) -> Schema:
                return described

            def call(self, name: str, args: Any, *rest: Any, **options: Any) -> Any:
                return (name, args)

            def close(self) -> None:
                """There is nothing to close."""

        monkeypatch.setattr(remotes["economy"], "_caller", Answers())

    def test_called_over_there(self, served: None) -> None:
        """To call it is to make the call."""
        assert economy.money.Convert(3) == ("money.Convert", (3,))
        assert economy.money.Convert.using(timeout=3)(4) == ("money.Convert", (4,))

    def test_signature_and_doc(self, served: None) -> None:
        """They are the function's."""
        assert str(inspect.signature(economy.money.Convert)) == "(value: int)"
        assert economy.money.Convert.__doc__ == "Convert it."
        with pytest.raises(AttributeError, match="cannot be changed"):
            economy.money.Convert.__doc__ = "other"


def test_classes_that_join_another_are_called_here(bank: str) -> None:  # noqa: F811
    """What was raised is of a class that joins ours with a built-in one; it can be made again."""
    with pytest.raises(economy.bank.InsufficientFunds) as caught:
        economy.bank.fail("funds")
    assert isinstance(type(caught.value)("again"), economy.bank.InsufficientFunds)


def test_pickles_reach_another_process(tmp_path: Path) -> None:
    """Names, classes, exceptions, instances and querysets, in a process that never named them."""
    account = make_instance(economy.money.Account, 1, ("uid",), (5,), "Ann", ("deposit",))
    things = [
        economy.money.balance.using(timeout=2),
        economy.money.Account,
        economy.money.Account.DoesNotExist("gone"),
        account,
        account.deposit,
        economy.money.Account.objects.filter(uid=1)[:3],
        economy.money.Account.objects,
    ]
    path = tmp_path / "things"
    path.write_bytes(pickle.dumps(things))
    source = (
        "import django, pathlib, pickle; django.setup()\n"
        f"things = pickle.loads(pathlib.Path({str(path)!r}).read_bytes())\n"
        "assert isinstance(things[3], things[1])\n"
        "assert things[3].uid == 5\n"
        "assert things[3].deposit == things[4]\n"
        "assert not hasattr(things[3], 'wipe')\n"
        "assert type(things[2]) is things[1].DoesNotExist\n"
        "assert things[5].model is things[1]\n"
        "assert 'chunnel.client.calling' not in __import__('sys').modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert not done.returncode, done.stderr
