"""The remotes of this project, and the one door through which all their calls pass.

A ``Remote`` wraps the ``Caller`` that knows connections. What it adds belongs to the surface:
arguments that stand for remote instances become references, results become instances and querysets,
calls are counted (``chunnel.test``) or answered by fakes, and in DEBUG a call that writes inside a
transaction draws a warning, since no rollback can undo it, as does one that is made in a loop.

Names hold an alias, never a Remote, so that changed settings need no new names.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signals import setting_changed
from django.db import connections
from django.dispatch import receiver

from ..conf import remote_aliases, remote_settings
from ..exceptions import CallError, RemoteError, UnknownRemote
from .options import DEFAULT_OPTIONS, CallOptions
from .signature import find_function, find_method, find_model

if TYPE_CHECKING:
    from ..schema import FunctionSchema, Schema
    from ..serializers.base import Lift
    from .calling import Caller
    from .pending import Pending
    from .streams import Stream

Watcher: TypeAlias = Callable[[str, str, tuple[Any, ...], Mapping[str, Any]], None]
"""Told alias, wire name, args and kwargs of each call before it is made."""

Fake: TypeAlias = Callable[..., Any]

watchers: list[Watcher] = []

_BY_EFFECT = {
    effect: DEFAULT_OPTIONS.replace(effect=effect) for effect in ("read", "idempotent", "write")
}
_PACKAGE = str(Path(__file__).parent.parent)


class WriteInTransactionWarning(RuntimeWarning):
    """A call that changes something over there was made inside ``transaction.atomic()``."""


class Remote:
    """A project as this one, its client, sees it. Shared by all threads."""

    def __init__(self, alias: str):
        self.alias = alias
        self.settings = remote_settings(alias)
        self.fakes: dict[str, Fake] = {}
        self.overrides = 0  # how many override_remote are in force
        self._lock = threading.Lock()
        self._caller: Caller | None = None
        self._schema_failed = False
        self._effects: tuple[Schema | None, dict[str, str]] = (None, {})

    def __repr__(self) -> str:
        return f"<Remote {self.alias!r} at {', '.join(self.settings.endpoints)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (get_remote, (self.alias,))

    # What a user asks a remote itself

    def status(self) -> Any:
        """Return what the project says of itself: name, instance, version, workers, uptime."""
        return self.caller.status()

    def ping(self) -> Any:
        """Return for each endpoint whether it answers, and how fast."""
        return self.caller.ping()

    def schema(self) -> Schema:
        """Return the description of all that the project exposes, fetched where it is not held."""
        return self.caller.schema()

    def close(self) -> None:
        """Close all connections of this process. The next call opens new ones."""
        with self._lock:
            caller, self._caller = self._caller, None
        if caller is not None:
            caller.close()

    @property
    def caller(self) -> Caller:
        found = self._caller
        if found is None:
            from .calling import Caller

            with self._lock:
                if self._caller is None:
                    self._caller = Caller(self.settings, resolve=self.resolve)
                found = self._caller
        return found

    @property
    def held_schema(self) -> Schema | None:
        """The schema if it was fetched before; never a request."""
        return None if self._caller is None else self._caller.held_schema

    @property
    def current_schema(self) -> Schema | None:
        """The schema of the servers met last, if it is held; never a request."""
        return None if self._caller is None else self._caller.current_schema

    def schema_or_none(self) -> Schema | None:
        """Return the schema, fetched where it is not held; None where that cannot be done."""
        try:
            return self.schema()
        except (CallError, RemoteError, ValueError, SynchronousOnlyOperation):
            return None  # nobody answers, what came is no schema, or an event loop runs here

    # Calls

    def call(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions = DEFAULT_OPTIONS,
        lift: Lift | None = None,
    ) -> Any:
        """Call ``name`` and return its value, or a Stream where the server answers with one.

        ``lift`` replaces what turns rows that arrived into instances and querysets.
        """
        if watchers or self.fakes:
            fake = self._watched(name, args, kwargs)
            if fake is not None:
                return self._answered(name, fake, args, kwargs)
        if settings.DEBUG:
            self._warn(name, args, options)
        return self.caller.call(
            name,
            args,
            kwargs,
            self._known(name, options),
            lower=self.lower,
            lift=lift or self._lifting(name, args, kwargs, options),
        )

    async def acall(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions = DEFAULT_OPTIONS,
        lift: Lift | None = None,
    ) -> Any:
        """The same for asynchronous code."""
        if watchers or self.fakes:
            fake = self._watched(name, args, kwargs)
            if fake is not None:
                found = fake(*args, **kwargs)
                return await found if inspect.isawaitable(found) else found
        if settings.DEBUG:
            self._warn(name, args, options)
        return await self.caller.acall(
            name,
            args,
            kwargs,
            self._known(name, options),
            lower=self.lower,
            lift=lift or self._lifting(name, args, kwargs, options),
        )

    def submit(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions = DEFAULT_OPTIONS,
    ) -> Pending:
        """Send the call and return at once; the Pending gives its value later."""
        if watchers or self.fakes:
            fake = self._watched(name, args, kwargs)
            if fake is not None:
                return _settled(fake, args, kwargs)
        if settings.DEBUG:
            self._warn(name, args, options)
        return self.caller.submit(
            name,
            args,
            kwargs,
            self._known(name, options),
            lower=self.lower,
            lift=self._lifting(name, args, kwargs, options),
        )

    def stream(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions = DEFAULT_OPTIONS,
    ) -> Stream:
        """Call a generator function; iterate over its items, with ``for`` or ``async for``."""
        if watchers or self.fakes:
            fake = self._watched(name, args, kwargs)
            if fake is not None:
                return fake(*args, **kwargs)  # type: ignore[no-any-return]
        if settings.DEBUG:
            self._warn(name, args, options)
        return self.caller.stream(
            name,
            args,
            kwargs,
            self._known(name, options),
            lower=self.lower,
            lift=self._lifting(name, args, kwargs, options),
        )

    # What travels

    def lower(self, value: Any) -> Any:
        """Turn a remote instance into its reference; raise TypeError for what cannot travel."""
        from .lifting import lower

        return lower(self.alias, value)

    def lift(self, value: Any) -> Any:
        """Turn rows that arrived into instances and querysets of this remote."""
        from .lifting import lift

        return lift(self.alias, value)

    def _lifting(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], options: CallOptions
    ) -> Lift:
        """Return what lifts the answer of a call, which a queryset in it will make again."""

        def lifted(value: Any) -> Any:
            from .lifting import lift
            from .planned import Source

            return lift(self.alias, value, Source(name, args, kwargs, options))

        return lifted

    def resolve(self, name: str) -> Any:
        """Return the class that an exposed name ("money.InsufficientFunds") stands for, or None."""
        from .classes import class_for_name

        return class_for_name(self.alias, name)

    def _watched(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Fake | None:
        for watcher in tuple(watchers):
            watcher(self.alias, name, args, kwargs)
        return self.fakes.get(name)

    def _answered(
        self, name: str, fake: Fake, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Answer a plain call by a fake, with the manners of a real one in an event loop."""
        from .lifecycle import forbid_event_loop

        forbid_event_loop(self.alias, name)
        return _waited(fake(*args, **kwargs))

    # What is known of the called function

    def function(self, name: str, *, fetch: bool = False) -> FunctionSchema | None:
        """Return the description of a function or method by its wire name, or None."""
        schema = self.schema_or_none() if fetch else self.held_schema
        if schema is None:
            return None
        steps = name.split(".")
        if len(steps) == 2:
            return find_function(schema, *steps)
        if len(steps) == 3:
            model = find_model(schema, *steps[:2])
            return find_method(model, steps[2]) if model is not None else None
        return None

    def _known(self, name: str, options: CallOptions) -> CallOptions:
        """Add the effect that the schema declares; who knows it may call a second time."""
        schema = self.held_schema
        if options.effect is not None or schema is None:
            return options
        known, effects = self._effects
        if known is not schema:
            known, effects = self._effects = (schema, {})
        effect = effects.get(name, "")
        if not effect:
            function = self.function(name)
            effect = effects[name] = function.effect if function is not None else "unknown"
        if effect not in _BY_EFFECT:
            return options
        return _BY_EFFECT[effect] if options is DEFAULT_OPTIONS else options.replace(effect=effect)

    def _warn(self, name: str, args: tuple[Any, ...], options: CallOptions) -> None:
        """Warn in DEBUG of what is better done otherwise."""
        from .repeats import note

        note(self.alias, name, args)
        self._warn_of_writes(name, options)

    def _warn_of_writes(self, name: str, options: CallOptions) -> None:
        """Warn in DEBUG where a rollback will not undo what the call does."""
        if not any(one.in_atomic_block for one in connections.all(initialized_only=True)):
            return
        effect = options.effect
        if effect is None and self.held_schema is None:
            if self._schema_failed:
                return
            self._schema_failed = self.schema_or_none() is None
        if effect is None:
            function = self.function(name)
            effect = function.effect if function is not None else "read"
        if effect == "write":
            warnings.warn(
                f"{self.alias}.{name}() is called inside transaction.atomic(), and a rollback will "
                f"not undo what it does; on_commit() sends it when the transaction commits.",
                WriteInTransactionWarning,
                stacklevel=_user_level(),
            )


def _user_level() -> int:
    """Return the ``stacklevel`` of the nearest frame outside this package, seen from our caller."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level


def _waited(found: Any) -> Any:
    """Return what a coroutine of a fake comes to, or what is there already."""
    if not inspect.iscoroutine(found):
        return found

    async def wait() -> Any:
        return await found

    return async_to_sync(wait)()


def _settled(fake: Fake, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pending:
    from .pending import Pending

    try:
        return Pending.settled(_waited(fake(*args, **kwargs)))
    except Exception as error:  # noqa: BLE001 - a pending call keeps whatever was raised
        return Pending.settled(error=error)


class Remotes(Mapping[str, Remote]):
    """All remotes by alias: ``remotes["economy"].ping()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, Remote] = {}

    def __getitem__(self, alias: str) -> Remote:
        found = self._made.get(alias)
        if found is not None:
            return found
        if alias not in remote_aliases():
            raise UnknownRemote(unknown_alias(alias))
        with self._lock:
            if alias not in self._made:
                self._made[alias] = Remote(alias)
            return self._made[alias]

    def get(self, alias: str, default: Any = None) -> Any:
        """Return the remote of this alias, or ``default``."""
        try:
            return self[alias]
        except UnknownRemote:
            return default

    def __contains__(self, alias: object) -> bool:
        return alias in remote_aliases()

    def __iter__(self) -> Iterator[str]:
        return iter(remote_aliases())

    def __len__(self) -> int:
        return len(remote_aliases())

    def __repr__(self) -> str:
        return f"<Remotes {', '.join(self)}>"

    def __reduce__(self) -> str:
        return "remotes"

    def close(self) -> None:
        """Close all connections of this process."""
        for made in list(self._made.values()):
            made.close()

    def _renew_locks(self) -> None:
        """Replace locks that a thread of the parent process may have held when it forked."""
        self._lock = threading.Lock()
        for made in self._made.values():
            made._lock = threading.Lock()  # noqa: SLF001 - both are of this file

    def _forget(self) -> None:
        with self._lock:
            made, self._made = self._made, {}
        for one in made.values():
            one.close()


def unknown_alias(alias: str) -> str:
    """Say that there is no such remote, and which there are."""
    known = remote_aliases()
    listed = f"it has {', '.join(map(repr, known))}" if known else "it is empty"
    return f"CHUNNEL_REMOTES has no {alias!r}; {listed}."


remotes = Remotes()
os.register_at_fork(after_in_child=remotes._renew_locks)  # noqa: SLF001


def get_remote(alias: str) -> Remote:
    """Return the remote of this alias; raise UnknownRemote, listing those that exist."""
    return remotes[alias]


@receiver(setting_changed, dispatch_uid="chunnel.client.remotes")
def _settings_changed(*, setting: str, **kwargs: Any) -> None:  # noqa: ARG001
    if setting in {"CHUNNEL_REMOTES", "CHUNNEL_CLIENT"}:
        remotes._forget()  # noqa: SLF001
