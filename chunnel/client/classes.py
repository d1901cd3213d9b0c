"""Classes: ``remote.economy.money.Account``, ``remote.economy.money.InsufficientFunds``.

What a CapWords name stands for over there, a model, an exception or a function, is not known until
the schema was fetched, and an ``except`` clause cannot wait for that. So the rules are:

* Every CapWords name is a real class, made once for each alias and path and kept. It inherits
  RemoteError: as an exception it is caught, before anything was fetched and with the server down.
* As a model it has ``objects``, ``_default_manager``, ``_meta``, ``DoesNotExist`` and
  ``MultipleObjectsReturned``, which stand on the metaclass, so no exception instance has them. Its
  instances are of a class of their own (``models``) and no exceptions; ``isinstance`` knows them.
* To call it is to do what it stands for, which the schema says (fetched where it is not held): a
  function is called over there, an exception is made here, to be raised, and so is an instance of a
  model, to be saved (``creating``). While ``chunnel.test.override_remote`` is in force nothing is
  fetched: what has a fake is a function, what has rows a model, anything else an exception.
* Classes pickle by alias and path, and their exceptions by class and arguments.
"""

from __future__ import annotations

import copyreg
import inspect
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist

from ..exceptions import NotExposed, RemoteError
from ..schema import FunctionSchema, ModelSchema
from .remotes import get_remote
from .signature import ANYTHING, Described, find, signature_of

if TYPE_CHECKING:
    from .managers import RemoteManager
    from .meta import RemoteOptions
    from .models import RemoteInstance

MAX_RESOLVED = 4096  # classes made for names that a peer sent; a project exposes a few hundred

_CALLABLE = frozenset({"using", "acall", "submit", "stream", "on_commit"})
_MODEL = ("objects", "DoesNotExist", "MultipleObjectsReturned", "_meta", "_default_manager")


class RemoteType(type):
    """The type of classes that stand for a remote name. It knows their alias and path."""

    _chunnel_alias: str
    _chunnel_path: tuple[str, ...]

    def __repr__(cls) -> str:
        return f"<remote class {'.'.join((cls._chunnel_alias, *cls._chunnel_path))}>"


class _ClassDocumentation:
    """``__doc__`` of a remote class: the remote docstring, or what is known here."""

    def __init__(self, text: str):
        self.text = text

    def __get__(self, cls: RemoteClass | None, owner: type[Any]) -> str | None:
        if cls is None:
            return self.text
        described = cls._described()
        return described.doc if described is not None else None

    def __set__(self, cls: RemoteClass, value: object) -> None:
        raise AttributeError(f"{cls!r} cannot be changed")


class RemoteClass(RemoteType):
    """The type of what CapWords names stand for; its attributes are those of a model's class."""

    __doc__ = _ClassDocumentation("The type of what CapWords names stand for.")

    # Django's templates call what is callable; a page must not make requests by naming something.
    do_not_call_in_templates: ClassVar[bool] = True

    _chunnel_instances: type[RemoteInstance]

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:
        if not is_exact(cls):  # a class that joins this one with a built-in exception
            return super().__call__(*args, **kwargs)
        remote = get_remote(cls._chunnel_alias)
        name = ".".join(cls._chunnel_path)
        if remote.overrides:
            if name in remote.fakes:
                return remote.call(name, args, kwargs)
            if f"{name}.objects" in remote.fakes:
                return cls._instance(args, kwargs)
            return super().__call__(*args, **kwargs)
        described = find(remote.schema(), *cls._chunnel_path)
        if described is None:
            raise NotExposed(f"{cls._chunnel_alias} exposes nothing named {name!r}.")
        if isinstance(described, FunctionSchema):
            return remote.call(name, args, kwargs)
        if isinstance(described, ModelSchema):
            return cls._instance(args, kwargs)
        return super().__call__(*args, **kwargs)

    def _instance(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RemoteInstance:
        from .models import instances_class

        return instances_class(cls)(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        # Of a function under a CapWords name: Account has no acall until somebody asks for it.
        if name in _CALLABLE:
            from .names import RemoteFunction

            return getattr(RemoteFunction(cls._chunnel_alias, *cls._chunnel_path), name)
        raise AttributeError(f"{cls!r} has no attribute {name!r}", name=name, obj=cls)

    def __instancecheck__(cls, instance: object) -> bool:
        kept = cls.__dict__.get("_chunnel_instances")
        return (kept is not None and isinstance(instance, kept)) or super().__instancecheck__(
            instance
        )

    def __dir__(cls) -> list[str]:
        return sorted({*super().__dir__(), *_MODEL})

    @property
    def objects(cls) -> RemoteManager:
        from .managers import RemoteManager

        return RemoteManager(cls)

    @property
    def _default_manager(cls) -> RemoteManager:
        return cls.objects

    @property
    def DoesNotExist(cls) -> Any:  # noqa: N802 - Django's name
        return nested_class(cls, "DoesNotExist")

    @property
    def MultipleObjectsReturned(cls) -> Any:  # noqa: N802 - Django's name
        return nested_class(cls, "MultipleObjectsReturned")

    @property
    def _meta(cls) -> RemoteOptions:
        from .meta import RemoteOptions

        return RemoteOptions(cls)

    @property
    def __signature__(cls) -> inspect.Signature:
        described = cls._described()
        if isinstance(described, FunctionSchema):
            return signature_of(described)
        return ANYTHING

    def _described(cls) -> Described | None:
        """Return what the schema says, fetching it; None where it is not known."""
        schema = get_remote(cls._chunnel_alias).schema_or_none()
        return find(schema, *cls._chunnel_path) if schema is not None else None


def is_exact(cls: type[Any]) -> bool:
    """Say whether ``cls`` stands for a name itself, and does not only inherit from such a class."""
    return "_chunnel_path" in cls.__dict__


# Making and finding the classes

_lock = threading.RLock()


def _renew_lock() -> None:
    """Replace the lock, which a thread of the parent process may have held when it forked."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)
_classes: dict[tuple[str, ...], Any] = {}

_NESTED: dict[str, type[Exception]] = {
    "DoesNotExist": ObjectDoesNotExist,
    "MultipleObjectsReturned": MultipleObjectsReturned,
}


def remote_class(alias: str, label: str, name: str) -> RemoteClass:
    """Return the one class that stands for this name."""
    key = (alias, label, name)
    found: RemoteClass | None = _classes.get(key)
    if found is None:
        with _lock:
            found = _classes.get(key)
            if found is None:
                found = _classes[key] = _made(RemoteClass, key, (RemoteError,))
    return found


def nested_class(cls: RemoteClass, name: str) -> Any:
    """Return the class of an exception that every model has: ``Account.DoesNotExist``."""
    key = (cls._chunnel_alias, *cls._chunnel_path, name)
    found = _classes.get(key)
    if found is None:
        with _lock:
            found = _classes.get(key)
            if found is None:
                found = _classes[key] = _made(RemoteType, key, (RemoteError, _NESTED[name]))
    return found


def _made(metaclass: type[Any], key: tuple[str, ...], bases: tuple[type[Any], ...]) -> Any:
    alias, label, *names = key
    namespace = {
        "__module__": f"{alias}.{label}",
        "__qualname__": ".".join(names),
        "__reduce__": _reduce_exception,
        "_chunnel_alias": alias,
        "_chunnel_path": (label, *names),
    }
    return metaclass(names[-1], bases, namespace)


def class_for_name(alias: str, name: str) -> Any:
    """Return the class for an exposed name that a peer sent, "money.InsufficientFunds", or None."""
    from .names import is_class_name, is_step

    steps = name.split(".")
    if not 2 <= len(steps) <= 3 or not all(map(is_step, steps)) or not is_class_name(steps[1]):
        return None
    if (alias, *steps) not in _classes and len(_classes) >= MAX_RESOLVED:
        return None
    cls = remote_class(alias, steps[0], steps[1])
    if len(steps) == 2:
        return cls
    return nested_class(cls, steps[2]) if steps[2] in _NESTED else None


def keep_once(cls: RemoteClass, name: str, make: Callable[[], Any]) -> Any:
    """Return what ``cls`` keeps under ``name``; ``make`` it if it keeps nothing yet."""
    with _lock:
        found = cls.__dict__.get(name)
        if found is None:
            found = make()
            type.__setattr__(cls, name, found)
    return found


def named(alias: str, *path: str) -> Any:
    """Return the class of a path; what pickles of classes call."""
    cls = remote_class(alias, path[0], path[1])
    return cls if len(path) == 2 else nested_class(cls, path[2])


def _reduce_class(cls: RemoteType) -> tuple[Any, ...]:
    return (named, (cls._chunnel_alias, *cls._chunnel_path))


def _reduce_exception(error: RemoteError) -> tuple[Any, ...]:
    return (_restore_exception, (type(error), error.args), error.__dict__.copy())


def _restore_exception(cls: type[RemoteError], args: tuple[Any, ...]) -> RemoteError:
    error: RemoteError = type.__call__(cls, *args)  # the metaclass would call over there
    return error


# pickle saves classes as globals unless their type is told otherwise here.
copyreg.pickle(RemoteType, _reduce_class)
copyreg.pickle(RemoteClass, _reduce_class)
