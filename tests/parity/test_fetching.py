"""Fetching what was left out: for all instances of a result in one request, where that is wanted.

The local side fetches row by row, so of many rows it makes more statements.
"""

from __future__ import annotations

from typing import Any

from .cases import reading, referring, requests


def peers(queryset: Any) -> Any:
    """Return a queryset whose instances fetch lazily: of this Django's local ones, all do."""
    return queryset.fetch_mode("peers") if hasattr(queryset.model, "_chunnel_path") else queryset


test_peers = reading(
    {
        "a foreign key": lambda lib: [
            book.publisher and book.publisher.name for book in peers(lib.Book.objects.all())
        ],
        "a foreign key to itself": lambda lib: [
            author.mentor and author.mentor.name
            for author in peers(lib.Author.objects.order_by("pk"))
        ],
        "to a field": lambda lib: [
            each.parent and each.parent.name for each in peers(lib.Category.objects.order_by("id"))
        ],
        "one-to-one": lambda lib: [
            profile.author.name for profile in peers(lib.Profile.objects.order_by("author"))
        ],
        "one-to-one, backwards": lambda lib: [
            getattr(author, "profile", None) for author in peers(lib.Author.objects.order_by("pk"))
        ],
        "a column that was deferred": lambda lib: [
            book.pages for book in peers(lib.Book.objects.defer("pages"))
        ],
        "a column that only did not take": lambda lib: [
            book.title for book in peers(lib.Book.objects.only("isbn"))
        ],
        # The row is looked for again, since it may be hidden or gone by now.
        "of one": referring(lambda lib: peers(lib.Book.objects.all()).get(pages=41).publisher),
        "of two steps": requests(
            3,
            lambda lib: [
                loan.book.publisher and loan.book.publisher.name
                for loan in peers(lib.Loan.objects.all())
            ],
        ),
        "two relations": requests(
            3,
            lambda lib: [
                (book.publisher_id, book.publisher, book.sequel)
                for book in peers(lib.Book.objects.all())
            ],
        ),
        "null costs nothing": requests(
            1, lambda lib: peers(lib.Book.objects.filter(publisher=None)).first().publisher
        ),
        "what is there costs nothing": requests(
            1,
            lambda lib: [
                book.publisher for book in peers(lib.Book.objects.select_related("publisher"))
            ],
        ),
    },
    number=2,
)
