"""Fakes in the place of what a remote exposes.

The rules:

* A fake is what answers a name: a callable that is called with the arguments, an exception that is
  raised, or a value that is returned. A generator function streams.
* ``"money.Account.deposit"`` is a method: its fake gets the instance first, and may set its fields,
  as the method over there would. ``"money.Account"`` is a model: its fake is the list of its rows,
  as dicts. ``"money.Account.objects.overdrawn"`` is a method of the manager, and a write that is
  faked (``"money.Account.objects.create"``, ``"money.Account.save"``) gets what would travel.
* Where a schema is at hand (one that was fetched, or ``schema=``), a fake for a name that it does
  not have, or with another signature, is refused: a test that passes with it would prove nothing.
* Arguments that would not travel, or do not fit the fake, are refused as they are over there, and
  so is a plain call in an event loop. A coroutine is awaited.
* Names without a fake go where they always went.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.test.utils import TestContextDecorator

from ..client.remotes import Fake, remotes
from ..client.signature import (
    find_function,
    find_manager_method,
    find_method,
    find_model,
    signature_of,
)
from ..exceptions import WrongArguments
from ..registry.shapes import shape_of
from ..schema import FunctionSchema, Schema, schema_from_wire
from .rows import WRITES_OF_INSTANCES, WRITES_OF_OBJECTS, FakeRows
from .streams import FakeStream

if TYPE_CHECKING:
    from ..client.remotes import Remote


class override_remote(TestContextDecorator):  # noqa: N801 - like override_settings
    """Answer calls of one remote with fakes, as a context manager or a decorator of tests.

    ``schema`` is a Schema, or the path of a JSON file with its wire form; without it the one that
    was fetched, if any, is compared. Raise UnknownRemote for an unknown alias, LookupError for a
    name that the schema does not have and TypeError for a fake with another signature.
    """

    def __init__(
        self,
        alias: str,
        fakes: Mapping[str, Any],
        *,
        schema: Schema | str | Path | None = None,
    ):
        super().__init__()
        self.alias = alias
        self.given = dict(fakes)
        self.schema = schema
        self._stack: list[tuple[Remote, dict[str, Fake]]] = []

    def enable(self) -> Remote:
        remote = remotes[self.alias]
        schema = _read(self.schema) if self.schema is not None else remote.held_schema
        prepared: dict[str, Fake] = {}
        # Rows first: they answer, or refuse, what has no fake of its own.
        for name, fake in sorted(self.given.items(), key=lambda item: not _is_rows(*item)):
            prepared.update(_prepared(self.alias, name, fake, schema))
        self._stack.append((remote, remote.fakes))
        remote.fakes = {**remote.fakes, **prepared}
        remote.overrides += 1
        return remote

    def disable(self) -> None:
        remote, fakes = self._stack.pop()
        remote.fakes = fakes
        remote.overrides -= 1


def _read(schema: Schema | str | Path) -> Schema:
    if isinstance(schema, Schema):
        return schema
    return schema_from_wire(json.loads(Path(schema).read_text()))


def _is_rows(name: str, fake: Any) -> bool:
    steps = name.split(".")
    return len(steps) == 2 and isinstance(fake, list | tuple) and steps[1][:1].isupper()


def _prepared(
    alias: str, name: str, fake: Any, schema: Schema | None
) -> Iterable[tuple[str, Fake]]:
    """Return the names on the wire, each with what is called with the arguments that travel."""
    steps = name.split(".")
    if not 2 <= len(steps) <= 4 or not all(step.isidentifier() for step in steps):
        raise LookupError(f"{name!r} is no name; write 'app.function' or 'app.Model.method'.")
    if _is_rows(name, fake):
        if schema is not None and find_model(schema, *steps) is None:
            raise LookupError(f"{alias} exposes no model {name!r}.")
        return FakeRows(alias, name, fake).fakes()
    if _is_write(steps):
        answer = _answer(alias, fake, method=False)
        if schema is not None and find_model(schema, *steps[:2]) is None:
            raise LookupError(f"{alias} exposes no model {'.'.join(steps[:2])!r}.")
        return [(name, answer if len(steps) == 3 else _without_plan(answer))]
    if schema is not None:
        _compare(alias, name, fake, _found(schema, steps), method=len(steps) == 3)
    answer = _answer(alias, fake, method=len(steps) == 3)
    if len(steps) == 3:
        return [(name, _as_method(answer))]
    if len(steps) == 4:
        return [(name, _without_plan(answer))]
    return [(name, answer)]


def _is_write(steps: list[str]) -> bool:
    """Say whether a name is one of those by which rows are written."""
    if len(steps) == 4:
        return steps[2] == "objects" and steps[3] in WRITES_OF_OBJECTS
    return len(steps) == 3 and steps[2] in WRITES_OF_INSTANCES


def _without_plan(answer: Callable[..., Any]) -> Fake:
    return lambda plan, *args, **kwargs: answer(*args, **kwargs)  # noqa: ARG005


def _found(schema: Schema, steps: list[str]) -> FunctionSchema | None:
    if len(steps) == 2:
        return find_function(schema, *steps)
    model = find_model(schema, *steps[:2])
    if model is None:
        return None
    return (find_method if len(steps) == 3 else find_manager_method)(model, steps[-1])


def _compare(
    alias: str, name: str, fake: Any, function: FunctionSchema | None, *, method: bool
) -> None:
    if function is None:
        raise LookupError(f"{alias} exposes no function {name!r}.")
    if not callable(fake) or _is_exception(fake):
        return
    try:
        found = list(inspect.signature(fake).parameters.values())
    except ValueError:  # a built-in function that does not say
        return
    if {one.kind for one in found} == {
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    }:
        return  # it takes whatever comes, as a Mock does
    if method:
        found = found[1:]
    wanted = signature_of(function)
    shapes = [
        [(one.name, one.kind, one.default is not one.empty) for one in parameters]
        for parameters in (found, wanted.parameters.values())
    ]
    if shapes[0] != shapes[1]:
        raise TypeError(
            f"The fake for {alias}.{name} takes {inspect.Signature(found)}, "
            f"but the remote function takes {wanted}."
        )


def _is_exception(fake: Any) -> bool:
    return isinstance(fake, BaseException) or (
        isinstance(fake, type) and issubclass(fake, BaseException)
    )


def _answer(alias: str, fake: Any, *, method: bool) -> Callable[..., Any]:
    given = callable(fake) and not _is_exception(fake)
    check = shape_of(fake).check if given else None

    def answer(*args: Any, **kwargs: Any) -> Any:
        _insist_on_travel(alias, args[1:] if method else args, kwargs)
        if _is_exception(fake):
            raise fake
        if not given:
            return fake
        if check is not None:
            try:
                check(*args, **kwargs)
            except TypeError as error:
                raise WrongArguments(str(error)) from None
        value = fake(*args, **kwargs)
        if isinstance(value, Iterator) or hasattr(value, "__anext__"):
            return FakeStream(value)
        return value

    return answer


def _insist_on_travel(alias: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise SerializationError for arguments that the remote would never see."""
    remote = remotes[alias]
    remote.caller.serializer.dumps(
        [list(args), dict(kwargs)], lower=remote.lower, roots=("args", "kwargs")
    )


def _as_method(answer: Callable[..., Any]) -> Fake:
    """Return an answer in the form of a method's: the result, and the fields that changed."""

    def call(instance: Any, *args: Any, **kwargs: Any) -> Any:
        value = answer(instance, *args, **kwargs)
        return later(instance, value) if inspect.isawaitable(value) else done(instance, value)

    async def later(instance: Any, value: Any) -> Any:
        return done(instance, await value)

    def done(instance: Any, value: Any) -> Any:
        edited, instance.__dict__["_edited"] = instance._edited, frozenset()  # noqa: SLF001
        if isinstance(value, FakeStream):
            return value
        return [value, {name: getattr(instance, name) for name in edited}]

    return call
