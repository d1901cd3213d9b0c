"""Middleware chains, for plain calls and for coroutines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.utils.decorators import (
    async_only_middleware,
    sync_and_async_middleware,
    sync_only_middleware,
)

from chunnel.middleware import Request, async_chain, chain, load


def inner(request: Request) -> str:
    return f"[{request.args[0]}]"


async def inner_async(request: Request) -> str:
    return inner(request)


def _named(name: str) -> Any:
    @sync_only_middleware
    def factory(get_response: Any) -> Any:
        return lambda request: f"{name}{get_response(request)}"

    return factory


@async_only_middleware
def awaiting(get_response: Any) -> Any:
    async def middleware(request: Request) -> str:
        return f"w{await get_response(request)}"

    return middleware


@sync_and_async_middleware
def both(get_response: Any) -> Any:
    if iscoroutinefunction(get_response):

        async def middleware(request: Request) -> str:
            return f"b{await get_response(request)}"

        return middleware
    return lambda request: f"b{get_response(request)}"


def unused(get_response: Any) -> Any:
    raise MiddlewareNotUsed("not here")


def forgetful(get_response: Any) -> Any:
    return None


class AsClass:
    def __init__(self, get_response: Any):
        self.get_response = get_response

    def __call__(self, request: Request) -> str:
        request.args = ["changed"]
        return f"c{self.get_response(request)}"


def request() -> Request:
    return Request("x.y", ["a"], {})


FACTORIES = [_named("1"), unused, AsClass, both, awaiting, _named("2")]


def test_the_first_is_the_outermost() -> None:
    assert chain(FACTORIES, inner)(request()) == "1cbw2[changed]"


def test_for_coroutines() -> None:
    handler = async_chain(FACTORIES, inner_async)
    assert asyncio.run(handler(request())) == "1cbw2[changed]"  # type: ignore[arg-type]


def test_one_that_is_for_no_calls_at_all() -> None:
    """It says so of itself, which must be a mistake."""

    def useless(get_response: Any) -> Any:
        return get_response

    useless.sync_capable = useless.async_capable = False  # type: ignore[attr-defined]
    for make in (lambda: chain([useless], inner), lambda: async_chain([useless], inner_async)):
        with pytest.raises(ImproperlyConfigured, match=r"useless can neither be called nor await"):
            make()


def test_without_any() -> None:
    """Then nothing stands between."""
    assert chain([], inner) is inner
    assert async_chain([], inner_async) is inner_async


def test_one_that_returns_nothing() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"test_middleware\.forgetful returned None"):
        chain([forgetful], inner)


def test_loading() -> None:
    assert load([f"{__name__}.both"]) == [both]
    with pytest.raises(ImproperlyConfigured, match=r"'nowhere\.at_all' cannot be imported"):
        load(["nowhere.at_all"])
