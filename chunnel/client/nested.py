"""What Django's ``Subquery`` and ``Exists`` hold of a remote queryset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError

if TYPE_CHECKING:
    from .planned import PlannedQuerySet


class Nested:
    """What ``Subquery(queryset)`` and ``Exists(queryset)`` hold of a remote queryset.

    Django's two classes take ``queryset.query`` or, of what has none, the thing itself, and then
    its ``clone()``, which on a remote queryset gives one of these. So there is no ``query``, by
    which all of Django would take a remote queryset for one of this database; what a query of this
    database asks of it raises NotSupportedError.
    """

    subquery = False
    contains_aggregate = contains_over_clause = contains_column_references = False

    def __init__(self, queryset: PlannedQuerySet):
        self.queryset = queryset

    def __repr__(self) -> str:
        return f"<nested queryset of {'.'.join(self.queryset.model._chunnel_path)}>"

    def clone(self) -> Nested:
        """Return another one; ``Subquery`` and its copies hold one each."""
        return Nested(self.queryset)

    def exists(self) -> Nested:
        """Return itself: that ``Exists`` holds it says what is asked."""
        return self

    def resolve_expression(self, *_args: Any, **_kwargs: Any) -> Any:
        """Raise NotSupportedError: this is where a query of this database would take it in."""
        raise NotSupportedError(
            f"{self!r} is of the remote {self.queryset.model._chunnel_alias!r} and cannot be part "
            f"of a query of this database; list() fetches its values."
        )
