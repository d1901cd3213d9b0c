"""Remote foreign keys in Django's admin.

The rules:

* A page of the list makes one request for each remote key that it shows, and a filter one more.
* A row that is missing, and every row while nobody answers, is shown as its key; that nobody
  answers is said once, above the list. The admin works without the other project.
* In a form a remote key is an input for the key (``fields.forms``), which asks nobody when shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.filters import AllValuesFieldListFilter, FieldListFilter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..fields import RemoteForeignKey, prefetch_remote
from ..fields.access import rows_of
from ..fields.forms import UNREACHABLE
from ..fields.prefetching import remote_keys

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object


def column(field: RemoteForeignKey) -> Callable[[Any], Any]:
    """Return the column of a list that shows what was fetched, or the key. It asks nobody."""

    def shown(instance: Any) -> Any:
        key = getattr(instance, field.attname)
        row = field.get_cached_value(instance, default=None)
        return row if row is not None or key is None else str(key)

    shown.__name__ = field.name
    shown.short_description = field.verbose_name  # type: ignore[attr-defined]
    shown.admin_order_field = field.name  # type: ignore[attr-defined]
    return shown


class RemoteKeysAdminMixin(_ModelAdmin):
    """For a ModelAdmin with remote foreign keys in ``list_display``; it stands before ModelAdmin.

    They are fetched for a whole page at once.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._remote_columns = {
            field.name: column(field)
            for field in remote_keys(self.model)
            if field.name not in self.list_editable
        }

    def _with_columns(self, names: Iterable[Any]) -> list[Any]:
        found = self._remote_columns
        return [found.get(name, name) if isinstance(name, str) else name for name in names]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return self._with_columns(super().get_list_display(request))

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        found = super().get_list_display_links(request, list_display)
        return found and self._with_columns(found)

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        return self._with_columns(super().get_sortable_by(request))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        shown = found.list_display
        names = [name for name, each in self._remote_columns.items() if each in shown]
        self._prefetch(request, found.result_list, names)
        return found

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            read_only = self.get_readonly_fields(request, found)
            whole = not self.has_change_permission(request, found)
            keys = [each.name for each in remote_keys(self.model)]
            names = [name for name in keys if whole or name in read_only]
            self._prefetch(request, [found], names)
        return found

    def _prefetch(self, request: HttpRequest, instances: Iterable[Any], names: list[str]) -> None:
        try:
            if names:
                prefetch_remote(instances, *names)
        except UNREACHABLE:
            text = _("Another project does not answer now; some rows are shown as their keys.")
            self.message_user(request, text, messages.WARNING, fail_silently=True)


class RemoteKeyFilter(AllValuesFieldListFilter):
    """``list_filter`` for a remote foreign key: the rows that keys here lead to, by their texts."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        keys = [key for key in self.lookup_choices if key is not None]
        texts = self._texts(keys)
        for place, choice in enumerate(super().choices(changelist)):
            key = keys[place - 1] if 1 <= place <= len(keys) else None
            if key in texts:
                # What follows the key is how many there are.
                choice["display"] = choice["display"].replace(str(key), texts[key], 1)
            yield choice

    def _texts(self, keys: list[Any]) -> dict[Any, str]:
        field: Any = self.field
        try:
            rows = rows_of(field, keys)
        except UNREACHABLE:
            return {}
        return {field.to_python(row): str(row) for row in rows}


FieldListFilter.register(
    lambda field: isinstance(field, RemoteForeignKey), RemoteKeyFilter, take_priority=True
)
