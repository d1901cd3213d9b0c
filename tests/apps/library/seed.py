"""The same rows every time."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from .models import (
    Author,
    Authorship,
    Book,
    Category,
    Film,
    Item,
    Loan,
    Profile,
    Publisher,
    Secret,
    Tag,
)

NAMES = ("Ada", "Bela", "Çelik", "Dora", "Émile", "Fay", "Gus", "Hana", "Ivo", "Jo")
GENRES = tuple(Book.Genre.values)
UTC = dt.UTC


def fill(using: str) -> None:
    """Write the rows into the database ``using``."""
    publishers = Publisher.objects.using(using).bulk_create(
        Publisher(
            id=number + 1,
            name=name,
            founded=dt.date(1900 + number * 17, number + 1, 28) if number % 3 else None,
            country=country,
        )
        for number, (name, country) in enumerate(
            [("Aldus", "IT"), ("Blotter", "GB"), ("Caxton", "GB"), ("Dusk", "US"), ("Empty", "FR")]
        )
    )
    authors = Author.objects.using(using).bulk_create(
        Author(
            id=number + 1,
            name=name,
            alias=None if number % 3 == 0 else f"alias {name.lower()}",
            born=dt.date(1950 + number * 3, number % 12 + 1, number % 28 + 1)
            if number % 4
            else None,
            rating=None if number == 7 else number * 1.25,
            active=number % 5 != 0,
            joined=dt.datetime(2020, 1, 31, 23, 30, tzinfo=UTC) + dt.timedelta(days=31 * number),
            mentor_id=number // 2 if number > 1 else None,
        )
        for number, name in enumerate(NAMES)
    )
    Profile.objects.using(using).bulk_create(
        Profile(
            author=author, bio=f"Wrote {author.name}'s life.", website=f"https://x.test/{author.id}"
        )
        for author in authors[:6]
    )
    tags = Tag.objects.using(using).bulk_create(
        Tag(slug=slug, label=slug.title()) for slug in ("classic", "loud", "rare", "new")
    )
    books = []
    for number in range(24):
        books.append(
            Book(
                isbn=f"97800000{number:05d}",
                title=f"{('The', 'A', 'My')[number % 3]} book {number % 20:02d}",
                publisher=publishers[number % 4] if number % 6 else None,
                price=Decimal(number * 350 + 99) / 100,
                pages=40 + number * number,
                published=dt.date(1980 + number, number % 12 + 1, number % 28 + 1)
                if number % 7
                else None,
                added=dt.datetime(2024, number % 12 + 1, 1, number, 59, 30, 123456, tzinfo=UTC),
                reading_time=dt.timedelta(hours=number, microseconds=5) if number % 5 else None,
                genre=GENRES[number % 3],
                meta={
                    "lang": ("en", "fr", "tr")[number % 3],
                    "size": number,
                    "deep": {"a": [1, None]},
                }
                if number % 8
                else {},
                withdrawn=number % 11 == 10,
                shelf_price=Decimal("1.23"),
            )
        )
    Book.objects.using(using).bulk_create(books)
    for number in range(0, 20, 4):
        books[number].sequel = books[number + 1]
    Book.objects.using(using).bulk_update(books, ["sequel"])
    Authorship.objects.using(using).bulk_create(
        Authorship(
            id=number * 2 + place,
            book=book,
            author=authors[(number + place * 3) % 10],
            position=place,
        )
        for number, book in enumerate(books[:20])
        for place in (1, 2)
    )
    between = Book.tags.through
    between.objects.using(using).bulk_create(
        between(id=number * 4 + place + 1, book_id=book.isbn, tag_id=tags[place].slug)
        for number, book in enumerate(books)
        for place in range(4)
        if (number + place) % 3 == 0
    )
    Loan.objects.using(using).bulk_create(
        Loan(
            id=uuid.UUID(int=number + 1),
            book=books[number % 9],
            reader=NAMES[number % 10],
            desk=("east", "west")[number % 2],
            number=number,
            due=dt.datetime(2025, 3, 30, 0, 30, tzinfo=UTC) + dt.timedelta(hours=number * 13),
            returned=dt.datetime(2025, 3, 1, 12, tzinfo=UTC) if number % 3 else None,
            at=dt.time(number % 24, 15) if number % 4 else None,
        )
        for number in range(30)
    )
    Category.objects.using(using).bulk_create(
        Category(id=number + 1, code=code, name=code.title(), parent_id=parent)
        for number, (code, parent) in enumerate(
            [("all", None), ("arts", "all"), ("maths", "all"), ("logic", "maths")]
        )
    )
    Item.objects.using(using).create(id=100, label="globe", acquired=dt.date(2001, 2, 3))
    for number in range(3):
        Film.objects.using(using).create(
            id=number + 1,
            label=f"film {number}",
            acquired=dt.date(2010 + number, 1, 1),
            minutes=90 + number,
            director=NAMES[number],
        )
    Secret.objects.using(using).create(book=books[0], word="plugh")
