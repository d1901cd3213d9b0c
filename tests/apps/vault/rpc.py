"""What the vault exposes, and what it keeps: see ``models``."""

from __future__ import annotations

from typing import Any

from django.db.models.expressions import RawSQL

from chunnel import ModelRPC, expose, register

from .models import Label, Ledger, Mire, Note, Room, Tenant

SECRET = "hunter2"
ENDLESS = """
(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000000)
SELECT max(n) FROM c)
"""
calls: list[str] = []


@register(Tenant)
class TenantRPC(ModelRPC):
    fields = ("id", "name", "notes", "labels")

    def get_queryset(self, context: Any) -> Any:
        return Tenant.objects.filter(name="ours")


@register(Room)
class RoomRPC(ModelRPC):
    fields = ("id", "name", "label", "notes")
    writable_fields = ("name",)


@register(Label)
class LabelRPC(ModelRPC):
    fields = ("id", "tenant", "word", "notes")
    writable_fields = ("tenant", "word")
    can_create = can_delete = True

    def get_queryset(self, context: Any) -> Any:
        return Label.objects.filter(tenant__name="ours")


@register(Note)
class NoteRPC(ModelRPC):
    fields = (
        *("id", "tenant", "room", "title", "slug", "rank", "parent", "children", "labels"),
        "ledgers",
    )
    filter_fields = {  # noqa: RUF012
        "tenant": ("exact", "in"),
        "title": ("exact", "startswith"),
        "slug": ("exact",),
        "rank": ("exact", "gt"),
        "parent": ("exact", "in", "isnull"),
    }
    ordering_fields = ("id", "title", "rank")
    writable_fields = ("tenant", "room", "title", "slug", "rank", "parent", "labels")
    can_create = can_delete = True
    methods = {"stamp": {}, "peek": {"effect": "read"}}  # noqa: RUF012

    def get_queryset(self, context: Any) -> Any:
        return Note.objects.filter(tenant__name="ours")

    def has_view_permission(self, context: Any, obj: Any = None) -> bool:
        return obj is None or obj.title != "unseen"

    def has_change_permission(self, context: Any, obj: Any = None) -> bool:
        return obj is None or obj.title != "locked"

    def has_delete_permission(self, context: Any, obj: Any = None) -> bool:
        return obj is None or obj.title != "locked"


@register(Ledger)
class LedgerRPC(ModelRPC):
    fields = ("id", "note", "amount")
    writable_fields = ("note", "amount")
    can_create = can_delete = True
    methods = {"audit": {"effect": "read"}}  # noqa: RUF012

    def has_view_permission(self, context: Any, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, context: Any) -> bool:
        return False


@register(Mire)
class MireRPC(ModelRPC):
    fields = ("id", "name")
    writable_fields = ("name",)
    can_delete = True

    def get_queryset(self, context: Any) -> Any:
        return Mire.objects.filter(pk=RawSQL(ENDLESS, ()))


@expose
def fill() -> dict[str, Any]:
    """Make the rows anew; return their keys."""
    Tenant.objects.all().delete()
    Room.objects.all().delete()
    Mire.objects.get_or_create(name="deep")
    found: dict[str, Any] = {}
    room = Room.objects.create(name="attic", label="A")
    found["room"] = room.pk
    for name in ("ours", "theirs"):
        tenant = Tenant.objects.create(name=name, token=SECRET)
        label = Label.objects.create(tenant=tenant, word=name, pin=SECRET)
        parent = None
        for title in ("first", "locked", "unseen"):
            note = Note.objects.create(
                tenant=tenant,
                room=room,
                title=title,
                slug=f"{name} {title}",
                rank=2,
                parent=parent,
                pin=SECRET,
            )
            note.labels.add(label)
            parent = note
            found[f"{name}_{title}"] = note.pk
        ledger = Ledger.objects.create(note=parent, amount=1, pin=SECRET)
        found |= {f"{name}": tenant.pk, f"{name}_label": label.pk, f"{name}_ledger": ledger.pk}
    return found


@expose
def census() -> list[Any]:
    """Return all that could have been changed, for comparing before and after."""
    return [
        [list(row) for row in model.objects.order_by("pk").values_list()]
        for model in (Tenant, Room, Label, Note, Ledger, Note.labels.through)
    ]


@expose(effect="read")
def top_notes() -> Any:
    """Return a queryset, which its caller may refine."""
    calls.append("top_notes")
    return Note.objects.filter(tenant__name="ours", rank__gt=1)


@expose(effect="write")
def written_notes() -> Any:
    """Return a queryset, and count."""
    calls.append("written_notes")
    return Note.objects.filter(tenant__name="ours")


@expose(effect="read")
def titles(notes: Any) -> Any:
    """Take instances."""
    return [each.title for each in notes]


@expose(effect="read")
def counted() -> list[str]:
    """Return which functions ran since this was last asked."""
    found = calls[:]
    calls.clear()
    return found
