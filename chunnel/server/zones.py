"""The time zone that a plan is evaluated in: its caller's, as its metadata say.

It is current for the evaluation alone. Functions and methods of the project run in its own zone, as
does a call whose metadata name none.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from django.utils import timezone

from ..protocol.messages import FailureCode
from ..values.zones import current_from
from .failures import Refusal

if TYPE_CHECKING:
    from ..context import ServedCall

KEY = "zone"

T = TypeVar("T")


def zone_of_caller(served: ServedCall) -> AbstractContextManager[Any]:
    """Return what makes the caller's time zone the current one; raise the refusal of no zone."""
    wire = served.meta.get(KEY)
    if wire is None:
        return nullcontext()
    try:
        return timezone.override(current_from(wire))
    except (ValueError, OverflowError) as error:
        raise Refusal(
            FailureCode.REFUSED,
            f"The call's time zone cannot be used: {error}. Install the tzdata of its sender here, "
            f"or let it activate a zone that this server knows.",
        ) from error


def in_zone_of_caller(served: ServedCall, items: Iterator[T]) -> Generator[T, None, None]:
    """Yield ``items``, each made in the caller's time zone; what is done with it is not."""
    zone = zone_of_caller(served)
    end = object()
    with closing(items):  # type: ignore[type-var]  # a generator
        while True:
            with zone:
                item = next(items, end)
            if item is end:
                return
            yield item  # type: ignore[misc]
