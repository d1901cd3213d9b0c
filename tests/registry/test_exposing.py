"""``expose`` and ``register``: labels, names, kinds, and what they refuse."""

from __future__ import annotations

import functools
import math
import string
import types
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from chunnel import AlreadyExposed, ModelRPC
from chunnel.registry import Registry, expose, register
from chunnel.registry.exposing import style_of
from tests.apps.bank.models import Account, Branch

from ..live import run


@pytest.fixture
def registry() -> Registry:
    return Registry()


class Calculator:
    """With public methods of each kind, and a property that must not run."""

    factor = 2

    def double(self, x: int) -> int:
        return x * self.factor

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    @staticmethod
    def zero() -> int:
        return 0

    @property
    def loud(self) -> Any:
        raise AssertionError

    @functools.cached_property
    def louder(self) -> Any:
        raise AssertionError

    def _private(self) -> None: ...


class TestNames:
    def test_bare_and_with_options(self, registry: Registry) -> None:
        def one() -> None:
            """Do one."""

        def two() -> None: ...

        assert expose(one, app_label="x", registry=registry) is one
        decorator = expose(
            name="second", effect="read", app_label="x", blocking=True, registry=registry
        )
        assert decorator(two) is two
        first, second = registry.find("x.one"), registry.find("x.second")
        assert first is not None
        assert second is not None
        assert (first.effect, first.doc, first.style) == ("write", "Do one.", "call")
        assert (second.effect, second.blocking, second.target) == ("read", True, two)

    def test_the_label_is_that_of_the_calling_modules_app(self, registry: Registry) -> None:
        module = types.ModuleType("tests.apps.bank.more")
        exec(  # the frame of a module of that name
            "def hello(): ...\nexpose(hello, registry=registry)",
            {"__name__": module.__name__, "expose": expose, "registry": registry},
        )
        assert "bank.hello" in registry

    def test_no_app(self, registry: Registry) -> None:
        with pytest.raises(ImproperlyConfigured, match="belongs to no app"):
            expose(math.sqrt, registry=registry)
        with pytest.raises(ImproperlyConfigured, match="belongs to no app"):
            register(Branch, registry=registry)(type("X", (ModelRPC,), {}))

    def test_an_app_whose_label_is_no_remote_name(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(apps.get_app_config("bank"), "label", "Bank")
        space = {"__name__": "tests.apps.bank.rpc", "expose": expose, "registry": registry}
        with pytest.raises(ImproperlyConfigured, match="the app 'Bank', whose label cannot be"):
            exec("expose(max, registry=registry)", space)
        exec("expose(max, app_label='bank', registry=registry)", space)
        assert "bank.max" in registry

    def test_before_the_apps_are_loaded(self) -> None:
        """No label can be found yet; the message says where such a call belongs."""
        code = "from chunnel import expose; expose(max, app_label='x'); expose(min)"
        ended = run("-c", code, env={"DJANGO_SETTINGS_MODULE": "tests.settings"})
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1] == (
            "django.core.exceptions.ImproperlyConfigured: expose() was called in '__main__' before "
            "Django's apps were loaded. Call it in the app's rpc module, which is imported when "
            "they are, or give app_label=…."
        )

    @pytest.mark.parametrize("label", ["", "Bank", "a.b", "a b", "1a"])
    def test_a_bad_label(self, registry: Registry, label: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="app_label"):
            expose(math.sqrt, app_label=label, registry=registry)

    @pytest.mark.parametrize("name", ["CapWords", "_private", "a.b", "a-b", "ä"])
    def test_a_bad_name(self, registry: Registry, name: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="lower_case"):
            expose(math.sqrt, name=name, app_label="x", registry=registry)

    @pytest.mark.parametrize("name", ["class", "as_sql", "resolve_expression"])
    def test_a_name_that_nobody_can_write(self, registry: Registry, name: str) -> None:
        """Callers write it as an attribute, so words of Python and of Django's cannot be."""
        for options in ({"name": name, "app_label": "x"}, {"name": "y", "app_label": name}):
            with pytest.raises(ImproperlyConfigured, match=f"{name!r}.*could not write"):
                expose(math.sqrt, registry=registry, **options)
        assert len(registry) == 0

    def test_twice_names_both_places(self, registry: Registry) -> None:
        expose(math.sqrt, app_label="x", registry=registry)
        with pytest.raises(AlreadyExposed) as raised:
            expose(math.floor, name="sqrt", app_label="x", registry=registry)
        places = [word for word in str(raised.value).split() if __file__ in word]
        lines = [int(place.rstrip(".").rpartition(":")[2]) for place in places]
        assert lines[1] == lines[0] + 2

    def test_a_bad_effect(self, registry: Registry) -> None:
        with pytest.raises(ImproperlyConfigured, match="read, idempotent, write"):
            expose(math.sqrt, effect="none", app_label="x", registry=registry)  # type: ignore[call-overload]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"atomic": "elsewhere"}, r"expose\(atomic='elsewhere'\).*no database.*'default'"),
            ({"atomic": 1}, r"expose\(atomic=1\).*True, False or"),
            ({"blocking": "yes"}, r"expose\(blocking='yes'\).*True, False or None"),
            ({"signature": "(x)"}, r"expose\(signature='\(x\)'\).*inspect\.Signature"),
            ({"signature": 5}, r"expose\(signature=5\).*inspect\.Signature"),
        ],
    )
    def test_bad_options(self, registry: Registry, options: Any, message: str) -> None:
        """The message names the option and what it may be."""
        with pytest.raises(ImproperlyConfigured, match=message):
            expose(math.sqrt, app_label="x", registry=registry, **options)
        with pytest.raises(ImproperlyConfigured, match=message):
            expose(app_label="x", registry=registry, **options)


class TestKinds:
    def names(self, registry: Registry) -> list[str]:
        return sorted(entry.name for entry in registry)

    def test_part_of_a_module(self, registry: Registry) -> None:
        expose(urllib.parse, only=["quote_plus", "unquote"], app_label="x", registry=registry)
        assert self.names(registry) == ["x.quote_plus", "x.unquote"]

    def test_a_whole_module(self, registry: Registry) -> None:
        """Its public functions; neither its classes nor what it imported."""
        expose(string, app_label="x", registry=registry)
        assert self.names(registry) == ["x.capwords"]

    def test_a_modules_exceptions(self, registry: Registry) -> None:
        import json

        expose(json, only=["JSONDecodeError", "dumps"], app_label="x", registry=registry)
        assert self.names(registry) == ["x.JSONDecodeError", "x.dumps"]

    @pytest.mark.parametrize("only", [["nothing"], ["_quote"], "quote", ["always_safe_"], []])
    def test_what_a_module_does_not_have(self, registry: Registry, only: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"urllib\.parse"):
            expose(urllib.parse, only=only, app_label="x", registry=registry)
        assert not len(registry)

    def test_an_instance(self, registry: Registry) -> None:
        calculator = Calculator()
        expose(calculator, app_label="x", registry=registry)
        assert self.names(registry) == ["x.double", "x.name", "x.zero"]
        entry = registry.find("x.double")
        assert entry is not None
        assert entry.target(4) == 8

    def test_an_instance_that_is_called(self, registry: Registry) -> None:
        class Adder:
            def __call__(self, x: int) -> int:
                return x + 1

        with pytest.raises(ImproperlyConfigured, match="give name="):
            expose(Adder(), app_label="x", registry=registry)
        expose(Adder(), name="add", app_label="x", registry=registry)
        expose(functools.partial(math.pow, 2), name="power", app_label="x", registry=registry)
        expose(Calculator().double, app_label="x", registry=registry)
        expose(Calculator, name="calculator", app_label="x", registry=registry)
        assert self.names(registry) == ["x.add", "x.calculator", "x.double", "x.power"]

    def test_exceptions(self, registry: Registry) -> None:
        class Trouble(ValueError):
            """There is trouble."""

        class worse(Trouble): ...

        expose(Trouble, app_label="x", registry=registry)
        expose(worse, name="Worse", app_label="x", registry=registry)
        assert self.names(registry) == ["x.Trouble", "x.Worse"]
        assert registry.exception_names(worse) == ["x.Worse", "x.Trouble"]
        with pytest.raises(ImproperlyConfigured, match="CapWords"):
            expose(Trouble, name="trouble", app_label="x", registry=registry)
        with pytest.raises(ImproperlyConfigured, match="Exception"):
            expose(KeyboardInterrupt, app_label="x", registry=registry)

    @pytest.mark.parametrize("target", [5, "name", [1], {"a": len}, True])
    def test_what_cannot_be_called(self, registry: Registry, target: Any) -> None:
        """A value is no object whose methods are meant, as in ``@expose("balance")``."""
        with pytest.raises(ImproperlyConfigured, match=r"is a value\..*name="):
            expose(target, app_label="x", registry=registry)
        assert len(registry) == 0

    def test_only_is_for_modules(self, registry: Registry) -> None:
        class Adder(Calculator):
            def __call__(self) -> None: ...

        expose(Adder(), only=["zero"], app_label="x", registry=registry)
        assert self.names(registry) == ["x.zero"]
        with pytest.raises(ImproperlyConfigured, match="only="):
            expose(math.sqrt, only=["x"], app_label="x", registry=registry)

    def test_atomic_is_for_plain_functions(self, registry: Registry) -> None:
        def stream() -> Iterator[int]:
            yield 1

        with pytest.raises(ImproperlyConfigured, match="atomic"):
            expose(stream, atomic=True, app_label="x", registry=registry)


class TestStyles:
    def test_each(self) -> None:
        def stream() -> Iterator[int]:
            yield 1

        async def coroutine() -> None: ...

        async def async_stream() -> AsyncIterator[int]:
            yield 1

        class Awaited:
            async def __call__(self) -> None: ...

        assert style_of(math.sqrt) == "call"
        assert style_of(stream) == "stream"
        assert style_of(functools.partial(stream)) == "stream"
        assert style_of(coroutine) == "coroutine"
        assert style_of(async_stream) == "async_stream"
        assert style_of(Awaited()) == "coroutine"
        assert style_of(Calculator) == "call"


class TestRegister:
    def test_names(self, registry: Registry) -> None:
        @register(Account, app_label="money", registry=registry)
        class AccountRPC(ModelRPC):
            fields = ("uid",)
            methods = ("deposit",)
            manager_methods = ("overdrawn",)

        assert sorted(entry.name for entry in registry) == [
            "money.Account",
            "money.Account.deposit",
            "money.Account.objects",
            "money.Account.objects.iterator",
            "money.Account.objects.overdrawn",
        ]
        exposed = registry.model(Account)
        assert exposed is not None
        assert isinstance(exposed.rpc, AccountRPC)
        assert registry.model_named("money.Account") is exposed
        assert registry.model_named("money.Account.objects") is None
        with pytest.raises(AlreadyExposed, match="Account is registered twice"):
            register(Account, app_label="other", registry=registry)(AccountRPC)

    @pytest.mark.parametrize(("model", "rpc"), [(int, ModelRPC), (Account, int), (Account, 5)])
    def test_what_is_no_model_or_rpc(self, registry: Registry, model: Any, rpc: Any) -> None:
        with pytest.raises(ImproperlyConfigured, match="register"):
            register(model, app_label="x", registry=registry)(rpc)
