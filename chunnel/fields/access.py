"""The row behind a remote key, as an attribute of instances.

The rules:

* A row that was fetched or assigned is kept on the instance, in Django's cache of relations, as
  long as its key stays the same: to set another key forgets it, and so does ``del``. That
  ``refresh_from_db`` reads the key again makes no request and forgets no row of the same key.
* None is kept for a row that was looked for and is not there. To read it raises the remote model's
  DoesNotExist, which names the key, and makes no further request.
* What was not fetched raises FieldNotFetched. Where the remote's FETCH_MODE for the model is
  "peers" it is fetched, for all rows of the same local queryset (``prefetching``) in one request.
* No message shows an instance: its ``__str__`` may read the very row that is missing.
"""

# ruff: noqa: SLF001 - _state is where Django keeps what relations lead to

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from django.db.models import prefetch_related_objects

from ..exceptions import FieldNotFetched

if TYPE_CHECKING:
    from ..client.querysets import RemoteQuerySet
    from .foreign import RemoteForeignKey

PEERS_ATTRIBUTE = "remote_peers"  # of an instance's _state


class RemoteRowDescriptor:
    """The attribute of a model that gives the row behind a ``RemoteForeignKey``."""

    def __init__(self, field: RemoteForeignKey):
        self.field = field

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        field = self.field
        if not field.is_cached(instance):
            if getattr(instance, field.attname) is None:
                return None if field.null else self._raise_missing(instance, None)
            self._fetch(instance)
        found = field.get_cached_value(instance)
        if found is None and getattr(instance, field.attname) is not None:
            self._raise_missing(instance, getattr(instance, field.attname))
        return found

    def __set__(self, instance: Any, value: Any) -> None:
        field = self.field
        key = field.key_of(value)
        setattr(instance, field.attname, key)
        if key is not value:
            field.set_cached_value(instance, value)

    def __delete__(self, instance: Any) -> None:
        """Forget the row, not its key: the next one to read it asks again."""
        if self.field.is_cached(instance):
            self.field.delete_cached_value(instance)

    def _fetch(self, instance: Any) -> None:
        from ..client.fetching import PEERS, configured_mode

        field = self.field
        if configured_mode(field.remote_model) != PEERS:
            raise FieldNotFetched(
                f"{field.name!r} of {_named(instance)} was not fetched, only its key was, "
                f"{field.attname!r}. prefetch_remote({field.name!r}) fetches it, and the "
                f'FETCH_MODE "peers" of {field.to.partition(".")[0]!r} when it is read.',
                name=field.name,
                obj=instance,
            )
        lacking = [instance]
        for each in getattr(instance._state, PEERS_ATTRIBUTE, ()):
            known = field.is_cached(each) or each.__dict__.get(field.attname) is None
            if each is not instance and not known:
                lacking.append(each)
        prefetch_related_objects(lacking, field.name)

    def _raise_missing(self, instance: Any, key: Any) -> NoReturn:
        field = self.field
        model = field.remote_model
        text = f"{_named(instance)} has no {field.name}"
        if key is not None:
            text = f"{field.to} with {field.to_field} {key!r} does not exist ({field.name!r} of "
            text += f"{_named(instance)})"
        error: Exception = type.__call__(model.DoesNotExist, f"{text}.")
        raise error

    # Django's prefetch_related

    def is_cached(self, instance: Any) -> bool:
        """Say whether the row was fetched, or looked for."""
        return self.field.is_cached(instance)

    def get_prefetch_querysets(
        self, instances: Iterable[Any], querysets: list[Any] | None = None
    ) -> tuple[list[Any], Callable[[Any], Any], Callable[[Any], Any], bool, str, bool]:
        """Return the rows that ``instances`` lead to and how Django finds whose they are."""
        field = self.field

        def key_of(instance: Any) -> Any:
            return field.to_python(getattr(instance, field.attname))

        keys = dict.fromkeys(key_of(each) for each in instances)
        keys.pop(None, None)
        rows = rows_of(field, list(keys), querysets[0] if querysets else None)
        return rows, field.to_python, key_of, True, field.cache_name, False


def rows_of(
    field: RemoteForeignKey, keys: list[Any], queryset: RemoteQuerySet | None = None
) -> list[Any]:
    """Return the remote rows with these keys, in as many requests as lists may be long.

    ``queryset`` says which rows there are to be found, and what is fetched along.
    """
    from ..client.fetching import most_keys

    model = field.remote_model
    if queryset is None:
        queryset = model.objects.all().order_by()
    elif getattr(queryset, "model", None) is not model:
        raise ValueError(f"{field.name!r} leads to {field.to}, and is fetched by its querysets.")
    size = most_keys(model)
    found: list[Any] = []
    for start in range(0, len(keys), size):
        part = {f"{field.to_field}__in": keys[start : start + size]}
        found += queryset.filter(**part)
    return found


def _named(instance: Any) -> str:
    return f"{instance._meta.object_name} {instance.pk}"
