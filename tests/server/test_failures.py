"""What a caller learns of an exception, and what it does not."""

from __future__ import annotations

import asyncio
import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import FieldError, PermissionDenied, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, NotSupportedError, OperationalError

from chunnel.context import ServedCall
from chunnel.exceptions import (
    CallInfo,
    CallTimeout,
    ConnectionLost,
    NotExposed,
    RemoteError,
    SerializationError,
    ServerBusy,
    UpstreamFailure,
    WrongArguments,
)
from chunnel.protocol.messages import Failure, FailureCode
from chunnel.registry import registry
from chunnel.serializers import load
from chunnel.server.failures import (
    MAX_BODY,
    MAX_MESSAGE,
    Refusal,
    Told,
    failure_for,
    is_plans_fault,
)
from tests.apps.bank.exceptions import InsufficientFunds, VaultClosed
from tests.apps.bank.models import Account

SERIALIZER = load("msgpack")()


def made(error: BaseException, *, show: bool = False, began: bool = True) -> Failure:
    return failure_for(
        error,
        b"12345678",
        ServedCall("31", "bank.echo", "p", hops=("education",)),
        registry=registry,
        serializer=SERIALIZER,
        project="economy",
        show=show,
        began=began,
    )


def details(failure: Failure) -> dict[str, Any]:
    return SERIALIZER.loads(failure.body) if failure.body else {}


class Plain(Told, IntegrityError):
    """One whose message was made for the caller."""


class Odd(Exception):
    """Nobody exposed it."""


class TestRaised:
    def test_exposed(self) -> None:
        failure = made(InsufficientFunds("no", Decimal(5)))
        assert failure.code == FailureCode.RAISED
        assert details(failure) == {
            "type": "tests.apps.bank.exceptions.InsufficientFunds",
            "names": ["bank.InsufficientFunds", "bank.BankError"],
            "base": "ValueError",
            "args": ["no", Decimal(5)],
        }

    def test_what_django_would_tell_of_all_fields(self) -> None:
        """It names those that nobody declared as well."""
        with pytest.raises(FieldError) as raised:
            Account.objects.values("nothing")
        assert "secret" in str(raised.value)
        failure = made(raised.value)
        assert failure.message == "Cannot resolve keyword 'nothing' into field."
        assert details(failure)["args"] == [failure.message]
        assert "secret" in made(raised.value, show=True).message

    def test_the_apps_own(self) -> None:
        found = details(made(VaultClosed("at night")))
        assert found["names"] == ["bank.VaultClosed", "bank.BankError"]
        assert "base" not in found

    def test_of_a_model(self) -> None:
        found = details(made(Account.DoesNotExist("none")))
        assert found["names"] == ["bank.Account.DoesNotExist"]
        assert found["base"] == "django.core.exceptions.ObjectDoesNotExist"

    def test_of_the_table(self) -> None:
        failure = made(KeyError("missing"))
        assert failure.message == "'missing'"
        assert details(failure) == {
            "type": "KeyError",
            "names": [],
            "base": "KeyError",
            "args": ["missing"],
        }

    def test_another_keeps_its_message_to_itself(self) -> None:
        failure = made(Odd("password=1234"))
        assert "1234" not in failure.message
        assert b"1234" not in failure.body
        assert details(failure)["type"] == f"{__name__}.Odd"

    @pytest.mark.parametrize("cls", [IntegrityError, OperationalError, DataError])
    def test_a_database_keeps_its_words_to_itself(self, cls: type[Exception]) -> None:
        error = cls("Key (ssn)=(123-45-6789) already exists.")
        failure = made(error)
        assert failure.message == f"{cls.__name__} (its message is in the server's log)"
        assert details(failure)["base"] == f"django.db.utils.{cls.__name__}"
        assert "args" not in details(failure)
        assert made(error, show=True).message == str(error)

    def test_what_django_does_not_support_is_told(self) -> None:
        """It says so itself; a driver that says so speaks for the database."""
        error = NotSupportedError("contains lookup is not supported on this database backend.")
        failure = made(error)
        assert failure.message == str(error)
        assert details(failure)["args"] == [str(error)]
        error.__cause__ = RuntimeError("from the driver")
        assert "contains" not in made(error).message

    @pytest.mark.parametrize("what", ["ORDER BY", "LIMIT/OFFSET"])
    def test_what_django_does_not_combine_is_told(self, what: str) -> None:
        error = DatabaseError(f"{what} not allowed in subqueries of compound statements.")
        assert made(error).message == str(error)
        assert "secret" not in made(DatabaseError(f"{error} secret")).message
        error.__cause__ = RuntimeError("from the driver")
        assert what not in made(error).message

    def test_what_was_written_for_the_caller_is_told(self) -> None:
        """Under the name that callers know, whatever ours is."""
        failure = made(Plain("A name is taken."))
        assert failure.message == "A name is taken."
        assert details(failure) == {
            "type": "django.db.utils.IntegrityError",
            "names": [],
            "base": "django.db.utils.IntegrityError",
            "args": ["A name is taken."],
        }

    def test_unless_it_may_be_shown(self) -> None:
        failure = made(Odd("password=1234"), show=True)
        assert failure.message == "password=1234"
        assert "Odd: password=1234" in details(failure)["traceback"]

    def test_no_traceback_otherwise(self) -> None:
        assert "traceback" not in details(made(InsufficientFunds("no")))

    @pytest.mark.parametrize(
        "error",
        [
            SystemExit(1),
            GeneratorExit(),
            StopIteration(5),
            asyncio.CancelledError(),
            KeyboardInterrupt(),
        ],
    )
    def test_what_steers_the_interpreter_is_never_rebuilt(self, error: BaseException) -> None:
        found = details(made(error))
        assert "base" not in found
        assert found["names"] == []

    def test_validation(self) -> None:
        found = details(made(ValidationError({"amount": ["too small"]})))
        assert found["data"]["dict"]["amount"][0]["message"] == "too small"
        assert made(ValidationError("plain")).message == "plain"

    def test_permission(self) -> None:
        """Before the function began it is a refusal, later the function's own exception."""
        assert made(PermissionDenied("no"), began=False).code == FailureCode.DENIED
        assert made(PermissionDenied("no")).code == FailureCode.RAISED

    def test_a_result_that_cannot_travel(self) -> None:
        error = SerializationError("of type object", "result[0]")
        assert made(error).code == FailureCode.UNSERIALIZABLE
        assert made(error).message == "result[0]: of type object"

    @pytest.mark.parametrize("argument", [object(), [object()], [[[[1]]]], InsufficientFunds("x")])
    def test_arguments_that_are_not_plain_stay(self, argument: Any) -> None:
        assert "args" not in details(made(InsufficientFunds("no", argument)))

    def test_plain_arguments(self) -> None:
        arguments = ["a", 1, [1, (2,)], datetime.date(2026, 1, 1), None]
        assert details(made(InsufficientFunds(*arguments)))["args"] == arguments

    def test_text_that_cannot_be_made(self) -> None:
        class Mute(InsufficientFunds):
            def __str__(self) -> str:
                raise ZeroDivisionError

        assert "its text cannot be made" in made(Mute("x")).message

    def test_size(self) -> None:
        """However long the text is, every peer accepts the message."""
        failure = made(InsufficientFunds("x" * 10_000_000), show=True)
        assert len(failure.message) == MAX_MESSAGE
        assert len(failure.body) <= MAX_BODY
        assert details(failure)["names"][0] == "bank.InsufficientFunds"

    def test_text_that_no_format_can_hold(self) -> None:
        """Arguments that cannot be packed stay, and the rest arrives."""
        found = details(made(InsufficientFunds("lone \ud800")))
        assert found["names"][0] == "bank.InsufficientFunds"
        assert "args" not in found

    def test_what_is_too_large_even_so(self) -> None:
        """The message alone arrives."""
        cls = type("X" * MAX_BODY, (Exception,), {})
        failure = made(cls())
        assert (failure.body, len(failure.message)) == (b"", MAX_MESSAGE)

    def test_without_a_serializer(self) -> None:
        failure = failure_for(
            ValueError("x"),
            b"12345678",
            ServedCall("31", "x", "p"),
            registry=registry,
            serializer=None,
            project="p",
            show=True,
            began=False,
        )
        assert failure.body == b""


class TestRefusals:
    def test_code_and_message(self) -> None:
        failure = made(Refusal(FailureCode.EXPIRED, "too late"), show=True)
        assert failure == Failure(b"12345678", FailureCode.EXPIRED, "too late")

    def test_the_chain(self) -> None:
        failure = made(Refusal(FailureCode.REFUSED, "too far", ("education", "economy")))
        assert details(failure) == {"chain": ["education", "economy"]}


def with_call(error: Any, alias: str = "education") -> Any:
    error.call = CallInfo(alias, "schools.list")
    return error


class TestUpstream:
    @pytest.mark.parametrize(
        "error",
        [
            CallTimeout("slow"),
            ConnectionLost("gone"),
            ServerBusy("full"),
            NotExposed("nothing"),
            WrongArguments("f() takes no arguments"),
            RemoteError("something"),
            UpstreamFailure("further"),
        ],
    )
    def test_a_third_projects_trouble_is_not_ours(self, error: Any) -> None:
        failure = made(with_call(error))
        assert failure.code == FailureCode.UPSTREAM
        assert failure.message == str(error)
        assert details(failure)["chain"] == ["education", "economy", "education"]

    def test_the_chain_goes_on(self) -> None:
        error = UpstreamFailure("far away")
        error.chain = ("education", "economy", "health", "labs")
        assert details(made(error))["chain"] == ["education", "economy", "health", "labs"]

    def test_a_call_that_came_to_no_call(self) -> None:
        """Such an error does not know which project was to be called."""
        assert details(made(CallTimeout("slow")))["chain"] == ["education", "economy"]

    def test_an_exception_of_a_third_projects_own_is_rebuilt(self) -> None:
        class Arrived(RemoteError, ValueError): ...

        failure = made(with_call(Arrived("not a number")))
        assert failure.code == FailureCode.RAISED
        assert details(failure)["base"] == "ValueError"


class TestPlansFault:
    """Which errors over a plan are the caller's to know, and which the operator's as well."""

    @staticmethod
    def raised(act: Any) -> BaseException:
        with pytest.raises((ValueError, TypeError)) as caught:
            act()
        # What the test's own frames have to do with it is nothing.
        error = caught.value
        assert error.__traceback__ is not None
        while error.__traceback__.tb_frame.f_code.co_filename == __file__:
            error.__traceback__ = error.__traceback__.tb_next
            assert error.__traceback__ is not None
        return error

    def test_a_value_that_does_not_fit(self) -> None:
        assert is_plans_fault(self.raised(lambda: Account.objects.filter(uid="many")))

    def test_what_an_app_had_part_in(self) -> None:
        assert not is_plans_fault(self.raised(lambda: Account().deposit("many")))  # type: ignore[arg-type]

    def test_what_has_another_cause(self) -> None:
        assert not is_plans_fault(KeyError("lost"))
