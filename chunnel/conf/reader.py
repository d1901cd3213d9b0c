"""Takes typed values out of one mapping of a setting; see ``reading`` for which."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .options import POOL, REMOTE, SERVER, ZMQ, Option, shown_value
from .types import Problem

NOTHING: Mapping[str, Any] = MappingProxyType({})

# Where an option belongs that stands elsewhere.
_HOMES: Mapping[str, tuple[Mapping[str, Option], str]] = {
    "an address": (ZMQ, "BIND takes {'ADDRESS': 'tcp://127.0.0.1:7070', 'OPTIONS': {…}}"),
    "a remote": (REMOTE, "it stands in OPTIONS of CHUNNEL_REMOTES"),
    "the server": ({**SERVER, **POOL}, "it stands in CHUNNEL_SERVER['OPTIONS']"),
}


class Reader:
    """Takes typed values out of one mapping of a setting and collects what is wrong with it."""

    def __init__(
        self,
        setting: str,
        value: Mapping[Any, Any],
        keys: Sequence[str],
        code: str,
        problems: list[Problem],
    ):
        self.setting, self.value, self.keys, self.problems = setting, value, keys, problems
        for key in value:
            if key not in keys:
                near = difflib.get_close_matches(str(key).upper(), keys, n=1, cutoff=0.5)
                hint = f"Did you mean {near[0]!r}?" if near else f"Legal keys: {', '.join(keys)}."
                self.refuse(code, f"has the unknown key {str(key)!r}.", hint)

    def refuse(self, code: str, message: str, hint: str, key: str | None = None) -> None:
        setting = self.setting if key is None else f"{self.setting}[{key!r}]"
        self.problems.append(Problem(code, setting, message, hint))

    def get(
        self,
        key: str,
        default: Any,
        code: str,
        fits: Callable[[Any], bool],
        must_be: str,
        convert: Callable[[Any], Any] = lambda value: value,
    ) -> Any:
        if key not in self.value:
            return default
        value = self.value[key]
        if not fits(value):
            without = f"is {default!r}" if default else "need not be set"
            hint = f"Leave it out, and it {without}."
            self.refuse(code, f"must be {must_be}, not {shown_value(value)}.", hint, key=key)
            return default
        return convert(value)

    def name(self, key: str, default: Any, code: str, what: str) -> Any:
        return self.get(
            key, default, code, lambda value: isinstance(value, str) and value != "", what
        )

    def whole(self, key: str, default: int, code: str, *, least: int = 1) -> int:
        found: int = self.get(
            key,
            default,
            code,
            lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
            f"a whole number of at least {least}",
        )
        return found

    def names(self, key: str, default: tuple[str, ...], code: str, what: str) -> tuple[str, ...]:
        given = self.value.get(key)
        for place, item in enumerate(given if isinstance(given, list | tuple) else ()):
            if not isinstance(item, str) or not item:
                must_be = (
                    f"must be a text, not {shown_value(item) if item != '' else 'an empty one'}"
                )
                self.problems.append(
                    Problem(
                        code,
                        f"{self.setting}[{key!r}][{place}]",
                        f"{must_be}; this is a list of {what}.",
                        "Write the names of what is to be used, as texts.",
                    )
                )
                return default
        found: tuple[str, ...] = self.get(
            key,
            default,
            code,
            lambda value: isinstance(value, list | tuple),
            f"a list of {what}",
            tuple,
        )
        return found

    def mapping(self, key: str, code: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.get(
            key,
            NOTHING,
            code,
            lambda value: (
                isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
            ),
            "a dict with strings for keys",
            lambda value: MappingProxyType(dict(value)),
        )
        return found

    def options(
        self, codes: tuple[str, str], *tables: Mapping[str, Option], foreign: bool
    ) -> Mapping[str, Any]:
        """Return OPTIONS without those that cannot be used.

        ``codes`` are for what is no dict, and for a bad option. With ``foreign``, somebody else
        reads options as well, so that one which we do not know may be theirs.
        """
        given = self.mapping("OPTIONS", codes[0])
        known = {name: option for table in tables for name, option in table.items()}
        bad = set()
        for key, value in given.items():
            option = known.get(key.lower())
            if option is None:
                if not foreign:
                    bad.add(key)
                    hint = self._hint(key, list(known))
                    self.refuse(codes[1], f"has the unknown key {key!r}.", hint, key="OPTIONS")
            elif not option.fits(value):
                bad.add(key)
                self.problems.append(
                    Problem(
                        codes[1],
                        f"{self.setting}['OPTIONS'][{key!r}]",
                        f"must be {option.must_be}, not {shown_value(value)}.",
                        "Leave it out, and the default holds.",
                    )
                )
        if not bad:
            return given
        return MappingProxyType({key: value for key, value in given.items() if key not in bad})

    def _hint(self, key: str, known: Sequence[str]) -> str:
        """Return the way out for an option that is not legal here."""
        if key.upper() in self.keys:
            return f"{key.upper()!r} stands beside OPTIONS, not in it."
        for name, (table, place) in _HOMES.items():
            if key.lower() in table and not set(table) <= set(known):
                return f"It is an option of {name}: {place}."
        near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5)
        return f"Did you mean {near[0]!r}?" if near else f"Legal keys: {', '.join(sorted(known))}."

    def types(self, code: str) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.get(
            "TYPES",
            (),
            code,
            lambda value: isinstance(value, list | tuple),
            "a list of WireTypes or of dotted paths to them",
            tuple,
        )
        return found
