"""What the library exposes: everything but ``shelf_price`` and ``Secret``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Count

from chunnel import ModelRPC, expose, register

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
    Tag,
)

TEXT = (
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "in",
    "isnull",
    "gt",
    "gte",
    "lt",
    "lte",
    "range",
)
NUMBER = ("exact", "in", "isnull", "gt", "gte", "lt", "lte", "range")
DAY = (*NUMBER, "year", "month", "day", "year__gt", "year__gte", "year__lt", "week_day", "quarter")
MOMENT = (*DAY, "date", "date__gt", "date__gte", "hour", "minute", "second", "time", "time__gte")
KEY = ("exact", "in", "isnull")


@register(Publisher)
class PublisherRPC(ModelRPC):
    fields = ("id", "name", "founded", "country", "books", "size", "__str__")
    filter_fields = {  # noqa: RUF012
        "id": NUMBER,
        "name": (*TEXT, "regex", "iregex"),
        "founded": DAY,
        "country": TEXT,
        "books": KEY,
        "books__title": TEXT,
        "books__price": NUMBER,
        "books__authors__name": TEXT,
    }
    ordering_fields = ("id", "name", "founded", "country")
    annotations = {"size": Count("books")}  # noqa: RUF012
    writable_fields = ("name", "founded", "country")
    can_create = True
    can_delete = True


@register(Author)
class AuthorRPC(ModelRPC):
    fields = (
        "id",
        "name",
        "alias",
        "born",
        "rating",
        "active",
        "joined",
        "mentor",
        "pupils",
        "profile",
        "books",
        "authorships",
        "shouted",
        "__str__",
    )
    filter_fields = {  # noqa: RUF012
        "id": NUMBER,
        "name": TEXT,
        "alias": TEXT,
        "born": DAY,
        "rating": NUMBER,
        "active": KEY,
        "joined": MOMENT,
        "mentor": KEY,
        "mentor__name": TEXT,
        "profile": KEY,
        "profile__bio": TEXT,
        "books": KEY,
        "books__title": TEXT,
        "books__publisher__name": TEXT,
        "pupils": KEY,
    }
    ordering_fields = ("id", "name", "alias", "born", "rating", "joined", "mentor__name")
    writable_fields = ("name", "alias", "born", "rating", "active", "joined", "mentor")
    can_create = True
    can_delete = True


@register(Profile)
class ProfileRPC(ModelRPC):
    fields = ("author", "bio", "website")
    filter_fields = {"author": KEY, "author__name": TEXT, "bio": TEXT}  # noqa: RUF012
    ordering_fields = ("author", "bio")
    writable_fields = ("author", "bio", "website")
    can_create = True
    can_delete = True


@register(Tag)
class TagRPC(ModelRPC):
    fields = ("slug", "label", "books", "__str__")
    filter_fields = {"slug": TEXT, "label": TEXT, "books": KEY}  # noqa: RUF012
    ordering_fields = ("slug", "label")
    writable_fields = ("slug", "label")
    can_create = True
    can_delete = True


@register(Book)
class BookRPC(ModelRPC):
    fields = (
        "isbn",
        "title",
        "publisher",
        "authors",
        "authorships",
        "tags",
        "loans",
        "price",
        "pages",
        "published",
        "added",
        "reading_time",
        "genre",
        "meta",
        "sequel",
        "prequel",
        "withdrawn",
        "__str__",
    )
    filter_fields = {  # noqa: RUF012
        "isbn": TEXT,
        "title": TEXT,
        "publisher": KEY,
        "publisher__name": TEXT,
        "publisher__country": TEXT,
        "authors": KEY,
        "authors__name": TEXT,
        "tags": KEY,
        "tags__label": TEXT,
        "loans": KEY,
        "loans__returned": (*KEY, "gt"),
        "price": NUMBER,
        "pages": NUMBER,
        "published": DAY,
        "added": MOMENT,
        "reading_time": NUMBER,
        "genre": TEXT,
        "meta": ("exact", "contains", "has_key", "lang", "lang__startswith", "size__gt", "isnull"),
        "sequel": KEY,
        "sequel__title": TEXT,
        "prequel": KEY,
        "withdrawn": KEY,
    }
    ordering_fields = (
        "isbn",
        "title",
        "price",
        "pages",
        "published",
        "added",
        "reading_time",
        "genre",
        "publisher",
        "publisher__name",
    )
    writable_fields = (
        "isbn",
        "title",
        "publisher",
        "tags",
        "price",
        "pages",
        "published",
        "added",
        "reading_time",
        "genre",
        "meta",
        "sequel",
        "withdrawn",
    )
    can_create = True
    can_delete = True
    methods = {"reprice": {"atomic": True}}  # noqa: RUF012
    manager_methods = {"cheap": {"effect": "read"}}  # noqa: RUF012


@register(Authorship)
class AuthorshipRPC(ModelRPC):
    fields = ("id", "book", "author", "position")
    filter_fields = {"book": KEY, "author": KEY, "position": NUMBER}  # noqa: RUF012
    ordering_fields = ("id", "position")
    writable_fields = ("book", "author", "position")
    can_create = True
    can_delete = True


@register(Item)
class ItemRPC(ModelRPC):
    fields = ("id", "label", "acquired", "film")
    filter_fields = {"id": NUMBER, "label": TEXT, "acquired": DAY}  # noqa: RUF012
    ordering_fields = ("id", "label", "acquired")


@register(Film)
class FilmRPC(ModelRPC):
    fields = ("id", "label", "acquired", "minutes", "director")
    filter_fields = {  # noqa: RUF012
        "id": NUMBER,
        "label": TEXT,
        "acquired": DAY,
        "minutes": NUMBER,
        "director": TEXT,
    }
    ordering_fields = ("id", "label", "minutes", "director")
    writable_fields = ("label", "acquired", "minutes", "director")
    can_create = True
    can_delete = True


@register(Loan)
class LoanRPC(ModelRPC):
    fields = ("id", "book", "reader", "desk", "number", "due", "returned", "at")
    filter_fields = {  # noqa: RUF012
        "id": KEY,
        "book": KEY,
        "book__title": TEXT,
        "reader": TEXT,
        "desk": TEXT,
        "number": NUMBER,
        "due": MOMENT,
        "returned": MOMENT,
        "at": (*NUMBER, "hour"),
    }
    ordering_fields = ("desk", "number", "due", "returned", "reader", "at")
    writable_fields = ("book", "reader", "desk", "number", "due", "returned", "at")
    can_create = True
    can_delete = True


@register(Category)
class CategoryRPC(ModelRPC):
    fields = ("id", "code", "name", "parent", "children")
    filter_fields = {"code": TEXT, "name": TEXT, "parent": KEY, "parent__name": TEXT}  # noqa: RUF012
    ordering_fields = ("id", "code", "name")
    writable_fields = ("code", "name", "parent")
    can_create = True
    can_delete = True


@expose(effect="read")
def cheap_books(limit: Decimal = Decimal(20)) -> Any:
    """Return the books below a price, as a queryset."""
    return Book.objects.filter(price__lt=limit)


@expose(effect="read")
def titles(books: Any) -> list[str]:
    """Return the titles of books that are given as instances or as a queryset."""
    return [book.title for book in books]
