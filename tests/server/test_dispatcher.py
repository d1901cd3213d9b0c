"""What happens to a call, from its name to its answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from chunnel.context import current_call
from chunnel.middleware import Request
from chunnel.protocol.messages import FailureCode, Result
from chunnel.registry import Registry, expose
from chunnel.schema import schema_from_wire
from chunnel.signals import call_finished, call_started
from tests.apps.bank.models import Account

from .caller import Caller, Failed, lent


def refused(call: Caller, name: str, /, *args: Any, **kwargs: Any) -> Failed:
    with pytest.raises(Failed) as raised:
        call(name, *args, **kwargs)
    return raised.value


class TestLookUp:
    @pytest.mark.parametrize(
        "name",
        [
            "bank.nothing",
            "bank",
            "",
            "bank.Account",  # a model is no callable
            "bank.InsufficientFunds",
            "bank.Account.objects.delete",
            "bank.Account.objects.model.objects",
            "bank.echo.__globals__",
            "bank.Calculator",
            "bank._reset",
            "chunnel.nothing",
            "tests.apps.bank.rpc.echo",
        ],
    )
    def test_only_exact_names(self, call: Caller, name: str) -> None:
        failed = refused(call, name)
        assert failed.code == FailureCode.NOT_EXPOSED
        assert repr(name) in failed.message

    def test_kinds_of_callables(self, call: Caller) -> None:
        assert call("bank.echo", 5) == 5
        assert call("bank.add", 5) == 105
        assert call("bank.quote_plus", "a b") == "a+b"
        assert call("bank.hypot", 3, 4) == 5.0
        assert call("bank.later", {"a": Decimal(1)}) == {"a": Decimal(1)}

    def test_json(self, db: None) -> None:
        with lent() as call:
            other = Caller("memory://lent", call.dispatcher, serializer="json")
            assert other("bank.echo", Decimal("1.50"), key={1, 2}) == [
                (Decimal("1.50"),),
                {"key": {1, 2}},
            ]
            other.close()


class TestArguments:
    @pytest.mark.parametrize(
        ("args", "kwargs"), [((), {}), ((1, 2), {}), ((), {"id": 1}), ((1,), {"uid": 1})]
    )
    def test_in_pythons_own_words(self, call: Caller, args: Any, kwargs: Any) -> None:
        from tests.apps.bank.rpc import balance

        with pytest.raises(TypeError) as expected:
            balance(*args, **kwargs)
        failed = refused(call, "bank.balance", *args, **kwargs)
        assert failed.code == FailureCode.WRONG_ARGUMENTS
        assert failed.message == str(expected.value)

    def test_a_type_error_of_the_functions_own(self, call: Caller) -> None:
        failed = refused(call, "bank.fail", "type", "deep inside")
        assert failed.code == FailureCode.RAISED
        assert failed.details["base"] == "TypeError"
        assert failed.message == "deep inside"

    def test_a_type_error_of_a_built_in_functions_own(self) -> None:
        """Where the arguments fit its signature it was executed."""
        registry = Registry()
        expose(math.sqrt, app_label="x", registry=registry)
        with lent(registry=registry) as call:
            failed = refused(call, "x.sqrt", "four")
            assert failed.code == FailureCode.RAISED
            assert failed.details["base"] == "TypeError"
            assert refused(call, "x.sqrt").code == FailureCode.WRONG_ARGUMENTS

    def test_streams_and_coroutines(self, call: Caller) -> None:
        for name in ("statement", "ticks", "later"):
            failed = refused(call, f"bank.{name}")
            assert failed.code == FailureCode.WRONG_ARGUMENTS
            assert failed.message.startswith(f"{name}() missing 1 required positional argument")

    def test_a_builtin_without_a_signature(self, call: Caller) -> None:
        """Python's own text, though nobody could have checked before."""
        failed = refused(call, "bank.hypot", "a")
        assert failed.code == FailureCode.WRONG_ARGUMENTS
        assert failed.message == "must be real number, not str"

    @pytest.mark.parametrize("body", [b"", b"\xc1", b"\x01", b"\x92\x01\x80", b"\x93\x90\x80\x01"])
    def test_unreadable(self, call: Caller, body: bytes) -> None:
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", _body=body))
        assert raised.value.code == FailureCode.MALFORMED

    def test_keywords_that_are_no_names(self, call: Caller) -> None:
        body = call.serializer.dumps([[], {1: 2}]).body
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", _body=body))
        assert raised.value.code in {FailureCode.WRONG_ARGUMENTS, FailureCode.MALFORMED}


class TestMetadata:
    def test_too_many_hops(self, call: Caller) -> None:
        hops = [f"p{number}" for number in range(17)]
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", 1, _meta={"hops": hops}))
        assert raised.value.code == FailureCode.REFUSED
        assert "p0 → p1 → " in raised.value.message
        assert "p16 → economy" in raised.value.message
        assert call.finish(call.send("bank.echo", 1, _meta={"hops": hops[:16]})) == 1

    def test_unknown_demands(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", 1, _meta={"!twice": True}))
        assert raised.value.code == FailureCode.REFUSED
        assert "'!twice'" in raised.value.message
        assert call.finish(call.send("bank.echo", 1, _meta={"twice": True})) == 1

    @pytest.mark.parametrize("hops", [5, {"a": 1}, [1], "government"])
    def test_malformed_hops(self, call: Caller, hops: Any) -> None:
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", 1, _meta={"hops": hops}))
        assert raised.value.code == FailureCode.MALFORMED

    def test_an_unknown_serializer(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", 1, _serializer="pickle"))
        assert raised.value.code == FailureCode.REFUSED
        assert "msgpack, json" in raised.value.message

    def test_a_call_whose_time_is_over(self, call: Caller) -> None:
        with pytest.raises(Failed) as raised:
            call.finish(call.send("bank.echo", 1, _meta={"remaining": 0}))
        assert raised.value.code == FailureCode.EXPIRED

    def test_the_call_knows_itself(self, call: Caller) -> None:
        call_id = call.send("bank.whoami", _meta={"hops": ["education", "government"]})
        assert call.finish(call_id) == {
            "id": call_id.hex(),
            "name": "bank.whoami",
            "project": "government",
            "hops": ["education", "government"],
        }
        assert current_call() is None


@pytest.mark.usefixtures("accounts")
class TestAtomic:
    def test_an_exception_rolls_back(self, call: Caller) -> None:
        account = Account.objects.get(uid=1)
        failed = refused(call, "bank.deposit_unsendable", 1, Decimal(5))
        assert failed.code == FailureCode.UNSERIALIZABLE
        assert "result" in failed.message
        account.refresh_from_db()
        assert account.balance == 50


class TestBuiltins:
    def test_schema(self, call: Caller) -> None:
        schema = schema_from_wire(call("chunnel.schema"))
        assert schema == call.dispatcher.schema
        assert schema.fingerprint == call.link.welcome.fingerprint
        (app,) = [each for each in schema.apps if each.label == "bank"]
        assert {"balance", "echo", "statement"} <= {each.name for each in app.functions}

    def test_status(self, call: Caller) -> None:
        status = call("chunnel.status")
        assert status["project"] == "economy"
        assert status["instance"] == call.link.welcome.instance
        assert status["peers"] == 1
        assert refused(call, "chunnel.status", 1).code == FailureCode.WRONG_ARGUMENTS


class TestSignals:
    def test_both(self, call: Caller) -> None:
        seen: list[Any] = []

        def started(**kwargs: Any) -> None:
            assert current_call() is kwargs["call"]
            seen.append(("started", kwargs["sender"]))

        def finished(**kwargs: Any) -> None:
            seen.append((kwargs["outcome"], type(kwargs["exception"])))
            raise ValueError("a receiver is no part of the call")

        call_started.connect(started)
        call_finished.connect(finished)
        try:
            assert call("bank.echo", 1) == 1
            refused(call, "bank.fail", "funds")
            assert call("bank.later", 1) == 1
            assert call("bank.statement", 2) == [0, 1]
        finally:
            call_started.disconnect(started)
            call_finished.disconnect(finished)
        names = [each[0] for each in seen]
        assert names == [
            "started",
            "result",
            "started",
            "failure",
            "started",
            "result",
            "started",
            "result",
        ]

    def test_the_log(self, call: Caller, caplog: pytest.LogCaptureFixture) -> None:
        """A line a call; what nobody expected with its traceback, all with the call's id."""
        caplog.set_level(logging.INFO, "chunnel.server.calls")
        call("bank.echo", 1)
        refused(call, "bank.fail", "funds")
        refused(call, "bank.fail", "value")
        refused(call, "bank.nothing")
        levels = [(record.levelname, record.exc_info is not None) for record in caplog.records]
        assert levels == [("INFO", False), ("INFO", False), ("ERROR", True), ("WARNING", False)]
        assert all("(call " in record.getMessage() for record in caplog.records)


@pytest.fixture
def own() -> Registry:
    return Registry()


def deny(get_response: Any) -> Any:
    from django.core.exceptions import PermissionDenied

    def middleware(request: Request) -> Any:
        if request.target.effect != "read":
            raise PermissionDenied("reading only")
        return get_response(request)

    return middleware


def double(get_response: Any) -> Any:
    return lambda request: get_response(request) * 2


class TestMiddleware:
    @pytest.fixture
    def guarded(self, db: None) -> Iterator[Caller]:
        paths = ("tests.server.test_dispatcher.deny",)
        with lent(middleware=paths) as caller:
            yield caller

    def test_permission(self, guarded: Caller) -> None:
        """What middleware refuses was not executed, and arguments are not even judged."""
        failed = refused(guarded, "bank.echo", 1)
        assert failed.code == FailureCode.DENIED
        assert failed.message == "reading only"
        assert refused(guarded, "bank.fail").code == FailureCode.DENIED
        assert guarded("bank.add", 1) == 101
        assert guarded("bank.later", 1) == 1
        assert guarded("bank.statement", 2) == [0, 1]
        assert guarded("bank.ticks", 2) == [0, 1]

    def test_results_pass_through(self, db: None) -> None:
        with lent(middleware=("tests.server.test_dispatcher.double",)) as call:
            assert call("bank.echo", 4) == 8


class TestReferencesAreResolvedLate:
    def test_not_before_permission(self, db: None, django_assert_num_queries: Any) -> None:
        from chunnel.values import InstanceRef

        with (
            lent(middleware=("tests.server.test_dispatcher.deny",)) as call,
            django_assert_num_queries(0),
        ):
            refused(call, "bank.echo", InstanceRef("bank.Account", 1))


def test_a_registry_of_its_own(own: Registry) -> None:
    """The dispatcher serves the registry it is given and no other."""

    def hello(name: str, /, *, loud: bool = False) -> str:
        return name.upper() if loud else name

    expose(hello, app_label="greetings", registry=own)
    with lent(registry=own) as call:
        assert call("greetings.hello", "x", loud=True) == "X"
        assert refused(call, "bank.echo", 1).code == FailureCode.NOT_EXPOSED


def test_results_are_messages(call: Caller) -> None:
    """A small result is one message."""
    call.send("bank.echo", 1)
    assert isinstance(call.receive(), Result)
