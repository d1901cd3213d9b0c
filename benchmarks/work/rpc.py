"""The work: the same functions behind Chunnel and behind the raw socket."""

from __future__ import annotations

from typing import Any

from chunnel import ModelRPC, expose, register

from .models import Item, Sale


@expose(effect="read")
def echo(value: Any) -> Any:
    """W1 and W2: what it costs to call at all."""
    return value


@expose(effect="read")
def get(pk: int) -> str:
    """W3: one row by its key, through the ORM."""
    return Item.objects.get(pk=pk).name


@register(Sale)
class SaleRPC(ModelRPC):
    """Rows of many types."""

    fields = ("id", "number", "name", "price", "at", "key")
    filter_fields = {"id": ("lt",)}  # noqa: RUF012
    ordering_fields = ("id",)
