"""What every name is: an alias and a path, immutable, equal and pickled by both."""

from __future__ import annotations

from typing import Any, NoReturn


class Path:
    """A value made of an alias and the steps after it. It never changes."""

    __slots__ = ("_alias", "_path")

    _alias: str
    _path: tuple[str, ...]

    def __init__(self, alias: str, *path: str):
        object.__setattr__(self, "_alias", alias)
        object.__setattr__(self, "_path", path)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed; fakes are set with override_remote")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self!r} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self) and self._alias == other._alias and self._path == other._path
        )

    def __hash__(self) -> int:
        return hash((type(self), self._alias, self._path))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._alias, *self._path))

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __repr__(self) -> str:
        return f"<remote {'.'.join((self._alias, *self._path))}>"
