"""Calls: what functions, methods of instances and methods of managers have in common.

A callable is a name together with the options of its calls. There are five ways to call it, and the
arguments of all five are the callee's alone:

* ``balance(uid)`` waits for the value; of a generator function it returns the stream to iterate
  over. Which of the two is decided by the server's first answer: nothing need be known beforehand.
* ``await balance.acall(uid)`` does so in asynchronous code.
* ``balance.submit(uid)`` returns a Pending at once.
* ``statement.stream(uid)`` returns the stream, also for ``async for``.
* ``balance.on_commit(uid)`` makes the call once the transaction has committed.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from django.db import transaction

from .options import DEFAULT_OPTIONS, CallOptions
from .paths import Path
from .remotes import Remote, get_remote
from .signature import ANYTHING, signature_of

if TYPE_CHECKING:
    from ..schema import FunctionSchema
    from .pending import Pending
    from .streams import Stream


class _Documentation:
    """``__doc__``: the class's own text on a class, the remote docstring on an instance."""

    def __init__(self, text: str | None):
        self.text = text

    def __get__(self, instance: RemoteCallable | None, owner: type[Any]) -> str | None:
        if instance is None:
            return self.text
        described = instance._described()
        return described.doc if described is not None else None


class RemoteCallable(Path):
    """Something of another project that can be called. It has these attributes and no others."""

    __slots__ = ("_options",)

    _options: CallOptions

    # Django's templates call what is callable; a page must not make requests by naming something.
    do_not_call_in_templates = True

    def __init__(self, alias: str, *path: str):
        super().__init__(alias, *path)
        object.__setattr__(self, "_options", DEFAULT_OPTIONS)

    def __init_subclass__(cls) -> None:
        cls.__doc__ = _Documentation(cls.__doc__)  # type: ignore[assignment]

    # What the kinds of callables differ in

    def _described(self) -> FunctionSchema | None:
        """Return what the schema says, fetching it; None where it is not known."""
        raise NotImplementedError

    def _prepared(self, remote: Remote, args: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG002
        """Return the arguments as they travel."""
        return args

    def _finished(self, value: Any) -> Any:
        """Return what the caller sees for what arrived."""
        return value

    # The five ways to call

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        remote = get_remote(self._alias)
        args = self._prepared(remote, args)
        return self._finished(remote.call(".".join(self._path), args, kwargs, self._options))

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call from asynchronous code."""
        remote = get_remote(self._alias)
        args = self._prepared(remote, args)
        value = await remote.acall(".".join(self._path), args, kwargs, self._options)
        return self._finished(value)

    def submit(self, /, *args: Any, **kwargs: Any) -> Pending:
        """Send the call and return a Pending at once; its ``result()`` waits for the value."""
        remote = get_remote(self._alias)
        args = self._prepared(remote, args)
        pending = remote.submit(".".join(self._path), args, kwargs, self._options)
        if type(self)._finished is RemoteCallable._finished:
            return pending
        return pending.finish_with(self._finished)

    def stream(self, /, *args: Any, **kwargs: Any) -> Stream:
        """Call a generator function and return the stream, for ``for`` and ``async for``."""
        remote = get_remote(self._alias)
        args = self._prepared(remote, args)
        return remote.stream(".".join(self._path), args, kwargs, self._options)

    def on_commit(self, /, *args: Any, **kwargs: Any) -> None:
        """Call once the transaction has committed; at once outside a transaction.

        The arguments are copied now: later changes to them do not travel. The value is lost.
        """
        # What was fetched or evaluated stays as it is: instances and querysets copy without a call.
        args, kwargs = copy.deepcopy((args, kwargs))

        def call() -> None:
            value = self(*args, **kwargs)
            close = getattr(value, "close", None)
            if close is not None and hasattr(value, "__next__"):  # a stream nobody will read
                close()

        transaction.on_commit(call)

    def using(self, **options: Any) -> Any:
        """Return a copy that is called with these options: ``timeout``, ``idle``, ``endpoint``…

        Raise TypeError for an option that does not exist.
        """
        changed = self.__reduce__()[0](*self.__reduce__()[1])
        object.__setattr__(changed, "_options", self._options.replace(**options))
        return changed

    # A value, and a routine for inspect and pydoc

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self._options == other._options  # type: ignore[attr-defined]

    __hash__ = Path.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return (restore, (type(self), (self._alias, *self._path), given(self._options)))

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        # As the attribute of a class it stays what it is; and because of this method inspect and
        # pydoc take it for the routine it is.
        return self

    def __repr__(self) -> str:
        return f"<remote function {'.'.join((self._alias, *self._path))}>"

    def __dir__(self) -> list[str]:
        return sorted(
            {"acall", "on_commit", "stream", "submit", "using", *_DUNDERS, *object.__dir__(self)}
        )

    def __getattr__(self, name: str) -> str:
        # Two dunders of a function that a class cannot define for its instances.
        if name == "__name__":
            return self._path[-1]
        if name == "__qualname__":
            return ".".join(self._path[1:])
        raise AttributeError(f"{self!r} has no attribute {name!r}", name=name, obj=self)

    @property
    def __signature__(self) -> inspect.Signature:
        described = self._described()
        return signature_of(described) if described is not None else ANYTHING


RemoteCallable.__doc__ = _Documentation(RemoteCallable.__doc__)  # type: ignore[assignment]
_DUNDERS = ("__doc__", "__module__", "__name__", "__qualname__", "__signature__")


def given(options: CallOptions) -> dict[str, Any]:
    """Return the options that are not the default, as plain values."""
    found = {}
    for field in dataclasses.fields(CallOptions):
        value = getattr(options, field.name)
        if value != getattr(DEFAULT_OPTIONS, field.name):
            found[field.name] = dict(value) if field.name == "meta" else value
    return found


def restore(cls: type[RemoteCallable], state: tuple[Any, ...], options: dict[str, Any]) -> Any:
    made = cls(*state)
    if options:
        object.__setattr__(made, "_options", DEFAULT_OPTIONS.replace(**options))
    return made
