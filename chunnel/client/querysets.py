"""Querysets of remote models.

The rules:

* A queryset is a plan and options (``planned``). Chaining makes another one and no request
  (``chaining``, ``combining``).
* One evaluation is one request. It happens where Django's would: on iteration, ``len``, ``bool``,
  ``repr``, indexing, ``get``, ``count``, ``exists``, ``first``, ``aggregate`` and the like. Its
  rows are kept, and answer what they can answer (``evaluation``).
* What writes is one request as well, and exists where the model declares it (``writing``).
* It is a subclass of Django's QuerySet, because views and libraries ask for one, but inherits
  nothing that works: what is not written here raises NotSupportedError (methods) or AttributeError
  (the rest), so nothing is silently ignored. Its ``query`` is a description (``nested``).
* Any other public lower_case attribute is a method of the manager over there, named without a
  request, unless libraries feel for it (``unsupported.DUCKS``); where the schema is held, only
  those it declares.
* A queryset that a call returned is evaluated and refined by making the call again; that of a call
  that writes arrives evaluated and can be read, not refined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .callables import given
from .options import DEFAULT_OPTIONS
from .planned import Source
from .unsupported import shut_off, supported
from .writing import Writing

if TYPE_CHECKING:
    from ..plans import Plan
    from .classes import RemoteClass
    from .managers import ManagerMethod


class RemoteQuerySet(Writing):
    """Rows of a remote model, fetched when they are needed and then kept."""

    def __getattr__(self, name: str) -> ManagerMethod:
        from .managers import manager_method

        return manager_method(self, name)

    def __dir__(self) -> list[str]:
        from .managers import manager_methods

        return sorted({*supported(type(self)), *manager_methods(self.model), "model", "ordered"})

    # Values: pickled and copied without a request

    def __reduce__(self) -> tuple[Any, ...]:
        state = {
            name: value
            for name, value in vars(self).items()
            if name not in {"model", "_plan", "_options", "_source"}
        }
        source = self._source
        if source is not None:
            source = source._replace(options=given(source.options))  # type: ignore[arg-type]
        return (_rebuilt, (self.model, self._plan, given(self._options), source, state))

    def __copy__(self) -> RemoteQuerySet:
        made = self._clone()
        made._result_cache = self._result_cache
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> RemoteQuerySet:
        return self._clone()


def _rebuilt(
    model: RemoteClass,
    plan: Plan,
    options: dict[str, Any],
    source: Source | None,
    state: dict[str, Any],
) -> RemoteQuerySet:
    made = RemoteQuerySet(model, plan, options=DEFAULT_OPTIONS.replace(**options))
    if source is not None:
        again = DEFAULT_OPTIONS.replace(**source.options)  # type: ignore[arg-type]
        made._source = source._replace(options=again)
    vars(made).update(state)
    return made


shut_off(RemoteQuerySet)
