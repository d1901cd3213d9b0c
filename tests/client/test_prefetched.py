"""What a plan says of the rows that are fetched along."""

from __future__ import annotations

from chunnel.client.prefetched import Prefetched, prefetched
from chunnel.plans import Fetch, OrderBy, Plan, PrefetchRelated, Reverse

BOOKS = Plan("library.Book", (OrderBy(("isbn",)),))


def _tree(*steps: tuple[Fetch, ...]) -> dict[str, Prefetched]:
    return prefetched(Plan("library.Publisher", tuple(map(PrefetchRelated, steps))))


def test_querysets() -> None:
    """Under the attribute, which to_attr may name."""
    assert prefetched(Plan("library.Publisher", (Reverse(),))) == {}
    found = _tree((Fetch("books", BOOKS), Fetch("books", None, "all_books")))
    assert found == {
        "books": Prefetched("books", BOOKS, {}),
        "all_books": Prefetched("books", None, {}),
    }


def test_paths() -> None:
    """What leads to the end is there as well; what was named first counts."""
    tags = Plan("library.Tag")
    found = _tree((Fetch("books", BOOKS, "some"),), (Fetch("some__tags", tags),), (Fetch("some"),))
    assert found == {"some": Prefetched("books", BOOKS, {"tags": Prefetched("tags", tags, {})})}
    found = _tree((Fetch("books__tags", tags), Fetch("books")))
    assert found == {"books": Prefetched("books", None, {"tags": Prefetched("tags", tags, {})})}


def test_within() -> None:
    """A queryset has its own."""
    inner = BOOKS.then(PrefetchRelated((Fetch("tags"),)))
    found = _tree((Fetch("books", inner),))
    assert found["books"].below == {"tags": Prefetched("tags", None, {})}


def test_taken_back() -> None:
    """By no lookups."""
    assert _tree((Fetch("books", BOOKS),), ()) == {}
    assert set(_tree((Fetch("books", BOOKS),), (), (Fetch("staff"),))) == {"staff"}
