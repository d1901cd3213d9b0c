"""Names: ``remote.economy.money.balance``, step by step.

The rules:

* A path has exactly three steps: alias, app label, name. Taking a step never touches the network;
  an alias that the settings do not have raises UnknownRemote at once.
* A ``lower_case`` name is a function, a ``CapWords`` name a class (``classes``).
* What is no step raises AttributeError here and now: names with a leading underscore, and the few
  words by which Django and others feel for a duck (``NOT_STEPS``). A function has the attributes
  that stand in its class and no others.
* ``dir()``, ``help()``, ``__doc__`` and ``__signature__`` may fetch the schema; where that fails
  they answer with what is known here. Nothing else on a name does.
* Names are values: equal, hashed, pickled and copied by alias and path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..conf import remote_aliases
from ..exceptions import UnknownRemote
from ..schema.steps import NOT_STEPS
from .callables import RemoteCallable
from .paths import Path
from .remotes import get_remote, unknown_alias
from .signature import Described, find_app

if TYPE_CHECKING:
    from ..schema import FunctionSchema

MAX_KEPT: Final = 4096
"""Steps that one namespace keeps: more than any app has, fewer than made-up names could fill."""


def is_step(name: str) -> bool:
    """Say whether ``name`` can be part of a path."""
    return name.isidentifier() and not name.startswith("_") and name not in NOT_STEPS


def is_class_name(name: str) -> bool:
    """Say whether a name is CapWords, and so a class."""
    return name[:1].isupper()


def _no_attribute(owner: object, name: str) -> AttributeError:
    return AttributeError(f"{owner!r} has no attribute {name!r}", name=name, obj=owner)


_remotes: dict[str, RemoteNames] = {}


class Root:
    """``remote``: its attributes are the aliases of CHUNNEL_REMOTES."""

    __slots__ = ()

    def __getattr__(self, alias: str) -> RemoteNames:
        if alias not in remote_aliases():
            if not is_step(alias):
                raise _no_attribute(self, alias)
            raise UnknownRemote(unknown_alias(alias))
        found = _remotes.get(alias)
        if found is None:
            found = _remotes[alias] = RemoteNames(alias)
        return found

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed")

    def __dir__(self) -> list[str]:
        return sorted(remote_aliases())

    def __repr__(self) -> str:
        return "<remote>"

    def __reduce__(self) -> str:
        return "remote"

    def __copy__(self) -> Root:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Root:
        return self


class _Namespace(Path):
    """A path with further steps. Steps that were taken are kept: most are taken again."""

    __slots__ = ("_taken",)

    _taken: dict[str, Any]

    def __init__(self, alias: str, *path: str):
        super().__init__(alias, *path)
        object.__setattr__(self, "_taken", {})

    def __getattr__(self, name: str) -> Any:
        found = self._taken.get(name)
        if found is None:
            if not is_step(name):
                raise _no_attribute(self, name)
            found = self._step(name)
            if len(self._taken) < MAX_KEPT:
                self._taken[name] = found
        return found

    def _step(self, name: str) -> Any:
        raise NotImplementedError


class RemoteNames(_Namespace):
    """``remote.economy``: its attributes are the labels of the remote's apps."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, label: str) -> AppNames: ...

    def __init__(self, alias: str):
        super().__init__(alias)

    def _step(self, name: str) -> AppNames:
        return AppNames(self._alias, name)

    def __dir__(self) -> list[str]:
        schema = get_remote(self._alias).schema_or_none()
        return sorted(app.label for app in schema.apps) if schema is not None else []


class AppNames(_Namespace):
    """``remote.economy.money``: its attributes are what the app exposes."""

    __slots__ = ()

    def __init__(self, alias: str, label: str):
        super().__init__(alias, label)

    def _step(self, name: str) -> Any:
        if is_class_name(name):
            from .classes import remote_class

            return remote_class(self._alias, self._path[0], name)
        return RemoteFunction(self._alias, self._path[0], name)

    def __dir__(self) -> list[str]:
        schema = get_remote(self._alias).schema_or_none()
        app = find_app(schema, self._path[0]) if schema is not None else None
        if app is None:
            return []
        exposed: tuple[Described, ...] = (*app.functions, *app.models, *app.exceptions)
        return sorted(one.name for one in exposed)


class RemoteFunction(RemoteCallable):
    """``remote.economy.money.balance``: a function of the remote project.

    Call it to make the call and wait for its value; a generator function gives an iterator.
    """

    __slots__ = ()

    def __init__(self, alias: str, label: str, name: str):
        super().__init__(alias, label, name)

    def _described(self) -> FunctionSchema | None:
        return get_remote(self._alias).function(".".join(self._path), fetch=True)


remote = Root()
