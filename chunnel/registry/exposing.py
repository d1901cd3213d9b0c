"""``expose`` and ``register``: how a project says what others may call."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from types import FrameType, ModuleType
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured
from django.db.models import Model

from ..schema.steps import can_be_written
from .core import CAP_WORDS, LOWER_CASE, Registry, registry
from .entries import EFFECTS, Effect, Entry, Place, Style, option_problem
from .exposed import ExposedModel
from .modelrpc import ModelRPC
from .shapes import SignatureLike, shape_of

_Target = TypeVar("_Target")
_RPC = TypeVar("_RPC", bound=type[ModelRPC])


@overload
def expose(
    target: _Target,
    /,
    *,
    name: str | None = None,
    effect: Effect = "write",
    atomic: bool | str = False,
    blocking: bool | None = None,
    app_label: str | None = None,
    signature: SignatureLike | None = None,
    only: Iterable[str] | None = None,
    registry: Registry = registry,
) -> _Target: ...


@overload
def expose(
    *,
    name: str | None = None,
    effect: Effect = "write",
    atomic: bool | str = False,
    blocking: bool | None = None,
    app_label: str | None = None,
    signature: SignatureLike | None = None,
    only: Iterable[str] | None = None,
    registry: Registry = registry,
) -> Callable[[_Target], _Target]: ...


def expose(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    effect: Effect = "write",
    atomic: bool | str = False,
    blocking: bool | None = None,
    app_label: str | None = None,
    signature: SignatureLike | None = None,
    only: Iterable[str] | None = None,
    registry: Registry = registry,
) -> Any:
    """Let other projects call ``target``; return it unchanged.

    Use it as a decorator, bare or with options, or call it on what exists. ``target`` may be

    * a function, a generator function (callers receive a stream), a coroutine function or an async
      generator function;
    * any other callable: a bound method, a ``functools.partial``, a built-in, an instance with
      ``__call__`` (then give ``name``), a class under a lower-case ``name``;
    * an exception class, so that callers can catch it by name;
    * a module or an instance: its public functions or methods are exposed, or those in ``only``.

    The remote name is ``<app label>.<name>``: the label of the app whose module calls ``expose``,
    or ``app_label``; the name is the target's own unless ``name`` is given. Callables have
    lower_case names, exceptions CapWords.

    ``effect`` says what repeating a call would do: "read" changes nothing, "idempotent" may be
    repeated, "write" (the default) may not. ``atomic`` runs the call in a transaction of the
    default database, or of the one it names, until the result is ready to be sent. ``blocking``
    pins where the default pool runs it: True for a thread of its own, False for the reading thread;
    left out, the pool learns. ``signature``, an ``inspect.Signature`` or a callable that has one,
    is for callables that have none or another than they say.

    Raise ImproperlyConfigured for a target, name or option that cannot be, AlreadyExposed if the
    name is taken.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the caller's module decides the app label
    options = _Options(name, effect, atomic, blocking, signature)

    def expose_it(target: Any) -> Any:
        label = _label(app_label, frame, "expose")
        place = _place(frame)
        if only is None and not callable(target) and _is_value(target):
            raise ImproperlyConfigured(
                f"expose({_shown(target)}): this is a value. Expose a callable, an exception, a "
                f"module or an instance of a class of yours; a remote name is given as name=…."
            )
        if isinstance(target, ModuleType) or not callable(target):
            registry.add(*_members(target, only, label, place, options))
        elif only is not None:
            if inspect.isroutine(target) or isinstance(target, type):
                raise ImproperlyConfigured(
                    f"expose({_shown(target)}): only= is for modules and instances."
                )
            registry.add(*_members(target, only, label, place, options))
        else:
            registry.add(_entry(target, label, place, options))
        return target

    return expose_it if target is None else expose_it(target)


def register(
    model: type[Model], *, app_label: str | None = None, registry: Registry = registry
) -> Callable[[_RPC], _RPC]:
    """Return a class decorator that exposes ``model`` as a ModelRPC subclass declares.

    The remote name is ``<app label>.<Model>``, with the label of the app whose module calls
    ``register``, or ``app_label``. Raise ImproperlyConfigured that names the class and the culprit
    if anything is declared that the model does not have, AlreadyExposed if the model or the name is
    taken.
    """
    frame = sys._getframe(1)  # noqa: SLF001

    def register_it(rpc: _RPC) -> _RPC:
        label = _label(app_label, frame, "register")
        if not (isinstance(model, type) and issubclass(model, Model)):
            raise ImproperlyConfigured(f"register() takes a model class, not {_shown(model)}.")
        if not (isinstance(rpc, type) and issubclass(rpc, ModelRPC)):
            raise ImproperlyConfigured(
                f"register({model.__name__}) decorates a subclass of ModelRPC, not {_shown(rpc)}."
            )
        exposed = ExposedModel(model, rpc, label, _place(frame), registry)
        registry.add(*exposed.entries)
        return rpc

    return register_it


class _Options:
    """The options of one ``expose``, checked."""

    def __init__(
        self,
        name: str | None,
        effect: Effect,
        atomic: bool | str,
        blocking: bool | None,
        signature: SignatureLike | None,
    ):
        if effect not in EFFECTS:
            raise ImproperlyConfigured(
                f"expose(effect={effect!r}): an effect is one of {', '.join(EFFECTS)}."
            )
        for option, value in (("atomic", atomic), ("blocking", blocking)):
            if problem := option_problem(option, value):
                raise ImproperlyConfigured(f"expose({option}={value!r}): {problem}")
        if not (signature is None or isinstance(signature, inspect.Signature)):
            try:
                signature = inspect.signature(signature)
            except (TypeError, ValueError):
                raise ImproperlyConfigured(
                    f"expose(signature={signature!r}): this is an inspect.Signature, or a callable "
                    f"that has one."
                ) from None
        self.name = name
        self.effect = effect
        self.atomic = atomic
        self.blocking = blocking
        self.signature = signature


def _entry(target: Any, label: str, place: Place, options: _Options) -> Entry:
    if isinstance(target, type) and issubclass(target, BaseException):
        return _exception(target, label, place, options)
    name = options.name or getattr(target, "__name__", None)
    if not name:
        raise ImproperlyConfigured(f"expose({_shown(target)}): it has no name; give name=….")
    if not isinstance(name, str) or not LOWER_CASE.fullmatch(name):
        raise ImproperlyConfigured(
            f"expose({_shown(target)}): {name!r} cannot be the remote name of a callable, which is "
            f"lower_case; give name=…."
        )
    if not can_be_written(name):
        raise ImproperlyConfigured(
            f"expose({_shown(target)}): {name!r} is a word of Python's or Django's, which callers "
            f"could not write; give name=…."
        )
    style = style_of(target)
    if options.atomic and style != "call":
        raise ImproperlyConfigured(
            f"expose({_shown(target)}): atomic= is for plain functions; a transaction would stay "
            f"open while a stream or coroutine waits."
        )
    return Entry(
        name=f"{label}.{name}",
        label=label,
        kind="function",
        target=target,
        place=place,
        shape=shape_of(target, options.signature),
        style=style,
        effect=options.effect,
        atomic=options.atomic,
        blocking=options.blocking,
        doc=inspect.getdoc(target) or "",
        attribute=name,
    )


def _exception(target: type[BaseException], label: str, place: Place, options: _Options) -> Entry:
    name = options.name or target.__name__
    if not issubclass(target, Exception):
        raise ImproperlyConfigured(
            f"expose({target.__name__}): only subclasses of Exception can travel."
        )
    if not CAP_WORDS.fullmatch(name):
        raise ImproperlyConfigured(
            f"expose({target.__name__}): {name!r} cannot be the remote name of an exception, which "
            f"is written in CapWords; give name=…."
        )
    doc = inspect.cleandoc(target.__doc__ or "")
    return Entry(f"{label}.{name}", label, "exception", target, place, doc=doc)


def _members(
    owner: Any, only: Iterable[str] | None, label: str, place: Place, options: _Options
) -> list[Entry]:
    """Return an entry for each function of a module, or method of an instance."""
    if options.name is not None or options.signature is not None:
        raise ImproperlyConfigured(
            f"expose({_shown(owner)}): name= and signature= are for one callable, and this holds "
            f"several; expose the one you mean."
        )
    if isinstance(only, str):
        raise ImproperlyConfigured(f"expose({_shown(owner)}): only= is a list of names.")
    names = _public_names(owner) if only is None else list(only)
    if not names:
        raise ImproperlyConfigured(f"expose({_shown(owner)}): it has nothing public to call.")
    found = []
    for name in names:
        if name.startswith("_"):
            raise ImproperlyConfigured(f"expose({_shown(owner)}): {name!r} is private.")
        target = getattr(owner, name, None)
        if target is None or not callable(target):
            raise ImproperlyConfigured(
                f"expose({_shown(owner)}): it has nothing named {name!r} that can be called."
            )
        one = _Options(name, options.effect, options.atomic, options.blocking, None)
        if isinstance(target, type) and issubclass(target, BaseException):
            one.name = None
        found.append(_entry(target, label, place, one))
    return found


def _public_names(owner: Any) -> list[str]:
    if isinstance(owner, ModuleType):
        listed = getattr(owner, "__all__", None)
        names = [str(name) for name in listed] if listed is not None else sorted(vars(owner))
        return [
            name
            for name in names
            if not name.startswith("_")
            and inspect.isroutine(value := getattr(owner, name, None))
            and (listed is not None or getattr(value, "__module__", None) == owner.__name__)
        ]
    # Look at the class, so that no property of the instance runs.
    return [
        name
        for name in sorted(dir(type(owner)))
        if not name.startswith("_") and _is_method(inspect.getattr_static(type(owner), name))
    ]


def _is_value(target: Any) -> bool:
    """Say whether it is a text, a number or the like, which has methods that nobody means."""
    return type(target).__module__ == "builtins" and not isinstance(target, ModuleType)


def _is_method(raw: Any) -> bool:
    if isinstance(raw, staticmethod | classmethod | functools.partialmethod):
        return True
    return callable(raw) and not isinstance(raw, type)


def style_of(target: Any) -> Style:
    """Return how a callable runs."""
    inner = target
    while hasattr(inner, "func") and hasattr(inner, "keywords"):  # functools.partial
        inner = inner.func
    candidates = [inner]
    if not inspect.isroutine(inner) and not isinstance(inner, type):
        candidates.append(type(inner).__call__)
    for each in candidates:
        if inspect.isasyncgenfunction(each):
            return "async_stream"
        if inspect.isgeneratorfunction(each):
            return "stream"
        if iscoroutinefunction(each):
            return "coroutine"
    return "call"


def _label(app_label: str | None, frame: FrameType, what: str) -> str:
    if app_label is not None:
        if not LOWER_CASE.fullmatch(app_label):
            raise ImproperlyConfigured(f"{what}(app_label={app_label!r}): not a lower_case name.")
        if not can_be_written(app_label):
            raise ImproperlyConfigured(
                f"{what}(app_label={app_label!r}): a word of Python's or Django's, which callers "
                f"could not write."
            )
        return app_label
    module = cast("str", frame.f_globals.get("__name__", ""))
    try:
        config = apps.get_containing_app_config(module)
    except AppRegistryNotReady:
        raise ImproperlyConfigured(
            f"{what}() was called in {module!r} before Django's apps were loaded. Call it in the "
            f"app's rpc module, which is imported when they are, or give app_label=…."
        ) from None
    if config is None:
        raise ImproperlyConfigured(
            f"{what}() was called in {module!r}, which belongs to no app in INSTALLED_APPS; give "
            f"app_label=…."
        )
    if not LOWER_CASE.fullmatch(config.label) or not can_be_written(config.label):
        raise ImproperlyConfigured(
            f"{what}() was called in the app {config.label!r}, whose label cannot be part of a "
            f"remote name; give app_label=…, in lower_case."
        )
    return config.label


def _place(frame: FrameType) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno)


def _shown(target: Any) -> str:
    name = getattr(target, "__qualname__", None) or getattr(target, "__name__", None)
    return str(name) if name else repr(target)[:80]
