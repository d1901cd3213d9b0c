"""Shapes raise the very TypeError that a local call raises."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest

from chunnel.registry.shapes import is_wrong_call, method_shape, shape_of


def plain(uid, name="x"):  # type: ignore[no-untyped-def]
    return uid, name


def positional(a, /, b, c=3, *, d, e=5):  # type: ignore[no-untyped-def]
    return a, b, c, d, e


def starred(first, *args, option=None, **kwargs):  # type: ignore[no-untyped-def]
    return first, args, option, kwargs


def only_keywords(*, a, b):  # type: ignore[no-untyped-def]
    return a, b


@functools.lru_cache
def cached(x):  # type: ignore[no-untyped-def]
    return x


async def coroutine(x):  # type: ignore[no-untyped-def]
    return x


class Thing:
    def __init__(self, size):  # type: ignore[no-untyped-def]
        self.size = size

    def method(self, x, y=2):  # type: ignore[no-untyped-def]
        return x, y

    @classmethod
    def made(cls, x):  # type: ignore[no-untyped-def]
        return x

    @staticmethod
    def static(x):  # type: ignore[no-untyped-def]
        return x

    def __call__(self, q):  # type: ignore[no-untyped-def]
        return q


thing = Thing(1)

CALLABLES: list[Callable[..., Any]] = [
    plain,
    positional,
    starred,
    only_keywords,
    cached,
    thing.method,
    thing,
    Thing,
    Thing.made,
    Thing.static,
    functools.partial(positional, 1, d=4),
    functools.partial(thing.method, y=3),
    lambda q: q,
]
ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, 3, 4), {}),
    ((1,), {"unknown": 1}),
    ((1, 2), {"d": 1}),
    ((1, 2), {"b": 2, "d": 1}),
    ((), {"a": 1, "b": 2}),
    ((), {"self": 1, "x": 2}),
    ((1,), {"uid": 2}),
]


def outcome(function: Callable[..., Any], args: Any, kwargs: Any) -> str | None:
    try:
        function(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return None


@pytest.mark.parametrize("target", CALLABLES, ids=repr)
def test_the_words_are_those_of_a_local_call(target: Callable[..., Any]) -> None:
    check = shape_of(target).check
    assert check is not None
    for args, kwargs in ARGUMENTS:
        assert outcome(check, args, kwargs) == outcome(target, args, kwargs)


def test_nothing_is_executed() -> None:
    def explode(x: int) -> None:
        raise AssertionError

    check = shape_of(explode).check
    assert check is not None
    check(1)


def test_a_coroutine_function_is_not_started() -> None:
    check = shape_of(coroutine).check
    assert check is not None
    check(1)
    assert outcome(check, (), {}) == ("coroutine() missing 1 required positional argument: 'x'")


def test_a_method_of_a_class() -> None:
    """The instance counts, as it does locally, and does not show in the signature."""
    shape = method_shape(Thing.method)
    assert str(shape.signature) == "(x, y=2)"
    assert shape.check is not None
    assert outcome(shape.check, (None, 1, 2, 3), {}) == outcome(thing.method, (1, 2, 3), {})


def test_a_method_that_takes_its_instance_among_the_rest() -> None:
    def method(*args, **kwargs):  # type: ignore[no-untyped-def]
        return args, kwargs

    shape = method_shape(method)
    assert str(shape.signature) == "(*args, **kwargs)"
    assert shape.check is not None
    shape.check(None, 1, x=2)


def test_a_method_that_nobody_knows_the_signature_of() -> None:
    assert method_shape(max) == (None, None)


def test_a_given_signature() -> None:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    for given in (plain, inspect.signature(plain)):
        shape = shape_of(forward, given)
        assert str(shape.signature) == "(uid, name='x')"
        assert shape.check is not None
        assert "missing 1 required positional argument: 'uid'" in (
            outcome(shape.check, (), {}) or ""
        )


class TestWithoutPythonCode:
    def test_with_a_signature(self) -> None:
        """What binds and fails all the same is the function's own TypeError."""
        shape = shape_of(math.sqrt)
        assert shape.check is None
        for args, wrong in (((), True), ((1, 2), True), (("x",), False)):
            with pytest.raises(TypeError) as raised:
                math.sqrt(*args)
            assert is_wrong_call(shape, raised.value, args, {}) is wrong

    def test_without_one(self) -> None:
        """A TypeError from within Python code below it is that code's."""
        shape = shape_of(max)
        assert shape == (None, None)

        def key(value: Any) -> Any:
            raise TypeError("of the key's own")

        for args, kwargs, wrong in (((), {}, True), (([1, 2],), {"key": key}, False)):
            with pytest.raises(TypeError) as raised:
                max(*args, **kwargs)
            assert is_wrong_call(shape, raised.value, args, kwargs) is wrong
