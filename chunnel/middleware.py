"""Middleware: code that stands around every call, on the server's side or on the client's.

A middleware is what Django's is: a callable that is given ``get_response`` once and returns a
callable, which is given each request and returns what ``get_response`` returned, or something else,
or raises. On the server "response" is the function's result (for a stream its iterator); it runs
inside the call's context, after the name was found and before anything of the call was executed.

What Django's ``sync_only_middleware``, ``async_only_middleware`` and ``sync_and_async_middleware``
say is obeyed; a middleware that fits one kind of call only is adapted for the other.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from .context import ServedCall

logger = logging.getLogger("chunnel.middleware")

Handler: TypeAlias = Callable[["Request"], Any]
AsyncHandler: TypeAlias = Callable[["Request"], Awaitable[Any]]
Factory: TypeAlias = Callable[[Any], Any]


class Request:
    """One call as middleware sees it.

    ``name`` is the remote name ("money.balance"), ``args`` and ``kwargs`` are the arguments, which
    may be changed. ``effect`` is "read", "idempotent" or "write", as the server declares it; on the
    client it is None as long as that is not known. On the server ``call`` is the ServedCall,
    ``target`` the registry's entry; instances among the arguments are still references. On the
    client ``alias`` is the remote's, ``options`` the call's, and ``meta`` travels with it.
    """

    __slots__ = (
        "alias",
        "args",
        "began",
        "call",
        "effect",
        "has_refs",
        "kwargs",
        "meta",
        "name",
        "options",
        "refining",
        "target",
    )

    def __init__(
        self,
        name: str,
        args: list[Any] | tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        call: ServedCall | None = None,
        effect: str | None = None,
        target: Any = None,
        alias: str = "",
        options: Any = None,
        meta: dict[str, Any] | None = None,
    ):
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.call = call
        self.effect = effect
        self.target = target
        self.alias = alias
        self.options = options
        self.meta = meta
        self.began = False  # the server has called the function
        self.has_refs = False  # references to instances are among the arguments
        self.refining: list[Any] | None = None  # a plan for the queryset that is returned


def load(paths: Iterable[str]) -> list[Factory]:
    """Import middleware; raise ImproperlyConfigured that names the one that cannot be."""
    found = []
    for path in paths:
        try:
            found.append(import_string(path))
        except ImportError as error:
            raise ImproperlyConfigured(
                f"The middleware {path!r} cannot be imported: {error}"
            ) from error
    return found


def chain(factories: Iterable[Factory], handler: Handler) -> Handler:
    """Return ``handler`` within the middleware, the first outermost, for plain calls."""
    for factory in reversed(list(factories)):
        handler = _wrap(factory, handler, is_async=False)
    return handler


def async_chain(factories: Iterable[Factory], handler: AsyncHandler) -> AsyncHandler:
    """Return the coroutine function ``handler`` within the middleware, the first outermost."""
    for factory in reversed(list(factories)):
        handler = _wrap(factory, handler, is_async=True)
    return handler


def _wrap(factory: Factory, handler: Any, *, is_async: bool) -> Any:
    can_sync = getattr(factory, "sync_capable", True)
    can_async = getattr(factory, "async_capable", False)
    if not can_sync and not can_async:
        raise ImproperlyConfigured(
            f"The middleware {_shown(factory)} can neither be called nor awaited."
        )
    fits = can_async if is_async else can_sync
    try:
        made = factory(handler if fits else _adapted(handler))
    except MiddlewareNotUsed as error:
        logger.debug("middleware %s is not used: %s", _shown(factory), error)
        return handler
    if made is None:
        raise ImproperlyConfigured(f"The middleware {_shown(factory)} returned None.")
    return made if iscoroutinefunction(made) is is_async else _adapted(made)


def _adapted(handler: Any) -> Any:
    if iscoroutinefunction(handler):
        return async_to_sync(handler)
    return sync_to_async(handler, thread_sensitive=True)


def _shown(factory: Factory) -> str:
    name = getattr(factory, "__qualname__", type(factory).__qualname__)
    return f"{factory.__module__}.{name}"
