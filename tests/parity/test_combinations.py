"""Querysets put together: ``union`` and its like, and the operators ``&``, ``|`` and ``^``."""

from __future__ import annotations

from django.db.models import Count, F, Value

from .cases import reading, requests, told

test_sets = reading(
    {
        "union": lambda lib: lib.Author.objects.filter(active=True).union(
            lib.Author.objects.filter(active=False)
        ),
        "union that overlaps": lambda lib: lib.Author.objects.filter(active=True).union(
            lib.Author.objects.filter(id__lt=6)
        ),
        "union of all": lambda lib: lib.Author.objects.filter(active=True).union(
            lib.Author.objects.filter(id__lt=6), all=True
        ),
        "union of three": lambda lib: lib.Author.objects.filter(active=True).union(
            lib.Author.objects.filter(id=1), lib.Author.objects.filter(id=2)
        ),
        "union of a union": lambda lib: (
            lib.Author.objects.filter(id=3)
            .union(lib.Author.objects.filter(id=1))
            .union(lib.Author.objects.filter(id=2))
        ),
        "union, ordered": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("-id")
        ),
        "union, ordered by two": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("rating", "-name")
        ),
        "union, sliced": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("name")[2:5]
        ),
        "union, its first": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("-name")
            .first()
        ),
        "union, its last": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("-name")
            .last()
        ),
        "union, one of it": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("name")[3]
        ),
        "union of what has a declared annotation, counted": lambda lib: (
            lib.Publisher.objects.order_by()
            .filter(id__lt=3)
            .union(lib.Publisher.objects.order_by().filter(id=3))
            .count()
        ),
        "union of related rows, is there any": lambda lib: (
            lib.Loan.objects.order_by()
            .select_related("book")
            .filter(desk="east")
            .union(lib.Loan.objects.order_by().select_related("book"))
            .exists()
        ),
        "union, counted": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .count()
        ),
        "union, exists": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .exists()
        ),
        "union of values": lambda lib: (
            lib.Author.objects.order_by().values("name").union(lib.Tag.objects.values("label"))
        ),
        "union of tuples": lambda lib: (
            lib.Publisher.objects.order_by()
            .values_list("pk", "name")
            .union(lib.Author.objects.values_list("pk", "name"))
            .order_by("name", "pk")
        ),
        "union, then values": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .values("name")
        ),
        "union, then a flat list": lambda lib: (
            lib.Author.objects.filter(active=True)
            .union(lib.Author.objects.filter(active=False))
            .order_by("name")
            .values_list("id", flat=True)
        ),
        "union of annotated": lambda lib: (
            lib.Author.objects.filter(id=1)
            .annotate(x=Value(1))
            .union(lib.Author.objects.filter(id=2).annotate(x=Value(2)))
            .order_by("x")
        ),
        "union of slices": lambda lib: lib.Author.objects.order_by("name")[:2].union(
            lib.Author.objects.order_by("-name")[:2]
        ),
        "union with none": lambda lib: lib.Author.objects.filter(id=1).union(
            lib.Author.objects.none()
        ),
        "none with a union": lambda lib: lib.Author.objects.none().union(
            lib.Author.objects.filter(id=1), lib.Author.objects.filter(id=2)
        ),
        "union of nothing but none": requests(
            0, lambda lib: lib.Author.objects.none().union(lib.Author.objects.none())
        ),
        "union with nothing": lambda lib: lib.Author.objects.filter(id=1).union(),
        "intersection": lambda lib: lib.Author.objects.filter(active=True).intersection(
            lib.Author.objects.filter(id__lt=6)
        ),
        "intersection, ordered": lambda lib: (
            lib.Author.objects.filter(active=True)
            .intersection(lib.Author.objects.filter(id__lt=6))
            .order_by("-name")
        ),
        "intersection with none": requests(
            0, lambda lib: lib.Author.objects.all().intersection(lib.Author.objects.none())
        ),
        "intersection of values": lambda lib: lib.Author.objects.values_list("rating").intersection(
            lib.Author.objects.order_by().filter(id__lt=3).values_list("rating")
        ),
        "difference": lambda lib: lib.Author.objects.filter(active=True).difference(
            lib.Author.objects.filter(id__lt=6)
        ),
        "difference of two": lambda lib: lib.Author.objects.difference(
            lib.Author.objects.filter(active=True), lib.Author.objects.filter(active=False)
        ),
        "difference with none": lambda lib: lib.Author.objects.filter(active=True).difference(
            lib.Author.objects.none()
        ),
        "none, differing": requests(
            0, lambda lib: lib.Author.objects.none().difference(lib.Author.objects.all())
        ),
        "difference, counted": lambda lib: lib.Author.objects.difference(
            lib.Author.objects.filter(active=True)
        ).count(),
        "in a union": lambda lib: lib.Author.objects.filter(
            mentor__in=lib.Author.objects.filter(id=1)
            .values("pk")
            .union(lib.Author.objects.filter(id=2).values("pk"))
        ),
        "of other columns": lambda lib: lib.Author.objects.values("id", "name").union(
            lib.Tag.objects.values("label")
        ),
        "get": lambda lib: (
            lib.Author.objects.filter(id=1).union(lib.Author.objects.filter(id=1)).get()
        ),
        **{
            f"{name} after a union": requests(
                0,
                lambda lib, call=call: call(  # type: ignore[misc]
                    lib.Author.objects.filter(id=1).union(lib.Author.objects.filter(id=2))
                ),
            )
            for name, call in {
                "filter": lambda qs: qs.filter(id=1),
                "exclude": lambda qs: qs.exclude(id=1),
                "annotate": lambda qs: qs.annotate(x=Value(1)),
                "alias": lambda qs: qs.alias(x=Value(1)),
                "distinct": lambda qs: qs.distinct(),
                "only": lambda qs: qs.only("name"),
                "defer": lambda qs: qs.defer("name"),
                "select_related": lambda qs: qs.select_related("mentor"),
                "prefetch_related": lambda qs: qs.prefetch_related("books"),
                "dates": lambda qs: qs.dates("born", "year"),
                "get with conditions": lambda qs: qs.get(id=1),
                "in_bulk": lambda qs: qs.in_bulk(["1"]),
                "contains": lambda qs: qs.contains(None),
                "delete": lambda qs: qs.delete(),
                "update": lambda qs: qs.update(id=1),
            }.items()
        },
    }
)

test_operators = reading(
    {
        "and": lambda lib: (
            lib.Book.objects.filter(genre="novel") & lib.Book.objects.filter(pages__lt=300)
        ),
        "or": lambda lib: (
            lib.Book.objects.filter(genre="novel") | lib.Book.objects.filter(pages__lt=50)
        ),
        "xor": lambda lib: (
            lib.Book.objects.filter(genre="novel") ^ lib.Book.objects.filter(pages__lt=300)
        ),
        "or of three": lambda lib: (
            lib.Book.objects.filter(pages=40)
            | lib.Book.objects.filter(pages=41)
            | lib.Book.objects.filter(pages=44)
        ),
        "and or": lambda lib: (
            (lib.Book.objects.filter(genre="novel") | lib.Book.objects.filter(genre="poetry"))
            & lib.Book.objects.filter(pages__lt=100)
        ),
        "or, then filter": lambda lib: (
            lib.Book.objects.filter(genre="novel") | lib.Book.objects.filter(genre="poetry")
        ).filter(pages__lt=100),
        "or, ordered": lambda lib: (
            lib.Book.objects.filter(genre="novel").order_by("-pages")
            | lib.Book.objects.filter(genre="poetry").order_by("price")
        ),
        "or of excluded": lambda lib: (
            lib.Book.objects.exclude(genre="novel") | lib.Book.objects.filter(pages__lt=50)
        ),
        "or beyond relations": lambda lib: (
            lib.Book.objects.filter(publisher__name="Dusk")
            | lib.Book.objects.filter(authors__name="Ada")
        ).distinct(),
        "and beyond many": lambda lib: (
            lib.Book.objects.filter(authors__name="Ada") & lib.Book.objects.filter(tags="loud")
        ),
        "and none": requests(0, lambda lib: lib.Book.objects.all() & lib.Book.objects.none()),
        "none and": requests(0, lambda lib: lib.Book.objects.none() & lib.Book.objects.all()),
        "or none": lambda lib: lib.Book.objects.filter(pages=40) | lib.Book.objects.none(),
        "none or": lambda lib: lib.Book.objects.none() | lib.Book.objects.filter(pages=40),
        "xor none": lambda lib: lib.Book.objects.filter(pages=40) ^ lib.Book.objects.none(),
        "or all": lambda lib: lib.Book.objects.filter(pages=40) | lib.Book.objects.all(),
        "xor all": lambda lib: lib.Book.objects.filter(genre="novel") ^ lib.Book.objects.all(),
        "or of slices": lambda lib: (
            lib.Book.objects.order_by("isbn")[:2] | lib.Book.objects.filter(pages=400)
        ),
        "and of values": lambda lib: (
            lib.Book.objects.values("isbn") & lib.Book.objects.filter(genre="novel").values("isbn")
        ),
        "or of annotated": lambda lib: (
            lib.Book.objects.annotate(x=F("pages") + 1).filter(x=41)
            | lib.Book.objects.annotate(x=F("pages") + 1).filter(x=45)
        ),
        "or of counted": lambda lib: (
            lib.Publisher.objects.annotate(n=Count("books")).filter(n=0)
            | lib.Publisher.objects.annotate(n=Count("books")).filter(n=6)
        ).order_by("pk"),
        "and sliced": requests(0, lambda lib: lib.Book.objects.all()[:2] & lib.Book.objects.all()),
        "and distinct": requests(
            0, lambda lib: lib.Book.objects.distinct() & lib.Book.objects.all()
        ),
        "and of another model": requests(
            0, lambda lib: lib.Book.objects.all() & lib.Author.objects.all()
        ),
        "or of other values": told(
            "TypeError",
            "classes must involve the same values in each case",
            lambda lib: lib.Book.objects.values("isbn") | lib.Book.objects.values("title"),
        ),
        "and of a union": requests(
            0,
            lambda lib: (
                lib.Book.objects.union(lib.Book.objects.filter(pages=1)) & lib.Book.objects.all()
            ),
        ),
        "and of a list": told("TypeError", "", lambda lib: lib.Book.objects.all() & []),
    }
)
