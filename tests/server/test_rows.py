"""Row sets are cut without losing what is related."""

from __future__ import annotations

from chunnel.server.rows import columns, cut, slices
from chunnel.values import Related, RowSet


def test_rows_become_columns() -> None:
    assert columns(("x", "y"), [(1, 2), (3, 4)]) == ((1, 3), (2, 4))


def test_no_rows() -> None:
    assert columns(("x", "y"), []) == ([], [])


def test_rows_that_are_longer_than_asked() -> None:
    assert columns(("x",), [(1, 2), (3, 4)]) == ((1, 3),)


def test_slices() -> None:
    whole = RowSet("a.B", ("x",), (list(range(5)),), ("f",))
    found = list(slices(whole, 2))
    assert [each.columns for each in found] == [([0, 1],), ([2, 3],), ([4],)]
    assert {(each.model, each.methods) for each in found} == {("a.B", ("f",))}


def test_each_slice_has_the_related_rows_that_it_needs() -> None:
    """Also those that these are related to, and each once."""
    towns = RowSet("a.Town", ("pk",), (["Bern", "Chur"],))
    branches = RowSet(
        "a.Branch",
        ("pk",),
        ([10, 20, 30],),
        related=(Related("town", False, False, towns, [1, None, 0]),),
    )
    whole = RowSet(
        "a.Account",
        ("pk",),
        ([1, 2, 3, 4],),
        related=(Related("branches", True, False, branches, [[0], [2, 0], [], [1]]),),
    )
    second = cut(whole, 1, 3)
    assert second.columns == ([2, 3],)
    (related,) = second.related
    assert related.places == [[0, 1], []]
    assert related.rows.columns == ([30, 10],)
    (town,) = related.rows.related
    assert town.places == [0, 1]
    assert town.rows.columns == (["Bern", "Chur"],)
    (third,) = cut(whole, 3, 4).related
    assert third.rows.columns == ([20],)
    assert third.rows.related[0].places == [None]
    assert third.rows.related[0].rows.columns == ([],)
