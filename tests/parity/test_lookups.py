"""Conditions by lookups of every kind of column."""

from __future__ import annotations

from .cases import reading

test_texts = reading(
    {
        "exact": lambda lib: lib.Book.objects.filter(title="The book 00"),
        "exact, spelled out": lambda lib: lib.Book.objects.filter(title__exact="The book 00"),
        "iexact": lambda lib: lib.Book.objects.filter(title__iexact="tHE BOOK 03"),
        "contains": lambda lib: lib.Book.objects.filter(title__contains="book 1"),
        "icontains": lambda lib: lib.Book.objects.filter(title__icontains="BOOK 1"),
        "startswith": lambda lib: lib.Book.objects.filter(title__startswith="My"),
        "istartswith": lambda lib: lib.Book.objects.filter(title__istartswith="my"),
        "endswith": lambda lib: lib.Book.objects.filter(title__endswith="05"),
        "iendswith": lambda lib: lib.Book.objects.filter(title__iendswith="BOOK 05"),
        "in": lambda lib: lib.Book.objects.filter(title__in=["My book 05", "A book 04", "none"]),
        "in nothing": lambda lib: lib.Book.objects.filter(title__in=[]),
        "range": lambda lib: lib.Book.objects.filter(title__range=("A", "B")),
        "gt": lambda lib: lib.Book.objects.filter(title__gt="My book 10"),
    }
)
