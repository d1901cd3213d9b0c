"""Every exception: what it is besides, what it carries, and that it survives pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import chunnel
from chunnel import exceptions
from chunnel.exceptions import (
    UNSET,
    Attempt,
    CallError,
    CallInfo,
    RemoteError,
    SerializationError,
    UpstreamFailure,
)

CLASSES: list[type[Exception]] = [
    found
    for found in vars(exceptions).values()
    if isinstance(found, type)
    and issubclass(found, Exception)
    and found.__module__ == exceptions.__name__
]
REMOTE = [cls for cls in CLASSES if issubclass(cls, RemoteError)]
OURS = [cls for cls in CLASSES if issubclass(cls, CallError)]

ATTEMPT = Attempt("tcp://a:1", 0.0, 0.25, "lost")
CALL = CallInfo(
    "economy", "money.balance", "tcp://a:1", "i1", "00ff", (ATTEMPT,), 0.5, ("government",)
)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_pickled_and_copied(cls: Any, again: Any) -> None:
    """Class, arguments and everything set on it stay."""
    error = cls("a text", "another")
    error.call = CALL
    error.add_note("while testing")
    found = again(error)
    assert type(found) is cls
    assert (found.args, str(found)) == (error.args, str(error))
    assert found.call == CALL
    assert found.__notes__ == ["while testing"]


@pytest.mark.parametrize("cls", CLASSES)
def test_public(cls: type[Exception]) -> None:
    """Each has a docstring and can be had from the package itself."""
    assert cls.__doc__
    assert getattr(chunnel, cls.__name__) is cls


def test_families() -> None:
    """What the other side raised, what nobody answered, and mistakes of one's own are apart."""
    assert not set(REMOTE) & set(OURS)
    mistakes = set(CLASSES) - set(REMOTE) - set(OURS)
    assert {cls.__name__ for cls in mistakes} == {
        "AlreadyExposed",
        "FieldNotFetched",
        "SerializationError",
        "UnknownRemote",
        "UnsavedChanges",
    }


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("WrongArguments", TypeError),
        ("CallTimeout", TimeoutError),
        ("ConnectionLost", ConnectionError),
        ("PoolExhausted", TimeoutError),
        ("SerializationError", ValueError),
        ("UnknownRemote", AttributeError),
        ("UnknownRemote", LookupError),
        ("FieldNotFetched", AttributeError),
    ],
)
def test_built_in_bases(name: str, builtin: type[Exception]) -> None:
    """They are caught as what Python calls such a mistake."""
    assert issubclass(getattr(exceptions, name), builtin)


@pytest.mark.parametrize("cls", REMOTE)
def test_remote_errors(cls: type[RemoteError]) -> None:
    """Without a call nothing is known; what the server refused was not executed."""
    error = cls("no")
    assert (error.call, error.type) == (None, "")
    executed = {"RemoteError", "UpstreamFailure"}
    assert error.maybe_executed is (cls.__name__ in executed)


@pytest.mark.parametrize("cls", OURS)
def test_call_errors(cls: type[CallError]) -> None:
    """They say which call it was, and whether it may have been executed."""
    assert (cls("no").call, cls("no").maybe_executed) == (None, False)
    error = cls("no", call=CALL, maybe_executed=True)
    assert (str(error), error.call, error.maybe_executed) == ("no", CALL, True)
    found = pickle.loads(pickle.dumps(error))
    assert (found.call, found.maybe_executed) == (CALL, True)


def test_calls_in_words() -> None:
    """As much as is known: the name, where it was made, its number in the server's log."""
    assert str(CALL) == "economy.money.balance at tcp://a:1 (call 00ff)"
    assert str(CallInfo("economy", "money.balance")) == "economy.money.balance"


def test_serialization_error() -> None:
    """Path and reason stand apart and together."""
    error = SerializationError("it contains itself", "args[0]")
    assert str(error) == "args[0]: it contains itself"
    assert (error.reason, error.path) == ("it contains itself", "args[0]")
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, again.path, str(again)) == (error.reason, error.path, str(error))
    assert str(SerializationError("it contains itself")) == "it contains itself"


def test_upstream_failure() -> None:
    """It names the projects on the way."""
    error = UpstreamFailure("no")
    assert error.chain == ()
    error.chain = ("economy", "weather")
    assert pickle.loads(pickle.dumps(error)).chain == ("economy", "weather")


def test_unset() -> None:
    """There is one, whose name says what it is."""
    assert repr(UNSET) == "UNSET"
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert copy.deepcopy(UNSET) is UNSET
