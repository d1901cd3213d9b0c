"""Rows beyond relations: fetched along, asked for through managers, and those of children."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db.models import Count, F, Prefetch

from .cases import reading, referring, requests, told

test_select_related = reading(
    {
        "one": lambda lib: [
            (book.isbn, book.publisher, book.publisher_id)
            for book in lib.Book.objects.select_related("publisher")
        ],
        "two": lambda lib: [
            (book.publisher, book.sequel)
            for book in lib.Book.objects.select_related("publisher", "sequel")
        ],
        "two steps": lambda lib: [
            (loan.book, loan.book.publisher)
            for loan in lib.Loan.objects.select_related("book__publisher")
        ],
        "chained": lambda lib: [
            (book.publisher, book.sequel)
            for book in lib.Book.objects.select_related("publisher").select_related("sequel")
        ],
        "to itself": lambda lib: [
            (author.name, author.mentor and author.mentor.name)
            for author in lib.Author.objects.select_related("mentor").order_by("pk")
        ],
        "twice to itself": lambda lib: [
            author.mentor and author.mentor.mentor
            for author in lib.Author.objects.select_related("mentor__mentor").order_by("pk")
        ],
        "one-to-one": lambda lib: [
            profile.author
            for profile in lib.Profile.objects.select_related("author").order_by("author")
        ],
        "one-to-one, backwards": lambda lib: [
            getattr(author, "profile", None)
            for author in lib.Author.objects.select_related("profile").order_by("pk")
        ],
        "one-to-one, backwards, missing": lambda lib: (
            lib.Author.objects.select_related("profile").get(pk=9).profile
        ),
        "backwards to itself": lambda lib: [
            getattr(book, "prequel", None) for book in lib.Book.objects.select_related("prequel")
        ],
        "to a field": lambda lib: [
            (each.parent, each.parent_id)
            for each in lib.Category.objects.select_related("parent").order_by("id")
        ],
        "null": lambda lib: (
            lib.Book.objects.select_related("publisher").get(isbn="9780000000000").publisher
        ),
        "get": lambda lib: (
            lib.Book.objects.select_related("publisher").get(isbn="9780000000001").publisher
        ),
        "first": lambda lib: lib.Loan.objects.select_related("book").first().book,
        "sliced": lambda lib: [loan.book for loan in lib.Loan.objects.select_related("book")[3:6]],
        "filtered": lambda lib: [
            book.publisher
            for book in lib.Book.objects.select_related("publisher").filter(publisher__name="Dusk")
        ],
        "with an annotation": lambda lib: [
            (book.publisher, book.n)
            for book in lib.Book.objects.select_related("publisher")
            .annotate(n=Count("tags"))
            .order_by("isbn")
        ],
        "taken back": told(
            "FieldNotFetched",
            "select_related",
            lambda lib: [
                book.publisher
                for book in lib.Book.objects.select_related("publisher").select_related(None)
            ],
            requests=1,
        ),
        "not asked for": told(
            "FieldNotFetched",
            "'publisher'.*select_related",
            lambda lib: lib.Book.objects.get(isbn="9780000000001").publisher,
            requests=1,
        ),
        "all": told(
            "NotSupportedError",
            "takes the names of relations",
            lambda lib: lib.Book.objects.select_related(),
        ),
        "no relation": told(
            "QueryRefused",
            "select_related cannot follow 'title'; legal are: prequel, publisher, sequel",
            lambda lib: lib.Book.objects.select_related("title"),
        ),
        "to many": told(
            "QueryRefused",
            "select_related cannot follow 'tags'",
            lambda lib: lib.Book.objects.select_related("tags"),
        ),
        "the same row once": lambda lib: (
            len({id(book.publisher) for book in lib.Book.objects.select_related("publisher")}) > 1
        ),
    }
)

test_prefetch = reading(
    {
        "many-to-many": lambda lib: [
            sorted(tag.slug for tag in book.tags.all())
            for book in lib.Book.objects.prefetch_related("tags")
        ],
        "through a model": lambda lib: [
            sorted(author.name for author in book.authors.all())
            for book in lib.Book.objects.prefetch_related("authors")
        ],
        "the rows between": lambda lib: [
            list(book.authorships.all())
            for book in lib.Book.objects.prefetch_related("authorships")
        ],
        "backwards": lambda lib: [
            list(publisher.books.all())
            for publisher in lib.Publisher.objects.prefetch_related("books")
        ],
        "many-to-many, backwards": lambda lib: [
            list(tag.books.all())
            for tag in lib.Tag.objects.order_by("pk").prefetch_related("books")
        ],
        "to itself": lambda lib: [
            sorted(each.name for each in author.pupils.all())
            for author in lib.Author.objects.order_by("pk").prefetch_related("pupils")
        ],
        "to a field": lambda lib: [
            sorted(each.code for each in category.children.all())
            for category in lib.Category.objects.order_by("id").prefetch_related("children")
        ],
        "forward": lambda lib: [
            book.publisher for book in lib.Book.objects.prefetch_related("publisher")
        ],
        "one-to-one, backwards": lambda lib: [
            getattr(author, "profile", None)
            for author in lib.Author.objects.order_by("pk").prefetch_related("profile")
        ],
        "two": lambda lib: [
            (len(book.tags.all()), len(book.loans.all()))
            for book in lib.Book.objects.prefetch_related("tags", "loans")
        ],
        "two steps": lambda lib: [
            [sorted(tag.slug for tag in book.tags.all()) for book in publisher.books.all()]
            for publisher in lib.Publisher.objects.prefetch_related("books__tags")
        ],
        "forward and on": lambda lib: [
            book.publisher and len(book.publisher.books.all())
            for book in lib.Book.objects.prefetch_related("publisher__books")
        ],
        "after select_related": lambda lib: [
            book.publisher and len(book.publisher.books.all())
            for book in lib.Book.objects.select_related("publisher").prefetch_related(
                "publisher__books"
            )
        ],
        "a queryset": lambda lib: [
            list(publisher.books.all())
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.filter(genre="novel").order_by("-pages"))
            )
        ],
        "to an attribute": lambda lib: lib.Publisher.objects.prefetch_related(
            Prefetch("books", lib.Book.objects.filter(genre="novel"), to_attr="novels")
        ),
        "to two attributes": lambda lib: lib.Publisher.objects.prefetch_related(
            Prefetch("books", lib.Book.objects.filter(genre="novel"), to_attr="novels"),
            Prefetch("books", lib.Book.objects.filter(genre="poetry"), to_attr="poems"),
        ),
        "beyond an attribute": lambda lib: [
            [sorted(tag.slug for tag in book.tags.all()) for book in publisher.novels]
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.filter(genre="novel"), to_attr="novels"),
                "novels__tags",
            )
        ],
        "a queryset with select_related": lambda lib: [
            [loan.book.title for loan in book.loans.all()]
            for book in lib.Book.objects.prefetch_related(
                Prefetch("loans", lib.Loan.objects.select_related("book"))
            )
        ],
        "a queryset that prefetches": lambda lib: [
            [len(book.tags.all()) for book in publisher.books.all()]
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.prefetch_related("tags"))
            )
        ],
        "a queryset with an annotation": lambda lib: [
            [book.n for book in publisher.books.all()]
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.annotate(n=Count("tags")).order_by("isbn"))
            )
        ],
        "a sliced queryset": lambda lib: [
            list(publisher.books.all())
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.order_by("isbn")[:2])
            )
        ],
        "taken back": told(
            "AssertionError",
            "",
            lambda lib: _asks(
                lib.Book.objects.prefetch_related("tags").prefetch_related(None).first()
            ),
            requests=2,
        ),
        "first": lambda lib: [
            tag.slug for tag in lib.Book.objects.prefetch_related("tags").first().tags.all()
        ],
        "get": lambda lib: sorted(
            tag.slug for tag in lib.Book.objects.prefetch_related("tags").get(pages=49).tags.all()
        ),
        "of nothing": lambda lib: list(
            lib.Book.objects.filter(genre="opera").prefetch_related("tags")
        ),
        "count and truth of what was prefetched": lambda lib: [
            (book.tags.count(), book.tags.exists(), bool(book.tags.all()), len(book.tags.all()))
            for book in lib.Book.objects.prefetch_related("tags")
        ],
        "filtered anew": requests(
            2,
            lambda lib: list(
                lib.Book.objects.prefetch_related("tags").get(pages=49).tags.filter(slug="new")
            ),
        ),
        "a queryset of values": requests(
            0, lambda lib: Prefetch("books", lib.Book.objects.values("isbn"))
        ),
        "no relation": told(
            "QueryRefused",
            "prefetch_related cannot follow 'colour'; legal are: ",
            lambda lib: lib.Book.objects.prefetch_related("colour"),
        ),
        "a secret": told(
            "QueryRefused",
            "prefetch_related cannot follow 'secrets'",
            lambda lib: lib.Book.objects.prefetch_related("secrets"),
        ),
    }
)


def _asks(book: object) -> None:
    list(book.tags.all())  # type: ignore[attr-defined]
    raise AssertionError


def _refined(refine: Callable[[Any], Any], path: str = "books") -> Callable[[Any], Any]:
    """Return a body that refines what a Prefetch with a queryset brought."""

    def body(lib: Any) -> Any:
        books = lib.Book.objects.filter(pages__gt=100).order_by("-pages")
        books = books.annotate(n=Count("authors"))
        owners = lib.Author if path == "books" else lib.Publisher
        [owner] = owners.objects.filter(pk=2).prefetch_related(Prefetch("books", books))
        return refine(owner.books)

    return body


test_refining_what_was_prefetched = reading(
    {
        f"{name}, {of}": _refined(refine, path)
        for of, path in {"one": "books", "of one": "publisher"}.items()
        for name, refine in {
            "filter": lambda books: books.filter(genre="novel"),
            "filter on the relation": lambda books: books.filter(authors__name__gt="B"),
            "exclude": lambda books: books.exclude(genre="novel"),
            "order": lambda books: books.order_by("isbn"),
            "reversed": lambda books: books.all().reverse(),
            "sliced after": lambda books: books.filter(price__gt=0)[:1],
            "counted": lambda books: books.filter(price__gt=0).count(),
            "first": lambda books: books.filter(price__gt=0).first(),
            "aggregate": lambda books: books.aggregate(n=Count("pk")),
            "values": lambda books: books.values("isbn", "n"),
            "annotated": lambda books: books.annotate(m=F("n") + 1),
        }.items()
    },
    number=2,
)

test_prefetched_to_an_attribute_leads_back = reading(
    {
        "many": lambda lib: [
            (book.isbn, book.publisher.name, book.publisher is publisher)
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.filter(pages__gt=100), to_attr="some")
            )
            for book in publisher.some
        ],
        "many, without a queryset": lambda lib: [
            (book.isbn, book.publisher is publisher)
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", to_attr="some")
            )
            for book in publisher.some
        ],
        "deeper": lambda lib: [
            (loan.desk, loan.number, loan.book is book, loan.book.publisher is publisher)
            for publisher in lib.Publisher.objects.prefetch_related(
                Prefetch("books", lib.Book.objects.all(), to_attr="some"),
                Prefetch("some__loans", lib.Loan.objects.all(), to_attr="lent"),
            )
            for book in publisher.some
            for loan in book.lent
        ],
        "to itself": lambda lib: [
            (category.code, child.parent is category)
            for category in lib.Category.objects.order_by("pk").prefetch_related(
                Prefetch("children", lib.Category.objects.order_by("pk"), to_attr="below")
            )
            for child in category.below
        ],
        "one-to-one": lambda lib: [
            getattr(profile.writer, "profile", None) is profile
            for profile in lib.Profile.objects.order_by("pk").prefetch_related(
                Prefetch("author", lib.Author.objects.all(), to_attr="writer")
            )
        ],
        "one-to-one, backwards": lambda lib: [
            getattr(author, "about", None) and author.about.author is author
            for author in lib.Author.objects.order_by("pk").prefetch_related(
                Prefetch("profile", lib.Profile.objects.all(), to_attr="about")
            )
        ],
        "a row by another way": lambda lib: [
            (book.isbn, book.publisher.name)
            for author in lib.Author.objects.order_by("pk").prefetch_related(
                Prefetch("books", lib.Book.objects.select_related("publisher"), to_attr="some")
            )
            for book in author.some
        ],
    },
)

test_further_prefetched = reading(
    {
        "deeper": lambda lib: [
            book.tags.filter(slug__gt="d").order_by("pk")
            for publisher in lib.Publisher.objects.filter(pk=2).prefetch_related(
                Prefetch("books", lib.Book.objects.order_by("isbn")),
                Prefetch("books__tags", lib.Tag.objects.exclude(slug="rare")),
            )
            for book in publisher.books.all()[:1]
        ],
        "within": lambda lib: [
            book.tags.filter(slug__gt="d").order_by("pk")
            for publisher in lib.Publisher.objects.filter(pk=2).prefetch_related(
                Prefetch(
                    "books",
                    lib.Book.objects.order_by("isbn").prefetch_related(
                        Prefetch("tags", lib.Tag.objects.exclude(slug="rare"))
                    ),
                    to_attr="some",
                )
            )
            for book in publisher.some[:1]
        ],
        "beyond a foreign key": lambda lib: (
            lib.Book.objects.select_related("publisher")
            .prefetch_related(Prefetch("publisher__books", lib.Book.objects.filter(pages__gt=100)))
            .get(isbn="9780000000001")
            .publisher.books.order_by("-isbn")
        ),
        "without a queryset": lambda lib: (
            lib.Publisher.objects.prefetch_related("books").get(pk=2).books.order_by("-isbn")
        ),
        "of another's relation": requests(
            3,
            lambda lib: (
                lib.Publisher.objects.prefetch_related(
                    Prefetch("books", lib.Author.objects.get(pk=2).books.filter(pages__gt=0))
                )
                .get(pk=2)
                .books.order_by("-isbn")
            ),
        ),
    },
    number=2,
)

test_managers = reading(
    {
        "all": lambda lib: lib.Publisher.objects.get(name="Dusk").books.all(),
        "filter": lambda lib: lib.Publisher.objects.get(name="Dusk").books.filter(genre="novel"),
        "exclude": lambda lib: lib.Publisher.objects.get(name="Dusk").books.exclude(genre="novel"),
        "order": lambda lib: lib.Publisher.objects.get(name="Dusk").books.order_by("-pages"),
        "count": lambda lib: lib.Publisher.objects.get(name="Dusk").books.count(),
        "exists": lambda lib: lib.Publisher.objects.get(name="Empty").books.exists(),
        "get": lambda lib: lib.Publisher.objects.get(name="Dusk").books.get(isbn="9780000000003"),
        "get of another": lambda lib: lib.Publisher.objects.get(name="Dusk").books.get(
            isbn="9780000000001"
        ),
        "first": lambda lib: lib.Publisher.objects.get(name="Dusk").books.first(),
        "values": lambda lib: lib.Publisher.objects.get(name="Dusk").books.values("isbn"),
        "aggregate": lambda lib: lib.Publisher.objects.get(name="Dusk").books.aggregate(
            n=Count("pk")
        ),
        "sliced": lambda lib: lib.Publisher.objects.get(name="Dusk").books.all()[1:3],
        "in_bulk": lambda lib: lib.Publisher.objects.get(name="Dusk").books.in_bulk(
            ["9780000000003", "9780000000001"]
        ),
        "many-to-many": lambda lib: lib.Book.objects.get(pages=49).tags.order_by("slug"),
        "many-to-many, filtered": lambda lib: lib.Book.objects.get(pages=49).tags.filter(
            label__contains="a"
        ),
        "many-to-many, backwards": lambda lib: lib.Tag.objects.get(pk="rare").books.all(),
        "through": lambda lib: lib.Author.objects.get(pk=2).books.all(),
        "through, filtered": lambda lib: lib.Author.objects.get(pk=2).books.filter(genre="novel"),
        "the rows between": lambda lib: lib.Author.objects.get(pk=2).authorships.order_by("id"),
        "to itself": lambda lib: lib.Author.objects.get(pk=1).pupils.order_by("pk"),
        "to a field": lambda lib: lib.Category.objects.get(code="all").children.order_by("id"),
        "contains": lambda lib: (
            publisher := lib.Publisher.objects.get(name="Dusk"),
            publisher.books.filter(pk="9780000000003").exists(),
        ),
        "annotated": lambda lib: lib.Publisher.objects.get(name="Dusk").books.annotate(
            n=F("pages") + 1
        ),
        "loans of a book": lambda lib: lib.Book.objects.get(isbn="9780000000001").loans.all(),
    },
    number=2,
)

test_instances = reading(
    {
        "in a filter, as the object of a relation": referring(
            lambda lib: lib.Loan.objects.filter(book=lib.Book.objects.get(isbn="9780000000001"))
        ),
        "in a filter, many": referring(
            lambda lib: lib.Book.objects.filter(authors=lib.Author.objects.get(pk=2))
        ),
        # Django would compare the key with the text of the instance.
        "in a filter, pk": told(
            "QueryRefused",
            "an instance of 'library.Book' cannot stand for 'pk'",
            lambda lib: lib.Book.objects.filter(pk=lib.Book.objects.get(isbn="9780000000001")),
            requests=1,
        ),
        "in Q": referring(
            lambda lib: lib.Book.objects.exclude(publisher=lib.Publisher.objects.get(name="Dusk"))
        ),
        "a child's parent's rows": lambda lib: lib.Item.objects.order_by("id"),
        "a child": lambda lib: lib.Film.objects.order_by("id"),
        "a child by its parent's column": lambda lib: lib.Film.objects.filter(label="film 1"),
        "a child's columns": lambda lib: lib.Film.objects.order_by("id").values_list(
            "label", "acquired", "minutes"
        ),
        "children of a parent": lambda lib: [
            getattr(item, "film", None)
            for item in lib.Item.objects.select_related("film").order_by("id")
        ],
        "a child counted": lambda lib: lib.Film.objects.filter(acquired__year=2011).count(),
        "a child by a date": lambda lib: lib.Film.objects.filter(acquired__gt=dt.date(2011, 1, 1)),
        "the latest child": lambda lib: lib.Film.objects.latest("minutes"),
    }
)
