"""A library: models of every variety, for comparing remote querysets with local ones."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


class Publisher(models.Model):
    """The one side of a foreign key; has a natural-looking unique field."""

    name = models.CharField(max_length=100, unique=True)
    founded = models.DateField(null=True, blank=True)
    country = models.CharField(max_length=2, default="GB")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Author(models.Model):
    """Nullable columns, a boolean, a float, an alias of a key to itself."""

    name = models.CharField(max_length=100)
    alias = models.CharField(max_length=50, null=True, blank=True)
    born = models.DateField(null=True, blank=True)
    rating = models.FloatField(null=True, blank=True)
    active = models.BooleanField(default=True)
    joined = models.DateTimeField()
    mentor = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="pupils"
    )

    class Meta:
        get_latest_by = "joined"

    def __str__(self) -> str:
        return self.name

    @property
    def shouted(self) -> str:
        """The name in capitals."""
        return self.name.upper()


class Profile(models.Model):
    """The far side of a one-to-one, with the author's key for its own."""

    author = models.OneToOneField(Author, models.CASCADE, primary_key=True, related_name="profile")
    bio = models.TextField(blank=True)
    website = models.URLField(blank=True)


class Tag(models.Model):
    """A key that is text."""

    slug = models.SlugField(primary_key=True)
    label = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.label


class BookQuerySet(models.QuerySet["Book"]):
    def cheap(self, limit: Decimal = Decimal(20)) -> BookQuerySet:
        """Return the books below a price."""
        return self.filter(price__lt=limit)


class AvailableManager(models.Manager["Book"]):
    def get_queryset(self) -> models.QuerySet[Book]:
        return super().get_queryset().filter(withdrawn=False)


class Book(models.Model):
    """All kinds of columns, and relations of all kinds."""

    class Genre(models.TextChoices):
        NOVEL = "novel", "Novel"
        POETRY = "poetry", "Poetry"
        SCIENCE = "science", "Science"

    isbn = models.CharField(max_length=13, primary_key=True)
    title = models.CharField(max_length=200)
    publisher = models.ForeignKey(
        Publisher, models.PROTECT, null=True, blank=True, related_name="books"
    )
    authors: models.ManyToManyField[Author, Authorship] = models.ManyToManyField(
        Author, through="Authorship", related_name="books"
    )
    tags: models.ManyToManyField[Tag, Any] = models.ManyToManyField(
        Tag, blank=True, related_name="books"
    )
    price = models.DecimalField(max_digits=8, decimal_places=2)
    pages = models.PositiveIntegerField(help_text="Without the cover.")
    published = models.DateField(null=True, blank=True)
    added = models.DateTimeField()
    reading_time = models.DurationField(null=True, blank=True)
    genre = models.CharField(max_length=10, choices=Genre, default=Genre.NOVEL)
    meta = models.JSONField(default=dict, blank=True)
    sequel = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="prequel"
    )
    withdrawn = models.BooleanField(default=False)
    shelf_price = models.DecimalField(
        max_digits=8, decimal_places=2, default=Decimal(0), verbose_name="purchase price"
    )  # never exposed

    objects = BookQuerySet.as_manager()
    available = AvailableManager()

    class Meta:
        ordering = ("title", "isbn")

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if self.pages == 0:
            raise ValidationError({"pages": "A book has pages."})

    def reprice(self, price: Decimal) -> Decimal:
        """Set the price and return the old one."""
        old, self.price = self.price, price
        self.save(update_fields=["price"])
        return old


class Authorship(models.Model):
    """The rows between books and authors."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="authorships")
    author = models.ForeignKey(Author, models.CASCADE, related_name="authorships")
    position = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("book", "author"), name="one_authorship_each"),
        )


class Item(models.Model):
    """A base of multi-table inheritance."""

    label = models.CharField(max_length=50)
    acquired = models.DateField()


class Film(Item):
    """A child: its key is the foreign key to its parent."""

    minutes = models.PositiveIntegerField()
    director = models.CharField(max_length=100, blank=True)


class Loan(models.Model):
    """A key that is a UUID, made here; time of day; two keys that look composite."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    book = models.ForeignKey(Book, models.CASCADE, related_name="loans")
    reader = models.CharField(max_length=50)
    desk = models.CharField(max_length=10)  # with number it names one loan
    number = models.PositiveIntegerField()
    due = models.DateTimeField()
    returned = models.DateTimeField(null=True, blank=True)
    at = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ("desk", "number")
        constraints = (
            models.UniqueConstraint(fields=("desk", "number"), name="one_number_a_desk"),
        )


class Category(models.Model):
    """A tree, and a foreign key to a field that is not the primary key."""

    code = models.CharField(max_length=10, unique=True)
    name = models.CharField(max_length=50)
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, to_field="code", related_name="children"
    )


class Secret(models.Model):
    """Never exposed; a relation to it must not be crossed."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="secrets")
    word = models.CharField(max_length=50)
