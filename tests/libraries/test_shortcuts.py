"""Django's shortcuts for views: an object or a list, or the page that says there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import Http404
from django.shortcuts import (
    aget_list_or_404,
    aget_object_or_404,
    get_list_or_404,
    get_object_or_404,
)

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library


@pytest.mark.parametrize(
    "kind", [lambda: library.Tag, lambda: library.Tag.objects, library.Tag.objects.all]
)
def test_an_object(kind: Any) -> None:
    """Of a model, of its manager, of a queryset."""
    with assertNumRPCs(1):
        assert get_object_or_404(kind(), slug="rare").label == "Rare"


def test_no_object() -> None:
    with assertNumRPCs(1), pytest.raises(Http404, match=r"^No Tag matches the given query\.$"):
        get_object_or_404(library.Tag, slug="?")


def test_too_many_objects() -> None:
    with assertNumRPCs(1), pytest.raises(library.Tag.MultipleObjectsReturned):
        get_object_or_404(library.Tag, label__contains="a")


@pytest.mark.parametrize(
    "kind", [lambda: library.Tag, lambda: library.Tag.objects, library.Tag.objects.all]
)
def test_a_list(kind: Any) -> None:
    with assertNumRPCs(1):
        assert len(get_list_or_404(kind(), label__contains="a")) == 2


def test_no_list() -> None:
    with assertNumRPCs(1), pytest.raises(Http404, match="No Tag matches the given query"):
        get_list_or_404(library.Tag, label="?")


def test_asynchronously() -> None:
    async def both() -> tuple[Any, Any]:
        one = await aget_object_or_404(library.Tag, slug="rare")
        many = await aget_list_or_404(library.Tag.objects.all(), label__contains="a")
        with pytest.raises(Http404):
            await aget_object_or_404(library.Tag.objects, slug="?")
        return one, many

    with assertNumRPCs(3):
        one, many = asyncio.run(both())
    assert one.slug == "rare"
    assert len(many) == 2
