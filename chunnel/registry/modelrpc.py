"""ModelRPC: what of a model other projects may see and do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from ..context import ServedCall

DEFAULT_MAX_ROWS = 100_000


class ModelRPC:
    """Declares what of a model is exposed. Subclass it under ``@register(Model)``.

    Nothing is exposed that is not declared. Everything declared is checked when the class is
    registered; ImproperlyConfigured names this class, the attribute and the culprit.
    """

    fields: ClassVar[Sequence[str]] = ()
    """What may be read: columns of the model, foreign keys included (they read as the key and lead
    to the other row); relations to other exposed models by their names on instances, that is the
    other ends of foreign keys and one-to-ones and many-to-many; properties; names of
    ``annotations``. ``"__str__"`` among them sends the text of ``str(instance)``. The primary key
    always travels."""

    annotations: ClassVar[Mapping[str, Any]] = {}
    """Values that the database computes for each row: names and Django's expressions,
    ``{"size": Count("books")}``. Each is named in ``fields`` as well."""

    filter_fields: ClassVar[Mapping[str, Sequence[str]] | None] = None
    """Which field paths may be filtered by, each with its lookups, and nothing besides:
    ``{"uid": ["exact", "in"], "branch__city": ["exact"]}``. Left out: ``exact``, ``in`` and
    ``isnull`` of the readable columns. ``pk`` may always be filtered by ``exact`` and ``in``."""

    ordering_fields: ClassVar[Sequence[str]] = ()
    """Which field paths rows may be ordered by, in both directions."""

    writable_fields: ClassVar[Sequence[str]] = ()
    """Which readable columns, foreign keys and many-to-many relations callers may set. Every value
    goes through ``full_clean()``, without the fields that are not named here; what ``update()``
    sets, through the field's own ``clean()``. The primary key, if named, is set on new rows only.
    The other end of a foreign key that is named here is written through it as well:
    ``publisher.books.add(book)``."""

    can_create: ClassVar[bool] = False
    """Whether callers may add rows; they give the ``writable_fields``, and defaults the rest."""

    can_delete: ClassVar[bool] = False
    """Whether callers may delete rows, with all that the database or Django deletes along."""

    methods: ClassVar[Sequence[str] | Mapping[str, Mapping[str, Any]]] = ()
    """The instance methods that may be called; a dict gives options as ``expose`` takes them:
    ``{"deposit": {"atomic": True}, "describe": {"effect": "read"}}``."""

    manager_methods: ClassVar[Sequence[str] | Mapping[str, Mapping[str, Any]]] = ()
    """The methods of the default manager or its querysets that may be called; as ``methods``."""

    max_rows: ClassVar[int] = DEFAULT_MAX_ROWS
    """The most rows one evaluation may return. A query over it fails before the first row, so that
    nothing is ever cut off silently."""

    def __init__(self, model: type[Model]):
        self.model = model

    def get_queryset(self, context: ServedCall) -> QuerySet[Any]:  # noqa: ARG002 - for overrides
        """Return the rows that this call may see, read, change or name in its arguments.

        Everything begins here: queries, methods of instances, instances in arguments, what is
        written. A row that a caller writes must be among these before and after, or nothing is
        written at all. ``context`` is the call being served.
        """
        return self.model._default_manager.all()  # noqa: SLF001 - Django's documented API

    # What is declared opens the doors; these narrow them, for a call or for a row. ``obj`` is None
    # where no single row is meant, as in a query.

    def has_view_permission(
        self,
        context: ServedCall,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """Say whether this call may read rows: query them, follow relations to them, get one."""
        return True

    def has_add_permission(self, context: ServedCall) -> bool:  # noqa: ARG002
        """Say whether this call may create rows. Asked only where ``can_create`` is true."""
        return True

    def has_change_permission(
        self,
        context: ServedCall,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """Say whether this call may change rows, also by methods whose effect is "write"."""
        return True

    def has_delete_permission(
        self,
        context: ServedCall,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """Say whether this call may delete rows. Asked only where ``can_delete`` is true."""
        return True
