"""Methods of instances that are called over there: ``account.deposit``."""

# ruff: noqa: SLF001 - an instance of ours

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import UnsavedChanges
from .callables import RemoteCallable, given, restore
from .remotes import Remote, get_remote

if TYPE_CHECKING:
    from ..schema import FunctionSchema
    from .models import RemoteInstance


class RemoteMethod(RemoteCallable):
    """A method of a remote instance: ``account.deposit``."""

    __slots__ = ("_instance",)

    _instance: RemoteInstance

    # In a template it is shown as nothing, like a method of Django's that alters data.
    do_not_call_in_templates = False
    alters_data = True

    def __init__(self, instance: RemoteInstance, name: str):
        cls = instance._chunnel_class
        super().__init__(cls._chunnel_alias, *cls._chunnel_path, name)
        object.__setattr__(self, "_instance", instance)

    def __repr__(self) -> str:
        return f"<remote method {self.__qualname__} of {self._instance!r}>"

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self._instance == other._instance  # type: ignore[attr-defined]

    __hash__ = RemoteCallable.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            restore,
            (type(self), (self._instance, self._path[-1]), given(self._options)),
        )

    def _described(self) -> FunctionSchema | None:
        return get_remote(self._alias).function(".".join(self._path), fetch=True)

    def _prepared(self, remote: Remote, args: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG002
        edited = self._instance._unsaved
        if edited:
            raise UnsavedChanges(
                f"{self._instance!r} has unsaved changes ({', '.join(edited)}); "
                f"{self._path[-1]}() would not see them. save() or refresh_from_db() comes first."
            )
        return (self._instance, *args)

    def _finished(self, value: Any) -> Any:
        if not isinstance(value, list):  # the stream of a generator
            return value
        result, changed = value
        if changed:
            self._instance._update(changed)
        return result
