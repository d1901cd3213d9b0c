"""Shapes: whether arguments fit a callable, in the very words Python would use.

A shape is a function with the parameters and defaults of the exposed callable and nothing inside.
It is called first: if the arguments do not fit, Python raises the TypeError that a local call would
raise, name and all, and the exposed callable was surely not executed; a TypeError that comes later
is the callable's own. Calling an empty function costs a fraction of ``Signature.bind``, which words
its errors differently besides.

What has no Python code cannot be copied. Built-in functions and classes have no shape: they are
called, and when that raises a TypeError the signature decides, if they publish one; else it counts
as a wrong call where no Python code ran below it (``is_wrong_call``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple, TypeAlias

SignatureLike: TypeAlias = inspect.Signature | Callable[..., Any]

_KIND = inspect.Parameter


class Shape(NamedTuple):
    """``check`` raises TypeError unless it is called with fitting arguments; None: cannot tell.

    ``signature`` is what a caller sees, without the ``self`` of a method; None where nobody knows.
    """

    check: Callable[..., None] | None
    signature: inspect.Signature | None


def shape_of(target: Callable[..., Any], signature: SignatureLike | None = None) -> Shape:
    """Return the shape of any callable.

    ``signature``, a Signature or a callable that has one, replaces what the callable itself says.
    """
    if signature is not None:
        if not isinstance(signature, inspect.Signature):
            signature = inspect.signature(signature)
        name = getattr(target, "__qualname__", type(target).__qualname__)
        return Shape(_empty_function(signature, name), signature)
    seen = _signature(target)
    return Shape(_check_for(target), seen)


def method_shape(function: Callable[..., Any]) -> Shape:
    """Return the shape of a function of a class: its check takes the instance first."""
    shape = shape_of(function)
    if shape.signature is None:
        return shape
    parameters = list(shape.signature.parameters.values())
    if parameters and parameters[0].kind in {_KIND.POSITIONAL_ONLY, _KIND.POSITIONAL_OR_KEYWORD}:
        parameters = parameters[1:]
    return Shape(shape.check, shape.signature.replace(parameters=parameters))


def is_wrong_call(shape: Shape, error: TypeError, args: Any, kwargs: Any) -> bool:
    """Tell whether a callable without a check raised ``error`` because the arguments do not fit.

    ``error`` was caught in the frame that made the call.
    """
    if shape.signature is not None:
        try:
            shape.signature.bind(*args, **kwargs)
        except TypeError:
            return True
        return False
    return error.__traceback__ is None or error.__traceback__.tb_next is None


def _signature(target: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(target)
    except (ValueError, TypeError):
        return None


def _check_for(target: Callable[..., Any]) -> Callable[..., None] | None:
    if isinstance(target, functools.partial):
        inner = _check_for(target.func)
        if inner is None:
            return None
        return functools.partial(inner, *target.args, **target.keywords)
    if isinstance(target, MethodType):
        inner = _check_for(target.__func__)
        return None if inner is None else functools.partial(inner, None)
    if isinstance(target, type):
        maker: Any = target.__init__  # type: ignore[misc]
        creator: Any = target.__new__
        if not isinstance(maker, FunctionType) or creator is not object.__new__:
            return None
        return functools.partial(_copy(maker), None)
    if isinstance(inspect.unwrap(target), FunctionType):
        return _copy(target)
    caller = getattr(type(target), "__call__", None)  # noqa: B004 - its code is what is wanted
    if isinstance(caller, FunctionType):
        return functools.partial(_copy(caller), None)
    return None


def _copy(function: Callable[..., Any]) -> Callable[..., None]:
    return _empty_function(inspect.signature(function), function.__qualname__)


def _pass() -> None:
    return None


def _empty_function(signature: inspect.Signature, qualname: str) -> Callable[..., None]:
    """Make a function of this signature that does nothing."""
    parameters = list(signature.parameters.values())
    only, either = (
        _of(parameters, _KIND.POSITIONAL_ONLY),
        _of(parameters, _KIND.POSITIONAL_OR_KEYWORD),
    )
    keyword = _of(parameters, _KIND.KEYWORD_ONLY)
    starred, double = _of(parameters, _KIND.VAR_POSITIONAL), _of(parameters, _KIND.VAR_KEYWORD)
    names = tuple(each.name for each in (*only, *either, *keyword, *starred, *double))
    flags = _pass.__code__.co_flags
    flags |= inspect.CO_VARARGS if starred else 0
    flags |= inspect.CO_VARKEYWORDS if double else 0
    name = qualname.rpartition(".")[2]
    code: CodeType = _pass.__code__.replace(
        co_argcount=len(only) + len(either),
        co_posonlyargcount=len(only),
        co_kwonlyargcount=len(keyword),
        co_nlocals=len(names),
        co_varnames=names,
        co_flags=flags,
        co_name=name,
        co_qualname=qualname,
    )
    defaults = tuple(each.default for each in (*only, *either) if each.default is not each.empty)
    function = FunctionType(code, {}, name, defaults)
    function.__kwdefaults__ = {
        each.name: each.default for each in keyword if each.default is not each.empty
    }
    function.__qualname__ = qualname
    return function


def _of(parameters: list[inspect.Parameter], kind: Any) -> list[inspect.Parameter]:
    return [each for each in parameters if each.kind is kind]
