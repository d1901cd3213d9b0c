"""The work: the same functions behind Chunnel and behind the raw socket."""

from __future__ import annotations

from typing import Any

from chunnel import expose

from .models import Item


@expose(effect="read")
def echo(value: Any) -> Any:
    """W1 and W2: what it costs to call at all."""
    return value


@expose(effect="read")
def get(pk: int) -> str:
    """W3: one row by its key, through the ORM."""
    return Item.objects.get(pk=pk).name
