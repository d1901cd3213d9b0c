"""What compares must be able to tell a difference."""

from __future__ import annotations

import pytest

from .cases import _check_same
from .normal import dump, normal
from .world import Sides, restore


def test_statements_and_requests_are_counted(both: Sides) -> None:
    local = both.local(lambda lib: [list(lib.Tag.objects.all()), lib.Tag.objects.count()])
    found = both.remote(lambda lib: [list(lib.Tag.objects.all()), lib.Tag.objects.count()])
    assert local.statements == found.statements == len(found.requests) == 2


def test_differences_are_seen(both: Sides) -> None:
    """Of values, their types, their order, and errors."""
    tags = both.local(lambda lib: lib.Tag.objects.order_by("slug"))
    for other in (
        lambda lib: lib.Tag.objects.order_by("-slug"),
        lambda lib: lib.Tag.objects.order_by("slug")[:3],
        lambda lib: lib.Tag.objects.order_by("slug").values("slug", "label"),
        lambda lib: lib.Tag.objects.order_by("slug").only("slug"),
        lambda lib: lib.Tag.objects.get(),
    ):
        with pytest.raises(AssertionError):
            _check_same(both.remote(other), tags)
    assert normal(1) != normal(True)
    assert normal((1,)) != normal([1])


def test_rows_without_an_order_may_come_in_any(both: Sides) -> None:
    local = both.local(lambda lib: lib.Tag.objects.all())
    _check_same(both.remote(lambda lib: lib.Tag.objects.order_by("-slug")), local)


def test_what_was_written_is_undone(both: Sides) -> None:
    alias, rows = both.world.alias, both.world.rows
    local, found, local_rows, remote_rows = both.changing(
        lambda lib: [lib.Loan.objects.all().delete(), lib.Publisher.objects.create(name="Elm").pk]
    )
    assert local.value == found.value
    assert local_rows == remote_rows != dump(alias)
    assert dump(alias) == rows
    again = both.changing(lambda lib: lib.Publisher.objects.create(name="Fir").pk)
    assert again[0].value == again[1].value == found.value[2]
    restore(alias, rows)
    assert dump(alias) == rows
