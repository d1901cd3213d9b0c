"""Fakes in the place of a remote."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import TestCase, mock

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from chunnel import (
    ConnectionLost,
    SerializationError,
    UnknownRemote,
    UnsavedChanges,
    WrongArguments,
    remote,
)
from chunnel.schema import (
    AppSchema,
    FunctionSchema,
    ModelSchema,
    ParameterSchema,
    Schema,
    schema_to_wire,
)
from chunnel.test import assertNumRPCs, override_remote

from ..client.bank import bank  # noqa: F401 - a fixture

economy = remote.economy

UID = (ParameterSchema("uid", "POSITIONAL_OR_KEYWORD", None, "int"),)
SCHEMA = Schema(
    "economy",
    (
        AppSchema(
            "money",
            (FunctionSchema("balance", "", UID), FunctionSchema("pay", "", (*UID, *UID[:0]))),
            (
                ModelSchema(
                    "Account",
                    "",
                    "account",
                    "accounts",
                    "id",
                    (),
                    (),
                    (),
                    (),
                    (FunctionSchema("deposit", "", UID),),
                    (FunctionSchema("rich", "", ()),),
                ),
            ),
        ),
    ),
    "f",
)


def waited(value: Any) -> Any:
    """Return what a pending call gives, or what is there already."""
    return value.result() if hasattr(value, "result") else value


class TestFunctions:
    """What answers the name of a function."""

    def test_callable(self) -> None:
        """It is called with the arguments, whatever way the call goes."""
        with override_remote(
            "economy", {"money.balance": lambda uid, *, cents=False: (uid, cents)}
        ):
            assert economy.money.balance(1, cents=True) == (1, True)
            assert economy.money.balance.using(timeout=1)(2) == (2, False)
            assert asyncio.run(economy.money.balance.acall(3)) == (3, False)
            assert economy.money.balance.submit(4).result() == (4, False)

    def test_wrong_arguments(self) -> None:
        """They are told as the server tells them; a TypeError within the fake is another thing."""

        def balance(uid: int) -> int:
            return len(uid)  # type: ignore[arg-type]

        with override_remote("economy", {"money.balance": balance}):
            for call in (economy.money.balance, economy.money.balance.submit):
                with pytest.raises(WrongArguments, match=r"balance\(\) missing 1 required pos"):
                    waited(call())
            with pytest.raises(TypeError, match="has no len") as raised:
                economy.money.balance(1)
            assert not isinstance(raised.value, WrongArguments)

    def test_arguments_that_cannot_travel(self) -> None:
        """They are refused, since the remote would never see them; remote instances travel."""
        rows = [{"uid": 1, "balance": 10}]
        fakes = {
            "money.pay": lambda *args, **kwargs: 1,
            "money.Account": rows,
            "money.Account.deposit": lambda account, amount: 1,
        }
        with override_remote("economy", fakes):
            account = economy.money.Account.objects.get(uid=1)
            with pytest.raises(SerializationError, match=r"args\[1\]\['who'\]"):
                economy.money.pay(1, {"who": object()})
            with pytest.raises(SerializationError, match=r"kwargs\['to'\]"):
                asyncio.run(economy.money.pay.acall(to=object()))
            with pytest.raises(SerializationError, match=r"args\[0\]"):
                account.deposit(object())
            assert account.deposit(1) == 1

    def test_inside_an_event_loop(self) -> None:
        """A plain call is refused there as a real one is."""

        async def view() -> None:
            assert await economy.money.balance.acall(1) == 3
            with pytest.raises(SynchronousOnlyOperation, match="acall"):
                economy.money.balance(1)

        with override_remote("economy", {"money.balance": 3}):
            asyncio.run(view())

    def test_value(self) -> None:
        """What cannot be called is the answer."""
        with override_remote("economy", {"money.balance": Decimal(3)}):
            assert economy.money.balance(1) == Decimal(3)

    def test_exceptions(self) -> None:
        """An exception, of whatever kind, is raised; remote ones by their name, with no server."""
        funds = economy.money.InsufficientFunds
        for fake in (ConnectionLost("gone"), KeyError, funds):
            with override_remote("economy", {"money.balance": fake}):
                with pytest.raises(fake if isinstance(fake, type) else type(fake)):
                    economy.money.balance(1)
                with pytest.raises(fake if isinstance(fake, type) else type(fake)):
                    economy.money.balance.submit(1).result()

        def refuse(uid: int) -> None:
            raise funds("too little")

        with override_remote("economy", {"money.balance": refuse}):
            with pytest.raises(economy.money.InsufficientFunds, match="too little"):
                economy.money.balance(1)

    def test_generators(self) -> None:
        """They stream: loops, async loops, and with."""

        def statement(length: int) -> Any:
            yield from range(length)

        async def ticks(length: int) -> Any:
            for number in range(length):
                yield number

        async def read(stream: Any) -> list[int]:
            async with stream:
                return [each async for each in stream]

        with override_remote("economy", {"money.statement": statement, "money.ticks": ticks}):
            assert list(economy.money.statement(3)) == [0, 1, 2]
            with economy.money.statement(3) as items:
                assert next(items) == 0
            assert next(items, None) is None
            assert asyncio.run(read(economy.money.statement.stream(2))) == [0, 1]
            assert asyncio.run(read(economy.money.ticks.stream(2))) == [0, 1]

    def test_coroutines(self) -> None:
        """A coroutine function is awaited, as the server does it."""

        async def later(value: int) -> int:
            return value

        with override_remote("economy", {"money.later": later}):
            assert asyncio.run(economy.money.later.acall(3)) == 3
            assert economy.money.later(3) == 3
            assert economy.money.later.submit(3).result() == 3

    def test_other_names_go_where_they_always_went(self) -> None:
        """Only what has a fake is faked, and only while the block runs."""
        with override_remote("economy", {"money.balance": 1}):
            with pytest.raises(ConnectionLost):
                economy.money.account.using(timeout=2)(1)
        with pytest.raises(ConnectionLost):
            economy.money.balance.using(timeout=2)(1)

    def test_nested(self) -> None:
        """Inner fakes cover outer ones and go away again."""
        with override_remote("economy", {"money.one": 1, "money.two": 2}):
            with override_remote("economy", {"money.one": 11}):
                assert (economy.money.one(), economy.money.two()) == (11, 2)
            assert economy.money.one() == 1


class TestModels:
    """What answers the names of a model."""

    def test_methods(self) -> None:
        """The fake gets the instance and may change it, as the method over there would."""

        def deposit(account: Any, amount: int) -> int:
            account.balance += amount
            return account.balance  # type: ignore[no-any-return]

        rows = [{"uid": 1, "balance": 10}]
        with override_remote("economy", {"money.Account": rows, "money.Account.deposit": deposit}):
            account = economy.money.Account.objects.get(uid=1)
            assert account.deposit(5) == account.balance == 15
            assert asyncio.run(account.deposit.acall(5)) == 20
            assert account.deposit.submit(5).result() == 25
            account.balance = 3
            with pytest.raises(UnsavedChanges):
                account.deposit(5)

    def test_methods_that_are_awaited_or_streamed(self) -> None:
        """A coroutine's result is the method's, and so are the fields that it changed."""

        async def deposit(account: Any, amount: int) -> int:
            account.balance += amount
            return account.balance  # type: ignore[no-any-return]

        def history(account: Any) -> Any:
            yield from (account.balance, 0)

        fakes = {
            "money.Account": [{"uid": 1, "balance": 10}],
            "money.Account.deposit": deposit,
            "money.Account.history": history,
        }
        with override_remote("economy", fakes):
            account = economy.money.Account.objects.get(uid=1)
            assert asyncio.run(account.deposit.acall(5)) == account.balance == 15
            assert list(account.history()) == [15, 0]

    def test_built_in_functions(self) -> None:
        """Of one that does not say what it takes nothing is judged."""
        with override_remote("economy", {"money.balance": max}, schema=SCHEMA):
            assert economy.money.balance(1, 3) == 3

    def test_a_stream_of_what_cannot_be_closed(self) -> None:
        with override_remote("economy", {"money.balance": lambda uid: iter([1, 2])}):
            with economy.money.balance(1) as numbers:
                assert next(numbers) == 1
            assert list(numbers) == [2]

    def test_methods_of_managers(self) -> None:
        """The fake gets the arguments alone."""
        fakes = {"money.Account.objects.total": lambda *, above=0: above + 1}
        with override_remote("economy", fakes):
            assert economy.money.Account.objects.total() == 1
            assert economy.money.Account.objects.filter(uid=1).total(above=2) == 3

    def test_rows(self) -> None:
        """A list of dicts is a model's table."""
        rows = [{"pk": 7, "uid": 1, "__str__": "Ann"}, {"pk": 8, "uid": 2, "__str__": "Bob"}]
        with override_remote("economy", {"money.Account": rows}), assertNumRPCs(3):
            found = economy.money.Account.objects.filter(uid__gt=1)
            assert [(each.pk, str(each)) for each in found] == [(8, "Bob")]
            assert economy.money.Account.objects.count() == 2
            with pytest.raises(economy.money.Account.DoesNotExist):
                economy.money.Account.objects.get(uid=3)


class TestRefusals:
    """A fake that the remote could not have is refused."""

    @pytest.mark.parametrize(
        ("fakes", "error", "words"),
        [
            ({"money.balance": lambda: 1}, TypeError, r"money\.balance takes \(\).*\(uid: int\)"),
            ({"money.balance": lambda user: 1}, TypeError, "takes"),
            ({"money.balance": lambda uid=1: 1}, TypeError, "takes"),
            ({"money.balance": lambda *, uid: 1}, TypeError, "takes"),
            ({"money.balanse": lambda uid: 1}, LookupError, r"no function 'money\.balanse'"),
            ({"money.Account.deposit": lambda a: 1}, TypeError, "takes"),
            ({"money.Account.wipe": lambda a: 1}, LookupError, "wipe"),
            ({"money.Nothing.wipe": lambda a: 1}, LookupError, "wipe"),
            ({"money.Account.objects.rich": lambda a: 1}, TypeError, "takes"),
            ({"money.Accounts": []}, LookupError, "no model"),
            ({"balance": 1}, LookupError, "no name"),
            ({"money.the balance": 1}, LookupError, "no name"),
        ],
    )
    def test_refused(self, fakes: dict[str, Any], error: type[Exception], words: str) -> None:
        """By name, with both signatures, and nothing is left behind."""
        with pytest.raises(error, match=words), override_remote("economy", fakes, schema=SCHEMA):
            pytest.fail("it was accepted")
        with pytest.raises(ConnectionLost):
            economy.money.balance.using(timeout=2)(1)

    @pytest.mark.parametrize(
        "fake", [lambda uid: 1, mock.Mock(return_value=1), Decimal(1), ValueError, ValueError("x")]
    )
    def test_accepted(self, fake: Any) -> None:
        """The right signature, a Mock, a value, an exception."""
        with override_remote("economy", {"money.balance": fake}, schema=SCHEMA):
            pass

    def test_accepted_methods(self) -> None:
        """Methods with their instance, methods of managers without."""
        fakes = {
            "money.Account.deposit": lambda account, uid: 1,
            "money.Account.objects.rich": lambda: 1,
            "money.Account": [],
        }
        with override_remote("economy", fakes, schema=SCHEMA):
            assert economy.money.Account.objects.count() == 0

    def test_schema_from_a_file(self, tmp_path: Path) -> None:
        """A schema that was stored as JSON serves as well."""
        path = tmp_path / "schema.json"
        path.write_text(json.dumps(schema_to_wire(SCHEMA)))
        with (
            pytest.raises(TypeError),
            override_remote("economy", {"money.balance": lambda: 1}, schema=path),
        ):
            pytest.fail("it was accepted")

    def test_schema_that_was_fetched(self, bank: str) -> None:  # noqa: F811
        """Without one being given, the one at hand is compared."""
        dir(economy.bank)
        with pytest.raises(TypeError), override_remote("economy", {"bank.balance": lambda: 1}):
            pytest.fail("it was accepted")
        with override_remote("economy", {"bank.balance": lambda uid: 1}):
            assert economy.bank.balance(1) == 1

    def test_unknown_alias(self) -> None:
        """The alias must be one of the settings."""
        with pytest.raises(UnknownRemote), override_remote("econmy", {}):
            pytest.fail("it was accepted")


@override_remote("economy", {"money.balance": 5})
def test_as_a_decorator() -> None:
    """Of a function."""
    assert economy.money.balance(1) == 5


@override_remote("economy", {"money.balance": 6})
async def _decorated() -> None:
    assert await economy.money.balance.acall(1) == 6


def test_as_a_decorator_of_a_coroutine_function() -> None:
    """The fakes hold while it runs."""
    asyncio.run(_decorated())


@override_remote("economy", {"money.balance": 7})
class DecoratedTest(TestCase):
    """Of a test case."""

    def test_balance(self) -> None:
        self.assertEqual(economy.money.balance(1), 7)  # noqa: PT009 - it is a unittest


class TestWrites:
    """Rows have names to write by, and each may have a fake of its own."""

    def test_a_fake_gets_what_would_travel(self) -> None:
        seen: list[Any] = []

        def create(values: dict[str, Any]) -> str:
            seen.append(values)
            return "created"

        fakes = {"money.Account.objects.create": create, "money.Account": [{"id": 1}]}
        with override_remote("economy", fakes):
            objects = remote.economy.money.Account.objects
            assert objects.create(name="Eve") == "created"
            assert objects.count() == 1
        assert seen == [{"name": "Eve"}]

    def test_only_models_that_are_there_are_written(self) -> None:
        schema = Schema("economy", (), "f")
        fakes = {"money.Account.save": lambda *_: None}
        with (
            pytest.raises(LookupError, match=r"exposes no model 'money\.Account'"),
            override_remote("economy", fakes, schema=schema),
        ):
            pass
