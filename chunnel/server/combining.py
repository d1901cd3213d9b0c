"""Which querysets may stand beside each other in a ``union`` and its like.

A database combines columns by their position, whatever their names. Two queries for instances that
load other columns, or other related rows, would show one column under the name of another: one that
nobody may read under one that everybody may. So the rules are:

* Instances are combined with instances that are loaded in exactly the same way: the same columns,
  the same related rows in the same order, and as many annotations.
* Values are combined with values, each side having named its own. Where the other side names none
  Django gives it the columns of the first, which must then have named some, and not be empty: of
  an empty one Django forgets that it had columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import QueryRefused

if TYPE_CHECKING:
    from django.db.models import QuerySet


def check_alike(
    model: str, first: QuerySet[Any], other: QuerySet[Any], *, same_paths: bool
) -> None:
    """Raise QueryRefused if two queries cannot stand beside each other.

    ``same_paths``: they name the same relations for ``select_related``, in the same order.
    """
    if first._fields is None:  # type: ignore[attr-defined]
        if other._fields is not None:  # type: ignore[attr-defined]
            raise QueryRefused(
                f"{model}: instances cannot be combined with values; give both sides the same "
                f"values()."
            )
        if not (same_paths and _loaded(first) == _loaded(other)):
            raise QueryRefused(
                f"{model}: both sides of a combination load the same columns and related rows; "
                f"give them the same only(), defer(), select_related() and as many annotations."
            )
    elif other._fields is None and (  # type: ignore[attr-defined]
        not first.query.values_select or first.query.is_empty()
    ):
        raise QueryRefused(
            f"{model}: name the columns of both sides of a combination, with values() or "
            f"values_list()."
        )


def _loaded(queryset: QuerySet[Any]) -> tuple[Any, ...]:
    query = queryset.query
    return (
        queryset.model,
        query.get_select_mask(),
        query.select_related,
        len(query.annotation_select),
    )
