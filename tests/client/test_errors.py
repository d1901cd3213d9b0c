"""Failures as the exceptions a caller sees."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import Http404

from chunnel.client import errors
from chunnel.client.errors import exception_for
from chunnel.client.names import remote
from chunnel.client.remotes import get_remote
from chunnel.exceptions import (
    CallCancelled,
    CallError,
    CallInfo,
    CallRefused,
    CallTimeout,
    NotExposed,
    QueryRefused,
    RemoteError,
    SerializationError,
    TooManyRows,
    UpstreamFailure,
    WrongArguments,
)
from chunnel.protocol.messages import Failure, FailureCode
from chunnel.values.exceptions import EXCEPTIONS, NEVER_REBUILT, nearest_base, qualified_name

CALL = CallInfo("economy", "money.balance", "tcp://127.0.0.1:7070", call_id="ab")


def arrived(
    message: str, code: int = FailureCode.RAISED, **details: Any
) -> RemoteError | CallError:
    return exception_for(
        Failure(b"x" * 8, code, message), CALL, get_remote("economy").resolve, details
    )


def as_it_arrives(error: Exception) -> Any:
    """Return what a client sees where the function raised ``error``."""
    return arrived(
        str(error),
        type=qualified_name(type(error)),
        base=nearest_base(type(error)),
        args=list(error.args),
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        ValueError(),
        KeyError("missing"),
        KeyError("a", "b"),
        OSError(2, "No such file"),
        FileNotFoundError(2, "No such file", "/x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        UnicodeEncodeError("ascii", "é", 0, 1, "out of range"),
        ImportError("no module"),
        AttributeError("no attribute"),
        SyntaxError("bad", ("file", 1, 2, "text")),
        ZeroDivisionError("division by zero"),
        TimeoutError("late"),
        ConnectionResetError(104, "reset"),
        Http404("nothing"),
        IntegrityError("UNIQUE constraint failed", 5),
        ObjectDoesNotExist("none"),
        PermissionDenied("may not"),
    ],
    ids=repr,
)
def test_what_the_table_knows_arrives_as_itself(error: Exception) -> None:
    """It is caught as itself and as RemoteError, with its text and its arguments."""
    found = as_it_arrives(error)
    assert isinstance(found, type(error))
    assert isinstance(found, RemoteError)
    assert str(found) == str(error)
    assert found.args == error.args
    assert found.call == CALL
    assert found.type == qualified_name(type(error))
    assert found.maybe_executed
    assert type(found).__name__ == type(error).__name__


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
@pytest.mark.parametrize("args", [None, [], ["text"], ["a", "b", "c"], [1, b"x", None, 2.5, []]])
def test_no_class_of_the_table_fails_for_any_arguments(name: str, args: Any) -> None:
    """A peer's arguments may be lost; the class and the message never are."""
    details = {"base": name, **({} if args is None else {"args": args})}
    found = arrived("the text", **details)
    assert isinstance(found, EXCEPTIONS[name])
    assert isinstance(found, RemoteError)
    if name != "django.core.exceptions.ValidationError":
        assert str(found) == "the text"
    for again in (pickle.loads(pickle.dumps(found)), copy.copy(found)):
        assert type(again) is type(found)
        assert str(again) == str(found)
        assert again.args == found.args
        assert again.call == CALL


@pytest.mark.parametrize("cls", [*NEVER_REBUILT, Exception, BaseException, BaseExceptionGroup])
def test_what_would_end_ours_is_never_rebuilt(cls: type[BaseException]) -> None:
    """It arrives as a RemoteError that names the type."""
    for name in (cls.__name__, qualified_name(cls)):
        found = arrived("stop", base=name, type=name)
        assert type(found) is RemoteError
        assert found.type == name


def test_an_unknown_type_is_a_remote_error() -> None:
    """The name is kept; nothing is imported for it."""
    found = arrived("gone wrong", type="os.system", base="os.system", names=["a", "b.c.d.e", 5])
    assert type(found) is RemoteError
    assert (str(found), found.type) == ("gone wrong", "os.system")


def test_the_projects_own_exceptions_arrive_under_their_names() -> None:
    """Every exposed name of the exception's bases catches it, and so does the built-in base."""
    money = remote.economy.money
    found = arrived(
        "12 missing",
        names=["money.VeryPoor", "money.InsufficientFunds"],
        base="ValueError",
        args=["12 missing"],
        type="money.errors.VeryPoor",
    )
    assert isinstance(found, money.InsufficientFunds)
    assert isinstance(found, money.VeryPoor)
    assert isinstance(found, ValueError)
    assert not isinstance(found, money.Unrelated)
    assert found.args == ("12 missing",)
    assert pickle.loads(pickle.dumps(found)).__class__ is found.__class__
    with pytest.raises(money.InsufficientFunds):
        raise found


def test_does_not_exist_is_that_of_the_model() -> None:
    """It is the remote model's, Django's, and no other model's."""
    money = remote.economy.money
    found = arrived(
        "Account matching query does not exist.",
        names=["money.Account.DoesNotExist"],
        base="django.core.exceptions.ObjectDoesNotExist",
    )
    assert isinstance(found, money.Account.DoesNotExist)
    assert isinstance(found, ObjectDoesNotExist)
    assert not isinstance(found, money.Branch.DoesNotExist)


def test_an_exception_without_a_remote_class_keeps_its_base() -> None:
    """``resolve`` may know nothing."""
    failure = Failure(b"x" * 8, FailureCode.RAISED, "no")
    details = {"names": ["money.X"], "base": "ValueError"}
    found = exception_for(failure, CALL, lambda name: None, details)
    assert isinstance(found, ValueError)
    found = exception_for(failure, CALL, None, details)
    assert isinstance(found, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        ValidationError("one", code="c"),
        ValidationError("%(n)s too many", code="c", params={"n": 3}),
        ValidationError(["one", ValidationError("two", code="d")]),
        ValidationError({"name": ["one", "two"], "age": ValidationError("old", code="e")}),
    ],
    ids=str,
)
def test_validation_errors_arrive_whole(error: ValidationError) -> None:
    """Fields, codes and parameters survive, also through pickle."""
    from chunnel.values.exceptions import validation_to_plain

    found = arrived(
        "; ".join(error.messages),
        base="django.core.exceptions.ValidationError",
        data=validation_to_plain(error),
    )
    for one in (found, pickle.loads(pickle.dumps(found))):
        assert isinstance(one, ValidationError)
        assert one.messages == error.messages
        assert str(one) == str(error)
        assert hasattr(one, "error_dict") == hasattr(error, "error_dict")
        if hasattr(error, "error_dict"):
            assert one.message_dict == error.message_dict
            assert one.error_dict["age"][0].code == "e"
        else:
            codes = [each.code for each in error.error_list]
            assert [each.code for each in one.error_list] == codes


@pytest.mark.parametrize("data", [5, {1: 2}, {"dict": {"a": [5]}}, [5], {"list": [{}]}])
def test_a_malformed_validation_error_keeps_its_message(data: Any) -> None:
    """The peer's mistake costs the details only."""
    found = arrived("wrong", base="django.core.exceptions.ValidationError", data=data)
    assert isinstance(found, ValidationError)
    assert found.messages == ["wrong"]


@pytest.mark.parametrize(
    ("code", "cls", "executed"),
    [
        (FailureCode.MALFORMED, CallRefused, False),
        (FailureCode.NOT_EXPOSED, NotExposed, False),
        (FailureCode.WRONG_ARGUMENTS, WrongArguments, False),
        (FailureCode.WRONG_ARGUMENTS, TypeError, False),
        (FailureCode.DENIED, PermissionDenied, False),
        (FailureCode.REFUSED, CallRefused, False),
        (FailureCode.EXPIRED, CallTimeout, False),
        (FailureCode.QUERY_REFUSED, QueryRefused, False),
        (FailureCode.TOO_MANY_ROWS, TooManyRows, False),
        (FailureCode.UNSERIALIZABLE, SerializationError, True),
        (FailureCode.UNSERIALIZABLE, RemoteError, True),
        (FailureCode.CANCELLED, CallCancelled, True),
        (FailureCode.DEADLINE, CallTimeout, True),
        (FailureCode.UPSTREAM, UpstreamFailure, True),
        (FailureCode.RAISED, RemoteError, True),
        (99, RemoteError, False),
        (999, RemoteError, True),
    ],
)
def test_each_code_has_its_class(code: int, cls: type[Exception], executed: bool) -> None:
    """The text is exactly what was sent, and the error says whether anything was executed."""
    found = arrived("f() missing 1 required positional argument: 'uid'", code)
    assert isinstance(found, cls)
    assert str(found) == "f() missing 1 required positional argument: 'uid'"
    assert found.maybe_executed is executed
    assert found.call == CALL
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_an_upstream_failure_names_the_chain() -> None:
    """It is no verdict on who answered."""
    found = arrived("no answer", FailureCode.UPSTREAM, chain=["us", "economy", "bank"])
    assert isinstance(found, UpstreamFailure)
    assert found.chain == ("us", "economy", "bank")
    assert "us → economy → bank" in str(found)
    assert not isinstance(found, CallError)


def test_the_remote_traceback_is_a_note() -> None:
    """Only where it was sent."""
    found = arrived("no", base="ValueError", traceback="Traceback…\n  File x\n")
    assert found.__notes__ == ["Traceback of the remote project:\nTraceback…\n  File x"]
    assert pickle.loads(pickle.dumps(found)).__notes__ == found.__notes__
    assert not hasattr(arrived("no", base="ValueError"), "__notes__")


@pytest.mark.parametrize("junk", [5, None, "text", [1], {"a": 1}, b"x"])
def test_junk_in_the_details_is_left_out(junk: Any) -> None:
    """Everything in a failure is a peer's choice."""
    details = dict.fromkeys(("type", "names", "base", "args", "data", "traceback", "chain"), junk)
    for code in FailureCode:
        assert str(arrived("text", code, **details))
    failure = Failure(b"x" * 8, FailureCode.RAISED, "text")
    assert str(exception_for(failure, CALL, None, junk)) == "text"


def test_names_that_a_peer_makes_up_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound the classes are made and forgotten."""
    monkeypatch.setattr(errors, "MAX_CLASSES", len(errors._classes))
    before = len(errors._classes)
    made: dict[str, type[Any]] = {}

    def resolve(name: str) -> type[Any]:
        return made.setdefault(name, type("Made", (RemoteError,), {}))

    for number in range(20):
        details = {"names": [f"a.{number}"], "base": "ValueError"}
        failure = Failure(b"x" * 8, FailureCode.RAISED, "no")
        assert isinstance(exception_for(failure, CALL, resolve, details), ValueError)
    assert len(errors._classes) == before


def test_a_class_is_made_once() -> None:
    """Raising the same error often makes no new class."""
    assert type(arrived("a", base="KeyError")) is type(arrived("b", base="KeyError"))


def test_repr_shows_the_name_over_there_and_the_text() -> None:
    """Whatever the base makes of its arguments."""
    assert repr(arrived("missing", base="KeyError", args=["missing"])) == "KeyError('missing')"


def test_bases_that_cannot_be_joined_cost_the_bases() -> None:
    """The message arrives all the same, as a RemoteError."""

    class Full(RemoteError, OSError):
        pass

    details = {"names": ["a.Full"], "base": "UnicodeDecodeError"}
    failure = Failure(b"x" * 8, FailureCode.RAISED, "disk full")
    found = exception_for(failure, CALL, lambda name: Full, details)
    assert isinstance(found, RemoteError)
    assert not isinstance(found, OSError | UnicodeDecodeError)
    assert str(found) == "disk full"


def test_a_class_that_cannot_be_made_of_the_arguments_costs_the_arguments() -> None:
    """It is of that class, and says what was said over there."""

    class Picky(RemoteError):
        def __init__(self) -> None:
            super().__init__("always this")

    details = {"names": ["a.Picky"], "base": "django.core.exceptions.ValidationError", "data": "no"}
    failure = Failure(b"x" * 8, FailureCode.RAISED, "wrong age")
    found = exception_for(failure, CALL, lambda name: Picky, details)
    assert isinstance(found, Picky)
    assert isinstance(found, ValidationError)
    assert (str(found), found.args) == ("wrong age", ("wrong age",))


def test_parameters_that_do_not_fit_their_message_cost_the_parameters() -> None:
    """The text is the one that was sent."""
    for params in ({"other": 1}, {"age": "old"}):
        data = {"message": "at least %(age)d", "params": params}
        found = arrived("at least 18", base="django.core.exceptions.ValidationError", data=data)
        assert isinstance(found, ValidationError)
        assert str(found) == "at least 18"


def test_an_argument_that_is_the_text_is_kept_as_it_was() -> None:
    """Of an error that is a plain one here."""
    assert arrived("5", type="shop.Odd", args=[5]).args == (5,)
    assert arrived("6", type="shop.Odd", args=[5]).args == ("6",)
